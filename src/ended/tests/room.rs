//! What leaves, and that nothing ended comes back by it.

use super::fixture::*;
use crate::ended::list::EndedSessions;
use time::Duration;

fn swept(list: &EndedSessions, now: u64) {
    list.list.change(at(now), |list| list.sweep_all());
}

#[test]
fn an_id_leaves_after_its_creation_keep_and_a_day() {
    let list = list();
    // Ended seven hours after it was made.
    list.end_at(id(NOON, 1), time(NOON + 7 * HOUR)).unwrap();
    swept(&list, NOON + KEEP + DAY - 1);
    assert_eq!(list.status().ids, 1);
    swept(&list, NOON + KEEP + DAY);
    assert_eq!(list.status().ids, 0);
    assert_eq!(list.everyone(), at(NOON + 1), "its own time and a millisecond");
}

#[test]
fn a_cut_leaves_after_the_later_of_its_time_and_its_number() {
    let list = list();
    list.end_all_of_at("17", time(NOON)).unwrap();
    swept(&list, NOON + HOUR + KEEP + DAY - 1);
    assert_eq!(list.status().subjects, 1, "its number is an hour ahead");
    swept(&list, NOON + HOUR + KEEP + DAY);
    assert_eq!(list.status().subjects, 0);
    assert_eq!(list.everyone(), at(NOON + 1));
}

#[test]
fn what_left_stays_ended_under_a_longer_policy() {
    let list = list();
    let held = sign_in(&list, "17", NOON, 1);
    destroy(&list, held, NOON + HOUR);
    swept(&list, NOON + 10 * DAY);
    list.raise_keep(Duration::days(30));
    assert!(is_ended(&list, held));
}

#[test]
fn what_is_too_old_to_be_listed_stays_ended_too() {
    let list = list();
    list.end_at(id(NOON, 1), time(NOON + 10 * DAY)).unwrap();
    assert_eq!(list.status().ids, 0);
    assert!(at(NOON) < list.everyone());
}

#[test]
fn a_clock_a_day_ahead_for_two_hours_and_back_brings_nothing_back() {
    let list = list();
    let old = sign_in(&list, "17", NOON, 1);
    let young = sign_in(&list, "17", NOON + KEEP - HOUR, 2);
    destroy(&list, old, NOON + HOUR);
    destroy(&list, young, NOON + KEEP - HOUR);
    // The clock steps a day ahead; what is ended meanwhile was made by that clock.
    for minute in 0..120 {
        swept(&list, NOON + KEEP + DAY + minute * 60 * SECOND);
    }
    let ahead = sign_in(&list, "17", NOON + KEEP + DAY, 3);
    destroy(&list, ahead, NOON + KEEP + DAY + HOUR);
    swept(&list, NOON + KEEP + 2 * HOUR);
    for held in [old, young, ahead] {
        assert!(is_ended(&list, held), "{held:?}");
    }
    assert!(!is_ended(&list, sign_in(&list, "17", NOON + KEEP + 2 * HOUR, 4)));
}

#[test]
fn one_entry_too_many_makes_the_oldest_leave() {
    let list = list().with_max_entries(4);
    for n in 0..4 {
        list.end_at(id(NOON + n, n), time(NOON + HOUR)).unwrap();
    }
    assert_eq!((list.len(), list.status().evicted), (4, 0));
    list.end_at(id(NOON + 4, 4), time(NOON + HOUR)).unwrap();
    assert_eq!((list.len(), list.status().evicted), (4, 1));
    assert_eq!(list.everyone(), at(NOON + 1));
    for n in 0..5 {
        let held = Held { id: id(NOON + n, n), subject: None, cut: 0 };
        assert!(is_ended(&list, held), "{n}");
    }
}

#[test]
fn an_entry_that_is_older_than_a_full_list_is_covered_at_once() {
    let list = list().with_max_entries(2);
    list.end_at(id(NOON + 1, 1), time(NOON + HOUR)).unwrap();
    list.end_at(id(NOON + 2, 2), time(NOON + HOUR)).unwrap();
    list.end_at(id(NOON, 3), time(NOON + HOUR)).unwrap();
    assert!(!list.is_ended(id(NOON, 3)));
    assert_eq!(list.everyone(), at(NOON + 1));
}

#[test]
fn a_cut_that_leaves_for_room_raises_everyone_to_its_time_not_to_its_number() {
    let list = list().with_max_entries(1);
    list.end_all_of_at("17", time(NOON)).unwrap();
    list.end_all_of_at("18", time(NOON + 5)).unwrap();
    assert_eq!(list.status().subjects, 1);
    assert_eq!(list.everyone(), at(NOON + 1));
}

#[test]
fn a_cut_by_a_clock_years_ahead_does_not_lock_everyone_out_when_it_leaves() {
    let list = list().with_max_entries(1);
    let far = NOON + 400 * DAY;
    let ahead = self::list();
    ahead.end_all_of_at("17", time(far)).unwrap();
    ahead.end_all_of_at("18", time(far)).unwrap();
    carry(&ahead, &[&list], NOON);
    assert!(list.everyone() <= at(NOON + 60 * SECOND + 1));
}

