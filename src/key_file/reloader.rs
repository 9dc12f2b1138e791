//! Which ring is in use after a key file was read again? The last good one, whatever comes.

use super::error::KeyFileError;
use super::schedule::KeySchedule;
use crate::keys::ring::KeyRing;
use crate::telemetry;
use sha2::{Digest, Sha256};
use std::fmt;
use std::path::{Path, PathBuf};
use time::{Duration, OffsetDateTime};

/// The ring in use, and what one more look at the key file makes of it. It has no file, thread or
/// clock of its own: [`KeyFile::watch`](crate::KeyFile::watch) brings those, and whoever gets the
/// content from somewhere else (a secret manager) can call [`poll`](Reloader::poll) with it.
///
/// ```
/// use sealed_session::key_file::{KeySchedule, Polled, Reloader};
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
    /// Of the content that the ring was made from.
    good: Content,
    /// Of what was read last, whatever it was.
    seen: Content,
    health: Health,
    /// For messages.
    path: Option<PathBuf>,
}

/// A digest, so that no secret is kept to compare with.
type Content = [u8; 32];

/// What a look at the key file led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// Whether the ring may be older than `limit`, because the file was not read or could not be
    /// used for that long. A server for which this is true cannot know the keys that others are
    /// going to seal with: let it get no requests, and count `limit` into the time until every
    /// server has read a new file.
    ///
    /// ```
    /// # use sealed_session::{Key, key_file::{KeySchedule, Reloader}};
    /// # use time::{Duration, OffsetDateTime, macros::datetime};
    /// # let start = datetime!(2026-11-21 09:00 UTC);
    /// # let text = KeySchedule::new(Key::generate(), start)?.to_text();
    /// # let keys = Reloader::new(text.as_bytes(), start)?;
    /// let health = keys.health();
    /// assert!(!health.is_older_than(Duration::seconds(30), start + Duration::seconds(29)));
    /// assert!(health.is_older_than(Duration::seconds(30), start + Duration::seconds(31)));
    /// # Ok::<(), sealed_session::key_file::KeyFileError>(())
    /// ```
    pub fn is_older_than(&self, limit: Duration, now: OffsetDateTime) -> bool {
        now - self.confirmed_at > limit
    }
}

impl Reloader {
    /// Starts with the first content.
    ///
    /// # Errors
    ///
    /// Those of [`KeySchedule::parse`].
    pub fn new(content: &[u8], now: OffsetDateTime) -> Result<Reloader, KeyFileError> {
        Ok(Reloader::started(&KeySchedule::parse(content)?, content, None, now))
    }

    pub(super) fn started(
        schedule: &KeySchedule,
        content: &[u8],
        path: Option<&Path>,
        now: OffsetDateTime,
    ) -> Reloader {
        let content = digest(content);
        Reloader {
            ring: schedule.key_ring(),
            reject_created_before: schedule.reject_created_before(),
            good: content,
            seen: content,
            health: Health {
                generation: schedule.generation(),
                loaded_at: now,
                confirmed_at: now,
                last_error: None,
            },
            path: path.map(Path::to_owned),
        }
    }

    /// Takes in what the file says now, or why it cannot be read. What is refused, changes nothing:
    /// text that [`KeySchedule::parse`] refuses, a generation that is lower or the same with other
    /// content, and a `reject_created_before` that moves back.
    pub fn poll(&mut self, read: Result<&[u8], KeyFileError>, now: OffsetDateTime) -> Polled {
        // 1. Can it be read?
        let content = match read {
            Ok(content) => content,
            Err(error) => {
                if self.health.last_error.as_ref() != Some(&error) {
                    telemetry::keys_refused(&error);
                }
                self.seen = [0; 32];
                self.health.last_error = Some(error);
                return Polled::Refused;
            }
        };
        // 2. Is it anything new?
        let seen = digest(content);
        if seen == self.good {
            self.confirm(seen, now);
            return Polled::Unchanged;
        }
        if seen == self.seen {
            return Polled::Refused;
        }
        self.seen = seen;
        // 3. Is it sound, and does it follow what is in use?
        match KeySchedule::parse(content).and_then(|schedule| self.check_follows(schedule)) {
            Ok(schedule) => {
                self.ring = schedule.key_ring();
                self.reject_created_before = schedule.reject_created_before();
                self.good = seen;
                self.health.generation = schedule.generation();
                self.health.loaded_at = now;
                self.confirm(seen, now);
                telemetry::keys_loaded(schedule.generation());
                Polled::Reloaded
            }
            Err(error) => {
                let error = match &self.path {
                    Some(path) => error.in_file(path),
                    None => error,
                };
                telemetry::keys_refused(&error);
                self.health.last_error = Some(error);
                Polled::Refused
            }
        }
    }

    fn confirm(&mut self, seen: Content, now: OffsetDateTime) {
        self.seen = seen;
        self.health.confirmed_at = now;
        self.health.last_error = None;
    }

    fn check_follows(&self, schedule: KeySchedule) -> Result<KeySchedule, KeyFileError> {
        let (new, old) = (schedule.generation(), self.health.generation);
        if new < old {
            return Err(KeyFileError::new(format!(
                "`generation` is {new}, and {old} is in use: an older file was put back; put the \
                 newest one in place"
            )));
        }
        if new == old {
            return Err(KeyFileError::new(format!(
                "the content is another than the one in use, and `generation` is {new} in both: raise it"
            )));
        }
        if schedule.reject_created_before() < self.reject_created_before {
            return Err(KeyFileError::new(
                "`reject_created_before` is earlier than the one in use: it never moves back",
            ));
        }
        Ok(schedule)
    }

    /// The ring in use.
    pub fn key_ring(&self) -> &KeyRing {
        &self.ring
    }

    /// How it went so far.
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

fn digest(content: &[u8]) -> Content {
    Sha256::digest(content).into()
}
