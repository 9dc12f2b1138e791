//! What rotate, cancel, revoke, prune and tend write into a key file.

mod support;

use sealed_session::key_file::tools::{
    Fleet, KeySchedule, Replacement, Revoked, Rotated, Rotation, Tended, Tending,
};
use sealed_session::{Key, KeyId, KeyState};
use support::key_files::*;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

const ROTATION: Rotation = Rotation {
    after: Duration::minutes(10),
    propagation: Duration::minutes(2),
    skew: Duration::seconds(30),
    max_session: Duration::hours(8),
};

const FLEET: Fleet = Fleet { propagation: Duration::minutes(2), skew: Duration::seconds(30) };

fn one_key() -> KeySchedule {
    KeySchedule::new(key(1), NOW - Duration::days(30)).unwrap()
}

/// Publishes a key a second behind the one of [`ROTATION`].
fn rotate_behind(schedule: &mut KeySchedule, seed: u8) -> Rotated {
    let rotation = Rotation { after: ROTATION.after + Duration::SECOND, ..ROTATION };
    schedule.rotate_again(key(seed), &rotation, NOW).unwrap()
}

fn state(schedule: &KeySchedule, key: Key, now: OffsetDateTime) -> KeyState {
    let states = schedule.key_ring().states_at(now);
    states.into_iter().find(|(id, _)| *id == key.id()).unwrap().1
}

fn ids(schedule: &KeySchedule) -> Vec<KeyId> {
    schedule.keys().iter().map(|dated| dated.id()).collect()
}

#[test]
fn a_new_file_has_one_key_that_seals_even_where_the_clock_is_a_minute_behind() {
    let schedule = KeySchedule::new(key(1), NOW).unwrap();
    assert_eq!(schedule.generation(), 1);
    assert_eq!(state(&schedule, key(1), NOW - Duration::MINUTE), KeyState::Active);
}

#[test]
fn a_rotation_writes_both_dates_and_raises_the_generation() {
    let mut schedule = one_key();
    let rotated = schedule.rotate(key(2), &ROTATION, NOW).unwrap();
    // now + after
    assert_eq!(rotated.seal_from, datetime!(2026-11-21 12:10 UTC));
    // + 8 h + 60 s + 2 × 30 s
    assert_eq!(rotated.open_until, datetime!(2026-11-21 20:12 UTC));
    assert_eq!((rotated.new, rotated.old), (key(2).id(), key(1).id()));
    assert_eq!(schedule.generation(), 2);
    let again = parse(&schedule.to_text());
    assert_eq!(again.keys()[0].open_until(), Some(rotated.open_until));
    assert_eq!(again.keys()[1].seal_from(), rotated.seal_from);
}

#[test]
fn a_lead_shorter_than_propagation_and_skew_is_refused() {
    let mut schedule = one_key();
    let short = Rotation { after: Duration::seconds(149), ..ROTATION };
    let error = schedule.rotate(key(2), &short, NOW).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`after` is 2m29s, and a server may not have the key before 2m30s (`propagation` 2m + \
         `skew` 30s): make it at least that"
    );
    assert_eq!(schedule.to_text(), one_key().to_text(), "nothing is changed");
    let enough = Rotation { after: Duration::seconds(150), ..ROTATION };
    assert!(schedule.rotate(key(2), &enough, NOW).is_ok());
}

#[test]
fn negative_and_endless_lengths_are_refused() {
    let long = Duration::days(365 * 9000);
    let minus = Duration::seconds(-1);
    for rotation in [
        Rotation { after: minus, ..ROTATION },
        Rotation { propagation: minus, ..ROTATION },
        Rotation { skew: minus, ..ROTATION },
        Rotation { max_session: minus, ..ROTATION },
        Rotation { max_session: Duration::ZERO, ..ROTATION },
        Rotation { max_session: long, ..ROTATION },
        Rotation { max_session: Duration::MAX, ..ROTATION },
        Rotation { after: long, ..ROTATION },
        Rotation { after: Duration::MAX, ..ROTATION },
        Rotation { skew: Duration::MAX, ..ROTATION },
        Rotation {
            propagation: Duration::MAX,
            skew: Duration::MAX,
            after: Duration::MAX,
            ..ROTATION
        },
    ] {
        let mut schedule = one_key();
        assert!(schedule.rotate(key(2), &rotation, NOW).is_err(), "{rotation:?}");
        assert_eq!(schedule.to_text(), one_key().to_text());
    }
}

