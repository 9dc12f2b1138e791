//! The file of a feed: whatever stands in it, a feed reads the whole lines that are entries, and loses
//! none of them.

use super::NOW;
use super::ended_entry::{Fact, KEEP, assert_knows, list, raise_keep, read};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sealed_session::{ApplyError, EndedSessions, FileFeed};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// So long is a line at most.
const MAX_LINE: usize = 256;

/// In memory where the system has such a folder, because a feed waits for its disk.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn written(folder: &TempDir, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join("ended.log");
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&path).unwrap().write_all(bytes).unwrap();
    path
}

fn open(path: &Path, ended: &EndedSessions) -> FileFeed {
    FileFeed::open_with_clock(path, ended, || NOW).unwrap()
}

/// Up to the end of the last whole line.
fn whole_lines(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)]
}

/// What whole lines say, in order.
fn read_lines(whole: &[u8]) -> Vec<Result<Fact, ApplyError>> {
    let lines = whole.split_inclusive(|byte| *byte == b'\n');
    let said = |line: &[u8]| match URL_SAFE_NO_PAD.decode(&line[..line.len() - 1]) {
        Ok(entry) if line.len() - 1 <= MAX_LINE => read(&entry),
        _ => Err(ApplyError::NotAnEntry),
    };
    lines.map(said).collect()
}

/// What a feed appends that keeps ends for longer than the file says: what may have been forgotten by
/// then is covered.
fn appended(facts: &[Fact]) -> Option<Fact> {
    let stored = facts.iter().filter_map(|fact| match fact {
        Fact::Keep { seconds, .. } => Some(u64::from(*seconds)),
        _ => None,
    });
    let stored = stored.max();
    let own = KEEP.whole_seconds() as u64;
    let now = NOW.unix_timestamp() as u64;
    let before = stored.map_or(0, |stored| now.saturating_sub(stored)) * 1000;
    stored.is_none_or(|stored| stored < own).then_some(Fact::Keep { seconds: own as u32, before })
}

/// Any bytes as the file of a feed.
pub fn feed_file(bytes: &[u8]) -> &'static str {
    let folder = folder();
    let path = written(&folder, bytes);
    let whole = whole_lines(bytes);
    let said = read_lines(whole);
    let mut facts: Vec<Fact> = said.iter().flatten().copied().collect();
    let (one, two) = (list(), list());
    let feed = open(&path, &one);
    assert_eq!((feed.health().error, feed.health().unsent), (None, 0));
    let after = fs::read(&path).unwrap();
    assert!(after.starts_with(whole), "whole lines stay");
    assert!(after.ends_with(b"\n"), "it says for how long ends are kept");
    // Another process, which is there at the same time.
    let other = open(&path, &two);
    assert_eq!(fs::read(&path).unwrap(), after, "there was nothing to append");
    drop((feed, other));
    assert_eq!((one.keep(), one.status().everyone), (two.keep(), two.status().everyone));
    let raises_keep = raise_keep(&facts);
    if !raises_keep {
        facts.extend(appended(&facts));
        for list in [&one, &two] {
            assert_knows(list, &facts);
        }
    }
    match &said[..] {
        [] => "no_line",
        _ if raises_keep => "keep",
        _ if said.iter().any(Result::is_ok) => "read",
        _ if said.iter().any(|read| matches!(read, Err(ApplyError::UnknownVersion(_)))) => "later",
        _ => "no_entry",
    }
}
