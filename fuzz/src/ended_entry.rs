//! Entries of ended sessions, read and merged by `docs/format.md`.

use super::NOW;
use super::second::entry_check;
use sealed_session::{Applied, ApplyError, EndedSessions};
use std::collections::{BTreeMap, BTreeSet};
use time::{Duration, OffsetDateTime};

pub(super) const NAMESPACE: &str = "shop";
pub(super) const KEEP: Duration = Duration::hours(8);
const DAY: u64 = 86_400_000;
pub(super) const NO_SUBJECT: [u8; 16] = [0; 16];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fact {
    Id { id: [u8; 16], subject: [u8; 16], cut: u32 },
    Cut { subject: [u8; 16], number: u32, time: u64 },
    Everyone { before: u64 },
    Keep { seconds: u32, before: u64 },
}

fn now() -> u64 {
    NOW.unix_timestamp() as u64 * 1000
}

fn keep() -> u64 {
    KEEP.whole_seconds() as u64 * 1000
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn created(id: &[u8; 16]) -> u64 {
    number(&id[..6])
}

pub(super) fn check(said: &[u8]) -> [u8; 4] {
    entry_check(NAMESPACE, said)
}

/// What an entry says.
pub(super) fn read(bytes: &[u8]) -> Result<Fact, ApplyError> {
    if let Some(version @ 2..=15) = bytes.first() {
        return Err(ApplyError::UnknownVersion(*version));
    }
    let (said, sum) = bytes.split_last_chunk::<4>().ok_or(ApplyError::NotAnEntry)?;
    if check(said) != *sum {
        return Err(ApplyError::NotAnEntry);
    }
    let sixteen = |at: usize| -> [u8; 16] { said[at..at + 16].try_into().unwrap() };
    match said {
        [1, 1, body @ ..] if body.len() == 36 => {
            let (id, cut) = (sixteen(2), number(&body[32..]) as u32);
            let is_of_ours = id[6] >> 4 == 7 && id[8] >> 6 == 2;
            is_of_ours
                .then_some(Fact::Id { id, subject: sixteen(18), cut })
                .ok_or(ApplyError::NotAnEntry)
        }
        [1, 2, body @ ..] if body.len() == 26 => {
            let (subject, count) = (sixteen(2), number(&body[16..20]) as u32);
            if count > 0xff00_0000 {
                return Err(ApplyError::NumberTooLarge(count));
            }
            let is_one = subject != NO_SUBJECT && count >= 2;
            let fact = Fact::Cut { subject, number: count, time: number(&body[20..]) };
            is_one.then_some(fact).ok_or(ApplyError::NotAnEntry)
        }
        [1, 3, body @ ..] if body.len() == 6 => Ok(Fact::Everyone { before: number(body) }),
        [1, 4, body @ ..] if body.len() == 10 => {
            Ok(Fact::Keep { seconds: number(&body[..4]) as u32, before: number(&body[4..]) })
        }
        _ => Err(ApplyError::NotAnEntry),
    }
}

/// When a fact stops to matter.
fn until(fact: Fact) -> u64 {
    let from = match fact {
        Fact::Id { id, .. } => created(&id),
        Fact::Cut { number, time, .. } => time.max(u64::from(number) * 1000),
        Fact::Everyone { .. } | Fact::Keep { .. } => return u64::MAX,
    };
    from + keep() + DAY
}

fn is_ahead(fact: Fact) -> bool {
    match fact {
        Fact::Id { id, .. } => created(&id) > now() + DAY,
        Fact::Cut { .. } => false,
        Fact::Everyone { before } | Fact::Keep { before, .. } => before > now() + 60_000,
    }
}

/// What a list that knows nothing does with a fact.
fn expected(fact: Fact) -> Applied {
    match fact {
        Fact::Keep { seconds, .. } if u64::from(seconds) * 1000 > keep() => Applied::New,
        _ if is_ahead(fact) => Applied::SetAside,
        _ if until(fact) <= now() => Applied::Known,
        Fact::Everyone { before: 0 } | Fact::Keep { before: 0, .. } => Applied::Known,
        _ => Applied::New,
    }
}

/// Pieces, each behind a byte: how long it is (the lower six bits), and whether its check is to be put
/// right (the seventh bit).
pub fn ended_entry(bytes: &[u8]) -> &'static str {
    let mut rest = bytes;
    let mut facts = Vec::new();
    let mut entries = Vec::new();
    let mut outcome = "nothing";
    while let Some((head, behind)) = rest.split_first().filter(|_| entries.len() < 64) {
        let len = usize::from(head & 0x3f).min(behind.len());
        let (piece, behind) = behind.split_at(len);
        rest = behind;
        let mut entry = piece.to_vec();
        if head & 0x40 != 0 {
            entry.extend(check(piece));
        }
        let read = read(&entry);
        let alone = list();
        let applied = alone.apply_at(&entry, NOW);
        match (applied, read) {
            // What else is wrong with an entry of too great a number may be told, or the number.
            (Err(ApplyError::NumberTooLarge(_)), Err(ApplyError::NotAnEntry)) => {}
            _ => assert_eq!(applied, read.map(expected), "{read:?}"),
        }
        let again = alone.apply_at(&entry, NOW);
        assert_ne!(again, Ok(Applied::New), "it was told already: {read:?}");
        outcome = match applied {
            Err(ApplyError::NotAnEntry) => "no_entry",
            Err(ApplyError::UnknownVersion(_)) => "unknown_version",
            Err(ApplyError::NumberTooLarge(_)) => "number_too_large",
            Err(other) => panic!("{other}"),
            Ok(Applied::New) => "new",
            Ok(Applied::Known) => "known",
            Ok(Applied::SetAside) => "set_aside",
            Ok(other) => panic!("{other:?}"),
        };
        facts.extend(read);
        entries.push(entry);
    }
    assert_merges(&facts, &entries);
    outcome
}