#[test]
fn counters_count_as_entries_and_leave_without_raising_anything() {
    let list = list();
    destroy(&list, sign_in(&list, "17", NOON, 1), NOON);
    assert_eq!((list.len(), list.status().counters), (2, 1));
    swept(&list, NOON + KEEP);
    assert_eq!((list.len(), list.status().counters), (1, 0));
    assert_eq!(list.status().everyone, None);
}

#[test]
fn counters_leave_for_room_only_while_they_are_more_than_an_eighth() {
    let left = |max_entries, users| {
        let list = list().with_max_entries(max_entries);
        for n in 0..users {
            destroy(&list, sign_in(&list, &n.to_string(), NOON + n, n), NOON + HOUR);
        }
        let status = list.status();
        (status.ids, status.counters, status.evicted, status.everyone.is_some())
    };
    assert_eq!(left(7, 6), (6, 1, 0, false), "counters leave, and nobody is signed out by that");
    assert_eq!(left(8, 7), (7, 1, 0, false), "one of eight is no more than an eighth");
    assert_eq!(left(8, 8), (7, 1, 1, true), "so an id leaves");
    assert_eq!(left(15, 14), (13, 2, 1, true), "and so it does when two of sixteen are counters");
}

#[test]
fn one_user_in_a_loop_harms_only_himself() {
    let list = list().with_max_entries(500);
    let others: Vec<Held> =
        (0..100).map(|n| sign_in(&list, &format!("other {n}"), NOON, n)).collect();
    let victim = others[0];
    destroy(&list, victim, NOON);
    for n in 0..20_000 {
        let now = NOON + n;
        let held = sign_in(&list, "17", now, 1000 + n);
        destroy(&list, held, now);
        assert!(is_ended(&list, held));
    }
    assert_eq!(list.status().evicted, 0);
    assert!(list.len() <= 500);
    assert!(is_ended(&list, victim));
    assert!(others[1..].iter().all(|held| !is_ended(&list, *held)));
}

#[test]
fn a_flood_by_many_users_is_bounded_and_fails_closed() {
    let list = list().with_max_entries(300);
    let held: Vec<Held> =
        (0..5000).map(|n| sign_in(&list, &format!("user {n}"), NOON + n, n)).collect();
    for one in &held {
        destroy(&list, *one, NOON + 6000);
        assert!(list.len() <= 300);
    }
    assert!(held.iter().all(|one| is_ended(&list, *one)));
    assert!(list.everyone() < at(NOON + 5000), "not more than needed");
}

#[test]
fn an_everyone_raised_for_room_stays_on_its_server() {
    let (small, other) = (list().with_max_entries(2), list());
    for n in 0..10 {
        small.end_at(id(NOON + n, n), time(NOON + HOUR)).unwrap();
    }
    assert!(small.status().everyone.is_some());
    carry(&small, &[&other], NOON + HOUR);
    assert_eq!(other.status().everyone, None);
}

#[test]
fn a_clock_that_runs_brings_the_list_round_in_a_minute() {
    let list = list();
    for n in 0..1000 {
        list.end_at(id(NOON, n), time(NOON)).unwrap();
    }
    let later = NOON + KEEP + DAY;
    for tick in 0..700 {
        list.tidy(at(later + tick * 100));
    }
    assert_eq!(list.status().ids, 0);
}

#[test]
fn one_shard_is_looked_through_in_234_milliseconds_however_unevenly_they_come() {
    let list = list();
    // One in each shard.
    for n in 0..256 {
        list.end_at(id(NOON, n), time(NOON)).unwrap();
    }
    // The pace is kept from 1970 on.
    let start = (NOON + KEEP + DAY).next_multiple_of(234);
    let left_at = |millis| {
        list.tidy(at(start + millis));
        list.status().ids
    };
    assert_eq!(left_at(0), 240, "no change of the list waits for more than 16");
    assert_eq!(left_at(233), 240);
    assert_eq!(left_at(234), 239);
    assert_eq!(left_at(534), 238, "66 ms late");
    assert_eq!(left_at(702), 237, "and on time again");
    // Of two threads the one that read the clock first may come second.
    assert_eq!(left_at(502), 237);
    assert_eq!(left_at(736), 237);
}

#[test]
fn what_a_cut_covers_leaves_as_the_clock_runs_without_raising_anything() {
    let list = list();
    for n in 0..65 {
        destroy(&list, sign_in(&list, "17", NOON, n), NOON);
    }
    assert_eq!((list.status().ids, list.status().subjects), (64, 1));
    for tick in 0..700 {
        list.tidy(at(NOON + tick * 100));
    }
    assert_eq!((list.status().ids, list.status().everyone), (0, None));
}

#[test]
fn four_million_entries_and_one_more() {
    let list = list();
    for n in 0..4_000_000 {
        list.end_at(id(NOON + n / 1000, n), time(NOON + HOUR)).unwrap();
    }
    assert_eq!((list.len(), list.status().evicted), (4_000_000, 0));
    list.end_at(id(NOON + HOUR, 4_000_000), time(NOON + HOUR)).unwrap();
    assert!(list.len() <= 4_000_000 && list.len() > 3_900_000);
    assert!(is_ended(&list, Held { id: id(NOON, 1), subject: None, cut: 0 }));
}

