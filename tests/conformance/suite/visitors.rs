//! What handlers and visitors do at their worst, and a thousand of them at once.

use super::assertions;
use crate::app::{CROWD, Event, Fixture, NAME};
use crate::client::{Http2, PATIENCE, get, read_chunk, read_head};
use crate::servers::Start;
use sealed_session::Session;
use std::collections::HashSet;
use tokio::task::JoinSet;

assertions! { visitors:
    a_handler_that_fails_is_saved_like_any_other
    a_handler_that_panics_changes_nothing
    a_session_that_cannot_be_saved_is_a_500_without_any_of_it
    a_streaming_body_comes_after_the_session_was_saved
    a_visitor_who_leaves_during_the_body_leaves_the_server_fit
    a_visitor_who_leaves_before_the_answer_leaves_the_server_fit
    a_thousand_concurrent_visitors_never_mix
}

pub(crate) fn a_handler_that_fails_is_saved_like_any_other(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let answer = get("/fail").cookie(fixture.cookie(7)).send(server.addr);
    assert_eq!(answer.status, 503);
    assert_eq!(fixture.open(answer.cookie()).page_views, 8);
}

/// Servers differ: some answer 500, some close the connection.
pub(crate) fn a_handler_that_panics_changes_nothing(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    for _ in 0..5 {
        if let Ok(answer) = get("/panic").cookie(fixture.cookie(7)).try_send(server.addr) {
            assert_eq!(answer.status, 500);
            assert_eq!(answer.session(), None);
        }
    }
    let answer = get("/count").cookie(fixture.cookie(7)).send(server.addr);
    assert_eq!(fixture.open(answer.cookie()).page_views, 8, "the server is fit");
}

pub(crate) fn a_session_that_cannot_be_saved_is_a_500_without_any_of_it(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let answer = get("/large").cookie(fixture.cookie(7)).send(server.addr);
    assert_eq!((answer.status, answer.body.as_str()), (500, ""));
    assert_eq!(answer.names(), ["cache-control", "vary"]);
    assert_eq!(answer.one("cache-control"), Some("no-store"));
}

pub(crate) fn a_streaming_body_comes_after_the_session_was_saved(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let answer = get("/stream").cookie(fixture.cookie(7)).send(server.addr);
    assert_eq!(answer.body, "first second");
    assert_eq!(fixture.open(answer.cookie()).page_views, 8);
}

pub(crate) fn a_visitor_who_leaves_during_the_body_leaves_the_server_fit(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let mut stream = get("/endless").cookie(fixture.cookie(7)).open(server.addr);
    let mut answer = read_head(&mut stream).unwrap();
    assert_eq!(fixture.open(answer.cookie()).page_views, 8, "saved before the body");
    while answer.body != "first second" {
        assert!(read_chunk(&mut stream, &mut answer.body).unwrap());
    }
    assert_eq!(fixture.events.recv_timeout(PATIENCE), Ok(Event::Begun));
    drop(stream);
    // Some servers have noticed by now; the others do when they go on writing.
    fixture.say_the_word();
    assert_eq!(fixture.events.recv_timeout(PATIENCE), Ok(Event::Over));
    let next = get("/count").cookie(answer.cookie()).send(server.addr);
    assert_eq!(fixture.open(next.cookie()).page_views, 9);
}

pub(crate) fn a_visitor_who_leaves_before_the_answer_leaves_the_server_fit(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let cookie = fixture.cookie(7);
    let stream = get("/wait").cookie(&cookie).open(server.addr);
    assert_eq!(fixture.events.recv_timeout(PATIENCE), Ok(Event::Begun));
    drop(stream);
    // Some servers have dropped the handler by now; with the others it comes to its end.
    fixture.say_the_word();
    assert_eq!(fixture.events.recv_timeout(PATIENCE), Ok(Event::Over));
    let next = get("/count").cookie(&cookie).send(server.addr);
    assert_eq!(fixture.open(next.cookie()).page_views, 8, "what was never answered never was");
}

/// The handlers of all visitors hold their sessions at the same time: none goes on before all are
/// there. Afterwards each visitor has the own session, changed once, under the own id.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn a_thousand_concurrent_visitors_never_mix(start: Start) {
    const CONNECTIONS: usize = 20;
    const ROUNDS: u32 = 2;
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(Http2::connect(server.addr).await);
    }
    let mut visitors: Vec<(String, String)> = (0..CROWD)
        .map(|number| {
            let note = format!("visitor {number}");
            let visit = crate::app::Visit { page_views: 0, note: note.clone() };
            let value = fixture.app.sessions.encode(&Session::new(visit)).unwrap();
            (format!("{NAME}={value}"), note)
        })
        .collect();

    for round in 1..=ROUNDS {
        let mut visits = JoinSet::new();
        for (number, (cookie, note)) in visitors.drain(..).enumerate() {
            let mut connection = connections[number % CONNECTIONS].clone();
            visits.spawn(
                async move { (connection.get("/together", &[&cookie]).await, cookie, note) },
            );
        }
        let mut ids = HashSet::new();
        while let Some(visit) = visits.join_next().await {
            let (answer, before, note) = visit.unwrap();
            assert_eq!(answer.body, round.to_string(), "{note}");
            let (before, after) = (fixture.open(&before), fixture.open(answer.cookie()));
            assert_eq!((after.note.as_str(), after.page_views), (note.as_str(), round));
            assert_eq!(after.id(), before.id());
            ids.insert(after.id());
            visitors.push((answer.cookie().to_owned(), note));
        }
        assert_eq!(ids.len(), CROWD);
    }
}
