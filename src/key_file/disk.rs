//! How is a key file read and replaced on a disk? Whole, or not at all.

use super::error::KeyFileError;
use super::lock::{FolderLock, Patience};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A thousand keys are a quarter of this.
const MAX_LEN: u64 = 1 << 20;

/// Who besides the owner may read a key file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Readers {
    #[default]
    OwnerOnly,
    Others,
}

/// The content of the file at `path`, through any symbolic links.
pub(super) fn read(path: &Path, readers: Readers) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    read_file(path, readers).map(|(_, content)| content).map_err(|error| error.in_file(path))
}

fn read_file(path: &Path, readers: Readers) -> Result<(File, Zeroizing<Vec<u8>>), KeyFileError> {
    let failed = |error: io::Error| KeyFileError::new(format!("cannot be read: {error}"));
    let mut file = open_without_waiting(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(KeyFileError::new("is not a file"));
    }
    check_mode(&metadata, readers)?;
    // Large enough never to be moved, which would leave a copy behind.
    let mut content = Zeroizing::new(Vec::with_capacity(MAX_LEN as usize + 1));
    (&mut file).take(MAX_LEN + 1).read_to_end(&mut content).map_err(failed)?;
    // Not before it is read: it may be growing.
    if content.len() as u64 > MAX_LEN {
        return Err(KeyFileError::new("has more than 1 MiB: that is no key file"));
    }
    Ok((file, content))
}

/// Opens the file, and anything else: to open a pipe would wait for its writer.
fn open_without_waiting(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    options.open(path)
}

#[cfg(unix)]
fn check_mode(metadata: &fs::Metadata, readers: Readers) -> Result<(), KeyFileError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o022 != 0 {
        return Err(KeyFileError::new(format!(
            "can be written by group or others (mode {mode:04o}), who could put their own keys in: \
             chmod 600 it"
        )));
    }
    if mode & 0o044 != 0 && readers == Readers::OwnerOnly {
        return Err(KeyFileError::new(format!(
            "can be read by group or others (mode {mode:04o}): chmod 600 it, or allow it by name \
             (`allow_readable_by_others`, `--allow-readable-by-others`) where the mount is so by design"
        )));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_mode(_: &fs::Metadata, _: Readers) -> Result<(), KeyFileError> {
    Ok(())
}

/// The right to change one key file; it ends with the value.
pub(super) struct Locked {
    /// Where the file really is: a rename over a symbolic link would replace the link.
    path: PathBuf,
    lock: FolderLock,
}

impl Locked {
    /// Locks the folder of the file, which need not be there yet.
    pub(super) fn take(path: &Path, patience: &Patience) -> Result<Locked, KeyFileError> {
        let path = match fs::canonicalize(path) {
            Ok(path) => path,
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
            Err(error) => {
                return Err(KeyFileError::new(format!("cannot be found: {error}")).in_file(path));
            }
        };
        let lock = FolderLock::take(folder_of(&path), patience);
        let lock = lock.map_err(|error| error.in_file(&path))?;
        Ok(Locked { path, lock })
    }

    /// Refuses a file that is there already.
    pub(super) fn check_absent(&self) -> Result<(), KeyFileError> {
        let problem = match fs::symlink_metadata(&self.path) {
            Err(_) => return Ok(()),
            Ok(metadata) if metadata.is_file() && metadata.len() == 0 => {
                "already exists, and is empty: if servers use it, put it back from one of them or a \
                 backup; only if there never was a key in it, remove it first"
            }
            Ok(_) => {
                "already exists; overwriting it would lose its keys: `keys rotate` adds a key to it"
            }
        };
        Err(KeyFileError::new(problem).in_file(&self.path))
    }

    /// Removes what somebody who was interrupted left behind, with keys in it: the one who holds the
    /// lock is alone.
    pub(super) fn remove_leftover(&self) -> Result<(), KeyFileError> {
        match fs::remove_file(self.new_path()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let what = format!("{} cannot be removed", self.new_path().display());
                Err(self.failed(&what, &error))
            }
            _ => Ok(()),
        }
    }

    /// Writes a file that must not be there yet, readable by its owner only.
    pub(super) fn create(&self, content: &str) -> Result<(), KeyFileError> {
        self.check_absent()?;
        self.write(content, None)
    }

    /// Replaces the file by a rename, with its mode and owner as they were.
    pub(super) fn replace(&self, content: &str) -> Result<(), KeyFileError> {
        let before = fs::metadata(&self.path);
        let before = before.map_err(|error| self.failed("cannot be replaced", &error))?;
        self.write(content, Some(&before))
    }

    fn write(&self, content: &str, like: Option<&fs::Metadata>) -> Result<(), KeyFileError> {
        self.remove_leftover()?;
        let new = self.new_path();
        let file = create_new(&new).map_err(|error| {
            let folder = folder_of(&self.path).display();
            self.failed(&format!("its folder {folder} cannot be written"), &error)
        })?;
        let written = write_whole(file, content, like).and_then(|()| fs::rename(&new, &self.path));
        if let Err(error) = written {
            let _ = fs::remove_file(&new);
            return Err(self.failed("cannot be written", &error));
        }
        // Only now is the rename sure to outlive a loss of power.
        self.lock.sync().map_err(|error| {
            let problem = format!(
                "was written, but its folder could not be synchronised ({error}), so after a loss of power \
                 the file may be as it was before: look at the disk, then at `keys list`"
            );
            KeyFileError::new(problem).in_file(&self.path).though_written()
        })
    }

    fn new_path(&self) -> PathBuf {
        let mut name = OsString::from(".");
        name.push(self.path.file_name().unwrap_or_default());
        name.push(".new");
        self.path.with_file_name(name)
    }

    fn failed(&self, what: &str, error: &io::Error) -> KeyFileError {
        KeyFileError::new(format!("{what}: {error}")).in_file(&self.path)
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

fn create_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn write_whole(mut file: File, content: &str, like: Option<&fs::Metadata>) -> io::Result<()> {
    if let Some(like) = like {
        keep_owner_and_mode(&file, like)?;
    }
    file.write_all(content.as_bytes())?;
    file.sync_all()
}

/// A server that runs as another user must still be able to read the file.
#[cfg(unix)]
fn keep_owner_and_mode(file: &File, like: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let new = file.metadata()?;
    if (new.uid(), new.gid()) != (like.uid(), like.gid()) {
        fchown(file, Some(like.uid()), Some(like.gid()))?;
    }
    file.set_permissions(like.permissions())
}

#[cfg(not(unix))]
fn keep_owner_and_mode(_: &File, _: &fs::Metadata) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_synchronised_is_told_though_the_file_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        // The system refuses to synchronise this one.
        let lock = FolderLock::take(Path::new("/dev/null"), &Patience::default()).unwrap();
        let error = Locked { path: path.clone(), lock }.write("text", None).unwrap_err();
        assert!(error.was_written() && error.to_string().contains("loss of power"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "text");
    }
}
