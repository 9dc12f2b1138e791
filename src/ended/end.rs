//! What an administrator ends: a session, or all of a subject.

use crate::ended::entry::{Entry, Source};
use crate::ended::error::EndError;
use crate::ended::events;
use crate::ended::list::{DAY, EndedSessions};
use crate::ended::number;
use crate::ended::packed::Place;
use crate::ended::put::{Locked, after};
use crate::ended::subject::Subject;
use crate::timestamp::Timestamp;
use time::OffsetDateTime;
use uuid::Uuid;

impl EndedSessions {
    /// Ends one session by the id that `Session::id` gave. It is refused here at once, and on every
    /// other server when the feed has brought it there.
    ///
    /// A session that was given a new id (`renew`, `rotate_id`) by a server which has not heard of
    /// the end is another one: for theft use [`end_all_of`](EndedSessions::end_all_of).
    ///
    /// # Errors
    ///
    /// [`EndError::NotASessionId`] if the id is no UUIDv7, [`EndError::FromTheFuture`] if it tells a
    /// creation over a day from now.
    pub fn end(&self, id: Uuid) -> Result<(), EndError> {
        self.end_id(id, Timestamp::now())
    }

    /// [`end`](EndedSessions::end) with the time as an argument.
    ///
    /// # Errors
    ///
    /// Those of [`end`](EndedSessions::end).
    pub fn end_at(&self, id: Uuid, now: OffsetDateTime) -> Result<(), EndError> {
        self.end_id(id, Timestamp::from_time(now))
    }

    fn end_id(&self, id: Uuid, now: Timestamp) -> Result<(), EndError> {
        let created = Timestamp::of_id(id).ok_or(EndError::NotASessionId)?;
        if created.millis() > now.millis() + DAY {
            return Err(EndError::FromTheFuture);
        }
        let entry = Entry::Id { id, subject: None, cut: number::NO_SUBJECT };
        self.list.change(now, |list| list.put(entry, Source::Here));
        Ok(())
    }

    /// Ends every session of a subject, the caller's own too: what the closure given to
    /// `.subject(…)` returns. A sign-in that is loaded afterwards on a server that knows of it is
    /// accepted.
    ///
    /// # Errors
    ///
    /// [`EndError::EmptySubject`] if the subject is empty.
    pub fn end_all_of(&self, subject: &str) -> Result<(), EndError> {
        self.end_subject(subject, Timestamp::now())
    }

    /// [`end_all_of`](EndedSessions::end_all_of) with the time as an argument.
    ///
    /// # Errors
    ///
    /// Those of [`end_all_of`](EndedSessions::end_all_of).
    pub fn end_all_of_at(&self, subject: &str, now: OffsetDateTime) -> Result<(), EndError> {
        self.end_subject(subject, Timestamp::from_time(now))
    }

    fn end_subject(&self, subject: &str, now: Timestamp) -> Result<(), EndError> {
        if subject.is_empty() {
            return Err(EndError::EmptySubject);
        }
        let subject = Subject::of(self.namespace(), subject);
        self.list.change(now, |list| {
            let known = list.known_cut(subject);
            list.cut_or_everyone(subject, number::next_for_all(now, known));
        });
        Ok(())
    }
}

impl Locked<'_> {
    pub(crate) fn known_cut(&self, subject: Subject) -> Option<u32> {
        self.list.cut(Place::of_subject(subject)).map(|cut| cut.number)
    }

    /// Records a new cut; if the numbers ran out, ends everyone.
    pub(crate) fn cut_or_everyone(&mut self, subject: Subject, number: Option<u32>) {
        let entry = match number {
            Some(number) => Entry::Cut { subject, number, time: self.now },
            None => {
                if self.writer.ran_out_told.may(self.now) {
                    events::numbers_ran_out();
                }
                Entry::Everyone { before: after(self.now) }
            }
        };
        self.put(entry, Source::Here);
    }
}
