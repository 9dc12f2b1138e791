//! How far the list is looked through for what leaves it.

use crate::ended::packed::SHARDS;
use crate::timestamp::Timestamp;

/// Shard after shard, round after round.
#[derive(Debug, Default)]
pub(crate) struct Sweep {
    next: usize,
    pub(crate) at: Timestamp,
    /// The greatest cut met in this round, or learned during it.
    greatest: u32,
    learned_now: bool,
    learned_before: bool,
}

impl Sweep {
    pub(crate) fn met_cut(&mut self, number: u32) {
        self.greatest = self.greatest.max(number);
    }

    pub(crate) fn learned_cut(&mut self, number: u32) {
        self.met_cut(number);
        self.learned_now = true;
    }

    /// Whether a cut was learned in this round or in the last one: else no listed id became
    /// covered by one.
    pub(crate) fn may_have_covered(&self) -> bool {
        self.learned_now || self.learned_before
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
        self.learned_before = std::mem::take(&mut self.learned_now);
        Some(std::mem::take(&mut self.greatest))
    }
}
