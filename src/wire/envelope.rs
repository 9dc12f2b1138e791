//! Cookie text ⇄ version, key id, nonce, ciphertext, tag: the wire format, no cryptography.
//!
//! ```text
//! value    = base64url without padding, canonical only ( envelope )
//! envelope = 0x01 ‖ key_id[4] ‖ nonce[24] ‖ ciphertext ‖ tag[16]
//! aad      = 0x01 ‖ key_id ‖ u16be(len app) ‖ app ‖ u16be(len name) ‖ name
//! ```
//!
//! `docs/format.md` is the specification.

use crate::keys::id::KeyId;
use crate::rules::reason::{Reason, Refusal};
use crate::wire::cipher::{NONCE_LEN, TAG_LEN};
use base64_simd::URL_SAFE_NO_PAD;
use std::ops::{Range, RangeInclusive};

const VERSION: u8 = 1;
/// Versions that a later release may seal; anything above is not ours.
const LATER_VERSIONS: RangeInclusive<u8> = 0x02..=0x0f;

const KEY_ID: Range<usize> = 1..5;
/// Version, key id and nonce.
const HEAD_LEN: usize = KEY_ID.end + NONCE_LEN;
/// An envelope with an empty ciphertext: 45 bytes.
const MIN_LEN: usize = HEAD_LEN + TAG_LEN;

/// What a value is bound to besides its key: the application and the cookie's name.
pub(crate) struct Binding {
    /// The associated data with zeros where the key id goes.
    template: Vec<u8>,
}

impl Binding {
    /// Both are at most 65,535 bytes long.
    pub(crate) fn new(app: &str, name: &str) -> Binding {
        let mut template = vec![VERSION, 0, 0, 0, 0];
        for part in [app, name] {
            let len = u16::try_from(part.len()).expect("the builder refuses longer names");
            template.extend_from_slice(&len.to_be_bytes());
            template.extend_from_slice(part.as_bytes());
        }
        Binding { template }
    }

    /// Returns application and name alone, each with its length in front: what form tokens are bound
    /// to.
    pub(crate) fn context(&self) -> &[u8] {
        &self.template[KEY_ID.end..]
    }
}

/// An envelope as it travels, behind its associated data: one buffer and one allocation serve both.
pub(crate) struct Envelope {
    buffer: Vec<u8>,
    /// Where the associated data ends and the envelope begins.
    start: usize,
}

/// The parts of an envelope that the cipher takes.
pub(crate) struct Parts<'e> {
    pub(crate) associated: &'e [u8],
    pub(crate) nonce: &'e [u8; NONCE_LEN],
    pub(crate) text: &'e mut [u8],
}

impl Envelope {
    /// Reads a cookie's value, which is within the size limit already: rows 2 to 4 of
    /// `docs/format.md`.
    pub(crate) fn parse(value: &[u8], binding: &Binding) -> Result<Envelope, Refusal> {
        let start = binding.template.len();
        let mut buffer =
            Vec::with_capacity(start + URL_SAFE_NO_PAD.estimated_decoded_length(value.len()));
        buffer.extend_from_slice(&binding.template);
        // 2. Canonical base64url.
        URL_SAFE_NO_PAD
            .decode_append(value, &mut buffer)
            .map_err(|_| Refusal::at(2, Reason::Malformed))?;
        // 3. Long enough. The three bytes of a foreign cookie must not pass for a later version.
        if buffer.len() - start < MIN_LEN {
            return Err(Refusal::at(3, Reason::Malformed));
        }
        // 4. Our version.
        match buffer[start] {
            VERSION => {}
            version if LATER_VERSIONS.contains(&version) => {
                return Err(Refusal::at(4, Reason::UnknownVersion));
            }
            _ => return Err(Refusal::at(4, Reason::Malformed)),
        }
        buffer.copy_within(start + KEY_ID.start..start + KEY_ID.end, KEY_ID.start);
        Ok(Envelope { buffer, start })
    }

