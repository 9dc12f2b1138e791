//! The sessions that ended before their deadlines, as one server knows them: "Entries of ended
//! sessions" in `docs/format.md`, and `docs/ending-sessions.md`.
//!
//! Ends are kept for so long here that none leaves by its age, and clocks are never a day apart, so
//! that nothing is set aside: both have tests of their own.

use super::super::ended_entry::{Fact, MOST_OF_A_USER, NAMESPACE, NO_SUBJECT, check, read};
use super::cookies::Content;
use super::stamp_millis;
use sealed_session::{Applied, EndError, EndedSessions};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use time::{Duration, OffsetDateTime};

/// Three years.
const KEEP: Duration = Duration::days(1096);

/// Whose session it is: 0 is nobody, and the other digits are three users.
pub(super) fn user_of(digit: u32) -> Option<[u8; 16]> {
    name_of(digit).map(|name| {
        let hash = Sha256::new().chain_update("sealed-session v1 subject");
        let hash = hash.chain_update([0, NAMESPACE.len() as u8]).chain_update(NAMESPACE);
        let hash = hash.chain_update([0, name.len() as u8]).chain_update(name);
        hash.finalize()[..16].try_into().unwrap()
    })
}

pub(super) fn name_of(digit: u32) -> Option<String> {
    (digit != 0).then(|| format!("user-{}", digit % 3))
}

/// All sessions of a user that carry a smaller number ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cut {
    pub(super) number: u32,
    /// Milliseconds since 1970.
    time: u64,
    /// The how manieth cut it was that this server has heard of.
    learned: u64,
    /// Whether an `end_others` on this server has made it.
    by_end_others: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Listed {
    subject: [u8; 16],
    cut: u32,
}

/// What one request knew, and what it has done since.
#[derive(Default)]
pub(super) struct Known {
    learned: u64,
    cuts: Vec<([u8; 16], u32)>,
    ended: Vec<[u8; 16]>,
}

pub(super) struct List {
    pub(super) ended: EndedSessions,
    ids: BTreeMap<[u8; 16], Listed>,
    cuts: BTreeMap<[u8; 16], Cut>,
    counted: BTreeMap<[u8; 16], usize>,
    /// Ids that something else ended as well, so that the library's list may have let them go at any
    /// time, also if it was to list them again.
    loose: BTreeSet<[u8; 16]>,
    /// Sessions created before this ended, in milliseconds since 1970.
    before: u64,
    learned: u64,
}

fn seconds(now: i64) -> u32 {
    (stamp_millis(now) / 1000) as u32
}

fn instant(now: i64) -> OffsetDateTime {
    super::time(now)
}

impl List {
    pub(super) fn new() -> List {
        List {
            ended: EndedSessions::new(NAMESPACE, KEEP),
            ids: BTreeMap::new(),
            cuts: BTreeMap::new(),
            counted: BTreeMap::new(),
            loose: BTreeSet::new(),
            before: 0,
            learned: 0,
        }
    }

    /// What a request that comes now knows.
    pub(super) fn known(&self) -> Known {
        Known { learned: self.learned, ..Known::default() }
    }

    /// Row 10.
    pub(super) fn has_ended(&self, content: &Content) -> bool {
        self.is_too_old(content.created) || self.ids.contains_key(&content.id)
    }

    pub(super) fn is_too_old(&self, created: i64) -> bool {
        (stamp_millis(created) as u64) < self.before
    }

    /// The cut of a user, if there is one.
    pub(super) fn cut(&self, user: Option<[u8; 16]>) -> Option<Cut> {
        self.cuts.get(&user?).copied()
    }

    /// The number of a new cut.
    fn next(&self, user: [u8; 16], own: u32, now: i64) -> u32 {
        let known = self.cut(Some(user)).map_or(1, |cut| cut.number);
        seconds(now).max(known + 1).max(own + 1)
    }

    /// Takes in a fact; whether it says something new.
    fn learn(&mut self, fact: Fact) -> bool {
        match fact {
            Fact::Id { id, subject, cut } => self.learn_id(id, Listed { subject, cut }),
            Fact::Cut { subject, number, time } => self.learn_cut(subject, number, time, false),
            Fact::Everyone { before } => {
                let is_new = before > self.before;
                self.before = before.max(self.before);
                self.loosen(|id, _| created(id) < before);
                is_new
            }
            Fact::Keep { .. } => unreachable!("nobody raises it"),
        }
    }

