//! What a feed gets to send, and confirms.

use super::fixture::*;
use crate::ended::entry::{Entry, Source};
use crate::ended::list::EndedSessions;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn what_is_not_confirmed_is_returned_again() {
    let list = list();
    list.end_at(id(NOON, 1), time(NOON)).unwrap();
    list.end_at(id(NOON, 2), time(NOON)).unwrap();
    let first = list.unsent(1);
    assert_eq!(first.entries, list.unsent(1).entries);
    list.confirm(&first);
    let second = list.unsent(1);
    assert_ne!(first.entries, second.entries);
    list.confirm(&second);
    assert!(list.unsent(1).is_empty());
    assert_eq!(list.status().unsent, 0);
}

#[test]
fn a_cut_that_grew_while_it_was_sent_is_sent_again() {
    let list = list();
    list.end_all_of_at("17", time(NOON)).unwrap();
    let sent = list.unsent(10);
    list.end_all_of_at("17", time(NOON + SECOND)).unwrap();
    list.confirm(&sent);
    assert_eq!(list.status().unsent, 1);
    let again = list.unsent(10);
    assert_ne!(again.entries, sent.entries);
    list.confirm(&again);
    assert_eq!(list.status().unsent, 0);
}

#[test]
fn what_the_feed_has_is_not_sent() {
    let (one, two) = (list(), list());
    for list in [&one, &two] {
        list.end_at(id(NOON, 1), time(NOON)).unwrap();
    }
    carry(&one, &[&two], NOON);
    assert_eq!(two.status().unsent, 0);
    // What came from a feed is not sent either.
    one.end_at(id(NOON, 2), time(NOON)).unwrap();
    carry(&one, &[&two], NOON);
    assert_eq!(two.status().unsent, 0);
}

#[test]
fn a_smaller_cut_than_the_feeds_is_not_sent() {
    let (one, two) = (list(), list());
    two.end_all_of_at("17", time(NOON)).unwrap();
    one.end_all_of_at("17", time(NOON + SECOND)).unwrap();
    carry(&one, &[&two], NOON + SECOND);
    assert_eq!(two.status().unsent, 0);
}

#[test]
fn more_than_a_queue_holds_is_all_sent() {
    let list = list();
    for n in 0..70_000 {
        list.end_at(id(NOON, n), time(NOON)).unwrap();
    }
    let mut sent = std::collections::HashSet::new();
    loop {
        let batch = list.unsent(1000);
        if batch.is_empty() {
            break;
        }
        assert!(batch.entries.len() <= 1000);
        sent.extend(batch.entries.iter().copied());
        list.confirm(&batch);
    }
    assert_eq!((sent.len(), list.status().unsent), (70_000, 0));
}

#[test]
fn everything_is_sent_to_a_feed_that_lost_it_but_what_it_still_has() {
    let list = list();
    for n in 0..100 {
        list.end_at(id(NOON, n), time(NOON)).unwrap();
    }
    list.end_all_of_at("17", time(NOON)).unwrap();
    let all = list.unsent(1000);
    list.confirm(&all);

    list.mark_all_unsent();
    assert_eq!(list.status().unsent, 101);
    assert!(list.unsent_lately(1000).is_empty(), "nothing is new");
    list.end_at(id(NOON, 100), time(NOON)).unwrap();
    assert_eq!(list.unsent_lately(1000).entries.len(), 1);
    for entry in all.entries().take(60) {
        list.apply_bytes(entry.as_ref(), at(NOON)).unwrap();
    }
    let mut left = Vec::new();
    while list.status().unsent > 0 {
        let batch = list.unsent(7);
        left.extend(batch.entries.iter().copied());
        list.confirm(&batch);
    }
    assert_eq!(left.len(), 42);
    assert!(left.iter().any(|entry| matches!(entry, Entry::Cut { .. })));
}

#[test]
fn a_feed_is_woken_by_an_end_and_not_by_what_it_brings() {
    let (list, other) = (list(), list());
    let woken = Arc::new(AtomicUsize::new(0));
    let wake = Arc::clone(&woken);
    assert!(list.attach(Arc::new(move || {
        wake.fetch_add(1, Ordering::Relaxed);
    })));
    list.end_at(id(NOON, 1), time(NOON)).unwrap();
    assert_eq!(woken.load(Ordering::Relaxed), 1);
    other.end_at(id(NOON, 2), time(NOON)).unwrap();
    carry(&other, &[&list], NOON);
    assert_eq!(woken.load(Ordering::Relaxed), 1);
}

