//! `destroy`: what it ends, and when.

use super::people::{Browser, ENDED, Server, after};
use crate::support::fixtures::{NOW, SECOND, Visit, created, sealed, visit_bytes};
use crate::support::second::Stamps;
use sealed_session::{Origin, Reason, Saved, Session};
use std::panic::{AssertUnwindSafe, catch_unwind};
use time::Duration;

/// Bad input 36b, `wire/codec`: copied before the sign-out and sent again.
#[test]
fn a_copy_made_before_the_sign_out_is_refused() {
    let server = Server::new();
    let mut browser = server.sign_in("ann", NOW);
    let copy = browser.clone();
    server.sign_out(&mut browser, after(SECOND));
    assert_eq!(server.origin(&copy, after(SECOND)), ENDED);
    let error = server.sessions.decode_at(&copy.values[0], after(SECOND)).unwrap_err();
    assert_eq!(error.reason(), Reason::Ended);
    assert_eq!(
        server.origin(&server.sign_in("ann", after(SECOND)), after(SECOND)),
        Origin::Restored
    );
}

/// Bad input 36b, `wire/codec`: on every server that the end has reached.
#[test]
fn a_copy_is_refused_on_every_server_that_the_end_has_reached() {
    let [one, two] = [Server::new(), Server::new()];
    let mut browser = one.sign_in("ann", NOW);
    let copy = browser.clone();
    one.sign_out(&mut browser, NOW);
    assert_eq!(two.origin(&copy, NOW), Origin::Restored, "documented: it has not heard of it");
    one.tell(&[&two], NOW);
    assert_eq!(two.origin(&copy, NOW), ENDED);
}

/// Bad input 57, `steps/ended`: a slow page that was loaded before the sign-out and is saved after it.
#[test]
fn a_sign_out_is_not_undone_by_a_slow_page() {
    type Change = fn(&mut Session<Visit>);
    let changes: [(&str, Change); 4] = [
        ("change", |session| session.page_views += 1),
        ("renew", |session| session.renew()),
        ("rotate_id", |session| session.rotate_id()),
        ("own timeouts", |session| session.set_timeouts(SECOND, SECOND)),
    ];
    for (name, change) in changes {
        let server = Server::new();
        let mut browser = server.sign_in("ann", NOW);
        let mut slow = server.load(&browser, NOW);
        change(&mut slow);
        server.sign_out(&mut browser, NOW);
        assert_eq!(server.answer(slow, NOW).0, Saved::Kept, "{name}");
    }
}

/// Bad input 57, `steps/ended`: nobody changed it, it was only due for renewal.
#[test]
fn a_sign_out_is_not_undone_by_a_renewal_that_was_due() {
    let server = Server::new();
    let mut browser = server.sign_in("ann", NOW);
    let later = after(Duration::minutes(10));
    let slow = server.load(&browser, later);
    server.sign_out(&mut browser, later);
    assert_eq!(server.answer(slow, later).0, Saved::Kept);
}

/// Bad input 57, `steps/ended`: an administrator's end during an upload.
#[test]
fn an_administrators_end_is_not_undone_by_an_upload_that_calls_renew() {
    let server = Server::new();
    let browser = server.sign_in("ann", NOW);
    let mut upload = server.load(&browser, NOW);
    server.ended.end_at(upload.id(), after(SECOND)).unwrap();
    upload.renew();
    upload.page_views += 1;
    assert_eq!(server.answer(upload, after(Duration::minutes(3))).0, Saved::Kept);
}

#[test]
fn a_page_that_changes_nothing_beside_a_sign_out_is_left_alone() {
    let server = Server::new();
    let mut browser = server.sign_in("ann", NOW);
    let slow = server.load(&browser, NOW);
    server.sign_out(&mut browser, NOW);
    assert_eq!(server.answer(slow, NOW).0, Saved::Unchanged);
}

#[test]
fn a_sign_out_counts_from_the_call_whatever_becomes_of_its_response() {
    let server = Server::new();
    // A handler that panics.
    let copy = server.sign_in("ann", NOW);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let mut session = server.load(&copy, NOW);
        session.destroy();
        panic!("after the call");
    }));
    assert!(panicked.is_err());
    assert_eq!(server.origin(&copy, NOW), ENDED);
    // A connection that is closed: the handler is dropped and nothing is saved.
    let copy = server.sign_in("ann", NOW);
    let mut session = server.load(&copy, NOW);
    session.destroy();
    drop(session);
    assert_eq!(server.origin(&copy, NOW), ENDED);
}

