//! One secret for `cookie`'s `PrivateJar` and for sessions.

use crate::keys::key::Key;

const INFO: &[u8] = b"sealed-session v1 cookie key";

/// Derives a key from an application's existing `cookie::Key`: HKDF-SHA256 over its 64 master bytes
/// with an empty salt and the info `sealed-session v1 cookie key`. Cookies of the jar and sessions
/// cannot be mistaken for each other.
///
/// ```
/// let jar_key = cookie::Key::generate();
/// let key = sealed_session::Key::from(&jar_key);
/// assert_eq!(key, sealed_session::Key::from(&jar_key));
/// ```
impl From<&cookie::Key> for Key {
    fn from(key: &cookie::Key) -> Key {
        Key::derived_from(key.master(), INFO)
    }
}
