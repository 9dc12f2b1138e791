//! `end_all_of`, and what a user in a loop can do.

use super::people::{Browser, ENDED, Server, after, cut};
use crate::support::fixtures::{NOW, SECOND};
use sealed_session::{Origin, Saved};
use time::Duration;

#[test]
fn every_session_of_the_user_ends_and_no_other() {
    let server = Server::new();
    let [one, two, bob] = ["ann", "ann", "bob"].map(|user| server.sign_in(user, NOW));
    let mut anonymous = server.load(&Browser::default(), NOW);
    anonymous.page_views = 1;
    let mut visitor = Browser::default();
    server.save(anonymous, &mut visitor, NOW);
    server.ended.end_all_of_at("ann", NOW).unwrap();
    assert_eq!([&one, &two].map(|copy| server.origin(copy, NOW)), [ENDED; 2]);
    assert_eq!([&bob, &visitor].map(|copy| server.origin(copy, NOW)), [Origin::Restored; 2]);
}

/// Bad input 57, `steps/ended`: all of a user's sessions ended while a page of one was made.
#[test]
fn an_end_of_all_is_not_undone_by_a_page_that_was_loaded_before() {
    for renew in [false, true] {
        let server = Server::new();
        let browser = server.sign_in("ann", NOW);
        let mut slow = server.load(&browser, NOW);
        server.ended.end_all_of_at("ann", NOW).unwrap();
        slow.page_views += 1;
        if renew {
            slow.renew();
        }
        assert_eq!(server.answer(slow, NOW).0, Saved::Kept, "renewed: {renew}");
    }
}

/// Bad input 57, `steps/ended`: nobody changed it, it was only due for renewal.
#[test]
fn an_end_of_all_is_not_undone_by_a_renewal_that_was_due() {
    let server = Server::new();
    let browser = server.sign_in("ann", NOW);
    let later = after(Duration::minutes(10));
    let slow = server.load(&browser, later);
    server.ended.end_all_of_at("ann", later).unwrap();
    assert_eq!(server.answer(slow, later).0, Saved::Kept);
}

/// Bad input 57, `steps/ended`: it would take along what the ended session held.
#[test]
fn a_session_that_an_end_of_all_has_ended_does_not_go_on_as_another_users() {
    let server = Server::new();
    for user in [Some("bob"), None] {
        let browser = server.sign_in("ann", NOW);
        let mut slow = server.load(&browser, NOW);
        server.ended.end_all_of_at("ann", NOW).unwrap();
        slow.user = user.map(str::to_owned);
        assert_eq!(server.answer(slow, NOW).0, Saved::Kept, "{user:?}");
    }
}

/// Bad input 57, `steps/ended`: a sign-in that was loaded before all of its user's sessions ended.
#[test]
fn a_sign_in_that_was_loaded_before_the_end_is_not_written() {
    let server = Server::new();
    for browser in [Browser::default(), server.sign_in("bob", NOW)] {
        let mut session = server.load(&browser, NOW);
        server.ended.end_all_of_at("ann", NOW).unwrap();
        session.renew();
        session.user = Some("ann".to_owned());
        assert_eq!(server.answer(session, NOW).0, Saved::Kept);
    }
}

#[test]
fn a_sign_in_right_after_everywhere_counts_on_the_same_server() {
    let server = Server::new();
    let old = server.sign_in("ann", NOW);
    server.ended.end_all_of_at("ann", NOW).unwrap();
    let new = server.sign_in("ann", NOW);
    assert_eq!((server.origin(&old, NOW), server.origin(&new, NOW)), (ENDED, Origin::Restored));
}

#[test]
fn a_sign_in_on_a_server_that_everywhere_has_not_reached_is_refused_once_it_has() {
    let [one, two] = [Server::new(), Server::new()];
    one.ended.end_all_of_at("ann", NOW).unwrap();
    let early = two.sign_in("ann", NOW);
    assert_eq!(two.origin(&early, NOW), Origin::Restored);
    one.tell(&[&two], NOW);
    assert_eq!([&one, &two].map(|server| server.origin(&early, NOW)), [ENDED; 2]);
    let late = two.sign_in("ann", NOW);
    assert_eq!([&one, &two].map(|server| server.origin(&late, NOW)), [Origin::Restored; 2]);
}

