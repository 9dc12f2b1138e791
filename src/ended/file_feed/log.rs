//! One process's view of the file: what it has read, how it appends, how it writes the file anew.
//! It has no thread and no clock.

use super::disk::{self, Identity, failed};
use super::lines;
use crate::ended::entry::Entry;
use crate::ended::error::ApplyError;
use crate::ended::events;
use crate::ended::feed_error::FeedError;
use crate::ended::list::EndedSessions;
use crate::telemetry::OncePerMinute;
use crate::timestamp::Timestamp;
use std::fs::{self, File, Metadata};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// So many entries are appended in one step.
const BATCH: usize = 10_000;

/// A file is not written anew before it has this many bytes.
const MIN_COMPACTED: u64 = 1 << 20;

/// An entry's line, roughly.
const BYTES_A_LINE: u64 = 57;

/// How many bytes before the place read to must still be the same.
const MARK: u64 = 48;

/// Entries of later versions that are carried along when the file is written anew. With more than
/// these it is not, so that none is lost.
const MAX_LATER: usize = 65_536;

/// What became of an attempt to append.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Appended {
    /// Everything is in the file.
    All,
    /// Another process has the lock.
    Locked,
}

pub(crate) struct Log {
    path: PathBuf,
    ended: EndedSessions,
    file: File,
    identity: Identity,
    /// Up to where the file was read: the end of a whole line.
    read_to: u64,
    /// What stands before that place, to notice a file whose content was replaced.
    mark: Vec<u8>,
    /// How long the file was when it was last read.
    len: u64,
    /// The longest time for which the file says that ends are kept, in seconds.
    keep: Option<u32>,
    later: Vec<Vec<u8>>,
    foreign_told: OncePerMinute,
    /// The size after the last compaction: it must grow by half before the next.
    compacted: u64,
    /// A compaction that failed is tried again in a minute: the disk may be full.
    attempts: OncePerMinute,
}

impl Log {
    pub(crate) fn open(path: &Path, ended: &EndedSessions) -> Result<Log, FeedError> {
        // A rename over a symbolic link would replace the link.
        let path = disk::where_it_is(path)?;
        let (file, identity) = disk::open(&path)?;
        Ok(Log {
            path,
            ended: ended.clone(),
            file,
            identity,
            read_to: 0,
            mark: Vec::new(),
            len: 0,
            keep: None,
            later: Vec::new(),
            foreign_told: OncePerMinute::default(),
            compacted: 0,
            attempts: OncePerMinute::default(),
        })
    }

    /// Takes in what was appended since. A file that another one took the place of is read from the
    /// start; what it does not hold will be appended.
    pub(crate) fn read_new(&mut self, now: Timestamp) -> Result<(), FeedError> {
        let named = Identity::at(&self.path).map_err(failed(&self.path, "read"))?;
        // If the path names nothing, the next append makes a file.
        if named.is_some_and(|named| named != self.identity) {
            self.reopen()?;
        }
        self.read_held(now).map_err(failed(&self.path, "read"))
    }

    fn reopen(&mut self) -> Result<(), FeedError> {
        (self.file, self.identity) = disk::open(&self.path)?;
        self.replaced();
        Ok(())
    }

    fn replaced(&mut self) {
        self.read_again();
        self.compacted = 0;
        self.ended.mark_all_unsent();
    }

    /// Has the next read begin at the start, with a clock that is right now.
    pub(crate) fn read_again(&mut self) {
        self.read_to = 0;
        self.len = 0;
        self.mark.clear();
        self.later.clear();
        self.keep = None;
    }

    fn read_held(&mut self, now: Timestamp) -> io::Result<()> {
        let len = self.file.metadata()?.len();
        if len < self.read_to || len != self.len && self.mark()? != self.mark {
            self.replaced();
        }
        // The beginning of a line may have been cut off for another one that is just as long.
        let begun = len - self.read_to;
        if len == self.len && (begun == 0 || begun > lines::MAX_LINE as u64) {
            return Ok(());
        }
        self.file.seek(SeekFrom::Start(self.read_to))?;
        let Log { file, ended, keep, later, foreign_told, .. } = self;
        let mut buffer = [0; 256];
        let whole = lines::read(&*file, |line| {
            let bytes = lines::decode(line, &mut buffer).unwrap_or_default();
            let read = ended.list.format.read(bytes);
            match read {
                Ok(entry) => {
                    if let Entry::Keep { seconds, .. } = entry {
                        *keep = Some(seconds).max(*keep);
                    }
                    ended.apply_entry(entry, now);
                }
                Err(error) => {
                    if matches!(error, ApplyError::UnknownVersion(_)) && later.len() <= MAX_LATER {
                        later.push(line.to_vec());
                    }
                    if foreign_told.may(now) {
                        events::feed_entry_refused(&error);
                    }
                }
            }
        })?;
        self.len = len;
        self.read_to += whole;
        self.mark = self.mark()?;
        Ok(())
    }