    fn loosen(&mut self, is_loose: impl Fn(&[u8; 16], Listed) -> bool) {
        let loose = self.ids.iter().filter(|(id, listed)| is_loose(id, **listed));
        self.loose.extend(loose.map(|(id, _)| *id));
    }

    fn learn_id(&mut self, id: [u8; 16], listed: Listed) -> bool {
        if let Some(known) = self.ids.get_mut(&id) {
            let before = *known;
            known.cut = known.cut.max(listed.cut);
            if known.subject != listed.subject {
                known.subject = NO_SUBJECT;
            }
            return *known != before;
        }
        self.ids.insert(id, listed);
        if listed.subject != NO_SUBJECT {
            *self.counted.entry(listed.subject).or_default() += 1;
        }
        true
    }

    fn learn_cut(&mut self, user: [u8; 16], number: u32, time: u64, by_end_others: bool) -> bool {
        match self.cuts.get_mut(&user) {
            Some(known) if number < known.number => false,
            Some(known) if number == known.number => {
                let is_new = time > known.time;
                known.time = time.max(known.time);
                is_new
            }
            _ => {
                self.learned += 1;
                self.cuts.insert(user, Cut { number, time, learned: self.learned, by_end_others });
                if self.counted.get(&user).is_some_and(|count| *count >= MOST_OF_A_USER) {
                    self.counted.remove(&user);
                    self.loosen(|id, listed| {
                        listed.subject == user && listed.cut < number && created(id) <= time
                    });
                }
                true
            }
        }
    }

    /// An administrator ends a session.
    pub(super) fn end(&mut self, id: [u8; 16], now: i64) {
        self.ended.end_at(uuid::Uuid::from_bytes(id), instant(now)).unwrap();
        self.learn(Fact::Id { id, subject: NO_SUBJECT, cut: 0 });
    }

    /// An administrator ends all sessions of a user.
    pub(super) fn end_all_of(&mut self, digit: u32, now: i64) {
        let name = name_of(digit).unwrap_or_default();
        let result = self.ended.end_all_of_at(&name, instant(now));
        let Some(subject) = user_of(digit) else {
            assert_eq!(result, Err(EndError::EmptySubject));
            return;
        };
        result.unwrap();
        let far_ahead = seconds(now) + 30 * 86_400;
        let is_far_ahead = self.cut(Some(subject)).is_some_and(|cut| cut.number > far_ahead);
        let number = self.next(subject, 0, now) + if is_far_ahead { 59 } else { 3600 };
        self.learn(Fact::Cut { subject, number, time: stamp_millis(now) as u64 });
    }

    /// A feed says that every session ended which was created before now.
    pub(super) fn end_everyone(&mut self, now: i64) {
        let before = stamp_millis(now) as u64;
        let said = [&[1, 3][..], &before.to_be_bytes()[2..]].concat();
        let entry = [&said[..], &check(&said)].concat();
        let applied = self.ended.apply_at(&entry, instant(now)).unwrap();
        let is_new = self.learn(Fact::Everyone { before });
        assert_eq!(applied == Applied::New, is_new, "{applied:?}");
    }

    /// A request ends the session of a cookie that it brought: "What it ends".
    pub(super) fn record(
        &mut self,
        content: &Content,
        user: Option<[u8; 16]>,
        known: &mut Known,
        now: i64,
    ) {
        let listed = Listed { subject: user.unwrap_or(NO_SUBJECT), cut: content.cut };
        if self.loose.contains(&content.id) {
            self.compare(); // Has it left? Then it is listed again.
        }
        let is_known = self.ids.contains_key(&content.id) || created(&content.id) < self.before;
        // Without a user, and a stranger's.
        if is_known || user.is_none() && content.cut == 0 {
            return;
        }
        known.ended.push(content.id);
        let count = user.and_then(|user| self.counted.get(&user));
        match user {
            Some(user) if count.is_some_and(|count| *count >= MOST_OF_A_USER) => {
                let number = self.next(user, content.cut, now);
                self.learn_cut(user, number, stamp_millis(now) as u64, false);
                known.cuts.push((user, number));
            }
            _ => {
                self.learn_id(content.id, listed);
            }
        }
    }

    /// Whether a session that came like this has ended by now, and if it has, whether the request that
    /// holds it has done that alone.
    pub(super) fn ended_since(&self, content: &Content, known: &Known) -> Option<bool> {
        let user = user_of(content.digit);
        let cut = self.cut(user).filter(|cut| cut.number > content.cut);
        let made = cut.is_none_or(|cut| known.has_made(user, cut));
        let is_too_old = self.is_too_old(content.created);
        let has_ended = cut.is_some() || self.has_ended(content);
        has_ended.then(|| !is_too_old && made && known.ended.contains(&content.id))
    }

