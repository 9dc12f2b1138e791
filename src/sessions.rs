//! `Sessions<T>`: what an application may ask of it. The two numbered pipelines are in `steps/`.

use crate::error::{DecodeError, EncodeError};
use crate::headers::cookie::cookie_headers;
use crate::keys::id::KeyId;
use crate::keys::ring::KeyRing;
use crate::session::Session;
#[cfg(feature = "_adapter")]
use crate::session::meta::Meta;
use crate::steps::parts::Parts;
use crate::steps::save::Saved;
#[cfg(feature = "_adapter")]
use crate::telemetry::Warnings;
use crate::timestamp::Timestamp;
use http::HeaderMap;
use serde::{Serialize, de::DeserializeOwned};
use std::fmt;
use std::sync::Arc;
use time::OffsetDateTime;

mod testing;

/// Seals sessions into cookies and opens them again: the one object an application needs.
///
/// Cheap to clone and to share between threads; all clones use the same keys. Made by
/// [`Sessions::builder`].
///
/// ```
/// use sealed_session::{Key, KeyRing, Session, Sessions};
///
/// #[derive(serde::Serialize, serde::Deserialize, Default)]
/// struct Visit { page_views: u32, user: Option<String> }
///
/// let keys = KeyRing::new(Key::generate()); // in production: KeyRing::from_env("SESSION_KEYS")?
/// let sessions: Sessions<Visit> = Sessions::builder("shop", keys).build()?;
///
/// # let request = http::Request::new(());
/// # let mut response = http::Response::new(());
/// let mut session: Session<Visit> = sessions.load(request.headers());
/// session.page_views += 1;
/// sessions.save(session, response.headers_mut())?;
/// assert!(response.headers().contains_key("set-cookie"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Sessions<T> {
    parts: Arc<Parts<T>>,
}

impl<T: Serialize + DeserializeOwned> Sessions<T> {
    pub(crate) fn from_parts(parts: Parts<T>) -> Sessions<T> {
        Sessions { parts: Arc::new(parts) }
    }

    /// Returns the session of the visitor who sent these headers. It never fails: a missing or rejected
    /// cookie yields a new session with `T::default()`, and [`Session::origin`] tells why.
    ///
    /// # Panics
    ///
    /// Only if the application's own code does: a closure given to the builder, or `Default` or serde's
    /// traits of `T`.
    pub fn load(&self, headers: &HeaderMap) -> Session<T>
    where
        T: Default,
    {
        *self.parts.load(cookie_headers(headers), Timestamp::now())
    }

    /// [`load`](Sessions::load) with the time as an argument.
    ///
    /// # Panics
    ///
    /// As [`load`](Sessions::load).
    pub fn load_at(&self, headers: &HeaderMap, now: OffsetDateTime) -> Session<T>
    where
        T: Default,
    {
        *self.parts.load(cookie_headers(headers), Timestamp::from_time(now))
    }

