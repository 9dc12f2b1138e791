//! Every error, sorted by who must act.
//!
//! | type | who acts | when |
//! | --- | --- | --- |
//! | [`ConfigError`], [`KeyError`] | the operator | at start |
//! | [`EncodeError`] | the developer | at save |
//! | [`DecodeError`] | nobody: the visitor starts anew | at load; count it |
//!
//! No error carries a key, a cookie's value or anything from inside a session, and
//! a visitor is shown the same thing whatever the [`Reason`] was.

use crate::KeyId;
use std::fmt;

/// Why a cookie was not accepted as a session.
///
/// For counters and logs. A response that depended on it would tell an attacker
/// how far a forgery got, so let every reason look the same from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Name, `=` and value exceed 4096 bytes. Nothing of it was decoded.
    TooLong,
    /// Not canonical base64url without padding, too short, or not an envelope of ours.
    Malformed,
    /// An envelope of version 2 to 15: a newer release sealed it. The cookie is kept.
    UnknownVersion,
    /// Sealed with a key that is not in the ring (perhaps not yet). The cookie is kept
    /// unless the handler changes the session.
    UnknownKey,
    /// Sealed with a key of the ring that no longer opens: retired or revoked.
    RetiredKey,
    /// The authentication tag does not match: altered, or sealed for another
    /// application, cookie name or key.
    Forged,
    /// Authentic, but the plaintext is not a session of this type.
    Payload,
    /// Authentic, and older than this application's schema without an
    /// [`upgrade`](crate::SessionsBuilder::upgrade) from it.
    OldSchema,
    /// Authentic, and not used within the idle timeout.
    IdleTimeout,
    /// Authentic, and older than the absolute timeout.
    AbsoluteTimeout,
    /// Authentic, but refused by [`revoked`](crate::SessionsBuilder::revoked) or
    /// [`reject_created_before`](crate::Sessions::reject_created_before).
    Revoked,
    /// Two different authentic sessions came with one request: one of them was planted.
    Ambiguous,
    /// Authentic, and of a newer schema than this server's. The cookie is kept.
    NewerSchema,
    /// Authentic, and from more than 60 seconds ahead of this server's clock. The cookie is kept.
    NotYetValid,
}

impl Reason {
    /// The reason in snake case, as it stands in log events and as the label of counters.
    ///
    /// ```
    /// assert_eq!(sealed_session::Reason::UnknownKey.as_str(), "unknown_key");
    /// ```
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::TooLong => "too_long",
            Reason::Malformed => "malformed",
            Reason::UnknownVersion => "unknown_version",
            Reason::UnknownKey => "unknown_key",
            Reason::RetiredKey => "retired_key",
            Reason::Forged => "forged",
            Reason::Payload => "payload",
            Reason::OldSchema => "old_schema",
            Reason::IdleTimeout => "idle_timeout",
            Reason::AbsoluteTimeout => "absolute_timeout",
            Reason::Revoked => "revoked",
            Reason::Ambiguous => "ambiguous",
            Reason::NewerSchema => "newer_schema",
            Reason::NotYetValid => "not_yet_valid",
        }
    }

    /// Whether a cookie refused for this reason cost a run of the cipher.
    pub(crate) fn reached_cipher(self) -> bool {
        use Reason::*;
        !matches!(self, TooLong | Malformed | UnknownVersion | UnknownKey | RetiredKey)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// [`Sessions::decode`](crate::Sessions::decode) did not accept a value. Nobody needs to act:
/// the visitor starts anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cookie was not accepted as a session: {reason}")]
pub struct DecodeError {
    reason: Reason,
}

impl DecodeError {
    pub(crate) fn new(reason: Reason) -> Self {
        DecodeError { reason }
    }

    /// Which check the value failed.
    pub fn reason(&self) -> Reason {
        self.reason
    }
}

/// A session could not be sealed. The visitor's old cookie is untouched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The cookie would be longer than browsers must store (RFC 6265bis §5.6: 4096 bytes
    /// of name and value; counted here with the `=` between them).
    #[error(
        "the session makes a cookie of {size} bytes and {limit} is the limit: \
         keep large data in a database and its id in the session"
    )]
    TooLarge {
        /// Bytes of name, `=` and value, at the largest that later renewals of this session can
        /// make it.
        size: usize,
        /// The limit, 4096.
        limit: usize,
    },
    /// The session's type refused to be serialised, or cannot be (`#[serde(flatten)]`).
    #[error("`{type_name}` cannot be serialised: {source}")]
    Serialize {
        /// The session's type.
        type_name: &'static str,
        /// What postcard said.
        source: postcard::Error,
    },
    /// What was written does not read back as it was. Only looked for where debug assertions are
    /// on.
    #[error("`{type_name}` does not read back as it was written: {ROUND_TRIP_CAUSES}")]
    RoundTrip {
        /// The session's type.
        type_name: &'static str,
    },
    /// The operating system gave no random bytes. There is no weaker source to fall back to.
    #[error("the operating system gave no random bytes, so nothing was sealed")]
    Randomness,
    /// The ring has no key that seals at this time.
    #[error(
        "no key of the ring seals at this time: check `seal_from` of the newest key and the clock"
    )]
    NoSealingKey,
}

