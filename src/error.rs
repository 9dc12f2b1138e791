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

use crate::random::NoRandomness;
use crate::rules::reason::Reason;

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

impl From<NoRandomness> for EncodeError {
    fn from(_: NoRandomness) -> EncodeError {
        EncodeError::Randomness
    }
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
