//! Which ring is in use after a key file was read again? The last good one, whatever comes.

use super::date;
use super::error::KeyFileError;
use super::schedule::KeySchedule;
use super::upkeep::Drain;
use crate::keys::id::KeyId;
use crate::keys::ring::{KeyRing, KeyState};
use crate::telemetry;
use crate::timestamp::Timestamp;
use sha2::{Digest, Sha256};
use std::fmt;
use std::path::{Path, PathBuf};
use time::{Duration, OffsetDateTime};

/// The ring in use, and what one more look at the key file makes of it. It has no file, thread or
/// clock of its own: [`KeyFile::watch`](crate::KeyFile::watch) brings those, and anyone who gets the
/// content from somewhere else (a secret manager) can call [`poll`](Reloader::poll) with it.
///
/// ```
/// use sealed_session::key_file::{Polled, Reloader, tools::KeySchedule};
/// # use sealed_session::Key;
/// # use time::macros::datetime;
/// # let now = datetime!(2026-11-21 09:00 UTC);
/// # let fetch = || KeySchedule::new(Key::generate(), now).unwrap().to_text();
/// let content = fetch();
/// let mut keys = Reloader::new(content.as_bytes(), now)?;
///
/// // Every now and then:
/// let polled = keys.poll(Ok(content.as_bytes()), now);
/// assert_eq!(polled, Polled::Unchanged);
/// // … and after Polled::Reloaded: sessions.set_key_ring(keys.key_ring().clone())
/// # Ok::<(), sealed_session::key_file::KeyFileError>(())
/// ```
pub struct Reloader {
    ring: KeyRing,
    reject_created_before: Option<OffsetDateTime>,
    /// What the file that the ring was made from says.
    meaning: Digested,
    /// The bytes that said so when they were last read.
    good: Digested,
    /// The bytes that were refused at the last look, unless the time alone was against them.
    refused: Option<Digested>,
    drains: Vec<Drain>,
    /// What was last told of the keys' states.
    told: Vec<(KeyId, KeyState)>,
    health: Health,
    /// For messages.
    path: Option<PathBuf>,
}

/// A digest, so that no secret is kept to compare with.
type Digested = [u8; 32];

/// How far ahead of the time that is asked for a confirmation may be.
const MAX_AHEAD: Duration = Duration::SECOND;

/// What a look at the key file led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Polled {
    /// It says what it said before.
    Unchanged,
    /// There is a new ring.
    Reloaded,
    /// It is refused or cannot be read, and the ring stays. [`Health::last_error`] says why; it was
    /// reported if it is another error than at the last look.
    Refused,
}

/// How it goes with reading a key file: for a readiness probe, and for people.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// The generation of the ring in use. It never falls.
    pub generation: u64,
    /// When that ring was taken into use.
    pub loaded_at: OffsetDateTime,
    /// When the file was last read and found to say what is in use.
    pub confirmed_at: OffsetDateTime,
    /// Why the file, as it was last read, is not in use; `None` if it is.
    pub last_error: Option<KeyFileError>,
}

impl Health {
    /// Returns whether the ring may be older than `limit`, because the file was not read or could
    /// not be used for that long. A server for which this is true cannot know the keys that others
    /// are going to seal with: let it get no requests, and count `limit` into the time until every
    /// server has read a new file.
    ///
    /// ```
    /// # use sealed_session::{Key, key_file::{Reloader, tools::KeySchedule}};
    /// # use time::{Duration, OffsetDateTime, macros::datetime};
    /// # let start = datetime!(2026-11-21 09:00 UTC);
    /// # let text = KeySchedule::new(Key::generate(), start)?.to_text();
    /// # let keys = Reloader::new(text.as_bytes(), start)?;
    /// let health = keys.health();
    /// assert!(!health.is_older_than(Duration::seconds(30), start + Duration::seconds(29)));
    /// assert!(health.is_older_than(Duration::seconds(30), start + Duration::seconds(31)));
    /// # Ok::<(), sealed_session::key_file::KeyFileError>(())
    /// ```
    ///
    /// A clock that was set back makes the last confirmation lie ahead. How old the ring is, nobody
    /// knows then, so that counts as too old until the next look. (A second ahead is none: the two
    /// times may have been taken one after the other.)
    pub fn is_older_than(&self, limit: Duration, now: OffsetDateTime) -> bool {
        let age = now - self.confirmed_at;
        age > limit || age < -MAX_AHEAD
    }
}

