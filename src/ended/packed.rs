//! How one id, cut or count lies in memory: as few bytes as it needs, without alignment.
//!
//! Ids and hashes of subjects are random in their last byte, which therefore picks the shard, and
//! only the other fifteen are stored.

use crate::ended::subject::Subject;
use crate::timestamp::Timestamp;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use uuid::Uuid;

pub(crate) const SHARDS: usize = 256;

/// Fifteen of the sixteen bytes of an id or of a subject's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key([u8; 15]);

/// Where an id or a subject is found: in which shard, under which key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) shard: u8,
    pub(crate) key: Key,
}

impl Place {
    pub(crate) fn of_id(id: Uuid) -> Place {
        Place::of(id.into_bytes())
    }

    pub(crate) fn of_subject(subject: Subject) -> Place {
        Place::of(subject.to_bytes())
    }

    fn of([key @ .., shard]: [u8; 16]) -> Place {
        Place { shard, key: Key(key) }
    }

    pub(crate) fn id(self) -> Uuid {
        Uuid::from_bytes(self.bytes())
    }

    /// The subject; `None` only for the sixteen zero bytes, which are never stored.
    pub(crate) fn subject(self) -> Option<Subject> {
        Subject::from_bytes(self.bytes())
    }

    fn bytes(self) -> [u8; 16] {
        let mut bytes = [self.shard; 16];
        bytes[..15].copy_from_slice(&self.key.0);
        bytes
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0);
    }
}

/// Makes the hashers of the tables. The keys are random already, so one multiplication will do;
/// the seed keeps it out of the hands of anyone who can choose a key.
#[derive(Debug, Clone)]
pub(crate) struct KeyHash {
    seed: u64,
}

impl KeyHash {
    pub(crate) fn new() -> KeyHash {
        KeyHash { seed: RandomState::new().hash_one(()) }
    }
}

impl BuildHasher for KeyHash {
    type Hasher = KeyHasher;

    fn build_hasher(&self) -> KeyHasher {
        KeyHasher(self.seed)
    }
}

#[derive(Debug)]
pub(crate) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            // Both halves of a product, because a table looks at the first and the last bits.
            let product =
                u128::from(self.0 ^ u64::from_le_bytes(word)) * 0x9E37_79B9_7F4A_7C15_u128;
            self.0 = product as u64 ^ (product >> 64) as u64;
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// An ended id: whose it was, which cut it carried, and whether a feed has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IdValue {
    subject: [u8; 16],
    cut: [u8; 4],
    pub(crate) unsent: bool,
}

impl IdValue {
    pub(crate) fn new(subject: Option<Subject>, cut: u32, unsent: bool) -> IdValue {
        let subject = subject.map_or([0; 16], Subject::to_bytes);
        IdValue { subject, cut: cut.to_le_bytes(), unsent }
    }

    pub(crate) fn subject(&self) -> Option<Subject> {
        Subject::from_bytes(self.subject)
    }

    pub(crate) fn cut(&self) -> u32 {
        u32::from_le_bytes(self.cut)
    }
}

/// A subject's cut: its number, when it was made, the list's sequence number at which it was
/// learned, whether `end_others` here made it, and whether a feed has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CutValue {
    pub(crate) number: u32,
    pub(crate) time: Timestamp,
    pub(crate) learned: u64,
    pub(crate) by_end_others: bool,
    pub(crate) unsent: bool,
}

/// [`CutValue`] in 14 bytes: the number, then 44 bits of time (enough until 2527, and later times
/// count as the last), 34 bits of sequence number (a thousand cuts a second for half a year, 17
/// thousand million in all, and then the last one for all) and two marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PackedCut([u8; 14]);

const TIME_BITS: u32 = 44;
const LEARNED_BITS: u32 = 34;
pub(crate) const MAX_CUT_TIME: u64 = (1 << TIME_BITS) - 1;
pub(crate) const MAX_LEARNED: u64 = (1 << LEARNED_BITS) - 1;

