//! What does a cookie's value say, and why is it refused? For people who search for a fault
//! (feature `inspect`).
//!
//! A value is opened as a server opens it, but without the application's type: what is inside the
//! data stays inside.

use crate::config::builder::DEFAULT_COOKIE_NAME;
use crate::config::validate;
use crate::error::ConfigError;
use crate::keys::id::KeyId;
use crate::keys::ring::{KeyRing, KeyState};
use crate::live_state::LiveState;
use crate::rules::reason::{Reason, Refusal};
use crate::rules::timeouts::{Policy, Timeouts};
use crate::timestamp::Timestamp;
use crate::wire::codec::{self, Codec};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// What the server that a value is meant for would know.
#[derive(Debug, Clone)]
pub struct Server {
    /// The first argument of [`Sessions::builder`](crate::Sessions::builder).
    pub app: String,
    /// The cookie's name.
    pub cookie_name: String,
    /// Its keys; without them only the envelope can be read.
    pub keys: Option<KeyRing>,
    /// Its idle timeout.
    pub idle_timeout: Duration,
    /// Its absolute timeout.
    pub absolute_timeout: Duration,
    /// What a session's own timeouts are cut to.
    pub longest_timeouts: (Duration, Duration),
}

/// The defaults of [`Sessions::builder`](crate::Sessions::builder), without an application and keys.
impl Default for Server {
    fn default() -> Server {
        let (idle_timeout, absolute_timeout) = Policy::default().timeouts.to_durations();
        Server {
            app: String::new(),
            cookie_name: DEFAULT_COOKIE_NAME.to_owned(),
            keys: None,
            idle_timeout,
            absolute_timeout,
            longest_timeouts: (idle_timeout, absolute_timeout),
        }
    }
}

/// What a value says.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Inspection {
    /// Bytes of name, `=` and value; 4096 are the limit.
    pub cookie_len: usize,
    /// The key that sealed it, as it says itself.
    pub key_id: Option<KeyId>,
    /// What that key does now, if the server has it.
    pub key_state: Option<KeyState>,
    /// What is inside, if the key opens it.
    pub session: Option<Opened>,
    /// The first check that it failed. (Whether `T` reads its data and what `revoked` says of it,
    /// only the application knows.)
    pub refused: Option<Reason>,
    /// The row of that check in the table "Opening, in this order" of `docs/format.md`.
    pub refused_at: Option<u8>,
}

/// What the library keeps about a session.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Opened {
    /// The session's id.
    pub id: Uuid,
    /// When it began.
    pub created_at: OffsetDateTime,
    /// When its cookie was last renewed.
    pub renewed_at: OffsetDateTime,
    /// Its own (idle, absolute) timeouts, if it has them.
    pub own_timeouts: Option<(Duration, Duration)>,
    /// When it ends if it is not used.
    pub idle_deadline: OffsetDateTime,
    /// When it ends whatever happens.
    pub absolute_deadline: OffsetDateTime,
    /// The application's schema, as in [`schema_version`](crate::SessionsBuilder::schema_version).
    pub schema: u32,
    /// The cut of its subject that it carries; 0 if it has no subject.
    pub cut: u32,
    /// How many bytes the application's data has.
    pub data_len: usize,
}

