//! One key: generate, parse, print on purpose, redact, zeroize, its id.

use super::error::KeyError;
use super::id::KeyId;
use crate::random;
use ctutils::CtEq;
use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use zeroize::{Zeroize, Zeroizing};

/// In front of every key in text form, so that people and secret scanners recognise one.
const PREFIX: &str = "ssk1_";
const SECRET_LEN: usize = 32;
const CHECKSUM_LEN: usize = 4;
/// `ssk1_` and 36 bytes in base64url.
const TEXT_LEN: usize = PREFIX.len() + (SECRET_LEN + CHECKSUM_LEN) / 3 * 4;

const ENCRYPTION_INFO: &[u8] = b"sealed-session v1 encryption";
const CSRF_INFO: &[u8] = b"sealed-session v1 csrf";
const KEY_ID_INFO: &[u8] = b"sealed-session v1 key id";

/// 32 secret bytes from which everything that seals and opens is derived.
///
/// The text form is `ssk1_` and base64url of the 32 bytes followed by the first four bytes of
/// SHA-256 over `ssk1_` and the 32 bytes, so that a truncated paste or a mistyped character is
/// refused. Keys are zeroized on drop, compared in constant time, and `Debug` shows the id only.
///
/// ```
/// use sealed_session::Key;
///
/// let key = Key::generate();
/// let text = key.to_text();
/// assert!(text.starts_with("ssk1_"));
/// let same: Key = text.parse()?;
/// assert_eq!(same.id(), key.id());
/// assert_eq!(format!("{key:?}"), format!("Key({})", key.id()));
/// # Ok::<(), sealed_session::KeyError>(())
/// ```
#[derive(Clone)]
pub struct Key {
    /// In a box, so that the bytes stay where they are: a vector of keys that grows, or is sorted,
    /// would leave copies that nobody wipes.
    secret: Box<Zeroizing<[u8; SECRET_LEN]>>,
    id: KeyId,
}

impl Key {
    /// Makes a new key from the operating system's generator.
    ///
    /// # Panics
    ///
    /// If the operating system gives no random bytes; [`Key::try_generate`] returns that as an
    /// error.
    pub fn generate() -> Key {
        Key::try_generate().expect("the operating system gives random bytes")
    }

    /// Makes a new key from the operating system's generator.
    ///
    /// # Errors
    ///
    /// [`KeyError::Randomness`] if the operating system gives no random bytes.
    pub fn try_generate() -> Result<Key, KeyError> {
        let mut secret = random::bytes().map_err(|_| KeyError::Randomness)?;
        let key = Key::from_bytes(secret);
        secret.zeroize();
        key
    }

    /// Makes the key with these 32 bytes.
    ///
    /// # Errors
    ///
    /// [`KeyError::AllEqual`] for 32 equal bytes and [`KeyError::Text`] for 32 printable ASCII
    /// characters: both are what a forgotten placeholder or a password looks like, and neither
    /// comes from a random generator (the chance is below 2^-45).
    pub fn from_bytes(mut secret: [u8; SECRET_LEN]) -> Result<Key, KeyError> {
        let fault = if secret.iter().all(|b| *b == secret[0]) {
            Some(KeyError::AllEqual)
        } else if secret.iter().all(|b| matches!(b, b' '..=b'~')) {
            Some(KeyError::Text)
        } else {
            None
        };
        let key = Key::derive_id(Zeroizing::new(secret));
        secret.zeroize();
        fault.map_or(Ok(key), Err)
    }

    fn derive_id(secret: Zeroizing<[u8; SECRET_LEN]>) -> Key {
        let mut id = [0; 4];
        expand(&secret[..], KEY_ID_INFO, &mut id);
        Key { secret: Box::new(secret), id: KeyId::from_bytes(id) }
    }

    /// Returns what stands in front of everything this key seals. It is public.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Returns the secret in text form, for a secret manager or an environment variable. This is
    /// the one way out, and what it returns is zeroized on drop too.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([0; SECRET_LEN + CHECKSUM_LEN]);
        bytes[..SECRET_LEN].copy_from_slice(&self.secret[..]);
        bytes[SECRET_LEN..].copy_from_slice(&checksum(&self.secret));
        let mut text = Zeroizing::new(String::with_capacity(TEXT_LEN));
        text.push_str(PREFIX);
        base64_simd::URL_SAFE_NO_PAD.encode_append(&bytes[..], &mut *text);
        text
    }

    /// The key that encrypts, derived so that the key itself never meets the cipher.
    pub(crate) fn encryption_key(&self) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        expand(&self.secret[..], ENCRYPTION_INFO, &mut key[..]);
        key
    }

    /// The key that authenticates form tokens. Boxed, so that it is not copied about when it moves.
    pub(crate) fn csrf_key(&self) -> Box<Zeroizing<[u8; 32]>> {
        let mut key = Box::new(Zeroizing::new([0; 32]));
        expand(&self.secret[..], CSRF_INFO, &mut key[..]);
        key
    }

    /// A key derived from other key material that is uniformly random already.
    #[cfg(feature = "private-jar")]
    pub(crate) fn derived_from(material: &[u8], info: &[u8]) -> Key {
        let mut secret = Zeroizing::new([0; SECRET_LEN]);
        expand(material, info, &mut secret[..]);
        Key::derive_id(secret)
    }
}

/// HKDF-SHA256 (RFC 5869) with an empty salt.
fn expand(material: &[u8], info: &[u8], out: &mut [u8]) {
    Hkdf::<Sha256>::new(None, material).expand(info, out).expect("HKDF gives up to 8160 bytes");
}

