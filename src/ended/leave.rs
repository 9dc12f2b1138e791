//! What leaves the list, and what then stands for it.
//!
//! Whatever leaves raises this server's `everyone` to its own time and a millisecond, so that no
//! ended session comes back: not by a longer policy, a wrong clock or a flood.

use crate::ended::events;
use crate::ended::packed::{CutValue, Key, MAX_CUT_TIME, PackedCut, Place, SHARDS};
use crate::ended::put::{Locked, MAX_EVERYONE_AHEAD, after, last_of_cut};
#[cfg(feature = "redis")]
use crate::ended::{entry::Entry, list::EndedSessions, number::NO_CUT};
use crate::timestamp::Timestamp;
use std::collections::BinaryHeap;
use std::sync::atomic::Ordering::Relaxed;

/// The whole list is looked through once a minute, one shard after the other.
const MILLIS_A_SHARD: u64 = 60_000 / SHARDS as u64;

/// No change of the list waits for more shards than these.
const MAX_SHARDS_AT_ONCE: u64 = 16;

/// When room is needed, one in this many entries leaves, so that looking for the oldest is rare.
const EVICTED_PART: usize = 256;

/// Of a full list counters leave first, down to one in this many entries.
const COUNTERS_PART: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Id,
    Cut,
    Count,
}

impl Locked<'_> {
    /// Looks through the shards that are due.
    pub(crate) fn sweep_due(&mut self) {
        let passed = self.now.millis().abs_diff(self.writer.sweep.at.millis()) / MILLIS_A_SHARD;
        if passed > 0 {
            self.writer.sweep.passed(passed * MILLIS_A_SHARD, self.now);
            for _ in 0..passed.min(MAX_SHARDS_AT_ONCE) {
                self.sweep_next();
            }
        }
    }

    /// Looks through all shards.
    pub(crate) fn sweep_all(&mut self) {
        for _ in 0..SHARDS {
            self.sweep_next();
        }
    }

    fn sweep_next(&mut self) {
        let shard = self.writer.sweep.next();
        self.sweep_shard(shard);
        if let Some(greatest) = self.writer.sweep.end_of_round() {
            self.list.greatest_cut.store(greatest, Relaxed);
        }
    }

    fn sweep_shard(&mut self, index: usize) {
        let at = |key| Place { shard: index as u8, key };
        let mut gone: Vec<(Kind, Place)> = Vec::new();
        let mut covered: Vec<Place> = Vec::new();
        let shard = self.list.shard(index);
        for (key, value) in &shard.ids {
            if self.has_passed(created(at(*key)).millis()) {
                gone.push((Kind::Id, at(*key)));
            } else if let Some(subject) = value.subject()
                && self.writer.sweep.covers(subject, value.cut(), created(at(*key)))
            {
                covered.push(at(*key));
            }
        }
        for (key, value) in &shard.cuts {
            let cut = CutValue::from(*value);
            if self.has_passed(last_of_cut(cut.number, cut.time)) {
                gone.push((Kind::Cut, at(*key)));
            } else {
                self.writer.sweep.met_cut(cut.number);
            }
        }
        let keep = self.list.keep_millis();
        for (key, value) in &shard.counts {
            if self.now.millis().abs_diff(value.since().millis()) >= keep {
                gone.push((Kind::Count, at(*key)));
            }
        }
        drop(shard);
        for (kind, place) in gone {
            self.remove(kind, place, Raise::Yes);
        }
        for place in covered {
            self.remove(Kind::Id, place, Raise::No);
        }
    }

    /// Removes the oldest entries if there are too many: first what no longer matters.
    pub(crate) fn make_room(&mut self) {
        let max = self.list.max_entries();
        if self.entries() <= max {
            return;
        }
        self.sweep_all();
        while self.entries() > max {
            // Nothing ended by a counter, so counters must not crowd out what did: each user who signs
            // out once has one. The looping user that they are for fills no eighth of a list.
            let counters = self.writer.counts * COUNTERS_PART > self.entries();
            let oldest = self.oldest((max / EVICTED_PART).max(1), counters);
            let left = oldest.len() as u64;
            for (_, kind, place) in oldest {
                self.remove(kind, place, Raise::Yes);
            }
            if counters {
                continue;
            }
            self.writer.evicted += left;
            if self.writer.full_told.may(self.now) {
                events::list_full(max, self.list.everyone());
            }
        }
    }

    fn entries(&self) -> usize {
        self.list.ids() + self.writer.cuts + self.writer.counts
    }

    /// Returns this many of the oldest counters, or of the oldest among ids and cuts.
    fn oldest(&self, count: usize, counters: bool) -> Vec<(Timestamp, Kind, Place)> {
        let mut oldest: BinaryHeap<(Timestamp, Kind, Place)> = BinaryHeap::new();
        let mut meet = |met: (Timestamp, Kind, Place)| {
            if oldest.len() < count {
                oldest.push(met);
            } else if let Some(mut newest) = oldest.peek_mut().filter(|newest| met < **newest) {
                *newest = met;
            }
        };
        for index in 0..SHARDS {
            let at = |key: &Key| Place { shard: index as u8, key: *key };
            let shard = self.list.shard(index);
            if counters {
                for (key, count) in &shard.counts {
                    meet((count.since(), Kind::Count, at(key)));
                }
                continue;
            }
            for key in shard.ids.keys() {
                meet((created(at(key)), Kind::Id, at(key)));
            }
            for (key, cut) in &shard.cuts {
                meet((time_of(*cut), Kind::Cut, at(key)));
            }
        }
        oldest.into_vec()
    }

    fn remove(&mut self, kind: Kind, place: Place, raise: Raise) {
        let mut shard = self.list.shard_mut(usize::from(place.shard));
        let time = match kind {
            Kind::Id => {
                let Some(mut value) = shard.ids.remove(&place.key) else { return };
                self.writer.outbox.unmark(&mut value.unsent);
                self.list.set_ids(self.list.ids() - 1);
                created(place)
            }
            Kind::Cut => {
                let Some(cut) = shard.cuts.remove(&place.key) else { return };
                let mut value = CutValue::from(cut);
                self.writer.outbox.unmark(&mut value.unsent);
                self.writer.cuts -= 1;
                // A cut by a clock far ahead must not lock everyone out until then.
                let latest = Timestamp::from_millis(self.now.millis() + MAX_EVERYONE_AHEAD);
                time_of(cut).min(latest)
            }
            Kind::Count => {
                self.writer.counts -= usize::from(shard.counts.remove(&place.key).is_some());
                return; // Nothing ended by it.
            }
        };
        if raise == Raise::Yes {
            // Before the lock is given back: no reader finds neither.
            self.list.raise_everyone(after(time));
        }
    }
}