impl From<CutValue> for PackedCut {
    fn from(cut: CutValue) -> PackedCut {
        let bits = u128::from(cut.time.millis().min(MAX_CUT_TIME))
            | u128::from(cut.learned.min(MAX_LEARNED)) << TIME_BITS
            | u128::from(cut.by_end_others) << (TIME_BITS + LEARNED_BITS)
            | u128::from(cut.unsent) << (TIME_BITS + LEARNED_BITS + 1)
            | u128::from(cut.number) << (TIME_BITS + LEARNED_BITS + 2);
        let mut packed = [0; 14];
        packed.copy_from_slice(&bits.to_le_bytes()[..14]);
        PackedCut(packed)
    }
}

impl From<PackedCut> for CutValue {
    fn from(packed: PackedCut) -> CutValue {
        let mut bytes = [0; 16];
        bytes[..14].copy_from_slice(&packed.0);
        let bits = u128::from_le_bytes(bytes);
        let after_time = bits >> TIME_BITS;
        let marks = after_time >> LEARNED_BITS;
        CutValue {
            time: Timestamp::from_millis(bits as u64 & MAX_CUT_TIME),
            learned: after_time as u64 & MAX_LEARNED,
            by_end_others: marks & 1 == 1,
            unsent: marks & 2 == 2,
            number: (marks >> 2) as u32,
        }
    }
}

/// How many ids of a subject were ended, since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CountValue {
    pub(crate) count: u8,
    since: [u8; 6],
}

impl CountValue {
    pub(crate) fn new(count: u8, since: Timestamp) -> CountValue {
        CountValue { count, since: since.to_six_bytes() }
    }

    pub(crate) fn since(&self) -> Timestamp {
        Timestamp::from_six_bytes(self.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_place_gives_back_its_id() {
        let id = Uuid::from_u128(0x0123_4567_89ab_7def_8123_4567_89ab_cdef);
        assert_eq!(Place::of_id(id).id(), id);
        assert_eq!(Place::of_id(id).shard, 0xef);
        let subject = Subject::of("shop", "17");
        assert_eq!(Place::of_subject(subject).subject(), Some(subject));
    }

    #[test]
    fn a_packed_cut_comes_back() {
        for (number, time, learned, by_end_others, unsent) in [
            (0, 0, 0, false, false),
            (u32::MAX, MAX_CUT_TIME, MAX_LEARNED, true, true),
            (1_795_000_000, 1_795_000_000_123, 77, true, false),
            (2, 1, 3, false, true),
        ] {
            let time = Timestamp::from_millis(time);
            let cut = CutValue { number, time, learned, by_end_others, unsent };
            assert_eq!(CutValue::from(PackedCut::from(cut)), cut);
        }
    }

    #[test]
    fn what_does_not_fit_is_the_last_that_does() {
        let time = Timestamp::from_millis(u64::MAX);
        let cut =
            CutValue { number: 7, time, learned: u64::MAX, by_end_others: true, unsent: false };
        let cut = CutValue::from(PackedCut::from(cut));
        assert_eq!((cut.time.millis(), cut.learned), (MAX_CUT_TIME, MAX_LEARNED));
        assert_eq!((cut.number, cut.by_end_others, cut.unsent), (7, true, false));
    }

    #[test]
    fn the_entries_of_a_table_are_as_small_as_promised() {
        assert_eq!(size_of::<(Key, IdValue)>(), 36);
        assert_eq!(size_of::<(Key, PackedCut)>(), 29);
        assert_eq!(size_of::<(Key, CountValue)>(), 22);
    }

    #[test]
    fn neighbouring_keys_spread_over_a_table() {
        let hash = KeyHash::new();
        let first: HashSet<u64> =
            (0..10_000_u128).map(|n| hash.hash_one(Key::of_test(n)) >> 48).collect();
        let last: HashSet<u64> =
            (0..10_000_u128).map(|n| hash.hash_one(Key::of_test(n << 64)) & 0xffff).collect();
        // Of 65,536 values 10,000 random ones hit about 9,270.
        assert!(first.len() > 8_500, "{}", first.len());
        assert!(last.len() > 8_500, "{}", last.len());
    }

    impl Key {
        fn of_test(n: u128) -> Key {
            Place::of((n << 8).to_be_bytes()).key
        }
    }
}
