//! Which settings are refused, what counts as a subject, and what is told.

use super::people::{Browser, Server, builder};
use crate::support::fixtures::{APP, NOW, Visit, ring};
use crate::support::log;
use sealed_session::{EndedSessions, Origin, Saved, Sessions};
use time::Duration;

fn list() -> EndedSessions {
    EndedSessions::new("shop", Duration::hours(8))
}

#[test]
fn ended_without_subject_and_subject_without_ended_are_refused() {
    let error = Sessions::<Visit>::builder(APP, ring()).ended(&list()).build().unwrap_err();
    assert_eq!(error.setting(), "ended");
    assert!(error.to_string().contains(".subject("), "{error}");
    let error = Sessions::<Visit>::builder(APP, ring()).subject(|_| None).build().unwrap_err();
    assert_eq!(error.setting(), "subject");
    assert!(error.to_string().contains(".ended("), "{error}");
}

#[test]
fn a_list_that_keeps_ends_for_less_than_a_session_can_live_is_refused() {
    let day = Duration::DAY;
    assert!(builder(&list()).build().is_ok());
    for refused in [
        builder(&list()).absolute_timeout(day),
        builder(&list()).longest_timeouts(Duration::hours(1), day),
    ] {
        let error = refused.build().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`ended`: the list keeps an end for 28800 seconds, and a session can live for 86400, so a \
             copy would outlive its end: give `EndedSessions::new` at least the longest absolute timeout"
        );
    }
    let long = EndedSessions::new("shop", day);
    assert!(builder(&long).absolute_timeout(day).build().is_ok());
}

#[test]
fn a_namespace_that_names_nothing_is_refused() {
    for namespace in [String::new(), "x".repeat(65_536)] {
        let error =
            builder(&EndedSessions::new(namespace, Duration::hours(8))).build().unwrap_err();
        assert!(error.to_string().contains("1 to 65535 bytes"), "{error}");
    }
}

#[test]
fn an_empty_subject_is_nobody_and_told_once() {
    let server = Server::new();
    log::listen();
    for _ in 0..3 {
        let mut browser = server.sign_in("", NOW);
        server.sign_out(&mut browser, NOW);
    }
    let text = log::heard();
    assert!(server.ended.is_empty());
    assert_eq!(text.matches("returned an empty text").count(), 1, "{text}");
}

#[test]
fn a_change_that_is_not_written_because_the_session_ended_is_told() {
    let server = Server::new();
    let browser = server.sign_in("ann", NOW);
    let mut session = server.load(&browser, NOW);
    session.page_views += 1;
    server.ended.end_at(session.id(), NOW).unwrap();
    log::listen();
    assert_eq!(server.answer(session, NOW).0, Saved::Kept);
    let text = log::heard();
    assert!(text.contains("WARN") && text.contains("it was ended while the request ran"), "{text}");
    assert!(!text.contains("ann"), "nothing of the session: {text}");
}

/// What one list knew when a session was loaded says nothing about another list.
#[test]
fn a_session_may_be_saved_by_a_server_with_another_list() {
    let [loading, saving] = [Server::new(), Server::new()];
    saving.ended.end_all_of_at("ann", NOW).unwrap();
    let mut session = loading.load(&Browser::default(), NOW);
    session.user = Some("ann".to_owned());
    let mut browser = Browser::default();
    assert_eq!(saving.save(session, &mut browser, NOW), Saved::Written);
    assert_eq!(saving.origin(&browser, NOW), Origin::Restored);
}

#[test]
fn nobodys_session_costs_no_entry_and_its_users_do() {
    let server = Server::new();
    let mut session = server.load(&Browser::default(), NOW);
    session.page_views = 1;
    let mut browser = Browser::default();
    server.save(session, &mut browser, NOW);
    server.sign_in_with(&mut browser, "ann", NOW);
    server.sign_out(&mut browser, NOW);
    let status = server.ended.status();
    assert_eq!((status.ids, status.counters, status.subjects), (1, 1, 0));
}
