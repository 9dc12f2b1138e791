//! What is recorded, and what an end ends.

use super::fixture::*;
use crate::ended::entry::{Entry, Source};
use crate::ended::error::EndError;
use crate::ended::list::EndedSessions;
use crate::ended::put::Applied;
use crate::ended::request::Recorded;
use time::Duration;
use uuid::Uuid;

#[test]
fn an_ended_id_is_refused_and_another_is_not() {
    let list = list();
    list.end_at(id(NOON, 1), time(NOON)).unwrap();
    assert!(list.is_ended(id(NOON, 1)));
    assert!(!list.is_ended(id(NOON, 2)));
}

#[test]
fn an_id_that_is_no_uuidv7_is_refused() {
    let list = list();
    let v4 = Uuid::parse_str("6f9c2f7e-33d5-4c5a-9a6e-0a5f1f8f1f11").unwrap();
    for id in [Uuid::nil(), Uuid::max(), v4] {
        let error = list.end(id).unwrap_err();
        assert_eq!(error, EndError::NotASessionId);
        assert!(error.to_string().contains("UUIDv7"), "{error}");
    }
    assert!(list.is_empty());
}

#[test]
fn a_list_says_how_many_entries_it_has_and_how_many_it_may_have() {
    let list = list();
    assert_eq!((list.max_entries(), list.len(), list.is_empty()), (4_000_000, 0, true));
    let list = list.with_max_entries(7);
    list.end_at(id(NOON, 1), time(NOON)).unwrap();
    assert_eq!((list.max_entries(), list.len(), list.is_empty()), (7, 1, false));
    assert_eq!(list.with_max_entries(0).max_entries(), 1, "there is room for one");
}

#[test]
fn a_keep_is_rounded_up_to_seconds() {
    let kept = |keep| EndedSessions::new("shop", keep).keep();
    assert_eq!(kept(Duration::seconds(2)), Duration::seconds(2));
    assert_eq!(kept(Duration::milliseconds(1001)), Duration::seconds(2));
    assert_eq!(kept(Duration::milliseconds(-1001)), Duration::ZERO);
    assert_eq!(kept(Duration::MAX), Duration::seconds(i64::from(u32::MAX)));
}

#[test]
fn facts_are_ids_and_cuts_without_counters() {
    let list = list();
    for n in 0..3 {
        destroy(&list, sign_in(&list, "17", NOON, n), NOON);
    }
    for subject in ["18", "19"] {
        list.end_all_of_at(subject, time(NOON)).unwrap();
    }
    assert_eq!((list.list.facts(), list.len()), (5, 6));
    list.end_all_of_at("17", time(NOON)).unwrap();
    assert_eq!((list.list.facts(), list.len()), (6, 7));
}

#[test]
fn what_a_feed_tells_is_not_listed_if_it_is_ended_all_the_same() {
    let list = list();
    let apply = |entry| list.apply_bytes(list.list.format.write(&entry).as_ref(), at(NOON));
    assert_eq!(apply(Entry::Everyone { before: at(NOON) }), Ok(Applied::New));
    assert_eq!(apply(Entry::Everyone { before: at(NOON) }), Ok(Applied::Known));
    let created = |created, n| Entry::Id { id: id(created, n), subject: None, cut: 0 };
    assert_eq!(apply(created(NOON - 1, 2)), Ok(Applied::Known));
    assert_eq!(list.status().ids, 0);
    assert_eq!(apply(created(NOON, 3)), Ok(Applied::New));
    assert_eq!(list.status().ids, 1);
}

/// Bad input 58c, `ended/put`: an older cut that is told again changes nothing.
#[test]
fn a_cut_is_new_if_it_is_greater_or_as_great_and_later() {
    let list = list();
    let subject = list.subject("17");
    let apply = |number, time| {
        let entry = Entry::Cut { subject, number, time: at(time) };
        list.apply_bytes(list.list.format.write(&entry).as_ref(), at(NOON)).unwrap()
    };
    assert_eq!(apply(500, NOON), Applied::New);
    assert_eq!(apply(500, NOON), Applied::Known);
    assert_eq!(apply(500, NOON + 5), Applied::New);
    assert_eq!(apply(500, NOON), Applied::Known);
    assert_eq!(apply(499, NOON + 9), Applied::Known);
    assert_eq!(apply(501, NOON), Applied::New);
}