#[cfg(feature = "redis")]
impl EndedSessions {
    /// Whether an entry has to be kept in a feed whatever its age there: the list still says the
    /// same.
    pub(crate) fn still_needs(&self, entry: &Entry, now: Timestamp) -> bool {
        let kept = self.list.keep_and_a_day();
        let is_needed = |from: u64| from.saturating_add(kept) > now.millis();
        match *entry {
            Entry::Id { id, .. } => {
                is_needed(created(Place::of_id(id)).millis()) && self.is_ended(id)
            }
            Entry::Cut { subject, number, time } => {
                is_needed(last_of_cut(number, time)) && self.cut(subject) == number
            }
            Entry::Everyone { .. } | Entry::Keep { .. } => false,
        }
    }

    /// The time before which everyone must have ended if this entry goes; `None` if nothing is lost
    /// by that.
    pub(crate) fn covered_by(&self, entry: &Entry, now: Timestamp) -> Option<Timestamp> {
        match *entry {
            Entry::Id { id, subject, cut } => {
                let created = created(Place::of_id(id));
                let is_cut = subject.is_some_and(|subject| self.cut(subject) > cut.max(NO_CUT));
                // It left this list because too many of its subject were there, not for room.
                let is_covered = is_cut && !self.is_ended(id) && created >= self.everyone();
                (!is_covered).then(|| after(created))
            }
            Entry::Cut { subject, number, time } => {
                (self.cut(subject) <= number).then(|| after(time.min(now)))
            }
            Entry::Everyone { before } => Some(before),
            Entry::Keep { before, .. } => Some(before).filter(|before| before.millis() > 0),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Raise {
    Yes,
    No,
}

fn created(id: Place) -> Timestamp {
    // Only UUIDv7 are listed.
    Timestamp::of_id(id.id()).unwrap_or_default()
}

/// When a cut was made. A time that its bits cannot say is later than any clock.
fn time_of(cut: PackedCut) -> Timestamp {
    let time = CutValue::from(cut).time;
    if time.millis() == MAX_CUT_TIME { Timestamp::from_millis(u64::MAX) } else { time }
}
