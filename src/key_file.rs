//! Dated keys in a file that is read again while serving (feature `key-file`).
//!
//! ```text
//! file → disk (whole, and readable by its owner only) → schedule (TOML → dated keys)
//!      → reloader (does it follow what is in use?) → watch (thread, pace) → Sessions
//! ```
//!
//! What a server uses is here: [`KeyFile`], read once or watched; [`KeyWatch`] and [`Health`] of one
//! that is watched; [`Reloader`] and [`Pace`] for content that comes from somewhere else than a file.
//! What changes key files, as the command `sealed-session` does, is in [`tools`].
//!
//! `docs/operations.md` takes an operator through all of it.

mod date;
mod disk;
pub(crate) mod error;
mod lock;
mod pace;
mod reloader;
mod revocation;
mod rotation;
mod schedule;
mod upkeep;
mod watch;

pub use error::KeyFileError;
pub use pace::Pace;
pub use reloader::{Health, Polled, Reloader};
pub use watch::KeyWatch;

/// What changes key files: for the command `sealed-session`, and for a service that rotates its own
/// file with [`KeyFileOptions::change`].
///
/// ```
/// use sealed_session::key_file::tools::{KeySchedule, Rotation, Tending};
/// use sealed_session::{Key, KeyFile};
/// use time::{Duration, OffsetDateTime};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("keys.toml");
/// # let now = OffsetDateTime::now_utc();
/// # KeyFile::options().create(&path, &KeySchedule::new(Key::generate(), now)?)?;
/// let tending = Tending {
///     every: Duration::days(30),
///     rotation: Rotation {
///         after: Duration::minutes(10),
///         propagation: Duration::minutes(5),
///         skew: Duration::seconds(30),
///         max_session: Duration::hours(8),
///     },
///     after_end: Duration::DAY,
/// };
/// let tended = KeyFile::options().change(&path, |schedule| {
///     schedule.tend(Key::generate(), &tending, OffsetDateTime::now_utc())
/// })?;
/// assert!(tended.rotated.is_none(), "the key is new");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub mod tools {
    pub use super::revocation::{Replacement, Revoked};
    pub use super::rotation::{Cancelled, Fleet, Rotated, Rotation};
    pub use super::schedule::KeySchedule;
    pub use super::upkeep::{Pruned, Tended, Tending};
}

use crate::keys::ring::KeyRing;
use disk::{Locked, Readers};
use lock::Patience;
use schedule::KeySchedule;
use std::path::Path;
use time::{Duration, OffsetDateTime};

/// A key file as it was read: TOML with dated keys, made and changed by the command
/// `sealed-session`.
///
/// A server that picks up new keys while it serves watches the file:
///
/// ```
/// use sealed_session::{KeyFile, Sessions};
/// use time::Duration;
/// # #[derive(serde::Serialize, serde::Deserialize, Default)]
/// # struct Visit { page_views: u32 }
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("keys.toml");
/// # let now = time::OffsetDateTime::now_utc();
/// # use sealed_session::{Key, key_file::tools::KeySchedule};
/// # KeyFile::options().create(&path, &KeySchedule::new(Key::generate(), now)?)?;
///
/// let keys = KeyFile::watch(&path, Duration::seconds(10))?;
/// let sessions: Sessions<Visit> = Sessions::builder("shop", keys.key_ring()).build()?;
/// keys.attach(&sessions); // from now on it gets every new ring; `keys` must live as long
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The format, the rule of rotation and what to watch are in the repository's `docs/operations.md`.
#[derive(Debug, Clone)]
pub struct KeyFile {
    schedule: KeySchedule,
}

impl KeyFile {
    /// Reads a key file once.
    ///
    /// # Errors
    ///
    /// [`KeyFileError`], naming the line and the fix: a file that cannot be read, that group or
    /// others can read ([`KeyFileOptions::allow_readable_by_others`]) or write, and all that
    /// [`KeySchedule::parse`] refuses.
    pub fn open(path: impl AsRef<Path>) -> Result<KeyFile, KeyFileError> {
        KeyFile::options().open(path)
    }

    /// Reads a key file, and reads it again every so often on a thread of its own until the
    /// [`KeyWatch`] is dropped. What counts is the content, so a plain file, a rename and the
    /// symbolic links of a Kubernetes mount all work.
    ///
    /// # Errors
    ///
    /// Those of [`KeyFile::open`]; no key of the file seals now; `every` is shorter than 100 ms; the
    /// system gives no thread. Later errors
    /// leave the last good keys in use: see [`KeyWatch::health`].
    pub fn watch(path: impl AsRef<Path>, every: Duration) -> Result<KeyWatch, KeyFileError> {
        KeyFile::options().watch(path, every)
    }

    /// Returns options for files that others than the owner may read, and for changing files.
    pub fn options() -> KeyFileOptions {
        KeyFileOptions::default()
    }