#[test]
fn an_id_is_not_recorded_if_an_end_of_everyone_has_ended_it() {
    let list = list();
    let record = |held: Held| {
        list.record(held.id, held.subject, held.cut, &mut list.seen(), at(NOON + HOUR))
    };
    let bob = sign_in(&list, "bob", NOON, 1);
    list.list.change(at(NOON + HOUR), |list| {
        list.put(Entry::Everyone { before: at(NOON + 1) }, Source::Feed)
    });
    assert_eq!(record(bob), Recorded::Nothing);
    assert_eq!(record(sign_in(&list, "bob", NOON + 1, 2)), Recorded::Listed);
}

#[test]
fn a_run_of_sign_outs_begins_anew_when_keep_has_passed() {
    let list = list();
    destroy(&list, sign_in(&list, "17", NOON, 100), NOON);
    for n in 0..64 {
        destroy(&list, sign_in(&list, "17", NOON + KEEP, n), NOON + KEEP);
    }
    let held = sign_in(&list, "17", NOON + KEEP, 64);
    let recorded =
        list.record(held.id, held.subject, held.cut, &mut list.seen(), at(NOON + KEEP + 1));
    assert_eq!(recorded, Recorded::Cut, "64 came before it in this run");
}

#[test]
fn an_empty_subject_is_refused() {
    let error = list().end_all_of("").unwrap_err();
    assert_eq!(error, EndError::EmptySubject);
    assert!(error.to_string().contains(".subject("), "{error}");
}

#[test]
fn an_id_over_a_day_ahead_is_refused_when_it_is_ended() {
    let list = list();
    assert_eq!(list.end_at(id(NOON + DAY, 1), time(NOON)), Ok(()));
    assert_eq!(list.end_at(id(NOON + DAY + 1, 2), time(NOON)), Err(EndError::FromTheFuture));
}

#[test]
fn end_all_of_ends_every_session_of_the_subject_and_of_no_other() {
    let list = list();
    let phone = sign_in(&list, "17", NOON, 1);
    let laptop = sign_in(&list, "17", NOON + HOUR, 2);
    let other = sign_in(&list, "18", NOON, 3);
    list.end_all_of_at("17", time(NOON + 2 * HOUR)).unwrap();
    assert!(is_ended(&list, phone) && is_ended(&list, laptop));
    assert!(!is_ended(&list, other));
}

#[test]
fn a_sign_in_right_after_everywhere_on_the_same_server_counts() {
    let list = list();
    list.end_all_of_at("17", time(NOON)).unwrap();
    assert!(!is_ended(&list, sign_in(&list, "17", NOON, 1)));
}

#[test]
fn a_sign_in_on_a_server_that_the_cut_has_not_reached_is_refused_once_it_has() {
    let (one, other) = (list(), list());
    one.end_all_of_at("17", time(NOON)).unwrap();
    let early = sign_in(&other, "17", NOON + SECOND, 1);
    assert!(!is_ended(&other, early));
    carry(&one, &[&other], NOON + 2 * SECOND);
    assert!(is_ended(&other, early));
    assert!(!is_ended(&one, sign_in(&other, "17", NOON + 3 * SECOND, 2)));
}

#[test]
fn end_others_ends_the_others_and_not_its_own() {
    let list = list();
    let (phone, laptop) = (sign_in(&list, "17", NOON, 1), sign_in(&list, "17", NOON, 2));
    let laptop = end_others(&list, laptop, &mut list.seen(), NOON + HOUR).unwrap();
    assert!(is_ended(&list, phone));
    assert!(!is_ended(&list, laptop));
}

#[test]
fn of_two_devices_that_each_end_the_others_one_is_left() {
    let list = list();
    let (phone, laptop) = (sign_in(&list, "17", NOON, 1), sign_in(&list, "17", NOON, 2));
    let (mut seen_phone, mut seen_laptop) = (list.seen(), list.seen());
    let kept = end_others(&list, phone, &mut seen_phone, NOON + HOUR).unwrap();
    assert_eq!(end_others(&list, laptop, &mut seen_laptop, NOON + HOUR + 10), None);
    assert!(!is_ended(&list, kept));
    assert!(is_ended(&list, laptop));
}

