//! A rolling deployment that changes what a session holds: servers of the old and the new release
//! serve the same visitors, and each request goes to whichever comes next.
//!
//! ```text
//! cargo test --test deployment -- --nocapture    # prints its table
//! ```

mod support;

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use sealed_session::{Origin, ResponseCookie, Saved, Session, Sessions};
use serde::{Deserialize, Serialize};
use support::fixtures::{NOW, SECOND, builder};
use support::log;
use time::Duration;

/// What a session held before.
#[derive(Serialize, Deserialize, Default)]
struct Before {
    name: String,
    city: String,
    page_views: u32,
}

/// What it holds after: two fields of one type have changed places, so that the bytes of one read as
/// the other, which is the worst that a change can do unseen.
#[derive(Serialize, Deserialize, Default)]
struct After {
    city: String,
    name: String,
    page_views: u64,
}

fn upgrade(old: Before) -> After {
    After { city: old.city, name: old.name, page_views: old.page_views.into() }
}

fn downgrade(new: &After) -> Before {
    Before {
        name: new.name.clone(),
        city: new.city.clone(),
        page_views: u32::try_from(new.page_views).unwrap_or(u32::MAX),
    }
}

/// One server's release.
#[derive(Clone)]
enum Server {
    Old(Sessions<Before>),
    New(Sessions<After>),
}

fn old() -> Server {
    Server::Old(builder().build().unwrap())
}

/// Opens both, and still seals what the old servers read.
fn first_phase() -> Server {
    let new = builder().schema_version(1).upgrade(0, upgrade).seal_as(0, downgrade);
    Server::New(new.build().unwrap())
}

/// Opens both, and seals the new one.
fn second_phase() -> Server {
    Server::New(builder().schema_version(1).upgrade(0, upgrade).build().unwrap())
}

/// A visitor, and what the session must say of them.
struct Visitor {
    name: String,
    city: String,
    page_views: u64,
    cookie: Option<HeaderValue>,
}

/// What became of all requests.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    changes: u64,
    /// The browser kept its cookie, and the change was not written: `Saved::Kept`.
    lost: u64,
    /// A visitor who had a session was new.
    new_again: u64,
    /// The session said something else than the visitor had been told.
    misread: u64,
}

/// What a handler does: it greets a new visitor, checks what it knows, and counts the page.
macro_rules! visit {
    ($sessions:expr, $visitor:expr, $now:expr, $outcome:expr) => {{
        let (sessions, visitor, now, outcome) = ($sessions, $visitor, $now, $outcome);
        let mut request = HeaderMap::new();
        if let Some(cookie) = &visitor.cookie {
            request.insert(COOKIE, cookie.clone());
        }
        let mut session = sessions.load_at(&request, now);
        if session.origin() == Origin::Restored {
            let page_views = u64::from(session.page_views);
            let told = (&session.name, &session.city, page_views);
            outcome.misread +=
                u64::from(told != (&visitor.name, &visitor.city, visitor.page_views));
        } else {
            outcome.new_again += u64::from(visitor.cookie.is_some());
            session.name = visitor.name.clone();
            session.city = visitor.city.clone();
        }
        session.page_views += 1;
        let page_views = u64::from(session.page_views);
        outcome.changes += 1;
        let mut response = HeaderMap::new();
        match sessions.save_at(session, &mut response, now).unwrap() {
            Saved::Written => {
                let ResponseCookie::Set(session) = sessions.read_response_at(&response, now) else {
                    panic!("it was written")
                };
                // As it was written: not sealed anew.
                let set = response[http::header::SET_COOKIE].to_str().unwrap();
                let pair = set.split(';').next().unwrap();
                visitor.cookie = Some(HeaderValue::from_str(pair).unwrap());
                visitor.page_views = page_views;
                assert_eq!(u64::from(session.page_views), page_views);
            }
            Saved::Kept => outcome.lost += 1,
            other => panic!("{other:?}"),
        }
    }};
}

