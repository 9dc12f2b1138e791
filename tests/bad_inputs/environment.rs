//! Bad inputs 45, 47, 48 and 51: keys, clocks and panics.

use crate::support::fixtures::*;
use crate::support::second::Stamps;
use crate::{assert_kept, assert_left, opens_at};
use http::HeaderMap;
use sealed_session::{DatedKey, EncodeError, Key, KeyError, KeyRing, Origin, Reason, Saved};
use sealed_session::{Session, Sessions};
use std::panic::{AssertUnwindSafe, catch_unwind};
use time::{Duration, OffsetDateTime};

/// Bad input 45, `keys/ring`.
#[test]
fn two_keys_of_one_id_are_refused() {
    let error = ring().with_retired(key(KEY)).unwrap_err();
    let id = key(KEY).id();
    assert_eq!(
        error.to_string(),
        format!(
            "two keys of the ring have the id {id}: remove one if it is listed twice, else make another"
        )
    );
}

/// Bad input 45, `keys/key`.
#[test]
fn an_all_equal_key_is_refused() {
    assert_eq!(Key::from_bytes([0x5a; 32]).unwrap_err(), KeyError::AllEqual);
}

/// Bad input 45, `keys/key`.
#[test]
fn a_key_of_31_bytes_is_refused() {
    let error = Key::try_from(&KEY[..31]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a key has 32 bytes, but this one has 31: make a key with `Key::generate`"
    );
}

/// A ring whose only key seals from tomorrow on.
fn sessions_before_the_first_key() -> Sessions<Visit> {
    let tomorrow = DatedKey::new(key(KEY), NOW + Duration::DAY);
    Sessions::builder(APP, KeyRing::schedule([tomorrow]).unwrap()).build().unwrap()
}

/// Bad input 47, `keys/ring`.
#[test]
fn without_an_active_key_opening_works() {
    assert!(opens_at(&sessions_before_the_first_key(), &good_value(), NOW));
}

/// Bad input 47, `keys/ring`.
#[test]
fn without_an_active_key_sealing_is_an_error() {
    let session = Session::new_at(visit(7, "ann"), NOW);
    let error = sessions_before_the_first_key().encode_at(&session, NOW).unwrap_err();
    assert!(matches!(error, EncodeError::NoSealingKey), "{error}");
}

/// Bad input 47, `steps/load`.
#[test]
fn without_an_active_key_saving_leaves_the_response_untouched() {
    let sessions = sessions_before_the_first_key();
    let mut session = sessions.load_at(&request_with(&good_value()), NOW);
    session.page_views += 1;
    let mut response = HeaderMap::new();
    let error = sessions.save_at(session, &mut response, NOW).unwrap_err();
    assert!(matches!(error, EncodeError::NoSealingKey), "{error}");
    assert_eq!(response, HeaderMap::new());
}

const HOUR: Duration = Duration::HOUR;

/// Bad input 48, `rules/timeouts`: the clock was an hour ahead and now is right.
#[test]
fn after_a_step_back_the_sessions_of_the_hour_ahead_are_kept() {
    let value = sealed(created(NOW + HOUR), &visit_bytes(7, "ann"));
    assert_kept(&sessions(), &value, Reason::NotYetValid);
}

/// Bad input 48, `rules/timeouts`: the clock was an hour behind and now is right.
#[test]
fn after_a_step_ahead_the_sessions_of_the_hour_behind_are_left() {
    let value = sealed(created(NOW - HOUR), &visit_bytes(7, "ann"));
    assert_left(&sessions(), &value, Reason::IdleTimeout);
}

/// Loads Ann's session at one time and saves it, changed, at another.
fn load_then_save(load: OffsetDateTime, save: OffsetDateTime) -> (Saved, HeaderMap) {
    let value = sealed(created(load), &visit_bytes(7, "ann"));
    let sessions = sessions::<Visit>();
    let mut session = sessions.load_at(&request_with(&value), load);
    session.page_views += 1;
    let mut response = HeaderMap::new();
    let saved = sessions.save_at(session, &mut response, save).unwrap();
    (saved, response)
}

/// Bad input 48, `rules/timeouts`: no longer life than the policy's, and no removal.
#[test]
fn a_step_back_between_load_and_save_does_not_lengthen_a_session() {
    let (saved, response) = load_then_save(NOW, NOW - HOUR);
    assert_eq!(saved, Saved::Written);
    assert_eq!(set_cookie(&response).max_age(), Some(IDLE));
}