#[test]
fn of_two_devices_on_two_servers_that_each_end_the_others_the_greater_number_is_left() {
    let (one, two) = (list(), list());
    let (phone, laptop) = (sign_in(&one, "17", NOON, 1), sign_in(&two, "17", NOON, 2));
    let phone = end_others(&one, phone, &mut one.seen(), NOON + HOUR).unwrap();
    let laptop = end_others(&two, laptop, &mut two.seen(), NOON + HOUR + SECOND).unwrap();
    carry(&one, &[&two], NOON + HOUR + 2 * SECOND);
    carry(&two, &[&one], NOON + HOUR + 2 * SECOND);
    for list in [one, two] {
        assert!(is_ended(&list, phone));
        assert!(!is_ended(&list, laptop));
    }
}

#[test]
fn two_end_others_within_a_second_here_record_one() {
    let list = list();
    let held = sign_in(&list, "17", NOON, 1);
    let held = end_others(&list, held, &mut list.seen(), NOON).unwrap();
    assert_eq!(end_others(&list, held, &mut list.seen(), NOON + 999), None);
    assert!(end_others(&list, held, &mut list.seen(), NOON + 1000).is_some());
}

#[test]
fn end_others_just_after_an_end_of_all_is_recorded() {
    let list = list();
    list.end_all_of_at("17", time(NOON)).unwrap();
    let held = sign_in(&list, "17", NOON, 1);
    assert!(end_others(&list, held, &mut list.seen(), NOON + 10).is_some());
}

#[test]
fn two_end_others_at_once_record_one() {
    let list = list();
    let held = sign_in(&list, "17", NOON, 1);
    let (first, mut second) = (list.seen(), list.seen());
    // The second is sealed with its number when the first is recorded.
    let subject = held.subject.unwrap();
    let number = list.number_for_others(subject, held.cut, &second, at(NOON)).unwrap();
    assert!(end_others(&list, held, &mut { first }, NOON).is_some());
    assert!(!list.cut_others(subject, held.cut, number, &mut second, at(NOON)));
    assert_eq!(list.cut(subject), number);
}

#[test]
fn end_others_is_refused_if_the_subject_was_cut_since_load() {
    let list = list();
    let held = sign_in(&list, "17", NOON, 1);
    let mut seen = list.seen();
    list.end_all_of_at("17", time(NOON + HOUR)).unwrap();
    assert_eq!(end_others(&list, held, &mut seen, NOON + 2 * HOUR), None);
}

#[test]
fn a_visitor_who_loses_the_response_of_end_others_signs_in_again() {
    let list = list();
    let before = sign_in(&list, "17", NOON, 1);
    end_others(&list, before, &mut list.seen(), NOON).unwrap();
    assert!(is_ended(&list, before));
    assert!(!is_ended(&list, sign_in(&list, "17", NOON + SECOND, 2)));
}

#[test]
fn end_all_of_wins_over_an_end_others_that_has_not_heard_of_it_for_an_hour() {
    let (one, lagging) = (list(), list());
    let thief = sign_in(&lagging, "17", NOON, 1);
    one.end_all_of_at("17", time(NOON)).unwrap();
    let mut thief = thief;
    for seconds in 1..3600 {
        let now = NOON + seconds * SECOND;
        thief = end_others(&lagging, thief, &mut lagging.seen(), now).unwrap();
    }
    carry(&one, &[&lagging], NOON + HOUR);
    carry(&lagging, &[&one], NOON + HOUR);
    assert!(is_ended(&one, thief) && is_ended(&lagging, thief));
}

/// Bad input 58f, `ended/number`: a cut is greater than those before it, whatever the clock says.
#[test]
fn servers_whose_clocks_differ_by_a_day_agree() {
    let (ahead, behind) = (list(), list());
    let held = sign_in(&behind, "17", NOON, 1);
    let held = end_others(&ahead, held, &mut ahead.seen(), NOON + DAY).unwrap();
    carry(&ahead, &[&behind], NOON);
    // The one that is behind still makes a greater cut.
    behind.end_all_of_at("17", time(NOON + SECOND)).unwrap();
    carry(&behind, &[&ahead], NOON + DAY + 2 * SECOND);
    assert!(is_ended(&behind, held) && is_ended(&ahead, held));
}

