//! Which key is it? Four public bytes.

use std::fmt;

/// Four public bytes, derived from a key, that say which key sealed a cookie. Shown as 8 hex
/// digits.
///
/// ```
/// # let key = sealed_session::Key::generate();
/// assert_eq!(key.id().to_string().len(), 8);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 4]);

impl KeyId {
    pub(crate) fn from_bytes(bytes: [u8; 4]) -> KeyId {
        KeyId(bytes)
    }

    /// The four bytes as they stand in the envelope.
    pub fn to_bytes(self) -> [u8; 4] {
        self.0
    }
}

/// The four bytes as they stand in the envelope.
impl From<[u8; 4]> for KeyId {
    fn from(bytes: [u8; 4]) -> KeyId {
        KeyId(bytes)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// The key that a value names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NamedKey {
    pub(crate) id: KeyId,
    /// Whether the ring has it. Anyone can write any id into a cookie.
    pub(crate) known: bool,
}
