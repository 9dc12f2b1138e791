//! What goes out: Set-Cookie, Cache-Control and Vary, by the table of `docs/design.md`.

use super::assertions;
use crate::app::{Fixture, NAME};
use crate::client::{Answer, Http2, get};
use crate::servers::{Server, Start};

assertions! { headers:
    a_change_is_written_with_the_safe_attributes
    a_change_is_written_over_http2
    what_was_only_read_is_private_and_sets_nothing
    a_new_visitor_with_nothing_in_the_session_gets_no_cookie
    cookies_of_others_stay_in_their_order
    ours_appears_once
    a_private_response_that_was_only_read_stays_as_the_handler_made_it
    a_written_cookie_makes_any_response_private
    what_was_only_read_leaves_a_shared_response_alone
    a_response_varies_by_cookie_once
    signing_in_gives_a_new_id
    signing_out_removes_the_cookie
    junk_is_removed_but_not_on_a_shared_response
}

const SAFE: &str = "HttpOnly; SameSite=Lax; Secure; Path=/";
const REMOVAL: &str = "HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0; \
    Expires=Thu, 01 Jan 1970 00:00:00 GMT";

/// The answer of a handler that sets these headers, for a visitor who was here seven times.
fn ask(server: &Server, fixture: &Fixture, path: &str, wishes: &[&str]) -> Answer {
    let request = get(path).cookie(fixture.cookie(7));
    let request = wishes.iter().fold(request, |request, wish| request.wish(wish));
    request.send(server.addr)
}

/// The attributes but the last, which must be all of the idle timeout: a renewal counts in whole
/// seconds.
pub(super) fn without_max_age(attributes: &str) -> &str {
    let (others, max_age) = attributes.rsplit_once("; Max-Age=").expect("there is one");
    assert!(["1799", "1800"].contains(&max_age), "{max_age}");
    others
}