#[test]
fn whose_it_was_as_it_came_counts_also_if_the_handler_has_cleared_it() {
    let server = Server::new();
    let copy = server.sign_in("ann", NOW);
    let mut session = server.load(&copy, NOW);
    session.user = None;
    session.destroy();
    assert_eq!(server.origin(&copy, NOW), ENDED);
}

#[test]
fn a_cookie_past_its_idle_timeout_ends_at_the_sign_out_with_its_copy_that_lives_on() {
    let server = Server::new();
    let mut stale = server.sign_in("ann", NOW);
    // The copy is used, and so renewed under the same id.
    let mut copy = stale.clone();
    let used = after(Duration::minutes(20));
    let mut session = server.load(&copy, used);
    session.page_views += 1;
    assert_eq!(server.save(session, &mut copy, used), Saved::Written);
    // The visitor comes back late, and signs out.
    let late = after(Duration::minutes(40));
    let session = server.load(&stale, late);
    assert_eq!(session.origin(), Origin::Rejected(Reason::IdleTimeout));
    server.sign_out(&mut stale, late);
    assert_eq!(server.origin(&copy, late), ENDED);
}

#[test]
fn of_ambiguous_cookies_every_session_ends() {
    let server = Server::new();
    let [ann, bob] = ["ann", "bob"].map(|user| server.sign_in(user, NOW));
    let mut both = Browser { values: [ann.values.clone(), bob.values.clone()].concat() };
    assert_eq!(server.origin(&both, NOW), Origin::Rejected(Reason::Ambiguous));
    server.sign_out(&mut both, NOW);
    assert_eq!([ann, bob].map(|copy| server.origin(&copy, NOW)), [ENDED; 2]);
}

#[test]
fn of_two_cookies_of_one_session_the_one_that_has_a_subject_counts() {
    let server = Server::new();
    let id = created(NOW);
    let anonymous = sealed(id, &[0, 0]);
    let signed_in = sealed(id, &visit_bytes(0, "ann"));
    for values in [[&anonymous, &signed_in], [&signed_in, &anonymous]] {
        let server = Server::new();
        let mut both = Browser { values: values.map(String::clone).into() };
        server.sign_out(&mut both, NOW);
        let copy = Browser { values: vec![signed_in.clone()] };
        assert_eq!(server.origin(&copy, NOW), ENDED);
    }
    assert!(server.ended.is_empty());
}

#[test]
fn of_more_cookies_than_are_opened_the_sixteen_end() {
    let server = Server::new();
    let copies: Vec<Browser> = (0..17).map(|n| server.sign_in(&n.to_string(), NOW)).collect();
    let mut all = Browser { values: copies.iter().flat_map(|copy| copy.values.clone()).collect() };
    assert_eq!(server.origin(&all, NOW), Origin::Rejected(Reason::TooMany));
    server.sign_out(&mut all, NOW);
    let ended = copies.iter().filter(|copy| server.origin(copy, NOW) == ENDED).count();
    assert_eq!(ended, 16);
}

#[test]
fn a_cookie_of_another_schema_ends_at_the_sign_out() {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Before {
        user: Option<String>,
    }
    // Bytes that today's server does not read, with a cut: it was somebody's.
    let server = Server::with(Server::new().ended, |builder| builder.schema_version(2));
    let unreadable = sealed(Stamps { cut: 1, ..created(NOW) }, &visit_bytes(0, "ann"));
    let mut browser = Browser { values: vec![unreadable] };
    assert_eq!(server.origin(&browser, NOW), Origin::Rejected(Reason::OldSchema));
    server.sign_out(&mut browser, NOW);
    assert_eq!(server.ended.status().ids, 1);
    // The same without a cut was nobody's, as far as anyone can tell.
    let unreadable = sealed(created(NOW), &visit_bytes(0, "ann"));
    let mut browser = Browser { values: vec![unreadable] };
    let server = Server::with(Server::new().ended, |builder| builder.schema_version(2));
    server.sign_out(&mut browser, NOW);
    assert!(server.ended.is_empty());
    // With an upgrade its subject is read.
    let server = Server::with(Server::new().ended, |builder| {
        let upgrade = |old: Before| Visit { page_views: 0, user: old.user };
        builder.schema_version(2).upgrade(1, upgrade)
    });
    let value = sealed(Stamps { schema: 1, ..created(NOW) }, b"\x01\x03ann");
    let mut browser = Browser { values: vec![value] };
    let copy = browser.clone();
    assert_eq!(server.load(&browser, NOW).user.as_deref(), Some("ann"));
    server.sign_out(&mut browser, NOW);
    assert_eq!(server.origin(&copy, NOW), ENDED);
}