pub(super) fn list() -> EndedSessions {
    EndedSessions::new(NAMESPACE, KEEP)
}

/// Whether one of the facts has ends kept for longer. Then it matters if an old fact came before or
/// after.
pub(super) fn raise_keep(facts: &[Fact]) -> bool {
    let raises = |fact: &Fact| matches!(fact, Fact::Keep { seconds, .. } if u64::from(*seconds) * 1000 > keep());
    facts.iter().any(raises)
}

/// Order and repetition do not matter.
fn assert_merges(facts: &[Fact], entries: &[Vec<u8>]) {
    if raise_keep(facts) {
        return;
    }
    let (one, other) = (list(), list());
    for entry in entries {
        let _ = one.apply_at(entry, NOW);
    }
    for entry in entries.iter().rev().chain(entries) {
        let _ = other.apply_at(entry, NOW);
    }
    assert_knows(&one, facts);
    assert_knows(&other, facts);
}

/// Whether a list knows exactly what these facts say.
pub(super) fn assert_knows(list: &EndedSessions, facts: &[Fact]) {
    let status = list.status();
    assert_eq!(status.evicted, 0);
    let everyone = facts.iter().filter_map(|fact| everyone_of(*fact)).max().unwrap_or(0);
    assert_eq!(status.everyone.map_or(0, millis), everyone);
    let ahead: BTreeSet<Fact> =
        facts.iter().filter(|fact| is_ahead(**fact)).map(|fact| without_keep(*fact)).collect();
    assert_eq!(status.set_aside, ahead.len());

    let crowded = crowded(facts);
    let expected = merged(facts, everyone, &crowded);
    list.mark_all_unsent();
    let told: Vec<Fact> = list
        .unsent(usize::MAX)
        .entries()
        .map(|entry| read(entry.as_ref()).expect("it is written"))
        .collect();
    assert_eq!(merged(&told, everyone, &crowded), expected);
}

/// What is set aside of a length is its time.
fn without_keep(fact: Fact) -> Fact {
    match fact {
        Fact::Keep { before, .. } => Fact::Everyone { before },
        other => other,
    }
}

fn millis(time: OffsetDateTime) -> u64 {
    (time.unix_timestamp_nanos() / 1_000_000) as u64
}

/// The time before which a fact ends every session: also one that has left stands for that.
fn everyone_of(fact: Fact) -> Option<u64> {
    match fact {
        Fact::Everyone { before } | Fact::Keep { before, .. } => {
            Some(before).filter(|_| !is_ahead(fact))
        }
        Fact::Id { id, .. } => (until(fact) <= now()).then_some(created(&id) + 1),
        Fact::Cut { time, .. } => (until(fact) <= now()).then_some(time.min(now()) + 1),
    }
}

/// The facts as one: the ended ids that nothing else ends, and the cuts.
type Merged = (BTreeMap<[u8; 16], u32>, BTreeMap<[u8; 16], (u32, u64)>);

fn merged(facts: &[Fact], everyone: u64, crowded: &BTreeSet<[u8; 16]>) -> Merged {
    let mut ids: BTreeMap<[u8; 16], u32> = BTreeMap::new();
    let mut cuts: BTreeMap<[u8; 16], (u32, u64)> = BTreeMap::new();
    for fact in facts.iter().filter(|fact| until(**fact) > now() && !is_ahead(**fact)) {
        match *fact {
            Fact::Id { id, cut, .. } => {
                let greatest = ids.entry(id).or_default();
                *greatest = cut.max(*greatest);
            }
            Fact::Cut { subject, number, time } => {
                let greatest = cuts.entry(subject).or_default();
                *greatest = (number, time.min(LATEST_CUT)).max(*greatest);
            }
            Fact::Everyone { .. } | Fact::Keep { .. } => {}
        }
    }
    ids.retain(|id, _| created(id) >= everyone && !crowded.contains(id));
    (ids, cuts)
}

/// The ids of subjects that have ended so many that a cut lets them go: whether it came before or after
/// them is a matter of order.
fn crowded(facts: &[Fact]) -> BTreeSet<[u8; 16]> {
    let mut ids: BTreeMap<[u8; 16], BTreeSet<[u8; 16]>> = BTreeMap::new();
    for fact in facts {
        if let Fact::Id { id, subject, .. } = *fact {
            ids.entry(subject).or_default().insert(id);
        }
    }
    ids.into_values().filter(|ids| ids.len() >= MOST_OF_A_USER).flatten().collect()
}

/// So many ids of a user are listed; the next one ends all sessions of that user.
pub(super) const MOST_OF_A_USER: usize = 64;

/// A cut that was made later counts as made then: in the year 2527.
const LATEST_CUT: u64 = (1 << 44) - 1;