    /// [`load`](Sessions::load) for adapters, which keep the session in its box.
    #[cfg(feature = "_adapter")]
    pub(crate) fn load_cookies<'h>(
        &self,
        headers: impl Iterator<Item = &'h [u8]>,
        now: Timestamp,
    ) -> Box<Session<T>>
    where
        T: Default,
    {
        self.parts.load(headers, now)
    }

    /// Adds `Set-Cookie` to the response if needed; usually it is not.
    ///
    /// See `docs/design.md` for the table of what is written, removed and deferred, and for what
    /// happens to `Cache-Control` and `Vary`. The response's status does not matter.
    ///
    /// # Errors
    ///
    /// Those of [`encode`](Sessions::encode) except `Ended`, which is [`Saved::Kept`] here. The headers
    /// are left as they are then, and so is the visitor's old cookie.
    ///
    /// # Panics
    ///
    /// Only if the application's own code does: a closure given to the builder, or serde's traits of
    /// `T`. The headers are left as they are then, too.
    pub fn save(&self, session: Session<T>, headers: &mut HeaderMap) -> Result<Saved, EncodeError>
    where
        T: Default,
    {
        self.parts.save(&session, headers, Timestamp::now())
    }

    /// [`save`](Sessions::save) with the time as an argument.
    ///
    /// # Errors
    ///
    /// Those of [`save`](Sessions::save).
    ///
    /// # Panics
    ///
    /// As [`save`](Sessions::save).
    pub fn save_at(
        &self,
        session: Session<T>,
        headers: &mut HeaderMap,
        now: OffsetDateTime,
    ) -> Result<Saved, EncodeError>
    where
        T: Default,
    {
        self.parts.save(&session, headers, Timestamp::from_time(now))
    }

    /// [`save`](Sessions::save) for adapters, which drop the session where it stands.
    #[cfg(feature = "_adapter")]
    pub(crate) fn save_borrowed(
        &self,
        session: &Session<T>,
        headers: &mut HeaderMap,
        now: Timestamp,
    ) -> Result<Saved, EncodeError> {
        self.parts.save(session, headers, now)
    }

    /// Saves a session of which an adapter has given views only.
    #[cfg(feature = "_adapter")]
    pub(crate) fn save_viewed(
        &self,
        meta: &Meta,
        headers: &mut HeaderMap,
        now: Timestamp,
    ) -> Result<Saved, EncodeError> {
        self.parts.save_viewed(meta, headers, now)
    }

    /// Reads what a request brought once more.
    #[cfg(feature = "_adapter")]
    pub(crate) fn read_again(&self, meta: &Meta) -> Option<T> {
        self.parts.read_again(meta)
    }

    /// Returns the session as a cookie's value, renewed and freshly sealed: base64url of an envelope.
    ///
    /// ```
    /// # use sealed_session::{Key, KeyRing, Session, Sessions};
    /// # let sessions: Sessions<u32> =
    /// #     Sessions::builder("counter", KeyRing::new(Key::generate())).build()?;
    /// let value: String = sessions.encode(&Session::new(7))?;
    /// let session: Session<u32> = sessions.decode(&value)?;
    /// assert_eq!(*session, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`EncodeError::TooLarge`] if name, `=` and value exceed 4096 bytes, now or after a later
    /// renewal; [`TooDeep`](EncodeError::TooDeep) and [`TooManyElements`](EncodeError::TooManyElements)
    /// for data that opening would refuse; [`Serialize`](EncodeError::Serialize) and
    /// [`RoundTrip`](EncodeError::RoundTrip) for types that postcard cannot hold;
    /// [`Randomness`](EncodeError::Randomness) if the operating system gives none;
    /// [`NoSealingKey`](EncodeError::NoSealingKey) if no key seals at this time;
    /// [`Ended`](EncodeError::Ended) if the session was ended since it was loaded, or is to end others.
    ///
    /// # Panics
    ///
    /// As [`save`](Sessions::save).
    pub fn encode(&self, session: &Session<T>) -> Result<String, EncodeError> {
        self.seal(session, Timestamp::now())
    }

    /// [`encode`](Sessions::encode) with the time as an argument.
    ///
    /// # Errors
    ///
    /// Those of [`encode`](Sessions::encode).
    ///
    /// # Panics
    ///
    /// As [`save`](Sessions::save).
    pub fn encode_at(
        &self,
        session: &Session<T>,
        now: OffsetDateTime,
    ) -> Result<String, EncodeError> {
        self.seal(session, Timestamp::from_time(now))
    }

    fn seal(&self, session: &Session<T>, now: Timestamp) -> Result<String, EncodeError> {
        let envelope = self.parts.encode(session, now)?.envelope;
        let mut value = String::with_capacity(envelope.value_len());
        envelope.append_to(&mut value);
        Ok(value)
    }

    /// Returns the bytes of name, `=` and value that [`COOKIE_LIMIT`](crate::COOKIE_LIMIT) is about,
    /// at the largest that later renewals of this session can make them. (A cookie that is sealed now
    /// can be up to eight bytes shorter, before padding.)
    ///
    /// ```
    /// # use sealed_session::{COOKIE_LIMIT, Key, KeyRing, Session, Sessions};
    /// # let sessions: Sessions<String> =
    /// #     Sessions::builder("notes", KeyRing::new(Key::generate())).build()?;
    /// let note = Session::new("x".repeat(2_000));
    /// assert!(sessions.cookie_len(&note)? < COOKIE_LIMIT);
    /// let too_long = Session::new("x".repeat(4_000));
    /// assert!(sessions.cookie_len(&too_long)? > COOKIE_LIMIT, "`save` would refuse it");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`EncodeError::Serialize`] for types that postcard cannot hold;
    /// [`TooDeep`](EncodeError::TooDeep) and [`TooManyElements`](EncodeError::TooManyElements) for data
    /// that opening would refuse.
    pub fn cookie_len(&self, session: &Session<T>) -> Result<usize, EncodeError> {
        self.parts.cookie_len(session, Timestamp::now())
    }

    /// Opens a cookie's value.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] with the first check that the value failed, in the order of
    /// `docs/format.md`.
    ///
    /// # Panics
    ///
    /// Only if the application's own code does: a closure given to the builder, or serde's traits of
    /// `T`.
    pub fn decode(&self, value: &str) -> Result<Session<T>, DecodeError> {
        self.parts.decode(value.as_bytes(), Timestamp::now()).map_err(DecodeError::new)
    }

    /// [`decode`](Sessions::decode) with the time as an argument.
    ///
    /// # Errors
    ///
    /// Those of [`decode`](Sessions::decode).
    ///
    /// # Panics
    ///
    /// As [`decode`](Sessions::decode).
    pub fn decode_at(&self, value: &str, now: OffsetDateTime) -> Result<Session<T>, DecodeError> {
        self.parts.decode(value.as_bytes(), Timestamp::from_time(now)).map_err(DecodeError::new)
    }

    /// Makes a token for a form (OWASP, "Cross-Site Request Forgery Prevention"): 92 letters, digits,
    /// `-` and `_`, which need no escaping in HTML. The handler of the form gives it to
    /// [`verify_csrf`](Sessions::verify_csrf) **before** it changes anything.
    ///
    /// A token is good as long as the session keeps its id: not after [`Session::renew`],
    /// [`Session::reset`] or [`Session::rotate_id`], so ask for one after these. A rotation of keys
    /// breaks no open form. Each token looks different, so that a compressed page tells nothing about
    /// it (BREACH).
    ///
    /// Asking for one makes [`save`](Sessions::save) write a new visitor's session, because the token
    /// needs its cookie, and mark the response `private, no-store`, whatever the handler said.
    ///
    /// After `destroy()` the response removes the cookie, so a token for the same response is never
    /// accepted: call `reset()` instead if the page has a form, or redirect to one.
    ///
    /// ```
    /// # use sealed_session::{Key, KeyRing, Sessions};
    /// # use http::{HeaderMap, header::{COOKIE, SET_COOKIE}};
    /// # let sessions: Sessions<Option<String>> =
    /// #     Sessions::builder("shop", KeyRing::new(Key::generate())).build()?;
    /// // GET: show the form.
    /// # let mut response = HeaderMap::new();
    /// let session = sessions.load(&HeaderMap::new());
    /// let token = sessions.csrf_token(&session)?;
    /// let form = format!("<form method=post><input type=hidden name=csrf value={token}>");
    /// sessions.save(session, &mut response)?;
    ///
    /// // POST: the browser sends the cookie, and the form its token.
    /// # let mut request = HeaderMap::new();
    /// # request.insert(COOKIE, response[SET_COOKIE].to_str()?.split(';').next().unwrap().parse()?);
    /// let mut session = sessions.load(&request);
    /// assert!(sessions.verify_csrf(&session, &token));
    /// session.renew(); // a sign-in
    /// assert!(!sessions.verify_csrf(&session, &token));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`EncodeError::NoSealingKey`] if no key seals at this time; [`EncodeError::Randomness`] if the
    /// operating system gives no random bytes.
    pub fn csrf_token(&self, session: &Session<T>) -> Result<String, EncodeError> {
        self.parts.csrf_token(&session.meta, Timestamp::now())
    }

    /// [`csrf_token`](Sessions::csrf_token) with the time as an argument.
    ///
    /// # Errors
    ///
    /// Those of [`csrf_token`](Sessions::csrf_token).
    pub fn csrf_token_at(
        &self,
        session: &Session<T>,
        now: OffsetDateTime,
    ) -> Result<String, EncodeError> {
        self.parts.csrf_token(&session.meta, Timestamp::from_time(now))
    }

    /// Returns whether [`csrf_token`](Sessions::csrf_token) made this token for this session, on any
    /// server with the same keys. If it is `false`, change nothing, answer 403 and offer the form
    /// again: the visitor may have signed in or out in another tab.
    ///
    /// A form that was shown by a server which could not read the visitor's cookie and kept it (a
    /// newer schema's, for example) is accepted, too, as long as the browser sends that same cookie.
    #[must_use = "a form without a good token must change nothing"]
    pub fn verify_csrf(&self, session: &Session<T>, token: &str) -> bool {
        self.parts.verify_csrf(&session.meta, token, Timestamp::now())
    }

    /// [`verify_csrf`](Sessions::verify_csrf) with the time as an argument.
    #[must_use = "a form without a good token must change nothing"]
    pub fn verify_csrf_at(&self, session: &Session<T>, token: &str, now: OffsetDateTime) -> bool {
        self.parts.verify_csrf(&session.meta, token, Timestamp::from_time(now))
    }

    /// Swaps the keys while serving: for all clones, from the next cookie on, without a lock.
    pub fn set_key_ring(&self, ring: KeyRing) {
        self.parts.live.set_ring(ring);
    }

    /// Returns a key outside the ring that a cookie named since this was last asked, if one did.
    #[cfg(feature = "key-file")]
    pub(crate) fn take_unknown_key(&self) -> Option<KeyId> {
        self.parts.live.take_unknown_key()
    }

    /// Returns how long one sealed cookie may live: for the longest idle timeout, but not past the
    /// longest absolute one.
    #[cfg(feature = "key-file")]
    pub(crate) fn longest_life(&self) -> time::Duration {
        let longest = self.parts.policy.longest;
        time::Duration::seconds(longest.idle.min(longest.absolute).into())
    }

    /// Returns the id of the key that seals now, if there is one: a health check can show that a
    /// rotation has arrived.
    pub fn sealing_key(&self) -> Option<KeyId> {
        self.sealing_key_at(OffsetDateTime::now_utc())
    }

    /// [`sealing_key`](Sessions::sealing_key) with the time as an argument.
    pub fn sealing_key_at(&self, now: OffsetDateTime) -> Option<KeyId> {
        self.parts.live.ring().sealing(Timestamp::from_time(now)).map(|(id, _)| id)
    }

    /// Refuses every session created before `time`, for all clones: the end of what the holder of a
    /// leaked key could forge. It never moves back.
    pub fn reject_created_before(&self, time: OffsetDateTime) {
        self.parts.live.reject_created_before(Timestamp::from_time(time));
    }
}

#[cfg(feature = "_adapter")]
impl<T> Sessions<T> {
    /// [`csrf_token`](Sessions::csrf_token) for adapters.
    pub(crate) fn token_of(&self, meta: &Meta) -> Result<String, EncodeError> {
        self.parts.csrf_token(meta, Timestamp::now())
    }

    /// [`verify_csrf`](Sessions::verify_csrf) for adapters.
    pub(crate) fn has_made(&self, token: &str, meta: &Meta) -> bool {
        self.parts.verify_csrf(meta, token, Timestamp::now())
    }

    pub(crate) fn warnings(&self) -> &Warnings {
        &self.parts.live.warnings
    }
}

impl<T> Sessions<T> {
    /// Returns the cookie's name as it is sent.
    pub fn cookie_name(&self) -> &str {
        self.parts.codec.name()
    }
}

impl<T> Clone for Sessions<T> {
    fn clone(&self) -> Sessions<T> {
        Sessions { parts: Arc::clone(&self.parts) }
    }
}

/// The application's cookie and keys by their ids; no secret.
impl<T> fmt::Debug for Sessions<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("cookie_name", &self.parts.codec.name())
            .field("keys", &**self.parts.live.ring())
            .finish_non_exhaustive()
    }
}
