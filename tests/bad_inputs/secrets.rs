//! Bad input 52: keys and plaintext are absent from `Debug`, errors, panics and logs.

use crate::support::fixtures::*;
use crate::support::leaks::{assert_no_secret, assert_nothing_of, derived, leak};
use crate::support::log;
use crate::support::second::{to_bytes, to_text};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use http::HeaderMap;
use sealed_session::inspect::{Server, inspect};
use sealed_session::key_file::tools::KeySchedule;
use sealed_session::key_file::{KeyFileError, Reloader};
use sealed_session::{
    DatedKey, Dynamic, EndedSessions, FileFeed, Key, KeyFile, KeyRing, Origin, Saved, Session,
    Sessions,
};
use std::error::Error;
use std::fmt::Debug;
use std::panic::{UnwindSafe, catch_unwind};
use time::Duration;

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
    assert_nothing_of(&value, &log);
}

/// A list that has ended Ann's sessions, and sessions that ask it.
fn ended() -> (EndedSessions, Sessions<Visit>) {
    let list = EndedSessions::new("shop", ABSOLUTE);
    let sessions = builder()
        .ended(&list)
        .subject(|visit: &Visit| visit.user.clone())
        .migrate_private_jar("user", &old_key(), NOW..NOW + ABSOLUTE, |name| Some(visit(7, name)))
        .build()
        .unwrap();
    list.end_all_of_at(MARKER, NOW).unwrap();
    (list, sessions)
}

/// Bad input 52, `ended/list`.
#[test]
fn debug_of_ended_sessions_and_migrations_shows_no_secret() {
    let (list, sessions) = ended();
    let folder = tempfile::tempdir().unwrap();
    let clock = || NOW;
    let feed = FileFeed::open_with_clock(folder.path().join("ended.log"), &list, clock).unwrap();
    let migrating =
        builder::<Visit>().migrate_private_jar("user", &old_key(), NOW..NOW + ABSOLUTE, |_| None);
    let error = list.end_all_of("").unwrap_err();
    let shown: [&dyn Debug; 6] = [&list, &list.status(), &feed, &sessions, &migrating, &error];
    for shown in shown {
        assert_no_secret(&format!("{shown:?} {shown:#?}"));
    }
}

/// Bad input 52, `telemetry`.
#[test]
fn logs_of_ended_sessions_tokens_and_migrations_show_no_secret() {
    log::listen();
    let (list, sessions) = ended();
    // A form token, the right one and one that was changed.
    let session = sessions.load_at(&request_with(&value_with_marker()), NOW);
    assert_eq!(session.origin(), Origin::Rejected(sealed_session::Reason::Ended));
    let mut session = sessions.load_at(&HeaderMap::new(), NOW);
    let token = sessions.csrf_token_at(&session, NOW).unwrap();
    assert!(sessions.verify_csrf_at(&session, &token, NOW));
    assert!(!sessions.verify_csrf_at(&session, &token[1..], NOW));
    // A sign-in that is kept out, because its user was cut meanwhile.
    session.user = Some(MARKER.to_owned());
    list.end_all_of_at(MARKER, NOW + SECOND).unwrap();
    let saved = sessions.save_at(session, &mut HeaderMap::new(), NOW + SECOND).unwrap();
    assert_eq!(saved, Saved::Kept);
    // 65 sign-outs, after which all of the user's sessions are ended.
    for n in 0..65 {
        let created = NOW + SECOND * (2 + n);
        let mut session = sessions.load_at(&HeaderMap::new(), created);
        session.user = Some(MARKER.to_owned());
        let mut response = HeaderMap::new();
        sessions.save_at(session, &mut response, created).unwrap();
        let brought = request([pair(set_cookie(&response).value())]);
        sessions.load_at(&brought, created).destroy();
    }
    // A cookie of the library that was used before.
    let old = old_value("user", MARKER);
    let later = NOW + Duration::HOUR;
    let session = sessions.load_at(&request([format!("user={old}")]), later);
    assert_ne!(session.origin(), Origin::New);
    sessions.save_at(session, &mut HeaderMap::new(), later).unwrap();
    let log = log::heard();
    for logged in ["has no feed", "ended 65 sessions", "was ended while the request ran"] {
        assert!(log.contains(logged), "{logged} is not in: {log}");
    }
    assert_no_secret(&log);
    for made in [token, old] {
        assert_nothing_of(&made, &log);
    }
}

/// What an error and all behind it say, to people and to programmers.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        text.push_str(&format!("{error} {error:?} {error:#?}\n"));
        next = error.source();
    }
    text
}

/// A key file's text with the key in it.
fn key_file_text() -> String {
    KeySchedule::new(key(KEY), NOW).unwrap().to_text().to_string()
}

/// The same, wrong in each of many ways.
fn wrong_key_files() -> Vec<String> {
    let text = key_file_text();
    let secret = key(KEY).to_text();
    let line = text.lines().find(|line| line.starts_with("secret")).unwrap();
    let instead = |by: &str| text.replace(line, by);
    vec![
        instead(&secret),
        instead(&format!("secret = {}", *secret)),
        instead(&format!("{} = \"secret\"", *secret)),
        instead(&format!("secret = \"{}", *secret)),
        instead(&format!("secret = \"{}\"", &secret[..52])),
        instead(&format!("secret = \"\\u0073{}\"", &secret[1..])),
        instead(&format!("secret = [\"{}\"]", *secret)),
        instead(&format!("{line}\nseal_from = \"{}\"", *secret)),
        instead(&format!("{line}\nnote = \"{}\"", *secret)),
        format!("{text}{}", *secret),
        format!("generation = \"{}\"\n", *secret),
        format!("{text}\n{line}\n"),
        text[..text.len() - 9].to_owned(),
    ]
}