pub(crate) fn a_change_is_written_with_the_safe_attributes(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let answer = ask(&server, &fixture, "/count", &[]);
    let (cookie, attributes) = answer.session().unwrap();
    assert_eq!(fixture.open(cookie).page_views, 8);
    assert_eq!(without_max_age(attributes), SAFE);
    assert_eq!(answer.one("cache-control"), Some("private, no-store"));
    assert_eq!(answer.one("vary"), Some("Cookie"));
    assert_eq!(get("/read").cookie(cookie).send(server.addr).body, "Restored 8 ");
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn a_change_is_written_over_http2(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let mut connection = Http2::connect(server.addr).await;
    let answer = connection.get("/count", &[&fixture.cookie(7)]).await;
    assert_eq!(fixture.open(answer.cookie()).page_views, 8);
    assert_eq!(answer.names(), ["cache-control", "set-cookie", "vary"]);
}

pub(crate) fn what_was_only_read_is_private_and_sets_nothing(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let answer = ask(&server, &fixture, "/read", &[]);
    assert_eq!(answer.names(), ["cache-control", "vary"]);
    assert_eq!(answer.one("cache-control"), Some("private"));
    assert_eq!(answer.one("vary"), Some("Cookie"));
}

pub(crate) fn a_new_visitor_with_nothing_in_the_session_gets_no_cookie(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let answer = get("/read").send(server.addr);
    assert_eq!(answer.names(), ["cache-control", "vary"]);
}

pub(crate) fn cookies_of_others_stay_in_their_order(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let others = ["set-cookie: b=2; Path=/b", "set-cookie: a=1", "set-cookie: b=3"];
    let read = ask(&server, &fixture, "/read", &others);
    assert_eq!(read.all("set-cookie"), ["b=2; Path=/b", "a=1", "b=3"]);
    let written = ask(&server, &fixture, "/count", &others);
    let cookies = written.all("set-cookie");
    assert_eq!(cookies[..3], ["b=2; Path=/b", "a=1", "b=3"]);
    assert_eq!(cookies.len(), 4);
    assert_eq!(fixture.open(written.cookie()).page_views, 8);
}

pub(crate) fn ours_appears_once(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let stale = format!("set-cookie: {NAME}=stale; Path=/");
    let answer = ask(&server, &fixture, "/count", &["set-cookie: a=1", &stale]);
    assert_eq!(answer.all("set-cookie").len(), 2);
    assert_eq!(fixture.open(answer.cookie()).page_views, 8);
}

const PRIVATE: [&[&str]; 6] = [
    &["cache-control: private"],
    &["cache-control: no-store"],
    &["cache-control: max-age=60, private"],
    &["cache-control: PRIVATE"],
    &["cache-control: private", "cache-control: max-age=60"],
    &["cache-control: private", "expires: 0", "cdn-cache-control: no-store", "x-accel-expires: 0"],
];

pub(crate) fn a_private_response_that_was_only_read_stays_as_the_handler_made_it(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    for said in PRIVATE {
        let answer = ask(&server, &fixture, "/read", said);
        for header in said {
            let (name, value) = header.split_once(": ").unwrap();
            assert!(answer.all(name).contains(&value), "{header} of {said:?}");
        }
        assert_eq!(answer.names().len(), said.len() + 1, "{said:?}");
    }
}

const SHARED: [&[&str]; 9] = [
    &["cache-control: max-age=60"],
    &["cache-control: no-store, must-understand"],
    &["expires: Thu, 01 Jan 2099 00:00:00 GMT"],
    &["cache-control: private", "cdn-cache-control: max-age=60"],
    &["surrogate-control: max-age=60", "vendor-cdn-cache-control: max-age=60"],
    &["cache-control: private", "surrogate-control: private"],
    &["cache-control: private", "x-accel-expires: 60"],
    &["cache-control: private", "edge-control: max-age=1d"],
    &["cache-control: private", "akamai-cache-control: max-age=60"],
];

pub(crate) fn a_written_cookie_makes_any_response_private(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    for said in PRIVATE.iter().chain(&SHARED) {
        let answer = ask(&server, &fixture, "/count", said);
        assert_eq!(answer.names(), ["cache-control", "set-cookie", "vary"], "{said:?}");
        assert_eq!(answer.one("cache-control"), Some("private, no-store"), "{said:?}");
        assert_eq!(fixture.open(answer.cookie()).page_views, 8);
    }
}

pub(crate) fn what_was_only_read_leaves_a_shared_response_alone(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    for said in SHARED {
        let answer = ask(&server, &fixture, "/read", said);
        let pairs = said.iter().map(|header| header.split_once(": ").unwrap());
        for (name, value) in pairs.chain([("vary", "Cookie")]) {
            assert_eq!(answer.one(name), Some(value), "{said:?}");
        }
        assert_eq!(answer.names().len(), said.len() + 1, "{said:?}");
    }
}

pub(crate) fn a_response_varies_by_cookie_once(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    for (said, expected) in [
        (&["vary: accept"][..], &["accept, Cookie"][..]),
        (&["vary: accept, COOKIE"], &["accept, COOKIE"]),
        (&["vary: accept", "vary: origin"], &["accept, origin, Cookie"]),
        (&["vary: cookie", "vary: accept"], &["cookie, accept"]),
        (&["vary: *"], &["*"]),
        (&["vary: accept, *"], &["accept, *", "Cookie"]),
    ] {
        for path in ["/read", "/count"] {
            assert_eq!(ask(&server, &fixture, path, said).all("vary"), expected, "{path}");
        }
    }
}

pub(crate) fn signing_in_gives_a_new_id(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let before = fixture.cookie(7);
    let answer = get("/sign-in").cookie(&before).send(server.addr);
    let (before, after) = (fixture.open(&before), fixture.open(answer.cookie()));
    assert_ne!(before.id(), after.id());
    assert_eq!(after.page_views, 7);
}

pub(crate) fn signing_out_removes_the_cookie(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let answer = ask(&server, &fixture, "/sign-out", &[]);
    assert_eq!(answer.session(), Some((&*format!("{NAME}="), REMOVAL)));
    assert_eq!(answer.one("cache-control"), Some("private, no-store"));
    assert_eq!(get("/sign-out").send(server.addr).session(), None, "there is nothing to remove");
}

pub(crate) fn junk_is_removed_but_not_on_a_shared_response(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let junk = || get("/read").cookie(format!("{NAME}=junk"));
    let answer = junk().send(server.addr);
    assert_eq!(answer.body, "Rejected(Malformed) 0 ");
    assert_eq!(answer.session(), Some((&*format!("{NAME}="), REMOVAL)));
    let shared = junk().wish("cache-control: max-age=60").send(server.addr);
    assert_eq!(shared.session(), None);
    assert_eq!(shared.one("cache-control"), Some("max-age=60"));
}
