//! Which key seals now, which keys open.

use crate::keys::dated::{DatedKey, check_dates};
use crate::keys::error::KeyError;
use crate::keys::id::KeyId;
use crate::keys::key::Key;
use crate::timestamp::Timestamp;
use crate::wire::cipher::Cipher;
use std::cmp::Reverse;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// The keys of an application, shared by all its servers: one seals, many open.
///
/// A cookie says by its key id which key opens it, so nothing is tried in turn, and a ring of a
/// thousand keys opens as fast as a ring of one.
///
/// # Rotation
///
/// With `SESSION_KEYS=A` on every server, and `B` the new key:
///
/// 1. `SESSION_KEYS=A,B` everywhere: `B` is published, and opens.
/// 2. When every server has it, `SESSION_KEYS=B,A`: `B` seals, `A` opens. Sessions that are
///    written or renewed are sealed under `B` from now on.
/// 3. When the longest idle timeout, a minute, and what the servers' clocks may be apart have passed
///    since then, `SESSION_KEYS=B`.
///
/// Nobody is signed out. Without the first step, servers still at `A` would meet cookies of `B`:
/// they leave such cookies alone, but the visitor is new to them meanwhile.
///
/// ```
/// use sealed_session::{Key, KeyRing};
///
/// let (a, b) = (Key::generate(), Key::generate());
/// let ring = KeyRing::new(b.clone()).with_retired(a.clone())?;
/// let same: KeyRing = format!("{},{}", *b.to_text(), *a.to_text()).parse()?;
/// # Ok::<(), sealed_session::KeyError>(())
/// ```
///
/// With dates instead ([`KeyRing::schedule`]), nothing has to be coordinated at the moment of
/// change.
#[derive(Clone)]
pub struct KeyRing {
    /// Sorted by id.
    keys: Vec<RingKey>,
    /// Places in `keys`, the newest `seal_from` first.
    newest_first: Vec<usize>,
    /// What a key file says beside its keys: older sessions are refused.
    reject_created_before: Option<Timestamp>,
}

/// A key of a ring, ready for use. The secret that it came from is gone.
#[derive(Clone)]
struct RingKey {
    id: KeyId,
    /// Behind a pointer, so that it stays where it is: a vector that grows, or is sorted, would leave
    /// copies that nobody wipes.
    cipher: Arc<Cipher>,
    csrf_key: Box<Zeroizing<[u8; 32]>>,
    seals: Seals,
    /// `None`: for ever.
    open_until: Option<Timestamp>,
    revoked: bool,
}

/// From when a key may seal, in the order of who goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Seals {
    Never,
    Always,
    From(Timestamp),
}

impl RingKey {
    fn new(key: &Key, seals: Seals) -> RingKey {
        let cipher = Arc::new(Cipher::new(&key.encryption_key()));
        let csrf_key = key.csrf_key();
        RingKey { id: key.id(), cipher, csrf_key, seals, open_until: None, revoked: false }
    }

    /// The state of a key that neither seals nor opens.
    fn ended(&self, now: Timestamp) -> Option<KeyState> {
        if self.revoked {
            Some(KeyState::Revoked)
        } else if self.open_until.is_some_and(|until| until <= now) {
            Some(KeyState::Retired)
        } else {
            None
        }
    }

    fn may_seal(&self, now: Timestamp) -> bool {
        let begun = match self.seals {
            Seals::Never => false,
            Seals::Always => true,
            Seals::From(time) => time <= now,
        };
        begun && self.ended(now).is_none()
    }
}

/// What a key of a ring does at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyState {
    /// Known everywhere before it is needed: opens, and seals from its `seal_from`.
    Published,
    /// Seals and opens.
    Active,
    /// Opens; what it sealed is resealed under the active key when next written or renewed.
    Draining,
    /// Past its `open_until`: neither seals nor opens.
    Retired,
    /// Leaked: neither seals nor opens.
    Revoked,
}

impl KeyState {
    /// Returns the state's name in lower case, for logs, labels of metrics and people.
    ///
    /// ```
    /// assert_eq!(sealed_session::KeyState::Draining.as_str(), "draining");
    /// ```
    pub fn as_str(self) -> &'static str {
        match self {
            KeyState::Published => "published",
            KeyState::Active => "active",
            KeyState::Draining => "draining",
            KeyState::Retired => "retired",
            KeyState::Revoked => "revoked",
        }
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a ring says of a key id.
pub(crate) enum Opening<'r> {
    With(&'r Cipher),
    Retired,
    Unknown,
}

impl KeyRing {
    /// Makes a ring with one key, which seals and opens.
    pub fn new(key: Key) -> KeyRing {
        KeyRing {
            keys: vec![RingKey::new(&key, Seals::Always)],
            newest_first: vec![0],
            reject_created_before: None,
        }
    }

