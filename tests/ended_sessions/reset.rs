//! `reset()`: it ends what the request brought, and may be written all the same.

use super::people::{Browser, ENDED, Server, after};
use crate::support::fixtures::{NOW, SECOND};
use sealed_session::{Origin, Saved};
use time::Duration;

#[test]
fn a_farewell_ends_the_old_session_and_the_visitor_goes_on() {
    let server = Server::new();
    let mut browser = server.sign_in("ann", NOW);
    let copy = browser.clone();
    let mut session = server.load(&browser, NOW);
    session.reset();
    assert_eq!(server.origin(&copy, NOW), ENDED, "at the call");
    session.page_views = 1; // the message
    assert_eq!(server.save(session, &mut browser, NOW), Saved::Written);
    assert_eq!(server.origin(&browser, NOW), Origin::Restored);
    assert_eq!(server.load(&browser, NOW).user, None);
}

#[test]
fn a_reset_that_signs_the_same_user_in_again_is_written() {
    let server = Server::new();
    let mut browser = server.sign_in("ann", NOW);
    let copy = browser.clone();
    let mut session = server.load(&browser, NOW);
    session.reset();
    session.user = Some("ann".to_owned());
    assert_eq!(server.save(session, &mut browser, NOW), Saved::Written);
    assert_eq!(
        (server.origin(&browser, NOW), server.origin(&copy, NOW)),
        (Origin::Restored, ENDED)
    );
}

/// Bad input 57, `steps/ended`: a reset one is written if its subject is another now.
#[test]
fn a_farewell_is_written_though_an_administrator_ended_the_session_meanwhile() {
    let server = Server::new();
    let mut browser = server.sign_in("ann", NOW);
    let mut session = server.load(&browser, NOW);
    server.ended.end_at(session.id(), NOW).unwrap();
    session.reset();
    session.page_views = 1;
    assert_eq!(server.save(session, &mut browser, NOW), Saved::Written);
    assert_eq!(server.origin(&browser, NOW), Origin::Restored);
}

/// Bad input 57, `steps/ended`: but not if it is the one it came with, and somebody else ended it.
#[test]
fn a_reset_that_signs_the_same_user_in_is_kept_out_if_another_ended_the_session() {
    let server = Server::new();
    let browser = server.sign_in("ann", NOW);
    // Before the reset:
    let mut session = server.load(&browser, NOW);
    server.ended.end_at(session.id(), NOW).unwrap();
    session.reset();
    session.user = Some("ann".to_owned());
    assert_eq!(server.answer(session, NOW).0, Saved::Kept);
    // All of the user's:
    let browser = server.sign_in("ann", NOW);
    let mut session = server.load(&browser, NOW);
    session.reset();
    server.ended.end_all_of_at("ann", after(SECOND)).unwrap();
    session.user = Some("ann".to_owned());
    assert_eq!(server.answer(session, after(SECOND)).0, Saved::Kept);
}

/// Bad input 57, `steps/ended`: nor if a server whose list was full ended everyone. What is told late
/// ended before the load: the session after the reset is younger, the one that was loaded is not.
#[test]
fn a_reset_that_signs_the_same_user_in_again_is_kept_out_if_everyone_was_ended() {
    let server = Server::new();
    let browser = server.sign_in("ann", NOW - Duration::minutes(10));
    let mut session = server.load(&browser, after(SECOND));
    session.reset();
    // "everyone" at NOW, as docs/format.md has it.
    let everyone = [0x01, 0x03, 0x01, 0xa1, 0xfd, 0xfa, 0x46, 0x00, 0x86, 0x49, 0x97, 0xaf];
    server.ended.apply_at(&everyone, after(SECOND)).unwrap();
    session.user = Some("ann".to_owned());
    assert_eq!(server.answer(session, after(SECOND)).0, Saved::Kept);
}

#[test]
fn a_reset_that_signs_in_a_user_who_was_cut_meanwhile_is_kept_out() {
    let server = Server::new();
    for browser in [Browser::default(), server.sign_in("bob", NOW)] {
        let mut session = server.load(&browser, NOW);
        session.reset();
        server.ended.end_all_of_at("ann", after(SECOND)).unwrap();
        session.user = Some("ann".to_owned());
        assert_eq!(server.answer(session, after(SECOND)).0, Saved::Kept);
    }
}

#[test]
fn the_65th_reset_cuts_its_user_and_goes_on_under_that_cut() {
    let server = Server::new();
    let other = server.sign_in("ann", NOW);
    let mut browser = server.sign_in("ann", NOW);
    for n in 1..=65 {
        let mut session = server.load(&browser, NOW);
        session.reset();
        session.user = Some("ann".to_owned());
        assert_eq!(server.save(session, &mut browser, NOW), Saved::Written, "{n}");
        assert_eq!(server.origin(&browser, NOW), Origin::Restored, "{n}");
    }
    assert_eq!(server.origin(&other, NOW), ENDED);
}

#[test]
fn two_resets_in_one_request_are_one() {
    let server = Server::new();
    let mut browser = server.sign_in("ann", NOW);
    let mut session = server.load(&browser, NOW);
    session.reset();
    session.reset();
    session.user = Some("ann".to_owned());
    assert_eq!(server.save(session, &mut browser, NOW), Saved::Written);
    assert_eq!(server.ended.status().ids, 1);
}
