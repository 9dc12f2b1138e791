//! `Sessions<T>`: `load`, `save`, `encode`, `decode`: the two numbered pipelines, nothing else.

use crate::builder::SessionsBuilder;
use crate::decision::{self, Decision, Facts};
use crate::envelope::{self, Binding, Envelope, Parts};
use crate::error::{DecodeError, EncodeError, Reason};
use crate::instant::Instant;
use crate::key::KeyId;
use crate::key_ring::{KeyRing, Opening};
use crate::payload::{self, Stamps, Written};
use crate::random;
use crate::report::{self, SealedBy};
use crate::request::CookieFinder;
use crate::response::{self, CookieWriter};
use crate::session::{Cookies, Loaded, Origin, Session};
use crate::timeouts::{Clocks, Policy};
use arc_swap::ArcSwap;
use http::HeaderMap;
use serde::{Serialize, de::DeserializeOwned};
use std::any::type_name;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use time::OffsetDateTime;

/// Browsers must store this many bytes of name and value (RFC 6265bis §5.6), and store no more.
pub(crate) const COOKIE_LIMIT: usize = 4096;
/// Of the cookies of our name in one request, so many reach the cipher at most: work is bounded,
/// and three planted ones do not hide ours.
const MOST_OPENED: usize = 4;

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

/// How a `Sessions` was configured, and the two things that change while it serves.
pub(crate) struct Inner<T> {
    pub(crate) ring: ArcSwap<KeyRing>,
    /// Milliseconds since the Unix epoch.
    pub(crate) reject_created_before: AtomicU64,
    pub(crate) name: String,
    pub(crate) binding: Binding,
    pub(crate) finder: CookieFinder,
    pub(crate) writer: CookieWriter,
    pub(crate) policy: Policy,
    pub(crate) padding: usize,
    pub(crate) schema: u32,
    pub(crate) upgrades: BTreeMap<u32, Upgrade<T>>,
    pub(crate) revoked: Option<Revoked<T>>,
    /// What an unchanged new session would be written as.
    pub(crate) default_data: Vec<u8>,
}

