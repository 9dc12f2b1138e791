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
use crate::rules::reason::Reason;
use base64_simd::URL_SAFE_NO_PAD;
use std::ops::{Range, RangeInclusive};

const VERSION: u8 = 1;
/// Versions that a later release may seal; anything above is not ours.
const LATER_VERSIONS: RangeInclusive<u8> = 0x02..=0x0f;

const KEY_ID: Range<usize> = 1..5;
const NONCE_LEN: usize = 24;
const TAG_LEN: usize = 16;
/// Version, key id and nonce.
const HEAD_LEN: usize = KEY_ID.end + NONCE_LEN;

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
}

/// An envelope in memory, behind its associated data: one buffer and one allocation serve both.
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
    pub(crate) tag: &'e mut [u8; TAG_LEN],
}

impl Envelope {
    /// Reads a cookie's value. `text` is within the size limit already.
    pub(crate) fn parse(text: &[u8], binding: &Binding) -> Result<Envelope, Reason> {
        let start = binding.template.len();
        let mut buffer =
            Vec::with_capacity(start + URL_SAFE_NO_PAD.estimated_decoded_length(text.len()));
        buffer.extend_from_slice(&binding.template);
        URL_SAFE_NO_PAD.decode_append(text, &mut buffer).map_err(|_| Reason::Malformed)?;

        match buffer[start..].first() {
            Some(&VERSION) if buffer.len() - start >= HEAD_LEN + TAG_LEN => {}
            Some(version) if LATER_VERSIONS.contains(version) => {
                return Err(Reason::UnknownVersion);
            }
            _ => return Err(Reason::Malformed),
        }
        buffer.copy_within(start + KEY_ID.start..start + KEY_ID.end, KEY_ID.start);
        Ok(Envelope { buffer, start })
    }

    /// Begins an envelope whose plaintext is going to be appended to [`Envelope::text`].
    pub(crate) fn draft(binding: &Binding, capacity: usize) -> Envelope {
        let start = binding.template.len();
        let mut buffer = Vec::with_capacity(start + HEAD_LEN + capacity + TAG_LEN);
        buffer.extend_from_slice(&binding.template);
        buffer.push(VERSION);
        buffer.extend_from_slice(&[0; HEAD_LEN - 1]);
        Envelope { buffer, start }
    }

    /// The buffer of a draft, for appending, and the place in it where the plaintext begins.
    pub(crate) fn text(&mut self) -> (&mut Vec<u8>, usize) {
        (&mut self.buffer, self.start + HEAD_LEN)
    }

    /// Completes a draft whose plaintext is whole; the cipher does the rest.
    pub(crate) fn address(&mut self, key_id: KeyId, nonce: [u8; NONCE_LEN]) {
        let head = self.start + KEY_ID.start;
        self.buffer[KEY_ID].copy_from_slice(&key_id.to_bytes());
        self.buffer[head..head + 4].copy_from_slice(&key_id.to_bytes());
        self.buffer[head + 4..head + 4 + NONCE_LEN].copy_from_slice(&nonce);
        self.buffer.extend_from_slice(&[0; TAG_LEN]);
    }

    /// The bytes at a place of the buffer that an earlier step remembered.
    pub(crate) fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.buffer[range]
    }

    /// Which key sealed it, or is to.
    pub(crate) fn key_id(&self) -> KeyId {
        let id = &self.buffer[KEY_ID];
        KeyId::from_bytes(id.try_into().expect("a range of four"))
    }

    /// What the cipher takes.
    pub(crate) fn parts(&mut self) -> Parts<'_> {
        let (associated, envelope) = self.buffer.split_at_mut(self.start);
        let (head, rest) = envelope.split_at_mut(HEAD_LEN);
        let (text, tag) = rest.split_last_chunk_mut().expect("an envelope ends with a tag");
        let nonce = head.last_chunk().expect("a head ends with a nonce");
        Parts { associated, nonce, text, tag }
    }

    /// The whole buffer, and where in it the plaintext stands once the cipher has opened it.
    pub(crate) fn into_plaintext(self) -> (Vec<u8>, Range<usize>) {
        let text = self.start + HEAD_LEN..self.buffer.len() - TAG_LEN;
        (self.buffer, text)
    }

    /// How many characters [`Envelope::append_to`] appends.
    pub(crate) fn value_len(&self) -> usize {
        URL_SAFE_NO_PAD.encoded_length(self.buffer.len() - self.start)
    }

    /// Appends the cookie's value to `out`.
    pub(crate) fn append_to(&self, out: &mut String) {
        URL_SAFE_NO_PAD.encode_append(&self.buffer[self.start..], out);
    }
}

/// How many characters a value has whose plaintext has `len` bytes.
pub(crate) fn value_len(len: usize) -> usize {
    URL_SAFE_NO_PAD.encoded_length(HEAD_LEN + len + TAG_LEN)
}