#[test]
fn a_session_carries_the_cut_it_was_made_under_as_long_as_its_subject_stays() {
    let server = Server::new();
    let mut browser = server.sign_in("ann", NOW);
    assert_eq!(cut(&browser), 1, "a subject without a known cut");
    server.ended.end_all_of_at("ann", NOW).unwrap();
    server.sign_in_with(&mut browser, "ann", NOW);
    let made = cut(&browser);
    assert!(made > 1_700_000_000, "{made}");
    for change in ["data", "renew", "rotate"] {
        let mut session = server.load(&browser, NOW);
        session.page_views += 1;
        match change {
            "renew" => session.renew(),
            "rotate" => session.rotate_id(),
            _ => {}
        }
        assert_eq!(server.save(session, &mut browser, NOW), Saved::Written);
        assert_eq!(cut(&browser), made, "{change}");
    }
    let mut session = server.load(&browser, NOW);
    session.user = None;
    server.save(session, &mut browser, NOW);
    assert_eq!(cut(&browser), 0, "nobody's");
}

#[test]
fn a_subject_that_changes_to_another_and_back_is_a_sign_in_each_time() {
    let server = Server::new();
    let mut browser = server.sign_in("ann", NOW);
    let old = browser.clone();
    let become_user = |browser: &mut Browser, user: &str| {
        let mut session = server.load(browser, NOW);
        session.user = Some(user.to_owned());
        server.save(session, browser, NOW)
    };
    assert_eq!(become_user(&mut browser, "bob"), Saved::Written);
    server.ended.end_all_of_at("ann", NOW).unwrap();
    assert_eq!(server.origin(&browser, NOW), Origin::Restored, "it is Bob's");
    assert_eq!(become_user(&mut browser, "ann"), Saved::Written);
    assert_eq!((server.origin(&browser, NOW), server.origin(&old, NOW)), (Origin::Restored, ENDED));
    // There and back within one request, it was Ann's all the time.
    let mut session = server.load(&browser, NOW);
    session.user = Some("bob".to_owned());
    server.ended.end_all_of_at("ann", after(SECOND)).unwrap();
    session.user = Some("ann".to_owned());
    session.page_views += 1;
    assert_eq!(server.answer(session, after(SECOND)).0, Saved::Kept);
}

/// Bad input 58, `ended/request`: one user in a loop of sign-in and sign-out.
#[test]
fn the_65th_sign_out_ends_all_of_its_user_and_the_66th_does_not() {
    let server = Server::new();
    let [other, bob] = ["ann", "bob"].map(|user| server.sign_in(user, NOW));
    let sign_in_and_out = || server.sign_out(&mut server.sign_in("ann", NOW), NOW);
    (0..64).for_each(|_| sign_in_and_out());
    assert_eq!(server.origin(&other, NOW), Origin::Restored);
    sign_in_and_out();
    assert_eq!(server.origin(&other, NOW), ENDED);
    assert_eq!(server.origin(&bob, NOW), Origin::Restored, "he harms only himself");
    let again = server.sign_in("ann", NOW);
    sign_in_and_out();
    assert_eq!(server.origin(&again, NOW), Origin::Restored);
}

#[test]
fn a_loop_of_end_others_does_not_outrun_an_end_of_all_from_a_server_that_lags() {
    let [one, lagging] = [Server::new(), Server::new()];
    let mut thief = one.sign_in("ann", NOW);
    for minute in 0..59 {
        let saved = one.end_others(&mut thief, after(Duration::minutes(minute)));
        assert_eq!(saved, Saved::Written);
    }
    // It has heard of none of these numbers.
    lagging.ended.end_all_of_at("ann", NOW).unwrap();
    lagging.tell(&[&one], NOW);
    assert_eq!(one.origin(&thief, after(Duration::minutes(59))), ENDED);
}
