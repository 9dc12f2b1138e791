//! Properties, against a plain model that never forgets and has no clock.

use super::fixture::*;
use crate::ended::entry::Entry;
use crate::ended::list::EndedSessions;
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

const SUBJECTS: [&str; 3] = ["ann", "bob", "eve"];

/// What ended, by the words of the rule.
#[derive(Debug, Default)]
struct Model {
    ids: HashSet<uuid::Uuid>,
    cuts: HashMap<[u8; 16], u32>,
    everyone: u64,
}

impl Model {
    fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Id { id, .. } => {
                self.ids.insert(id);
            }
            Entry::Cut { subject, number, .. } => {
                let known = self.cuts.entry(subject.to_bytes()).or_default();
                *known = number.max(*known);
            }
            Entry::Everyone { before } | Entry::Keep { before, .. } => {
                self.everyone = self.everyone.max(before.millis());
            }
        }
    }

    fn is_ended(&self, held: Held) -> bool {
        let cut = held.subject.and_then(|subject| self.cuts.get(&subject.to_bytes()));
        self.ids.contains(&held.id)
            || cut.is_some_and(|cut| *cut > held.cut)
            || held.created() < self.everyone
    }
}

fn held() -> impl Strategy<Value = Held> {
    // Few of each, so that they meet. One id is always of one subject. `end_others` gives it a greater
    // cut, and copies with the smaller one are about.
    (0..12_u64, prop::sample::select(vec![1_u32, 2, 500])).prop_map(|(n, cut)| Held {
        id: id(NOON + n * 1000, n),
        subject: SUBJECTS.get(n as usize % 4).map(|subject| list().subject(subject)),
        cut: if n % 4 == 3 { 0 } else { cut },
    })
}

fn entry() -> impl Strategy<Value = Entry> {
    prop_oneof![
        4 => (held(), any::<bool>()).prop_map(|(held, by_administrator)| Entry::Id {
            id: held.id,
            subject: held.subject.filter(|_| !by_administrator),
            cut: if by_administrator { 0 } else { held.cut },
        }),
        3 => (0..3_usize, 2..600_u32, 0..5_u64).prop_map(|(n, number, time)| Entry::Cut {
            subject: list().subject(SUBJECTS[n]),
            number,
            time: at(NOON + time),
        }),
        1 => (0..14_000_u64).prop_map(|time| Entry::Everyone { before: at(NOON + time) }),
        1 => (0..14_000_u64, 0..100_000_u32)
            .prop_map(|(time, seconds)| Entry::Keep { seconds, before: at(NOON + time) }),
    ]
}

fn apply(list: &EndedSessions, entry: Entry, now: u64) {
    list.apply_bytes(list.list.format.write(&entry).as_ref(), at(now)).unwrap();
}

proptest! {
    #[test]
    fn any_order_and_repetition_of_entries_give_the_answers_of_the_model(
        entries in prop::collection::vec(entry(), 0..40),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..80),
        sweeps in any::<u32>(),
        sessions in prop::collection::vec(held(), 1..12),
    ) {
        let (forwards, shuffled) = (list(), list());
        let mut model = Model::default();
        for entry in &entries {
            apply(&forwards, *entry, NOON + HOUR);
            model.apply(*entry);
        }
        if !entries.is_empty() {
            // Some of them, repeated, in any order, and then all of them from the end.
            let some = order.iter().map(|index| *index.get(&entries));
            for (n, entry) in some.chain(entries.iter().rev().copied()).enumerate() {
                apply(&shuffled, entry, NOON + HOUR);
                if sweeps >> (n % 32) & 1 == 1 {
                    shuffled.list.change(at(NOON + HOUR), |list| list.sweep_all());
                }
            }
        }
        for held in sessions {
            prop_assert_eq!(is_ended(&forwards, held), model.is_ended(held));
            prop_assert_eq!(is_ended(&shuffled, held), model.is_ended(held));
        }
    }

    #[test]
    fn what_a_list_sends_gives_another_its_answers(
        entries in prop::collection::vec(entry(), 0..40),
        sessions in prop::collection::vec(held(), 1..12),
    ) {
        let (one, two) = (list(), list());
        for entry in &entries {
            apply(&one, *entry, NOON + HOUR);
        }
        one.mark_all_unsent();
        carry(&one, &[&two], NOON + HOUR);
        for held in sessions {
            prop_assert_eq!(is_ended(&one, held), is_ended(&two, held));
        }
    }

    /// The list is small, is swept, and its clock is up to eight hours off in both directions when a
    /// session is made, when it is ended and when the end is forgotten: a day in all. Whatever was
    /// ended stays ended until its deadlines have passed.
    #[test]
    fn nothing_that_ended_comes_back(
        steps in prop::collection::vec(
            (0..7_u8, 0..3_usize, 0..4 * HOUR, -(DAY as i64) / 3..DAY as i64 / 3), 1..60),
        max_entries in prop_oneof![3..40_usize, Just(1000)],
        clock_is_right in any::<bool>(),
    ) {
        let list = list().with_max_entries(max_entries);
        let mut sessions: Vec<Held> = Vec::new();
        let mut ended: HashSet<Held> = HashSet::new();
        let mut true_time = NOON;
        for (n, (what, subject, passed, step)) in steps.into_iter().enumerate() {
            true_time += passed;
            let now = true_time.saturating_add_signed(if clock_is_right { 0 } else { step });
            match what {
                // Signed in here, or on a server with a right clock.
                0 | 1 => {
                    let created = if what == 0 { now } else { true_time };
                    sessions.push(sign_in(&list, SUBJECTS[subject], created, n as u64));
                }
                2 | 3 => {
                    if let Some(held) = sessions.get(n % sessions.len().max(1)).copied() {
                        destroy(&list, held, now);
                        // With every copy, also those that carry a greater cut.
                        ended.extend(sessions.iter().filter(|copy| copy.id == held.id));
                    }
                }
                // A cut that leaves for room covers what was made before it by one clock only.
                4 if max_entries == 1000 || clock_is_right => {
                    list.end_all_of_at(SUBJECTS[subject], time(now)).unwrap();
                    let subject = Some(list.subject(SUBJECTS[subject]));
                    ended.extend(sessions.iter().filter(|held| held.subject == subject));
                }
                5 if max_entries == 1000 || clock_is_right => {
                    let held = sessions.get(n % sessions.len().max(1)).copied();
                    let held = held.filter(|held| !is_ended(&list, *held));
                    let Some(held) = held else { continue };
                    let copy = end_others(&list, held, &mut list.seen(), now);
                    if let Some(copy) = copy {
                        let others = sessions.iter().filter(|other| other.subject == copy.subject);
                        ended.extend(others.filter(|other| **other != copy));
                        sessions.push(copy);
                    }
                }
                _ => list.list.change(at(now), |list| list.sweep_all()),
            }
            for held in &ended {
                if true_time < held.created().saturating_add(KEEP) {
                    prop_assert!(is_ended(&list, *held), "{:?} at {}", held, true_time);
                }
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let list = list();
        prop_assert!(list.apply_bytes(&bytes, at(NOON)).is_err());
        prop_assert!(list.is_empty());
    }
}