    /// The bytes before the place read to.
    fn mark(&mut self) -> io::Result<Vec<u8>> {
        let len = self.read_to.min(MARK);
        self.file.seek(SeekFrom::Start(self.read_to - len))?;
        let mut mark = Vec::with_capacity(MARK as usize);
        Read::take(&self.file, len).read_to_end(&mut mark)?;
        Ok(mark)
    }

    /// Whether there is something to append.
    pub(crate) fn has_to_append(&self) -> bool {
        self.ended.list.unsent() > 0 || self.must_raise_keep()
    }

    fn must_raise_keep(&self) -> bool {
        self.keep.is_none_or(|stored| stored < self.ended.list.keep_seconds())
    }

    /// Appends what is not in the file yet, and writes the file anew if most of it is superfluous.
    pub(crate) fn append(&mut self, now: Timestamp) -> Result<Appended, FeedError> {
        loop {
            if !disk::try_lock(&self.file).map_err(failed(&self.path, "locked"))? {
                return Ok(Appended::Locked);
            }
            // Another process may have renamed a new file over the one that is held here.
            let named = Identity::at(&self.path).map_err(failed(&self.path, "read"))?;
            if named == Some(self.identity) {
                break;
            }
            // Opening another file gives the lock of this one back.
            self.reopen()?;
        }
        let appended = self.append_locked(now);
        let unlocked = self.file.unlock().map_err(failed(&self.path, "unlocked"));
        appended.and(unlocked).map(|()| Appended::All)
    }

    fn append_locked(&mut self, now: Timestamp) -> Result<(), FeedError> {
        // What others wrote first, so that nothing is appended twice.
        self.read_held(now).map_err(failed(&self.path, "read"))?;
        if self.len > self.read_to {
            // Somebody was interrupted in the middle of a line.
            self.file
                .set_len(self.read_to)
                .map_err(failed(&self.path, "cut to its last whole line"))?;
            self.len = self.read_to;
        }
        if self.must_raise_keep() {
            self.raise_keep(now)?;
        }
        let mut text = Vec::new();
        loop {
            let unsent = self.ended.unsent(BATCH);
            if unsent.is_empty() {
                break;
            }
            text.clear();
            unsent.entries().for_each(|entry| lines::write(&entry, &mut text));
            self.write(&text)?;
            self.ended.confirm(&unsent);
        }
        if self.is_compactable() && self.attempts.may(now) {
            match self.try_compact() {
                Ok(()) => self.attempts = OncePerMinute::default(),
                // Everything is in the file all the same.
                Err(problem) => events::feed_not_compacted(&problem),
            }
        }
        Ok(())
    }

    fn try_compact(&mut self) -> Result<(), String> {
        if self.later.len() > MAX_LATER {
            return Err(format!(
                "it has more than {MAX_LATER} entries of later versions, and none may be lost: update this \
                 server"
            ));
        }
        self.compact().map_err(|error| failed(&self.path, "written anew")(error).told())?;
        // Before a loss of power the old file would be there again, which says the same.
        disk::sync_folder(&self.path).map_err(|error| {
            let action = "synchronised with its folder, though it was written anew";
            failed(&self.path, action)(error).told()
        })
    }

    /// One line says both for how long ends are kept and what may have been forgotten until now.
    fn raise_keep(&mut self, now: Timestamp) -> Result<(), FeedError> {
        let seconds = self.ended.list.keep_seconds();
        let before = self.keep.map_or(0, |old| now.millis().saturating_sub(u64::from(old) * 1000));
        let entry = Entry::Keep { seconds, before: Timestamp::from_millis(before) };
        let mut text = Vec::new();
        lines::write(&self.ended.list.format.write(&entry), &mut text);
        self.write(&text)?;
        self.keep = Some(seconds);
        self.ended.apply_entry(entry, now);
        Ok(())
    }