/// Runs of cron that overlap, and an operator who is not sure whether it was done.
#[test]
fn a_second_rotation_is_refused_while_a_key_is_published() {
    let mut schedule = one_key();
    let first = schedule.rotate(key(2), &ROTATION, NOW).unwrap();
    let before = schedule.to_text();
    let id = key(2).id();
    for now in [NOW, first.seal_from - Duration::SECOND] {
        let error = schedule.rotate(key(3), &ROTATION, now).unwrap_err().to_string();
        let expected = format!(
            "the key {id} is published already and seals from 2026-11-21T12:10:00Z; now it is "
        );
        assert!(error.starts_with(&expected), "{error}");
        assert_eq!(schedule.to_text(), before, "nothing is changed");
    }
    assert!(schedule.rotate(key(3), &ROTATION, first.seal_from).is_ok());
}

/// `--after 100d`, then `--after 10m`: the second date was silently the first.
#[test]
fn a_date_that_is_not_the_one_asked_for_is_refused() {
    let mut schedule = one_key();
    let long = Rotation { after: Duration::days(100), ..ROTATION };
    schedule.rotate(key(2), &long, NOW).unwrap();
    let before = schedule.to_text();
    let id = key(2).id();
    for rotation in [ROTATION, long] {
        let error = schedule.rotate_again(key(3), &rotation, NOW).unwrap_err().to_string();
        let expected =
            format!("and the key {id} only begins at 2027-03-01T12:00:00Z: give a longer");
        assert!(error.contains(&expected), "{error}");
        assert_eq!(schedule.to_text(), before, "nothing is changed");
    }
    let longer = Rotation { after: Duration::days(100) + Duration::SECOND, ..ROTATION };
    let rotated = schedule.rotate_again(key(3), &longer, NOW).unwrap();
    assert_eq!(rotated.seal_from, NOW + longer.after);
}

#[test]
fn a_key_may_be_published_behind_another_one() {
    let mut schedule = one_key();
    let first = schedule.rotate(key(2), &ROTATION, NOW).unwrap();
    let second = rotate_behind(&mut schedule, 3);
    assert_eq!(second.old, first.new);
    assert_eq!(second.seal_from, first.seal_from + Duration::SECOND);
    assert_eq!(ids(&schedule), [key(1).id(), key(2).id(), key(3).id()]);
    assert_eq!(schedule.keys()[0].open_until(), Some(first.open_until), "as the first said");
}

#[test]
fn a_rotation_with_a_key_of_the_file_is_refused() {
    let error = one_key().rotate(key(1), &ROTATION, NOW).unwrap_err();
    let id = key(1).id();
    assert_eq!(error.to_string(), format!("the file has a key {id} already: make another"));
}

#[test]
fn the_last_generation_cannot_be_raised() {
    let text = two_keys().replace("generation = 7", "generation = 9223372036854775807");
    let mut schedule = parse(&text);
    let error = schedule.rotate(key(3), &ROTATION, NOW).unwrap_err();
    assert_eq!(error.to_string(), "the generation is as high as it can be");
}

