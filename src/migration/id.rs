//! Which session is an old cookie? The id of a session that had none.

use crate::timestamp::Timestamp;
use uuid::Uuid;

/// The id of the session that an old cookie with this fingerprint is: a UUIDv7 (RFC 9562 §5.7) of
/// the time `since`, with the first 74 bits of the fingerprint in place of random ones.
///
/// So a visitor who sends the cookie again, or twice at once, has one session, and that can be ended.
pub(crate) fn id(since: Timestamp, fingerprint: &[u8; 32]) -> Uuid {
    let (first, _) = fingerprint.split_first_chunk().expect("32 bytes begin with 16");
    let bits = u128::from_be_bytes(*first) >> (128 - 74);
    let (rand_a, rand_b) = (bits >> 62, bits & ((1 << 62) - 1));
    let time = u128::from(since.millis());
    Uuid::from_u128(time << 80 | 7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};
    use uuid::Variant;

    fn since() -> Timestamp {
        Timestamp::from_millis(1_795_262_400_123)
    }

    /// Computed once with Python's hashlib and uuid. Never regenerate.
    #[test]
    fn golden_id() {
        let fingerprint = Sha256::digest(b"an old cookie").into();
        assert_eq!(id(since(), &fingerprint).to_string(), GOLDEN);
    }
    const GOLDEN: &str = "01a1fdfa-467b-7c5a-ada0-f635ae2e7b86";

    #[test]
    fn it_is_a_uuidv7_that_tells_its_time() {
        for byte in [0, 0xff] {
            let id = id(since(), &[byte; 32]);
            assert_eq!((id.get_version_num(), id.get_variant()), (7, Variant::RFC4122));
            assert_eq!(Timestamp::of_id(id), Some(since()));
        }
    }

    #[test]
    fn the_first_74_bits_of_the_fingerprint_count_and_no_others() {
        let zero = id(since(), &[0; 32]);
        for bit in 0..256 {
            let mut fingerprint = [0_u8; 32];
            fingerprint[bit / 8] = 0x80 >> (bit % 8);
            let differing = (id(since(), &fingerprint).as_u128() ^ zero.as_u128()).count_ones();
            assert_eq!(differing, u32::from(bit < 74), "bit {bit}");
        }
    }
}
