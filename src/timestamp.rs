//! A moment, as the wire has it: milliseconds since the Unix epoch.
//!
//! `time::OffsetDateTime` is what users give and get. Inside, a moment is one number whose sums
//! cannot overflow: it begins with at most 48 bits, and what is added to it has 32 bits of seconds.

use std::time::{SystemTime, UNIX_EPOCH};
use time::{OffsetDateTime, PrimitiveDateTime};
use uuid::{Uuid, Variant};

/// Milliseconds since the Unix epoch, never negative.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Timestamp(i64);

impl Timestamp {
    /// Far enough for a UUIDv7, whose time has 48 bits.
    const LAST: i64 = (1 << 48) - 1;

    pub(crate) fn now() -> Timestamp {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
    }

    /// A time before 1970 counts as 1970, one past the year 10,000 as that.
    pub(crate) fn from_time(time: OffsetDateTime) -> Timestamp {
        let ms = time.unix_timestamp() * 1000 + i64::from(time.millisecond());
        Timestamp(ms.clamp(0, Self::LAST))
    }

    pub(crate) fn from_millis(ms: u64) -> Timestamp {
        Timestamp(i64::try_from(ms).unwrap_or(i64::MAX).min(Self::LAST))
    }

    pub(crate) fn millis(self) -> u64 {
        self.0 as u64
    }

    /// From the 48 bits that a UUIDv7 and an entry of ended sessions have for it.
    pub(crate) fn from_six_bytes([a, b, c, d, e, f]: [u8; 6]) -> Timestamp {
        Timestamp(i64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }

    pub(crate) fn to_six_bytes(self) -> [u8; 6] {
        let [_, _, bytes @ ..] = self.0.to_be_bytes();
        bytes
    }

    /// Returns when a session of this id was created, which is in a UUIDv7 (RFC 9562 §5.7); `None` for any
    /// other UUID.
    #[inline]
    pub(crate) fn of_id(id: Uuid) -> Option<Timestamp> {
        if id.get_version_num() != 7 || id.get_variant() != Variant::RFC4122 {
            return None;
        }
        let [a, b, c, d, e, f, ..] = id.into_bytes();
        Some(Timestamp::from_six_bytes([a, b, c, d, e, f]))
    }

    /// As a date. Past the year 9999, which `time` cannot say, the last instant of that year.
    pub(crate) fn to_time(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .unwrap_or(PrimitiveDateTime::MAX.assume_utc())
    }

    pub(crate) fn plus_seconds(self, seconds: u32) -> Timestamp {
        Timestamp(self.0 + i64::from(seconds) * 1000)
    }

    /// Whole seconds from `earlier` to here, 0 if it is later.
    pub(crate) fn seconds_since(self, earlier: Timestamp) -> u32 {
        u32::try_from((self.0 - earlier.0).max(0) / 1000).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn milliseconds_come_back() {
        let time = datetime!(2026-11-21 09:30:15.123 UTC);
        assert_eq!(Timestamp::from_time(time).to_time(), time);
    }

    #[test]
    fn a_time_before_1970_counts_as_1970() {
        assert_eq!(Timestamp::from_time(datetime!(1969-12-31 23:59 UTC)).millis(), 0);
        assert_eq!(Timestamp::from_time(PrimitiveDateTime::MIN.assume_utc()).millis(), 0);
    }

    #[test]
    fn more_milliseconds_than_an_id_holds_are_cut() {
        assert_eq!(Timestamp::from_millis(u64::MAX), Timestamp::from_millis((1 << 48) - 1));
    }

    #[test]
    fn six_bytes_hold_every_time() {
        let some = (Timestamp::from_millis(0x0102_0304_0506), [1, 2, 3, 4, 5, 6]);
        let last = (Timestamp::from_millis(u64::MAX), [0xff; 6]);
        for (time, bytes) in [some, last] {
            assert_eq!(time.to_six_bytes(), bytes);
            assert_eq!(Timestamp::from_six_bytes(bytes), time);
        }
    }

    #[test]
    fn now_is_the_systems_clock_to_the_hour() {
        let (a, b) = (Timestamp::from_time(OffsetDateTime::now_utc()), Timestamp::now());
        assert!(a.seconds_since(b).max(b.seconds_since(a)) < 3600);
    }

    #[test]
    fn the_largest_time_of_an_id_is_shown_as_the_last_of_the_calendar() {
        let last = Timestamp::from_millis(u64::MAX >> 16);
        assert_eq!(last.to_time(), PrimitiveDateTime::MAX.assume_utc());
    }
}
