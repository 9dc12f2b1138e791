//! The steps between a cookie's value and a session, and back:
//! envelope, key ring, cipher, payload, timeouts.

use crate::error::EncodeError;
use crate::headers::cookie::CookieFinder;
use crate::headers::set_cookie::CookieWriter;
use crate::keys::ring::{KeyRing, Opening};
use crate::random;
use crate::rules::reason::Reason;
use crate::rules::timeouts::{Clocks, Policy};
use crate::session::{Loaded, Session};
use crate::telemetry::{self, SealedBy};
use crate::timestamp::Timestamp;
use crate::wire::envelope::{self, Binding, Envelope, Parts};
use crate::wire::plaintext::{self, Stamps, Written};
use arc_swap::ArcSwap;
use serde::{Serialize, de::DeserializeOwned};
use std::any::type_name;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use time::OffsetDateTime;

/// What name, `=` and value of a cookie may have together, in bytes: 4096. Browsers must store as
/// much (RFC 6265bis §5.6), and do not store more.
pub const COOKIE_LIMIT: usize = 4096;

/// How a `Sessions` was configured, and the few things that change while it serves.
pub(crate) struct Inner<T> {
    pub(crate) ring: ArcSwap<KeyRing>,
    /// Milliseconds since the Unix epoch.
    pub(crate) reject_created_before: AtomicU64,
    /// A cookie named a key that the ring does not have: perhaps the key file has it by now.
    pub(crate) unknown_key_met: AtomicBool,
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

impl<T: Serialize + DeserializeOwned> Inner<T> {
    /// Value → session, or the first check that it failed.
    pub(crate) fn open(&self, value: &[u8], now: Timestamp) -> Result<Session<T>, Reason> {
        let mut sealed_by = SealedBy::Unread;
        // Steps 1 to 8 are below.
        let mut result = self.check_and_open(value, now, &mut sealed_by);
        // 9. What the application ended.
        if let (Some(revoked), Ok(session)) = (&self.revoked, &result)
            && revoked(session)
        {
            result = Err(Reason::Revoked);
        }
        match &result {
            Ok(_) => telemetry::opened(sealed_by),
            Err(reason) => telemetry::rejected(*reason, sealed_by),
        }
        result
    }

    fn check_and_open(
        &self,
        value: &[u8],
        now: Timestamp,
        sealed_by: &mut SealedBy,
    ) -> Result<Session<T>, Reason> {
        // 1. Length, before any work.
        if self.name.len() + 1 + value.len() > COOKIE_LIMIT {
            return Err(Reason::TooLong);
        }
        // 2. Text → envelope.
        let mut envelope = Envelope::parse(value, &self.binding)?;
        // 3. Key id → key: exactly one, or none.
        let key_id = envelope.key_id();
        let ring = self.ring.load();
        *sealed_by = SealedBy::Known(key_id);
        let cipher = match ring.opening(key_id, now) {
            Opening::With(cipher) => cipher,
            Opening::Retired => return Err(Reason::RetiredKey),
            Opening::Unknown => {
                *sealed_by = SealedBy::Unknown(key_id);
                self.unknown_key_met.store(true, Ordering::Relaxed);
                return Err(Reason::UnknownKey);
            }
        };
        // 4. Ciphertext → plaintext.
        let Parts { associated, nonce, text, tag } = envelope.parts();
        cipher.open(nonce, associated, text, tag).map_err(|_| Reason::Forged)?;
        // 5. Plaintext → stamps, and where the data is.
        let (stamps, data) = plaintext::split(text)?;
        let (id, clocks) = stamps.identity()?;
        // 6. Both deadlines.
        clocks.check(&self.policy, now)?;
        // 7. What the operator ended.
        if clocks.created.millis() < self.reject_created_before.load(Ordering::Relaxed) {
            return Err(Reason::Revoked);
        }
        // 8. Data → `T`, of this schema or an older one.
        let upgraded = stamps.schema() != self.schema;
        let value = match stamps.schema() {
            schema if schema > self.schema => return Err(Reason::NewerSchema),
            schema if upgraded => {
                self.upgrades.get(&schema).ok_or(Reason::OldSchema)?(&text[data.clone()])
            }
            _ => plaintext::read(&text[data.clone()]),
        }?;
        let (buffer, text) = envelope.into_plaintext();
        let data = text.start + data.start..text.start + data.end;
        let loaded = Loaded { buffer, data, own_timeouts: clocks.own, upgraded };
        Ok(Session::restored(value, id, clocks, now, self.policy, loaded))
    }

    /// Session → payload without its padding, renewed at `now`.
    pub(crate) fn draft(&self, session: &Session<T>, now: Timestamp) -> Result<Draft, EncodeError> {
        /// For a session that was in no cookie yet.
        const USUAL_LEN: usize = 512;
        let renewed = session.clocks.renewed_at(&self.policy, now);
        let clocks = Clocks { renewed, ..session.clocks };
        let stamps = Stamps::new(session.id, &clocks, self.schema);
        let expected_len = session.loaded.as_ref().map_or(USUAL_LEN, |loaded| loaded.buffer.len());

        let mut envelope = Envelope::draft(&self.binding, expected_len);
        let (buffer, _) = envelope.text();
        let written = plaintext::write(buffer, &stamps, &**session)
            .map_err(|error| EncodeError::of_write(error, type_name::<T>()))?;
        Ok(Draft { envelope, clocks, written })
    }

