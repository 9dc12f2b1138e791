//! Whose session it is, as a list of ended sessions keeps it: 16 bytes of a hash.

use sha2::{Digest, Sha256};
use std::fmt;

/// A subject's hash. Never all zero: that stands for no subject in the bytes of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Subject([u8; 16]);

impl Subject {
    /// Hashes a subject of a namespace: the first 16 bytes of SHA-256 over
    /// `sealed-session v1 subject` ‖ u16be length ‖ namespace ‖ u16be length ‖ subject.
    pub(crate) fn of(namespace: &str, subject: &str) -> Subject {
        let mut hash = Sha256::new();
        hash.update(b"sealed-session v1 subject");
        for text in [namespace, subject] {
            hash.update(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
            hash.update(text.as_bytes());
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.finalize()[..16]);
        Subject(bytes)
    }

    /// Returns `None` for the 16 zero bytes that stand for no subject.
    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Option<Subject> {
        (bytes != [0; 16]).then_some(Subject(bytes))
    }

    pub(crate) fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

/// In hexadecimal, as an operator finds it in a feed. It opens nothing.
impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_one_of_the_format() {
        let mut text = b"sealed-session v1 subject".to_vec();
        text.extend_from_slice(&[0, 4]);
        text.extend_from_slice(b"shop");
        text.extend_from_slice(&[0, 7]);
        text.extend_from_slice(b"user-17");
        assert_eq!(Subject::of("shop", "user-17").0, Sha256::digest(&text)[..16]);
    }

    #[test]
    fn the_hash_never_changes() {
        // Computed with `sha256sum`, not by this program.
        assert_eq!(
            format!("{:?}", Subject::of("shop", "user-17")),
            "529c533e4d604f79f299fd440e70bbc9"
        );
    }

    #[test]
    fn where_the_namespace_ends_matters() {
        assert_ne!(Subject::of("a", "bc"), Subject::of("ab", "c"));
        assert_ne!(Subject::of("shop", "17"), Subject::of("blog", "17"));
    }

    #[test]
    fn a_subject_longer_than_its_length_can_say_is_still_one() {
        let long = "x".repeat(70_000);
        assert_ne!(Subject::of("shop", &long), Subject::of("shop", &long[1..]));
    }
}
