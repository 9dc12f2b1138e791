//! When a session ends and when it is renewed: pure `(stamps, policy, now) → verdict`.
//!
//! Two deadlines, as OWASP's Session Management Cheat Sheet ("Session Expiration") and ASVS 5.0
//! §7.3 ask for: **idle**, from the last renewal, and **absolute**, from creation. Lengths are
//! whole seconds in 32 bits.

use crate::rules::reason::{Reason, Refusal};
use crate::timestamp::Timestamp;
use time::Duration;

/// How far a peer's clock may run ahead of ours before its sessions are refused, in seconds.
pub(crate) const CLOCK_SKEW: u32 = 60;
/// A renewal more often than this costs more than it gives, unless it is asked for.
const MIN_RENEW_AFTER: u32 = 60;

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

    /// Returns (idle, absolute).
    pub(crate) fn to_durations(self) -> (Duration, Duration) {
        (Duration::seconds(self.idle.into()), Duration::seconds(self.absolute.into()))
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

impl Policy {
    /// Returns what of a session's own timeouts does not count, if anything.
    pub(crate) fn what_is_cut(&self, own: Timeouts) -> Option<&'static str> {
        if own.idle > self.longest.idle {
            Some("the idle timeout is longer than `longest_timeouts` allows")
        } else if own.absolute > self.longest.absolute {
            Some("the absolute timeout is longer than `longest_timeouts` allows")
        } else if own.idle > own.absolute {
            Some("the idle timeout is longer than the absolute one")
        } else {
            None
        }
    }
}

/// The times of one session, as its stamps have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clocks {
    pub(crate) created: Timestamp,
    /// The last renewal, in whole seconds since `created`.
    pub(crate) renewed: u32,
    /// The session's own timeouts.
    pub(crate) own: Option<Timeouts>,
}

impl Clocks {
    pub(crate) fn last_renewal(&self) -> Timestamp {
        self.created.plus_seconds(self.renewed)
    }

    /// Both deadlines as seen at `now`: a stamp that is ahead of it counts as now.
    pub(crate) fn deadlines(&self, policy: &Policy, now: Timestamp) -> (Timestamp, Timestamp) {
        let timeouts = policy.effective(self.own);
        let idle = self.last_renewal().min(now).plus_seconds(timeouts.idle);
        let absolute = self.created.min(now).plus_seconds(timeouts.absolute);
        (idle, absolute)
    }

    /// Whether the session may be used at `now`: rows 8 and 9 of `docs/format.md`.
    pub(crate) fn check(&self, policy: &Policy, now: Timestamp) -> Result<(), Refusal> {
        if self.last_renewal() > now.plus_seconds(CLOCK_SKEW) {
            return Err(Refusal::at(8, Reason::NotYetValid));
        }
        let (idle, absolute) = self.deadlines(policy, now);
        if absolute <= now {
            return Err(Refusal::at(9, Reason::AbsoluteTimeout));
        }
        if idle <= now {
            return Err(Refusal::at(9, Reason::IdleTimeout));
        }
        Ok(())
    }

    /// Whether using the session at `now` should renew it.
    pub(crate) fn renewal_due(&self, policy: &Policy, now: Timestamp) -> bool {
        let idle = policy.effective(self.own).idle;
        let wanted = policy.renew_after.unwrap_or((idle / 10).max(MIN_RENEW_AFTER));
        // A session that times out before its first renewal could never be kept alive by use.
        let after = if wanted < idle { wanted } else { idle / 2 };
        now >= self.last_renewal().plus_seconds(after)
            && self.renewed_at(policy, now) > self.renewed
    }

    /// The value of `renewed` after a renewal at `now`: it never decreases, and while the
    /// clock is right never passes the absolute deadline.
    pub(crate) fn renewed_at(&self, policy: &Policy, now: Timestamp) -> u32 {
        let age = now.seconds_since(self.created);
        age.min(policy.effective(self.own).absolute).max(self.renewed)
    }