fn checksum(secret: &[u8; SECRET_LEN]) -> [u8; CHECKSUM_LEN] {
    let digest = Sha256::new().chain_update(PREFIX).chain_update(secret).finalize();
    [digest[0], digest[1], digest[2], digest[3]]
}

/// Reads the text form. The text is taken as it is: trim it first if it comes from a file.
impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Key, KeyError> {
        let encoded = text.strip_prefix(PREFIX).ok_or(KeyError::Prefix)?;
        if text.len() != TEXT_LEN {
            return Err(KeyError::TextLength(text.chars().count()));
        }
        let mut bytes = Zeroizing::new([0; SECRET_LEN + CHECKSUM_LEN]);
        let out = base64_simd::AsOut::as_out(&mut bytes[..]);
        base64_simd::URL_SAFE_NO_PAD
            .decode(encoded.as_bytes(), out)
            .map_err(|_| KeyError::Alphabet)?;
        let (secret, sum) = bytes.split_first_chunk().expect("36 bytes begin with 32");
        if !bool::from(checksum(secret)[..].ct_eq(sum)) {
            return Err(KeyError::Checksum);
        }
        Key::from_bytes(*secret)
    }
}

/// Takes exactly 32 raw bytes, under the rules of [`Key::from_bytes`].
impl TryFrom<&[u8]> for Key {
    type Error = KeyError;

    fn try_from(bytes: &[u8]) -> Result<Key, KeyError> {
        Key::from_bytes(bytes.try_into().map_err(|_| KeyError::Length(bytes.len()))?)
    }
}

/// In constant time.
impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.secret[..].ct_eq(&other.secret[..]).into()
    }
}

impl Eq for Key {}

/// The id only, never the secret.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

/// Keys that are the same in every run.
#[cfg(test)]
pub(crate) mod on_test {
    use super::Key;

    pub(crate) fn key(seed: u8) -> Key {
        Key::from_bytes(std::array::from_fn(|i| seed.wrapping_add(i as u8))).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key::from_bytes(std::array::from_fn(|i| i as u8)).unwrap()
    }

    /// Computed once with Python's hmac, hashlib and base64. Never regenerate.
    #[test]
    fn golden_text_id_and_derived_keys() {
        assert_eq!(key().to_text().as_str(), GOLDEN_TEXT);
        assert_eq!(key().id().to_string(), GOLDEN_ID);
        let hex: String = key().encryption_key().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, GOLDEN_ENCRYPTION_KEY);
        let hex: String = key().csrf_key().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, GOLDEN_CSRF_KEY);
    }
    const GOLDEN_TEXT: &str = "ssk1_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh_9IDo4";
    const GOLDEN_ID: &str = "fd55ef40";
    const GOLDEN_ENCRYPTION_KEY: &str =
        "95558be90d6adc23624f346fc02f3cee1439949c937001152bce2b604af6db37";
    const GOLDEN_CSRF_KEY: &str =
        "5ee55c4e4f8312ec068ac88a160aa8efeca5c4d8331ddd030848bb41f2a1f82d";

    #[test]
    fn text_form_comes_back() {
        let key = Key::generate();
        assert_eq!(key.to_text().parse::<Key>().unwrap(), key);
        assert_ne!(Key::generate(), key);
    }

    #[test]
    fn a_text_cut_at_any_length_is_refused() {
        let text = key().to_text();
        for len in 0..text.len() {
            let error = text[..len].parse::<Key>().unwrap_err();
            let expected = if len < 5 { KeyError::Prefix } else { KeyError::TextLength(len) };
            assert_eq!(error, expected, "cut to {len}");
        }
        assert_eq!(format!("{}A", *text).parse::<Key>().unwrap_err(), KeyError::TextLength(54));
    }

    #[test]
    fn any_changed_character_is_refused() {
        let text = key().to_text();
        for at in PREFIX.len()..TEXT_LEN {
            let mut changed = text.as_bytes().to_vec();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(changed.parse::<Key>().unwrap_err(), KeyError::Checksum, "at {at}");
        }
    }

    #[test]
    fn other_base64_alphabets_are_refused() {
        let text = key().to_text();
        for bad in ["+", "/", "=", " ", "\n", "\0"] {
            let changed = format!("{}{bad}", &text[..TEXT_LEN - 1]);
            assert_eq!(changed.parse::<Key>().unwrap_err(), KeyError::Alphabet, "{bad:?}");
        }
    }

    #[test]
    fn a_key_of_31_or_33_bytes_is_refused() {
        assert_eq!(Key::try_from(&[7; 31][..]).unwrap_err(), KeyError::Length(31));
        assert_eq!(Key::try_from(&[7; 33][..]).unwrap_err(), KeyError::Length(33));
    }

    #[test]
    fn an_all_equal_key_is_refused() {
        assert_eq!(Key::from_bytes([0; 32]).unwrap_err(), KeyError::AllEqual);
        assert_eq!(Key::from_bytes([b'a'; 32]).unwrap_err(), KeyError::AllEqual);
    }

    #[test]
    fn a_key_that_is_readable_text_is_refused() {
        let text = *b"correct horse battery staple 123";
        assert_eq!(Key::from_bytes(text).unwrap_err(), KeyError::Text);
    }

    /// Bad input 49, `random`.
    #[test]
    fn a_failing_generator_is_an_error() {
        assert_eq!(
            random::on_test::without_randomness(Key::try_generate).unwrap_err(),
            KeyError::Randomness
        );
    }

    #[test]
    fn debug_and_errors_show_no_secret() {
        let text = key().to_text();
        assert_eq!(format!("{:?}", key()), format!("Key({GOLDEN_ID})"));
        let error = text[..50].parse::<Key>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains(&text[5..20]));
    }
}
