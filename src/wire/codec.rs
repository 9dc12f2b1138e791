//! A cookie's value ⇄ stamps and data: all checks that need no `T`, and the rule of size.

use crate::error::EncodeError;
use crate::keys::id::{KeyId, NamedKey};
use crate::keys::ring::{KeyRing, Opening};
use crate::live_state::LiveState;
use crate::random;
use crate::rules::reason::{Reason, Refusal};
use crate::rules::timeouts::Policy;
use crate::timestamp::Timestamp;
use crate::wire::cipher::{Cipher, NONCE_LEN};
use crate::wire::envelope::{self, Binding, Envelope};
use crate::wire::plaintext::{self, ID_RANDOM_LEN, Plaintext, Stamps};
use uuid::Uuid;

/// What name, `=` and value of a cookie may have together, in bytes: 4096. Browsers must store as
/// much (RFC 6265bis §5.6), and do not store more.
pub const COOKIE_LIMIT: usize = 4096;

/// Turns values into stamps and data, and back. A later version of the wire format would be another
/// one of these.
pub(crate) struct Codec {
    name: Box<str>,
    binding: Binding,
    padding: usize,
}

/// A value whose key opens now: rows 1 to 5 of `docs/format.md` are passed.
pub(crate) struct Recognised<'r> {
    envelope: Envelope,
    key_id: KeyId,
    cipher: &'r Cipher,
}

/// An authentic value that passed rows 1 to 10, or came as far as having stamps.
pub(crate) struct Opened {
    pub(crate) key_id: KeyId,
    pub(crate) stamps: Stamps,
    pub(crate) plaintext: Plaintext,
}

/// Why a value was refused, and all that was known by then.
pub(crate) struct Rejection {
    pub(crate) refusal: Refusal,
    /// The key that it names, if that was read.
    pub(crate) key: Option<NamedKey>,
    /// What is inside, if it is authentic.
    pub(crate) opened: Option<Box<Opened>>,
}

impl Rejection {
    pub(crate) fn unread(refusal: Refusal) -> Rejection {
        Rejection { refusal, key: None, opened: None }
    }

    fn of_key(refusal: Refusal, id: KeyId, known: bool) -> Rejection {
        Rejection { refusal, key: Some(NamedKey { id, known }), opened: None }
    }

    pub(crate) fn authentic(refusal: Refusal, opened: Opened) -> Rejection {
        let key = Some(NamedKey { id: opened.key_id, known: true });
        Rejection { refusal, key, opened: Some(Box::new(opened)) }
    }
}

impl Codec {
    /// `app` and `name` are at most 65,535 bytes long, and `padding` is at least 1.
    pub(crate) fn new(app: &str, name: &str, padding: usize) -> Codec {
        Codec { name: name.into(), binding: Binding::new(app, name), padding }
    }

    /// Returns the cookie's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns application and name as form tokens are bound to them.
    pub(crate) fn context(&self) -> &[u8] {
        self.binding.context()
    }

