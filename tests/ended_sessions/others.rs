//! `end_others`: "sign out my other devices".

use super::people::{Browser, ENDED, Server, after, cut};
use crate::support::fixtures::{NOW, SECOND, visit};
use crate::support::log;
use sealed_session::{NoSubject, Origin, Saved, Session};
use time::Duration;

#[test]
fn every_other_session_of_the_user_ends_and_this_one_goes_on() {
    let server = Server::new();
    let [mut here, there, bob] = ["ann", "ann", "bob"].map(|user| server.sign_in(user, NOW));
    assert_eq!(server.end_others(&mut here, NOW), Saved::Written);
    let origins = [&here, &there, &bob].map(|browser| server.origin(browser, NOW));
    assert_eq!(origins, [Origin::Restored, ENDED, Origin::Restored]);
}

#[test]
fn a_new_password_ends_all_and_signs_in_within_one_request() {
    let server = Server::new();
    let mut here = server.sign_in("ann", NOW);
    let there = server.sign_in("ann", NOW);
    let copy = here.clone();
    let mut session = server.load(&here, NOW);
    session.renew();
    session.user = Some("ann".to_owned());
    session.end_others().unwrap();
    assert_eq!(server.save(session, &mut here, NOW), Saved::Written);
    let origins = [&here, &there, &copy].map(|browser| server.origin(browser, NOW));
    assert_eq!(origins, [Origin::Restored, ENDED, ENDED], "a copy of this very session, too");
}

#[test]
fn a_first_sign_in_may_end_the_others() {
    let server = Server::new();
    let there = server.sign_in("ann", NOW);
    let mut here = Browser::default();
    let mut session = server.load(&here, NOW);
    session.user = Some("ann".to_owned());
    session.end_others().unwrap();
    assert_eq!(server.save(session, &mut here, NOW), Saved::Written);
    assert_eq!((server.origin(&here, NOW), server.origin(&there, NOW)), (Origin::Restored, ENDED));
}

#[test]
fn of_two_devices_that_each_end_the_others_the_first_is_left() {
    let server = Server::new();
    let [mut one, mut two] = ["ann"; 2].map(|user| server.sign_in(user, NOW));
    assert_eq!(server.end_others(&mut one, NOW), Saved::Written);
    let session = server.load(&two, after(Duration::seconds(5)));
    assert_eq!(session.origin(), ENDED, "it has to sign in again");
    server.sign_in_with(&mut two, "ann", after(Duration::seconds(5)));
    assert_eq!(server.end_others(&mut two, after(Duration::seconds(6))), Saved::Written);
    let now = after(Duration::seconds(6));
    assert_eq!((server.origin(&one, now), server.origin(&two, now)), (ENDED, Origin::Restored));
}

/// Its own cut makes an entry leave, and everyone as old as that ends: this session, too, if it is.
#[test]
fn in_a_full_list_no_session_is_written_that_the_next_request_would_refuse() {
    let millisecond = Duration::MILLISECOND;
    for (older, saved, origin) in
        [(Duration::ZERO, Saved::Kept, ENDED), (millisecond, Saved::Written, Origin::Restored)]
    {
        let server = Server::new();
        let ended = server.ended.clone().with_max_entries(1);
        let bob = server.sign_in("bob", NOW);
        let mut ann = server.sign_in("ann", after(older));
        let now = after(Duration::SECOND);
        ended.end_at(server.load(&bob, now).id(), now).unwrap();
        assert_eq!(server.origin(&ann, now), Origin::Restored);
        assert_eq!(server.end_others(&mut ann, now), saved);
        assert_eq!(server.origin(&ann, now), origin);
    }
}

/// Bad input 57, `steps/ended`: both were loaded before either was saved.
#[test]
fn of_two_end_others_at_once_one_is_kept_and_one_written() {
    let server = Server::new();
    let [one, two] = ["ann"; 2].map(|user| server.sign_in(user, NOW));
    let [mut first, mut second] = [&one, &two].map(|browser| server.load(browser, NOW));
    first.end_others().unwrap();
    second.end_others().unwrap();
    assert_eq!(server.answer(first, NOW).0, Saved::Written);
    assert_eq!(server.answer(second, NOW).0, Saved::Kept);
    assert_eq!(server.ended.status().subjects, 1);
}

