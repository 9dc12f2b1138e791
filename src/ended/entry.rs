//! One fact about ended sessions ⇄ its bytes (`docs/format.md`, "Entries of ended sessions").

use crate::ended::error::ApplyError;
use crate::ended::number::{MAX_NUMBER, NO_CUT};
use crate::ended::subject::Subject;
use crate::timestamp::Timestamp;
use sha2::{Digest, Sha256};
use uuid::Uuid;

const VERSION: u8 = 1;
/// The first bytes that later versions may use.
const LATER_VERSIONS: std::ops::RangeInclusive<u8> = 2..=15;

const KIND_ID: u8 = 1;
const KIND_CUT: u8 = 2;
const KIND_EVERYONE: u8 = 3;
const KIND_KEEP: u8 = 4;

const CHECK_LEN: usize = 4;
/// Version, kind, id, subject, cut and check.
pub(crate) const MAX_LEN: usize = 2 + 36 + CHECK_LEN;

/// One fact. Facts merge by "listed" and "greater", so their order and repetition do not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Entry {
    /// This session ended, and whose it was and which cut it carried.
    Id { id: Uuid, subject: Option<Subject>, cut: u32 },
    /// The sessions of this subject that carry a smaller number ended.
    Cut { subject: Subject, number: u32, time: Timestamp },
    /// The sessions created before this time ended.
    Everyone { before: Timestamp },
    /// Ends are kept for so long; what may have been forgotten before is covered by a time as in
    /// `Everyone` (1970 in the first such entry of a feed).
    Keep { seconds: u32, before: Timestamp },
}

/// Where an entry comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// This server was called.
    Here,
    /// A feed told.
    Feed,
}

/// The bytes of one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryBytes {
    bytes: [u8; MAX_LEN],
    len: usize,
}

impl EntryBytes {
    fn push(&mut self, more: &[u8]) {
        self.bytes[self.len..self.len + more.len()].copy_from_slice(more);
        self.len += more.len();
    }
}

impl AsRef<[u8]> for EntryBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Writes and reads the entries of one namespace.
#[derive(Debug, Clone)]
pub(crate) struct EntryFormat {
    /// What the check of every entry begins with, hashed once.
    check: Sha256,
}

impl EntryFormat {
    pub(crate) fn new(namespace: &str) -> EntryFormat {
        let mut check = Sha256::new();
        check.update(b"sealed-session v1 entry");
        check.update(u16::try_from(namespace.len()).unwrap_or(u16::MAX).to_be_bytes());
        check.update(namespace.as_bytes());
        EntryFormat { check }
    }

    pub(crate) fn write(&self, entry: &Entry) -> EntryBytes {
        let kind = match entry {
            Entry::Id { .. } => KIND_ID,
            Entry::Cut { .. } => KIND_CUT,
            Entry::Everyone { .. } => KIND_EVERYONE,
            Entry::Keep { .. } => KIND_KEEP,
        };
        let mut bytes = EntryBytes { bytes: [0; MAX_LEN], len: 0 };
        bytes.push(&[VERSION, kind]);
        match *entry {
            Entry::Id { id, subject, cut } => {
                bytes.push(id.as_bytes());
                bytes.push(&subject.map_or([0; 16], Subject::to_bytes));
                bytes.push(&cut.to_be_bytes());
            }
            Entry::Cut { subject, number, time } => {
                bytes.push(&subject.to_bytes());
                bytes.push(&number.to_be_bytes());
                bytes.push(&time.to_six_bytes());
            }
            Entry::Everyone { before } => bytes.push(&before.to_six_bytes()),
            Entry::Keep { seconds, before } => {
                bytes.push(&seconds.to_be_bytes());
                bytes.push(&before.to_six_bytes());
            }
        }
        let check = self.check(bytes.as_ref());
        bytes.push(&check);
        bytes
    }

    /// Reads an entry, whole and by nobody's clock.
    ///
    /// # Errors
    ///
    /// If the bytes are no entry of this namespace that a server of this version writes.
    pub(crate) fn read(&self, bytes: &[u8]) -> Result<Entry, ApplyError> {
        match bytes.first() {
            Some(&VERSION) => {}
            Some(version) if LATER_VERSIONS.contains(version) => {
                return Err(ApplyError::UnknownVersion(*version));
            }
            _ => return Err(ApplyError::NotAnEntry),
        }
        let (said, check) = bytes.split_last_chunk().ok_or(ApplyError::NotAnEntry)?;
        if bytes.len() > MAX_LEN || self.check(said) != *check {
            return Err(ApplyError::NotAnEntry);
        }
        let mut rest = &said[1..];
        let [kind] = take(&mut rest)?;
        let entry = match kind {
            KIND_ID => {
                let id = Uuid::from_bytes(take(&mut rest)?);
                Timestamp::of_id(id).ok_or(ApplyError::NotAnEntry)?;
                let subject = Subject::from_bytes(take(&mut rest)?);
                Entry::Id { id, subject, cut: u32::from_be_bytes(take(&mut rest)?) }
            }
            KIND_CUT => {
                let subject = Subject::from_bytes(take(&mut rest)?);
                let number = u32::from_be_bytes(take(&mut rest)?);
                if number > MAX_NUMBER {
                    return Err(ApplyError::NumberTooLarge(number));
                }
                let subject = subject.filter(|_| number > NO_CUT).ok_or(ApplyError::NotAnEntry)?;
                Entry::Cut { subject, number, time: take_time(&mut rest)? }
            }
            KIND_EVERYONE => Entry::Everyone { before: take_time(&mut rest)? },
            KIND_KEEP => Entry::Keep {
                seconds: u32::from_be_bytes(take(&mut rest)?),
                before: take_time(&mut rest)?,
            },
            _ => return Err(ApplyError::NotAnEntry),
        };
        if rest.is_empty() { Ok(entry) } else { Err(ApplyError::NotAnEntry) }
    }

