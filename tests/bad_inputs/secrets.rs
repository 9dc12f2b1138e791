//! Bad input 52: keys and plaintext are absent from `Debug`, errors, panics and logs.

use crate::support::fixtures::*;
use crate::support::log;
use crate::support::second::{to_bytes, to_text};
use http::HeaderMap;
use sealed_session::{DatedKey, Key, KeyRing, Session, Sessions};
use std::fmt::Debug;
use std::panic::{UnwindSafe, catch_unwind};

fn opened() -> Session<Visit> {
    sessions().decode_at(&value_with_marker(), NOW).unwrap()
}

/// Bad input 52, `keys/key`.
#[test]
fn debug_shows_no_secret() {
    let (key, dated) = (key(KEY), DatedKey::new(key(KEY), NOW));
    let shown: [&dyn Debug; 6] =
        [&key, &dated, &ring(), &sessions::<Visit>(), &opened(), &key.id()];
    for shown in shown {
        assert_no_secret(&format!("{shown:?} {shown:#?}"));
    }
}

/// A key's text that is wrong in one of the ways that a parser sees.
fn wrong_key_texts() -> [String; 4] {
    let text = key(KEY).to_text();
    [
        text[5..].to_owned(),
        text[..50].to_owned(),
        format!("{}+", &text[..52]),
        format!("{}{}", &text[..52], if text.ends_with('A') { "B" } else { "A" }),
    ]
}

/// Bad input 52, `keys/error`.
#[test]
fn errors_of_keys_show_no_secret() {
    for text in wrong_key_texts() {
        let error = text.parse::<Key>().unwrap_err();
        assert_no_secret(&format!("{error} {error:?}"));
        let error = format!("{text},{text}").parse::<KeyRing>().unwrap_err();
        assert_no_secret(&format!("{error} {error:?}"));
    }
}

/// Bad input 52, `error`.
#[test]
fn errors_of_sessions_show_no_secret() {
    let mut envelope = to_bytes(&value_with_marker());
    *envelope.last_mut().unwrap() ^= 1;
    let error = sessions::<Visit>().decode_at(&to_text(&envelope), NOW).unwrap_err();
    assert_no_secret(&format!("{error} {error:?}"));

    let session = Session::new_at(visit(7, &MARKER.repeat(1000)), NOW);
    let error = sessions().encode_at(&session, NOW).unwrap_err();
    assert_no_secret(&format!("{error} {error:?}"));
}

/// The message of a panic.
fn panic_message<R>(f: impl FnOnce() -> R + UnwindSafe) -> String {
    let Err(panic) = catch_unwind(f) else { panic!("it did not panic") };
    *panic.downcast::<String>().unwrap()
}

/// Bad input 52, `session`.
#[test]
fn panics_over_a_session_show_no_secret() {
    let message =
        panic_message(|| sessions::<Visit>().decode_at(&value_with_marker(), NOW).unwrap_err());
    assert!(message.contains("Session"), "{message}");
    assert_no_secret(&message);
}

/// Bad input 52, `keys/key`.
#[test]
fn panics_over_a_key_show_no_secret() {
    for text in wrong_key_texts() {
        assert_no_secret(&panic_message(move || text.parse::<KeyRing>().unwrap()));
    }
    let message = panic_message(|| assert_eq!(key(KEY), key(OTHER_KEY)));
    assert!(message.contains("Key("), "{message}");
    assert_no_secret(&message);
}

/// Bad input 52, `telemetry`.
#[test]
fn logs_show_no_secret() {
    log::listen();
    let sessions: Sessions<Visit> = builder().insecure_for_development().build().unwrap();
    let session = Session::new_at(visit(7, MARKER), NOW);
    let value = sessions.encode_at(&session, NOW).unwrap();
    sessions.decode_at(&value, NOW).unwrap();
    sessions.decode_at(&value[1..], NOW).unwrap_err();
    sessions.decode_at(&value_with_marker(), NOW).unwrap_err();
    sessions.decode_at(&value, NOW + ABSOLUTE).unwrap_err();
    let large = Session::new_at(visit(7, &MARKER.repeat(1000)), NOW);
    sessions.save_at(large, &mut HeaderMap::new(), NOW).unwrap_err();
    let log = log::heard();
    for logged in ["insecure_for_development", "malformed", "forged", "absolute_timeout"] {
        assert!(log.contains(logged), "{logged} is not in: {log}");
    }
    assert!(log.contains(&key(KEY).id().to_string()));
    assert_no_secret(&log);
}