#[test]
fn a_list_has_one_feed_at_a_time() {
    let list = list();
    assert!(list.attach(Arc::new(|| {})));
    assert!(!list.attach(Arc::new(|| {})));
    list.detach();
    assert!(list.attach(Arc::new(|| {})));
}

fn unsent_after(list: &EndedSessions, entry: Entry, source: Source) -> usize {
    list.list.change(at(NOON), |list| list.put(entry, source));
    list.status().unsent
}

#[test]
fn an_id_that_was_sent_and_is_ended_again_is_not_sent_again() {
    let list = list();
    list.end_at(id(NOON, 1), time(NOON)).unwrap();
    carry(&list, &[], NOON);
    list.end_at(id(NOON, 1), time(NOON)).unwrap();
    assert_eq!(list.status().unsent, 0);
}

#[test]
fn what_an_end_here_adds_to_what_the_feed_has_is_sent() {
    let list = list();
    let of_a_subject = Entry::Id { id: id(NOON, 1), subject: Some(list.subject("17")), cut: 1 };
    assert_eq!(unsent_after(&list, of_a_subject, Source::Feed), 0);
    // An administrator ends it by its id alone: no cut of the subject stands for it now.
    let alone = Entry::Id { id: id(NOON, 1), subject: None, cut: 0 };
    assert_eq!(unsent_after(&list, alone, Source::Here), 1);
}

#[test]
fn an_id_of_which_the_feed_has_less_stays_unsent() {
    let list = list();
    let alone = Entry::Id { id: id(NOON, 1), subject: None, cut: 1 };
    assert_eq!(unsent_after(&list, alone, Source::Here), 1);
    let of_a_subject = Entry::Id { id: id(NOON, 1), subject: Some(list.subject("17")), cut: 1 };
    assert_eq!(unsent_after(&list, of_a_subject, Source::Feed), 1);
    assert_eq!(unsent_after(&list, alone, Source::Feed), 0);
}

#[test]
fn an_end_of_everyone_is_sent_until_the_feed_has_that_one() {
    let list = list();
    let before = |millis| Entry::Everyone { before: at(millis) };
    assert_eq!(unsent_after(&list, before(NOON), Source::Here), 1);
    assert_eq!(unsent_after(&list, before(NOON), Source::Here), 1, "the same again");
    assert_eq!(unsent_after(&list, before(NOON - 1), Source::Feed), 1, "an older one");
    assert!(list.unsent(0).is_empty(), "never more than was asked for");
    assert_eq!(unsent_after(&list, before(NOON), Source::Feed), 0);
}

#[test]
fn an_end_of_everyone_that_grew_while_it_was_sent_is_sent_again() {
    let list = list();
    let before = |millis| Entry::Everyone { before: at(millis) };
    unsent_after(&list, before(NOON - 1), Source::Here);
    let sent = list.unsent(10);
    unsent_after(&list, before(NOON), Source::Here);
    list.confirm(&sent);
    assert_eq!(list.unsent(10).entries, [before(NOON)]);
    list.confirm(&list.unsent(10));
    assert_eq!(list.status().unsent, 0);
}

#[cfg(feature = "redis")]
#[test]
fn what_a_feed_may_have_lost_is_sent_again_if_the_list_still_says_the_same() {
    let list = list();
    let end = |now| {
        list.end_at(id(NOON, 1), time(NOON)).unwrap();
        list.end_all_of_at("17", time(now)).unwrap();
        unsent_after(&list, Entry::Everyone { before: at(now) }, Source::Here);
        let sent = list.unsent(10);
        list.confirm(&sent);
        assert!(list.unsent(10).is_empty());
        sent.entries
    };
    let first = end(NOON - 2);
    assert_eq!((first.len(), list.status().unsent), (3, 0));
    list.mark_unsent(&first);
    assert_eq!(list.unsent(10).entries, first);
    assert_eq!(list.unsent(2).entries, first[..2], "no more than are asked for");
    assert_eq!(list.status().unsent, 3);
    list.mark_unsent(&first);
    assert_eq!(list.status().unsent, 3, "marked already");

    let second = end(NOON - 1);
    list.mark_unsent(&first);
    assert_eq!(list.status().unsent, 1, "of the first the id alone");
    list.mark_unsent(&second);
    list.mark_unsent(&first);
    assert_eq!(list.status().unsent, 3, "and all of the second");
}