pub(crate) type Upgrade<T> = Box<dyn Fn(&[u8]) -> Result<T, Reason> + Send + Sync>;
pub(crate) type Revoked<T> = Box<dyn Fn(&Session<T>) -> bool + Send + Sync>;

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

    /// The session of the visitor who sent these headers. It never fails: whoever has no cookie, or one
    /// that is not accepted, is a new visitor with `T::default()`, and [`Session::origin`] tells why.
    ///
    /// # Panics
    ///
    /// Only if the application's own `upgrade` or `revoked` does.
    pub fn load(&self, headers: &HeaderMap) -> Session<T>
    where
        T: Default,
    {
        self.load_at(headers, OffsetDateTime::now_utc())
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
        let now = Instant::from_time(now);
        let mut seen = 0;
        let mut opened = 0;
        let mut found: Option<Session<T>> = None;
        let mut ambiguous = false;
        let mut rejected: Option<Reason> = None;

        // 1. Cookie headers → candidate values.
        for value in self.inner.finder.values(headers) {
            seen += 1;
            if opened == MOST_OPENED {
                continue;
            }
            // 2. Each value → session, or the reason against it.
            match self.open(value, now) {
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
                report::rejected(Reason::Ambiguous, SealedBy::Unread);
                Origin::Rejected(Reason::Ambiguous)
            }
            (None, Some(reason)) => Origin::Rejected(reason),
            (None, None) => Origin::New,
        };
        Session::fresh(T::default(), now, self.inner.policy, origin, cookies)
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
        self.save_at(session, headers, OffsetDateTime::now_utc())
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
        let now = Instant::from_time(now);
        let changes = session.changes;
        let origin = *session.origin();

        // 1. Session → draft of its payload, if it could have changed and that matters.
        let ignored = changes.destroyed || (decision::is_kept(origin) && !changes.renewed);
        let draft = match session.may_have_changed() && !ignored {
            true => Some(self.draft(&session, now)?),
            false => None,
        };

        // 2. Must it be written?
        let decision = Facts {
            origin,
            cookies: session.cookies,
            destroyed: changes.destroyed,
            renewed: changes.renewed,
            changed: session.stamps_changed()
                || draft.as_ref().is_some_and(|draft| self.differs(&session, draft)),
            renewal_due: origin == Origin::Restored
                && session.clocks.renewal_due(&self.inner.policy, now),
            late: now.seconds_since(session.now) > decision::LATE_AFTER_SECONDS,
            caching: response::caching(headers),
        }
        .decide();

        // 3. Payload → cipher → envelope → Set-Cookie.
        let saved = match decision {
            Decision::Write => {
                let draft = draft.map_or_else(|| self.draft(&session, now), Ok)?;
                let max_age = draft.clocks.seconds_left(&self.inner.policy, now);
                let envelope = self.seal(draft, &session, now)?;
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
            Saved::Written | Saved::Removed => response::keep_private(headers),
            Saved::Unchanged | Saved::Deferred => response::mark_read(headers),
        }
        response::vary_by_cookie(headers);
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
    /// [`EncodeError::TooLarge`] if name, `=` and value exceed 4096 bytes, now or after a later renewal;
    /// [`Serialize`](EncodeError::Serialize) and [`RoundTrip`](EncodeError::RoundTrip) for types that postcard
    /// cannot hold; [`Randomness`](EncodeError::Randomness) if the operating system gives none;
    /// [`NoSealingKey`](EncodeError::NoSealingKey) if no key seals at this time.
    pub fn encode(&self, session: &Session<T>) -> Result<String, EncodeError> {
        self.encode_at(session, OffsetDateTime::now_utc())
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
        let now = Instant::from_time(now);
        // 1. Session → payload.
        let draft = self.draft(session, now)?;
        // 2. Payload → cipher → envelope.
        let envelope = self.seal(draft, session, now)?;
        // 3. Envelope → text.
        let mut value = String::with_capacity(envelope.value_len());
        envelope.append_to(&mut value);
        Ok(value)
    }

    /// Opens a cookie's value.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] with the first check that the value failed, in the order of `docs/format.md`.
    ///
    /// # Panics
    ///
    /// Only if the application's own `upgrade` or `revoked` does.
    pub fn decode(&self, value: &str) -> Result<Session<T>, DecodeError> {
        self.decode_at(value, OffsetDateTime::now_utc())
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
        self.open(value.as_bytes(), Instant::from_time(now)).map_err(DecodeError::new)
    }

    /// Swaps the keys while serving: for all clones, from the next cookie on, without a lock.
    pub fn set_key_ring(&self, ring: KeyRing) {
        self.inner.ring.store(Arc::new(ring));
    }

    /// The id of the key that seals now, if there is one: a health check can show that a
    /// rotation has arrived.
    pub fn sealing_key(&self) -> Option<KeyId> {
        self.sealing_key_at(OffsetDateTime::now_utc())
    }

    /// [`sealing_key`](Sessions::sealing_key) with the time as an argument.
    pub fn sealing_key_at(&self, now: OffsetDateTime) -> Option<KeyId> {
        self.inner.ring.load().sealing(Instant::from_time(now)).map(|(id, _)| id)
    }

    /// Refuses every session created before `time`, for all clones: the end of what the holder of a leaked
    /// key could forge. It never moves back.
    pub fn reject_created_before(&self, time: OffsetDateTime) {
        let time = Instant::from_time(time).millis();
        self.inner.reject_created_before.fetch_max(time, Ordering::Relaxed);
    }

    /// Value → session, and the word to logs and counters.
    fn open(&self, value: &[u8], now: Instant) -> Result<Session<T>, Reason> {
        let mut sealed_by = SealedBy::Unread;
        let result = self.check_and_open(value, now, &mut sealed_by);
        match (&result, sealed_by) {
            (Ok(_), SealedBy::Known(key_id)) => report::opened(key_id),
            (Ok(_), _) => unreachable!("only a known key opens"),
            (Err(reason), _) => report::rejected(*reason, sealed_by),
        }
        result
    }

    fn check_and_open(
        &self,
        value: &[u8],
        now: Instant,
        sealed_by: &mut SealedBy,
    ) -> Result<Session<T>, Reason> {
        let inner = &*self.inner;
        // 1. Length, before any work.
        if inner.name.len() + 1 + value.len() > COOKIE_LIMIT {
            return Err(Reason::TooLong);
        }
        // 2. Text → envelope.
        let mut envelope = Envelope::parse(value, &inner.binding)?;
        // 3. Key id → key: exactly one, or none.
        let key_id = envelope.key_id();
        let ring = inner.ring.load();
        *sealed_by = SealedBy::Known(key_id);
        let cipher = match ring.opening(key_id, now) {
            Opening::With(cipher) => cipher,
            Opening::Retired => return Err(Reason::RetiredKey),
            Opening::Unknown => {
                *sealed_by = SealedBy::Unknown(key_id);
                return Err(Reason::UnknownKey);
            }
        };
        // 4. Ciphertext → plaintext.
        let Parts { associated, nonce, text, tag } = envelope.parts();
        cipher.open(nonce, associated, text, tag).map_err(|_| Reason::Forged)?;
        // 5. Plaintext → stamps, and where the data is.
        let (stamps, data) = payload::split(text)?;
        let (id, clocks) = stamps.identity()?;
        // 6. Both deadlines.
        clocks.check(&inner.policy, now)?;
        // 7. What the operator ended.
        if clocks.created.millis() < inner.reject_created_before.load(Ordering::Relaxed) {
            return Err(Reason::Revoked);
        }
        // 8. Data → `T`, of this schema or an older one.
        let upgraded = stamps.schema != inner.schema;
        let value = match stamps.schema {
            schema if schema > inner.schema => return Err(Reason::NewerSchema),
            schema if upgraded => {
                inner.upgrades.get(&schema).ok_or(Reason::OldSchema)?(&text[data.clone()])?
            }
            _ => payload::read(&text[data.clone()])?,
        };
        let (buffer, text) = envelope.into_plaintext();
        let data = text.start + data.start..text.start + data.end;
        let loaded = Loaded { buffer, data, own_timeouts: clocks.own, upgraded };
        let session = Session::restored(value, id, clocks, now, inner.policy, loaded);
        // 9. What the application ended.
        if inner.revoked.as_ref().is_some_and(|revoked| revoked(&session)) {
            return Err(Reason::Revoked);
        }
        Ok(session)
    }

    /// Session → payload without its padding, renewed at `now`.
    fn draft(&self, session: &Session<T>, now: Instant) -> Result<Draft, EncodeError> {
        /// For a session that was in no cookie yet.
        const USUAL_LEN: usize = 512;
        let inner = &*self.inner;
        let renewed = session.clocks.renewed_at(&inner.policy, now);
        let clocks = Clocks { renewed, ..session.clocks };
        let stamps = Stamps::new(session.id, &clocks, inner.schema);
        let expected_len = session.loaded.as_ref().map_or(USUAL_LEN, |loaded| loaded.buffer.len());

        let mut envelope = Envelope::draft(&inner.binding, expected_len);
        let (buffer, _) = envelope.text();
        let written = payload::write(buffer, &stamps, &**session)
            .map_err(|source| EncodeError::Serialize { type_name: type_name::<T>(), source })?;
        Ok(Draft { envelope, clocks, written })
    }

    /// Whether the data is other than it was loaded, or than a new visitor's.
    fn differs(&self, session: &Session<T>, draft: &Draft) -> bool {
        let before = match &session.loaded {
            Some(loaded) if loaded.upgraded => return true,
            Some(loaded) => &loaded.buffer[loaded.data.clone()],
            None => &self.inner.default_data,
        };
        draft.written.excess > 0 || draft.envelope.bytes(draft.written.data.clone()) != before
    }

    /// A session that fits now must still fit when a renewal has made its stamps longer.
    fn check_size(&self, draft: &mut Draft) -> Result<(), EncodeError> {
        let (buffer, start) = draft.envelope.text();
        let end_marker = 1;
        let widest = buffer.len() - start
            + draft.written.excess
            + payload::growth(&draft.clocks)
            + end_marker;
        let value_len = envelope::value_len(payload::padded_len(widest, self.inner.padding));
        let size = self.inner.name.len() + 1 + value_len;
        match size > COOKIE_LIMIT {
            true => Err(EncodeError::TooLarge { size, limit: COOKIE_LIMIT }),
            false => Ok(()),
        }
    }

    /// Whether a new session with this in it fits its cookie.
    pub(crate) fn check_fits(&self, data: T) -> Result<(), EncodeError> {
        let session = Session::new_at(data, OffsetDateTime::UNIX_EPOCH);
        self.check_size(&mut self.draft(&session, session.now)?)
    }

    /// Payload → envelope under the key that seals now.
    fn seal(
        &self,
        mut draft: Draft,
        session: &Session<T>,
        now: Instant,
    ) -> Result<Envelope, EncodeError> {
        let inner = &*self.inner;
        // 1. Size.
        self.check_size(&mut draft)?;
        let Draft { mut envelope, clocks: _, written } = draft;
        let (buffer, start) = envelope.text();
        // 2. Would it come back? Looked for while developing.
        if cfg!(debug_assertions) && !payload::round_trips::<T>(&buffer[written.data]) {
            return Err(EncodeError::RoundTrip { type_name: type_name::<T>() });
        }
        // 3. Padding.
        payload::pad(buffer, start, inner.padding);
        // 4. The key of the day, and a nonce from the operating system.
        let ring = inner.ring.load();
        let (key_id, cipher) = ring.sealing(now).ok_or(EncodeError::NoSealingKey)?;
        if session.lacks_randomness {
            return Err(EncodeError::Randomness);
        }
        let nonce = random::bytes().map_err(|_| EncodeError::Randomness)?;
        envelope.address(key_id, nonce);
        // 5. Plaintext → ciphertext and tag.
        let Parts { associated, nonce, text, tag } = envelope.parts();
        *tag = cipher.seal(nonce, associated, text);
        report::sealed(key_id);
        Ok(envelope)
    }
}

/// A session on its way into a cookie, before anything is decided.
struct Draft {
    /// With the plaintext up to the end of `T`.
    envelope: Envelope,
    /// As they are written.
    clocks: Clocks,
    written: Written,
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
