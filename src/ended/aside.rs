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
