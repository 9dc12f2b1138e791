//! How is a key file read and replaced on a disk? Whole, or not at all.

use super::error::KeyFileError;
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
    // Looked at before it is opened, for opening a pipe would wait for its writer.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(KeyFileError::new("is not a file"));
    }
    let mut file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    check_mode(&metadata, readers)?;
    if metadata.len() > MAX_LEN {
        return Err(KeyFileError::new("has more than 1 MiB: that is no key file"));
    }
    // Large enough never to be moved, which would leave a copy behind.
    let mut content = Zeroizing::new(Vec::with_capacity(MAX_LEN as usize + 1));
    (&mut file).take(MAX_LEN + 1).read_to_end(&mut content).map_err(failed)?;
    Ok((file, content))
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

/// The exclusive right to change key files in one folder; it ends with the value. The folder itself
/// is locked, because a key file is replaced and no second file is to be left lying about.
pub(super) struct Lock {
    /// Where the file really is: a rename over a symbolic link would replace the link.
    path: PathBuf,
    folder: File,
}

impl Lock {
    /// Waits until no other has it.
    pub(super) fn take(path: &Path) -> Result<Lock, KeyFileError> {
        let failed = |error: io::Error| {
            KeyFileError::new(format!("its folder cannot be locked: {error}")).in_file(path)
        };
        let path = match fs::canonicalize(path) {
            Ok(path) => path,
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
            Err(error) => return Err(failed(error)),
        };
        let folder = lockable(folder_of(&path)).map_err(failed)?;
        folder.lock().map_err(failed)?;
        Ok(Lock { path, folder })
    }

    /// Writes a file that must not be there yet, readable by its owner only.
    pub(super) fn create(&self, content: &str) -> Result<(), KeyFileError> {
        if fs::symlink_metadata(&self.path).is_ok() {
            let problem =
                "is there already, and its keys would be lost: `keys rotate` adds a key to it";
            return Err(KeyFileError::new(problem).in_file(&self.path));
        }
        self.write(content, None)
    }

    /// Replaces the file by a rename, with its mode and owner as they were.
    pub(super) fn replace(&self, content: &str) -> Result<(), KeyFileError> {
        let before = fs::metadata(&self.path);
        let before = before.map_err(|error| self.failed("cannot be replaced", &error))?;
        self.write(content, Some(&before))
    }

    fn write(&self, content: &str, like: Option<&fs::Metadata>) -> Result<(), KeyFileError> {
        let failed = |error: io::Error| self.failed("cannot be written", &error);
        let new = self.path.with_file_name(new_name(&self.path));
        // Of somebody who was interrupted: whoever holds the lock is alone.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let written = write_new(&new, content, like).and_then(|()| fs::rename(&new, &self.path));
        if written.is_err() {
            let _ = fs::remove_file(&new);
        }
        written.map_err(failed)?;
        // Only now is the rename sure to outlive a loss of power.
        if cfg!(unix) { self.folder.sync_all().map_err(failed) } else { Ok(()) }
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

#[cfg(unix)]
fn lockable(folder: &Path) -> io::Result<File> {
    File::open(folder)
}

/// Where folders cannot be opened, a file beside it is locked instead.
#[cfg(not(unix))]
fn lockable(folder: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(folder.join(".sealed-session.lock"))
}

fn new_name(path: &Path) -> OsString {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    name
}

fn write_new(path: &Path, content: &str, like: Option<&fs::Metadata>) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
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
