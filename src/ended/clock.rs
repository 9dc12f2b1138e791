//! Did the wall clock step? The monotonic clock tells.

use crate::timestamp::Timestamp;
use std::time::Duration;

/// A step of more milliseconds than this has a feed read from the start.
const MAX_STEP: u64 = 60_000;

/// Compares two clocks each time it is asked. A slow drift between two questions does not count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClockWatch {
    wall: Timestamp,
    monotonic: Duration,
}

impl ClockWatch {
    pub(crate) fn new(wall: Timestamp, monotonic: Duration) -> ClockWatch {
        ClockWatch { wall, monotonic }
    }

    /// Returns whether the wall clock went over a minute further or less far than the monotonic
    /// one since the last question.
    pub(crate) fn stepped(&mut self, wall: Timestamp, monotonic: Duration) -> bool {
        let passed = u64::try_from(monotonic.saturating_sub(self.monotonic).as_millis());
        let expected = self.wall.millis().saturating_add(passed.unwrap_or(u64::MAX));
        *self = ClockWatch { wall, monotonic };
        wall.millis().abs_diff(expected) > MAX_STEP
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_step_of_over_a_minute_counts() {
        let at = |seconds: u64| Timestamp::from_millis(1_000_000 + seconds * 1000);
        let mut clock = ClockWatch::new(at(0), Duration::ZERO);
        assert!(!clock.stepped(at(3600), Duration::from_secs(3600)), "an hour passed");
        assert!(!clock.stepped(at(3660), Duration::from_secs(3600)), "60 s ahead");
        assert!(clock.stepped(at(3721), Duration::from_secs(3600)), "61 s ahead");
        assert!(!clock.stepped(at(3721), Duration::from_secs(3600)), "told once");
        assert!(clock.stepped(at(121), Duration::from_secs(3600)), "an hour back");
        assert!(!clock.stepped(at(122), Duration::from_secs(3601)));
        assert!(clock.stepped(at(122), Duration::from_secs(3700)), "stands still");
    }
}
