//! What logs and counters are told: reasons and key ids, never a value.

mod support;

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use sealed_session::{KeyRing, Saved, Session, Sessions};
use std::collections::BTreeMap;
use support::fixtures::*;
use support::log;

/// The counters that `f` raised, as `name{label=value,…}`.
fn counters(f: impl FnOnce()) -> BTreeMap<String, u64> {
    let recorder = DebuggingRecorder::new();
    metrics::with_local_recorder(&recorder, f);
    let snapshot = recorder.snapshotter().snapshot().into_vec();
    let counter = |(key, _, _, value): (metrics_util::CompositeKey, _, _, DebugValue)| {
        let key = key.key();
        let labels: Vec<String> =
            key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let DebugValue::Counter(count) = value else { panic!("not a counter: {}", key.name()) };
        (format!("{}{{{}}}", key.name(), labels.join(",")), count)
    };
    snapshot.into_iter().map(counter).collect()
}

fn only(name: &str, count: u64) -> BTreeMap<String, u64> {
    BTreeMap::from([(name.to_owned(), count)])
}

#[test]
fn opening_and_sealing_are_counted_by_key_id() {
    let id = key(KEY).id();
    let sessions = sessions::<Visit>();
    let value = good_value();
    let opened = counters(|| {
        sessions.decode_at(&value, NOW).unwrap();
        sessions.load_at(&request_with(&value), NOW);
    });
    assert_eq!(opened, only(&format!("sealed_session_opened_total{{key_id={id}}}"), 2));
    let sealed = counters(|| drop(sessions.encode_at(&Session::new_at(visit(1, "ann"), NOW), NOW)));
    assert_eq!(sealed, only(&format!("sealed_session_sealed_total{{key_id={id}}}"), 1));
}

#[test]
fn a_rejection_is_counted_by_reason_and_key_id() {
    let id = key(KEY).id();
    let sessions = sessions::<Visit>();
    let tampered = format!("{}A", &good_value()[..good_value().len() - 1]);
    let counted = counters(|| drop(sessions.load_at(&request_with(&tampered), NOW)));
    let name = format!("sealed_session_rejected_total{{reason=forged,key_id={id}}}");
    assert_eq!(counted, only(&name, 1));
}

#[test]
fn key_ids_outside_the_ring_share_one_label() {
    let sessions = sessions::<Visit>();
    sessions.set_key_ring(KeyRing::new(key(OTHER_KEY)));
    let counted = counters(|| drop(sessions.load_at(&request_with(&good_value()), NOW)));
    assert_eq!(
        counted,
        only("sealed_session_rejected_total{reason=unknown_key,key_id=unknown}", 1)
    );
}

#[test]
fn what_never_named_a_key_has_no_key_id() {
    let sessions = sessions::<Visit>();
    let counted = counters(|| drop(sessions.load_at(&request_with("%"), NOW)));
    assert_eq!(counted, only("sealed_session_rejected_total{reason=malformed,key_id=none}", 1));
}

/// What `f` logs, whatever its level.
fn logged(f: impl FnOnce()) -> String {
    log::listen();
    f();
    log::heard()
}

#[test]
fn each_rejection_is_one_debug_event_with_reason_and_key_id() {
    let sessions = sessions::<Visit>();
    let tampered = format!("{}A", &good_value()[..good_value().len() - 1]);
    let event = logged(|| drop(sessions.load_at(&request_with(&tampered), NOW)));
    let id = key(KEY).id();
    assert!(event.starts_with("DEBUG sealed_session: session cookie rejected"), "{event}");
    assert!(event.ends_with(&format!(" reason=forged key_id={id}\n")), "{event}");
    assert_eq!(event.lines().count(), 1, "{event}");
}

/// Bad input 56, `telemetry`: side by side, each overwrites what the other has written, and only this
/// event shows it.
#[test]
fn two_apps_that_write_one_cookie_name_are_told_what_to_change() {
    let other: Sessions<Visit> =
        Sessions::builder("shop/admin", KeyRing::new(key(KEY))).build().unwrap();
    let value = other.encode_at(&Session::new_at(visit(1, "ann"), NOW), NOW).unwrap();
    let sessions = sessions::<Visit>();
    let event = logged(|| drop(sessions.load_at(&request_with(&value), NOW)));
    assert!(event.contains("needs a `cookie_name` of its own"), "{event}");
}

#[test]
fn a_good_cookie_is_no_event() {
    let sessions = sessions::<Visit>();
    assert_eq!(logged(|| drop(sessions.load_at(&request_with(&good_value()), NOW))), "");
}

