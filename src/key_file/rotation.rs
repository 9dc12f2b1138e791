//! Which dates does a change of the keys write? Rotate, revoke, prune: pure functions of the
//! schedule and the time. `docs/operations.md` explains the rule.

use super::date::{self, later};
use super::error::KeyFileError;
use super::schedule::KeySchedule;
use crate::keys::id::KeyId;
use crate::keys::key::Key;
use crate::keys::ring::{self, DatedKey, KeyState};
use time::{Duration, OffsetDateTime};

/// How far ahead a peer's session may be created and still be accepted, so a cookie lives that much
/// longer than its timeout.
const CLOCK_SKEW: Duration = Duration::seconds(60);

/// What the operator knows of the fleet, for [`KeySchedule::rotate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// How long from now until the new key seals.
    pub after: Duration,
    /// How long until every server that gets requests has read a new key file.
    pub propagation: Duration,
    /// How far a server's clock may be from the true time.
    pub skew: Duration,
    /// The longest idle timeout that any session may have, but not past the longest absolute one.
    pub max_session: Duration,
}

/// What [`KeySchedule::rotate`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotated {
    /// The new key.
    pub new: KeyId,
    /// From when it seals.
    pub seal_from: OffsetDateTime,
    /// The key that seals until then.
    pub old: KeyId,
    /// Until when that one opens.
    pub open_until: OffsetDateTime,
}

/// What [`KeySchedule::revoke`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revoked {
    /// The key that takes the place of the revoked one, where that would still have sealed.
    pub replacement: Option<KeyId>,
    /// Every session created before this is refused, so sign-ins hold from here on.
    pub sign_ins_hold_from: OffsetDateTime,
}

impl KeySchedule {
    /// A schedule with one key, which seals at once: on every server whose clock is not more than a
    /// minute behind.
    ///
    /// # Errors
    ///
    /// [`KeyFileError`] if `now` is outside the calendar.
    pub fn new(key: Key, now: OffsetDateTime) -> Result<KeySchedule, KeyFileError> {
        let seal_from = later(date::whole_second(now), -CLOCK_SKEW)?;
        let keys = vec![DatedKey::new(key, seal_from)];
        Ok(KeySchedule { generation: 1, reject_created_before: None, keys })
    }

    /// Publishes `key`, which seals once every server has it, and lets the one before it open until
    /// all it sealed has ended: from `seal_from` of the new key, `max_session` + 60 s + 2 × `skew`.
    ///
    /// ```
    /// use sealed_session::{Key, key_file::{KeySchedule, Rotation}};
    /// use time::{Duration, macros::datetime};
    ///
    /// let now = datetime!(2026-11-21 09:00 UTC);
    /// let mut schedule = KeySchedule::new(Key::generate(), datetime!(2026-10-21 09:00 UTC))?;
    /// let rotated = schedule.rotate(
    ///     Key::generate(),
    ///     &Rotation {
    ///         after: Duration::minutes(10),
    ///         propagation: Duration::minutes(2),
    ///         skew: Duration::seconds(30),
    ///         max_session: Duration::hours(8),
    ///     },
    ///     now,
    /// )?;
    /// assert_eq!(rotated.seal_from, datetime!(2026-11-21 09:10 UTC));
    /// assert_eq!(rotated.open_until, datetime!(2026-11-21 17:12 UTC));
    /// # Ok::<(), sealed_session::key_file::KeyFileError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`KeyFileError`] if `after` is shorter than `propagation` + `skew`, a length is negative,
    /// `max_session` is zero, the key is in the schedule already, or a date is outside the
    /// calendar. Nothing is changed then.
    pub fn rotate(
        &mut self,
        key: Key,
        rotation: &Rotation,
        now: OffsetDateTime,
    ) -> Result<Rotated, KeyFileError> {
        rotation.check()?;
        let old = self.newest();
        let last = self.keys.last().map_or(now, DatedKey::seal_from);
        // After every other key: a second rotation in the same second comes after the first.
        let earliest = later(last, Duration::SECOND)?;
        let seal_from = date::whole_second(later(now, rotation.after)?.max(earliest));
        let open_until = later(seal_from, rotation.drain())?;

        let mut changed = self.raised()?;
        let rotated = Rotated { new: key.id(), seal_from, old: self.keys[old].id(), open_until };
        changed.keys[old] = changed.keys[old].clone().with_open_until(open_until);
        changed.keys.push(DatedKey::new(key, seal_from));
        *self = changed.checked()?;
        Ok(rotated)
    }

    /// Marks a key that leaked, and ends what its holder could have forged and had resealed under
    /// other keys meanwhile: every session created until `propagation` + 60 s from now. Where the
    /// revoked key seals or was going to, `replacement` takes its place at once.
    ///
    /// # Errors
    ///
    /// [`KeyFileError`] if no key has this id, it is revoked already, `propagation` is negative,
    /// the replacement is in the schedule already, or a date is outside the calendar. Nothing is
    /// changed then.
    pub fn revoke(
        &mut self,
        id: KeyId,
        replacement: Key,
        propagation: Duration,
        now: OffsetDateTime,
    ) -> Result<Revoked, KeyFileError> {
        not_negative("propagation", propagation)?;
        let states = self.key_ring().states_at(now);
        let state = states.iter().find(|(other, _)| *other == id).map(|(_, state)| *state);
        let needed = match state {
            None => return Err(KeyFileError::new(format!("there is no key {id} in the file"))),
            Some(KeyState::Revoked) => {
                return Err(KeyFileError::new(format!("the key {id} is revoked already")));
            }
            Some(KeyState::Published | KeyState::Active) => true,
            Some(KeyState::Draining | KeyState::Retired) => false,
        };
        let end = date::whole_second(later(now, propagation.saturating_add(CLOCK_SKEW))?);
        let end = self.reject_created_before.map_or(end, |before| before.max(end));

        let mut changed = self.raised()?;
        changed.reject_created_before = Some(end);
        let place = changed.keys.iter().position(|dated| dated.id() == id).expect("it has a state");
        let revoked = changed.keys[place].clone().with_revoked();
        changed.keys[place] = revoked.clone();
        let new = replacement.id();
        if needed {
            changed.replace(place, &revoked, replacement)?;
        } else {
            changed.close_gap(place);
        }
        *self = changed.checked()?;
        Ok(Revoked { replacement: needed.then_some(new), sign_ins_hold_from: end })
    }

