//! Which number a new cut gets. Numbers grow; they are never compared with a clock.

use crate::timestamp::Timestamp;

/// A session without a subject carries this.
pub(crate) const NO_SUBJECT: u32 = 0;

/// A session whose subject has no known cut carries this.
pub(crate) const NO_CUT: u32 = 1;

/// What `end_all_of` adds, so that for an hour it wins over every `end_others` of a server which
/// has not heard of it.
const AHEAD_FOR_ALL: u32 = 3600;

/// A known cut that is so far ahead of the clock (30 days: 720 calls in one moment) grows by a minute
/// only. Else a user who may end all of his own in a loop would use the numbers up, after which
/// everyone is ended.
const FAR_AHEAD: u32 = 30 * 86_400;
const FROM_FAR_AHEAD: u32 = 60;

/// A wrong clock far in the future must leave numbers for those who come after it.
const MAX_OF_CLOCK: u32 = 0xF000_0000;

/// No cut is greater: a forged one must leave the subject a way out.
pub(crate) const MAX_NUMBER: u32 = 0xFF00_0000;

/// Returns the number of a new cut: greater than the one known here and than the one that the
/// session which asks for it carries (0 if none asks). `None` if the numbers ran out.
pub(crate) fn next(now: Timestamp, known: Option<u32>, own: u32) -> Option<u32> {
    let clock = clock(now);
    let known = known.unwrap_or(NO_CUT).saturating_add(1);
    Some(clock.max(known).max(own.saturating_add(1))).filter(|number| *number <= MAX_NUMBER)
}

/// As [`next`], for `end_all_of`.
pub(crate) fn next_for_all(now: Timestamp, known: Option<u32>) -> Option<u32> {
    let is_far_ahead = known.is_some_and(|known| known > clock(now).saturating_add(FAR_AHEAD));
    let more = if is_far_ahead { FROM_FAR_AHEAD - 1 } else { AHEAD_FOR_ALL };
    let number = next(now, known, NO_SUBJECT)?.saturating_add(more);
    Some(number).filter(|number| *number <= MAX_NUMBER)
}

fn clock(now: Timestamp) -> u32 {
    u32::try_from(now.millis() / 1000).unwrap_or(u32::MAX).min(MAX_OF_CLOCK)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_millis(1_795_000_000_999)
    }

    #[test]
    fn a_cut_is_the_seconds_since_1970() {
        assert_eq!(next(now(), None, 0), Some(1_795_000_000));
        assert_eq!(next(now(), Some(17), 23), Some(1_795_000_000));
    }

    #[test]
    fn a_cut_is_greater_than_the_known_one_whatever_the_clock_says() {
        assert_eq!(next(now(), Some(1_795_000_000), 0), Some(1_795_000_001));
        assert_eq!(next(now(), Some(2_000_000_000), 0), Some(2_000_000_001));
    }

    #[test]
    fn a_cut_is_greater_than_that_of_the_session_which_makes_it() {
        assert_eq!(next(now(), None, 2_000_000_000), Some(2_000_000_001));
    }

    #[test]
    fn a_clock_at_1970_still_cuts_sessions_that_carry_no_cut() {
        assert_eq!(next(Timestamp::from_millis(0), None, NO_CUT), Some(2));
    }

    #[test]
    fn a_clock_past_2106_leaves_numbers_for_those_after_it() {
        let late = Timestamp::from_millis(u64::MAX);
        assert_eq!(next(late, None, 0), Some(0xF000_0000));
        assert_eq!(next_for_all(late, Some(0xF000_0000)), Some(0xF000_0001 + 3600));
    }

    #[test]
    fn end_all_of_is_ahead_by_an_hour() {
        assert_eq!(next_for_all(now(), None), Some(1_795_003_600));
    }

    /// Else 689,500 calls would use the numbers up, and end everyone.
    #[test]
    fn end_all_of_in_a_loop_grows_by_a_minute_from_a_month_ahead_on() {
        let month = 1_795_000_000 + 30 * 86_400;
        assert_eq!(next_for_all(now(), Some(month)), Some(month + 3601));
        assert_eq!(next_for_all(now(), Some(month + 1)), Some(month + 61));
        let mut known = None;
        (0..1_000_000).for_each(|_| known = next_for_all(now(), known));
        assert_eq!(known, Some(month + 719 + (1_000_000 - 720) * 60));
    }

    #[test]
    fn numbers_run_out_instead_of_wrapping() {
        assert_eq!(next(now(), Some(MAX_NUMBER - 1), 0), Some(MAX_NUMBER));
        assert_eq!(next(now(), Some(MAX_NUMBER), 0), None);
        assert_eq!(next(now(), Some(u32::MAX), u32::MAX), None);
        assert_eq!(next_for_all(now(), Some(MAX_NUMBER - 1)), None);
    }
}