impl Reloader {
    /// Starts with the first content.
    ///
    /// # Errors
    ///
    /// Those of [`KeySchedule::parse`], and [`KeyFileError`] if no key of it seals at `now`: every
    /// page that changes a session would fail.
    pub fn new(content: &[u8], now: OffsetDateTime) -> Result<Reloader, KeyFileError> {
        Reloader::started(content, None, now)
    }

    pub(super) fn started(
        content: &[u8],
        path: Option<&Path>,
        now: OffsetDateTime,
    ) -> Result<Reloader, KeyFileError> {
        let schedule = KeySchedule::parse(content)?;
        let ring = schedule.key_ring();
        if !seals(&ring, now) {
            return Err(seals_nothing_yet(&schedule));
        }
        let health = Health {
            generation: schedule.generation(),
            loaded_at: now,
            confirmed_at: now,
            last_error: None,
        };
        let told = ring.states_at(now);
        telemetry::key_file::in_use(schedule.generation(), &told);
        let mut reloader = Reloader {
            ring,
            reject_created_before: schedule.reject_created_before(),
            meaning: schedule.meaning(),
            good: digest(content),
            refused: None,
            drains: schedule.drains(),
            told,
            health,
            path: path.map(Path::to_owned),
        };
        reloader.tell(now);
        Ok(reloader)
    }

    /// Takes in what the file says now, or why it cannot be read. White space, comments and ends of
    /// lines make no difference.
    ///
    /// What is refused changes nothing: text that [`KeySchedule::parse`] refuses, a generation that
    /// is lower or the same with another meaning, a `reject_created_before` that moves back, and
    /// keys of which none seals at `now` while one in use does. The last is judged anew at each
    /// call, and taken all the same (with an ERROR event) if it revokes a key in use or raises
    /// `reject_created_before`.
    pub fn poll(&mut self, read: Result<&[u8], KeyFileError>, now: OffsetDateTime) -> Polled {
        let had_error = self.health.last_error.is_some();
        let polled = self.take_in(read, now);
        if had_error && polled == Polled::Unchanged {
            telemetry::key_file::recovered(self.health.generation);
        }
        self.tell(now);
        polled
    }

    fn take_in(&mut self, read: Result<&[u8], KeyFileError>, now: OffsetDateTime) -> Polled {
        // 1. Can it be read?
        let content = match read {
            Ok(content) => content,
            Err(error) => return self.refuse(error, None),
        };
        // 2. Is it anything new?
        let bytes = digest(content);
        if bytes == self.good {
            return self.confirm(bytes, now);
        }
        if self.refused == Some(bytes) {
            return Polled::Refused;
        }
        // 3. Is it sound?
        let schedule = match KeySchedule::parse(content) {
            Ok(schedule) => schedule,
            Err(error) => return self.refuse(error, Some(bytes)),
        };
        if schedule.meaning() == self.meaning {
            return self.confirm(bytes, now);
        }
        // 4. Does it follow what is in use?
        if let Err(error) = self.check_follows(&schedule) {
            return self.refuse(error, Some(bytes));
        }
        // 5. Is this the time for it?
        let ring = schedule.key_ring();
        if !seals(&ring, now) && seals(&self.ring, now) {
            if !self.ends_sessions(&schedule, now) {
                return self.refuse(seals_nothing_yet(&schedule), None);
            }
            telemetry::key_file::seal_nothing(schedule.generation());
        }
        self.ring = ring;
        self.reject_created_before = schedule.reject_created_before();
        self.meaning = schedule.meaning();
        self.health.generation = schedule.generation();
        self.health.loaded_at = now;
        self.drains = schedule.drains();
        self.confirm(bytes, now);
        telemetry::key_file::reloaded(schedule.generation(), &self.ring.states_at(now));
        Polled::Reloaded
    }

    /// Reports what has changed with the keys since it last did, because of the file or the time.
    fn tell(&mut self, now: OffsetDateTime) {
        let states = self.ring.states_at(now);
        let find = |list: &[(KeyId, KeyState)], id| {
            list.iter().find(|(other, _)| *other == id).map(|(_, state)| *state)
        };
        let gone = self.told.iter().filter(|(id, _)| find(&states, *id).is_none());
        for id in states.iter().chain(gone).map(|(id, _)| *id) {
            let (before, after) = (find(&self.told, id), find(&states, id));
            if before != after {
                telemetry::key_file::state_changed(id, before, after);
            }
        }
        self.told = states;
        let Health { generation, confirmed_at, ref last_error, .. } = self.health;
        telemetry::key_file::gauges(generation, confirmed_at, last_error.is_some(), &self.told);
    }

