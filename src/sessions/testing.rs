//! What a test of an application asks of its `Sessions`.

use crate::error::EncodeError;
use crate::session::Session;
use crate::sessions::Sessions;
use crate::steps::response::ResponseCookie;
use crate::timestamp::Timestamp;
use http::{HeaderMap, HeaderValue};
use serde::{Serialize, de::DeserializeOwned};
use time::OffsetDateTime;

impl<T: Serialize + DeserializeOwned> Sessions<T> {
    /// Returns a `Cookie` header's value, `name=value`, with this session sealed in it: for a test that
    /// sends a signed-in request (`docs/testing.md`). It is marked sensitive.
    ///
    /// ```
    /// # use sealed_session::{Key, KeyRing, ResponseCookie, Session, Sessions};
    /// # use http::{HeaderMap, header::COOKIE};
    /// # let sessions: Sessions<u32> =
    /// #     Sessions::builder("counter", KeyRing::new(Key::generate())).build()?;
    /// let mut request = HeaderMap::new();
    /// request.insert(COOKIE, sessions.cookie_for(&Session::new(7))?);
    ///
    /// let mut session = sessions.load(&request);
    /// *session += 1;
    /// let mut response = HeaderMap::new();
    /// sessions.save(session, &mut response)?;
    ///
    /// let ResponseCookie::Set(session) = sessions.read_response(&response) else { panic!() };
    /// assert_eq!(*session, 8);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`encode`](Sessions::encode).
    pub fn cookie_for(&self, session: &Session<T>) -> Result<HeaderValue, EncodeError> {
        self.parts.cookie_for(session, Timestamp::now())
    }

    /// [`cookie_for`](Sessions::cookie_for) with the time as an argument.
    ///
    /// # Errors
    ///
    /// Those of [`encode`](Sessions::encode).
    pub fn cookie_for_at(
        &self,
        session: &Session<T>,
        now: OffsetDateTime,
    ) -> Result<HeaderValue, EncodeError> {
        self.parts.cookie_for(session, Timestamp::from_time(now))
    }

    /// Reads what a response does to the browser's cookie, from its `Set-Cookie` headers (of several
    /// of our name the last one counts, RFC 6265bis §5.7): for a test that looks at a session after a
    /// request (`docs/testing.md`).
    ///
    /// A cookie of our name that [`decode`](Sessions::decode) refuses is not one of this `Sessions`, so
    /// it is [`ResponseCookie::None`]; a DEBUG event says why it was refused.
    pub fn read_response(&self, headers: &HeaderMap) -> ResponseCookie<T> {
        self.parts.read_response(headers, Timestamp::now())
    }

    /// [`read_response`](Sessions::read_response) with the time as an argument.
    pub fn read_response_at(&self, headers: &HeaderMap, now: OffsetDateTime) -> ResponseCookie<T> {
        self.parts.read_response(headers, Timestamp::from_time(now))
    }
}
