//! What logs and counters are told: reasons and key ids, never a value.

mod support;

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use sealed_session::{KeyRing, Saved, Session, Sessions};
use std::collections::BTreeMap;
use support::fixtures::*;
use support::log;
use time::OffsetDateTime;

/// What `f` told a recorder, as `name{label=value,…}`.
fn measured(f: impl FnOnce()) -> Vec<(String, DebugValue)> {
    let recorder = DebuggingRecorder::new();
    metrics::with_local_recorder(&recorder, f);
    let snapshot = recorder.snapshotter().snapshot().into_vec();
    let named = |(key, _, _, value): (metrics_util::CompositeKey, _, _, DebugValue)| {
        let key = key.key();
        let labels: Vec<String> =
            key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        (format!("{}{{{}}}", key.name(), labels.join(",")), value)
    };
    snapshot.into_iter().map(named).collect()
}

/// The counters that `f` raised.
fn counters(f: impl FnOnce()) -> BTreeMap<String, u64> {
    let counter = |(name, value)| match value {
        DebugValue::Counter(count) => Some((name, count)),
        DebugValue::Histogram(_) => None,
        DebugValue::Gauge(_) => panic!("not a counter: {name}"),
    };
    measured(f).into_iter().filter_map(counter).collect()
}

/// The counters of this name that `f` raised, by their labels.
fn counters_of(name: &str, f: impl FnOnce()) -> BTreeMap<String, u64> {
    let mut counters = counters(f);
    counters.retain(|counter, _| counter.starts_with(&format!("{name}{{")));
    counters
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

/// The limit is about name, `=` and value, so that is what is measured.
#[test]
fn the_length_of_each_cookie_that_is_sealed_is_measured() {
    let sessions = sessions::<Visit>();
    let mut lengths = Vec::new();
    let measured = measured(|| {
        for user in ["ann", &"x".repeat(1000)] {
            let session = Session::new_at(visit(1, user), NOW);
            lengths.push(sessions.cookie_for_at(&session, NOW).unwrap().len() as f64);
        }
    });
    let of_cookies = measured.into_iter().find(|(name, _)| name == "sealed_session_cookie_bytes{}");
    let Some((_, DebugValue::Histogram(told))) = of_cookies else { panic!("no histogram") };
    assert_eq!(told.into_iter().map(f64::from).collect::<Vec<_>>(), lengths);
}

/// Saves a session at `now`, and returns the causes for which its cookie was written.
fn written(
    sessions: &Sessions<Visit>,
    session: Session<Visit>,
    now: OffsetDateTime,
) -> Vec<String> {
    let save = || assert!(sessions.save_at(session, &mut http::HeaderMap::new(), now).is_ok());
    let counted = counters_of("sealed_session_written_total", save);
    assert!(counted.values().all(|count| *count == 1), "{counted:?}");
    counted
        .into_keys()
        .map(|name| name["sealed_session_written_total".len()..].to_owned())
        .collect()
}

#[test]
fn what_is_written_is_counted_by_its_cause() {
    let sessions = sessions::<Visit>();
    let load = |now| sessions.load_at(&request_with(&good_value()), now);

    assert!(written(&sessions, load(NOW), NOW).is_empty(), "nothing is due");
    let mut changed = load(NOW);
    changed.page_views += 1;
    assert_eq!(written(&sessions, changed, NOW), ["{cause=changed}"]);
    let mut changed = load(NOW);
    changed.rotate_id();
    assert_eq!(written(&sessions, changed, NOW), ["{cause=changed}"], "its id did");
    let mut renewed = load(NOW);
    renewed.renew();
    assert_eq!(written(&sessions, renewed, NOW), ["{cause=renewed}"]);
    let later = NOW + 10 * time::Duration::MINUTE;
    assert_eq!(written(&sessions, load(later), later), ["{cause=due}"]);

    let new = sessions.load_at(&http::HeaderMap::new(), NOW);
    sessions.csrf_token_at(&new, NOW).unwrap();
    assert_eq!(written(&sessions, new, NOW), ["{cause=form}"]);
}

#[test]
fn an_upgrade_and_a_migration_are_causes_of_their_own() {
    let upgrading = builder::<Visit>().schema_version(1).upgrade(0, |old: Visit| old);
    let upgrading = upgrading.build().unwrap();
    let session = upgrading.load_at(&request_with(&good_value()), NOW);
    assert_eq!(written(&upgrading, session, NOW), ["{cause=upgraded}"]);

    let (sessions, request) = migrating();
    let session = sessions.load_at(&request, NOW);
    assert_eq!(written(&sessions, session, NOW), ["{cause=migrated}"]);
}

/// A handler that borrows the session and leaves it as it was has not changed it, whatever the schema
/// that it came in and the one that it goes out in.
#[test]
fn an_upgrade_is_no_change() {
    type Oldest = (u32, bool);
    type Older = (Option<String>, u32);
    let oldest = |(page_views, _): Oldest| Visit { page_views, user: None };
    let older = |(user, page_views): Older| Visit { page_views, user };
    let builder = || builder::<Visit>().schema_version(2).upgrade(0, oldest).upgrade(1, older);
    let value = sealed(created(NOW), &[7, 0]);
    let releases = [
        (builder(), &["{cause=upgraded}"][..]),
        (
            builder().seal_as(1, |new: &Visit| (new.user.clone(), new.page_views)),
            &["{cause=upgraded}"],
        ),
        (builder().seal_as(0, |new: &Visit| (new.page_views, false)), &[]),
    ];
    for (release, causes) in releases {
        let sessions = release.build().unwrap();
        let mut session = sessions.load_at(&request_with(&value), NOW);
        assert_eq!(std::mem::replace(&mut session.page_views, 7), 7);
        assert_eq!(written(&sessions, session, NOW), causes);
    }
}

/// A `Sessions` that takes the cookies of a `PrivateJar`, and a request with one.
fn migrating() -> (Sessions<Visit>, http::HeaderMap) {
    let old_key = cookie::Key::from(&[7; 64]);
    let mut jar = cookie::CookieJar::new();
    jar.private_mut(&old_key).add(cookie::Cookie::new("old", "ann"));
    let pair = jar.get("old").unwrap().to_string();
    let accepted = NOW - time::Duration::HOUR..NOW + time::Duration::HOUR;
    let sessions =
        builder()
            .idle_timeout(ABSOLUTE)
            .migrate_private_jar("old", &old_key, accepted, |text| Some(visit(0, text)));
    (sessions.build().unwrap(), request([pair]))
}

#[test]
fn a_cookie_of_another_library_that_is_accepted_is_counted_and_told() {
    let (sessions, request) = migrating();
    let load = || assert_eq!(sessions.load_at(&request, NOW).user.as_deref(), Some("ann"));
    assert_eq!(counters(load), only("sealed_session_migrated_total{}", 1));
    let event = logged(load);
    assert!(event.starts_with("DEBUG sealed_session: session migrated"), "{event}");
    assert!(!event.contains("ann"), "{event}");
}

#[test]
fn a_change_that_is_kept_out_is_counted_by_reason() {
    let sessions = sessions::<Visit>();
    let name = "sealed_session_kept_total";
    let counted =
        counters_of(name, || assert_eq!(change_what_is_kept(&sessions, NOW), Saved::Kept));
    assert_eq!(counted, only("sealed_session_kept_total{reason=newer_schema}", 1));
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
fn a_session_that_timed_out_is_not_told_as_changed() {
    let sessions = sessions::<Visit>();
    let later = NOW + time::Duration::DAY;
    let event = logged(|| drop(sessions.load_at(&request_with(&good_value()), later)));
    let id = key(KEY).id();
    let expected = "DEBUG sealed_session: session cookie rejected reason=";
    assert_eq!(event, format!("{expected}absolute_timeout key_id={id}\n"));
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

/// How many warnings there are at these seconds after [`NOW`], when each brings this value.
fn warnings_of(value: &str, seconds: [i32; 3]) -> [String; 3] {
    let sessions = sessions::<Visit>();
    seconds.map(|seconds| {
        let now = NOW + seconds * SECOND;
        let told = logged(|| {
            sessions.load_at(&request_with(value), now);
            let _ = sessions.decode_at(value, now);
        });
        let lines: Vec<&str> = told.lines().filter(|line| line.starts_with(" WARN ")).collect();
        lines.join("\n")
    })
}

#[test]
fn a_session_from_the_future_is_one_warning_a_minute() {
    let value = sealed(created(NOW + time::Duration::HOUR), &visit_bytes(7, "ann"));
    let [first, soon, later] = warnings_of(&value, [0, 59, 61]);
    assert_eq!(first.lines().count(), 1, "{first}");
    assert!(first.contains("check this server's clock and those of the others"), "{first}");
    assert_eq!(soon, "");
    assert_eq!(later, first);
}

#[test]
fn data_of_another_shape_is_one_warning_a_minute_with_the_type() {
    let value = sealed(created(NOW), b"\xff\xff");
    let [first, soon, later] = warnings_of(&value, [0, 59, 61]);
    assert_eq!(first.lines().count(), 1, "{first}");
    for part in ["Raise `schema_version`", "Visit"] {
        assert!(first.contains(part), "{first}");
    }
    assert_eq!(soon, "");
    assert_eq!(later, first);
}

/// Anybody can send these, so at the default level they are not told.
#[test]
fn junk_is_no_warning() {
    for value in ["%", &"A".repeat(60), &format!("{}A", good_value())] {
        assert_eq!(warnings_of(value, [0, 1, 100]), [""; 3], "{value}");
    }
}

/// A session that came long ago, so that its renewal is due at [`NOW`].
fn due() -> http::HeaderMap {
    request_with(&sealed(created(NOW - 10 * time::Duration::MINUTE), &visit_bytes(7, "ann")))
}

/// Bad input 47b, `steps/save`: with a ring that was set by hand.
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

#[derive(serde::Serialize, serde::Deserialize)]
struct VisitBefore {
    page_views: u32,
}

/// Sessions of a release that still seals for servers which know no users.
fn changing() -> Sessions<Visit> {
    builder::<Visit>()
        .schema_version(1)
        .upgrade(0, |old: VisitBefore| Visit { page_views: old.page_views, user: None })
        .seal_as(0, |new: &Visit| VisitBefore { page_views: new.page_views })
        .build()
        .unwrap()
}

fn assert_tells_what_seal_as_loses(event: &str) {
    assert!(event.starts_with(" WARN "), "{event}");
    for part in ["`seal_as` loses a part of this session", "VisitBefore"] {
        assert!(event.contains(part), "{event}");
    }
    assert!(!event.contains("ann"), "{event}");
}

#[test]
fn what_seal_as_loses_is_a_warning_with_both_types() {
    let changing = changing();
    let seal = |visit: Visit| {
        logged(|| drop(changing.encode_at(&Session::new_at(visit, NOW), NOW).unwrap()))
    };
    assert_eq!(seal(Visit { page_views: 7, user: None }), "", "nothing is lost");
    assert_tells_what_seal_as_loses(&seal(visit(7, "ann")));
}

/// In the schema that is sealed nothing has changed, so nothing is written.
#[test]
fn a_change_that_seal_as_drops_whole_is_a_warning_too() {
    let changing = changing();
    let mut session = changing.load_at(&http::HeaderMap::new(), NOW);
    session.user = Some("ann".to_owned());
    assert_tells_what_seal_as_loses(&logged(|| {
        let saved = changing.save_at(session, &mut http::HeaderMap::new(), NOW).unwrap();
        assert_eq!(saved, Saved::Unchanged);
    }));
}
