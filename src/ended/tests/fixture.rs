//! Times, ids and servers for the tests.

use crate::ended::list::EndedSessions;
use crate::ended::number::NO_CUT;
use crate::ended::request::Seen;
use crate::ended::subject::Subject;
use crate::timestamp::Timestamp;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

pub(super) const SECOND: u64 = 1000;
pub(super) const HOUR: u64 = 3600 * SECOND;
pub(super) const DAY: u64 = 24 * HOUR;
/// 2026-11-21 12:00 UTC.
pub(super) const NOON: u64 = 1_795_262_400_000;
/// What `list` keeps.
pub(super) const KEEP: u64 = 8 * HOUR;

pub(super) fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(super) fn time(millis: u64) -> OffsetDateTime {
    at(millis).to_time()
}

/// The `n`th id that was made at this time.
pub(super) fn id(created: u64, n: u64) -> Uuid {
    let random = u128::from(n).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
    let id = u128::from(created) << 80 | random & ((1 << 80) - 1);
    let mut bytes = id.to_be_bytes();
    bytes[6] = bytes[6] & 0x0f | 0x70;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    Uuid::from_bytes(bytes)
}

pub(super) fn list() -> EndedSessions {
    EndedSessions::new("shop", Duration::hours(8))
}

/// Carries everything that `from` has to send to the others.
pub(super) fn carry(from: &EndedSessions, to: &[&EndedSessions], now: u64) {
    while from.status().unsent > 0 {
        let unsent = from.unsent(1000);
        for entry in unsent.entries() {
            for other in to {
                other.apply_bytes(entry.as_ref(), at(now)).expect("an entry of this crate");
            }
        }
        from.confirm(&unsent);
    }
}

/// What a session carries that matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Held {
    pub(super) id: Uuid,
    pub(super) subject: Option<Subject>,
    pub(super) cut: u32,
}

impl Held {
    pub(super) fn created(self) -> u64 {
        Timestamp::of_id(self.id).unwrap().millis()
    }
}

/// Signs a subject in: what `save` seals for a new session.
pub(super) fn sign_in(list: &EndedSessions, subject: &str, now: u64, n: u64) -> Held {
    let subject = list.subject(subject);
    let cut = list.cut_seen(subject, &list.seen()).unwrap_or(NO_CUT);
    Held { id: id(now, n), subject: Some(subject), cut }
}

/// What `load` asks.
pub(super) fn is_ended(list: &EndedSessions, held: Held) -> bool {
    at(held.created()) < list.everyone()
        || list.is_ended(held.id)
        || list.greatest_cut() > held.cut
            && held.subject.is_some_and(|subject| list.cut(subject) > held.cut)
}

pub(super) fn destroy(list: &EndedSessions, held: Held, now: u64) {
    list.record(held.id, held.subject, held.cut, &mut list.seen(), at(now));
}

/// `end_others`, from `load` to `save`: what this session is sealed with.
pub(super) fn end_others(
    list: &EndedSessions,
    held: Held,
    seen: &mut Seen,
    now: u64,
) -> Option<Held> {
    let subject = held.subject?;
    let number = list.number_for_others(subject, held.cut, seen, at(now))?;
    list.cut_others(subject, held.cut, number, seen, at(now))
        .then_some(Held { cut: number, ..held })
}
