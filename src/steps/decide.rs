//! Must the session be written, removed or left alone? The table of `docs/design.md`, row by row.

use crate::headers::caching::Caching;
use crate::rules::reason::Treatment;
use crate::session::meta::{Cookies, Origin};

/// A response this many seconds later than its request must not renew: a long poll would undo a
/// logout that happened meanwhile.
pub(crate) const LATE_AFTER_SECONDS: u32 = 5;

/// What `save` does with the browser's cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Nothing is to be done.
    Leave,
    /// The handler changed the session, and the browser's cookie stays all the same.
    Keep,
    /// Wanted, and left to a later response.
    Defer,
    /// The handler changed something, which must go out or be an error.
    Write,
    /// Nobody asked for this write: if it fails, it is left to a later response.
    Renew,
    Remove,
}

/// All that the decision depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    pub(crate) origin: Origin,
    pub(crate) cookies: Cookies,
    pub(crate) destroyed: bool,
    /// By `renew()` or `reset()`.
    pub(crate) renewed: bool,
    /// Data, id or own timeouts are others than in the cookie.
    pub(crate) changed: bool,
    /// Also because the cookie is of an older schema than it would be sealed in.
    pub(crate) renewal_due: bool,
    /// Over [`LATE_AFTER_SECONDS`] have passed since the session was loaded.
    pub(crate) late: bool,
    pub(crate) caching: Caching,
}

impl Facts {
    pub(crate) fn decide(&self) -> Decision {
        let shared = self.caching == Caching::Shared;
        // 1. Destroyed: removed, if there is anything to remove.
        if self.destroyed {
            return match self.cookies {
                Cookies::None => Decision::Leave,
                _ => Decision::Remove,
            };
        }
        // 2. A newer peer, or one with a right clock, can still use the cookie.
        if self.origin.treatment() == Some(Treatment::Keep) && !self.renewed {
            return if self.changed { Decision::Keep } else { Decision::Leave };
        }
        // 3. The handler did something that must not be lost.
        if self.renewed || self.changed {
            return Decision::Write;
        }
        // 4. Nobody will ever accept the cookie. Of several, removing one could leave an attacker's.
        if self.origin.treatment() == Some(Treatment::Remove) && self.cookies == Cookies::One {
            return if shared { Decision::Defer } else { Decision::Remove };
        }
        // 5. In use, and the idle deadline comes nearer.
        if self.renewal_due {
            return if shared || self.late { Decision::Defer } else { Decision::Renew };
        }
        // 6. Nothing to do; a new visitor with nothing in the session gets no cookie.
        Decision::Leave
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::reason::Reason;
    use Decision::*;
    use Reason::*;

    /// A session that was restored, not changed, and is answered by a private response.
    const QUIET: Facts = Facts {
        origin: Origin::Restored,
        cookies: Cookies::One,
        destroyed: false,
        renewed: false,
        changed: false,
        renewal_due: false,
        late: false,
        caching: Caching::Unset,
    };
    const NEW: Facts = Facts { origin: Origin::New, cookies: Cookies::None, ..QUIET };
    const SHARED: Caching = Caching::Shared;

    fn rejected(reason: Reason) -> Facts {
        Facts { origin: Origin::Rejected(reason), ..QUIET }
    }

    #[test]
    fn row_1_destroyed_is_removed_whatever_else_happened() {
        let destroyed = Facts { destroyed: true, renewed: true, changed: true, ..QUIET };
        assert_eq!(destroyed.decide(), Remove);
        assert_eq!(Facts { caching: SHARED, ..destroyed }.decide(), Remove);
        assert_eq!(Facts { late: true, ..destroyed }.decide(), Remove);
        assert_eq!(Facts { cookies: Cookies::Several, ..destroyed }.decide(), Remove);
        assert_eq!(Facts { destroyed: true, ..rejected(NewerSchema) }.decide(), Remove);
    }

    #[test]
    fn row_1_destroyed_without_a_cookie_leaves_nothing_to_remove() {
        assert_eq!(Facts { destroyed: true, changed: true, ..NEW }.decide(), Leave);
    }

    #[test]
    fn row_2_what_a_newer_peer_can_use_is_neither_cleared_nor_overwritten() {
        for reason in [UnknownVersion, NewerSchema, NotYetValid, TooMany] {
            let kept = rejected(reason);
            assert_eq!(kept.decide(), Leave, "{reason}");
            assert_eq!(Facts { changed: true, ..kept }.decide(), Keep, "{reason} changed");
            assert_eq!(Facts { renewed: true, ..kept }.decide(), Write, "{reason} renewed");
        }
    }

    #[test]
    fn row_3_renewed_or_changed_is_written_on_any_response() {
        for facts in [QUIET, NEW, rejected(Forged), rejected(UnknownKey), rejected(Ambiguous)] {
            for facts in [Facts { renewed: true, ..facts }, Facts { changed: true, ..facts }] {
                assert_eq!(facts.decide(), Write);
                assert_eq!(Facts { caching: SHARED, late: true, ..facts }.decide(), Write);
            }
        }
    }

    #[test]
    fn row_4_what_nobody_will_accept_is_removed() {
        for reason in [TooLong, Malformed, RetiredKey, Forged, InvalidPayload, OldSchema, Revoked] {
            assert_eq!(rejected(reason).decide(), Remove, "{reason}");
            assert_eq!(Facts { late: true, ..rejected(reason) }.decide(), Remove, "{reason} late");
        }
    }

    #[test]
    fn row_4_removal_waits_for_a_private_response() {
        assert_eq!(Facts { caching: SHARED, ..rejected(Forged) }.decide(), Defer);
        assert_eq!(Facts { caching: Caching::Private, ..rejected(Forged) }.decide(), Remove);
    }

    #[test]
    fn row_4_of_several_cookies_none_is_removed() {
        assert_eq!(Facts { cookies: Cookies::Several, ..rejected(Forged) }.decide(), Leave);
    }

    #[test]
    fn row_4_leaves_timed_out_unknown_ended_and_ambiguous_ones() {
        for reason in [IdleTimeout, AbsoluteTimeout, UnknownKey, Ended, Ambiguous] {
            assert_eq!(rejected(reason).decide(), Leave, "{reason}");
        }
    }

    #[test]
    fn row_5_a_due_renewal_is_written() {
        assert_eq!(Facts { renewal_due: true, ..QUIET }.decide(), Renew);
    }

    #[test]
    fn row_5_waits_for_a_private_and_timely_response() {
        let due = Facts { renewal_due: true, ..QUIET };
        assert_eq!(Facts { caching: SHARED, ..due }.decide(), Defer);
        assert_eq!(Facts { late: true, ..due }.decide(), Defer);
    }

    #[test]
    fn row_6_otherwise_nothing() {
        assert_eq!(QUIET.decide(), Leave);
        assert_eq!(NEW.decide(), Leave);
    }
}
