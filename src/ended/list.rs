//! The list in memory: its tables, who may change them, and what an operator may ask.
//!
//! Reading takes one of 256 locks, and none while there is nothing to find. Anyone who changes the
//! list takes `Writer` first, so that every change is one step; changes are rare.

use crate::ended::aside::Aside;
use crate::ended::entry::EntryFormat;
use crate::ended::outbox::Outbox;
use crate::ended::packed::{CountValue, CutValue, IdValue, Key, KeyHash, PackedCut, Place, SHARDS};
use crate::ended::sweep::Sweep;
use crate::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering, Ordering::Relaxed};
use crate::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use crate::telemetry::OncePerMinute;
use crate::timestamp::Timestamp;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use time::{Duration, OffsetDateTime};

const DEFAULT_MAX_ENTRIES: usize = 4_000_000;

/// A day in milliseconds: how far clocks may be apart.
pub(crate) const DAY: u64 = 24 * 3600 * 1000;

/// The sessions that were ended before their deadlines: ids, a number for each subject whose
/// sessions ended, and a time before which no session counts.
///
/// Cheap to clone; all clones are one list. Give it to one feed, which carries ends to other servers
/// and over a restart.
///
/// Give it to [`SessionsBuilder::ended`](crate::SessionsBuilder::ended), which then refuses what ended.
/// `docs/ending-sessions.md` says which way is for which need.
///
/// ```
/// use sealed_session::EndedSessions;
/// use time::Duration;
///
/// let ended = EndedSessions::new("shop", Duration::hours(8));
/// ended.end_all_of("user-17")?; // signs out everywhere
/// assert_eq!(ended.status().subjects, 1);
/// # Ok::<(), sealed_session::EndError>(())
/// ```
#[derive(Clone)]
pub struct EndedSessions {
    pub(crate) list: Arc<List>,
}

pub(crate) struct List {
    pub(crate) namespace: String,
    pub(crate) format: EntryFormat,
    /// In seconds. Only grows.
    keep: AtomicU32,
    max_entries: AtomicUsize,
    /// In milliseconds since 1970. Only grows.
    everyone: AtomicU64,
    /// How many cuts were learned.
    sequence: AtomicU64,
    /// At least the greatest number in the list.
    pub(crate) greatest_cut: AtomicU32,
    ids: AtomicUsize,
    shards: Vec<RwLock<Shard>>,
    writer: Mutex<Writer>,
}

pub(crate) struct Shard {
    pub(crate) ids: HashMap<Key, IdValue, KeyHash>,
    pub(crate) cuts: HashMap<Key, PackedCut, KeyHash>,
    pub(crate) counts: HashMap<Key, CountValue, KeyHash>,
}

/// What only those who change the list see.
#[derive(Default)]
pub(crate) struct Writer {
    /// What was told to every server, unlike what this one raised for what it forgot.
    pub(crate) shared_everyone: Timestamp,
    pub(crate) everyone_unsent: bool,
    pub(crate) cuts: usize,
    pub(crate) counts: usize,
    pub(crate) evicted: u64,
    pub(crate) outbox: Outbox,
    pub(crate) aside: Aside,
    pub(crate) sweep: Sweep,
    pub(crate) full_told: OncePerMinute,
    pub(crate) future_told: OncePerMinute,
    pub(crate) ran_out_told: OncePerMinute,
    pub(crate) fed: bool,
    /// Whether an end without a feed was told.
    pub(crate) unfed_told: bool,
    /// Called after an end here, so that the feed need not look all the time.
    pub(crate) wake: Option<Wake>,
}

pub(crate) type Wake = Arc<dyn Fn() + Send + Sync>;

/// What an operator may want to know of a list of ended sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndedStatus {
    /// Ended ids in the list.
    pub ids: usize,
    /// Subjects with a cut.
    pub subjects: usize,
    /// Subjects whose ended ids are counted.
    pub counters: usize,
    /// Entries that no feed has yet.
    pub unsent: usize,
    /// Entries that lie too far ahead of this server's clock and are judged again.
    pub set_aside: usize,
    /// Ids and subjects that had to leave for room since the start. Raise `with_max_entries` if it
    /// grows. (Counters that left are not in it, because nothing ended by them.)
    pub evicted: u64,
    /// Sessions created before this time are refused on this server.
    pub everyone: Option<OffsetDateTime>,
}

impl EndedSessions {
    /// Makes an empty list. `namespace` names the application, the same on every server that shares
    /// a feed; an end is kept for `keep`, which must be at least the longest absolute timeout of the
    /// sessions. Fractions of a second are rounded up.
    pub fn new(namespace: impl Into<String>, keep: Duration) -> EndedSessions {
        let namespace = namespace.into();
        let hash = KeyHash::new();
        let shard = || Shard {
            ids: HashMap::with_hasher(hash.clone()),
            cuts: HashMap::with_hasher(hash.clone()),
            counts: HashMap::with_hasher(hash.clone()),
        };
        EndedSessions {
            list: Arc::new(List {
                format: EntryFormat::new(&namespace),
                namespace,
                keep: AtomicU32::new(seconds(keep)),
                max_entries: AtomicUsize::new(DEFAULT_MAX_ENTRIES),
                everyone: AtomicU64::new(0),
                sequence: AtomicU64::new(0),
                greatest_cut: AtomicU32::new(0),
                ids: AtomicUsize::new(0),
                shards: (0..SHARDS).map(|_| RwLock::new(shard())).collect(),
                writer: Mutex::new(Writer::default()),
            }),
        }
    }