    /// Returns the id of the key that sealed it.
    pub(crate) fn key_id(&self) -> KeyId {
        let id = &self.buffer[KEY_ID];
        KeyId::from_bytes(id.try_into().expect("a range of four"))
    }

    /// Has `decrypt` turn the ciphertext into the plaintext, in place.
    pub(crate) fn open<E>(
        mut self,
        decrypt: impl FnOnce(Parts<'_>, &[u8; TAG_LEN]) -> Result<(), E>,
    ) -> Result<Text, E> {
        let tag = *self.buffer.last_chunk().expect("an envelope ends with a tag");
        self.buffer.truncate(self.buffer.len() - TAG_LEN);
        let mut text = Text { buffer: self.buffer, start: self.start };
        decrypt(text.parts(), &tag)?;
        Ok(text)
    }

    /// Returns how many characters [`Envelope::append_to`] appends.
    pub(crate) fn value_len(&self) -> usize {
        URL_SAFE_NO_PAD.encoded_length(self.buffer.len() - self.start)
    }

    /// Appends the cookie's value to `out`.
    pub(crate) fn append_to(&self, out: &mut String) {
        URL_SAFE_NO_PAD.encode_append(&self.buffer[self.start..], out);
    }
}

/// The plaintext of an envelope, opened or not yet sealed, in the place where the ciphertext stands.
pub(crate) struct Text {
    /// Associated data, head of the envelope, plaintext.
    buffer: Vec<u8>,
    /// Where the envelope begins.
    start: usize,
}

impl Text {
    /// Begins an empty text with room for `capacity` bytes.
    pub(crate) fn with_capacity(binding: &Binding, capacity: usize) -> Text {
        let start = binding.template.len();
        let mut buffer = Vec::with_capacity(start + HEAD_LEN + capacity + TAG_LEN);
        buffer.extend_from_slice(&binding.template);
        buffer.push(VERSION);
        buffer.extend_from_slice(&[0; HEAD_LEN - 1]);
        Text { buffer, start }
    }

    /// Returns one that has no plaintext, and nothing else; without an allocation.
    #[cfg(feature = "_adapter")]
    pub(crate) fn empty() -> Text {
        Text { buffer: Vec::new(), start: 0 }
    }

    /// Returns the plaintext.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start + HEAD_LEN..]
    }

    /// Returns the plaintext for changes in place.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[self.start + HEAD_LEN..]
    }

    /// Returns what may be appended to, at its end, and truncated to no less than it has now.
    pub(crate) fn end(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Addresses the envelope to a key and has `encrypt` turn the plaintext into the ciphertext, in
    /// place; `encrypt` returns the tag.
    pub(crate) fn seal(
        mut self,
        key_id: KeyId,
        nonce: &[u8; NONCE_LEN],
        encrypt: impl FnOnce(Parts<'_>) -> [u8; TAG_LEN],
    ) -> Envelope {
        let head = self.start + KEY_ID.start;
        self.buffer[KEY_ID].copy_from_slice(&key_id.to_bytes());
        self.buffer[head..head + 4].copy_from_slice(&key_id.to_bytes());
        self.buffer[head + 4..head + 4 + NONCE_LEN].copy_from_slice(nonce);
        let tag = encrypt(self.parts());
        self.buffer.extend_from_slice(&tag);
        Envelope { buffer: self.buffer, start: self.start }
    }

    fn parts(&mut self) -> Parts<'_> {
        let (associated, envelope) = self.buffer.split_at_mut(self.start);
        let (head, text) = envelope.split_at_mut(HEAD_LEN);
        let nonce = head.last_chunk().expect("a head ends with a nonce");
        Parts { associated, nonce, text }
    }
}

/// Returns how many characters a value has if its plaintext has `len` bytes.
pub(crate) fn value_len(len: usize) -> usize {
    URL_SAFE_NO_PAD.encoded_length(HEAD_LEN + len + TAG_LEN)
}
