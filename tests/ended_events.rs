//! What an operator is told about ended sessions, and at which level.

mod support;

use http::HeaderMap;
use sealed_session::{Applied, EndedSessions, FileFeed, Saved, Session, Sessions};
use std::fs::OpenOptions;
use std::io::Write;
use support::fixtures::{APP, Visit, request, ring, visit};
use support::log;
use support::second::entry_check;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

const NAMESPACE: &str = "shop";
const NOON: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);

fn list() -> EndedSessions {
    EndedSessions::new(NAMESPACE, Duration::hours(8))
}

fn id(created: OffsetDateTime, n: u8) -> Uuid {
    let millis = (created.unix_timestamp() * 1000) as u64;
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    (bytes[6], bytes[8], bytes[15]) = (0x70, 0x80, n);
    Uuid::from_bytes(bytes)
}

fn logged(f: impl FnOnce()) -> String {
    log::listen();
    f();
    log::heard()
}

fn count(text: &str, level: &str, what: &str) -> usize {
    text.lines().filter(|line| line.contains(level) && line.contains(what)).count()
}

#[test]
fn an_end_without_a_feed_is_warned_of_once() {
    let text = logged(|| {
        let ended = list();
        ended.end_at(id(NOON, 1), NOON).unwrap();
        ended.end_all_of_at("user-17", NOON).unwrap();
    });
    assert_eq!(count(&text, "WARN", "FileFeed"), 1, "{text}");
    assert!(!text.contains("user-17"), "{text}");
}

#[test]
fn an_end_with_a_feed_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let text = logged(|| {
        let ended = list();
        let feed = FileFeed::open(folder.path().join("data/ended.log"), &ended).unwrap();
        ended.end_at(id(NOON, 1), NOON).unwrap();
        drop(feed);
        // A feed of somebody else asks for what is unsent.
        let other = list();
        assert!(other.unsent(1).is_empty());
        other.end_at(id(NOON, 1), NOON).unwrap();
    });
    assert_eq!(count(&text, "WARN", ""), 0, "{text}");
}

#[test]
fn a_full_list_is_an_error_once_a_minute() {
    let ended = list().with_max_entries(3);
    let text = logged(|| {
        for n in 0..100 {
            ended.end_at(id(NOON, n), NOON + Duration::seconds(i64::from(n))).unwrap();
        }
    });
    assert_eq!(count(&text, "ERROR", "with_max_entries"), 2, "{text}");
}

#[test]
fn an_entry_from_the_future_is_an_error_once_a_minute() {
    let ahead = list();
    let text = logged(|| {
        for n in 0..10 {
            ahead.end_at(id(NOON + Duration::days(3), n), NOON + Duration::days(3)).unwrap();
        }
        let ended = list();
        for entry in ahead.unsent(100).entries() {
            assert_eq!(ended.apply_at(entry.as_ref(), NOON), Ok(Applied::SetAside));
        }
    });
    assert_eq!(count(&text, "ERROR", "clock"), 1, "{text}");
}

/// Once a minute, though each call ends everyone anew.
#[test]
fn an_everyone_for_want_of_numbers_is_an_error() {
    let ended = list();
    // Of another server, whose clock was wrong, with the greatest number that there is.
    let server = list();
    server.end_all_of_at("user-17", NOON).unwrap();
    let entry = server.unsent(1).entries().next().unwrap();
    let [head, subject, tail] =
        [&entry.as_ref()[..2], &entry.as_ref()[2..18], &entry.as_ref()[22..28]];
    let said = [head, subject, &[0xff, 0, 0, 0], tail].concat();
    ended.apply_at(&[&said[..], &entry_check(NAMESPACE, &said)].concat(), NOON).unwrap();
    let text = logged(|| {
        for seconds in 0..3 {
            ended.end_all_of_at("user-17", NOON + Duration::seconds(seconds)).unwrap();
        }
    });
    assert!(ended.status().everyone.is_some());
    assert_eq!(count(&text, "ERROR", "cannot grow"), 1, "{text}");
}

#[test]
fn an_end_of_others_that_does_nothing_is_warned_of_and_says_why() {
    type Step = fn(&mut Session<Visit>);
    let cases: [(Step, &str); 3] = [
        (Session::destroy, "destroyed in the same request"),
        (Session::reset, "nobody's any more"),
        (|session| session.user = None, "nobody's any more"),
    ];
    for (what, why) in cases {
        let sessions = Sessions::<Visit>::builder(APP, ring())
            .ended(&list())
            .subject(|visit: &Visit| visit.user.clone())
            .build()
            .unwrap();
        let value = sessions.encode_at(&Session::new_at(visit(1, "user-17"), NOON), NOON).unwrap();
        let mut session = sessions.decode_at(&value, NOON).unwrap();
        session.end_others().unwrap();
        what(&mut session);
        let text = logged(|| {
            sessions.save_at(session, &mut HeaderMap::new(), NOON).unwrap();
        });
        assert_eq!(count(&text, "WARN", "`end_others` did nothing"), 1, "{text}");
        assert_eq!(count(&text, "WARN", why), 1, "{text}");
    }
}

#[test]
fn a_user_who_ended_65_sessions_is_told_once_and_without_a_name() {
    let ended = list();
    let sessions: Sessions<Visit> = Sessions::builder(APP, ring())
        .ended(&ended)
        .subject(|visit: &Visit| visit.user.clone())
        .build()
        .unwrap();
    let sign_in_and_out = || {
        let mut session = sessions.load_at(&request::<&str>([]), NOON);
        *session = visit(1, "user-17");
        let value = sessions.encode_at(&session, NOON).unwrap();
        let mut session = sessions.decode_at(&value, NOON).unwrap();
        session.destroy();
        let saved = sessions.save_at(session, &mut HeaderMap::new(), NOON).unwrap();
        assert_eq!(saved, Saved::Removed);
    };
    let told = |times| {
        let text = logged(|| (0..times).for_each(|_| sign_in_and_out()));
        assert!(!text.contains("user-17"), "{text}");
        count(&text, "INFO", "65 sessions")
    };
    assert_eq!((told(64), told(1), told(1)), (0, 1, 0));
}

#[test]
fn a_line_of_a_feed_that_is_none_is_an_error_once_a_minute() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/ended.log");
    drop(FileFeed::open(&path, &list()).unwrap());
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"none\nneither\n").unwrap();
    // What is there is read before it returns.
    let text = logged(|| drop(FileFeed::open_with_clock(&path, &list(), || NOON).unwrap()));
    assert_eq!(count(&text, "ERROR", "was skipped"), 1, "{text}");
}