    fn check(&self, said: &[u8]) -> [u8; CHECK_LEN] {
        let mut hash = self.check.clone();
        hash.update(said);
        let mut check = [0; CHECK_LEN];
        check.copy_from_slice(&hash.finalize()[..CHECK_LEN]);
        check
    }
}

fn take_time(rest: &mut &[u8]) -> Result<Timestamp, ApplyError> {
    take(rest).map(Timestamp::from_six_bytes)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], ApplyError> {
    let (taken, left) = rest.split_first_chunk().ok_or(ApplyError::NotAnEntry)?;
    *rest = left;
    Ok(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> [Entry; 5] {
        let subject = Subject::of("shop", "user-17");
        let id = Uuid::parse_str("01a1fdfa-4600-7abc-8def-123456789abc").unwrap();
        let time = Timestamp::from_millis(0x01a1_fdfa_4600);
        [
            Entry::Id { id, subject: Some(subject), cut: 1 },
            Entry::Id { id, subject: None, cut: 0 },
            Entry::Cut { subject, number: 1_795_262_400, time },
            Entry::Everyone { before: time },
            Entry::Keep { seconds: 28_800, before: time },
        ]
    }

    #[test]
    fn every_kind_comes_back() {
        let format = EntryFormat::new("shop");
        for entry in entries() {
            assert_eq!(format.read(format.write(&entry).as_ref()), Ok(entry));
        }
    }

    #[test]
    fn the_bytes_are_those_of_the_format() {
        let format = EntryFormat::new("shop");
        let written: Vec<String> = entries()
            .iter()
            .map(|entry| {
                format.write(entry).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
            })
            .collect();
        let page = include_str!("../../docs/format.md");
        for bytes in &written {
            assert!(page.contains(bytes), "not in docs/format.md: {bytes}");
        }
    }

    #[test]
    fn a_changed_cut_or_extended_entry_is_none() {
        let format = EntryFormat::new("shop");
        for entry in entries() {
            let bytes = format.write(&entry);
            let bytes = bytes.as_ref();
            for len in 0..bytes.len() {
                assert!(format.read(&bytes[..len]).is_err(), "{entry:?} cut to {len}");
            }
            for bit in 8..bytes.len() * 8 {
                let mut changed = bytes.to_vec();
                changed[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(format.read(&changed), Err(ApplyError::NotAnEntry), "bit {bit}");
            }
            assert!(format.read(&[bytes, &[0]].concat()).is_err());
        }
    }

    #[test]
    fn an_entry_of_another_namespace_is_none() {
        let bytes = EntryFormat::new("blog").write(&entries()[0]);
        assert_eq!(EntryFormat::new("shop").read(bytes.as_ref()), Err(ApplyError::NotAnEntry));
    }

    #[test]
    fn a_later_version_is_told_apart() {
        let format = EntryFormat::new("shop");
        assert_eq!(format.read(&[2]), Err(ApplyError::UnknownVersion(2)));
        assert_eq!(format.read(&[0, 1, 2]), Err(ApplyError::NotAnEntry));
        assert_eq!(format.read(b"hello, world"), Err(ApplyError::NotAnEntry));
    }

    #[test]
    fn a_cut_greater_than_any_is_refused() {
        let format = EntryFormat::new("shop");
        let cut = |number| {
            let subject = Subject::of("shop", "17");
            let entry = Entry::Cut { subject, number, time: Timestamp::from_millis(1) };
            format.read(format.write(&entry).as_ref())
        };
        assert!(cut(0xFF00_0000).is_ok());
        assert_eq!(cut(0xFF00_0001), Err(ApplyError::NumberTooLarge(0xFF00_0001)));
        assert_eq!(cut(1), Err(ApplyError::NotAnEntry));
    }

    #[test]
    fn an_id_that_is_no_uuidv7_is_no_entry() {
        let format = EntryFormat::new("shop");
        for id in ["01a1fdfa-4600-4abc-8def-123456789abc", "01a1fdfa-4600-7abc-0def-123456789abc"] {
            let id = Uuid::parse_str(id).unwrap();
            let bytes = format.write(&Entry::Id { id, subject: None, cut: 0 });
            assert_eq!(format.read(bytes.as_ref()), Err(ApplyError::NotAnEntry));
        }
    }
}
