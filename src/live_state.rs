//! Which keys and which cuts count now? What changes while a `Sessions` serves.

use crate::ended::list::EndedSessions;
use crate::keys::id::KeyId;
use crate::keys::ring::KeyRing;
use crate::rules::reason::Reason;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::telemetry::Warnings;
use crate::timestamp::Timestamp;
use arc_swap::{ArcSwap, Guard};
use std::sync::Arc;
use uuid::Uuid;

/// Above the 32 bits of a key's id.
const IS_SET: u64 = 1 << 32;

/// What all clones of a `Sessions` share and may change at any time, without a lock on the path of
/// a request.
pub(crate) struct LiveState {
    ring: ArcSwap<KeyRing>,
    /// Milliseconds since the Unix epoch.
    reject_created_before: AtomicU64,
    /// The sessions that ended before their deadlines, if they are remembered.
    ended: Option<EndedSessions>,
    /// The last key that a cookie named and the ring does not have, behind a bit that says that there
    /// is one: perhaps the key file has it by now.
    unknown_key: AtomicU64,
    /// Which warnings were given lately.
    pub(crate) warnings: Warnings,
}

impl LiveState {
    pub(crate) fn new(ring: KeyRing, ended: Option<EndedSessions>) -> LiveState {
        LiveState {
            reject_created_before: AtomicU64::new(ring.reject_created_before_millis()),
            ring: ArcSwap::from_pointee(ring),
            ended,
            unknown_key: AtomicU64::new(0),
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
    pub(crate) fn note_unknown_key(&self, id: KeyId) {
        let mark = IS_SET | u64::from(u32::from_be_bytes(id.to_bytes()));
        self.unknown_key.store(mark, Ordering::Relaxed);
    }

    /// Returns the key of the last mark that was left since this was last asked.
    #[cfg(feature = "key-file")]
    pub(crate) fn take_unknown_key(&self) -> Option<KeyId> {
        let mark = self.unknown_key.swap(0, Ordering::Relaxed);
        (mark & IS_SET != 0).then(|| KeyId::from_bytes((mark as u32).to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::key::on_test::key;
    use time::{Duration, OffsetDateTime};

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    /// An id that says that its session was created then (UUIDv7).
    fn id(millis: u64) -> Uuid {
        Uuid::from_u128(u128::from(millis) << 80 | 0x7000_8000 << 48)
    }

    #[test]
    fn a_session_created_at_the_cut_counts_and_one_before_it_does_not() {
        let live = LiveState::new(KeyRing::new(key(1)), None);
        assert_eq!(live.end_of(id(0), at(0)), None);
        live.reject_created_before(at(5000));
        assert_eq!(live.end_of(id(4999), at(4999)), Some(Reason::Revoked));
        assert_eq!(live.end_of(id(5000), at(5000)), None);
        live.reject_created_before(at(4000));
        assert_eq!(live.end_of(id(4999), at(4999)), Some(Reason::Revoked), "it moved back");
    }

    #[test]
    fn an_ended_id_does_not_count_and_another_of_that_time_does() {
        let ended = EndedSessions::new("shop", Duration::HOUR);
        let now = OffsetDateTime::UNIX_EPOCH + Duration::SECOND;
        ended.end_at(id(900), now).unwrap();
        let live = LiveState::new(KeyRing::new(key(1)), Some(ended));
        assert_eq!(live.end_of(id(900), at(900)), Some(Reason::Ended));
        assert_eq!(live.end_of(id(901), at(900)), None);
    }

    #[test]
    fn the_time_before_which_everyone_has_ended_is_no_part_of_it() {
        let ended = EndedSessions::new("shop", Duration::HOUR);
        ended.list.raise_everyone(at(1000));
        let live = LiveState::new(KeyRing::new(key(1)), Some(ended));
        assert_eq!(live.end_of(id(999), at(999)), Some(Reason::Ended));
        assert_eq!(live.end_of(id(1000), at(1000)), None);
    }

    #[test]
    fn another_ring_is_in_use_at_once() {
        let live = LiveState::new(KeyRing::new(key(1)), None);
        live.set_ring(KeyRing::new(key(2)));
        assert_eq!(live.ring().sealing(at(0)).map(|(id, _)| id), Some(key(2).id()));
    }

    #[cfg(feature = "key-file")]
    #[test]
    fn an_unknown_key_is_told_once_even_if_its_id_is_zero() {
        let live = LiveState::new(KeyRing::new(key(1)), None);
        assert_eq!(live.take_unknown_key(), None);
        for id in [[0; 4], [0xff; 4], [1, 2, 3, 4]].map(KeyId::from_bytes) {
            live.note_unknown_key(id);
            assert_eq!(live.take_unknown_key(), Some(id));
            assert_eq!(live.take_unknown_key(), None);
        }
    }
}