#[test]
fn a_revoked_active_key_is_replaced_at_once_and_what_it_forged_ends() {
    let mut schedule = one_key();
    let revoked = schedule.revoke(key(1).id(), key(2), &FLEET, NOW).unwrap();
    assert_eq!(revoked.replacement.unwrap().id, key(2).id());
    assert_eq!(revoked.sign_ins_hold_from, datetime!(2026-11-21 12:04 UTC));
    assert_eq!(schedule.reject_created_before(), Some(revoked.sign_ins_hold_from));
    assert_eq!(schedule.generation(), 2);
    // Whatever a server's clock says.
    for now in [NOW - Duration::DAY, NOW, NOW + Duration::DAY] {
        assert_eq!(state(&schedule, key(1), now), KeyState::Revoked);
        assert_eq!(state(&schedule, key(2), now), KeyState::Active);
    }
    parse(&schedule.to_text());
}

#[test]
fn a_key_revoked_between_its_neighbours_is_replaced_in_its_place() {
    let mut schedule = one_key();
    let first = schedule.rotate(key(2), &ROTATION, NOW).unwrap();
    let later = first.seal_from + Duration::minutes(5);
    let second = schedule.rotate(key(3), &ROTATION, later).unwrap();
    let revoked = schedule.revoke(key(2).id(), key(4), &FLEET, later).unwrap();
    assert_eq!(revoked.replacement.unwrap().id, key(4).id());
    assert_eq!(ids(&schedule), [1, 2, 4, 3].map(|seed| key(seed).id()));
    assert_eq!(schedule.keys()[2].open_until(), Some(second.open_until));
    assert_eq!(state(&schedule, key(4), later), KeyState::Active);
    assert_eq!(state(&schedule, key(3), second.seal_from), KeyState::Active);
    parse(&schedule.to_text());
}

#[test]
fn a_published_key_that_is_revoked_is_replaced_for_its_day_and_the_one_before_opens_as_much_longer()
{
    let mut schedule = one_key();
    let rotated = schedule.rotate(key(2), &ROTATION, NOW).unwrap();
    let revoked = schedule.revoke(key(2).id(), key(3), &FLEET, NOW).unwrap();
    let Replacement { id, seal_from, .. } = revoked.replacement.unwrap();
    assert_eq!((id, seal_from), (key(3).id(), rotated.seal_from + Duration::SECOND));
    assert_eq!(state(&schedule, key(1), NOW), KeyState::Active);
    assert_eq!(state(&schedule, key(1), rotated.seal_from), KeyState::Active);
    assert_eq!(state(&schedule, key(3), rotated.seal_from + Duration::SECOND), KeyState::Active);
    let open_until = schedule.keys()[0].open_until();
    assert_eq!(open_until, Some(rotated.open_until + Duration::SECOND));
}

#[test]
fn a_draining_key_that_is_revoked_needs_no_replacement() {
    let mut schedule = one_key();
    let rotated = schedule.rotate(key(2), &ROTATION, NOW).unwrap();
    let later = rotated.seal_from + Duration::SECOND;
    let revoked = schedule.revoke(key(1).id(), key(3), &FLEET, later).unwrap();
    assert_eq!(revoked.replacement, None);
    assert_eq!(ids(&schedule), [key(1).id(), key(2).id()]);
    assert_eq!(schedule.reject_created_before(), Some(revoked.sign_ins_hold_from));
}

#[test]
fn a_draining_key_can_be_revoked_when_the_one_before_has_ended_long_ago() {
    let mut schedule = one_key();
    let first = schedule.rotate(key(2), &ROTATION, NOW).unwrap();
    let later = first.open_until + Duration::DAY;
    let second = schedule.rotate(key(3), &ROTATION, later).unwrap();
    let draining = second.seal_from + Duration::SECOND;
    schedule.revoke(key(2).id(), key(4), &AT_ONCE, draining).unwrap();
    assert_eq!(state(&schedule, key(1), draining), KeyState::Retired);
    assert_eq!(state(&schedule, key(3), draining), KeyState::Active);
    parse(&schedule.to_text());
}

#[test]
fn keys_one_second_apart_can_all_be_revoked() {
    let mut schedule = one_key();
    schedule.rotate(key(2), &ROTATION, NOW).unwrap();
    rotate_behind(&mut schedule, 3);
    for seed in [1, 2, 3, 11, 12] {
        schedule.revoke(key(seed).id(), key(seed + 10), &AT_ONCE, NOW).unwrap();
        parse(&schedule.to_text());
    }
}