    /// Seconds until the nearer deadline.
    pub(crate) fn seconds_left(&self, policy: &Policy, now: Timestamp) -> u32 {
        let (idle, absolute) = self.deadlines(policy, now);
        idle.min(absolute).seconds_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Refusal = Refusal { row: 9, reason: Reason::IdleTimeout };
    const ABSOLUTE: Refusal = Refusal { row: 9, reason: Reason::AbsoluteTimeout };

    const POLICY: Policy = Policy {
        timeouts: Timeouts { idle: 900, absolute: 28_800 },
        longest: Timeouts { idle: 86_400, absolute: 864_000 },
        renew_after: None,
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis((1_800_000_000 + seconds) as u64 * 1000)
    }

    fn clocks(renewed: u32, own: Option<(u32, u32)>) -> Clocks {
        let own = own.map(|(idle, absolute)| Timeouts { idle, absolute });
        Clocks { created: at(0), renewed, own }
    }

    #[test]
    fn idle_counts_from_the_last_renewal() {
        assert_eq!(clocks(0, None).check(&POLICY, at(899)), Ok(()));
        assert_eq!(clocks(0, None).check(&POLICY, at(900)), Err(IDLE));
        assert_eq!(clocks(600, None).check(&POLICY, at(1499)), Ok(()));
        assert_eq!(clocks(600, None).check(&POLICY, at(1500)), Err(IDLE));
    }

    #[test]
    fn absolute_counts_from_creation_whatever_was_renewed() {
        assert_eq!(clocks(28_700, None).check(&POLICY, at(28_799)), Ok(()));
        assert_eq!(clocks(28_700, None).check(&POLICY, at(28_800)), Err(ABSOLUTE));
    }

    #[test]
    fn own_timeouts_replace_the_policy() {
        let own = clocks(0, Some((7200, 100_000)));
        assert_eq!(own.check(&POLICY, at(7199)), Ok(()));
        assert_eq!(own.check(&POLICY, at(7200)), Err(IDLE));
        let short = clocks(0, Some((60, 100_000)));
        assert_eq!(short.check(&POLICY, at(60)), Err(IDLE));
    }

    #[test]
    fn own_timeouts_past_the_longest_are_cut() {
        let own = clocks(863_999, Some((u32::MAX, u32::MAX)));
        assert_eq!(own.check(&POLICY, at(863_999)), Ok(()));
        assert_eq!(own.check(&POLICY, at(864_000)), Err(ABSOLUTE));
        let idle = clocks(0, Some((u32::MAX, u32::MAX)));
        assert_eq!(idle.check(&POLICY, at(86_400)), Err(IDLE));
    }

    #[test]
    fn what_is_cut_of_own_timeouts_is_told() {
        let cut = |idle, absolute| POLICY.what_is_cut(Timeouts { idle, absolute });
        let begins = |told: Option<&str>, text| told.is_some_and(|told| told.starts_with(text));
        assert_eq!(cut(86_400, 864_000), None, "the longest");
        assert!(begins(cut(86_401, 864_000), "the idle timeout is longer than `longest_timeouts`"));
        assert!(begins(cut(86_400, 864_001), "the absolute timeout is longer than `longest"));
        assert_eq!(cut(900, 900), None, "both at once");
        assert!(begins(cut(901, 900), "the idle timeout is longer than the absolute one"));
    }

    #[test]
    fn the_default_is_30_minutes_idle_and_8_hours_in_all() {
        let timeouts = Timeouts { idle: 1800, absolute: 28_800 };
        assert_eq!(Policy::default(), Policy { timeouts, longest: timeouts, renew_after: None });
    }

    #[test]
    fn todays_policy_counts_for_cookies_already_out() {
        let shorter = Policy {
            timeouts: Timeouts { idle: 300, absolute: 28_800 },
            longest: POLICY.longest,
            ..POLICY
        };
        assert_eq!(clocks(0, None).check(&POLICY, at(300)), Ok(()));
        assert_eq!(clocks(0, None).check(&shorter, at(300)), Err(IDLE));
    }

    #[test]
    fn a_clock_60_seconds_ahead_is_borne_and_61_is_not() {
        for (seconds, expected) in [(-60, Ok(())), (-61, Err(Refusal::at(8, Reason::NotYetValid)))]
        {
            assert_eq!(clocks(0, None).check(&POLICY, at(seconds)), expected, "creation {seconds}");
            let renewed = clocks(600, None).check(&POLICY, at(600 + seconds));
            assert_eq!(renewed, expected, "renewal {seconds}");
        }
    }

    #[test]
    fn what_is_ahead_counts_as_now() {
        let (idle, absolute) = clocks(0, None).deadlines(&POLICY, at(-60));
        assert_eq!((idle, absolute), (at(-60 + 900), at(-60 + 28_800)));
        let (idle, absolute) = clocks(600, None).deadlines(&POLICY, at(560));
        assert_eq!((idle, absolute), (at(560 + 900), at(28_800)));
    }

    #[test]
    fn renewal_is_due_after_a_tenth_of_the_idle_timeout() {
        assert!(!clocks(0, None).renewal_due(&POLICY, at(89)));
        assert!(clocks(0, None).renewal_due(&POLICY, at(90)));
        assert!(!clocks(90, None).renewal_due(&POLICY, at(179)));
        assert!(clocks(90, None).renewal_due(&POLICY, at(180)));
    }

    #[test]
    fn renewal_follows_the_sessions_own_idle_timeout() {
        let own = Some((6000, 100_000));
        assert!(!clocks(0, own).renewal_due(&POLICY, at(599)));
        assert!(clocks(0, own).renewal_due(&POLICY, at(600)));
    }

    #[test]
    fn renewal_is_not_due_under_a_minute() {
        let short = Policy { timeouts: Timeouts { idle: 300, absolute: 28_800 }, ..POLICY };
        assert!(!clocks(0, None).renewal_due(&short, at(59)));
        assert!(clocks(0, None).renewal_due(&short, at(60)));
    }

    #[test]
    fn an_idle_timeout_of_a_minute_or_less_still_allows_renewal() {
        for (idle, due) in [(30, 15), (60, 30)] {
            let short = Policy { timeouts: Timeouts { idle, absolute: 28_800 }, ..POLICY };
            assert!(!clocks(0, None).renewal_due(&short, at(due - 1)), "{idle}");
            assert!(clocks(0, None).renewal_due(&short, at(due)), "{idle}");
        }
    }

    #[test]
    fn renew_after_can_be_asked_for() {
        let eager = Policy { renew_after: Some(1), ..POLICY };
        assert!(!clocks(10, None).renewal_due(&eager, at(10)));
        assert!(clocks(10, None).renewal_due(&eager, at(11)));
        let always = Policy { renew_after: Some(0), ..POLICY };
        assert!(clocks(10, None).renewal_due(&always, at(11)));
        assert!(!clocks(10, None).renewal_due(&always, at(10)), "it would change nothing");
    }

    #[test]
    fn renewed_never_decreases_when_the_clock_steps_back() {
        assert_eq!(clocks(600, None).renewed_at(&POLICY, at(-3600)), 600);
        assert!(!clocks(600, None).renewal_due(&POLICY, at(-3600)));
    }

    #[test]
    fn a_renewal_never_passes_the_absolute_deadline() {
        assert_eq!(clocks(600, None).renewed_at(&POLICY, at(700)), 700);
        assert_eq!(clocks(600, None).renewed_at(&POLICY, at(99_999)), 28_800);
        assert_eq!(clocks(28_000, None).seconds_left(&POLICY, at(28_790)), 10);
    }

    #[test]
    fn extremes_do_not_overflow() {
        let last = Timestamp::from_millis((1 << 48) - 1);
        let own = [
            None,
            Some(Timeouts { idle: 0, absolute: 0 }),
            Some(Timeouts { idle: u32::MAX, absolute: u32::MAX }),
        ];
        let longest = Timeouts { idle: u32::MAX, absolute: u32::MAX };
        let policy = Policy { timeouts: longest, longest, renew_after: Some(u32::MAX) };
        for created in [Timestamp::from_millis(0), last] {
            for renewed in [0, u32::MAX] {
                for own in own {
                    for now in [Timestamp::from_millis(0), last] {
                        let clocks = Clocks { created, renewed, own };
                        let _ = clocks.check(&policy, now);
                        let _ = clocks.renewal_due(&policy, now);
                        assert!(clocks.renewed_at(&policy, now) >= renewed);
                        let _ = clocks.seconds_left(&policy, now);
                        let (idle, absolute) = clocks.deadlines(&policy, now);
                        let _ = (idle.to_time(), absolute.to_time());
                    }
                }
            }
        }
    }

    #[test]
    fn lengths_are_cut_to_32_bits_of_seconds() {
        let cut = Timeouts::from_durations(Duration::MAX, Duration::seconds(-1));
        assert_eq!(cut, Timeouts { idle: u32::MAX, absolute: 0 });
    }
}
