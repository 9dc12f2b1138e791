//! Why is a cookie refused, and what happens to it then?

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
    InvalidPayload,
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
            Reason::InvalidPayload => "invalid_payload",
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
