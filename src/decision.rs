//! Must the session be written, removed or left alone? The table of `docs/design.md`, row by row.

use crate::error::Reason;
use crate::response::Caching;
use crate::session::{Cookies, Origin};

/// A response this much later than its request must not renew: a long poll would undo a logout
/// that happened meanwhile.
pub(crate) const LATE_AFTER_SECONDS: u32 = 5;

/// What `save` does with the browser's cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Leave,
    /// Wanted, and left to a later response.
    Defer,
    Write,
    Remove,
}

/// All that the decision depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    pub(crate) origin: Origin,
    pub(crate) cookies: Cookies,
    pub(crate) destroyed: bool,
    /// By `renew()`.
    pub(crate) renewed: bool,
    /// Data, id or own timeouts are others than in the cookie.
    pub(crate) changed: bool,
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
        if is_kept(self.origin) && !self.renewed {
            return Decision::Leave;
        }
        // 3. The handler did something that must not be lost.
        if self.renewed || self.changed {
            return Decision::Write;
        }
        // 4. Nobody will ever accept the cookie. Where there are several, removing one could
        //    leave an attacker's.
        if is_cleared(self.origin) && self.cookies == Cookies::One {
            return if shared { Decision::Defer } else { Decision::Remove };
        }
        // 5. In use, and the idle deadline comes nearer.
        if self.renewal_due {
            return if shared || self.late { Decision::Defer } else { Decision::Write };
        }
        // 6. Nothing to do; a new visitor with nothing in the session gets no cookie.
        Decision::Leave
    }
}

/// Whether the cookie is for somebody else to judge.
pub(crate) fn is_kept(origin: Origin) -> bool {
    use Reason::*;
    matches!(origin, Origin::Rejected(UnknownVersion | NewerSchema | NotYetValid))
}

/// Whether the cookie is of no use to anybody. Timed-out ones are dropped by the browser itself, and the
/// key of `UnknownKey` may still be on its way.
fn is_cleared(origin: Origin) -> bool {
    use Reason::*;
    matches!(
        origin,
        Origin::Rejected(TooLong | Malformed | RetiredKey | Forged | Payload | OldSchema | Revoked)
    )
}