    /// Adds a key that opens and never seals: the one before this, or the one to come.
    ///
    /// # Errors
    ///
    /// [`KeyError::DuplicateId`] if the ring has a key of this id. (Two different keys share an id
    /// with a chance of 2^-32.)
    pub fn with_retired(mut self, key: Key) -> Result<KeyRing, KeyError> {
        self.keys.push(RingKey::new(&key, Seals::Never));
        let ring = KeyRing::from_keys(self.keys)?;
        Ok(KeyRing { reject_created_before: self.reject_created_before, ..ring })
    }

    /// Makes a ring whose keys change their state with time, see [`KeyState`]: of those whose
    /// `seal_from` has passed, the newest seals.
    ///
    /// ```
    /// use sealed_session::{DatedKey, Key, KeyRing, KeyState};
    /// use time::macros::datetime;
    ///
    /// let (old, new) = (Key::generate(), Key::generate());
    /// let ring = KeyRing::schedule([
    ///     DatedKey::new(old.clone(), datetime!(2026-10-21 00:00 UTC))
    ///         .with_open_until(datetime!(2026-11-21 09:00 UTC)),
    ///     DatedKey::new(new.clone(), datetime!(2026-11-21 00:00 UTC)),
    /// ])?;
    /// assert_eq!(
    ///     ring.states_at(datetime!(2026-11-21 08:00 UTC)),
    ///     [(new.id(), KeyState::Active), (old.id(), KeyState::Draining)],
    /// );
    /// # Ok::<(), sealed_session::KeyError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`KeyError::Schedule`] if there is no key, two keys have one `seal_from`, a key other than
    /// the newest has no `open_until` or one before its successor's `seal_from` (nothing would seal
    /// in between), or the newest has one (nothing would seal after). Revoked keys are left out of
    /// this, and must not be all there is. [`KeyError::DuplicateId`] if two keys share an id.
    pub fn schedule(keys: impl IntoIterator<Item = DatedKey>) -> Result<KeyRing, KeyError> {
        let mut keys: Vec<DatedKey> = keys.into_iter().collect();
        keys.sort_by_key(DatedKey::seal_from);
        check_dates(&keys).map_err(|fault| KeyError::Schedule(fault.problem))?;
        let ring_key = |dated: &DatedKey| RingKey {
            open_until: dated.open_until().map(Timestamp::from_time),
            revoked: dated.is_revoked(),
            ..RingKey::new(dated.key(), Seals::From(Timestamp::from_time(dated.seal_from())))
        };
        KeyRing::from_keys(keys.iter().map(ring_key).collect())
    }

    fn from_keys(mut keys: Vec<RingKey>) -> Result<KeyRing, KeyError> {
        keys.sort_by_key(|key| key.id);
        if let Some(pair) = keys.windows(2).find(|pair| pair[0].id == pair[1].id) {
            return Err(KeyError::DuplicateId(pair[0].id));
        }
        let mut newest_first: Vec<usize> = (0..keys.len()).collect();
        newest_first.sort_by_key(|place| Reverse(keys[*place].seals));
        Ok(KeyRing { keys, newest_first, reject_created_before: None })
    }

    /// The ring with a time before which no session may have been created. Anyone who gets the ring
    /// gets the time with it, so that nobody can use a key file and forget what it ended.
    #[cfg(feature = "key-file")]
    pub(crate) fn rejecting_before(self, time: Option<OffsetDateTime>) -> KeyRing {
        KeyRing { reject_created_before: time.map(Timestamp::from_time), ..self }
    }

    /// In milliseconds since the Unix epoch; 0 where nothing is refused.
    pub(crate) fn reject_created_before_millis(&self) -> u64 {
        self.reject_created_before.map_or(0, Timestamp::millis)
    }

