//! Which keys and which cuts count now? What changes while a `Sessions` serves.

use crate::ended::list::EndedSessions;
use crate::keys::ring::KeyRing;
use crate::rules::reason::Reason;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::telemetry::Warnings;
use crate::timestamp::Timestamp;
use arc_swap::{ArcSwap, Guard};
use std::sync::Arc;
use uuid::Uuid;

/// What all clones of a `Sessions` share and may change at any time, without a lock on the path of
/// a request.
pub(crate) struct LiveState {
    ring: ArcSwap<KeyRing>,
    /// Milliseconds since the Unix epoch.
    reject_created_before: AtomicU64,
    /// The sessions that ended before their deadlines, if they are remembered.
    ended: Option<EndedSessions>,
    /// A cookie named a key that the ring does not have: perhaps the key file has it by now.
    unknown_key_met: AtomicBool,
    /// Which warnings were given lately.
    pub(crate) warnings: Warnings,
}

impl LiveState {
    pub(crate) fn new(ring: KeyRing, ended: Option<EndedSessions>) -> LiveState {
        LiveState {
            reject_created_before: AtomicU64::new(ring.reject_created_before_millis()),
            ring: ArcSwap::from_pointee(ring),
            ended,
            unknown_key_met: AtomicBool::new(false),
            warnings: Warnings::default(),
        }
    }

    /// Returns the ring in use, for as long as one request takes.
    #[inline]
    pub(crate) fn ring(&self) -> Guard<Arc<KeyRing>> {
        self.ring.load()
    }

    /// Puts another ring into use, with the time before which its sessions do not count.
    pub(crate) fn set_ring(&self, ring: KeyRing) {
        let time = ring.reject_created_before_millis();
        // The time first: the swap of the ring orders the two, so nobody opens under the new keys what the
        // time that came with them ends.
        self.reject_created_before.fetch_max(time, Ordering::Relaxed);
        self.ring.store(Arc::new(ring));
    }

    /// Refuses sessions created before `time`. It never moves back.
    pub(crate) fn reject_created_before(&self, time: Timestamp) {
        self.reject_created_before.fetch_max(time.millis(), Ordering::Relaxed);
    }

    /// Returns why a session with this id, created then, does not count any more: row 10 of
    /// `docs/format.md`.
    pub(crate) fn end_of(&self, id: Uuid, created: Timestamp) -> Option<Reason> {
        if created.millis() < self.reject_created_before.load(Ordering::Relaxed) {
            return Some(Reason::Revoked);
        }
        let ended = self.ended.as_ref()?;
        (created < ended.everyone() || ended.is_ended(id)).then_some(Reason::Ended)
    }

    /// Leaves a mark for the thread that reads the key file.
    pub(crate) fn note_unknown_key(&self) {
        self.unknown_key_met.store(true, Ordering::Relaxed);
    }

    /// Returns whether the mark was left since this was last asked.
    #[cfg(feature = "key-file")]
    pub(crate) fn take_unknown_key_met(&self) -> bool {
        self.unknown_key_met.swap(false, Ordering::Relaxed)
    }
}
