//! Which cookies are read, and when: DESIGN "Reading", and laziness.

use super::assertions;
use super::headers::without_max_age;
use crate::app::{Fixture, NAME};
use crate::client::{Http2, get};
use crate::servers::Start;

assertions! { reading:
    a_route_that_does_not_touch_the_session_is_left_alone
    a_request_is_opened_once
    no_cookie_is_a_new_visitor
    ours_is_found_among_others
    several_cookie_headers_are_read
    split_crumbs_over_http2_are_read
    a_neighbour_that_is_not_utf8_costs_nothing
    of_several_of_our_name_the_authentic_one_wins
    two_authentic_sessions_are_ambiguous_and_nothing_is_removed
    every_rejection_looks_the_same
}

pub(crate) fn a_route_that_does_not_touch_the_session_is_left_alone(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let answer = get("/untouched").cookie(fixture.cookie(7)).send(server.addr);
    assert_eq!((answer.status, answer.body.as_str()), (200, "static"));
    assert_eq!(fixture.times_opened(), 0);
    assert_eq!(answer.names(), [] as [&str; 0]);
}

pub(crate) fn a_request_is_opened_once(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let answer = get("/read").cookie(fixture.cookie(7)).send(server.addr);
    assert_eq!(answer.body, "Restored 7 ");
    assert_eq!(fixture.times_opened(), 1);
}

pub(crate) fn no_cookie_is_a_new_visitor(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    assert_eq!(get("/read").send(server.addr).body, "New 0 ");
    assert_eq!(get("/read").cookie("a=1; session=2").send(server.addr).body, "New 0 ");
}

pub(crate) fn ours_is_found_among_others(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let ours = fixture.cookie(7);
    for header in [format!("a=1; {ours}"), format!("{ours}; a=1"), format!(";;; =v; {ours}; b")] {
        let answer = get("/read").cookie(&header).send(server.addr);
        assert_eq!(answer.body, "Restored 7 ", "{header}");
    }
}

pub(crate) fn several_cookie_headers_are_read(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let ours = fixture.cookie(7);
    for place in 0..3 {
        let mut headers = ["a=1", "b=2", "c=3"];
        headers[place] = &ours;
        let request =
            headers.into_iter().fold(get("/read"), |request, header| request.cookie(header));
        assert_eq!(request.send(server.addr).body, "Restored 7 ", "header {place}");
    }
}

/// RFC 9113 §8.2.3: a client may split the header at its semicolons.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn split_crumbs_over_http2_are_read(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let mut connection = Http2::connect(server.addr).await;
    let ours = fixture.cookie(7);
    for crumbs in [["a=1", "b=2", &ours], ["a=1", &ours, "b=2"], [&ours, "a=1", "b=2"]] {
        assert_eq!(connection.get("/read", &crumbs).await.body, "Restored 7 ");
    }
    let answer = connection.get("/count", &["a=1", &ours]).await;
    assert_eq!(fixture.open(answer.cookie()).page_views, 8);
}

pub(crate) fn a_neighbour_that_is_not_utf8_costs_nothing(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let header = [b"caf\xe9=\xff\xfe; ", fixture.cookie(7).as_bytes()].concat();
    assert_eq!(get("/read").cookie(header).send(server.addr).body, "Restored 7 ");
}

pub(crate) fn of_several_of_our_name_the_authentic_one_wins(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let (ours, junk) = (fixture.cookie(7), format!("{NAME}=AAAA"));
    for headers in [[&ours, &junk], [&junk, &ours]] {
        let answer = get("/read").cookie(headers[0]).cookie(headers[1]).send(server.addr);
        assert_eq!(answer.body, "Restored 7 ");
        assert_eq!(answer.session(), None);
    }
}

pub(crate) fn two_authentic_sessions_are_ambiguous_and_nothing_is_removed(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let request = get("/read").cookie(fixture.cookie(7)).cookie(fixture.cookie(9));
    let answer = request.send(server.addr);
    assert_eq!(answer.body, "Rejected(Ambiguous) 0 ");
    assert_eq!(answer.session(), None);
}

/// `/sign-in` does not say what was wrong, as a good page would not.
pub(crate) fn every_rejection_looks_the_same(start: Start) {
    let fixture = Fixture::new();
    let server = start(fixture.app.clone());
    let good = fixture.cookie(7);
    let tampered = changed_inside(&good);
    let cut = good[..good.len() - 9].to_owned();
    let long = format!("{NAME}={}", "A".repeat(4097));
    let outside = |cookie: &str| {
        let answer = get("/sign-in").cookie(cookie).send(server.addr);
        let attributes =
            answer.session().map(|(_, attributes)| without_max_age(attributes).to_owned());
        (answer.status, attributes, answer.body)
    };
    let expected = outside(&format!("{NAME}=junk"));
    for cookie in [tampered, cut, long] {
        assert_eq!(outside(&cookie), expected, "{cookie}");
    }
}

/// With another character in the middle of the ciphertext.
fn changed_inside(cookie: &str) -> String {
    let place = cookie.len() / 2;
    let other = if &cookie[place..=place] == "A" { "B" } else { "A" };
    [&cookie[..place], other, &cookie[place + 1..]].concat()
}