    /// Whether another request has cut this user since.
    pub(super) fn was_cut_by_another(&self, user: Option<[u8; 16]>, known: &Known) -> bool {
        self.cut(user).is_some_and(|cut| cut.learned > known.learned && !known.has_made(user, cut))
    }

    /// The cut with which a session ends the others of its user, which would carry `own` otherwise.
    pub(super) fn cut_of_others(
        &self,
        user: [u8; 16],
        own: u32,
        known: &Known,
        now: i64,
    ) -> Option<u32> {
        let cut = self.cut(Some(user));
        let is_too_soon = cut.is_some_and(|cut| {
            cut.by_end_others
                && (stamp_millis(now) as u64).abs_diff(cut.time) < 1000
                && !known.has_made(Some(user), cut)
        });
        (!is_too_soon).then(|| self.next(user, own, now))
    }

    /// A session was written that ends the others of its user.
    pub(super) fn end_others(&mut self, user: [u8; 16], number: u32, now: i64) {
        self.learn_cut(user, number, stamp_millis(now) as u64, true);
    }

    /// Brings all that is listed here to another server.
    pub(super) fn tell(&mut self, other: &mut List, now: i64) {
        for entry in self.compare() {
            let fact = read(&entry).unwrap();
            // That does not count there before the clock has come closer.
            if matches!(fact, Fact::Everyone { before } if before > stamp_millis(now) as u64 + 60_000)
            {
                continue;
            }
            let applied = other.ended.apply_at(&entry, instant(now)).unwrap();
            assert_ne!(applied, Applied::SetAside);
            let mut is_loose = false;
            if let Fact::Id { id, .. } = fact {
                is_loose = other.loose.contains(&id);
                if !other.ids.contains_key(&id) && created(&id) < other.before {
                    continue; // It is refused there without this.
                }
            }
            let is_new = other.learn(fact);
            assert!(is_loose || is_new == (applied == Applied::New), "{fact:?} is {applied:?}");
        }
        other.compare();
    }

    /// Compares the library's list with this one, and returns its entries. What is ended all the same
    /// may have left it.
    pub(super) fn compare(&mut self) -> Vec<Vec<u8>> {
        self.ended.mark_all_unsent();
        let unsent = self.ended.unsent(usize::MAX);
        let entries: Vec<Vec<u8>> = unsent.entries().map(|entry| entry.as_ref().to_vec()).collect();
        let mut ids = BTreeMap::new();
        let mut cuts = BTreeMap::new();
        for fact in entries.iter().map(|entry| read(entry).expect("it is written")) {
            match fact {
                Fact::Id { id, subject, cut } => {
                    ids.insert(id, Listed { subject, cut });
                }
                Fact::Cut { subject, number, time } => {
                    cuts.insert(subject, (number, time));
                }
                Fact::Everyone { before } => assert_eq!(before, self.before),
                Fact::Keep { .. } => panic!("nobody raised it"),
            }
        }
        let left: Vec<[u8; 16]> =
            self.ids.keys().filter(|id| !ids.contains_key(*id)).copied().collect();
        for id in left {
            let listed = self.ids.remove(&id);
            assert!(self.loose.contains(&id), "{id:x?} {listed:?} is forgotten");
        }
        for (id, listed) in &ids {
            let known = self.ids.insert(*id, *listed);
            let is_right = known == Some(*listed) || known.is_some() && self.loose.contains(id);
            assert!(is_right, "{id:x?} is {listed:?}, not {known:?}");
        }
        let expected: BTreeMap<[u8; 16], (u32, u64)> =
            self.cuts.iter().map(|(user, cut)| (*user, (cut.number, cut.time))).collect();
        assert_eq!(cuts, expected);
        let status = self.ended.status();
        let before = status.everyone.map_or(0, |time| time.unix_timestamp_nanos() / 1_000_000);
        assert_eq!((before, status.set_aside, status.evicted), (self.before.into(), 0, 0));
        entries
    }
}

impl Known {
    fn has_made(&self, user: Option<[u8; 16]>, cut: Cut) -> bool {
        user.is_some_and(|user| self.cuts.contains(&(user, cut.number)))
    }
}

/// The time that an id tells.
fn created(id: &[u8; 16]) -> u64 {
    id[..6].iter().fold(0, |millis, byte| millis << 8 | u64::from(*byte))
}