#[test]
fn a_second_one_within_a_second_is_kept() {
    let server = Server::new();
    let mut browser = server.sign_in("ann", NOW);
    assert_eq!(server.end_others(&mut browser, NOW), Saved::Written);
    assert_eq!(server.end_others(&mut browser, after(SECOND / 2)), Saved::Kept);
    assert_eq!(server.end_others(&mut browser, after(SECOND)), Saved::Written);
}

/// Found by a seed of the fuzz target `operations`: only another `end_others` has to wait for a second.
#[test]
fn one_just_after_an_end_of_all_is_written() {
    let server = Server::new();
    server.ended.end_all_of_at("ann", NOW).unwrap();
    let mut browser = server.sign_in("ann", NOW);
    assert_eq!(server.end_others(&mut browser, NOW), Saved::Written);
}

#[test]
fn a_visitor_who_loses_the_response_signs_in_again() {
    let server = Server::new();
    let browser = server.sign_in("ann", NOW);
    let mut session = server.load(&browser, NOW);
    session.end_others().unwrap();
    assert_eq!(server.answer(session, NOW).0, Saved::Written);
    assert_eq!(server.origin(&browser, NOW), ENDED);
    assert_eq!(server.origin(&server.sign_in("ann", NOW), NOW), Origin::Restored);
}

#[test]
fn nothing_ends_if_nothing_could_be_written() {
    let server = Server::new();
    let browser = server.sign_in("ann", NOW);
    let other = server.sign_in("ann", NOW);
    let mut session = server.load(&browser, NOW);
    session.end_others().unwrap();
    session.user = Some("a".repeat(5000));
    let mut response = http::HeaderMap::new();
    let error = server.sessions.save_at(session, &mut response, NOW).unwrap_err();
    assert!(matches!(error, sealed_session::EncodeError::TooLarge { .. }), "{error}");
    assert!(server.ended.is_empty());
    assert_eq!(server.origin(&other, NOW), Origin::Restored);
}

#[test]
fn a_destroyed_session_ends_no_others_and_says_so() {
    let server = Server::new();
    let mut browser = server.sign_in("ann", NOW);
    let other = server.sign_in("ann", NOW);
    let mut session = server.load(&browser, NOW);
    session.end_others().unwrap();
    session.destroy();
    log::listen();
    assert_eq!(server.save(session, &mut browser, NOW), Saved::Removed);
    let text = log::heard();
    assert!(text.contains("end_all_of"), "{text}");
    assert_eq!(server.origin(&other, NOW), Origin::Restored);
}

#[test]
fn a_session_that_is_nobodys_has_no_others() {
    let server = Server::new();
    assert_eq!(server.load(&Browser::default(), NOW).end_others(), Err(NoSubject));
    let browser = server.sign_in("ann", NOW);
    let mut session = server.load(&browser, NOW);
    session.user = None;
    assert_eq!(session.end_others(), Err(NoSubject));
    // Without a list, or made by hand, it knows of none.
    let mut session = Server::without_list().load_at(&browser.request(), NOW);
    assert_eq!(session.end_others(), Err(NoSubject));
    assert_eq!(Session::new_at(visit(1, "ann"), NOW).end_others(), Err(NoSubject));
    assert!(NoSubject.to_string().contains("sign the user in first"));
}

#[test]
fn it_is_not_encoded_because_only_save_carries_it_out() {
    let server = Server::new();
    let browser = server.sign_in("ann", NOW);
    let mut session = server.load(&browser, NOW);
    session.end_others().unwrap();
    let error = server.sessions.encode_at(&session, NOW).unwrap_err();
    assert!(matches!(error, sealed_session::EncodeError::Ended), "{error}");
    assert!(server.ended.is_empty());
}

#[test]
fn the_cut_of_the_one_that_goes_on_is_the_new_one() {
    let server = Server::new();
    let mut browser = server.sign_in("ann", NOW);
    server.end_others(&mut browser, NOW);
    assert_eq!(i64::from(cut(&browser)), NOW.unix_timestamp());
}
