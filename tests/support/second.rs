//! A second implementation of the wire format, written from `docs/format.md` alone.
//!
//! It shares no code with the crate: another XAES-256-GCM (the crate `xaes-256-gcm`), another
//! base64, varints by hand, no serde. So it proves that the specification is enough to write one
//! from, and it lets a test seal any payload authentically, also a wrong one.
//!
//! Not for use outside tests: its nonce is fixed unless the caller chooses one, so that tests
//! repeat.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use xaes_256_gcm::Xaes256Gcm;
use xaes_256_gcm::aead::{Aead, KeyInit, Payload};

/// What stands in front of every envelope and of its associated data.
const VERSION: u8 = 1;
const NONCE_LEN: usize = 24;
/// Version, key id and nonce: the part of an envelope before its ciphertext.
pub(crate) const HEAD_LEN: usize = 1 + 4 + NONCE_LEN;
pub(crate) const TAG_LEN: usize = 16;

/// Everything a cookie's value depends on besides its content.
#[derive(Clone)]
pub(crate) struct Second {
    pub(crate) key: [u8; 32],
    pub(crate) app: String,
    pub(crate) name: String,
    pub(crate) nonce: [u8; NONCE_LEN],
}

impl Second {
    pub(crate) fn new(key: [u8; 32], app: &str, name: &str) -> Second {
        Second { key, app: app.to_owned(), name: name.to_owned(), nonce: [0x24; NONCE_LEN] }
    }

    pub(crate) fn derive<const N: usize>(&self, info: &str) -> [u8; N] {
        let mut out = [0; N];
        Hkdf::<Sha256>::new(None, &self.key).expand(info.as_bytes(), &mut out).unwrap();
        out
    }

    pub(crate) fn key_id(&self) -> [u8; 4] {
        self.derive("sealed-session v1 key id")
    }

    fn cipher(&self) -> Xaes256Gcm {
        Xaes256Gcm::new(&self.derive::<32>("sealed-session v1 encryption").into())
    }

    pub(crate) fn associated(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend(self.key_id());
        for part in [&self.app, &self.name] {
            out.extend(u16::try_from(part.len()).unwrap().to_be_bytes());
            out.extend(part.as_bytes());
        }
        out
    }

    /// The cookie's value for a whole plaintext: stamps, data, marker and padding.
    pub(crate) fn seal(&self, plaintext: &[u8]) -> String {
        self.seal_with(plaintext, &self.associated())
    }

    /// The same under any associated data.
    pub(crate) fn seal_with(&self, plaintext: &[u8], associated: &[u8]) -> String {
        let sealed = Payload { msg: plaintext, aad: associated };
        let sealed = self.cipher().encrypt(&self.nonce.into(), sealed).unwrap();
        to_text(&[&[VERSION][..], &self.key_id(), &self.nonce, &sealed].concat())
    }

    /// The plaintext of a value; `None` unless it was sealed with this key, for this application
    /// and name.
    pub(crate) fn open(&self, value: &str) -> Option<Vec<u8>> {
        if self.name.len() + 1 + value.len() > 4096 {
            return None;
        }
        let envelope = BASE64_URL_SAFE_NO_PAD.decode(value).ok()?;
        let (head, sealed) = envelope.split_at_checked(HEAD_LEN)?;
        if head[0] != VERSION || head[1..5] != self.key_id() {
            return None;
        }
        let nonce: [u8; NONCE_LEN] = head[5..].try_into().unwrap();
        let sealed = Payload { msg: sealed, aad: &self.associated() };
        self.cipher().decrypt(&nonce.into(), sealed).ok()
    }
}

/// base64url without padding.
pub(crate) fn to_text(envelope: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(envelope)
}

/// The bytes of a value that is known to be well formed.
pub(crate) fn to_bytes(value: &str) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(value).unwrap()
}

/// What stands before the application's data in a plaintext.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamps {
    pub(crate) id: [u8; 16],
    /// Seconds from creation to the last renewal.
    pub(crate) renewed: u32,
    /// Idle and absolute, in seconds.
    pub(crate) timeouts: Option<(u32, u32)>,
    pub(crate) schema: u32,
    /// What the cookie knew of sessions ended for its subject.
    pub(crate) cut: u32,
}

impl Stamps {
    /// Of a session created so many milliseconds after 1970 and not renewed since.
    pub(crate) fn created(millis: u64) -> Stamps {
        let mut id = *b"\0\0\0\0\0\0\x7a\xbc\x8d\xef\x12\x34\x56\x78\x9a\xbc";
        id[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
        Stamps { id, renewed: 0, timeouts: None, schema: 0, cut: 0 }
    }

    pub(crate) fn created_millis(&self) -> u64 {
        self.id[..6].iter().fold(0, |millis, byte| millis << 8 | u64::from(*byte))
    }

    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut out = self.id.to_vec();
        out.extend(varint(self.renewed.into()));
        match self.timeouts {
            None => out.push(0),
            Some((idle, absolute)) => {
                out.push(1);
                out.extend(varint(idle.into()));
                out.extend(varint(absolute.into()));
            }
        }
        out.extend(varint(self.schema.into()));
        out.extend(varint(self.cut.into()));
        out
    }

    /// The stamps of a plaintext without its padding, and the data behind them.
    pub(crate) fn read(body: &[u8]) -> Option<(Stamps, &[u8])> {
        let (id, mut rest) = body.split_first_chunk::<16>()?;
        let renewed = read_varint(&mut rest)?;
        let (tag, mut rest) = rest.split_first()?;
        let timeouts = match tag {
            0 => None,
            1 => Some((read_varint(&mut rest)?, read_varint(&mut rest)?)),
            _ => return None,
        };
        let schema = read_varint(&mut rest)?;
        let cut = read_varint(&mut rest)?;
        Some((Stamps { id: *id, renewed, timeouts, schema, cut }, rest))
    }
}

/// Seven bits a byte, the lowest first; the highest bit says that another byte follows.
pub(crate) fn varint(mut number: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
    out
}

fn read_varint(bytes: &mut &[u8]) -> Option<u32> {
    let mut number = 0_u64;
    for place in 0..5 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return number.try_into().ok();
        }
    }
    None
}

/// The marker, and zeros up to a multiple of `padding`.
pub(crate) fn pad(mut body: Vec<u8>, padding: usize) -> Vec<u8> {
    body.push(0x80);
    while !body.len().is_multiple_of(padding) {
        body.push(0);
    }
    body
}

/// A plaintext without its padding; `None` if it has none that is right.
pub(crate) fn unpad(plaintext: &[u8]) -> Option<&[u8]> {
    let end = plaintext.iter().rposition(|byte| *byte != 0)?;
    (plaintext[end] == 0x80 && plaintext.len() - end <= 256).then_some(&plaintext[..end])
}

/// A whole plaintext, padded to a multiple of 16.
pub(crate) fn plaintext(stamps: Stamps, data: &[u8]) -> Vec<u8> {
    pad([&stamps.to_bytes(), data].concat(), 16)
}

/// The check of an entry of ended sessions, over what it says.
pub(crate) fn entry_check(namespace: &str, said: &[u8]) -> [u8; 4] {
    let hash = Sha256::new().chain_update("sealed-session v1 entry");
    let len = u16::try_from(namespace.len()).unwrap().to_be_bytes();
    let hash = hash.chain_update(len).chain_update(namespace).chain_update(said);
    hash.finalize()[..4].try_into().unwrap()
}