#[test]
fn a_key_before_that_ended_with_the_revoked_one_leaves_no_gap() {
    let text = two_keys().replace("2026-11-21T09:00:00Z", "2026-11-21T00:00:00Z");
    let mut schedule = parse(&text);
    schedule.revoke(key(2).id(), key(3), &AT_ONCE, NOW).unwrap();
    assert_eq!(state(&schedule, key(3), NOW), KeyState::Active);
    parse(&schedule.to_text());
}

#[test]
fn unknown_and_revoked_keys_cannot_be_revoked() {
    let mut schedule = one_key();
    schedule.revoke(key(1).id(), key(2), &AT_ONCE, NOW).unwrap();
    let before = schedule.to_text();
    let message = |result: Result<_, sealed_session::key_file::KeyFileError>| {
        result.map(|_: Revoked| ()).unwrap_err().to_string()
    };
    let id = key(1).id();
    assert_eq!(
        message(schedule.revoke(id, key(3), &AT_ONCE, NOW)),
        format!("the key {id} is revoked already")
    );
    let id = key(9).id();
    assert_eq!(
        message(schedule.revoke(id, key(3), &AT_ONCE, NOW)),
        format!("there is no key {id} in the file")
    );
    assert_eq!(
        message(schedule.revoke(
            key(2).id(),
            key(3),
            &Fleet { propagation: Duration::seconds(-1), ..AT_ONCE },
            NOW
        )),
        "`propagation` is negative"
    );
    assert_eq!(
        message(schedule.revoke(key(2).id(), key(2), &AT_ONCE, NOW)),
        format!("the file has a key {} already: make another", key(2).id())
    );
    assert_eq!(schedule.to_text(), before);
}

#[test]
fn reject_created_before_never_moves_back() {
    let mut schedule = one_key();
    let late = schedule
        .revoke(key(1).id(), key(2), &Fleet { propagation: Duration::hours(1), ..FLEET }, NOW)
        .unwrap();
    let early = schedule.revoke(key(2).id(), key(3), &AT_ONCE, NOW).unwrap();
    assert_eq!(early.sign_ins_hold_from, late.sign_ins_hold_from);
}

#[test]
fn both_clocks_count_in_what_a_revocation_ends() {
    let fleet = Fleet { propagation: Duration::minutes(10), skew: Duration::minutes(1) };
    let revoked = one_key().revoke(key(1).id(), key(2), &fleet, NOW).unwrap();
    // D + 60 s + 2 S
    assert_eq!(revoked.sign_ins_hold_from, NOW + Duration::minutes(10 + 1 + 2));
}

// cancel

#[test]
fn a_published_key_is_taken_back_and_the_one_before_has_its_former_end() {
    let mut schedule = one_key();
    schedule.rotate(key(2), &ROTATION, NOW).unwrap();
    let cancelled = schedule.cancel(key(2).id(), &FLEET, NOW).unwrap();
    assert_eq!((cancelled.before, cancelled.open_until), (key(1).id(), None));
    assert_eq!(schedule.generation(), 3);
    let text = one_key().to_text().replace("generation = 1", "generation = 3");
    assert_eq!(*schedule.to_text(), text);
    assert!(schedule.rotate(key(3), &ROTATION, NOW).is_ok(), "and another may follow");
}