/// What users meet when a type does not survive postcard, most frequent first.
pub(crate) const ROUND_TRIP_CAUSES: &str = "postcard is not self-describing, so avoid \
    `skip_serializing_if`, `flatten`, `untagged`, internally or adjacently tagged enums, \
    `serde_json::Value`, lists of empty elements and nesting deeper than 128";

/// A configuration that [`build`](crate::SessionsBuilder::build) refuses. The message names the
/// setting and the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{setting}`: {problem}")]
pub struct ConfigError {
    setting: &'static str,
    problem: String,
}

impl ConfigError {
    pub(crate) fn new(setting: &'static str, problem: impl Into<String>) -> Self {
        ConfigError { setting, problem: problem.into() }
    }

    /// The builder's method whose argument was refused.
    pub fn setting(&self) -> &'static str {
        self.setting
    }
}

/// A key or a key ring that cannot be used. The message never repeats any part of a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Raw bytes of another length than 32.
    #[error("a key has 32 bytes, this one has {0}")]
    Length(usize),
    /// 32 equal bytes: a placeholder.
    #[error(
        "all bytes of the key are equal: that is a placeholder, not a key; `Key::generate` makes one"
    )]
    AllEqual,
    /// 32 printable ASCII characters: a text, which an attacker can guess.
    #[error("the key's bytes are readable text, not random bytes; `Key::generate` makes a key")]
    Text,
    /// A text form that does not begin with `ssk1_`.
    #[error("a key in text form begins with `ssk1_`")]
    Prefix,
    /// A text form of another length than 53 characters.
    #[error("a key in text form has 53 characters, this one has {0}: was it cut short?")]
    TextLength(usize),
    /// A text form with a character outside the base64url alphabet.
    #[error("the key has a character that is not of the base64url alphabet")]
    Alphabet,
    /// A text form whose checksum does not match.
    #[error("the key's checksum does not match: one of its characters was changed")]
    Checksum,
    /// Two keys of one ring share an id.
    #[error("two keys of the ring have the id {0}: is one of them listed twice?")]
    DuplicateId(KeyId),
    /// The dates of a schedule contradict each other.
    #[error("the schedule of keys is wrong: {0}")]
    Schedule(String),
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes for a key")]
    Randomness,
    /// The environment variable is not set or not Unicode.
    #[error(
        "the environment variable {0} is not set to a key; `Key::generate().to_text()` makes one"
    )]
    Variable(String),
    /// One entry of a list of keys is wrong.
    #[error("key {position} of the list: {error}")]
    Entry {
        /// Its place in the list, from 1.
        position: usize,
        /// What is wrong with it.
        error: Box<KeyError>,
    },
}
