//! The file of a feed on a disk: which file a path names, who may read it, and its lock.

use crate::ended::feed_error::FeedError;
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// As many as Linux follows.
const MAX_LINKS: usize = 40;

/// Which file this is, whatever its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity(u64, u64);

impl Identity {
    #[cfg(unix)]
    pub(crate) fn of(metadata: &Metadata) -> Identity {
        use std::os::unix::fs::MetadataExt;
        Identity(metadata.dev(), metadata.ino())
    }

    #[cfg(not(unix))]
    pub(crate) fn of(metadata: &Metadata) -> Identity {
        let created = metadata.created().ok();
        let created = created.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        Identity(0, created.map_or(0, |time| time.as_nanos() as u64))
    }

    /// Which file the path names now, if any.
    pub(crate) fn at(path: &Path) -> io::Result<Option<Identity>> {
        match fs::metadata(path) {
            Ok(metadata) => Ok(Some(Identity::of(&metadata))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

pub(crate) fn failed<'p>(
    path: &'p Path,
    action: &'static str,
) -> impl Fn(io::Error) -> FeedError + 'p {
    move |source| FeedError::Disk { path: path.display().to_string(), action, source }
}

fn refused(path: &Path, problem: impl Into<String>) -> FeedError {
    FeedError::File { path: path.display().to_string(), problem: problem.into() }
}

/// Returns the path behind symbolic links, for a file that need not be there yet. Who can write beside a
/// link can lead it elsewhere, so its folder is checked like that of the file.
pub(crate) fn where_it_is(path: &Path) -> Result<PathBuf, FeedError> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        // What is no link, or cannot be read, is for `open` to judge.
        let Ok(target) = fs::read_link(&path) else { return Ok(path) };
        check_folder(&path, folder_of(&path))?;
        path = folder_of(&path).join(target);
    }
    Err(refused(&path, format!("is a symbolic link that leads over more than {MAX_LINKS} others")))
}

/// Opens the file for reading and appending; makes it, and its folder, for the owner alone.
pub(crate) fn open(path: &Path) -> Result<(File, Identity), FeedError> {
    let folder = folder_of(path);
    if !folder.exists() {
        make_folder(folder).map_err(failed(path, "created, nor its folder"))?;
    }
    check_folder(path, folder)?;
    // Before it is opened, for opening a pipe would wait. Why there is none, opening it tells.
    if let Ok(metadata) = fs::metadata(path) {
        if !metadata.is_file() {
            return Err(refused(path, "is not a file"));
        }
        check_file(path, &metadata)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    private(&mut options);
    let file = options.open(path).map_err(failed(path, "opened"))?;
    let metadata = file.metadata().map_err(failed(path, "read"))?;
    check_file(path, &metadata)?;
    Ok((file, Identity::of(&metadata)))
}

/// Makes the file that is renamed over the other when it is whole. What somebody left who was
/// interrupted goes: the caller has the lock.
pub(crate) fn create_beside(path: &Path) -> io::Result<(File, PathBuf)> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    let new = path.with_file_name(name);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.read(true).append(true).create_new(true);
    private(&mut options);
    Ok((options.open(&new)?, new))
}

/// Makes a rename outlive a loss of power.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder_of(path))?.sync_all() } else { Ok(()) }
}

/// Whether the lock was had.
pub(crate) fn try_lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
}

#[cfg(not(unix))]
fn private(_: &mut OpenOptions) {}

#[cfg(unix)]
fn make_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(unix)]
fn check_folder(path: &Path, folder: &Path) -> Result<(), FeedError> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = fs::metadata(folder).map_err(failed(path, "read, nor its folder"))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o022 != 0 {
        return Err(refused(
            path,
            format!(
                "group or others can write to its folder (mode {mode:04o}) and put another file in its \
                 place: chmod go-w the folder, or name one that is not there yet, which is then made \
                 with mode 0700"
            ),
        ));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_folder(_: &Path, _: &Path) -> Result<(), FeedError> {
    Ok(())
}

#[cfg(unix)]
fn check_file(path: &Path, metadata: &Metadata) -> Result<(), FeedError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let problem = format!(
            "group or others can use it (mode {mode:04o}), and who writes to it can sign everyone \
             out: chmod 600 it"
        );
        return Err(refused(path, problem));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_file(_: &Path, _: &Metadata) -> Result<(), FeedError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_alone_is_in_the_current_folder() {
        assert_eq!(folder_of(Path::new("ended.log")), Path::new("."));
        assert_eq!(folder_of(Path::new("data/ended.log")), Path::new("data"));
    }

    #[test]
    fn a_path_that_names_nothing_is_told_from_one_that_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        assert_eq!(Identity::at(&file).unwrap(), None);
        fs::write(&file, "").unwrap();
        assert!(Identity::at(&file).unwrap().is_some());
        #[cfg(unix)]
        assert!(Identity::at(&file.join("in a file")).is_err());
    }

    #[test]
    fn what_stands_in_the_way_of_a_new_file_and_cannot_be_removed_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ended.log");
        let new = folder.path().join(".ended.log.new");
        fs::write(&new, "of somebody who was interrupted").unwrap();
        assert_eq!(create_beside(&path).unwrap().1, new);
        fs::remove_file(&new).unwrap();
        fs::create_dir(&new).unwrap();
        let error = create_beside(&path).unwrap_err();
        assert_ne!(error.kind(), io::ErrorKind::AlreadyExists, "why it is still there");
    }
}
