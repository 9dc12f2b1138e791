//! Which key is it? Four public bytes.

use std::fmt;
use std::str::FromStr;

/// Four public bytes, derived from a key, that say which key sealed a cookie. Shown as 8 hex
/// digits.
///
/// ```
/// # let key = sealed_session::Key::generate();
/// let text = key.id().to_string();
/// assert_eq!(text.len(), 8);
/// assert_eq!(text.parse(), Ok(key.id()));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 4]);

impl KeyId {
    pub(crate) fn from_bytes(bytes: [u8; 4]) -> KeyId {
        KeyId(bytes)
    }

    /// Returns the four bytes as they stand in the envelope.
    pub fn to_bytes(self) -> [u8; 4] {
        self.0
    }
}

/// Takes the four bytes as they stand in the envelope.
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

/// A text that is no key id. The message does not repeat it: it could be the key itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ParseKeyIdError(());

impl fmt::Display for ParseKeyIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key's id has 8 hex digits: `keys list` shows them")
    }
}

impl fmt::Debug for ParseKeyIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ParseKeyIdError {}

/// Reads 8 hex digits, of either case.
impl FromStr for KeyId {
    type Err = ParseKeyIdError;

    fn from_str(text: &str) -> Result<KeyId, ParseKeyIdError> {
        let digits = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u32::from_str_radix(text, 16).ok().filter(|_| digits);
        number.map(|number| KeyId(number.to_be_bytes())).ok_or(ParseKeyIdError(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_hex_digits_come_back() {
        let id = KeyId([0x0a, 0xbc, 0xde, 0xf1]);
        assert_eq!(id.to_string(), "0abcdef1");
        assert_eq!("0abcdef1".parse(), Ok(id));
        assert_eq!("0ABCDEF1".parse(), Ok(id));
    }

    #[test]
    fn a_text_that_is_no_id_is_refused_and_not_repeated() {
        for text in ["", "0abcdef", "0abcdef12", "+abcdef1", "0x123456", "zzzzzzzz", "ssk1_AAE"] {
            let error = text.parse::<KeyId>().unwrap_err();
            assert_eq!(error.to_string(), "a key's id has 8 hex digits: `keys list` shows them");
            assert_eq!(format!("{error:?}"), error.to_string());
        }
    }
}
