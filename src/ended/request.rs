//! What one request asks of the list, in `load` and again in `save`, and what it records.

use crate::ended::entry::{Entry, Source};
use crate::ended::events;
use crate::ended::list::EndedSessions;
use crate::ended::number::{self, NO_CUT};
use crate::ended::packed::Place;
use crate::ended::put::Locked;
use crate::ended::subject::Subject;
use crate::timestamp::Timestamp;
use std::sync::atomic::Ordering::Relaxed;
use uuid::Uuid;

/// A subject's cut is made by `end_others` at most once in this many milliseconds on one server.
const BETWEEN_CUTS: u64 = 1000;

/// What a request knew of the list when it was loaded, and which cuts it has made since.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    sequence: u64,
    made: Vec<(Subject, u32)>,
    ended: Vec<Uuid>,
}

impl Seen {
    /// Returns whether this request has made this cut.
    pub(crate) fn made(&self, subject: Subject, number: u32) -> bool {
        self.made.contains(&(subject, number))
    }

    /// Returns whether this request was the one that ended this id.
    pub(crate) fn has_ended(&self, id: Uuid) -> bool {
        self.ended.contains(&id)
    }
}

/// What became of an id that a request has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recorded {
    /// It is listed.
    Listed,
    /// Its subject was cut instead, because too many of its ids are listed.
    Cut,
    /// It is listed already, or everyone of its time has ended, or it is a stranger's: nothing was
    /// recorded.
    Nothing,
}

impl EndedSessions {
    /// Returns what the list says now. Asked for by `load` before it looks anything up.
    pub(crate) fn seen(&self) -> Seen {
        Seen { sequence: self.list.sequence(), ..Seen::default() }
    }

    /// Returns the time before which no session counts. One relaxed load.
    pub(crate) fn everyone(&self) -> Timestamp {
        self.list.everyone()
    }

    /// Returns whether this id was ended. One relaxed load while no id is.
    pub(crate) fn is_ended(&self, id: Uuid) -> bool {
        if self.list.ids() == 0 {
            return false;
        }
        let place = Place::of_id(id);
        self.list.shard(usize::from(place.shard)).ids.contains_key(&place.key)
    }

    /// Returns a number that no cut in the list is greater than: a session that carries it, or
    /// more, needs no look at its subject. One relaxed load.
    pub(crate) fn greatest_cut(&self) -> u32 {
        self.list.greatest_cut.load(Relaxed)
    }

    /// Returns a subject's hash, which the other questions take.
    pub(crate) fn subject(&self, subject: &str) -> Subject {
        Subject::of(&self.list.namespace, subject)
    }

    /// Returns the subject's cut as it is known now: `NO_CUT`, 1, if there is none. A session that
    /// carries less has ended.
    pub(crate) fn cut(&self, subject: Subject) -> u32 {
        self.list.cut(Place::of_subject(subject)).map_or(NO_CUT, |cut| cut.number)
    }

    /// Returns the subject's cut as it was known when `seen` was: what a new session of this
    /// subject carries. `None` if the subject was cut since, and not by this request.
    pub(crate) fn cut_seen(&self, subject: Subject, seen: &Seen) -> Option<u32> {
        match self.list.cut(Place::of_subject(subject)) {
            Some(cut) if cut.learned <= seen.sequence || seen.made(subject, cut.number) => {
                Some(cut.number)
            }
            Some(_) => None,
            None => Some(NO_CUT),
        }
    }

    /// Records that a request has ended this id, which it brought: its subject as the data came,
    /// if it has one and could be read, and the cut it carried. Repeated, it changes nothing.
    ///
    /// A stranger's id (no subject, and a cut of 0) is not recorded. One whose subject was cut since is,
    /// because the cut may have been made for this very id: `end_others` leaves it, and a copy
    /// carries the new cut. The 65th id of a subject within
    /// `keep` cuts the subject instead, which `seen` then counts as this request's own cut.
    pub(crate) fn record(
        &self,
        id: Uuid,
        subject: Option<Subject>,
        cut: u32,
        seen: &mut Seen,
        now: Timestamp,
    ) -> Recorded {
        if subject.is_none() && cut == number::NO_SUBJECT {
            return Recorded::Nothing;
        }
        let recorded = self.list.change(now, |list| {
            if list.is_listed(id) {
                return Recorded::Nothing;
            }
            match subject {
                Some(subject) if list.has_too_many_ids(subject) => {
                    let number = number::next(now, list.known_cut(subject), cut);
                    seen.made.extend(number.map(|number| (subject, number)));
                    list.cut_or_everyone(subject, number);
                    events::too_often(subject);
                    Recorded::Cut
                }
                _ => {
                    list.put(Entry::Id { id, subject, cut }, Source::Here);
                    Recorded::Listed
                }
            }
        });
        if recorded != Recorded::Nothing {
            seen.ended.push(id);
        }
        recorded
    }

    /// Returns the cut that `end_others` seals this session with, which carries `own` now: greater
    /// than what is known. `None` if the subject was cut since `seen` by another, or by `end_others`
    /// here within the last second, or if the numbers ran out.
    pub(crate) fn number_for_others(
        &self,
        subject: Subject,
        own: u32,
        seen: &Seen,
        now: Timestamp,
    ) -> Option<u32> {
        let known = self.list.cut(Place::of_subject(subject));
        if let Some(cut) = known.filter(|cut| !seen.made(subject, cut.number)) {
            let lately =
                cut.by_end_others && now.millis().abs_diff(cut.time.millis()) < BETWEEN_CUTS;
            if cut.learned > seen.sequence || lately {
                return None;
            }
        }
        number::next(now, known.map(|cut| cut.number), own)
    }

    /// Records the cut that the session was sealed with, in one step with the questions of
    /// [`number_for_others`](EndedSessions::number_for_others), asked again. `false` if nothing was
    /// recorded; then the session must not be written.
    pub(crate) fn cut_others(
        &self,
        subject: Subject,
        own: u32,
        number: u32,
        seen: &mut Seen,
        now: Timestamp,
    ) -> bool {
        self.list.change(now, |list| {
            // Under the writer's lock, so no other cut comes between.
            if self.number_for_others(subject, own, seen, now) != Some(number) {
                return false;
            }
            list.put(Entry::Cut { subject, number, time: now }, Source::Here);
            list.mark_by_end_others(subject);
            seen.made.push((subject, number));
            true
        })
    }
}

impl Locked<'_> {
    /// Whether every server knows that whatever has this id ended, or will be told. What this server
    /// raised for itself, the others do not know.
    fn is_listed(&self, id: Uuid) -> bool {
        let place = Place::of_id(id);
        self.list.shard(usize::from(place.shard)).ids.contains_key(&place.key)
            || Timestamp::of_id(id).is_some_and(|created| created < self.writer.shared_everyone)
    }
}
