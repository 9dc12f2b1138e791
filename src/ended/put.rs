//! How a fact gets into the list. Facts merge by "listed" and "greater", so order and repetition do
//! not matter; nothing here makes a cut.

use crate::ended::entry::{Entry, Source};
use crate::ended::events;
use crate::ended::list::{DAY, List, Wake, Writer};
use crate::ended::outbox::Hint;
use crate::ended::packed::{
    CountValue, CutValue, IdValue, MAX_CUT_TIME, MAX_LEARNED, PackedCut, Place,
};
use crate::ended::subject::Subject;
use crate::ended::sweep::Cover;
use crate::sync::MutexGuard;
use crate::timestamp::Timestamp;
use std::collections::hash_map::Entry as Slot;
use std::sync::atomic::Ordering::Relaxed;

/// How far ahead of our clock `everyone` may lie, in milliseconds: as far as a session may.
pub(crate) const MAX_EVERYONE_AHEAD: u64 = 60_000;

/// So many ids of a subject are listed within `keep`; the next one cuts the subject instead.
const MAX_IDS_OF_A_SUBJECT: u8 = 64;

/// What [`EndedSessions::apply`](crate::ended::list::EndedSessions::apply) did with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Applied {
    /// It said something new.
    New,
    /// It said nothing that was not known, or nothing that still matters.
    Known,
    /// It lies too far ahead of this server's clock and is judged again later.
    SetAside,
}

/// The list in the hands of somebody who changes it.
pub(crate) struct Locked<'a> {
    pub(crate) list: &'a List,
    pub(crate) writer: MutexGuard<'a, Writer>,
    pub(crate) now: Timestamp,
}

impl List {
    /// Changes the list as one step, at this time.
    pub(crate) fn change<R>(&self, now: Timestamp, f: impl FnOnce(&mut Locked<'_>) -> R) -> R {
        let mut locked = Locked { list: self, writer: self.writer(), now };
        locked.judge_again();
        locked.sweep_due();
        let before = locked.writer.unsent();
        let result = f(&mut locked);
        let woken: Option<Wake> =
            if locked.writer.unsent() > before { locked.writer.wake.clone() } else { None };
        drop(locked);
        if let Some(wake) = woken {
            wake();
        }
        result
    }
}

impl Locked<'_> {
    pub(crate) fn put(&mut self, entry: Entry, source: Source) -> Applied {
        if source == Source::Here && !self.writer.fed && !self.writer.unfed_told {
            self.writer.unfed_told = true;
            events::without_feed();
        }
        match entry {
            Entry::Id { id, subject, cut } => match Timestamp::of_id(id) {
                Some(created) if created.millis() > self.now.millis() + DAY => {
                    self.set_aside(entry, source)
                }
                Some(created) => self.put_id(Place::of_id(id), created, subject, cut, source),
                None => Applied::Known,
            },
            Entry::Cut { subject, number, time } => self.put_cut(subject, number, time, source),
            Entry::Everyone { before } => self.put_everyone(before, source),
            Entry::Keep { seconds, before } => {
                let known = self.list.keep_millis();
                self.list.raise_keep_seconds(seconds);
                let applied = self.put_everyone(before, source);
                if self.list.keep_millis() > known { Applied::New } else { applied }
            }
        }
    }

    fn set_aside(&mut self, entry: Entry, source: Source) -> Applied {
        self.writer.aside.keep(entry, source);
        if self.writer.future_told.may(self.now) {
            events::from_the_future();
        }
        Applied::SetAside
    }

    fn judge_again(&mut self) {
        for (entry, source) in self.writer.aside.take_due(self.now) {
            self.put(entry, source);
        }
    }

    fn put_id(
        &mut self,
        place: Place,
        created: Timestamp,
        subject: Option<Subject>,
        cut: u32,
        source: Source,
    ) -> Applied {
        if self.has_passed(created.millis()) {
            // It would leave at once.
            self.list.raise_everyone(after(created));
            return Applied::Known;
        }
        // What only this server refuses is listed if it was ended here, to be sent; a full list must
        // not list it for a feed again and again. (A cut makes no id superfluous: `end_others` leaves
        // a session its id and gives it the cut.)
        let superfluous = source == Source::Feed && created < self.list.everyone();
        let mut shard = self.list.shard_mut(usize::from(place.shard));
        let slot = match shard.ids.entry(place.key) {
            Slot::Occupied(slot) => {
                let value = slot.into_mut();
                // Two subjects for one id: then no cut of either makes the id superfluous.
                let merged_subject = value.subject().filter(|known| Some(*known) == subject);
                let merged_cut = value.cut().max(cut);
                let is_new = (merged_subject, merged_cut) != (value.subject(), value.cut());
                *value = IdValue::new(merged_subject, merged_cut, value.unsent);
                match source {
                    Source::Here if is_new => {
                        self.writer.outbox.mark(&mut value.unsent, Hint::Id(place));
                    }
                    Source::Feed if (merged_subject, merged_cut) == (subject, cut) => {
                        self.writer.outbox.unmark(&mut value.unsent);
                    }
                    _ => {}
                }
                return if is_new { Applied::New } else { Applied::Known };
            }
            Slot::Vacant(_) if superfluous => return Applied::Known,
            Slot::Vacant(slot) => slot.insert(IdValue::new(subject, cut, false)),
        };
        if source == Source::Here {
            self.writer.outbox.mark(&mut slot.unsent, Hint::Id(place));
        }
        drop(shard);
        self.list.set_ids(self.list.ids() + 1);
        if let Some(subject) = subject {
            self.count(subject);
        }
        self.make_room();
        Applied::New
    }

