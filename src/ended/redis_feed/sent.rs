//! What this server sent lately: which cut must wait, and what is sent again after a break.

use crate::ended::entry::Entry;
use crate::ended::subject::Subject;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// An engine that lost its last seconds, or did what timed out, is told this much again.
const SENT_AGAIN: Duration = Duration::from_secs(600);

/// If more were sent lately, all of the list is compared with the stream instead.
const MAX_REMEMBERED: usize = 65_536;

/// A subject's cut is sent at most once in this time, the latest.
const BETWEEN_CUTS: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Sent {
    lately: HashMap<Entry, Instant>,
    cuts: HashMap<Subject, Instant>,
    forgot: Option<Instant>,
}

impl Sent {
    /// Whether an entry has to wait because a cut of its subject was sent a moment ago.
    pub(super) fn must_wait(&self, entry: &Entry, now: Instant) -> bool {
        let Entry::Cut { subject, .. } = entry else { return false };
        self.cuts.get(subject).is_some_and(|sent| now.duration_since(*sent) < BETWEEN_CUTS)
    }

    pub(super) fn sent(&mut self, entries: &[Entry], now: Instant) {
        self.cuts.retain(|_, sent| now.duration_since(*sent) < BETWEEN_CUTS);
        if self.lately.len() + entries.len() > MAX_REMEMBERED {
            self.lately.retain(|_, sent| now.duration_since(*sent) < SENT_AGAIN);
        }
        for entry in entries {
            if let Entry::Cut { subject, .. } = entry {
                self.cuts.insert(*subject, now);
            }
            if self.lately.len() < MAX_REMEMBERED {
                // What is sent again is not younger by that.
                self.lately.entry(*entry).or_insert(now);
            } else {
                self.forgot = Some(now);
            }
        }
    }

    /// Returns what was sent in the last ten minutes; `None` if that was too much to remember.
    pub(super) fn lately(&mut self, now: Instant) -> Option<Vec<Entry>> {
        if self.forgot.is_some_and(|forgot| now.duration_since(forgot) < SENT_AGAIN) {
            return None;
        }
        self.lately.retain(|_, sent| now.duration_since(*sent) < SENT_AGAIN);
        Some(self.lately.keys().copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timestamp::Timestamp;

    fn cut(subject: &str, number: u32) -> Entry {
        Entry::Cut { subject: Subject::of("shop", subject), number, time: Timestamp::default() }
    }

    #[test]
    fn a_subjects_cut_waits_for_a_second_after_the_last() {
        let (mut sent, now) = (Sent::default(), Instant::now());
        sent.sent(&[cut("17", 2)], now);
        let later = |millis| now + Duration::from_millis(millis);
        assert!(sent.must_wait(&cut("17", 3), later(999)));
        assert!(!sent.must_wait(&cut("17", 3), later(1000)));
        assert!(!sent.must_wait(&cut("18", 3), later(1)));
    }

    #[test]
    fn what_was_sent_in_ten_minutes_is_sent_again_and_not_for_ever() {
        let (mut sent, now) = (Sent::default(), Instant::now());
        let at = |seconds| now + Duration::from_secs(seconds);
        sent.sent(&[cut("17", 2)], now);
        sent.sent(&[cut("18", 2)], at(300));
        sent.sent(&[cut("17", 2)], at(301)); // again, after a break
        assert_eq!(sent.lately(at(599)).unwrap().len(), 2);
        assert_eq!(sent.lately(at(600)).unwrap(), [cut("18", 2)]);
    }

    #[test]
    fn a_cut_waits_whatever_else_was_sent_meanwhile() {
        let (mut sent, now) = (Sent::default(), Instant::now());
        let later = |millis| now + Duration::from_millis(millis);
        sent.sent(&[cut("17", 2)], now);
        sent.sent(&[cut("18", 2)], later(500));
        assert!(sent.must_wait(&cut("17", 3), later(999)));
    }

    fn many(numbers: std::ops::Range<u32>) -> Vec<Entry> {
        let (subject, time) = (Subject::of("shop", "17"), Timestamp::default());
        numbers.map(|number| Entry::Cut { subject, number, time }).collect()
    }

    #[test]
    fn too_much_to_remember_is_told() {
        let (mut sent, now) = (Sent::default(), Instant::now());
        sent.sent(&many(0..65_536), now);
        assert!(sent.lately(now).is_some());
        sent.sent(&many(65_536..65_537), now);
        assert_eq!(sent.lately(now), None);
        assert!(sent.lately(now + SENT_AGAIN).is_some());
    }

    #[test]
    fn what_is_not_sent_again_any_more_makes_room() {
        let (mut sent, now) = (Sent::default(), Instant::now());
        let at = |seconds| now + Duration::from_secs(seconds);
        sent.sent(&many(0..65_535), now);
        sent.sent(&[cut("18", 2)], at(300));
        sent.sent(&[cut("18", 3)], at(600));
        assert_eq!(sent.lately(at(600)).map(|lately| lately.len()), Some(2));
    }
}
