//! Who may change the key files of a folder? One at a time, and nobody waits in silence.

use super::error::KeyFileError;
use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// How often it is tried again.
const BETWEEN_TRIES: Duration = Duration::from_millis(20);
/// Other changes are over sooner, so nothing is said of those.
const SILENCE: Duration = Duration::from_millis(500);

/// How long to wait for another who has the lock, and whom to tell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub(super) limit: Duration,
    pub(super) tell: Option<fn(&str)>,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience { limit: Duration::from_secs(10), tell: None }
    }
}

/// The exclusive right to change key files in one folder; it ends with the value. The folder itself
/// is locked, because a key file is replaced and no second file is to be left lying about.
pub(super) struct FolderLock {
    folder: File,
}

impl FolderLock {
    /// Tries until the folder is free, or the patience ends. Anyone who can read the folder can lock
    /// it, so the message names the process.
    pub(super) fn take(folder: &Path, patience: &Patience) -> Result<FolderLock, KeyFileError> {
        let failed = |error: io::Error| {
            let folder = folder.display();
            KeyFileError::new(format!("its folder {folder} cannot be locked: {error}"))
        };
        let file = lockable(folder).map_err(failed)?;
        let started = Instant::now();
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(FolderLock { folder: file }),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
            let waited = started.elapsed();
            if waited >= patience.limit {
                return Err(KeyFileError::new(format!(
                    "its folder {} is locked by {}, for longer than {} s: end that process, and keep \
                     others out of the folder (chmod 700)",
                    folder.display(),
                    holder(&file),
                    patience.limit.as_secs()
                )));
            }
            if !told
                && waited >= SILENCE
                && let Some(tell) = patience.tell
            {
                tell(&format!("{} is locked by {}: waiting", folder.display(), holder(&file)));
                told = true;
            }
            thread::sleep(BETWEEN_TRIES);
        }
    }

    /// Waits until what was done in the folder would outlive a loss of power.
    pub(super) fn sync(&self) -> io::Result<()> {
        if cfg!(unix) { self.folder.sync_all() } else { Ok(()) }
    }
}

/// Not by closing alone: a process that another thread is just starting holds a copy of the open folder for
/// a moment, and the lock with it.
impl Drop for FolderLock {
    fn drop(&mut self) {
        // What cannot be unlocked ends with the last copy.
        let _ = self.folder.unlock();
    }
}

#[cfg(unix)]
fn lockable(folder: &Path) -> io::Result<File> {
    File::open(folder)
}

/// Locks a file beside it on systems where folders cannot be opened.
#[cfg(not(unix))]
fn lockable(folder: &Path) -> io::Result<File> {
    let path = folder.join(".sealed-session.lock");
    File::options().write(true).create(true).truncate(false).open(path)
}

/// Names the process that has locked this folder, as far as the system tells.
#[cfg(target_os = "linux")]
fn holder(folder: &File) -> String {
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    let Ok(metadata) = folder.metadata() else { return "another process".to_owned() };
    let device = metadata.dev();
    let place =
        format!("{:02x}:{:02x}:{}", libc::major(device), libc::minor(device), metadata.ino());
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    let Some(process) = process_in(&locks, &place) else {
        return "another process".to_owned();
    };
    let name = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
    let owner = fs::metadata(format!("/proc/{process}")).map(|metadata| metadata.uid());
    match owner {
        Ok(user) => format!("the process {process} ({}, user {user})", name.trim_end()),
        Err(_) => format!("the process {process}"),
    }
}

#[cfg(not(target_os = "linux"))]
fn holder(_: &File) -> String {
    "another process".to_owned()
}

/// Finds who holds the lock at `place` in the text of `/proc/locks` (proc_locks(5)). Those who wait
/// for it have an arrow in front, and a process outside our namespace is 0.
#[cfg(target_os = "linux")]
fn process_in(locks: &str, place: &str) -> Option<u32> {
    locks.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        match fields[..] {
            [_, "FLOCK", _, _, process, at, ..] if at == place => {
                process.parse().ok().filter(|process| *process > 0)
            }
            _ => None,
        }
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_found_among_other_locks_and_those_who_wait() {
        let locks = "1: POSIX  ADVISORY  WRITE 11 08:01:42 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 22 08:01:43 0 EOF\n\
                     3: FLOCK  ADVISORY  READ  33 08:01:42 0 EOF\n\
                     3: -> FLOCK  ADVISORY  WRITE 44 08:01:42 0 EOF\n\
                     4: FLOCK  ADVISORY  WRITE 0 08:01:45 0 EOF\n";
        assert_eq!(process_in(locks, "08:01:42"), Some(33));
        assert_eq!(process_in(locks, "08:01:44"), None);
        assert_eq!(process_in(locks, "08:01:45"), None);
    }

    #[test]
    fn a_lock_that_another_has_is_given_up_and_names_the_process() {
        let folder = tempfile::tempdir().unwrap();
        // A reader's lock keeps writers out, too.
        let other = File::open(folder.path()).unwrap();
        other.lock_shared().unwrap();
        let patience = Patience { limit: Duration::ZERO, tell: None };
        let error = FolderLock::take(folder.path(), &patience).err().unwrap().to_string();
        let this = format!("is locked by the process {} (", std::process::id());
        assert!(error.contains(&this), "{error}");
        drop(other);
        assert!(FolderLock::take(folder.path(), &patience).is_ok());
    }

    #[test]
    fn a_short_wait_is_not_told() {
        let folder = tempfile::tempdir().unwrap();
        let other = File::open(folder.path()).unwrap();
        other.lock_shared().unwrap();
        let tell = |who: &str| panic!("told of a short wait: {who}");
        let patience = Patience { limit: BETWEEN_TRIES, tell: Some(tell) };
        assert!(FolderLock::take(folder.path(), &patience).is_err());
    }

    #[test]
    fn the_right_ends_with_its_value_though_a_copy_of_the_open_folder_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let patience = Patience { limit: Duration::ZERO, tell: None };
        let first = FolderLock::take(folder.path(), &patience).unwrap();
        let _copy = first.folder.try_clone().unwrap();
        assert!(FolderLock::take(folder.path(), &patience).is_err());
        drop(first);
        assert!(FolderLock::take(folder.path(), &patience).is_ok());
    }
}
