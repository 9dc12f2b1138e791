//! What the tests of key files share: fixed keys, a fixed time, the file of the documentation.

use sealed_session::Key;
use sealed_session::key_file::tools::{Fleet, KeySchedule, Rotation};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

/// No test reads a clock.
pub(crate) const NOW: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);

pub(crate) fn key(seed: u8) -> Key {
    Key::from_bytes(std::array::from_fn(|i| seed ^ (i as u8).wrapping_mul(37))).unwrap()
}

pub(crate) fn secret(seed: u8) -> String {
    key(seed).to_text().to_string()
}

/// The rotation that makes [`rotated`].
pub(crate) const ROTATION: Rotation = Rotation {
    after: Duration::minutes(3),
    propagation: Duration::minutes(2),
    skew: Duration::seconds(30),
    max_session: Duration::minutes(30),
};

/// A fleet whose servers know everything at once.
pub(crate) const AT_ONCE: Fleet = Fleet { propagation: Duration::ZERO, skew: Duration::ZERO };

/// Key 1 alone, sealing since [`NOW`].
pub(crate) fn one_key() -> KeySchedule {
    KeySchedule::new(key(1), NOW).unwrap()
}

/// Key 2 published, to take over from key 1.
pub(crate) fn rotated() -> KeySchedule {
    let mut schedule = one_key();
    schedule.rotate(key(2), &ROTATION, NOW).unwrap();
    schedule
}

/// Keys 1 and 2, as somebody would write them by hand: line 5 has the first secret, line 11 the
/// second.
pub(crate) fn two_keys() -> String {
    format!(
        "generation = 7\n\
         reject_created_before = 2026-11-01T00:00:00Z   # optional, never moves back\n\
         \n\
         [[key]]\n\
         secret = \"{}\"\n\
         seal_from = 2026-10-21T00:00:00Z\n\
         open_until = 2026-11-21T09:00:00Z\n\
         revoked = false\n\
         \n\
         [[key]]\n\
         secret = \"{}\"\n\
         seal_from = 2026-11-21T00:00:00Z\n",
        secret(1),
        secret(2)
    )
}

pub(crate) fn parse(text: &str) -> KeySchedule {
    KeySchedule::parse(text.as_bytes()).unwrap()
}

pub(crate) fn refusal(text: &str) -> String {
    let error = KeySchedule::parse(text.as_bytes()).unwrap_err();
    let message = error.to_string();
    let shown = format!("{message} {error:?}");
    for seed in 0..10 {
        let secret = secret(seed);
        assert!(!shown.contains(&secret[5..17]), "a secret in {shown}");
    }
    message
}
