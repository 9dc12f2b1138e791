//! What does a cookie's value say, and why is it refused? For people who search for a fault
//! (feature `cli`).
//!
//! The same steps as when a server opens it, but without the application's type: what is inside the
//! data stays inside.

use crate::keys::id::KeyId;
use crate::keys::ring::{KeyRing, KeyState, Opening};
use crate::rules::reason::Reason;
use crate::rules::timeouts::{Policy, Timeouts};
use crate::timestamp::Timestamp;
use crate::wire::codec::COOKIE_LIMIT;
use crate::wire::envelope::{Binding, Envelope, Parts};
use crate::wire::plaintext;
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

/// What a value says.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// Bytes of name, `=` and value; 4096 are the limit.
    pub cookie_len: usize,
    /// The key that sealed it, as it says itself.
    pub key_id: Option<KeyId>,
    /// What that key does now, where the server has it.
    pub key_state: Option<KeyState>,
    /// What is inside, where the key opens it.
    pub session: Option<Opened>,
    /// The first check that it failed. (Whether `T` reads its data and what `revoked` says of it,
    /// only the application knows.)
    pub refused: Option<Reason>,
}

/// What the library keeps about a session.
#[derive(Debug, Clone)]
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
    /// How many bytes the application's data has.
    pub data_len: usize,
}

/// Reads a cookie's value as `server` would at `now`.
///
/// ```
/// use sealed_session::inspect::{Server, inspect};
/// use sealed_session::{Key, KeyRing, Reason, Session, Sessions};
/// use time::{Duration, OffsetDateTime};
///
/// let keys = KeyRing::new(Key::generate());
/// let sessions: Sessions<u32> = Sessions::builder("shop", keys.clone()).build()?;
/// let value = sessions.encode(&Session::new(7))?;
///
/// let server = Server {
///     app: "shop".to_owned(),
///     cookie_name: "__Host-session".to_owned(),
///     keys: Some(keys),
///     idle_timeout: Duration::minutes(30),
///     absolute_timeout: Duration::hours(8),
///     longest_timeouts: (Duration::minutes(30), Duration::hours(8)),
/// };
/// let now = OffsetDateTime::now_utc();
/// assert_eq!(inspect(&value, &server, now).session.unwrap().data_len, 1);
///
/// let elsewhere = Server { app: "blog".to_owned(), ..server };
/// assert_eq!(inspect(&value, &elsewhere, now).refused, Some(Reason::Forged));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn inspect(value: &str, server: &Server, now: OffsetDateTime) -> Inspection {
    let mut inspection = Inspection {
        cookie_len: server.cookie_name.len() + 1 + value.len(),
        key_id: None,
        key_state: None,
        session: None,
        refused: None,
    };
    inspection.refused = inspection.read(value, server, now).err();
    inspection
}

impl Inspection {
    fn read(&mut self, value: &str, server: &Server, now: OffsetDateTime) -> Result<(), Reason> {
        // 1. Length, text, envelope.
        if self.cookie_len > COOKIE_LIMIT {
            return Err(Reason::TooLong);
        }
        let binding = Binding::new(&server.app, &server.cookie_name);
        let mut envelope = Envelope::parse(value.as_bytes(), &binding)?;
        let key_id = envelope.key_id();
        self.key_id = Some(key_id);
        // 2. Key.
        let Some(ring) = &server.keys else { return Ok(()) };
        let state = ring.states_at(now).into_iter().find(|(id, _)| *id == key_id);
        self.key_state = state.map(|(_, state)| state);
        let instant = Timestamp::from_time(now);
        let cipher = match ring.opening(key_id, instant) {
            Opening::With(cipher) => cipher,
            Opening::Retired => return Err(Reason::RetiredKey),
            Opening::Unknown => return Err(Reason::UnknownKey),
        };
        // 3. Ciphertext → stamps.
        let Parts { associated, nonce, text, tag } = envelope.parts();
        cipher.open(nonce, associated, text, tag).map_err(|_| Reason::Forged)?;
        let (stamps, data) = plaintext::split(text)?;
        let (id, clocks) = stamps.identity()?;
        let policy = server.policy();
        let (idle, absolute) = clocks.deadlines(&policy, instant);
        self.session = Some(Opened {
            id,
            created_at: clocks.created.to_time(),
            renewed_at: clocks.created.plus_seconds(clocks.renewed).to_time(),
            own_timeouts: clocks.own.map(|own| {
                (Duration::seconds(own.idle.into()), Duration::seconds(own.absolute.into()))
            }),
            idle_deadline: idle.to_time(),
            absolute_deadline: absolute.to_time(),
            schema: stamps.schema(),
            data_len: data.len(),
        });
        // 4. Times.
        clocks.check(&policy, instant)?;
        if clocks.created.millis() < ring.reject_created_before_millis() {
            return Err(Reason::Revoked);
        }
        Ok(())
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
