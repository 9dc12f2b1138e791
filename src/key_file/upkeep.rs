//! What is due by now? Old keys are removed, a new one is published: pure functions of the schedule
//! and the time, safe to ask every hour.

use super::date::later;
use super::error::KeyFileError;
use super::rotation::{CLOCK_SKEW, Rotated, Rotation, not_negative};
use super::schedule::KeySchedule;
use crate::keys::dated::DatedKey;
use crate::keys::id::KeyId;
use crate::keys::key::Key;
use time::{Duration, OffsetDateTime};

/// What [`KeySchedule::prune`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pruned {
    /// The keys that are gone.
    pub removed: Vec<KeyId>,
    /// Of the keys left that have an end, the one that can go next, and from when.
    pub next: Option<(KeyId, OffsetDateTime)>,
}

/// What [`KeySchedule::tend`] is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tending {
    /// How long a key seals before the next one is published.
    pub every: Duration,
    /// How the next one is published.
    pub rotation: Rotation,
    /// How long after its end a key is removed; a day is a good choice.
    pub after_end: Duration,
}

/// What [`KeySchedule::tend`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tended {
    /// The rotation, if one was due.
    pub rotated: Option<Rotated>,
    /// The keys removed.
    pub pruned: Pruned,
    /// When the next rotation is due.
    pub next_rotation: OffsetDateTime,
}

impl KeySchedule {
    /// Removes the keys that have not opened anything for `after_end` (a minute at least, for
    /// servers whose clock is behind): those retired, and those revoked whose sessions have all been
    /// ended. The time between guards against a clock that is hours ahead here: with a day, no key
    /// in use is removed by one.
    ///
    /// # Errors
    ///
    /// [`KeyFileError`] if `after_end` is negative or the generation cannot be raised.
    pub fn prune(
        &mut self,
        after_end: Duration,
        now: OffsetDateTime,
    ) -> Result<Pruned, KeyFileError> {
        not_negative("after-end", after_end)?;
        let after_end = after_end.max(CLOCK_SKEW);
        let end = |dated: &DatedKey| match dated.is_revoked() {
            true => self.reject_created_before,
            false => dated.open_until(),
        };
        // An end so late that the sum is outside the calendar does not come.
        let removable_from = |dated: &DatedKey| later(end(dated)?, after_end).ok();
        let removable = |dated: &DatedKey| removable_from(dated).is_some_and(|from| from <= now);

        let (gone, kept): (Vec<&DatedKey>, Vec<&DatedKey>) =
            self.keys.iter().partition(|dated| removable(dated));
        let ends = kept.iter().filter_map(|dated| Some((dated.id(), removable_from(dated)?)));
        let next = ends.min_by_key(|(_, from)| *from);
        let removed: Vec<KeyId> = gone.into_iter().map(DatedKey::id).collect();
        if !removed.is_empty() {
            let keys = kept.into_iter().cloned().collect();
            *self = KeySchedule { keys, ..self.raised()? }.checked()?;
        }
        Ok(Pruned { removed, next })
    }