    /// Returns the shortest of the drains that are not over.
    pub(super) fn shortest_drain(&self, now: OffsetDateTime) -> Option<Drain> {
        let open = self.drains.iter().filter(|drain| now < drain.until);
        open.min_by_key(|drain| drain.length).copied()
    }

    fn confirm(&mut self, bytes: Digested, now: OffsetDateTime) -> Polled {
        self.good = bytes;
        self.refused = None;
        self.health.confirmed_at = now;
        self.health.last_error = None;
        Polled::Unchanged
    }

    /// `bytes` are not looked at again; `None` if the same may be taken another time.
    fn refuse(&mut self, error: KeyFileError, bytes: Option<Digested>) -> Polled {
        let error = match &self.path {
            Some(path) => error.in_file(path),
            None => error,
        };
        if bytes.is_some() || self.health.last_error.as_ref() != Some(&error) {
            telemetry::key_file::refused(&error);
        }
        self.refused = bytes;
        self.health.last_error = Some(error);
        Polled::Refused
    }

    fn check_follows(&self, schedule: &KeySchedule) -> Result<(), KeyFileError> {
        let (new, old) = (schedule.generation(), self.health.generation);
        if new < old {
            return Err(KeyFileError::new(format!(
                "`generation` is {new}, and {old} is in use: an older file was put back; put the \
                 newest one in place"
            )));
        }
        if new == old {
            return Err(KeyFileError::new(format!(
                "it says something else than the file in use, and `generation` is {new} in both: \
                 raise it"
            )));
        }
        if schedule.reject_created_before() < self.reject_created_before {
            return Err(KeyFileError::new(
                "`reject_created_before` is earlier than the one in use: it never moves back",
            ));
        }
        Ok(())
    }

    /// Whether to keep the old ring would keep alive what the operator ends.
    fn ends_sessions(&self, schedule: &KeySchedule, now: OffsetDateTime) -> bool {
        let in_use = self.ring.states_at(now);
        let in_use = in_use
            .iter()
            .filter(|(_, state)| !matches!(state, KeyState::Revoked | KeyState::Retired));
        let revoked =
            |id: KeyId| schedule.keys().iter().any(|dated| dated.id() == id && dated.is_revoked());
        schedule.reject_created_before() > self.reject_created_before
            || in_use.into_iter().any(|(id, _)| revoked(*id))
    }

    /// Returns the ring in use.
    pub fn key_ring(&self) -> &KeyRing {
        &self.ring
    }

    /// Says how it went so far.
    pub fn health(&self) -> &Health {
        &self.health
    }
}

/// The health, which has no secret in it.
impl fmt::Debug for Reloader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloader").field("health", &self.health).finish_non_exhaustive()
    }
}

fn seals(ring: &KeyRing, now: OffsetDateTime) -> bool {
    ring.sealing(Timestamp::from_time(now)).is_some()
}

/// The time is not in the message: the same refusal is the same error at the next look.
fn seals_nothing_yet(schedule: &KeySchedule) -> KeyFileError {
    let first = schedule.keys().iter().find(|dated| !dated.is_revoked());
    let first = first.expect("not every key is revoked");
    let from = date::to_text(first.seal_from());
    KeyFileError::new(format!(
        "no key of it seals now; the first, {}, does from {from}: set this machine's clock, or, if \
         the machine that made the file had a wrong one, make the file anew there",
        first.id()
    ))
}

fn digest(content: &[u8]) -> Digested {
    Sha256::digest(content).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_file::rotation::on_test::ROTATION;
    use crate::keys::key::Key;

    #[test]
    fn a_drain_counts_until_the_key_ends() {
        let now = OffsetDateTime::UNIX_EPOCH + Duration::days(10_000);
        let mut schedule = KeySchedule::new(Key::generate(), now).unwrap();
        schedule.rotate(Key::generate(), &ROTATION, now).unwrap();
        let keys = Reloader::new(schedule.to_text().as_bytes(), now).unwrap();
        let until = schedule.keys()[0].open_until().unwrap();
        let key = |now| keys.shortest_drain(now).map(|drain| drain.key);
        assert_eq!(key(until - Duration::MILLISECOND), Some(schedule.keys()[0].id()));
        assert_eq!(key(until), None);
    }
}
