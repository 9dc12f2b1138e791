//! What only adapters do: handing the session to one handler or middleware at a time, and views of it
//! to any number.

use super::assertions;
use crate::app::{Fixture, NAME};
use crate::client::get;
use crate::servers::Start;
use time::Duration;

assertions! { extraction:
    extracted_dropped_and_extracted_again_is_decrypted_once
    extracted_twice_at_once_is_a_500_that_names_type_and_fix
    no_middleware_is_a_500_that_names_type_and_fix
    still_in_use_when_the_response_is_ready_is_not_saved
    a_restored_session_is_there_only_when_it_was_restored
    views_are_taken_in_any_order_beside_the_session_and_decrypted_once
    middleware_views_before_and_after_the_handler
    a_view_after_the_session_was_destroyed_is_that_of_a_new_visitor
    a_page_that_only_views_is_marked_as_one_that_was_read
    a_page_that_only_views_renews_the_session
    a_page_that_only_views_removes_what_nobody_accepts
    a_restored_view_is_there_only_when_it_was_restored
}

pub(crate) fn extracted_dropped_and_extracted_again_is_decrypted_once(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let answer = get("/again").cookie(fixture.cookie(7)).send(server.addr);
    assert_eq!(fixture.times_opened(), 1);
    assert_eq!(answer.body, "18");
    assert_eq!(fixture.open(answer.cookie()).page_views, 18);
}

pub(crate) fn extracted_twice_at_once_is_a_500_that_names_type_and_fix(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let answer = get("/twice").cookie(fixture.cookie(7)).send(server.addr);
    assert_eq!(answer.status, 500);
    assert!(answer.body.contains("`conformance::app::Visit` is in use"), "{}", answer.body);
    assert!(
        answer.body.contains("Take a `SessionView<conformance::app::Visit>`"),
        "{}",
        answer.body
    );
    assert_eq!(answer.session(), None);
}

pub(crate) fn no_middleware_is_a_500_that_names_type_and_fix(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let answer = get("/elsewhere").send(server.addr);
    assert_eq!(answer.status, 500);
    assert!(answer.body.contains("put the session middleware"), "{}", answer.body);
    assert!(answer.body.contains("`Sessions<conformance::app::Elsewhere>`"), "{}", answer.body);
}

pub(crate) fn still_in_use_when_the_response_is_ready_is_not_saved(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let answer = get("/hold").cookie(fixture.cookie(7)).send(server.addr);
    assert_eq!((answer.status, answer.body.as_str()), (200, "first second"));
    assert_eq!(answer.session(), None);
    assert_eq!(answer.one("vary"), Some("Cookie"));
    assert_eq!(answer.one("cache-control"), Some("private"), "like one that was read");
}

pub(crate) fn a_restored_session_is_there_only_when_it_was_restored(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let body = |cookie: &str| get("/restored").cookie(cookie).send(server.addr).body;
    assert_eq!(body(&fixture.cookie(7)), "Restored 7 ");
    assert_eq!(body("a=1"), "none");
    assert_eq!(body(&format!("{NAME}=forged")), "none");
}

pub(crate) fn views_are_taken_in_any_order_beside_the_session_and_decrypted_once(start: Start) {
    for path in ["/beside", "/before"] {
        let fixture = Fixture::new();
        let server = start(fixture.app.clone());
        let answer = get(path).cookie(fixture.cookie(7)).send(server.addr);
        assert_eq!(answer.body, "7 7 8", "{path}");
        assert_eq!(fixture.times_opened(), 1, "{path}");
        assert_eq!(fixture.open(answer.cookie()).page_views, 8, "{path}");
    }
}

pub(crate) fn middleware_views_before_and_after_the_handler(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let answer = get("/guarded").cookie(fixture.cookie(7)).send(server.addr);
    assert_eq!(answer.one("x-views"), Some("7 7"), "as the request brought it");
    assert_eq!(fixture.times_opened(), 1);
    assert_eq!(fixture.open(answer.cookie()).page_views, 8);
}

pub(crate) fn a_view_after_the_session_was_destroyed_is_that_of_a_new_visitor(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let answer = get("/thrown-out").cookie(fixture.cookie(7)).send(server.addr);
    assert_eq!(answer.body, "New 0");
    assert_eq!(answer.cookie(), format!("{NAME}="), "removed");
}

pub(crate) fn a_page_that_only_views_is_marked_as_one_that_was_read(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let answer = get("/view").cookie(fixture.cookie(7)).send(server.addr);
    assert_eq!(answer.body, "Restored 7");
    assert_eq!(fixture.times_opened(), 1);
    assert_eq!(answer.session(), None);
    assert_eq!(answer.one("cache-control"), Some("private"));
    assert_eq!(answer.one("vary"), Some("Cookie"));
}

pub(crate) fn a_page_that_only_views_renews_the_session(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let old = fixture.cookie_from(Duration::minutes(10), 7);
    let answer = get("/view").cookie(old).send(server.addr);
    assert_eq!(answer.body, "Restored 7");
    assert_eq!(fixture.open(answer.cookie()).page_views, 7);
}

pub(crate) fn a_page_that_only_views_removes_what_nobody_accepts(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let answer = get("/view").cookie(format!("{NAME}=junk")).send(server.addr);
    assert_eq!(answer.body, "Rejected(Malformed) 0");
    assert_eq!(answer.cookie(), format!("{NAME}="), "removed");
}

pub(crate) fn a_restored_view_is_there_only_when_it_was_restored(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let body = |cookie: &str| get("/restored-view").cookie(cookie).send(server.addr).body;
    assert_eq!(body(&fixture.cookie(7)), "Restored 7");
    assert_eq!(body("a=1"), "none");
}