/// Bad input 52, `key_file/error`.
#[test]
fn errors_of_key_files_and_all_behind_them_show_no_secret() {
    for text in wrong_key_files() {
        let error: KeyFileError = KeySchedule::parse(text.as_bytes()).unwrap_err();
        assert_no_secret(&chain(&error));
    }
}

/// Bad input 52, `key_file/schedule`.
#[test]
fn debug_of_key_files_and_of_what_is_inspected_shows_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    let schedule = KeySchedule::new(key(KEY), NOW).unwrap();
    KeyFile::options().create(&path, &schedule).unwrap();
    let file = KeyFile::open(&path).unwrap();
    let reloader = Reloader::new(key_file_text().as_bytes(), NOW).unwrap();
    let server = Server { app: APP.to_owned(), keys: Some(ring()), ..Server::default() };
    let inspected = inspect(&value_with_marker(), &server, NOW).unwrap();
    assert!(inspected.session.is_some());
    let shown: [&dyn Debug; 7] =
        [&schedule, &file, &reloader, reloader.health(), &server, &inspected, &builder::<Visit>()];
    for shown in shown {
        assert_no_secret(&format!("{shown:?} {shown:#?}"));
    }
}

/// Bad input 52, `headers/set_cookie`.
#[test]
fn debug_of_a_response_shows_no_value() {
    let mut response = HeaderMap::new();
    let mut session = opened();
    session.page_views += 1;
    sessions().save_at(session, &mut response, NOW).unwrap();
    let sent = response["set-cookie"].to_str().unwrap().to_owned();
    let shown = format!("{response:?} {response:#?}");
    assert!(sent.len() > 100 && shown.contains("Sensitive"), "{shown}");
    assert!(!shown.contains(&sent[20..60]), "{shown}");
    assert_no_secret(&shown);
    assert!(sessions::<Visit>().cookie_for_at(&opened(), NOW).unwrap().is_sensitive());
}

/// Bad input 52, `dynamic`.
#[test]
fn named_values_show_nothing_in_debug_and_errors() {
    let mut values = Dynamic::default();
    values.insert("user", MARKER).unwrap();
    assert_no_secret(&format!("{values:?} {values:#?}"));
    assert_no_secret(&chain(&values.get::<u32>("user").unwrap_err()));
}

/// Bad input 52, `error`.
#[test]
fn all_errors_of_sessions_and_all_behind_them_show_no_secret() {
    #[derive(serde::Serialize, serde::Deserialize, Debug)]
    struct Large(String);
    impl Default for Large {
        fn default() -> Large {
            Large(MARKER.repeat(1000))
        }
    }
    let error = builder::<Large>().build().unwrap_err();
    assert_no_secret(&chain(&error));
    let error = builder::<Visit>().path(key(KEY).to_text().as_str()).build().unwrap_err();
    assert_no_secret(&chain(&error));
    let large = Session::new_at(visit(7, &MARKER.repeat(1000)), NOW);
    assert_no_secret(&chain(&sessions().encode_at(&large, NOW).unwrap_err()));
    assert_no_secret(&chain(&sessions().cookie_for_at(&large, NOW).unwrap_err()));
    let error = sessions::<Visit>().decode_at(&value_with_marker(), NOW + ABSOLUTE).unwrap_err();
    assert_no_secret(&chain(&error));
}

/// Bad input 52, `key_file/reloader`.
#[test]
fn logs_of_a_key_file_show_no_secret() {
    log::listen();
    let good = key_file_text();
    let mut reloader = Reloader::new(good.as_bytes(), NOW).unwrap();
    for (minutes, text) in wrong_key_files().into_iter().enumerate() {
        reloader.poll(Ok(text.as_bytes()), NOW + Duration::minutes(minutes as i64 * 20));
        assert_no_secret(&format!("{:?} {:?}", reloader, reloader.health().last_error));
    }
    reloader.poll(Ok(good.replace("generation = 1", "generation = 2").as_bytes()), NOW);
    let log = log::heard();
    assert!(log.contains("ERROR") && log.contains("line"), "{log}");
    assert_no_secret(&log);
}

/// The search itself (`tests/support/leaks.rs`) finds each secret, in each way, wherever a
/// part of it begins.
#[test]
fn a_leak_is_found_however_it_is_written() {
    let value = value_with_marker();
    let secrets: [(&str, &[u8]); 5] = [
        ("a key", &KEY),
        ("a key", &OTHER_KEY),
        ("a derived key", &derived(&KEY, "sealed-session v1 csrf")),
        ("the plaintext", MARKER.as_bytes()),
        ("a cookie's value", value.as_bytes()),
    ];
    for (what, secret) in secrets {
        for from in [0, 1, 2, 5] {
            let part = &secret[from..];
            let hex: String = part.iter().map(|byte| format!("{byte:02X}")).collect();
            let told = [
                format!("Key({part:?})"),
                format!("Key {{ bytes: {part:02x?} }}"),
                format!("at {hex}!"),
                format!("at x{}", STANDARD_NO_PAD.encode(part)),
                format!("at {}", URL_SAFE_NO_PAD.encode(part)),
                format!("b\"{}\"", part.escape_ascii()),
            ];
            for text in told {
                assert_eq!(leak(&text), Some(what), "{text}");
            }
        }
    }
    assert_eq!(leak(&format!("user: {MARKER}")), Some("the plaintext"));
    assert_eq!(leak(&format!("a={value}")), Some("a cookie's value"));
    assert_eq!(leak("a session was rejected: forged, key 13f2a9c0"), None);
}
