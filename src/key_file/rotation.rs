//! Which dates does a planned change of the keys write? New, rotate, cancel: pure functions of the
//! schedule and the time. `docs/operations.md` explains the rule.

use super::date::{self, later};
use super::error::KeyFileError;
use super::schedule::KeySchedule;
use crate::keys::dated::DatedKey;
use crate::keys::id::KeyId;
use crate::keys::key::Key;
use crate::keys::ring::KeyState;
use crate::rules::timeouts;
use time::{Duration, OffsetDateTime};

/// How far ahead a peer's session may be created and still be accepted, so a cookie lives that much
/// longer than its timeout.
pub(super) const CLOCK_SKEW: Duration = Duration::seconds(timeouts::CLOCK_SKEW as i64);

/// How far apart the servers of a fleet may be, in what they have read and in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fleet {
    /// How long until every server that gets requests has read a new key file (D).
    pub propagation: Duration,
    /// How far a server's clock may be from that of the machine that changes the file (S).
    pub skew: Duration,
}

/// What the operator wants, for [`KeySchedule::rotate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// How long from now until the new key seals: at least D + S.
    pub after: Duration,
    /// How long until every server that gets requests has read a new key file (D).
    pub propagation: Duration,
    /// How far a server's clock may be from that of the machine that changes the file (S).
    pub skew: Duration,
    /// The longest idle timeout that any session may have, but not past the longest absolute one.
    pub max_session: Duration,
}

/// What [`KeySchedule::rotate`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rotated {
    /// The new key.
    pub new: KeyId,
    /// From when it seals.
    pub seal_from: OffsetDateTime,
    /// The key that seals until then.
    pub old: KeyId,
    /// Until when that one opens.
    pub open_until: OffsetDateTime,
}

/// What [`KeySchedule::cancel`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cancelled {
    /// The key that seals on in place of the one taken back.
    pub before: KeyId,
    /// Until when it opens now; `None` for the newest.
    pub open_until: Option<OffsetDateTime>,
}

impl KeySchedule {
    /// Returns a schedule with one key, which seals at once: on every server whose clock is not
    /// more than a minute behind.
    ///
    /// # Errors
    ///
    /// [`KeyFileError`] if `now` is outside the calendar.
    pub fn new(key: Key, now: OffsetDateTime) -> Result<KeySchedule, KeyFileError> {
        let seal_from = later(date::whole_second(now), -CLOCK_SKEW)?;
        let keys = vec![DatedKey::new(key, seal_from)];
        Ok(KeySchedule { generation: 1, reject_created_before: None, keys })
    }

    /// Publishes `key`, which seals once every server has it, and lets the one before it open until
    /// all it sealed has ended: from `seal_from` of the new key, `max_session` + 60 s + 2 × `skew`.
    ///
    /// ```
    /// use sealed_session::{Key, key_file::tools::{KeySchedule, Rotation}};
    /// use time::{Duration, macros::datetime};
    ///
    /// let now = datetime!(2026-11-21 09:00 UTC);
    /// let mut schedule = KeySchedule::new(Key::generate(), datetime!(2026-10-21 09:00 UTC))?;
    /// let rotated = schedule.rotate(
    ///     Key::generate(),
    ///     &Rotation {
    ///         after: Duration::minutes(10),
    ///         propagation: Duration::minutes(2),
    ///         skew: Duration::seconds(30),
    ///         max_session: Duration::hours(8),
    ///     },
    ///     now,
    /// )?;
    /// assert_eq!(rotated.seal_from, datetime!(2026-11-21 09:10 UTC));
    /// assert_eq!(rotated.open_until, datetime!(2026-11-21 17:12 UTC));
    /// # Ok::<(), sealed_session::key_file::KeyFileError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`KeyFileError`] if another key is published already
    /// ([`rotate_again`](KeySchedule::rotate_again) adds one all the same), `after` is shorter than
    /// `propagation` + `skew`, a length is negative, `max_session` is zero, the key is in the
    /// schedule already, or a date is outside the calendar. Nothing is changed then.
    pub fn rotate(
        &mut self,
        key: Key,
        rotation: &Rotation,
        now: OffsetDateTime,
    ) -> Result<Rotated, KeyFileError> {
        if let Some((id, seal_from)) = self.published(now) {
            return Err(KeyFileError::new(format!(
                "the key {id} is published already and seals from {}; now it is {}. Wait until it \
                 seals, take it back (`keys cancel`), or publish another one behind it (`--again`)",
                date::to_text(seal_from),
                date::to_text(now)
            )));
        }
        self.rotate_again(key, rotation, now)
    }