#[test]
fn of_two_published_keys_either_can_be_taken_back() {
    let mut both = one_key();
    let first = both.rotate(key(2), &ROTATION, NOW).unwrap();
    let second = rotate_behind(&mut both, 3);

    let mut schedule = both.clone();
    let cancelled = schedule.cancel(key(2).id(), &FLEET, NOW).unwrap();
    // Key 1 seals until key 3 does, and what it sealed last must live as long.
    assert_eq!((cancelled.before, cancelled.open_until), (key(1).id(), Some(second.open_until)));
    assert_eq!(state(&schedule, key(1), second.seal_from - Duration::SECOND), KeyState::Active);
    parse(&schedule.to_text());

    let mut schedule = both;
    let cancelled = schedule.cancel(key(3).id(), &FLEET, NOW).unwrap();
    assert_eq!((cancelled.before, cancelled.open_until), (key(2).id(), None));
    assert_eq!(schedule.keys()[0].open_until(), Some(first.open_until));
    parse(&schedule.to_text());
}

#[test]
fn a_key_that_a_server_may_seal_with_before_it_knows_is_not_taken_back() {
    let mut schedule = one_key();
    let rotated = schedule.rotate(key(2), &ROTATION, NOW).unwrap();
    let lead = FLEET.propagation + FLEET.skew;
    let before = schedule.to_text();
    let late = schedule.cancel(key(2).id(), &FLEET, rotated.seal_from - lead).unwrap_err();
    assert!(late.to_string().contains("that is too soon to take it back"), "{late}");
    assert_eq!(schedule.to_text(), before, "nothing is changed");
    let in_time = rotated.seal_from - lead - Duration::SECOND;
    assert!(schedule.cancel(key(2).id(), &FLEET, in_time).is_ok());
}

#[test]
fn only_a_published_key_with_one_before_it_is_taken_back() {
    let mut schedule = one_key();
    let rotated = schedule.rotate(key(2), &ROTATION, NOW).unwrap();
    let message = |schedule: &mut KeySchedule, id, now| {
        schedule.cancel(id, &AT_ONCE, now).unwrap_err().to_string()
    };
    let (first, second, none) = (key(1).id(), key(2).id(), key(9).id());
    let later = rotated.seal_from + Duration::SECOND;
    let active = message(&mut schedule, second, later);
    assert!(active.starts_with(&format!("the key {second} is active, and only")), "{active}");
    let draining = message(&mut schedule, first, later);
    assert!(draining.starts_with(&format!("the key {first} is draining, and only")), "{draining}");
    assert_eq!(message(&mut schedule, none, NOW), format!("there is no key {none} in the file"));
    schedule.revoke(second, key(3), &AT_ONCE, NOW).unwrap();
    let revoked = message(&mut schedule, second, NOW);
    assert!(revoked.starts_with(&format!("the key {second} is revoked")), "{revoked}");
    // Made where the clock is ahead: the only key, and published.
    let mut alone = one_key();
    let alone = message(&mut alone, first, NOW - Duration::days(60));
    assert!(alone.starts_with(&format!("no key is before {first}")), "{alone}");
}

// prune and tend

#[test]
fn pruning_waits_a_day_and_says_until_when() {
    let mut schedule = one_key();
    let rotated = schedule.rotate(key(2), &ROTATION, NOW).unwrap();
    let generation = schedule.generation();
    let from = rotated.open_until + Duration::DAY;
    for now in [NOW, rotated.open_until, from - Duration::SECOND] {
        let pruned = schedule.prune(Duration::DAY, now).unwrap();
        assert_eq!((pruned.removed, pruned.next), (vec![], Some((key(1).id(), from))));
        assert_eq!(schedule.generation(), generation, "nothing was changed");
    }
    let pruned = schedule.prune(Duration::DAY, from).unwrap();
    assert_eq!((pruned.removed, pruned.next), (vec![key(1).id()], None));
    assert_eq!(schedule.generation(), generation + 1);
    assert_eq!(ids(&schedule), [key(2).id()]);
    parse(&schedule.to_text());
}

/// Bad input 59: nine hours ahead, `prune` removed the key that all servers sealed with.
#[test]
fn a_clock_that_is_hours_ahead_prunes_no_key_in_use() {
    let mut schedule = one_key();
    let rotated = schedule.rotate(key(2), &ROTATION, NOW).unwrap();
    for hours in 0..=24 {
        let now = rotated.seal_from + Duration::hours(hours);
        assert!(schedule.prune(Duration::DAY, now).unwrap().removed.is_empty(), "{hours} hours");
        assert_eq!(state(&schedule, key(1), NOW), KeyState::Active);
    }
}