#[test]
fn a_session_that_carries_a_number_this_server_has_not_heard_of_cuts_above_it() {
    let (ahead, behind) = (list(), list());
    let held = sign_in(&ahead, "17", NOON, 1);
    let held = end_others(&ahead, held, &mut ahead.seen(), NOON + DAY).unwrap();
    let own = end_others(&behind, held, &mut behind.seen(), NOON).unwrap();
    assert_eq!(own.cut, held.cut + 1);
}

#[test]
fn where_the_numbers_run_out_everyone_ends() {
    let list = list();
    let subject = list.subject("17");
    let greatest = crate::ended::entry::Entry::Cut { subject, number: 0xFF00_0000, time: at(NOON) };
    let bytes = list.list.format.write(&greatest);
    list.apply_bytes(bytes.as_ref(), at(NOON)).unwrap();
    let other = sign_in(&list, "18", NOON, 1);
    list.end_all_of_at("17", time(NOON)).unwrap();
    assert!(is_ended(&list, other));
    assert!(!is_ended(&list, sign_in(&list, "18", NOON + 1, 2)));
    let held = sign_in(&list, "17", NOON + 1, 3);
    assert_eq!(end_others(&list, held, &mut list.seen(), NOON + HOUR), None);
    let told = self::list();
    carry(&list, &[&told], NOON);
    assert!(is_ended(&told, other), "every server is told");
}

#[test]
fn clocks_at_1970_and_past_2106_cut_and_forget_nothing() {
    for now in [0, 1, 4_300_000_000 * SECOND, 200_000_000_000 * SECOND] {
        let list = list();
        let held = sign_in(&list, "17", now, 1);
        list.end_all_of_at("17", time(now)).unwrap();
        assert!(is_ended(&list, held), "{now}");
        let new = sign_in(&list, "17", now, 2);
        assert!(!is_ended(&list, new), "{now}");
        assert!(
            end_others(&list, new, &mut list.seen(), now)
                .is_none_or(|new| { !is_ended(&list, new) })
        );
        list.end_at(id(now, 9), at(now).to_time()).unwrap();
        assert!(list.is_ended(id(now, 9)) || at(now) < list.everyone(), "{now}");
    }
}

#[test]
fn a_number_does_not_outlive_its_entry() {
    let list = list();
    for _ in 0..48 {
        list.end_all_of_at("17", time(NOON)).unwrap();
    }
    // Two days ahead, and a session carries it.
    let held = sign_in(&list, "17", NOON, 1);
    assert!(u64::from(held.cut) * 1000 >= NOON + 2 * DAY);
    let later = NOON + KEEP + DAY + HOUR;
    list.list.change(at(later), |list| list.sweep_all());
    list.end_all_of_at("17", time(later)).unwrap();
    assert!(is_ended(&list, Held { id: id(later, 2), ..held }), "renewed since, with a new id");
}

#[test]
fn a_strangers_id_is_not_recorded() {
    let list = list();
    let recorded = list.record(id(NOON, 1), None, 0, &mut list.seen(), at(NOON));
    assert_eq!(recorded, Recorded::Nothing);
    assert!(list.is_empty());
}

#[test]
fn an_id_that_could_not_be_read_is_recorded_if_it_carries_a_cut() {
    let list = list();
    let recorded = list.record(id(NOON, 1), None, 1, &mut list.seen(), at(NOON));
    assert_eq!(recorded, Recorded::Listed);
    assert!(list.is_ended(id(NOON, 1)));
}

#[test]
fn an_id_that_is_ended_already_is_not_recorded_again() {
    let list = list();
    let held = sign_in(&list, "17", NOON, 1);
    destroy(&list, held, NOON);
    for _ in 0..1000 {
        let recorded = list.record(held.id, held.subject, 1, &mut list.seen(), at(NOON));
        assert_eq!(recorded, Recorded::Nothing);
    }
    assert_eq!((list.status().ids, list.status().unsent), (1, 1));
}

/// The copy carries a cut that does not end it.
#[test]
fn an_id_is_recorded_although_a_cut_has_ended_the_cookie_that_came() {
    let list = list();
    let before = sign_in(&list, "17", NOON, 1);
    let copy = end_others(&list, before, &mut list.seen(), NOON).unwrap();
    assert!(is_ended(&list, before) && !is_ended(&list, copy));
    destroy(&list, before, NOON + SECOND);
    assert!(is_ended(&list, copy), "it has the same id");
}

