//! Which keys are refused? Each message names the fix and repeats no part of a secret.

use super::id::KeyId;
use std::fmt;

/// A key or a key ring that cannot be used. The message never repeats any part of a secret.
/// `Debug` prints the same as `Display`, because `main` returns it.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Raw bytes of another length than 32.
    #[error("a key has 32 bytes, but this one has {0}: make a key with `Key::generate`")]
    Length(usize),
    /// 32 equal bytes: a placeholder.
    #[error(
        "all bytes of the key are equal, so it is a placeholder: make a key with `sealed-session keys \
         generate`, or in a program with `Key::generate`"
    )]
    AllEqual,
    /// 32 printable ASCII characters: a text, which an attacker can guess.
    #[error(
        "the key's bytes are readable text, not random bytes: make a key with `sealed-session keys \
         generate`, or in a program with `Key::generate`"
    )]
    Text,
    /// A text form that does not begin with `ssk1_`.
    #[error("a key in text form begins with `ssk1_`: copy the whole key")]
    Prefix,
    /// A text form of another length than 53 characters.
    #[error("a key in text form has 53 characters, but this one has {0}: was it cut short?")]
    TextLength(usize),
    /// A text form with a character outside the base64url alphabet.
    #[error("a character of the key is not in the base64url alphabet: copy the key again")]
    Alphabet,
    /// A text form whose checksum does not match.
    #[error("the key's checksum does not match, so a character is wrong: copy the key again")]
    Checksum,
    /// Two keys of one ring share an id.
    #[error(
        "two keys of the ring have the id {0}: remove one if it is listed twice, else make another"
    )]
    DuplicateId(KeyId),
    /// The dates of a schedule contradict each other.
    #[error("the schedule of keys is wrong: {0}")]
    Schedule(String),
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes for a key")]
    Randomness,
    /// The environment variable is not set or not Unicode.
    #[error(
        "the environment variable {0} is not set, or is not Unicode text: put keys into it, separated \
         by commas. `sealed-session keys generate` prints a key, and so does, in a checkout, `cargo run \
         --manifest-path examples/start/Cargo.toml -- new-key`"
    )]
    Variable(String),
    /// The keys in an environment variable are wrong.
    #[error("in the environment variable {variable}: {error}")]
    InVariable {
        /// Its name.
        variable: String,
        /// What is wrong in it.
        error: Box<KeyError>,
    },
    /// A list of keys in text form that is empty, or the white space of ASCII only.
    #[error(
        "the text is empty, so there is no key: make one with `sealed-session keys generate`, or in a \
         program with `Key::generate().to_text()`"
    )]
    Empty,
    /// One entry of a list of keys is wrong.
    #[error("key {position} of the list: {error}")]
    Entry {
        /// Its place in the list, from 1.
        position: usize,
        /// What is wrong with it.
        error: Box<KeyError>,
    },
}

impl fmt::Debug for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_main_returns_is_the_message() {
        let error = KeyError::Entry { position: 2, error: Box::new(KeyError::Prefix) };
        assert_eq!(
            format!("{error:?}"),
            "key 2 of the list: a key in text form begins with `ssk1_`: copy the whole key"
        );
        assert_eq!(format!("{error:?}"), error.to_string());
    }
}