#[test]
fn pruning_at_once_still_waits_for_clocks_that_are_a_minute_behind() {
    let mut schedule = one_key();
    let rotated = schedule.rotate(key(2), &ROTATION, NOW).unwrap();
    let prune =
        |schedule: &mut KeySchedule, now| schedule.prune(Duration::ZERO, now).unwrap().removed;
    assert_eq!(prune(&mut schedule, rotated.open_until + Duration::seconds(59)), []);
    assert_eq!(prune(&mut schedule, rotated.open_until + Duration::MINUTE), [key(1).id()]);
    assert!(schedule.prune(Duration::seconds(-1), NOW).is_err());
}

#[test]
fn a_revoked_key_is_pruned_once_its_sessions_have_ended() {
    let mut schedule = one_key();
    let revoked = schedule.revoke(key(1).id(), key(2), &FLEET, NOW).unwrap();
    let from = revoked.sign_ins_hold_from + Duration::DAY;
    assert_eq!(schedule.prune(Duration::DAY, from - Duration::SECOND).unwrap().removed, []);
    assert_eq!(schedule.prune(Duration::DAY, from).unwrap().removed, [key(1).id()]);
    assert_eq!(schedule.reject_created_before(), Some(revoked.sign_ins_hold_from), "it stays");
}

const TENDING: Tending =
    Tending { every: Duration::days(30), rotation: ROTATION, after_end: Duration::DAY };

fn tend(schedule: &mut KeySchedule, seed: u8, now: OffsetDateTime) -> Tended {
    schedule.tend(key(seed), &TENDING, now).unwrap()
}

#[test]
fn a_year_of_hourly_tending_rotates_every_thirty_days_and_keeps_two_keys() {
    let mut schedule = KeySchedule::new(key(0), NOW).unwrap();
    let (mut seed, mut last) = (1, NOW - Duration::MINUTE);
    for hour in 0..365 * 24 {
        let now = NOW + Duration::hours(hour);
        let before = schedule.clone();
        let tended = tend(&mut schedule, seed, now);
        if let Some(rotated) = tended.rotated {
            assert_eq!(rotated.seal_from, now + ROTATION.after);
            let apart = now - last;
            assert!(
                apart >= TENDING.every && apart < TENDING.every + Duration::hours(1),
                "{apart}"
            );
            last = rotated.seal_from;
            seed += 1;
        } else if tended.pruned.removed.is_empty() {
            assert_eq!(schedule.to_text(), before.to_text());
        }
        assert!(schedule.keys().len() <= 2);
        parse(&schedule.to_text());
    }
    assert_eq!(seed, 1 + 12);
}

#[test]
fn a_clock_that_is_wrong_for_a_while_makes_no_second_key() {
    let mut schedule = one_key();
    let wrong = NOW + Duration::days(40);
    assert!(tend(&mut schedule, 2, wrong).rotated.is_some(), "far ahead");
    for hour in 0..40 * 24 {
        let tended = tend(&mut schedule, 3, NOW + Duration::hours(hour));
        assert_eq!((tended.rotated, tended.pruned.removed), (None, vec![]));
        assert_eq!(state(&schedule, key(1), NOW), KeyState::Active);
    }
    assert!(tend(&mut schedule, 3, NOW - Duration::days(1000)).rotated.is_none(), "far behind");
}

#[test]
fn a_tending_more_often_than_a_key_needs_to_begin_is_refused() {
    let mut schedule = one_key();
    let often = Tending { every: ROTATION.after, ..TENDING };
    let error = schedule.tend(key(2), &often, NOW).unwrap_err();
    assert_eq!(error.to_string(), "`every` is 10m, and must be longer than `after`, 10m");
    assert_eq!(schedule.to_text(), one_key().to_text());
}