#[test]
fn an_id_and_the_cut_that_end_others_gave_it_end_it_in_any_order_on_every_server() {
    let (one, two) = (list(), list());
    let before = sign_in(&one, "17", NOON, 1);
    let copy = end_others(&one, before, &mut one.seen(), NOON).unwrap();
    destroy(&two, before, NOON);
    for (from, to) in [(&one, &two), (&two, &one)] {
        from.mark_all_unsent();
        carry(from, &[to], NOON + SECOND);
    }
    for list in [one, two] {
        assert!(is_ended(&list, copy));
        list.list.change(at(NOON + HOUR), |list| list.sweep_all());
        list.list.change(at(NOON + HOUR), |list| list.sweep_all());
        assert!(is_ended(&list, copy), "and it stays so when the list was looked through");
    }
}

#[test]
fn an_id_that_only_this_server_refuses_is_still_told_to_the_others() {
    let (small, other) = (list().with_max_entries(3), list());
    for n in 1..20 {
        small.end_at(id(NOON + n, n), time(NOON + HOUR)).unwrap();
    }
    carry(&small, &[], NOON + HOUR);
    let held = sign_in(&other, "17", NOON, 0);
    assert!(at(NOON) < small.everyone());
    destroy(&small, held, NOON + HOUR);
    // It is older than the rest, so it leaves at once: before that it must be sent.
    let sent = small.with_max_entries(100);
    destroy(&sent, held, NOON + HOUR);
    carry(&sent, &[&other], NOON + HOUR);
    assert!(is_ended(&other, held));
}

#[test]
fn the_65th_sign_out_within_keep_cuts_the_subject_and_the_66th_starts_anew() {
    let list = list();
    let elsewhere = sign_in(&list, "17", NOON, 1000);
    for n in 0..64 {
        destroy(&list, sign_in(&list, "17", NOON + n, n), NOON + n);
    }
    assert!(!is_ended(&list, elsewhere));
    assert_eq!(list.status().ids, 64);

    let held = sign_in(&list, "17", NOON + 64, 64);
    let mut seen = list.seen();
    let recorded = list.record(held.id, held.subject, held.cut, &mut seen, at(NOON + 64));
    assert_eq!(recorded, Recorded::Cut);
    assert!(is_ended(&list, elsewhere) && is_ended(&list, held));
    let subject = list.subject("17");
    assert_eq!(list.cut_seen(subject, &seen), Some(list.cut(subject)), "its own cut");
    assert_eq!(list.cut_seen(subject, &Default::default()), None, "another's");

    list.list.change(at(NOON + 65), |list| list.sweep_all());
    assert_eq!((list.status().ids, list.status().counters), (0, 0), "covered ones leave");
    assert_eq!(list.status().everyone, None, "without raising anything");

    // Signed in under the new cut, in its very millisecond.
    let held = sign_in(&list, "17", NOON + 64, 66);
    destroy(&list, held, NOON + 66);
    list.list.change(at(NOON + 67), |list| list.sweep_all());
    assert!(is_ended(&list, held));
    assert_eq!(list.status().ids, 1);
}

#[test]
fn sixty_five_sign_outs_over_more_than_keep_cut_nothing() {
    let list = list();
    let elsewhere = sign_in(&list, "17", NOON, 1000);
    for n in 0..64 {
        destroy(&list, sign_in(&list, "17", NOON, n), NOON);
    }
    destroy(&list, sign_in(&list, "17", NOON + KEEP, 64), NOON + KEEP);
    assert!(!is_ended(&list, elsewhere));
}

#[test]
fn sign_outs_on_another_server_count() {
    let (one, two) = (list(), list());
    for n in 0..64 {
        destroy(&one, sign_in(&one, "17", NOON, n), NOON);
    }
    carry(&one, &[&two], NOON);
    assert_eq!(two.status().subjects, 0, "applying never cuts");
    let held = sign_in(&two, "17", NOON, 64);
    let recorded = two.record(held.id, held.subject, held.cut, &mut two.seen(), at(NOON));
    assert_eq!(recorded, Recorded::Cut);
}

#[test]
fn applying_never_makes_a_cut() {
    let (one, two) = (list(), list());
    for n in 0..200 {
        // As three servers would that have not heard of each other.
        let held = Held { id: id(NOON, n), subject: Some(one.subject("17")), cut: 1 };
        one.list.change(at(NOON), |list| {
            let entry = crate::ended::entry::Entry::Id {
                id: held.id,
                subject: held.subject,
                cut: held.cut,
            };
            list.put(entry, crate::ended::entry::Source::Here)
        });
    }
    carry(&one, &[&two], NOON);
    assert_eq!((two.status().ids, two.status().subjects), (200, 0));
}

