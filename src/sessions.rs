//! `Sessions<T>`: `load`, `save`, `encode`, `decode`: the two numbered pipelines, nothing else.

use crate::config::builder::SessionsBuilder;
use crate::error::{DecodeError, EncodeError};
use crate::headers::caching;
use crate::headers::cookie::cookie_headers;
use crate::keys::id::KeyId;
use crate::keys::ring::KeyRing;
use crate::rules::decision::{self, Decision, Facts};
use crate::rules::reason::Reason;
use crate::session::{Cookies, Origin, Session};
use crate::telemetry::{self, SealedBy};
use crate::timestamp::Timestamp;
use crate::wire::codec::Inner;
use http::HeaderMap;
use serde::{Serialize, de::DeserializeOwned};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use time::OffsetDateTime;

/// Of the cookies of our name in one request, so many reach the cipher at most: work is bounded,
/// and three planted ones do not hide ours.
const MAX_OPENED: usize = 4;

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
    inner: Arc<Inner<T>>,
}

/// What [`Sessions::save`] did with the browser's cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Saved {
    /// Nothing: it is as it should be, or there is none and none is needed.
    Unchanged,
    /// It was written, because the session changed or was due for renewal.
    Written,
    /// It was removed.
    Removed,
    /// A renewal or a removal was due and is left to a later response: a shared cache may
    /// store this one, or it came over five seconds after its request.
    Deferred,
}

impl<T: Serialize + DeserializeOwned> Sessions<T> {
    /// Starts a configuration. `app` binds the cookies to this use: give each `T` of a program
    /// its own (`shop`, `shop/reset`), so that a value sealed for one never opens in another.
    pub fn builder(app: impl Into<String>, keys: KeyRing) -> SessionsBuilder<T> {
        SessionsBuilder::new(app.into(), keys)
    }

    pub(crate) fn from_inner(inner: Inner<T>) -> Sessions<T> {
        Sessions { inner: Arc::new(inner) }
    }

    /// The session of the visitor who sent these headers. It never fails: whoever has no cookie, or
    /// one that is not accepted, is a new visitor with `T::default()`, and [`Session::origin`]
    /// tells why.
    ///
    /// # Panics
    ///
    /// Only if the application's own `upgrade` or `revoked` does.
    pub fn load(&self, headers: &HeaderMap) -> Session<T>
    where
        T: Default,
    {
        *self.load_cookies(cookie_headers(headers), Timestamp::now())
    }

    /// [`load`](Sessions::load) with the time as an argument.
    ///
    /// # Panics
    ///
    /// Only if the application's own `upgrade` or `revoked` does.
    pub fn load_at(&self, headers: &HeaderMap, now: OffsetDateTime) -> Session<T>
    where
        T: Default,
    {
        *self.load_cookies(cookie_headers(headers), Timestamp::from_time(now))
    }

