//! Why is a cookie refused, and what happens to it then? A new reason is decided here, or the crate
//! does not compile.

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
    /// Sealed with a key that is not in the ring (perhaps not yet). The cookie is left:
    /// only a change is written over it.
    UnknownKey,
    /// Sealed with a key of the ring that no longer opens: retired or revoked.
    RetiredKey,
    /// The request brought more than sixteen cookies of our name whose key opens. The seventeenth
    /// was not looked at, so none of them counts. The cookies are kept.
    TooMany,
    /// The authentication tag does not match: altered, or sealed for another
    /// application, cookie name or key.
    Forged,
    /// Authentic, but the plaintext is not a session of this type.
    InvalidPayload,
    /// Authentic, and from more than 60 seconds ahead of this server's clock. The cookie is kept.
    NotYetValid,
    /// Authentic, and older than the absolute timeout.
    AbsoluteTimeout,
    /// Authentic, and not used within the idle timeout.
    IdleTimeout,
    /// Authentic, but refused by [`revoked`](crate::SessionsBuilder::revoked) or
    /// [`reject_created_before`](crate::Sessions::reject_created_before).
    Revoked,
    /// Authentic, but the session ended before its deadlines: its id, all sessions of its subject, or
    /// all that are as old ([`EndedSessions`](crate::EndedSessions)). The cookie is left: only a
    /// change is written over it.
    Ended,
    /// Authentic, and of a newer schema than this server's. The cookie is kept.
    NewerSchema,
    /// Authentic, and older than this application's schema without an
    /// [`upgrade`](crate::SessionsBuilder::upgrade) from it.
    OldSchema,
    /// Two different authentic sessions came with one request: one of them was planted.
    Ambiguous,
}

/// What happens to the browser's cookie if the session that took its place is saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// Neither removed nor overwritten, except by `renew()` or `reset()`: another server, or a clock
    /// that is right, can still use it.
    Keep,
    /// Not removed, but overwritten by a change.
    Leave,
    /// Removed: nobody will ever accept it.
    Remove,
}

impl Reason {
    /// Returns the reason in snake case, as it stands in log events and as the label of counters.
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
            Reason::TooMany => "too_many",
            Reason::Forged => "forged",
            Reason::InvalidPayload => "invalid_payload",
            Reason::NotYetValid => "not_yet_valid",
            Reason::AbsoluteTimeout => "absolute_timeout",
            Reason::IdleTimeout => "idle_timeout",
            Reason::Revoked => "revoked",
            Reason::Ended => "ended",
            Reason::NewerSchema => "newer_schema",
            Reason::OldSchema => "old_schema",
            Reason::Ambiguous => "ambiguous",
        }
    }

    /// Returns what happens to a cookie that was refused for this reason.
    pub(crate) fn treatment(self) -> Treatment {
        match self {
            // A newer release or server, or one whose clock is right, can still use the cookie. And
            // of too many, the visitor's own was perhaps never looked at.
            Reason::UnknownVersion
            | Reason::NewerSchema
            | Reason::NotYetValid
            | Reason::TooMany => Treatment::Keep,
            // The key may still be on its way.
            Reason::UnknownKey => Treatment::Leave,
            // The browser drops these by itself.
            Reason::IdleTimeout | Reason::AbsoluteTimeout => Treatment::Leave,
            // The browser may hold a newer one by the time that the response is there.
            Reason::Ended => Treatment::Leave,
            // Removing one of two could leave the attacker's.
            Reason::Ambiguous => Treatment::Leave,
            Reason::TooLong
            | Reason::Malformed
            | Reason::RetiredKey
            | Reason::Forged
            | Reason::InvalidPayload
            | Reason::OldSchema
            | Reason::Revoked => Treatment::Remove,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A check that a value failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The row of the table "Opening, in this order" in `docs/format.md`.
    pub(crate) row: u8,
    pub(crate) reason: Reason,
}

impl Refusal {
    /// A value failed the check of this row.
    pub(crate) fn at(row: u8, reason: Reason) -> Refusal {
        Refusal { row, reason }
    }

    /// Returns the one to act on, of the refusals of two cookies of one request: first what must be
    /// kept, so that a junk cookie beside a newer schema's does not get that overwritten; then what
    /// passed more checks.
    pub(crate) fn reason_to_act_on(self, other: Refusal) -> Refusal {
        let rank = |refusal: Refusal| (refusal.reason.treatment() == Treatment::Keep, refusal.row);
        if rank(other) > rank(self) { other } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Reason::*;

    #[test]
    fn of_two_cookies_the_one_that_must_be_kept_is_acted_on() {
        let kept = Refusal::at(4, UnknownVersion);
        let later = Refusal::at(13, Revoked);
        assert_eq!(kept.reason_to_act_on(later), kept);
        assert_eq!(later.reason_to_act_on(kept), kept);
    }

    #[test]
    fn of_two_kept_or_two_others_the_later_check_is_acted_on() {
        for (earlier, later) in [
            (Refusal::at(9, IdleTimeout), Refusal::at(11, OldSchema)),
            (Refusal::at(7, InvalidPayload), Refusal::at(12, InvalidPayload)),
            (Refusal::at(4, UnknownVersion), Refusal::at(11, NewerSchema)),
        ] {
            assert_eq!(earlier.reason_to_act_on(later), later);
            assert_eq!(later.reason_to_act_on(earlier), later);
        }
    }

    #[test]
    fn of_two_equal_ones_the_first_is_acted_on() {
        let (first, second) = (Refusal::at(9, IdleTimeout), Refusal::at(9, AbsoluteTimeout));
        assert_eq!(first.reason_to_act_on(second), first);
    }
}
