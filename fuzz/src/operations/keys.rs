//! The keys of one server: "Rings" in `docs/format.md`.

use super::time;
use sealed_session::{DatedKey, Key, KeyRing};

pub(super) fn key_bytes(number: u8) -> [u8; 32] {
    std::array::from_fn(|place| number.wrapping_mul(41) ^ (place as u8).wrapping_mul(7))
}

fn key(number: u8) -> Key {
    Key::from_bytes(key_bytes(number)).unwrap()
}

#[derive(Clone)]
pub(super) enum Ring {
    /// The first seals, all open.
    Undated(Vec<u8>),
    /// Number, seals from, opens until, revoked; the oldest first.
    Dated(Vec<(u8, i64, Option<i64>, bool)>),
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Opens {
    Now,
    NoLonger,
    Unknown,
}

impl Ring {
    pub(super) fn build(&self) -> KeyRing {
        match self {
            Ring::Undated(keys) => {
                let retired = keys[1..].iter();
                retired.fold(KeyRing::new(key(keys[0])), |ring, old| {
                    ring.with_retired(key(*old)).unwrap()
                })
            }
            Ring::Dated(keys) => {
                KeyRing::schedule(keys.iter().map(|(number, from, until, revoked)| {
                    let dated = DatedKey::new(key(*number), time(*from));
                    let dated = until
                        .iter()
                        .fold(dated, |dated, until| dated.with_open_until(time(*until)));
                    if *revoked { dated.with_revoked() } else { dated }
                }))
                .unwrap()
            }
        }
    }

    pub(super) fn opens(&self, number: u8, now: i64) -> Opens {
        match self {
            Ring::Undated(keys) if keys.contains(&number) => Opens::Now,
            Ring::Undated(_) => Opens::Unknown,
            Ring::Dated(keys) => match keys.iter().find(|key| key.0 == number) {
                None => Opens::Unknown,
                Some((_, _, until, revoked))
                    if *revoked || until.is_some_and(|until| until <= now) =>
                {
                    Opens::NoLonger
                }
                Some(_) => Opens::Now,
            },
        }
    }

    pub(super) fn seals(&self, now: i64) -> Option<u8> {
        match self {
            Ring::Undated(keys) => Some(keys[0]),
            Ring::Dated(keys) => {
                let mut ready =
                    keys.iter().filter(|key| key.1 <= now && self.opens(key.0, now) == Opens::Now);
                ready.next_back().map(|key| key.0)
            }
        }
    }

    pub(super) fn newest(&self) -> u8 {
        match self {
            Ring::Undated(keys) => keys[0],
            Ring::Dated(keys) => keys.iter().rfind(|key| !key.3).expect("not all are revoked").0,
        }
    }

    pub(super) fn all(&self) -> Vec<u8> {
        match self {
            Ring::Undated(keys) => keys.clone(),
            Ring::Dated(keys) => keys.iter().rev().map(|key| key.0).collect(),
        }
    }
}