#[test]
fn an_id_that_two_subjects_ended_is_never_covered() {
    let (one, two) = (list(), list());
    let entry = |subject| crate::ended::entry::Entry::Id {
        id: id(NOON, 1),
        subject: Some(one.subject(subject)),
        cut: 1,
    };
    for (list, order) in [(&one, ["17", "18"]), (&two, ["18", "17"])] {
        for subject in order {
            let bytes = list.list.format.write(&entry(subject));
            list.apply_bytes(bytes.as_ref(), at(NOON)).unwrap();
        }
        list.end_all_of_at("17", time(NOON)).unwrap();
        list.end_all_of_at("18", time(NOON)).unwrap();
        list.list.change(at(NOON), |list| list.sweep_all());
        assert!(list.is_ended(id(NOON, 1)));
    }
}

#[test]
fn everyone_ahead_of_our_clock_is_kept_aside_and_judged_again() {
    let list = list();
    let entry = crate::ended::entry::Entry::Everyone { before: at(NOON + 61 * SECOND) };
    let bytes = list.list.format.write(&entry);
    assert_eq!(list.apply_bytes(bytes.as_ref(), at(NOON)), Ok(Applied::SetAside));
    assert_eq!((list.status().everyone, list.status().set_aside), (None, 1));
    list.tidy(at(NOON + 61 * SECOND));
    assert_eq!(list.everyone(), at(NOON + 61 * SECOND));
    assert_eq!(list.status().set_aside, 0);
}

#[test]
fn everyone_a_minute_ahead_counts() {
    let list = list();
    let entry = crate::ended::entry::Entry::Everyone { before: at(NOON + 60 * SECOND) };
    let bytes = list.list.format.write(&entry);
    assert_eq!(list.apply_bytes(bytes.as_ref(), at(NOON)), Ok(Applied::New));
}

/// Bad input 58f, `ended/aside`.
#[test]
fn an_id_over_a_day_ahead_is_kept_aside_until_the_clock_is_right() {
    let list = list();
    // This server's clock is two days behind.
    let behind = NOON - 2 * DAY;
    let entry = crate::ended::entry::Entry::Id { id: id(NOON, 1), subject: None, cut: 0 };
    let bytes = list.list.format.write(&entry);
    assert_eq!(list.apply_bytes(bytes.as_ref(), at(behind)), Ok(Applied::SetAside));
    assert!(!list.is_ended(id(NOON, 1)));
    // It steps; no feed reads again.
    list.tidy(at(NOON));
    assert!(list.is_ended(id(NOON, 1)));
}

#[test]
fn what_is_kept_aside_is_bounded() {
    let list = list();
    for n in 0..70_000 {
        let entry =
            crate::ended::entry::Entry::Id { id: id(NOON + 2 * DAY, n), subject: None, cut: 0 };
        list.list.change(at(NOON), |list| list.put(entry, crate::ended::entry::Source::Feed));
    }
    assert_eq!(list.status().set_aside, 65_536);
}

#[test]
fn a_poisoned_lock_changes_nothing() {
    let list = list();
    let held = sign_in(&list, "17", NOON, 1);
    let poisoner = list.clone();
    let panicked = std::thread::spawn(move || {
        let _writer = poisoner.list.writer();
        let _shards: Vec<_> = (0..256).map(|shard| poisoner.list.shard_mut(shard)).collect();
        panic!("while it holds every lock");
    });
    assert!(panicked.join().is_err());
    destroy(&list, held, NOON);
    assert!(is_ended(&list, held));
}

#[test]
fn debug_shows_numbers_and_no_subject() {
    let list = list();
    list.end_all_of_at("alice@example.com", time(NOON)).unwrap();
    let text = format!("{list:?}");
    assert!(text.contains("subjects: 1") && !text.contains("alice"), "{text}");
}

#[test]
fn a_list_may_go_to_any_thread() {
    fn check<T: Send + Sync + Clone + std::fmt::Debug + 'static>() {}
    check::<crate::ended::list::EndedSessions>();
}
