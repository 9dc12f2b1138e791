//! Clocks that differ, step or are wrong by decades, and policies that change.

use super::people::{ENDED, Server, after, builder};
use crate::support::fixtures::NOW;
use sealed_session::{EndedSessions, Origin};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

#[test]
fn servers_whose_clocks_differ_by_a_day_agree_on_what_ended() {
    let day = Duration::DAY;
    for (first, second) in [(NOW, NOW + day), (NOW + day, NOW)] {
        let [one, two] = [Server::new(), Server::new()];
        let old = one.sign_in("ann", NOW);
        one.ended.end_all_of_at("ann", first).unwrap();
        one.tell(&[&two], second);
        let new = two.sign_in("ann", NOW);
        for server in [&one, &two] {
            assert_eq!(server.origin(&old, NOW), ENDED);
            assert_eq!(server.origin(&new, NOW), Origin::Restored);
        }
    }
}

/// Bad input 58, `ended/leave`: a clock that goes a day ahead for two hours, and back.
#[test]
fn a_clock_a_day_ahead_and_back_brings_no_session_back() {
    let server = Server::new();
    let mut browser = server.sign_in("ann", NOW);
    let copy = browser.clone();
    server.sign_out(&mut browser, NOW);
    // Twenty-four hours and the eight of `keep` after its creation an id may leave.
    for minute in 0..120 {
        let ahead = after(Duration::hours(25 + 8) + Duration::minutes(minute));
        server.sign_out(&mut server.sign_in("bob", ahead), ahead);
    }
    assert!(server.ended.status().everyone.is_some(), "it has left, and this stands for it");
    assert_eq!(server.origin(&copy, NOW), ENDED);
}

/// Bad input 58, `ended/leave`: a longer policy after a deployment.
#[test]
fn a_longer_policy_brings_no_session_back() {
    let server = Server::new();
    let mut browser = server.sign_in("ann", NOW);
    let copy = browser.clone();
    server.sign_out(&mut browser, NOW);
    let later = after(Duration::days(3));
    // Each change looks through a part of the list: so many have seen all of it.
    for minute in 0..32 {
        let now = later + Duration::minutes(minute);
        server.sign_out(&mut server.sign_in("bob", now), now);
    }
    assert_eq!(server.ended.status().ids, 32, "Ann's has left the list");
    // The next release lets sessions live for a month.
    server.ended.raise_keep(Duration::days(30));
    let month = Duration::days(30);
    let sessions =
        builder(&server.ended).idle_timeout(month).absolute_timeout(month).build().unwrap();
    assert_eq!(sessions.load_at(&copy.request(), later).origin(), ENDED);
}

/// Clocks at 1970 and past 2106, where seconds no longer fit 32 bits.
#[test]
fn a_clock_at_either_end_of_time_still_ends_sessions() {
    for now in [OffsetDateTime::UNIX_EPOCH, datetime!(2200-01-01 00:00 UTC)] {
        let server = Server::new();
        let mut browser = server.sign_in("ann", now);
        let copy = browser.clone();
        server.sign_out(&mut browser, now);
        assert_eq!(server.origin(&copy, now), ENDED, "{now}");
        let [mut here, there] = ["ann"; 2].map(|user| server.sign_in(user, now));
        server.end_others(&mut here, now);
        assert_eq!(server.origin(&here, now), Origin::Restored, "{now}");
        assert_eq!(server.origin(&there, now), ENDED, "{now}");
        server.ended.end_all_of_at("ann", now).unwrap();
        assert_eq!(server.origin(&here, now), ENDED, "{now}");
        assert_eq!(server.origin(&server.sign_in("ann", now), now), Origin::Restored, "{now}");
    }
}

/// Bad input 58, `ended/leave`: a list that is full.
#[test]
fn a_full_list_refuses_too_much_rather_than_too_little() {
    let list = EndedSessions::new("shop", Duration::hours(8)).with_max_entries(100);
    let server = Server::with(list, |builder| builder);
    let mut copies = Vec::new();
    for n in 0..200_i64 {
        let now = after(Duration::milliseconds(n));
        let mut browser = server.sign_in(&format!("user-{n}"), now);
        copies.push(browser.clone());
        server.sign_out(&mut browser, now);
    }
    let now = after(Duration::SECOND);
    assert!(server.ended.len() <= 100, "{:?}", server.ended.status());
    assert!(copies.iter().all(|copy| server.origin(copy, now) == ENDED));
    assert_eq!(server.origin(&server.sign_in("ann", now), now), Origin::Restored);
}
