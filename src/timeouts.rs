//! When a session ends and when it is renewed: pure `(stamps, policy, now) → verdict`.
//!
//! Two deadlines, as OWASP's Session Management Cheat Sheet ("Session Expiration") and ASVS 5.0
//! §7.3 ask for: **idle**, from the last renewal, and **absolute**, from creation. Lengths are whole
//! seconds in 32 bits.

use crate::error::Reason;
use crate::instant::Instant;
use time::Duration;

/// How far a peer's clock may run ahead of ours before its sessions are refused.
const CLOCK_SKEW: u32 = 60;
/// A renewal more often than this costs more than it gives, unless it is asked for.
const LEAST_RENEW_AFTER: u32 = 60;

/// The two lengths, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timeouts {
    pub(crate) idle: u32,
    pub(crate) absolute: u32,
}

impl Timeouts {
    /// Whole seconds, cut to what 32 bits hold.
    pub(crate) fn from_durations(idle: Duration, absolute: Duration) -> Timeouts {
        Timeouts { idle: clamped_seconds(idle), absolute: clamped_seconds(absolute) }
    }
}

fn clamped_seconds(length: Duration) -> u32 {
    u32::try_from(length.whole_seconds().max(0)).unwrap_or(u32::MAX)
}

/// What the server asks of every session today. The policy at sealing does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) timeouts: Timeouts,
    /// What a session's own timeouts are cut to.
    pub(crate) longest: Timeouts,
    pub(crate) renew_after: Option<u32>,
}

impl Default for Policy {
    /// 30 minutes idle, 8 hours in all.
    fn default() -> Policy {
        let timeouts = Timeouts { idle: 30 * 60, absolute: 8 * 60 * 60 };
        Policy { timeouts, longest: timeouts, renew_after: None }
    }
}

impl Policy {
    fn effective(&self, own: Option<Timeouts>) -> Timeouts {
        own.map_or(self.timeouts, |own| Timeouts {
            idle: own.idle.min(self.longest.idle),
            absolute: own.absolute.min(self.longest.absolute),
        })
    }
}

/// The times of one session, as its stamps have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clocks {
    pub(crate) created: Instant,
    /// The last renewal, in whole seconds since `created`.
    pub(crate) renewed: u32,
    /// The session's own timeouts.
    pub(crate) own: Option<Timeouts>,
}

impl Clocks {
    fn last_renewal(&self) -> Instant {
        self.created.plus_seconds(self.renewed)
    }

    /// Both deadlines as seen at `now`: a stamp that is ahead of it counts as now.
    pub(crate) fn deadlines(&self, policy: &Policy, now: Instant) -> (Instant, Instant) {
        let timeouts = policy.effective(self.own);
        let idle = self.last_renewal().min(now).plus_seconds(timeouts.idle);
        let absolute = self.created.min(now).plus_seconds(timeouts.absolute);
        (idle, absolute)
    }

    /// Whether the session may be used at `now`.
    pub(crate) fn check(&self, policy: &Policy, now: Instant) -> Result<(), Reason> {
        if self.last_renewal() > now.plus_seconds(CLOCK_SKEW) {
            return Err(Reason::NotYetValid);
        }
        let (idle, absolute) = self.deadlines(policy, now);
        if absolute <= now {
            return Err(Reason::AbsoluteTimeout);
        }
        if idle <= now {
            return Err(Reason::IdleTimeout);
        }
        Ok(())
    }

    /// Whether using the session at `now` should renew it.
    pub(crate) fn renewal_due(&self, policy: &Policy, now: Instant) -> bool {
        let idle = policy.effective(self.own).idle;
        let wanted = policy.renew_after.unwrap_or((idle / 10).max(LEAST_RENEW_AFTER));
        // A session that times out before its first renewal could never be kept alive by use.
        let after = if wanted < idle { wanted } else { idle / 2 };
        now >= self.last_renewal().plus_seconds(after)
            && self.renewed_at(policy, now) > self.renewed
    }

    /// The value of `renewed` after a renewal at `now`: it never decreases, and while the
    /// clock is right never passes the absolute deadline.
    pub(crate) fn renewed_at(&self, policy: &Policy, now: Instant) -> u32 {
        let age = now.seconds_since(self.created);
        age.min(policy.effective(self.own).absolute).max(self.renewed)
    }

    /// Seconds until the nearer deadline.
    pub(crate) fn seconds_left(&self, policy: &Policy, now: Instant) -> u32 {
        let (idle, absolute) = self.deadlines(policy, now);
        idle.min(absolute).seconds_since(now)
    }
}