    /// Does what is due: publishes `key` if the newest key has been sealing for `every`, and removes
    /// old keys as [`prune`](KeySchedule::prune) does. It can be called as often as one likes: what
    /// was done once is not due again, and a clock that is wrong for a while makes a rotation early
    /// or late, but not two.
    ///
    /// ```
    /// use sealed_session::{Key, key_file::tools::{KeySchedule, Rotation, Tending}};
    /// use time::{Duration, macros::datetime};
    ///
    /// let now = datetime!(2026-11-21 09:00 UTC);
    /// let mut schedule = KeySchedule::new(Key::generate(), datetime!(2026-10-21 09:00 UTC))?;
    /// let tending = Tending {
    ///     every: Duration::days(30),
    ///     rotation: Rotation {
    ///         after: Duration::minutes(10),
    ///         propagation: Duration::minutes(2),
    ///         skew: Duration::seconds(30),
    ///         max_session: Duration::hours(8),
    ///     },
    ///     after_end: Duration::DAY,
    /// };
    /// assert!(schedule.tend(Key::generate(), &tending, now)?.rotated.is_some());
    /// assert!(schedule.tend(Key::generate(), &tending, now)?.rotated.is_none());
    /// # Ok::<(), sealed_session::key_file::KeyFileError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`rotate`](KeySchedule::rotate) and [`prune`](KeySchedule::prune), and
    /// [`KeyFileError`] if `every` is not longer than the rotation's `after`. Nothing is changed
    /// then.
    pub fn tend(
        &mut self,
        key: Key,
        tending: &Tending,
        now: OffsetDateTime,
    ) -> Result<Tended, KeyFileError> {
        let Tending { every, rotation, after_end } = tending;
        if *every <= rotation.after {
            return Err(KeyFileError::new(format!(
                "`every` is {every}, and must be longer than `after`, {}",
                rotation.after
            )));
        }
        let mut changed = self.clone();
        let rotated = match changed.rotation_due(*every)? <= now {
            true => Some(changed.rotate(key, rotation, now)?),
            false => None,
        };
        let pruned = changed.prune(*after_end, now)?;
        let next_rotation = changed.rotation_due(*every)?;
        *self = changed;
        Ok(Tended { rotated, pruned, next_rotation })
    }

    fn rotation_due(&self, every: Duration) -> Result<OffsetDateTime, KeyFileError> {
        later(self.keys[self.newest()].seal_from(), every)
    }

    /// Returns for each key with a successor how long it is left to open after that one seals. (Not
    /// where every session that it sealed is ended by `reject_created_before` anyway.)
    pub(super) fn drains(&self) -> Vec<Drain> {
        let valid: Vec<&DatedKey> = self.keys.iter().filter(|dated| !dated.is_revoked()).collect();
        let drain = |pair: &[&DatedKey]| {
            let (until, next) = (pair[0].open_until()?, pair[1].seal_from());
            let ended = self.reject_created_before.is_some_and(|time| next <= time);
            (!ended).then(|| Drain { key: pair[0].id(), until, length: until - next })
        };
        valid.windows(2).filter_map(drain).collect()
    }
}

/// The time in which what a key sealed must end or be sealed anew.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drain {
    pub(super) key: KeyId,
    pub(super) until: OffsetDateTime,
    pub(super) length: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_file::rotation::on_test::ROTATION;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-21 09:00 UTC);

    /// One key, and one that takes over from it.
    fn rotated() -> KeySchedule {
        let mut schedule = KeySchedule::new(Key::generate(), NOW).unwrap();
        schedule.rotate(Key::generate(), &ROTATION, NOW).unwrap();
        schedule
    }

    fn drained(schedule: &KeySchedule) -> Vec<(KeyId, Duration)> {
        schedule.drains().iter().map(|drain| (drain.key, drain.length)).collect()
    }

    #[test]
    fn a_key_drains_from_when_the_next_one_seals_until_its_end() {
        let schedule = rotated();
        let [old, new] = schedule.keys() else { panic!("two keys") };
        let until = old.open_until().unwrap();
        assert_eq!(drained(&schedule), [(old.id(), until - new.seal_from())]);
        assert_eq!(schedule.drains()[0].until, until);
    }

    #[test]
    fn a_key_does_not_drain_once_the_next_one_is_revoked() {
        let mut schedule = rotated();
        schedule.keys[1] = schedule.keys[1].clone().with_revoked();
        assert_eq!(drained(&schedule), []);
    }

    #[test]
    fn a_key_does_not_drain_where_all_that_it_sealed_is_ended() {
        let mut schedule = rotated();
        let (old, next) = (schedule.keys()[0].id(), schedule.keys()[1].seal_from());
        schedule.reject_created_before = Some(next - Duration::SECOND);
        assert_eq!(drained(&schedule).len(), 1, "{old} sealed for a second more");
        schedule.reject_created_before = Some(next);
        assert_eq!(drained(&schedule), []);
    }
}