    /// Publishes `key` although another one may be published already. The new one seals after all
    /// others.
    ///
    /// # Errors
    ///
    /// Those of [`rotate`](KeySchedule::rotate), and [`KeyFileError`] if the key published before
    /// would begin later than now + `after`: no date is written that was not asked for.
    pub fn rotate_again(
        &mut self,
        key: Key,
        rotation: &Rotation,
        now: OffsetDateTime,
    ) -> Result<Rotated, KeyFileError> {
        rotation.check()?;
        let old = self.newest();
        let seal_from = date::whole_second(later(now, rotation.after)?);
        let last = &self.keys[old];
        if seal_from <= last.seal_from() {
            return Err(KeyFileError::new(format!(
                "the new key would seal from {}, and the key {} only begins at {}: give a longer \
                 `after`, or take that key back (`keys cancel`)",
                date::to_text(seal_from),
                last.id(),
                date::to_text(last.seal_from())
            )));
        }
        let open_until = later(seal_from, rotation.drain())?;

        let mut changed = self.raised()?;
        let rotated = Rotated { new: key.id(), seal_from, old: last.id(), open_until };
        changed.keys[old] = changed.keys[old].clone().with_open_until(open_until);
        changed.keys.push(DatedKey::new(key, seal_from));
        // A revoked key may have a later date.
        changed.keys.sort_by_key(DatedKey::seal_from);
        *self = changed.checked()?;
        Ok(rotated)
    }

    /// Takes back a key that is published and does not seal yet. The key before it seals on, until
    /// when the one taken back would have.
    ///
    /// # Errors
    ///
    /// [`KeyFileError`] if no key has this id, it is not published, no key is before it, or it seals
    /// in `propagation` + `skew` or less: a server could seal with it before it knows of this.
    /// Nothing is changed then.
    pub fn cancel(
        &mut self,
        id: KeyId,
        fleet: &Fleet,
        now: OffsetDateTime,
    ) -> Result<Cancelled, KeyFileError> {
        fleet.check()?;
        let refuse = |problem: String| Err(KeyFileError::new(problem));
        match self.state(id, now)? {
            KeyState::Published => {}
            KeyState::Revoked => {
                return refuse(format!("the key {id} is revoked: `keys prune` removes it later"));
            }
            state => {
                return refuse(format!(
                    "the key {id} is {state}, and only a published one can be taken back: \
                     `keys rotate` brings another one"
                ));
            }
        }
        let place = self.place(id);
        let cancelled = &self.keys[place];
        let from = cancelled.seal_from();
        if later(now, fleet.lead())? >= from {
            return refuse(format!(
                "the key {id} seals from {}, and at {} that is too soon to take it back: a server may \
                 read this file only {} from now (`propagation` {} + `skew` {}). Let it seal, and rotate \
                 again",
                date::to_text(from),
                date::to_text(now),
                fleet.lead(),
                fleet.propagation,
                fleet.skew
            ));
        }
        let mut changed = self.raised()?;
        changed.keys.remove(place);
        let end = cancelled.open_until();
        let Some(before) = changed.sealed_before(place) else {
            return refuse(format!(
                "no key is before {id}, so nothing would seal: make another file with `keys new`"
            ));
        };
        let until = end.max(before.open_until()).filter(|_| end.is_some());
        *before = DatedKey::new(before.key().clone(), before.seal_from());
        if let Some(until) = until {
            *before = before.clone().with_open_until(until);
        }
        let cancelled = Cancelled { before: before.id(), open_until: until };
        *self = changed.checked()?;
        Ok(cancelled)
    }

    /// Returns the newest key and when it begins, if it does not seal yet.
    fn published(&self, now: OffsetDateTime) -> Option<(KeyId, OffsetDateTime)> {
        let newest = &self.keys[self.newest()];
        (now < newest.seal_from()).then(|| (newest.id(), newest.seal_from()))
    }
}

impl Fleet {
    pub(super) fn check(&self) -> Result<(), KeyFileError> {
        not_negative("propagation", self.propagation)?;
        not_negative("skew", self.skew)
    }

    /// How long until every server has a new file, by its own clock (D + S).
    fn lead(&self) -> Duration {
        self.propagation.saturating_add(self.skew)
    }
}

impl Rotation {
    /// Returns the two lengths that every change of the keys needs.
    pub fn fleet(&self) -> Fleet {
        Fleet { propagation: self.propagation, skew: self.skew }
    }

    fn check(&self) -> Result<(), KeyFileError> {
        not_negative("after", self.after)?;
        self.fleet().check()?;
        if self.max_session <= Duration::ZERO {
            return Err(KeyFileError::new("`max-session` must be longer than zero"));
        }
        let lead = self.fleet().lead();
        if self.after < lead {
            return Err(KeyFileError::new(format!(
                "`after` is {}, and a server may not have the key before {} (`propagation` {} + `skew` {}): \
                 make it at least that",
                self.after, lead, self.propagation, self.skew
            )));
        }
        Ok(())
    }

    /// How long what the old key sealed lives on after the new one has begun.
    fn drain(&self) -> Duration {
        self.max_session
            .saturating_add(CLOCK_SKEW)
            .saturating_add(self.skew)
            .saturating_add(self.skew)
    }
}

pub(super) fn not_negative(name: &str, length: Duration) -> Result<(), KeyFileError> {
    if length.is_negative() {
        return Err(KeyFileError::new(format!("`{name}` is negative")));
    }
    Ok(())
}

/// A rotation that any key file allows.
#[cfg(test)]
pub(crate) mod on_test {
    use super::Rotation;
    use time::Duration;

    pub(crate) const ROTATION: Rotation = Rotation {
        after: Duration::minutes(10),
        propagation: Duration::minutes(2),
        skew: Duration::seconds(30),
        max_session: Duration::hours(8),
    };
}