/// Bad input 48, `rules/timeouts`: used just now, whatever the clock says.
#[test]
fn a_step_ahead_between_load_and_save_ends_no_session() {
    let (saved, response) = load_then_save(NOW, NOW + HOUR);
    assert_eq!(saved, Saved::Written);
    assert_eq!(set_cookie(&response).max_age(), Some(IDLE));
}

/// Bad input 48, `rules/timeouts`: a machine without a battery; every cookie of the world is from
/// its future.
#[test]
fn at_1970_the_sessions_of_today_are_kept() {
    let (sessions, start) = (sessions::<Visit>(), OffsetDateTime::UNIX_EPOCH);
    let mut session = sessions.load_at(&request_with(&good_value()), start);
    assert_eq!(session.origin(), Origin::Rejected(Reason::NotYetValid));
    session.page_views += 1;
    let mut response = HeaderMap::new();
    assert_eq!(sessions.save_at(session, &mut response, start).unwrap(), Saved::Kept);
    assert!(set_cookies(&response).is_empty());
}

/// Bad input 48, `rules/timeouts`.
#[test]
fn a_session_made_at_1970_has_timed_out_once_the_clock_is_right() {
    let (sessions, start) = (sessions::<Visit>(), OffsetDateTime::UNIX_EPOCH);
    let value = sessions.encode_at(&Session::new_at(visit(7, "ann"), start), start).unwrap();
    assert!(opens_at(&sessions, &value, start));
    assert_left(&sessions, &value, Reason::AbsoluteTimeout);
}

/// Bad input 48, `timestamp`: a clock before 1970 stands at 1970.
#[test]
fn a_clock_before_1970_stands_at_1970() {
    let before = OffsetDateTime::UNIX_EPOCH - Duration::days(365);
    let session = Session::new_at(Visit::default(), before);
    assert_eq!(session.created_at(), OffsetDateTime::UNIX_EPOCH);
}

/// Bad input 48, `rules/timeouts`: by whatever the clock reads, and whenever the session was made
/// and renewed.
#[test]
fn no_clock_accepts_a_session_past_its_deadlines() {
    let mut accepted = 0;
    for age in (0..600).step_by(7) {
        for renewed in (0..=age * 60).step_by(1000) {
            let stamps = Stamps {
                renewed: renewed.try_into().unwrap(),
                ..created(NOW - Duration::minutes(age))
            };
            let value = sealed(stamps, &visit_bytes(7, "ann"));
            for now in [NOW - HOUR, NOW, NOW + HOUR, OffsetDateTime::UNIX_EPOCH] {
                if opens_at(&sessions(), &value, now) {
                    accepted += 1;
                    let made = NOW - Duration::minutes(age);
                    let used = made + SECOND * i32::try_from(renewed).unwrap();
                    assert!(used + IDLE > now && made + ABSOLUTE > now, "{stamps:?} at {now}");
                }
            }
        }
    }
    assert!(accepted > 0);
}

/// Loads a value for which the application's hook panics, then a good one.
fn assert_served_after_a_panic(sessions: &Sessions<Visit>, panics: &str) {
    let load = AssertUnwindSafe(|| sessions.load_at(&request_with(panics), NOW));
    assert!(catch_unwind(load).is_err(), "the panic passes through and accepts nothing");
    let session = sessions.load_at(&request_with(&good_value()), NOW);
    assert_eq!(session.origin(), Origin::Restored);
    assert_eq!(*session, visit(7, "ann"));
}

/// Bad input 51, `wire/codec`: nothing is locked meanwhile.
#[test]
fn after_a_panic_inside_revoked_the_next_request_is_served() {
    let sessions = builder()
        .revoked(|session: &Session<Visit>| match session.page_views {
            13 => panic!("the list of ended sessions is gone"),
            _ => false,
        })
        .build()
        .unwrap();
    assert_served_after_a_panic(&sessions, &sealed(created(NOW), &visit_bytes(13, "ann")));
}

/// Bad input 51, `wire/codec`.
#[test]
fn after_a_panic_inside_an_upgrade_the_next_request_is_served() {
    let sessions = builder()
        .schema_version(2)
        .upgrade(0, |old: Visit| old)
        .upgrade(1, |_: ()| panic!("who wrote this?"))
        .build()
        .unwrap();
    let stamps = Stamps { schema: 1, ..created(NOW) };
    assert_served_after_a_panic(&sessions, &sealed(stamps, &[]));
}