    /// Reads the ring in an environment variable: keys in text form, separated by commas. The first
    /// seals, all open.
    ///
    /// # Errors
    ///
    /// [`KeyError::Variable`] if the variable is not set or not Unicode, and
    /// [`KeyError::InVariable`] with an error of the parser if it is.
    pub fn from_env(variable: &str) -> Result<KeyRing, KeyError> {
        let text = std::env::var(variable).map_err(|_| KeyError::Variable(variable.to_owned()))?;
        let in_variable =
            |error| KeyError::InVariable { variable: variable.to_owned(), error: Box::new(error) };
        Zeroizing::new(text).parse().map_err(in_variable)
    }

    /// Returns the state of every key at `now`, the newest `seal_from` first.
    pub fn states_at(&self, now: OffsetDateTime) -> Vec<(KeyId, KeyState)> {
        let now = Timestamp::from_time(now);
        let active = self.active(now).map(|key| key.id);
        let state = |key: &RingKey| match (key.ended(now), key.seals) {
            (Some(ended), _) => ended,
            (None, Seals::From(time)) if now < time => KeyState::Published,
            _ if active == Some(key.id) => KeyState::Active,
            _ => KeyState::Draining,
        };
        self.in_order().map(|key| (key.id, state(key))).collect()
    }

    fn in_order(&self) -> impl Iterator<Item = &RingKey> {
        self.newest_first.iter().map(|place| &self.keys[*place])
    }

    fn active(&self, now: Timestamp) -> Option<&RingKey> {
        self.in_order().find(|key| key.may_seal(now))
    }

    /// What opens a cookie that names this key.
    pub(crate) fn opening(&self, id: KeyId, now: Timestamp) -> Opening<'_> {
        match self.keys.binary_search_by_key(&id, |key| key.id) {
            Ok(place) if self.keys[place].ended(now).is_none() => {
                Opening::With(&self.keys[place].cipher)
            }
            Ok(_) => Opening::Retired,
            Err(_) => Opening::Unknown,
        }
    }

    /// Returns the key that seals at `now`.
    pub(crate) fn sealing(&self, now: Timestamp) -> Option<(KeyId, &Cipher)> {
        self.active(now).map(|key| (key.id, &*key.cipher))
    }

    /// What form tokens that name this key are checked with, if it opens at `now`.
    pub(crate) fn csrf_opening(&self, id: KeyId, now: Timestamp) -> Option<&[u8; 32]> {
        let place = self.keys.binary_search_by_key(&id, |key| key.id).ok()?;
        let key = &self.keys[place];
        key.ended(now).is_none().then_some(&*key.csrf_key)
    }

    /// What form tokens are made with at `now`: of the key that seals.
    pub(crate) fn csrf_sealing(&self, now: Timestamp) -> Option<(KeyId, &[u8; 32])> {
        self.active(now).map(|key| (key.id, &**key.csrf_key))
    }
}

/// Keys in text form, separated by commas, the white space of ASCII around each ignored. The first
/// seals, all open.
impl FromStr for KeyRing {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<KeyRing, KeyError> {
        if text.trim_ascii().is_empty() {
            return Err(KeyError::Empty);
        }
        let mut ring: Option<KeyRing> = None;
        for (index, entry) in text.split(',').enumerate() {
            let added = entry.trim_ascii().parse().and_then(|key| match ring.take() {
                None => Ok(KeyRing::new(key)),
                Some(ring) => ring.with_retired(key),
            });
            let error = |error| KeyError::Entry { position: index + 1, error: Box::new(error) };
            ring = Some(added.map_err(error)?);
        }
        Ok(ring.expect("a split text has a first part"))
    }
}