    /// Whole, or not at all: of a disk that is full, what was begun is taken back.
    fn write(&mut self, text: &[u8]) -> Result<(), FeedError> {
        let written = self.file.write_all(text).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // If this fails too, the next who has the lock cuts the last line off.
            let _ = self.file.set_len(self.read_to);
            return Err(failed(&self.path, "appended to")(error));
        }
        self.read_to += text.len() as u64;
        self.len = self.read_to;
        self.mark = self.mark().map_err(failed(&self.path, "read"))?;
        Ok(())
    }

    fn is_compactable(&self) -> bool {
        self.len > most_bytes(self.ended.list.facts() as u64, self.compacted)
    }

    /// Writes a new file and renames it over this one, whose lock is held.
    fn compact(&mut self) -> io::Result<()> {
        let (file, new) = disk::create_beside(&self.path)?;
        // What it is, is asked before it has its name: from then on others append to it.
        let written = self.write_anew(&file).and_then(|()| file.metadata());
        let renamed = written.and_then(|made| fs::rename(&new, &self.path).map(|()| made));
        match renamed {
            Ok(made) => self.adopt(file, &made),
            Err(error) => {
                let _ = fs::remove_file(&new);
                Err(error)
            }
        }
    }

    /// Goes on with the file that it has made, which was `made` then.
    fn adopt(&mut self, file: File, made: &Metadata) -> io::Result<()> {
        // Dropping the old file gives its lock back; who waits for it then finds the new one.
        self.file = file;
        self.identity = Identity::of(made);
        self.len = made.len();
        self.read_to = self.len;
        self.compacted = self.len;
        self.mark = self.mark()?;
        Ok(())
    }

    fn write_anew(&self, file: &File) -> io::Result<()> {
        let mut file = BufWriter::with_capacity(1 << 16, file);
        let mut text = Vec::new();
        let keep = self.keep.unwrap_or_else(|| self.ended.list.keep_seconds());
        let keep = Entry::Keep { seconds: keep, before: Timestamp::default() };
        lines::write(&self.ended.list.format.write(&keep), &mut text);
        for line in &self.later {
            text.extend_from_slice(line);
            text.push(b'\n');
        }
        file.write_all(&text)?;
        self.ended.for_each_entry(|entry| {
            text.clear();
            lines::write(&entry, &mut text);
            file.write_all(&text)
        })?;
        file.flush()?;
        file.get_ref().sync_all()
    }
}

/// How long a file of so many facts may get, which had `compacted` bytes when it was written anew.
fn most_bytes(facts: u64, compacted: u64) -> u64 {
    let needed = (facts + 2) * BYTES_A_LINE;
    MIN_COMPACTED.max(2 * needed).max(compacted + compacted / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::Duration;

    #[test]
    fn a_file_may_be_twice_as_long_as_its_facts_need() {
        assert_eq!(most_bytes(0, 0), 1 << 20);
        assert_eq!(most_bytes(9_998, 0), 2 * 10_000 * 57);
        assert_eq!(most_bytes(9_998, 1_000_000), 1_500_000, "half as long again");
    }

    impl Log {
        /// When the last compaction failed, if it did.
        pub(in crate::ended::file_feed) fn not_compacted(&self) -> Option<Timestamp> {
            self.attempts.last()
        }
    }

    fn open(path: &Path) -> Log {
        let ended = EndedSessions::new("shop", Duration::hours(8));
        let mut log = Log::open(path, &ended).unwrap();
        log.append(Timestamp::default()).unwrap();
        log
    }

    #[test]
    fn what_another_appends_as_soon_as_a_file_has_its_name_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ended.log");
        let (mut one, mut two) = (open(&path), open(&path));
        let (file, new) = disk::create_beside(&path).unwrap();
        one.write_anew(&file).unwrap();
        let made = file.metadata().unwrap();
        fs::rename(&new, &path).unwrap();
        two.ended.end_all_of("17").unwrap();
        two.append(Timestamp::now()).unwrap();
        one.adopt(file, &made).unwrap();
        one.read_new(Timestamp::now()).unwrap();
        assert_eq!(one.ended.status().subjects, 1);
    }

    #[test]
    fn a_whole_line_in_the_place_of_one_that_was_begun_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ended.log");
        let (mut one, mut two) = (open(&path), open(&path));
        // More than a line has.
        (0..10).for_each(|n| two.ended.end_all_of(&n.to_string()).unwrap());
        two.append(Timestamp::now()).unwrap();
        one.read_new(Timestamp::now()).unwrap();
        let before = fs::metadata(&path).unwrap().len();
        two.ended.end_all_of("17").unwrap();
        two.append(Timestamp::now()).unwrap();
        let line = fs::read(&path).unwrap().split_off(before as usize);
        two.file.set_len(before).unwrap();
        // Another was killed in a longer line.
        two.file.write_all(&vec![b'A'; line.len()]).unwrap();
        one.read_new(Timestamp::now()).unwrap();
        two.file.set_len(before).unwrap();
        two.file.write_all(&line).unwrap();
        one.read_new(Timestamp::now()).unwrap();
        assert_eq!(one.ended.status().subjects, 11);
    }
}
