//! Entries that lie too far ahead of this server's clock: kept, to be judged again.

use crate::ended::entry::{Entry, Source};
use crate::timestamp::Timestamp;
use std::collections::HashMap;

/// More are forgotten. A feed is read again from the start if the clock steps.
pub(crate) const MAX_ASIDE: usize = 65_536;

/// How often they are judged again, in milliseconds.
const JUDGED_EVERY: u64 = 60_000;

#[derive(Debug, Default)]
pub(crate) struct Aside {
    entries: HashMap<Entry, Source>,
    judged: Timestamp,
}

impl Aside {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Keeps an entry, if there is room for it.
    pub(crate) fn keep(&mut self, entry: Entry, source: Source) {
        if self.entries.len() < MAX_ASIDE {
            // What was ended here must be sent once it counts, no matter who else told of it.
            let known = self.entries.entry(entry).or_insert(source);
            if source == Source::Here {
                *known = Source::Here;
            }
        }
    }

    /// Returns all entries to be judged, if a minute has passed or the clock went back.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Vec<(Entry, Source)> {
        if self.entries.is_empty() || now.millis().abs_diff(self.judged.millis()) < JUDGED_EVERY {
            return Vec::new();
        }
        self.judged = now;
        self.entries.drain().collect()
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry> {
        self.entries.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: u64 = 1_795_262_400_000;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(NOON + millis)
    }

    fn entry() -> Entry {
        Entry::Everyone { before: at(3_600_000) }
    }

    #[test]
    fn what_was_ended_here_stays_that_whoever_else_tells_of_it() {
        for (first, second, kept) in [
            (Source::Here, Source::Feed, Source::Here),
            (Source::Feed, Source::Here, Source::Here),
            (Source::Feed, Source::Feed, Source::Feed),
        ] {
            let mut aside = Aside::default();
            aside.keep(entry(), first);
            aside.keep(entry(), second);
            assert_eq!(aside.take_due(at(0)), [(entry(), kept)], "{first:?}, {second:?}");
        }
    }

    #[test]
    fn entries_are_judged_again_once_a_minute_has_passed_in_either_direction() {
        let mut aside = Aside::default();
        let mut is_due = |millis| {
            aside.keep(entry(), Source::Feed);
            !aside.take_due(at(millis)).is_empty()
        };
        assert!(is_due(0));
        assert!(!is_due(59_999));
        assert!(is_due(60_000));
        assert!(!is_due(1));
        assert!(is_due(0));
    }
}
