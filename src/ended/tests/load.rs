//! What `load` remembers and `save` asks again.

use super::fixture::*;
use crate::ended::number::NO_CUT;

#[test]
fn an_empty_list_knows_no_cut() {
    let list = list();
    let subject = list.subject("17");
    assert_eq!((list.cut(subject), list.greatest_cut()), (NO_CUT, 0));
    assert_eq!(list.cut_seen(subject, &list.seen()), Some(NO_CUT));
}

#[test]
fn a_cut_since_load_is_told() {
    let list = list();
    let subject = list.subject("17");
    let seen = list.seen();
    assert_eq!(list.cut_seen(subject, &seen), Some(NO_CUT));
    list.end_all_of_at("17", time(NOON)).unwrap();
    assert_eq!(list.cut_seen(subject, &seen), None);
    assert_eq!(list.cut_seen(subject, &list.seen()), Some(list.cut(subject)));
}

#[test]
fn a_cut_of_another_subject_since_load_is_none_of_ours() {
    let list = list();
    let seen = list.seen();
    list.end_all_of_at("18", time(NOON)).unwrap();
    assert_eq!(list.cut_seen(list.subject("17"), &seen), Some(NO_CUT));
}

#[test]
fn a_cut_that_is_applied_again_was_not_learned_again() {
    let (one, two) = (list(), list());
    one.end_all_of_at("17", time(NOON)).unwrap();
    let unsent = one.unsent(10);
    let apply = || {
        unsent.entries().for_each(|entry| {
            two.apply_bytes(entry.as_ref(), at(NOON)).unwrap();
        })
    };
    apply();
    let seen = two.seen();
    apply();
    assert_eq!(two.cut_seen(two.subject("17"), &seen), Some(two.cut(two.subject("17"))));
}

#[test]
fn a_cut_that_this_request_made_counts_as_known() {
    let list = list();
    let held = sign_in(&list, "17", NOON, 1);
    let mut seen = list.seen();
    let held = end_others(&list, held, &mut seen, NOON).unwrap();
    assert_eq!(list.cut_seen(held.subject.unwrap(), &seen), Some(held.cut));
    list.end_all_of_at("17", time(NOON)).unwrap();
    assert_eq!(list.cut_seen(held.subject.unwrap(), &seen), None, "and then another's");
}

#[test]
fn the_greatest_cut_spares_the_look_at_the_subject() {
    let list = list();
    assert_eq!(list.greatest_cut(), 0);
    list.end_all_of_at("17", time(NOON)).unwrap();
    assert_eq!(list.greatest_cut(), list.cut(list.subject("17")));
    // When the cut has left, there is nothing to look for.
    let later = NOON + KEEP + 3 * DAY;
    list.list.change(at(later), |list| list.sweep_all());
    list.list.change(at(later), |list| list.sweep_all());
    assert_eq!((list.status().subjects, list.greatest_cut()), (0, 0));
}

#[test]
fn a_reader_never_misses_a_cut_that_the_sequence_covers() {
    let list = list();
    let subjects: Vec<String> = (0..2000).map(|n| n.to_string()).collect();
    let writer = {
        let (list, subjects) = (list.clone(), subjects.clone());
        std::thread::spawn(move || {
            subjects.iter().for_each(|subject| list.end_all_of_at(subject, time(NOON)).unwrap());
        })
    };
    // The nth cut is the one of the nth subject: if the sequence says n, it must be there.
    let mut known = 0;
    while known < subjects.len() {
        known = list.list.sequence() as usize;
        if let Some(last) = known.checked_sub(1) {
            assert!(list.cut(list.subject(&subjects[last])) > NO_CUT);
        }
    }
    writer.join().unwrap();
}
