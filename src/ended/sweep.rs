//! How far the list is looked through for what leaves it.

use crate::ended::packed::SHARDS;
use crate::ended::subject::Subject;
use crate::timestamp::Timestamp;
use std::collections::HashMap;

/// Shard after shard, round after round.
#[derive(Debug, Default)]
pub(crate) struct Sweep {
    next: usize,
    pub(crate) at: Timestamp,
    /// The greatest cut met in this round, or learned during it.
    greatest: u32,
    /// Subjects of whose ids too many are listed, by the round in which that was met.
    covered_now: HashMap<Subject, Cover>,
    covered_before: HashMap<Subject, Cover>,
}

/// A cut that stands for the listed ids of its subject with a smaller one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cover {
    pub(crate) number: u32,
    pub(crate) time: Timestamp,
}

impl Sweep {
    pub(crate) fn met_cut(&mut self, number: u32) {
        self.greatest = self.greatest.max(number);
    }

    /// Takes in that the ids which a cut covers are to leave: in the rest of this round, and in the next.
    pub(crate) fn covered(&mut self, subject: Subject, by: Cover) {
        self.covered_now.insert(subject, by);
    }

    /// Whether this id may leave, because a cut stands for it.
    ///
    /// One that was made after the cut, by a server that had not heard of it, stays: when the cut
    /// leaves for room, `everyone` rises to the cut's time only.
    pub(crate) fn covers(&self, subject: Subject, cut: u32, created: Timestamp) -> bool {
        [&self.covered_now, &self.covered_before]
            .into_iter()
            .filter_map(|covered| covered.get(&subject))
            .any(|by| by.number > cut && by.time >= created)
    }

    /// Takes in that this many milliseconds' worth of shards are looked through.
    pub(crate) fn passed(&mut self, millis: u64, now: Timestamp) {
        // A clock that went back starts the pace anew.
        self.at = Timestamp::from_millis(self.at.millis() + millis).min(now);
    }

    /// Returns the shard to look through now.
    pub(crate) fn next(&mut self) -> usize {
        let shard = self.next;
        self.next = (shard + 1) % SHARDS;
        shard
    }

    /// Returns the greatest cut of a round that has just ended.
    pub(crate) fn end_of_round(&mut self) -> Option<u32> {
        if self.next != 0 {
            return None;
        }
        self.covered_before = std::mem::take(&mut self.covered_now);
        Some(std::mem::take(&mut self.greatest))
    }
}