    /// Returns the keys for a [`Sessions`](crate::Sessions). The ring carries the file's
    /// `reject_created_before` with it.
    pub fn key_ring(&self) -> KeyRing {
        self.schedule.key_ring()
    }

    /// Returns what the file says.
    pub fn schedule(&self) -> &KeySchedule {
        &self.schedule
    }
}

/// How a key file is treated; see [`KeyFile::options`].
#[derive(Debug, Clone, Default)]
pub struct KeyFileOptions {
    readers: Readers,
    patience: Patience,
    dry_run: bool,
}

impl KeyFileOptions {
    /// Allows a file that group or others can read, as mounts of Kubernetes Secrets and systemd
    /// credentials often are by design. Who can read the file can forge every session.
    ///
    /// ```no_run
    /// # use sealed_session::KeyFile;
    /// # use time::Duration;
    /// let keys = KeyFile::options()
    ///     .allow_readable_by_others()
    ///     .watch("/etc/shop/keys/keys.toml", Duration::seconds(10))?;
    /// # Ok::<(), sealed_session::key_file::KeyFileError>(())
    /// ```
    pub fn allow_readable_by_others(mut self) -> KeyFileOptions {
        self.readers = Readers::Others;
        self
    }

    /// Waits so long for another who changes a key file of the folder, instead of ten seconds.
    pub fn lock_timeout(mut self, limit: Duration) -> KeyFileOptions {
        self.patience.limit = limit.try_into().unwrap_or_default();
        self
    }

    /// Calls `tell` with the name of the process that has the folder locked, once half a second was
    /// waited for it.
    pub fn when_waiting(mut self, tell: fn(&str)) -> KeyFileOptions {
        self.patience.tell = Some(tell);
        self
    }

    /// Does everything but write: [`create`](KeyFileOptions::create) and
    /// [`change`](KeyFileOptions::change) check what they always do and leave the disk as it is.
    pub fn dry_run(mut self) -> KeyFileOptions {
        self.dry_run = true;
        self
    }

    /// Does what [`KeyFile::open`] does, with these options.
    ///
    /// # Errors
    ///
    /// Those of [`KeyFile::open`].
    pub fn open(&self, path: impl AsRef<Path>) -> Result<KeyFile, KeyFileError> {
        let path = path.as_ref();
        let content = disk::read(path, self.readers)?;
        let schedule = KeySchedule::parse(&content).map_err(|error| error.in_file(path))?;
        Ok(KeyFile { schedule })
    }

    /// Does what [`KeyFile::watch`] does, with these options.
    ///
    /// # Errors
    ///
    /// Those of [`KeyFile::watch`].
    pub fn watch(&self, path: impl AsRef<Path>, every: Duration) -> Result<KeyWatch, KeyFileError> {
        let (path, readers) = (path.as_ref().to_owned(), self.readers);
        KeyWatch::start(path, every, OffsetDateTime::now_utc, move |path| disk::read(path, readers))
    }

    /// Writes a new key file, readable by its owner only.
    ///
    /// # Errors
    ///
    /// [`KeyFileError`] if the file already exists, its folder is locked for longer than
    /// [`lock_timeout`](KeyFileOptions::lock_timeout), or it cannot be written. If it was written all the
    /// same, [`was_written`](KeyFileError::was_written) says so.
    pub fn create(
        &self,
        path: impl AsRef<Path>,
        schedule: &KeySchedule,
    ) -> Result<(), KeyFileError> {
        let file = Locked::take(path.as_ref(), &self.patience)?;
        if self.dry_run { file.check_absent() } else { file.create(&schedule.to_text()) }
    }

    /// Changes a key file. Two changes at one time happen one after the other; readers see the old
    /// file or the new one, whole; and if `change` fails or changes nothing (the generation stays),
    /// nothing is written.
    ///
    /// # Errors
    ///
    /// Those of [`KeyFile::open`] and of `change`, and [`KeyFileError`] if the folder is locked for
    /// longer than [`lock_timeout`](KeyFileOptions::lock_timeout) or the file cannot be written. If it
    /// was written all the same, [`was_written`](KeyFileError::was_written) says so.
    pub fn change<R>(
        &self,
        path: impl AsRef<Path>,
        change: impl FnOnce(&mut KeySchedule) -> Result<R, KeyFileError>,
    ) -> Result<R, KeyFileError> {
        let path = path.as_ref();
        let file = Locked::take(path, &self.patience)?;
        if !self.dry_run {
            file.remove_leftover()?;
        }
        let mut schedule = self.open(path)?.schedule;
        let before = schedule.generation();
        let result = change(&mut schedule).map_err(|error| error.in_file(path))?;
        if schedule.generation() != before && !self.dry_run {
            file.replace(&schedule.to_text())?;
        }
        Ok(result)
    }
}