    /// Opens a value, or returns the first check that it failed.
    pub(crate) fn open(
        &self,
        value: &[u8],
        live: &LiveState,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Opened, Rejection> {
        let ring = live.ring();
        let recognised = self.recognise(value, &ring, live, now)?;
        self.decrypt(recognised, live, policy, now)
    }

    /// Rows 1 to 5: everything before the cipher.
    pub(crate) fn recognise<'r>(
        &self,
        value: &[u8],
        ring: &'r KeyRing,
        live: &LiveState,
        now: Timestamp,
    ) -> Result<Recognised<'r>, Rejection> {
        // 1 to 4. Length, before any work; then text → envelope.
        let envelope = self.read_envelope(value).map_err(Rejection::unread)?;
        // 5. Key id → key: exactly one, or none.
        let key_id = envelope.key_id();
        match ring.opening(key_id, now) {
            Opening::With(cipher) => Ok(Recognised { envelope, key_id, cipher }),
            Opening::Retired => {
                Err(Rejection::of_key(Refusal::at(5, Reason::RetiredKey), key_id, true))
            }
            Opening::Unknown => {
                live.note_unknown_key(key_id);
                Err(Rejection::of_key(Refusal::at(5, Reason::UnknownKey), key_id, false))
            }
        }
    }

    /// Rows 1 to 4: what needs no key.
    pub(crate) fn read_envelope(&self, value: &[u8]) -> Result<Envelope, Refusal> {
        if self.cookie_len(value.len()) > COOKIE_LIMIT {
            return Err(Refusal::at(1, Reason::TooLong));
        }
        Envelope::parse(value, &self.binding)
    }

    /// Rows 6 to 10: the cipher, and the checks of what is inside.
    pub(crate) fn decrypt(
        &self,
        recognised: Recognised<'_>,
        live: &LiveState,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Opened, Rejection> {
        let Recognised { envelope, key_id, cipher } = recognised;
        let of_key = |refusal| Rejection::of_key(refusal, key_id, true);
        // 6. Ciphertext → plaintext.
        let text = envelope
            .open(|parts, tag| cipher.open(parts.nonce, parts.associated, parts.text, tag))
            .map_err(|_| of_key(Refusal::at(6, Reason::Forged)))?;
        // 7. Plaintext → stamps and data.
        let (stamps, plaintext) = Plaintext::read(text).map_err(of_key)?;
        let opened = Opened { key_id, stamps, plaintext };
        // 8 and 9. The clocks and both deadlines.
        if let Err(refusal) = stamps.clocks.check(policy, now) {
            return Err(Rejection::authentic(refusal, opened));
        }
        // 10. What the operator ended, and who signed out.
        if let Some(reason) = live.end_of(stamps.id, stamps.clocks.created) {
            return Err(Rejection::authentic(Refusal::at(10, reason), opened));
        }
        Ok(opened)
    }

    /// Begins a plaintext for [`seal`](Codec::seal).
    #[inline]
    pub(crate) fn draft(&self, expected_len: usize) -> Plaintext {
        Plaintext::draft(&self.binding, expected_len + self.padding)
    }

    /// Refuses a session whose cookie is too large now, or would be after a later renewal.
    #[inline]
    pub(crate) fn check_size(&self, stamps: &Stamps, data_len: usize) -> Result<(), EncodeError> {
        match self.max_cookie_len(stamps, data_len) {
            0..=COOKIE_LIMIT => Ok(()),
            size => Err(EncodeError::TooLarge { size, limit: COOKIE_LIMIT }),
        }
    }

    /// Returns the bytes of name, `=` and value, at the largest that later renewals can make them.
    pub(crate) fn max_cookie_len(&self, stamps: &Stamps, data_len: usize) -> usize {
        let len = plaintext::plaintext_len(stamps.max_len(), data_len, self.padding);
        self.cookie_len(envelope::value_len(len))
    }

    /// Returns the bytes of name, `=` and a value of this length.
    pub(crate) fn cookie_len(&self, value_len: usize) -> usize {
        self.name.len() + 1 + value_len
    }

    /// Seals a draft under the key that seals now. A nil id in `stamps` stands for one that is still
    /// to be drawn.
    pub(crate) fn seal(
        &self,
        draft: Plaintext,
        mut stamps: Stamps,
        ring: &KeyRing,
        now: Timestamp,
    ) -> Result<Sealed, EncodeError> {
        // 1. The key of the day.
        let (key_id, cipher) = ring.sealing(now).ok_or(EncodeError::NoSealingKey)?;
        // 2. A nonce from the operating system, in one call with the id if there is none yet.
        let nonce = if stamps.id.is_nil() {
            let both: [u8; ID_RANDOM_LEN + NONCE_LEN] = random::bytes()?;
            let (id, nonce) = both.split_first_chunk().expect("both are longer than one");
            stamps.id = plaintext::new_id(stamps.clocks.created, id);
            nonce.try_into().expect("the rest is the nonce")
        } else {
            random::bytes()?
        };
        // 3. Stamps and padding.
        let text = draft.finish(&stamps, self.padding);
        // 4. Plaintext → ciphertext and tag.
        let envelope = text
            .seal(key_id, &nonce, |parts| cipher.seal(parts.nonce, parts.associated, parts.text));
        Ok(Sealed { id: stamps.id, key_id, envelope })
    }
}

/// A value that is ready to be sent.
pub(crate) struct Sealed {
    pub(crate) id: Uuid,
    pub(crate) key_id: KeyId,
    pub(crate) envelope: Envelope,
}
