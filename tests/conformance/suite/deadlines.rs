//! Deadlines and renewal, with ages far from every limit, so that it does not matter how long a
//! test takes.

use super::assertions;
use super::headers::without_max_age;
use crate::app::Fixture;
use crate::client::{Answer, get};
use crate::servers::Start;
use time::Duration;

assertions! { deadlines:
    a_session_in_use_is_renewed
    a_fresh_session_is_not_renewed
    a_renewal_waits_for_a_response_that_is_not_shared
    a_session_past_a_deadline_is_not_accepted_and_not_removed
    a_session_from_the_future_is_kept
}

/// The server's answer to a visitor whose cookie was made `ago`.
fn ask(start: Start, fixture: &Fixture, path: &str, ago: Duration, wish: Option<&str>) -> Answer {
    let server = start(fixture.app.clone());
    let request = get(path).cookie(fixture.cookie_from(ago, 7));
    wish.into_iter().fold(request, |request, wish| request.wish(wish)).send(server.addr)
}

pub(crate) fn a_session_in_use_is_renewed(start: Start) {
    let fixture = Fixture::new();
    let answer = ask(start, &fixture, "/read", Duration::minutes(15), None);
    assert_eq!(answer.body, "Restored 7 ");
    let (cookie, attributes) = answer.session().unwrap();
    assert_eq!(fixture.open(cookie).page_views, 7);
    without_max_age(attributes);
    assert_eq!(answer.one("cache-control"), Some("private, no-store"));
}

pub(crate) fn a_fresh_session_is_not_renewed(start: Start) {
    let fixture = Fixture::new();
    assert_eq!(ask(start, &fixture, "/read", Duration::ZERO, None).session(), None);
}

pub(crate) fn a_renewal_waits_for_a_response_that_is_not_shared(start: Start) {
    let fixture = Fixture::new();
    let shared = Some("cache-control: max-age=60");
    let answer = ask(start, &fixture, "/read", Duration::minutes(15), shared);
    assert_eq!(answer.body, "Restored 7 ");
    assert_eq!(answer.session(), None);
    assert_eq!(answer.one("cache-control"), Some("max-age=60"));
}

pub(crate) fn a_session_past_a_deadline_is_not_accepted_and_not_removed(start: Start) {
    let fixture = Fixture::new();
    for (ago, reason) in
        [(Duration::hours(1), "IdleTimeout"), (Duration::hours(9), "AbsoluteTimeout")]
    {
        let answer = ask(start, &fixture, "/read", ago, None);
        assert_eq!(answer.body, format!("Rejected({reason}) 0 "));
        assert_eq!(answer.session(), None);
    }
}

pub(crate) fn a_session_from_the_future_is_kept(start: Start) {
    let fixture = Fixture::new();
    let answer = ask(start, &fixture, "/count", Duration::minutes(-30), None);
    assert_eq!(answer.body, "1", "a new visitor");
    assert_eq!(answer.session(), None, "and nothing is overwritten");
}