/// The account may be unlocked again, and the copy would count again.
#[test]
fn a_cookie_that_the_application_refuses_ends_at_the_sign_out() {
    let server = Server::new();
    let mut browser = server.sign_in("ann", NOW);
    let copy = browser.clone();
    let ended = server.ended.clone();
    let locked = Server::with(ended, |b| b.revoked(|session| session.user.is_some()));
    assert_eq!(locked.origin(&browser, NOW), Origin::Rejected(Reason::Revoked));
    locked.sign_out(&mut browser, NOW);
    assert_eq!(server.origin(&copy, NOW), ENDED);
}

/// Bad input 58, `session/ending`: anonymous visits in a flood.
#[test]
fn visits_of_strangers_fill_nothing() {
    let server = Server::new();
    for _ in 0..1000 {
        let mut session = server.load(&Browser::default(), NOW);
        session.page_views = 1;
        let mut browser = Browser::default();
        server.save(session, &mut browser, NOW);
        server.sign_out(&mut browser, NOW);
    }
    assert!(server.ended.is_empty(), "{:?}", server.ended.status());
}

#[test]
fn a_forged_cookie_ends_nothing() {
    let server = Server::new();
    let mut copy = server.sign_in("ann", NOW);
    let genuine = copy.clone();
    let last = copy.values[0].pop().unwrap();
    copy.values[0].push(if last == 'A' { 'B' } else { 'A' });
    let mut session = server.load(&copy, NOW);
    assert_ne!(session.origin(), Origin::Restored);
    session.destroy();
    assert!(server.ended.is_empty());
    assert_eq!(server.origin(&genuine, NOW), Origin::Restored);
}

#[test]
fn a_session_from_decode_counts_as_brought_and_a_new_one_ends_nothing() {
    let server = Server::new();
    let copy = server.sign_in("ann", NOW);
    let mut new = Session::new_at(crate::support::fixtures::visit(1, "ann"), NOW);
    new.destroy();
    assert!(server.ended.is_empty());
    server.sessions.decode_at(&copy.values[0], NOW).unwrap().destroy();
    assert_eq!(server.origin(&copy, NOW), ENDED);
}

#[test]
fn an_ended_cookie_is_left_and_overwritten_by_changed_data() {
    let server = Server::new();
    let mut browser = server.sign_in("ann", NOW);
    let mut copy = browser.clone();
    server.sign_out(&mut browser, NOW);
    let session = server.load(&copy, NOW);
    assert_eq!((session.origin(), session.user.clone()), (ENDED, None));
    assert_eq!(server.answer(session, NOW).0, Saved::Unchanged);
    server.sign_in_with(&mut copy, "ann", NOW);
    assert_eq!(server.origin(&copy, NOW), Origin::Restored);
}

#[test]
fn a_visitor_who_loses_the_response_of_a_renew_goes_on_with_the_old_cookie() {
    let server = Server::new();
    let browser = server.sign_in("ann", NOW);
    let mut session = server.load(&browser, NOW);
    session.renew();
    assert_eq!(server.answer(session, NOW).0, Saved::Written);
    assert_eq!(server.origin(&browser, NOW), Origin::Restored, "`renew` ends nothing");
}

#[test]
fn a_session_that_ended_is_not_encoded() {
    let server = Server::new();
    let browser = server.sign_in("ann", NOW);
    let session = server.load(&browser, NOW);
    assert!(server.sessions.encode_at(&session, NOW).is_ok());
    server.ended.end_at(session.id(), NOW).unwrap();
    let error = server.sessions.encode_at(&session, NOW).unwrap_err();
    assert!(matches!(error, sealed_session::EncodeError::Ended), "{error}");
    let error = server.sessions.cookie_for_at(&session, NOW).unwrap_err();
    assert!(matches!(error, sealed_session::EncodeError::Ended), "{error}");
}
