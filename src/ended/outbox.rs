//! Which marks in the list say "no feed has this yet", without looking through the whole list.
//!
//! The marks are the truth. A bounded queue of hints tells where the newest are; what it has no
//! room for is found by looking through the shards in turn.

use crate::ended::packed::{Place, SHARDS};
use std::collections::VecDeque;

const MAX_HINTS: usize = 65_536;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hint {
    Id(Place),
    Cut(Place),
}

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    hints: VecDeque<Hint>,
    /// The first shard that may hold marks without hints.
    scan_from: Option<usize>,
    /// How many marks are set.
    len: usize,
}

impl Outbox {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Sets a mark.
    pub(crate) fn mark(&mut self, mark: &mut bool, hint: Hint) {
        if std::mem::replace(mark, true) {
            return; // It has its hint, or its shard will be looked through.
        }
        self.len += 1;
        if self.hints.len() < MAX_HINTS {
            self.hints.push_back(hint);
        } else {
            self.scan_from = Some(0);
        }
    }

    /// Takes a mark away.
    pub(crate) fn unmark(&mut self, mark: &mut bool) {
        self.len -= usize::from(std::mem::replace(mark, false));
    }

    /// Everything in the list was marked, so that this many marks are set.
    pub(crate) fn all_marked(&mut self, len: usize) {
        *self = Outbox { hints: VecDeque::new(), scan_from: Some(0), len };
    }

    /// Returns up to `max` of the hints, oldest first, for which `is_marked`; forgets those at the
    /// front that are not.
    pub(crate) fn hinted(&mut self, max: usize, is_marked: impl Fn(Hint) -> bool) -> Vec<Hint> {
        while self.hints.front().is_some_and(|hint| !is_marked(*hint)) {
            self.hints.pop_front();
        }
        self.hints.iter().copied().filter(|hint| is_marked(*hint)).take(max).collect()
    }

    /// As [`hinted`](Outbox::hinted); if no hint is left, `marked_in` looks through shards until
    /// there are enough.
    pub(crate) fn found(
        &mut self,
        max: usize,
        is_marked: impl Fn(Hint) -> bool,
        marked_in: impl Fn(usize) -> Vec<Hint>,
    ) -> Vec<Hint> {
        let hinted = self.hinted(max, &is_marked);
        if !hinted.is_empty() || self.scan_from.is_none() {
            return hinted;
        }
        while self.hints.len() < max.min(MAX_HINTS) {
            let Some(shard) = self.scan_from else { break };
            self.scan_from = Some(shard + 1).filter(|next| *next < SHARDS);
            self.hints.extend(marked_in(shard));
        }
        self.hinted(max, is_marked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn hint(n: usize) -> Hint {
        Hint::Id(Place::of_id(Uuid::from_u128(n as u128)))
    }

    #[test]
    fn hints_come_in_order_until_they_are_unmarked() {
        let mut outbox = Outbox::default();
        for n in 0..5 {
            outbox.mark(&mut false, hint(n));
        }
        assert_eq!(outbox.hinted(2, |_| true), [hint(0), hint(1)]);
        assert_eq!(outbox.hinted(2, |_| true), [hint(0), hint(1)], "not confirmed yet");
        assert_eq!(outbox.hinted(9, |at| at != hint(0) && at != hint(3)).len(), 3);
        outbox.unmark(&mut true);
        assert_eq!(outbox.len(), 4);
    }

    #[test]
    fn what_has_no_room_is_looked_for() {
        let mut outbox = Outbox::default();
        for n in 0..=MAX_HINTS {
            outbox.mark(&mut false, hint(n));
        }
        assert_eq!(outbox.len(), MAX_HINTS + 1);
        assert_eq!(outbox.found(1, |_| true, |_| panic!("hints are left")), [hint(0)]);
        assert!(outbox.hinted(1, |_| false).is_empty());
        let one_a_shard = |shard| vec![hint(shard)];
        let found = |outbox: &mut Outbox, max| outbox.found(max, |_| true, one_a_shard);
        assert_eq!(found(&mut outbox, 2), [hint(0), hint(1)]);
        assert_eq!(found(&mut outbox, 9), [hint(0), hint(1)], "not confirmed yet");
        assert!(outbox.hinted(1, |_| false).is_empty());
        assert_eq!(found(&mut outbox, 1000).len(), SHARDS - 2);
    }

    #[test]
    fn a_mark_that_is_set_is_not_counted_again() {
        let mut outbox = Outbox::default();
        let mut mark = false;
        outbox.mark(&mut mark, hint(1));
        outbox.mark(&mut mark, hint(1));
        assert_eq!(outbox.len(), 1);
        outbox.unmark(&mut mark);
        outbox.unmark(&mut mark);
        assert_eq!((outbox.len(), mark), (0, false));
    }
}