/// The ids are listed before the cut, or after it, and a counter says when there were too many.
#[test]
fn ids_that_a_feed_brings_of_one_user_in_a_loop_leave_on_every_server() {
    let (here, there) = (list(), list());
    let mut most = 0;
    for n in 0..1000 {
        destroy(&here, sign_in(&here, "17", NOON + n, n), NOON + n);
        if n % 7 == 0 {
            carry(&here, &[&there], NOON + n);
        }
        if n % 50 == 0 {
            swept(&there, NOON + n);
            most = most.max(there.status().ids);
        }
    }
    assert!((1..256).contains(&most), "{most}");
    assert_eq!(there.status().everyone, None);
}

#[test]
fn sixty_three_sign_outs_and_an_end_of_others_again_and_again_fill_no_list() {
    let list = list();
    let mut n = 0;
    for round in 0..40 {
        let now = NOON + round * SECOND;
        for _ in 0..63 {
            destroy(&list, sign_in(&list, "17", now, n), now);
            n += 1;
        }
        let held = sign_in(&list, "17", now, 100_000 + round);
        let _ = end_others(&list, held, &mut list.seen(), now);
        swept(&list, now);
        assert!(list.status().ids <= 64 + 63, "{}", list.status().ids);
    }
}

#[test]
fn an_id_made_after_the_cut_that_covers_it_stays_so_that_it_does_not_outlive_the_cut() {
    let (small, other) = (list().with_max_entries(200), list());
    other.end_all_of_at("17", time(NOON)).unwrap();
    // Signed in and out on a server that has not heard of it.
    let held = sign_in(&small, "17", NOON + HOUR, 1);
    destroy(&small, held, NOON + HOUR);
    for n in 2..65 {
        destroy(&small, sign_in(&small, "17", NOON - HOUR, n), NOON + HOUR);
    }
    carry(&other, &[&small], NOON + HOUR);
    swept(&small, NOON + HOUR);
    assert_eq!(small.status().ids, 1, "those made before the cut have left");
    let mut n = 1000;
    while small.status().subjects > 0 {
        small.end_at(id(NOON + 2 * HOUR, n), time(NOON + 2 * HOUR)).unwrap();
        n += 1;
    }
    assert!(is_ended(&small, held), "{:?}", small.status());
}

/// What may leave a feed, and what then stands for it.
#[cfg(feature = "redis")]
mod feed {
    use super::*;
    use crate::ended::entry::Entry;
    use crate::ended::subject::Subject;

    fn ended_id(n: u64, subject: Option<Subject>, cut: u32) -> Entry {
        Entry::Id { id: id(NOON, n), subject, cut }
    }

    #[test]
    fn an_id_is_needed_while_it_is_listed_and_has_not_been_kept_long_enough() {
        let list = list();
        list.end_at(id(NOON, 1), time(NOON)).unwrap();
        let needs = |n, now| list.still_needs(&ended_id(n, None, 0), at(now));
        assert!(needs(1, NOON + KEEP + DAY - 1));
        assert!(!needs(1, NOON + KEEP + DAY));
        assert!(!needs(2, NOON), "it is not listed");
    }

    #[test]
    fn a_cut_is_needed_while_no_greater_one_is_listed_and_it_has_not_been_kept_long_enough() {
        let list = list();
        list.end_all_of_at("17", time(NOON)).unwrap();
        let subject = list.subject("17");
        let number = list.cut(subject);
        let needs = |number, now| {
            list.still_needs(&Entry::Cut { subject, number, time: at(NOON) }, at(now))
        };
        assert!(needs(number, NOON + HOUR + KEEP + DAY - 1), "its number is an hour ahead");
        assert!(!needs(number, NOON + HOUR + KEEP + DAY));
        assert!(!needs(number - 1, NOON), "a greater one is listed");
    }

    #[test]
    fn an_id_that_goes_is_covered_by_its_subjects_cut_or_by_its_time() {
        let list = list();
        list.end_all_of_at("17", time(NOON)).unwrap();
        let subject = list.subject("17");
        let cut = list.cut(subject);
        let covered_by =
            |subject, cut| list.covered_by(&ended_id(1, subject, cut), at(NOON + HOUR));
        let its_time = Some(at(NOON + 1));
        assert_eq!(covered_by(Some(subject), cut - 1), None, "the cut ends it");
        assert_eq!(covered_by(Some(subject), cut), its_time);
        assert_eq!(covered_by(Some(list.subject("18")), 0), its_time, "no cut is 1");
        assert_eq!(covered_by(None, 0), its_time);
    }

    #[test]
    fn the_first_keep_of_a_feed_goes_without_a_trace() {
        let list = list();
        let covered_by = |before| {
            list.covered_by(&Entry::Keep { seconds: 28_800, before: at(before) }, at(NOON))
        };
        assert_eq!(covered_by(0), None);
        assert_eq!(covered_by(1), Some(at(1)));
    }
}