    /// Counts one more ended id of a subject, in a run of as long as ends are kept.
    fn count(&mut self, subject: Subject) {
        let place = Place::of_subject(subject);
        let (now, keep) = (self.now, self.list.keep_millis());
        let mut shard = self.list.shard_mut(usize::from(place.shard));
        match shard.counts.entry(place.key) {
            Slot::Occupied(mut slot) => {
                let value = slot.get_mut();
                *value = if now.millis().abs_diff(value.since().millis()) < keep {
                    CountValue::new(value.count.saturating_add(1), value.since())
                } else {
                    CountValue::new(1, now)
                };
            }
            Slot::Vacant(slot) => {
                slot.insert(CountValue::new(1, now));
                self.writer.counts += 1;
            }
        }
    }

    /// Whether as many ids of a subject were ended in the run that is under way as may be listed.
    pub(crate) fn has_too_many_ids(&self, subject: Subject) -> bool {
        let place = Place::of_subject(subject);
        let shard = self.list.shard(usize::from(place.shard));
        let keep = self.list.keep_millis();
        let value = shard.counts.get(&place.key);
        value
            .filter(|value| self.now.millis().abs_diff(value.since().millis()) < keep)
            .is_some_and(|value| value.count >= MAX_IDS_OF_A_SUBJECT)
    }

    fn put_cut(
        &mut self,
        subject: Subject,
        number: u32,
        time: Timestamp,
        source: Source,
    ) -> Applied {
        if self.has_passed(last_of_cut(number, time)) {
            self.list.raise_everyone(after(time.min(self.now)));
            return Applied::Known;
        }
        // As it is kept: else the same entry would say something new each time.
        let time = time.min(Timestamp::from_millis(MAX_CUT_TIME));
        let place = Place::of_subject(subject);
        let too_many = self.has_too_many_ids(subject);
        let mut shard = self.list.shard_mut(usize::from(place.shard));
        let known = shard.cuts.get(&place.key).copied().map(CutValue::from);
        let mut cut = CutValue { number, time, learned: 0, by_end_others: false, unsent: false };
        let raises = known.is_none_or(|known| number > known.number);
        if let Some(known) = known {
            cut.unsent = known.unsent;
            if !raises {
                cut.number = known.number;
                cut.learned = known.learned;
                cut.by_end_others = known.by_end_others;
                cut.time = if number == known.number { time.max(known.time) } else { known.time };
            }
        }
        if raises {
            cut.learned = (self.list.sequence() + 1).min(MAX_LEARNED);
        }
        let is_new = known.is_none_or(|known| (known.number, known.time) != (cut.number, cut.time));
        match source {
            // A cut that is made here is greater than the known one.
            Source::Here => self.writer.outbox.mark(&mut cut.unsent, Hint::Cut(place)),
            // As great as ours: a feed has it, or has a greater one.
            Source::Feed if (number, time) >= (cut.number, cut.time) => {
                self.writer.outbox.unmark(&mut cut.unsent);
            }
            Source::Feed => {}
        }
        shard.cuts.insert(place.key, PackedCut::from(cut));
        if raises {
            self.writer.cuts += usize::from(known.is_none());
            self.list.greatest_cut.fetch_max(number, Relaxed);
            self.writer.sweep.met_cut(number);
            if too_many {
                // The listed ids with a smaller cut are covered, so counting starts anew.
                self.writer.counts -= usize::from(shard.counts.remove(&place.key).is_some());
                self.writer.sweep.covered(subject, Cover { number, time });
            }
            self.list.set_sequence(cut.learned);
        }
        drop(shard);
        self.make_room();
        if is_new { Applied::New } else { Applied::Known }
    }

    /// Notes that `end_others` on this server has made the subject's cut.
    pub(crate) fn mark_by_end_others(&mut self, subject: Subject) {
        let place = Place::of_subject(subject);
        let mut shard = self.list.shard_mut(usize::from(place.shard));
        if let Some(packed) = shard.cuts.get_mut(&place.key) {
            *packed = PackedCut::from(CutValue { by_end_others: true, ..CutValue::from(*packed) });
        }
    }

    fn put_everyone(&mut self, before: Timestamp, source: Source) -> Applied {
        if before.millis() > self.now.millis() + MAX_EVERYONE_AHEAD {
            return self.set_aside(Entry::Everyone { before }, source);
        }
        let is_new = before > self.writer.shared_everyone;
        if is_new {
            self.writer.shared_everyone = before;
            self.writer.everyone_unsent = source == Source::Here;
            self.list.raise_everyone(before);
        } else if before == self.writer.shared_everyone && source == Source::Feed {
            self.writer.everyone_unsent = false;
        }
        if is_new { Applied::New } else { Applied::Known }
    }

    /// Whether what counts from this time on, in milliseconds, has been kept long enough.
    pub(crate) fn has_passed(&self, from: u64) -> bool {
        from.saturating_add(self.list.keep_and_a_day()) <= self.now.millis()
    }
}

/// Until when a cut matters at least, in milliseconds: a number that lies ahead of its time must
/// not be outlived by sessions that carry it.
pub(crate) fn last_of_cut(number: u32, time: Timestamp) -> u64 {
    time.millis().max(u64::from(number) * 1000)
}

/// The millisecond after a time: what ends everything up to it.
pub(crate) fn after(time: Timestamp) -> Timestamp {
    Timestamp::from_millis(time.millis() + 1)
}