    /// Puts `key` where the revoked one was: right behind it, since no two may have one
    /// `seal_from`, and so just as active at once, whatever a server's clock says.
    fn replace(&mut self, place: usize, revoked: &DatedKey, key: Key) -> Result<(), KeyFileError> {
        let from = revoked.seal_from();
        let gap = match self.keys.get(place + 1) {
            Some(next) => (next.seal_from() - from) / 2,
            None => Duration::SECOND,
        };
        let gap = Duration::milliseconds(gap.min(Duration::SECOND).whole_milliseconds() as i64);
        let seal_from = later(from, gap)?;
        // The key before seals that much longer, so it must open that much longer.
        if let Some(before) = self.sealed_before(place)
            && let Some(until) = before.open_until()
        {
            *before = before.clone().with_open_until(later(until, gap)?);
        }
        let mut dated = DatedKey::new(key, seal_from);
        if let Some(until) = revoked.open_until() {
            dated = dated.with_open_until(until.max(seal_from));
        }
        self.keys.insert(place + 1, dated);
        Ok(())
    }

    /// Where the revoked key no longer sealed, the next one has begun already. The one before may
    /// have ended before that; moved up to it, its end is still past.
    fn close_gap(&mut self, place: usize) {
        let next = self.keys[place..].iter().find(|dated| !dated.is_revoked());
        let Some(begun) = next.map(DatedKey::seal_from) else { return };
        if let Some(before) = self.sealed_before(place)
            && before.open_until().is_some_and(|until| until < begun)
        {
            *before = before.clone().with_open_until(begun);
        }
    }

    /// The key that sealed until the one at `place` did.
    fn sealed_before(&mut self, place: usize) -> Option<&mut DatedKey> {
        self.keys[..place].iter_mut().rfind(|dated| !dated.is_revoked())
    }

    /// Removes the keys that no longer open on any server whose clock is not more than a minute
    /// behind: those retired, and those revoked whose sessions have all been ended. Returns their
    /// ids.
    ///
    /// # Errors
    ///
    /// [`KeyFileError`] if the generation cannot be raised.
    pub fn prune(&mut self, now: OffsetDateTime) -> Result<Vec<KeyId>, KeyFileError> {
        let past = |time: Option<OffsetDateTime>| time.is_some_and(|time| now - time >= CLOCK_SKEW);
        let ended = |dated: &DatedKey| match dated.is_revoked() {
            true => past(self.reject_created_before),
            false => past(dated.open_until()),
        };
        let (gone, kept): (Vec<&DatedKey>, Vec<&DatedKey>) =
            self.keys.iter().partition(|dated| ended(dated));
        let gone: Vec<KeyId> = gone.into_iter().map(DatedKey::id).collect();
        if !gone.is_empty() {
            let keys = kept.into_iter().cloned().collect();
            *self = KeySchedule { keys, ..self.raised()? }.checked()?;
        }
        Ok(gone)
    }

    /// The place of the newest key that is not revoked.
    fn newest(&self) -> usize {
        self.keys.iter().rposition(|dated| !dated.is_revoked()).expect("not every key is revoked")
    }

    fn raised(&self) -> Result<KeySchedule, KeyFileError> {
        let generation = self.generation.checked_add(1).filter(|next| i64::try_from(*next).is_ok());
        let generation = generation
            .ok_or_else(|| KeyFileError::new("the generation is as high as it can be"))?;
        Ok(KeySchedule { generation, ..self.clone() })
    }

    fn checked(self) -> Result<KeySchedule, KeyFileError> {
        for (place, dated) in self.keys.iter().enumerate() {
            if self.keys[..place].iter().any(|other| other.id() == dated.id()) {
                let problem = format!("the file has a key {} already: make another", dated.id());
                return Err(KeyFileError::new(problem));
            }
        }
        ring::check_dates(&self.keys).map_err(|fault| KeyFileError::new(fault.problem))?;
        Ok(self)
    }
}

impl Rotation {
    fn check(&self) -> Result<(), KeyFileError> {
        not_negative("after", self.after)?;
        not_negative("propagation", self.propagation)?;
        not_negative("skew", self.skew)?;
        if self.max_session <= Duration::ZERO {
            return Err(KeyFileError::new("`max-session` must be longer than zero"));
        }
        let lead = self.propagation.saturating_add(self.skew);
        if self.after < lead {
            return Err(KeyFileError::new(format!(
                "`after` is {}, and a server may not have the key before {} (`propagation` {} + `skew` {}): \
                 make it at least that",
                self.after, lead, self.propagation, self.skew
            )));
        }
        Ok(())
    }

    /// How long what the old key sealed lives on after the new one has begun.
    fn drain(&self) -> Duration {
        self.max_session
            .saturating_add(CLOCK_SKEW)
            .saturating_add(self.skew)
            .saturating_add(self.skew)
    }
}

fn not_negative(name: &str, length: Duration) -> Result<(), KeyFileError> {
    if length.is_negative() {
        return Err(KeyFileError::new(format!("`{name}` is negative")));
    }
    Ok(())
}
