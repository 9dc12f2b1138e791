//! What logs and counters are told: reasons and key ids, never a value.

mod support;

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use sealed_session::{KeyRing, Session};
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
    assert_eq!(
        event,
        format!("DEBUG sealed_session: session cookie rejected reason=forged key_id={id}\n")
    );
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