#[test]
fn insecure_for_development_says_so_at_every_start() {
    let event = logged(|| drop(builder::<Visit>().insecure_for_development().build().unwrap()));
    assert!(event.starts_with(" WARN "), "{event}");
    assert!(event.contains("never do this in production"), "{event}");
    assert!(event.contains("cookie_name=\"session\""), "{event}");
}

/// 4,096 values of our name are one event and one step of a
/// counter, not 4,096.
#[test]
fn each_reason_is_told_once_a_request() {
    let sessions = sessions::<Visit>();
    let headers = request(vec![pair(""); 4096]);
    let load = || drop(sessions.load_at(&headers, NOW));
    assert_eq!(logged(load).lines().count(), 1);
    let name = "sealed_session_rejected_total{reason=malformed,key_id=none}";
    assert_eq!(counters(load), only(name, 1));
}

/// Changes a session whose cookie a newer server has written, and saves it at `now`.
fn change_what_is_kept(sessions: &Sessions<Visit>, now: time::OffsetDateTime) -> Saved {
    let newer = sealed(support::second::Stamps { schema: 1, ..created(now) }, b"whatever");
    let mut session = sessions.load_at(&request_with(&newer), now);
    session.page_views += 1;
    sessions.save_at(session, &mut http::HeaderMap::new(), now).unwrap()
}

/// Bad input 53, `telemetry`.
#[test]
fn a_change_that_is_kept_out_is_one_warning_a_minute() {
    let sessions = sessions::<Visit>();
    let warnings = |seconds| {
        let now = NOW + seconds * SECOND;
        let event = logged(|| assert_eq!(change_what_is_kept(&sessions, now), Saved::Kept));
        event
            .lines()
            .filter(|line| line.starts_with(" WARN "))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let first = warnings(0);
    assert_eq!(first.len(), 1, "{first:?}");
    for part in ["a change of the session was not written", "reason=newer_schema", "Visit"] {
        assert!(first[0].contains(part), "{first:?}");
    }
    assert!(warnings(59).is_empty(), "once a minute");
    assert_eq!(warnings(61).len(), 1);
}

/// A session that came long ago, so that its renewal is due at [`NOW`].
fn due() -> http::HeaderMap {
    request_with(&sealed(created(NOW - 10 * time::Duration::MINUTE), &visit_bytes(7, "ann")))
}

#[test]
fn a_renewal_that_cannot_be_sealed_is_an_error_event_and_no_error() {
    let sessions = sessions::<Visit>();
    let session = sessions.load_at(&due(), NOW);
    // The key still opens, and nothing seals: a ring set by hand on a machine with a wrong clock.
    let later = [sealed_session::DatedKey::new(key(KEY), NOW + time::Duration::DAY)];
    sessions.set_key_ring(KeyRing::schedule(later).unwrap());
    let mut response = http::HeaderMap::new();
    let event = logged(|| {
        assert_eq!(sessions.save_at(session, &mut response, NOW).unwrap(), Saved::Deferred);
    });
    assert!(!response.contains_key(http::header::SET_COOKIE));
    assert!(event.starts_with("ERROR sealed_session: session not renewed"), "{event}");
    assert!(event.contains("no key of the ring seals now"), "{event}");
}

#[test]
fn timeouts_that_are_cut_are_a_warning_when_they_are_sealed() {
    let sessions = sessions::<Visit>();
    let mut session = sessions.load_at(&http::HeaderMap::new(), NOW);
    session.set_timeouts(time::Duration::days(30), time::Duration::days(30));
    let event = logged(|| drop(sessions.save_at(session, &mut http::HeaderMap::new(), NOW)));
    assert!(event.starts_with(" WARN "), "{event}");
    assert!(event.contains("`set_timeouts` asked for more than counts"), "{event}");
}

#[test]
fn what_seal_as_loses_is_a_warning_with_both_types() {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct VisitBefore {
        page_views: u32,
    }
    let changing = builder::<Visit>()
        .schema_version(1)
        .upgrade(0, |old: VisitBefore| Visit { page_views: old.page_views, user: None })
        .seal_as(0, |new: &Visit| VisitBefore { page_views: new.page_views })
        .build()
        .unwrap();
    let seal = |visit: Visit| {
        logged(|| drop(changing.encode_at(&Session::new_at(visit, NOW), NOW).unwrap()))
    };
    assert_eq!(seal(Visit { page_views: 7, user: None }), "", "nothing is lost");
    let event = seal(visit(7, "ann"));
    assert!(event.starts_with(" WARN "), "{event}");
    for part in ["`seal_as` loses a part of this session", "VisitBefore"] {
        assert!(event.contains(part), "{event}");
    }
    assert!(!event.contains("ann"), "{event}");
}