/// Reads a cookie's value as `server` would at `now`.
///
/// ```
/// use sealed_session::inspect::{Server, inspect};
/// use sealed_session::time::OffsetDateTime;
/// use sealed_session::{Key, KeyRing, Reason, Session, Sessions};
///
/// let keys = KeyRing::new(Key::generate());
/// let sessions: Sessions<u32> = Sessions::builder("shop", keys.clone()).build()?;
/// let value = sessions.encode(&Session::new(7))?;
///
/// let server = Server { app: "shop".to_owned(), keys: Some(keys), ..Server::default() };
/// let now = OffsetDateTime::now_utc();
/// assert_eq!(inspect(&value, &server, now)?.session.unwrap().data_len, 1);
///
/// let elsewhere = Server { app: "blog".to_owned(), ..server };
/// assert_eq!(inspect(&value, &elsewhere, now)?.refused, Some(Reason::Forged));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`ConfigError`] for names that no server can have: an `app` that is empty although there are keys,
/// and names of more than 65,535 bytes.
pub fn inspect(
    value: &str,
    server: &Server,
    now: OffsetDateTime,
) -> Result<Inspection, ConfigError> {
    if server.keys.is_some() || !server.app.is_empty() {
        validate::app(&server.app)?;
    }
    validate::name_len(&server.cookie_name)?;
    let codec = Codec::new(&server.app, &server.cookie_name, 1);
    let mut inspection = Inspection {
        cookie_len: codec.cookie_len(value.len()),
        key_id: None,
        key_state: None,
        session: None,
        refused: None,
        refused_at: None,
    };
    let Some(ring) = &server.keys else {
        let read = codec.read_envelope(value.as_bytes());
        inspection.key_id = read.as_ref().ok().map(|envelope| envelope.key_id());
        inspection.refuse(read.err());
        return Ok(inspection);
    };

    let (policy, at) = (server.policy(), Timestamp::from_time(now));
    let live = LiveState::new(ring.clone(), None);
    let (opened, refusal) = match codec.open(value.as_bytes(), &live, &policy, at) {
        Ok(opened) => (Some(opened), None),
        Err(rejection) => {
            inspection.key_id = rejection.key.map(|key| key.id);
            (rejection.opened.map(|opened| *opened), Some(rejection.refusal))
        }
    };
    if let Some(opened) = opened {
        inspection.key_id = Some(opened.key_id);
        inspection.session = Some(Opened::new(&opened, &policy, at));
    }
    let states = ring.states_at(now);
    let state = states.iter().find(|(id, _)| Some(*id) == inspection.key_id);
    inspection.key_state = state.map(|(_, state)| *state);
    inspection.refuse(refusal);
    Ok(inspection)
}

impl Inspection {
    fn refuse(&mut self, refusal: Option<Refusal>) {
        self.refused = refusal.map(|refusal| refusal.reason);
        self.refused_at = refusal.map(|refusal| refusal.row);
    }
}

impl Opened {
    fn new(opened: &codec::Opened, policy: &Policy, now: Timestamp) -> Opened {
        let codec::Opened { key_id: _, stamps, plaintext } = opened;
        let clocks = stamps.clocks;
        let (idle, absolute) = clocks.deadlines(policy, now);
        Opened {
            id: stamps.id,
            created_at: clocks.created.to_time(),
            renewed_at: clocks.last_renewal().to_time(),
            own_timeouts: clocks.own.map(Timeouts::to_durations),
            idle_deadline: idle.to_time(),
            absolute_deadline: absolute.to_time(),
            schema: stamps.schema,
            cut: stamps.cut,
            data_len: plaintext.data_len(),
        }
    }
}

impl Server {
    fn policy(&self) -> Policy {
        let (idle, absolute) = self.longest_timeouts;
        Policy {
            timeouts: Timeouts::from_durations(self.idle_timeout, self.absolute_timeout),
            longest: Timeouts::from_durations(idle, absolute),
            renew_after: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::dated::DatedKey;
    use crate::keys::key::Key;
    use crate::session::Session;
    use crate::sessions::Sessions;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);

    #[test]
    fn names_that_no_server_can_have_are_refused_with_keys_and_without() {
        let long = "n".repeat(1 << 16);
        let keys = || Some(KeyRing::new(Key::generate()));
        let of = |app: &str, name: &str, keys| {
            let (app, cookie_name) = (app.to_owned(), name.to_owned());
            inspect("AAAA", &Server { app, cookie_name, keys, ..Server::default() }, NOW).is_ok()
        };
        assert!(of("shop", "a", keys()) && of("shop", "a", None) && of("", "a", None));
        assert!(!of("", "a", keys()) && !of(&long, "a", keys()) && !of(&long, "a", None));
        assert!(!of("shop", &long, keys()) && !of("shop", &long, None));
    }

    #[test]
    fn the_state_told_is_that_of_the_key_that_sealed_the_value() {
        let [old, new, other] = [Key::generate(), Key::generate(), Key::generate()];
        let ring = KeyRing::schedule([
            DatedKey::new(old.clone(), NOW - Duration::DAY).with_open_until(NOW + Duration::DAY),
            DatedKey::new(new.clone(), NOW - Duration::HOUR),
        ]);
        let server =
            Server { app: "shop".to_owned(), keys: Some(ring.unwrap()), ..Server::default() };
        for (key, state) in
            [(old, Some(KeyState::Draining)), (new, Some(KeyState::Active)), (other, None)]
        {
            let sessions = Sessions::<u32>::builder("shop", KeyRing::new(key.clone())).build();
            let value = sessions.unwrap().encode(&Session::new(7)).unwrap();
            let inspection = inspect(&value, &server, NOW).unwrap();
            assert_eq!(inspection.key_id, Some(key.id()));
            assert_eq!(inspection.key_state, state);
        }
    }
}