    /// Sets how many entries there may be, counters included; 4 million by default, about 400 MB.
    /// For more than that the oldest leave, and every session as old as them is refused. Counts for
    /// all clones.
    #[must_use]
    pub fn with_max_entries(self, max_entries: usize) -> EndedSessions {
        self.list.max_entries.store(max_entries.max(1), Relaxed);
        self
    }

    /// Returns the application's name that [`new`](EndedSessions::new) was given.
    pub fn namespace(&self) -> &str {
        &self.list.namespace
    }

    /// Returns how long an end is kept after the creation of its session: what
    /// [`new`](EndedSessions::new) was given, or the longer time that a feed has told.
    pub fn keep(&self) -> Duration {
        Duration::seconds(i64::from(self.list.keep.load(Relaxed)))
    }

    /// Raises how long an end is kept; a shorter time changes nothing. This is for feeds: an
    /// application gives its time to [`new`](EndedSessions::new).
    pub fn raise_keep(&self, keep: Duration) {
        self.list.raise_keep_seconds(seconds(keep));
    }

    /// Returns how many entries there may be.
    pub fn max_entries(&self) -> usize {
        self.list.max_entries.load(Relaxed)
    }

    /// Returns how many entries there are: ids, subjects with a cut, and counters.
    pub fn len(&self) -> usize {
        let status = self.status();
        status.ids + status.subjects + status.counters
    }

    /// Returns whether nothing is listed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the numbers that tell how the list is doing.
    pub fn status(&self) -> EndedStatus {
        let everyone = self.list.everyone();
        let writer = self.list.writer();
        EndedStatus {
            ids: self.list.ids(),
            subjects: writer.cuts,
            counters: writer.counts,
            unsent: writer.unsent(),
            set_aside: writer.aside.len(),
            evicted: writer.evicted,
            everyone: (everyone.millis() > 0).then(|| everyone.to_time()),
        }
    }
}

fn seconds(keep: Duration) -> u32 {
    let part = i64::from(keep.subsec_nanoseconds() > 0);
    let seconds = keep.whole_seconds().saturating_add(part);
    u32::try_from(seconds.max(0)).unwrap_or(u32::MAX)
}

impl Writer {
    pub(crate) fn unsent(&self) -> usize {
        self.outbox.len() + usize::from(self.everyone_unsent)
    }
}

/// A lock whose holder panicked is taken all the same: between two steps of a change the list says
/// at worst that more has ended, or that more is to be sent.
impl List {
    pub(crate) fn shard(&self, shard: usize) -> RwLockReadGuard<'_, Shard> {
        self.shards[shard].read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn shard_mut(&self, shard: usize) -> RwLockWriteGuard<'_, Shard> {
        self.shards[shard].write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn everyone(&self) -> Timestamp {
        Timestamp::from_millis(self.everyone.load(Relaxed))
    }

    /// Raises the time before which no session counts here.
    pub(crate) fn raise_everyone(&self, before: Timestamp) {
        self.everyone.fetch_max(before.millis(), Relaxed);
    }

    pub(crate) fn sequence(&self) -> u64 {
        self.sequence.load(Ordering::Acquire)
    }

    /// The next sequence number counts only when its cut can be found: a reader of the number
    /// before has not seen the cut, and is told so.
    pub(crate) fn set_sequence(&self, sequence: u64) {
        self.sequence.store(sequence, Ordering::Release);
    }

    pub(crate) fn ids(&self) -> usize {
        self.ids.load(Relaxed)
    }

    pub(crate) fn set_ids(&self, ids: usize) {
        self.ids.store(ids, Relaxed);
    }

    pub(crate) fn max_entries(&self) -> usize {
        self.max_entries.load(Relaxed)
    }

    pub(crate) fn unsent(&self) -> usize {
        self.writer().unsent()
    }

    /// How many ids and cuts there are.
    pub(crate) fn facts(&self) -> usize {
        self.ids() + self.writer().cuts
    }

    /// For how many milliseconds an end is kept, with the day that clocks may be apart.
    pub(crate) fn keep_and_a_day(&self) -> u64 {
        self.keep_millis() + DAY
    }

    pub(crate) fn raise_keep_seconds(&self, seconds: u32) {
        self.keep.fetch_max(seconds, Relaxed);
    }

    pub(crate) fn keep_seconds(&self) -> u32 {
        self.keep.load(Relaxed)
    }

    pub(crate) fn keep_millis(&self) -> u64 {
        u64::from(self.keep.load(Relaxed)) * 1000
    }

    pub(crate) fn cut(&self, place: Place) -> Option<CutValue> {
        self.shard(usize::from(place.shard)).cuts.get(&place.key).copied().map(CutValue::from)
    }
}

/// Counts only: an id or a hash is nobody's business here.
impl fmt::Debug for EndedSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndedSessions")
            .field("namespace", &self.list.namespace)
            .field("keep", &self.keep())
            .field("max_entries", &self.max_entries())
            .field("status", &self.status())
            .finish()
    }
}
