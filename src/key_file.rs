//! Dated keys in a file that is read again while serving (feature `key-file`).
//!
//! ```text
//! file → disk (whole, and readable by its owner only) → schedule (TOML → dated keys)
//!      → reloader (does it follow what is in use?) → watch (thread, pace) → Sessions
//! ```
//!
//! | type | for |
//! | --- | --- |
//! | [`KeyFile`] | servers: read once, or watched |
//! | [`KeyWatch`], [`Health`] | servers: the file that is watched, and how it goes |
//! | [`KeySchedule`], [`Rotation`] | tools that change key files, such as the command `sealed-session` |
//! | [`Reloader`], [`Pace`] | servers that get the content from somewhere else than a file |
//!
//! `docs/operations.md` takes an operator through all of it.

mod date;
mod disk;
pub(crate) mod error;
mod pace;
mod reloader;
mod rotation;
mod schedule;
mod watch;

pub use error::KeyFileError;
pub use pace::Pace;
pub use reloader::{Health, Polled, Reloader};
pub use rotation::{Revoked, Rotated, Rotation};
pub use schedule::KeySchedule;
pub use watch::KeyWatch;

use crate::keys::ring::KeyRing;
use disk::{Lock, Readers};
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
/// # use sealed_session::{Key, key_file::KeySchedule};
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
    /// [`KeyFileError`], naming the line and the mend: a file that cannot be read, that group or
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
    /// Those of [`KeyFile::open`]; `every` not longer than zero; no thread to be had. Later errors
    /// leave the last good keys in use: see [`KeyWatch::health`].
    pub fn watch(path: impl AsRef<Path>, every: Duration) -> Result<KeyWatch, KeyFileError> {
        KeyFile::options().watch(path, every)
    }

    /// For files that others than the owner may read, and for changing files.
    pub fn options() -> KeyFileOptions {
        KeyFileOptions::default()
    }

    /// The keys for a [`Sessions`](crate::Sessions). The ring carries the file's
    /// `reject_created_before` with it.
    pub fn key_ring(&self) -> KeyRing {
        self.schedule.key_ring()
    }

    /// What the file says.
    pub fn schedule(&self) -> &KeySchedule {
        &self.schedule
    }
}

/// How a key file is treated; see [`KeyFile::options`].
#[derive(Debug, Clone, Default)]
pub struct KeyFileOptions {
    readers: Readers,
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

    /// [`KeyFile::open`] with these options.
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

    /// [`KeyFile::watch`] with these options.
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
    /// [`KeyFileError`] if there is a file already, or it cannot be written.
    pub fn create(
        &self,
        path: impl AsRef<Path>,
        schedule: &KeySchedule,
    ) -> Result<(), KeyFileError> {
        Lock::take(path.as_ref())?.create(&schedule.to_text())
    }

    /// Changes a key file. Two changes at one time happen one after the other; readers see the old
    /// file or the new one, whole; and if `change` fails or changes nothing (the generation stays),
    /// nothing is written.
    ///
    /// # Errors
    ///
    /// Those of [`KeyFile::open`] and of `change`, and [`KeyFileError`] if the file cannot be
    /// written.
    pub fn change<R>(
        &self,
        path: impl AsRef<Path>,
        change: impl FnOnce(&mut KeySchedule) -> Result<R, KeyFileError>,
    ) -> Result<R, KeyFileError> {
        let path = path.as_ref();
        let lock = Lock::take(path)?;
        let mut schedule = self.open(path)?.schedule;
        let before = schedule.generation();
        let result = change(&mut schedule).map_err(|error| error.in_file(path))?;
        if schedule.generation() != before {
            lock.replace(&schedule.to_text())?;
        }
        Ok(result)
    }
}