/// The ids only, newest first.
impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.in_order().map(|key| key.id)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::key::on_test::key;
    use KeyState::*;
    use time::Duration;
    use time::macros::datetime;

    const FIRST: OffsetDateTime = datetime!(2026-11-01 00:00 UTC);
    const SECOND: OffsetDateTime = datetime!(2026-11-10 00:00 UTC);
    const DRAINED: OffsetDateTime = datetime!(2026-11-10 09:00 UTC);

    fn two() -> [DatedKey; 2] {
        [DatedKey::new(key(1), FIRST).with_open_until(DRAINED), DatedKey::new(key(2), SECOND)]
    }

    /// The states of `key(2)` and `key(1)`.
    fn states(ring: &KeyRing, now: OffsetDateTime) -> [KeyState; 2] {
        [key(2), key(1)]
            .map(|key| ring.states_at(now).into_iter().find(|(id, _)| *id == key.id()).unwrap().1)
    }

    #[test]
    fn a_key_is_published_active_draining_and_retired_in_turn() {
        let ring = KeyRing::schedule(two()).unwrap();
        let second = time::Duration::SECOND;
        assert_eq!(states(&ring, FIRST - second), [Published, Published]);
        assert_eq!(states(&ring, FIRST), [Published, Active]);
        assert_eq!(states(&ring, SECOND - second), [Published, Active]);
        assert_eq!(states(&ring, SECOND), [Active, Draining]);
        assert_eq!(states(&ring, DRAINED - second), [Active, Draining]);
        assert_eq!(states(&ring, DRAINED), [Active, Retired]);
    }

    #[test]
    fn revoked_comes_before_every_date() {
        let [old, new] = two();
        let ring = KeyRing::schedule([old.with_revoked(), new]).unwrap();
        assert_eq!(states(&ring, FIRST), [Published, Revoked]);
        assert_eq!(states(&ring, DRAINED), [Active, Revoked]);
    }

    #[test]
    fn states_decide_what_seals_and_opens() {
        let ring = KeyRing::schedule(two()).unwrap();
        let sealing = |now| ring.sealing(Timestamp::from_time(now)).map(|(id, _)| id);
        assert_eq!(sealing(datetime!(2026-10-31 00:00 UTC)), None);
        assert_eq!(sealing(FIRST), Some(key(1).id()));
        assert_eq!(sealing(SECOND), Some(key(2).id()));
        let opens = |key: Key, now| {
            matches!(ring.opening(key.id(), Timestamp::from_time(now)), Opening::With(_))
        };
        assert!(opens(key(2), FIRST), "published opens");
        assert!(opens(key(1), SECOND), "draining opens");
        assert!(!opens(key(1), DRAINED), "retired does not");
        assert!(matches!(
            ring.opening(key(1).id(), Timestamp::from_time(DRAINED)),
            Opening::Retired
        ));
        assert!(matches!(ring.opening(key(3).id(), Timestamp::from_time(FIRST)), Opening::Unknown));
    }

    #[test]
    fn a_key_that_never_seals_drains_for_ever() {
        let ring = KeyRing::new(key(1)).with_retired(key(2)).unwrap();
        for now in [OffsetDateTime::UNIX_EPOCH, DRAINED] {
            assert_eq!(states(&ring, now), [Draining, Active]);
        }
    }

    #[test]
    fn a_key_may_end_at_the_very_moment_when_the_next_one_seals() {
        let old = DatedKey::new(key(1), FIRST).with_open_until(SECOND);
        let ring = KeyRing::schedule([old, DatedKey::new(key(2), SECOND)]).unwrap();
        assert_eq!(states(&ring, SECOND), [Active, Retired]);
        let before = SECOND - Duration::MILLISECOND;
        assert_eq!(states(&ring, before), [Published, Active]);
    }

    #[test]
    fn a_state_is_told_in_lower_case() {
        let all = [Published, Active, Draining, Retired, Revoked].map(|state| state.to_string());
        assert_eq!(all, ["published", "active", "draining", "retired", "revoked"]);
    }

    #[cfg(feature = "key-file")]
    #[test]
    fn one_more_retired_key_leaves_the_time_before_which_sessions_end() {
        let ring = KeyRing::new(key(1)).rejecting_before(Some(FIRST)).with_retired(key(2)).unwrap();
        assert_eq!(ring.reject_created_before_millis(), Timestamp::from_time(FIRST).millis());
    }

    #[test]
    fn two_dates_that_the_ring_cannot_tell_apart_are_refused() {
        let schedule = |first: OffsetDateTime, second: OffsetDateTime| {
            let old = DatedKey::new(key(1), first).with_open_until(FIRST + Duration::DAY);
            KeyRing::schedule([old, DatedKey::new(key(2), second)])
        };
        let refused = |first, second| matches!(schedule(first, second), Err(KeyError::Schedule(_)));
        assert!(refused(FIRST, FIRST + Duration::NANOSECOND));
        assert!(!refused(FIRST, FIRST + Duration::MILLISECOND));
        let before_1970 = OffsetDateTime::UNIX_EPOCH - Duration::DAY;
        assert!(refused(before_1970, OffsetDateTime::UNIX_EPOCH));
        assert!(!refused(before_1970, OffsetDateTime::UNIX_EPOCH + Duration::MILLISECOND));
    }

    #[test]
    fn wrong_schedules_are_refused_with_the_reason() {
        let [old, new] = two();
        let message = |keys: Vec<DatedKey>| KeyRing::schedule(keys).unwrap_err().to_string();
        let (a, b) = (key(1).id(), key(2).id());
        assert_eq!(message(vec![]), "the schedule of keys is wrong: it has no key");
        assert_eq!(
            message(vec![old.clone(), DatedKey::new(key(2), FIRST)]),
            format!(
                "the schedule of keys is wrong: the keys {a} and {b} have the same `seal_from`"
            )
        );
        assert_eq!(
            message(vec![DatedKey::new(key(1), FIRST), new.clone()]),
            format!(
                "the schedule of keys is wrong: the key {a} is not the newest and needs an `open_until`"
            )
        );
        assert_eq!(
            message(vec![old.clone(), new.clone().with_open_until(DRAINED)]),
            format!(
                "the schedule of keys is wrong: the newest key, {b}, has an `open_until`: remove it"
            )
        );
        assert_eq!(
            message(vec![old.clone().with_revoked(), new.clone().with_revoked()]),
            "the schedule of keys is wrong: every key is revoked: add a new one"
        );
        let gap = DatedKey::new(key(1), FIRST).with_open_until(SECOND - time::Duration::SECOND);
        assert_eq!(
            message(vec![gap, DatedKey::new(key(2), SECOND)]),
            format!("the schedule of keys is wrong: the key {a} ends before {b} seals")
        );
        let twice = vec![old, DatedKey::new(key(1), SECOND)];
        assert_eq!(
            message(twice),
            format!(
                "two keys of the ring have the id {a}: remove one if it is listed twice, else make another"
            )
        );
    }

    #[test]
    fn two_keys_of_one_id_are_refused() {
        let error = KeyRing::new(key(1)).with_retired(key(1)).unwrap_err();
        assert_eq!(error, KeyError::DuplicateId(key(1).id()));
    }

    #[test]
    fn a_list_of_keys_names_the_entry_that_is_wrong() {
        let [a, b] = [key(1).to_text(), key(2).to_text()];
        let ring: KeyRing = format!(" {} , {}\n", *a, *b).parse().unwrap();
        assert_eq!(states(&ring, FIRST), [Draining, Active]);
        let message = |list: String| list.parse::<KeyRing>().unwrap_err().to_string();
        assert_eq!(
            message(",".to_owned()),
            "key 1 of the list: a key in text form begins with `ssk1_`: copy the whole key"
        );
        assert_eq!(
            message(format!("{},{}", *a, &b[..52])),
            "key 2 of the list: a key in text form has 53 characters, but this one has 52: was it cut short?"
        );
        assert_eq!(
            message(format!("{},{}", *a, *a)),
            format!(
                "key 2 of the list: two keys of the ring have the id {}: remove one if it is listed twice, else make another",
                key(1).id()
            )
        );
    }

    #[test]
    fn a_variable_that_is_not_set_is_named() {
        let error = KeyRing::from_env("SEALED_SESSION_NOT_SET").unwrap_err();
        assert_eq!(error, KeyError::Variable("SEALED_SESSION_NOT_SET".to_owned()));
    }

    /// `PATH` is set wherever tests run, and is no list of keys.
    #[test]
    fn a_variable_with_a_wrong_entry_is_named() {
        let error = KeyRing::from_env("PATH").unwrap_err().to_string();
        assert!(
            error.starts_with("in the environment variable PATH: key 1 of the list: "),
            "{error}"
        );
    }

    #[test]
    fn an_empty_list_is_called_empty() {
        for text in ["", "  ", "\n"] {
            assert_eq!(text.parse::<KeyRing>().unwrap_err(), KeyError::Empty);
        }
        let error =
            KeyError::InVariable { variable: "KEYS".to_owned(), error: KeyError::Empty.into() };
        assert_eq!(
            error.to_string(),
            "in the environment variable KEYS: the text is empty, so there is no key: \
             make one with `sealed-session keys generate`, or in a program with \
             `Key::generate().to_text()`"
        );
    }

    #[test]
    fn debug_shows_ids_only() {
        let ring = KeyRing::new(key(1));
        assert_eq!(format!("{ring:?}"), format!("[KeyId({})]", key(1).id()));
    }
}
