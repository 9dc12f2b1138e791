//! What only adapters do: lending the session to one handler or middleware at a time.

use super::assertions;
use crate::app::{Fixture, NAME};
use crate::client::get;
use crate::servers::Start;

assertions! { extraction:
    extracted_dropped_and_extracted_again_is_decrypted_once
    extracted_twice_at_once_is_a_500_that_names_type_and_mend
    no_middleware_is_a_500_that_names_type_and_mend
    still_held_when_the_response_is_ready_is_not_saved_and_private
    a_restored_session_is_there_only_when_it_was_restored
}

pub(crate) fn extracted_dropped_and_extracted_again_is_decrypted_once(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let answer = get("/again").cookie(fixture.cookie(7)).send(server.addr);
    assert_eq!(fixture.times_opened(), 1);
    assert_eq!(answer.body, "18");
    assert_eq!(fixture.open(answer.cookie()).page_views, 18);
}

pub(crate) fn extracted_twice_at_once_is_a_500_that_names_type_and_mend(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let answer = get("/twice").cookie(fixture.cookie(7)).send(server.addr);
    assert_eq!(answer.status, 500);
    assert!(answer.body.contains("`conformance::app::Visit` is still held"), "{}", answer.body);
    assert!(answer.body.contains("call `drop(session)` before"), "{}", answer.body);
    assert_eq!(answer.session(), None);
}

pub(crate) fn no_middleware_is_a_500_that_names_type_and_mend(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let answer = get("/elsewhere").send(server.addr);
    assert_eq!(answer.status, 500);
    assert!(answer.body.contains("put the session middleware"), "{}", answer.body);
    assert!(answer.body.contains("`Sessions<conformance::app::Elsewhere>`"), "{}", answer.body);
}

pub(crate) fn still_held_when_the_response_is_ready_is_not_saved_and_private(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let answer = get("/hold").cookie(fixture.cookie(7)).send(server.addr);
    assert_eq!((answer.status, answer.body.as_str()), (200, "first second"));
    assert_eq!(answer.session(), None);
    assert_eq!(answer.one("cache-control"), Some("private"));
    assert_eq!(answer.one("vary"), Some("Cookie"));
}

pub(crate) fn a_restored_session_is_there_only_when_it_was_restored(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let body = |cookie: &str| get("/restored").cookie(cookie).send(server.addr).body;
    assert_eq!(body(&fixture.cookie(7)), "Restored 7 ");
    assert_eq!(body("a=1"), "none");
    assert_eq!(body(&format!("{NAME}=forged")), "none");
}