    /// Whether the data is other than it was loaded, or than a new visitor's.
    pub(crate) fn differs(&self, session: &Session<T>, draft: &Draft) -> bool {
        let before = match &session.loaded {
            Some(loaded) if loaded.upgraded => return true,
            Some(loaded) => &loaded.buffer[loaded.data.clone()],
            None => &self.default_data,
        };
        draft.written.excess > 0 || draft.envelope.bytes(draft.written.data.clone()) != before
    }

    /// A session that fits now must still fit when a renewal has made its stamps longer.
    fn check_size(&self, draft: &mut Draft) -> Result<(), EncodeError> {
        let (buffer, start) = draft.envelope.text();
        let end_marker = 1;
        let widest = buffer.len() - start
            + draft.written.excess
            + plaintext::growth(&draft.clocks)
            + end_marker;
        let value_len = envelope::value_len(plaintext::padded_len(widest, self.padding));
        let size = self.name.len() + 1 + value_len;
        if size > COOKIE_LIMIT {
            return Err(EncodeError::TooLarge { size, limit: COOKIE_LIMIT });
        }
        Ok(())
    }

    /// Whether a new session with this in it fits its cookie.
    pub(crate) fn check_fits(&self, data: T) -> Result<(), EncodeError> {
        let session = Session::new_at(data, OffsetDateTime::UNIX_EPOCH);
        self.check_size(&mut self.draft(&session, session.now)?)
    }

    /// Payload → envelope under the key that seals now.
    pub(crate) fn seal(
        &self,
        mut draft: Draft,
        session: &Session<T>,
        now: Timestamp,
    ) -> Result<Envelope, EncodeError> {
        // 1. Size.
        self.check_size(&mut draft)?;
        let Draft { mut envelope, clocks: _, written } = draft;
        let (buffer, start) = envelope.text();
        // 2. Would it come back? Looked for while developing.
        if cfg!(debug_assertions) && !plaintext::round_trips::<T>(&buffer[written.data]) {
            return Err(EncodeError::RoundTrip { type_name: type_name::<T>() });
        }
        // 3. Padding.
        plaintext::pad(buffer, start, self.padding);
        // 4. The key of the day, and a nonce from the operating system.
        let ring = self.ring.load();
        let (key_id, cipher) = ring.sealing(now).ok_or(EncodeError::NoSealingKey)?;
        if !session.has_id() {
            return Err(EncodeError::Randomness);
        }
        let nonce = random::bytes().map_err(|_| EncodeError::Randomness)?;
        envelope.address(key_id, nonce);
        // 5. Plaintext → ciphertext and tag.
        let Parts { associated, nonce, text, tag } = envelope.parts();
        *tag = cipher.seal(nonce, associated, text);
        telemetry::sealed(key_id);
        Ok(envelope)
    }
}

/// A session on its way into a cookie, before anything is decided.
pub(crate) struct Draft {
    /// With the plaintext up to the end of `T`.
    envelope: Envelope,
    /// As they are written.
    pub(crate) clocks: Clocks,
    written: Written,
}

#[cfg(test)]
mod tests {
    use crate::random::failing;
    use crate::{EncodeError, Key, KeyRing, Saved, Session, Sessions};
    use http::HeaderMap;

    fn sessions() -> Sessions<u32> {
        Sessions::builder("shop", KeyRing::new(Key::generate())).build().unwrap()
    }

    #[test]
    fn without_randomness_for_the_nonce_nothing_is_sealed() {
        let (sessions, session) = (sessions(), Session::new(7));
        let result = failing::during(|| sessions.encode(&session));
        assert!(matches!(result, Err(EncodeError::Randomness)));
        assert!(sessions.encode(&session).is_ok(), "the session itself is sound");
    }

    #[test]
    fn without_randomness_for_the_id_a_session_is_never_sealed() {
        let sessions = sessions();
        let new = failing::during(|| Session::new(7));
        let mut renewed = Session::new(7);
        failing::during(|| renewed.renew());
        let mut rotated = Session::new(7);
        failing::during(|| rotated.rotate_id());
        for session in [new, renewed, rotated] {
            assert!(matches!(sessions.encode(&session), Err(EncodeError::Randomness)));
        }
    }

    #[test]
    fn an_id_drawn_later_makes_up_for_one_that_failed() {
        let mut session = failing::during(|| Session::new(7));
        session.renew();
        assert!(sessions().encode(&session).is_ok());
    }

    #[test]
    fn without_randomness_loading_works_and_saving_leaves_the_headers_alone() {
        let sessions = sessions();
        let mut session = failing::during(|| sessions.load(&HeaderMap::new()));
        *session += 1;
        let mut headers = HeaderMap::new();
        assert!(matches!(sessions.save(session, &mut headers), Err(EncodeError::Randomness)));
        assert!(headers.is_empty());
        let untouched = failing::during(|| sessions.load(&HeaderMap::new()));
        assert_eq!(sessions.save(untouched, &mut headers).unwrap(), Saved::Unchanged);
    }
}