    /// [`load`](Sessions::load) for adapters. A session is as large as `T` and is handed on a dozen
    /// times on its way through a framework, so there it lives in a box.
    pub(crate) fn load_cookies<'h>(
        &self,
        headers: impl Iterator<Item = &'h [u8]>,
        now: Timestamp,
    ) -> Box<Session<T>>
    where
        T: Default,
    {
        let mut seen = 0;
        let mut opened = 0;
        let mut found: Option<Box<Session<T>>> = None;
        let mut ambiguous = false;
        let mut rejected: Option<Reason> = None;

        // 1. Cookie headers → candidate values.
        for value in self.inner.finder.values(headers) {
            seen += 1;
            if opened == MAX_OPENED {
                continue;
            }
            // 2. Each value → session, or the reason against it.
            match self.inner.open(value, now).map(Box::new) {
                Ok(session) => {
                    opened += 1;
                    // 3. Of two with one id, the later renewal wins.
                    let other = found.as_ref();
                    ambiguous |= other.is_some_and(|other| other.id != session.id);
                    if other.is_none_or(|other| other.clocks.renewed < session.clocks.renewed) {
                        found = Some(session);
                    }
                }
                Err(reason) => {
                    opened += usize::from(reason.reached_cipher());
                    rejected = Some(rejected.map_or(reason, |other| graver(other, reason)));
                }
            }
        }

        // 4. Exactly one wins; two could be anybody's.
        let cookies = match seen {
            0 => Cookies::None,
            1 => Cookies::One,
            _ => Cookies::Several,
        };
        let origin = match (found, rejected) {
            (Some(mut session), _) if !ambiguous => {
                session.cookies = cookies;
                return session;
            }
            (Some(_), _) => {
                telemetry::rejected(Reason::Ambiguous, SealedBy::Unread);
                Origin::Rejected(Reason::Ambiguous)
            }
            (None, Some(reason)) => Origin::Rejected(reason),
            (None, None) => Origin::New,
        };
        Box::new(Session::fresh(T::default(), now, self.inner.policy, origin, cookies))
    }

    /// Writes into the response what the browser must be told: usually nothing.
    ///
    /// See `docs/design.md` for the table of what is written, removed and deferred, and for what
    /// happens to `Cache-Control` and `Vary`. The response's status does not matter.
    ///
    /// # Errors
    ///
    /// Those of [`encode`](Sessions::encode). The headers are left as they are then, and so is the
    /// visitor's old cookie.
    pub fn save(&self, session: Session<T>, headers: &mut HeaderMap) -> Result<Saved, EncodeError>
    where
        T: Default,
    {
        self.save_borrowed(&session, headers, Timestamp::now())
    }

    /// [`save`](Sessions::save) with the time as an argument.
    ///
    /// # Errors
    ///
    /// Those of [`encode`](Sessions::encode).
    pub fn save_at(
        &self,
        session: Session<T>,
        headers: &mut HeaderMap,
        now: OffsetDateTime,
    ) -> Result<Saved, EncodeError>
    where
        T: Default,
    {
        self.save_borrowed(&session, headers, Timestamp::from_time(now))
    }

    /// [`save`](Sessions::save) for adapters, which drop the session where it stands.
    pub(crate) fn save_borrowed(
        &self,
        session: &Session<T>,
        headers: &mut HeaderMap,
        now: Timestamp,
    ) -> Result<Saved, EncodeError> {
        let changes = session.changes;
        let origin = session.origin();

        // 1. Session → draft of its payload, if it could have changed and that matters.
        let ignored = changes.destroyed || (decision::is_kept(origin) && !changes.renewed);
        let draft =
            if changes.touched && !ignored { Some(self.inner.draft(session, now)?) } else { None };

        // 2. Must it be written?
        let caching = caching::caching(headers);
        let decision = Facts {
            origin,
            cookies: session.cookies,
            destroyed: changes.destroyed,
            renewed: changes.renewed,
            changed: session.stamps_changed()
                || draft.as_ref().is_some_and(|draft| self.inner.differs(session, draft)),
            renewal_due: session.is_upgraded()
                || origin == Origin::Restored
                    && session.clocks.renewal_due(&self.inner.policy, now),
            late: now.seconds_since(session.now) > decision::LATE_AFTER_SECONDS,
            caching,
        }
        .decide();

        // 3. Payload → cipher → envelope → Set-Cookie.
        let saved = match decision {
            Decision::Write => {
                let draft = draft.map_or_else(|| self.inner.draft(session, now), Ok)?;
                let max_age = draft.clocks.seconds_left(&self.inner.policy, now);
                let envelope = self.inner.seal(draft, session, now)?;
                self.inner.writer.set(headers, max_age, &envelope);
                Saved::Written
            }
            Decision::Remove => {
                self.inner.writer.remove(headers);
                Saved::Removed
            }
            Decision::Defer => Saved::Deferred,
            Decision::Leave => Saved::Unchanged,
        };

        // 4. Whatever was said, no cache may hand it to somebody else.
        match saved {
            Saved::Written | Saved::Removed => caching::keep_private(headers, caching),
            Saved::Unchanged | Saved::Deferred => caching::mark_read(headers, caching),
        }
        caching::vary_by_cookie(headers);
        Ok(saved)
    }

    /// The session as a cookie's value, renewed and freshly sealed: base64url of an envelope.
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
    /// renewal; [`Serialize`](EncodeError::Serialize) and [`RoundTrip`](EncodeError::RoundTrip) for
    /// types that postcard cannot hold; [`Randomness`](EncodeError::Randomness) if the operating
    /// system gives none; [`NoSealingKey`](EncodeError::NoSealingKey) if no key seals at this time.
    pub fn encode(&self, session: &Session<T>) -> Result<String, EncodeError> {
        self.seal(session, Timestamp::now())
    }

    /// [`encode`](Sessions::encode) with the time as an argument.
    ///
    /// # Errors
    ///
    /// Those of [`encode`](Sessions::encode).
    pub fn encode_at(
        &self,
        session: &Session<T>,
        now: OffsetDateTime,
    ) -> Result<String, EncodeError> {
        self.seal(session, Timestamp::from_time(now))
    }

    fn seal(&self, session: &Session<T>, now: Timestamp) -> Result<String, EncodeError> {
        // 1. Session → payload.
        let draft = self.inner.draft(session, now)?;
        // 2. Payload → cipher → envelope.
        let envelope = self.inner.seal(draft, session, now)?;
        // 3. Envelope → text.
        let mut value = String::with_capacity(envelope.value_len());
        envelope.append_to(&mut value);
        Ok(value)
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
    /// Only if the application's own `upgrade` or `revoked` does.
    pub fn decode(&self, value: &str) -> Result<Session<T>, DecodeError> {
        self.inner.open(value.as_bytes(), Timestamp::now()).map_err(DecodeError::new)
    }

    /// [`decode`](Sessions::decode) with the time as an argument.
    ///
    /// # Errors
    ///
    /// Those of [`decode`](Sessions::decode).
    ///
    /// # Panics
    ///
    /// Only if the application's own `upgrade` or `revoked` does.
    pub fn decode_at(&self, value: &str, now: OffsetDateTime) -> Result<Session<T>, DecodeError> {
        self.inner.open(value.as_bytes(), Timestamp::from_time(now)).map_err(DecodeError::new)
    }

    /// Swaps the keys while serving: for all clones, from the next cookie on, without a lock.
    pub fn set_key_ring(&self, ring: KeyRing) {
        let time = ring.reject_created_before_millis();
        self.inner.reject_created_before.fetch_max(time, Ordering::Relaxed);
        self.inner.ring.store(Arc::new(ring));
    }

    /// The cookie's name as it is sent.
    pub fn cookie_name(&self) -> &str {
        &self.inner.name
    }

    /// Whether a cookie named a key outside the ring since this was last asked.
    #[cfg(feature = "key-file")]
    pub(crate) fn take_unknown_key_met(&self) -> bool {
        self.inner.unknown_key_met.swap(false, Ordering::Relaxed)
    }

    /// Returns how long one sealed cookie may live: for the longest idle timeout, but not past the
    /// longest absolute one.
    #[cfg(feature = "key-file")]
    pub(crate) fn longest_life(&self) -> time::Duration {
        let longest = self.inner.policy.longest;
        time::Duration::seconds(longest.idle.min(longest.absolute).into())
    }

    /// The id of the key that seals now, if there is one: a health check can show that a
    /// rotation has arrived.
    pub fn sealing_key(&self) -> Option<KeyId> {
        self.sealing_key_at(OffsetDateTime::now_utc())
    }

    /// [`sealing_key`](Sessions::sealing_key) with the time as an argument.
    pub fn sealing_key_at(&self, now: OffsetDateTime) -> Option<KeyId> {
        self.inner.ring.load().sealing(Timestamp::from_time(now)).map(|(id, _)| id)
    }

    /// Refuses every session created before `time`, for all clones: the end of what the holder of a
    /// leaked key could forge. It never moves back.
    pub fn reject_created_before(&self, time: OffsetDateTime) {
        let time = Timestamp::from_time(time).millis();
        self.inner.reject_created_before.fetch_max(time, Ordering::Relaxed);
    }
}

/// Of two reasons the one to act on: first what must be kept, then what passed more checks.
fn graver(a: Reason, b: Reason) -> Reason {
    let rank = |reason| (decision::is_kept(Origin::Rejected(reason)), reason as u8);
    if rank(a) < rank(b) { b } else { a }
}

impl<T> Clone for Sessions<T> {
    fn clone(&self) -> Sessions<T> {
        Sessions { inner: Arc::clone(&self.inner) }
    }
}

/// The application's cookie and keys by their ids; no secret.
impl<T> fmt::Debug for Sessions<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("cookie_name", &self.inner.name)
            .field("keys", &self.inner.ring.load())
            .finish_non_exhaustive()
    }
}
