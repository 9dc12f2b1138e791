//! What rotate, revoke and prune write into a key file.

mod support;

use sealed_session::key_file::{KeySchedule, Rotation};
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

fn one_key() -> KeySchedule {
    KeySchedule::new(key(1), NOW - Duration::days(30)).unwrap()
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

#[test]
fn two_rotations_in_one_second_give_two_keys_in_turn() {
    let mut schedule = one_key();
    let first = schedule.rotate(key(2), &ROTATION, NOW).unwrap();
    let second = schedule.rotate(key(3), &ROTATION, NOW).unwrap();
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
    let revoked = schedule.revoke(key(1).id(), key(2), Duration::minutes(10), NOW).unwrap();
    assert_eq!(revoked.replacement, Some(key(2).id()));
    assert_eq!(revoked.sign_ins_hold_from, datetime!(2026-11-21 12:11 UTC));
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
    let revoked = schedule.revoke(key(2).id(), key(4), Duration::minutes(2), later).unwrap();
    assert_eq!(revoked.replacement, Some(key(4).id()));
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
    let revoked = schedule.revoke(key(2).id(), key(3), Duration::minutes(2), NOW).unwrap();
    assert_eq!(revoked.replacement, Some(key(3).id()));
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
    let revoked = schedule.revoke(key(1).id(), key(3), Duration::minutes(2), later).unwrap();
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
    schedule.revoke(key(2).id(), key(4), Duration::ZERO, draining).unwrap();
    assert_eq!(state(&schedule, key(1), draining), KeyState::Retired);
    assert_eq!(state(&schedule, key(3), draining), KeyState::Active);
    parse(&schedule.to_text());
}

#[test]
fn keys_one_second_apart_can_all_be_revoked() {
    let mut schedule = one_key();
    schedule.rotate(key(2), &ROTATION, NOW).unwrap();
    schedule.rotate(key(3), &ROTATION, NOW).unwrap();
    for seed in [1, 2, 3, 11, 12] {
        schedule.revoke(key(seed).id(), key(seed + 10), Duration::ZERO, NOW).unwrap();
        parse(&schedule.to_text());
    }
}

#[test]
fn a_key_before_that_ended_with_the_revoked_one_leaves_no_gap() {
    let text = two_keys().replace("2026-11-21T09:00:00Z", "2026-11-21T00:00:00Z");
    let mut schedule = parse(&text);
    schedule.revoke(key(2).id(), key(3), Duration::ZERO, NOW).unwrap();
    assert_eq!(state(&schedule, key(3), NOW), KeyState::Active);
    parse(&schedule.to_text());
}

#[test]
fn unknown_and_revoked_keys_cannot_be_revoked() {
    let mut schedule = one_key();
    schedule.revoke(key(1).id(), key(2), Duration::ZERO, NOW).unwrap();
    let before = schedule.to_text();
    let message = |result: Result<_, sealed_session::key_file::KeyFileError>| {
        result.map(|_: sealed_session::key_file::Revoked| ()).unwrap_err().to_string()
    };
    let id = key(1).id();
    assert_eq!(
        message(schedule.revoke(id, key(3), Duration::ZERO, NOW)),
        format!("the key {id} is revoked already")
    );
    let id = key(9).id();
    assert_eq!(
        message(schedule.revoke(id, key(3), Duration::ZERO, NOW)),
        format!("there is no key {id} in the file")
    );
    assert_eq!(
        message(schedule.revoke(key(2).id(), key(3), Duration::seconds(-1), NOW)),
        "`propagation` is negative"
    );
    assert_eq!(
        message(schedule.revoke(key(2).id(), key(2), Duration::ZERO, NOW)),
        format!("the file has a key {} already: make another", key(2).id())
    );
    assert_eq!(schedule.to_text(), before);
}

#[test]
fn reject_created_before_never_moves_back() {
    let mut schedule = one_key();
    let late = schedule.revoke(key(1).id(), key(2), Duration::hours(1), NOW).unwrap();
    let early = schedule.revoke(key(2).id(), key(3), Duration::ZERO, NOW).unwrap();
    assert_eq!(early.sign_ins_hold_from, late.sign_ins_hold_from);
}

#[test]
fn pruning_removes_what_no_longer_opens_anywhere() {
    let mut schedule = one_key();
    let rotated = schedule.rotate(key(2), &ROTATION, NOW).unwrap();
    let generation = schedule.generation();
    assert_eq!(schedule.prune(rotated.open_until + Duration::seconds(59)).unwrap(), []);
    assert_eq!(schedule.generation(), generation, "nothing was changed");
    let gone = schedule.prune(rotated.open_until + Duration::MINUTE).unwrap();
    assert_eq!(gone, [key(1).id()]);
    assert_eq!(schedule.generation(), generation + 1);
    assert_eq!(ids(&schedule), [key(2).id()]);
    parse(&schedule.to_text());
}

#[test]
fn a_revoked_key_is_pruned_once_its_sessions_have_ended() {
    let mut schedule = one_key();
    let revoked = schedule.revoke(key(1).id(), key(2), Duration::minutes(10), NOW).unwrap();
    assert_eq!(schedule.prune(revoked.sign_ins_hold_from).unwrap(), []);
    let gone = schedule.prune(revoked.sign_ins_hold_from + Duration::MINUTE).unwrap();
    assert_eq!(gone, [key(1).id()]);
    assert_eq!(schedule.reject_created_before(), Some(revoked.sign_ins_hold_from), "it stays");
}