/// Replaces the servers one after another by those of the next release, with `requests` in between.
fn deploy(releases: &[fn() -> Server]) -> Outcome {
    const SERVERS: usize = 6;
    const VISITORS: usize = 40;
    const REQUESTS: usize = 300;
    let mut random = 1_u64;
    // Knuth's generator: the same requests in every run.
    let mut below = |limit: usize| {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % limit
    };
    let mut servers = vec![releases[0](); SERVERS];
    let mut visitors: Vec<Visitor> = (0..VISITORS)
        .map(|n| {
            let (name, city) = (format!("visitor {n}"), format!("city {n}"));
            Visitor { name, city, page_views: 0, cookie: None }
        })
        .collect();
    let mut outcome = Outcome::default();
    let mut now = NOW;
    let mut serve = |servers: &[Server], outcome: &mut Outcome| {
        for _ in 0..REQUESTS {
            now += SECOND / 10;
            let visitor = &mut visitors[below(VISITORS)];
            match &servers[below(SERVERS)] {
                Server::Old(sessions) => visit!(sessions, visitor, now, &mut *outcome),
                Server::New(sessions) => visit!(sessions, visitor, now, &mut *outcome),
            }
        }
    };
    serve(&servers, &mut outcome);
    for release in &releases[1..] {
        for place in 0..SERVERS {
            servers[place] = release();
            serve(&servers, &mut outcome);
        }
    }
    outcome
}

/// Bad input 60, `wire/schema`: two phases, and no request notices.
#[test]
fn in_two_phases_no_change_is_lost_and_nothing_is_misread() {
    let outcome = deploy(&[old, first_phase, second_phase]);
    println!("in two phases: {outcome:?}");
    assert_eq!(outcome, Outcome { changes: 13 * 300, ..Outcome::default() });
}

/// Bad input 60, `wire/schema`: in one phase the old servers cannot read what the new ones have
/// sealed. They keep it, so that no session is lost, and say which changes are.
#[test]
fn in_one_phase_changes_are_lost_on_the_old_servers_and_told() {
    log::listen();
    let outcome = deploy(&[old, second_phase]);
    println!("in one phase: {outcome:?}");
    assert_eq!((outcome.changes, outcome.misread), (7 * 300, 0));
    assert!(outcome.lost > 100, "the figure that two phases save: {outcome:?}");
    assert_eq!(outcome.new_again, outcome.lost, "on those pages the visitor was a stranger");
    let told = log::heard();
    let warnings = told.lines().filter(|line| line.contains("was not written")).count();
    assert!(
        warnings > 0 && (warnings as u64) < outcome.lost,
        "one a minute and server: {warnings}"
    );
}

/// The way back: a release that was rolled out halfway is taken back.
#[test]
fn a_first_phase_that_is_taken_back_loses_nothing() {
    let outcome = deploy(&[old, first_phase, old]);
    assert_eq!(outcome, Outcome { changes: 13 * 300, ..Outcome::default() });
}

/// What a new server has sealed in the new schema is never sealed in the older one again.
#[test]
fn a_second_phase_that_is_taken_back_to_the_first_loses_nothing() {
    let outcome = deploy(&[old, first_phase, second_phase, first_phase]);
    assert_eq!(outcome, Outcome { changes: 19 * 300, ..Outcome::default() });
}

/// Nobody waits for a deadline in these tests.
#[test]
fn the_longest_of_these_deployments_ends_before_any_session_does() {
    let longest = 19 * 300 * (SECOND / 10);
    assert!(longest < Duration::minutes(10), "before a renewal, too: {longest}");
}

/// As the old release reads it, a session may be shorter. One that fits only so would not be saved once
/// `seal_as` is dropped.
#[test]
fn what_does_not_fit_in_the_second_phase_is_refused_in_the_first() {
    // A version of two bytes in place of one is enough.
    let second = || builder::<After>().padding(1).schema_version(200).upgrade(0, upgrade);
    let shorter = |new: &After| Before { city: String::new(), ..downgrade(new) };
    let releases = [downgrade, shorter].map(|to| second().seal_as(0, to).build().unwrap());
    let second = second().build().unwrap();
    let (mut fitting, mut refused) = (0, 0);
    for len in 2900..3000 {
        let data = After { city: "x".repeat(50), name: "x".repeat(len), page_views: 1 };
        let session = Session::new_at(data, NOW);
        let fits = second.encode_at(&session, NOW).is_ok();
        for first in &releases {
            assert_eq!(first.encode_at(&session, NOW).is_ok(), fits, "{len}");
        }
        *if fits { &mut fitting } else { &mut refused } += 1;
    }
    assert!(fitting > 0 && refused > 0, "{fitting}, {refused}");
}
