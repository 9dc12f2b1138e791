//! When is the file read again? Every so often, and early when a cookie names an unknown key.

use time::{Duration, OffsetDateTime};

/// Anybody can write any key id into a cookie, so early reads have a pace of their own.
const BETWEEN_EARLY_READS: Duration = Duration::MINUTE;

/// How often a key file is read: at a steady pace, and once in between when somebody asks, but at
/// most once a minute whatever the number of those who ask.
///
/// ```
/// use sealed_session::key_file::Pace;
/// use time::{Duration, macros::datetime};
///
/// let start = datetime!(2026-11-21 09:00 UTC);
/// let mut pace = Pace::new(Duration::minutes(5), start);
/// assert!(!pace.is_due(false, start + Duration::SECOND));
/// assert!(pace.is_due(true, start + Duration::seconds(2)), "an unknown key was met");
/// assert!(!pace.is_due(true, start + Duration::seconds(3)), "and another one");
/// assert!(pace.is_due(false, start + Duration::minutes(6)));
/// ```
#[derive(Debug, Clone)]
pub struct Pace {
    every: Duration,
    last: OffsetDateTime,
    last_early: Option<OffsetDateTime>,
    asked: bool,
}

impl Pace {
    /// Begins with a file that was read at `now`.
    pub fn new(every: Duration, now: OffsetDateTime) -> Pace {
        Pace { every, last: now, last_early: None, asked: false }
    }

    /// Returns whether to read the file now; if so, this counts as read. `unknown_key_met` asks for
    /// an early read, which is remembered until it may be.
    pub fn is_due(&mut self, unknown_key_met: bool, now: OffsetDateTime) -> bool {
        self.asked |= unknown_key_met;
        if !has_passed(self.every, self.last, now) {
            let early = BETWEEN_EARLY_READS;
            if !self.asked || self.last_early.is_some_and(|last| !has_passed(early, last, now)) {
                return false;
            }
            self.last_early = Some(now);
        }
        self.last = now;
        self.asked = false;
        true
    }
}

/// A clock that stepped back must not put off the next read for as long.
fn has_passed(length: Duration, since: OffsetDateTime, now: OffsetDateTime) -> bool {
    now < since || now - since >= length
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const START: OffsetDateTime = datetime!(2026-11-21 09:00 UTC);

    fn at(seconds: i64) -> OffsetDateTime {
        START + Duration::seconds(seconds)
    }

    #[test]
    fn a_file_is_read_at_its_pace() {
        let mut pace = Pace::new(Duration::seconds(10), START);
        let due: Vec<i64> = (0..=31).filter(|second| pace.is_due(false, at(*second))).collect();
        assert_eq!(due, [10, 20, 30]);
    }

    #[test]
    fn however_many_forged_cookies_lead_to_one_early_read_a_minute() {
        let mut pace = Pace::new(Duration::minutes(10), START);
        let due: Vec<i64> = (0..300).filter(|second| pace.is_due(true, at(*second))).collect();
        assert_eq!(due, [0, 60, 120, 180, 240]);
    }

    #[test]
    fn an_unknown_key_met_too_early_is_not_forgotten() {
        let mut pace = Pace::new(Duration::minutes(10), START);
        assert!(pace.is_due(true, at(1)));
        assert!(!pace.is_due(true, at(2)));
        let due: Vec<i64> = (3..300).filter(|second| pace.is_due(false, at(*second))).collect();
        assert_eq!(due, [61]);
    }

    #[test]
    fn a_read_at_the_steady_pace_answers_those_who_asked() {
        let mut pace = Pace::new(Duration::seconds(10), START);
        assert!(pace.is_due(true, at(1)));
        assert!(!pace.is_due(true, at(2)));
        assert!(pace.is_due(false, at(11)));
        assert!(!pace.is_due(false, at(20)));
    }

    #[test]
    fn a_clock_that_steps_back_an_hour_does_not_stop_the_reading() {
        let mut pace = Pace::new(Duration::seconds(10), START);
        assert!(pace.is_due(true, at(1)));
        assert!(pace.is_due(false, at(-3600)));
        assert!(!pace.is_due(false, at(-3595)));
        assert!(pace.is_due(true, at(-3594)));
    }
}
