//! What a server makes of a key file that changes while it serves: new keys when they are good, the
//! last good ones otherwise.

mod support;

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use sealed_session::key_file::tools::KeySchedule;
use sealed_session::key_file::{Health, Polled, Reloader};
use sealed_session::{
    DatedKey, EncodeError, Key, KeyFile, KeyRing, KeyState, Reason, Saved, Session, Sessions,
};
use std::collections::BTreeMap;
use support::key_files::*;
use support::log;
use time::{Duration, OffsetDateTime};

fn reloader(schedule: &KeySchedule) -> Reloader {
    Reloader::new(schedule.to_text().as_bytes(), NOW).unwrap()
}

fn at(seconds: i64) -> OffsetDateTime {
    NOW + Duration::seconds(seconds)
}

/// Polls with `text` and expects that it is refused with this message and changes nothing else.
#[track_caller]
fn assert_refused(keys: &mut Reloader, text: &str, message: &str) {
    let (states, before) = (keys.key_ring().states_at(NOW), keys.health().clone());
    assert_eq!(keys.poll(Ok(text.as_bytes()), at(10)), Polled::Refused);
    let after = keys.health().clone();
    assert_eq!(after.last_error.clone().unwrap().to_string(), message);
    let lasting = |health: Health| (health.generation, health.loaded_at, health.confirmed_at);
    assert_eq!(lasting(after), lasting(before));
    assert_eq!(keys.key_ring().states_at(NOW), states);
}

#[test]
fn a_higher_generation_is_taken_into_use() {
    let mut keys = reloader(&one_key());
    assert_eq!(keys.poll(Ok(rotated().to_text().as_bytes()), at(10)), Polled::Reloaded);
    let health = keys.health();
    assert_eq!((health.generation, health.loaded_at, health.confirmed_at), (2, at(10), at(10)));
    let states = keys.key_ring().states_at(NOW);
    assert_eq!(states, [(key(2).id(), KeyState::Published), (key(1).id(), KeyState::Active)]);
}

#[test]
fn the_same_content_confirms_the_ring_in_use() {
    let mut keys = reloader(&one_key());
    assert_eq!(keys.poll(Ok(one_key().to_text().as_bytes()), at(10)), Polled::Unchanged);
    assert_eq!((keys.health().loaded_at, keys.health().confirmed_at), (NOW, at(10)));
}

/// Bad input 59.
/// Bad input 46b, `key_file/schedule`.
#[test]
fn white_space_comments_line_ends_and_order_are_the_same_file() {
    let text = rotated().to_text();
    let mut keys = reloader(&rotated());
    let (head, list) = text.trim_end().split_once("\n[[key]]").unwrap();
    let (first, second) = list.trim_end_matches("\n# end").split_once("\n[[key]]").unwrap();
    for (second_of_the_day, same) in [
        text.trim_end().to_owned(),
        format!("{}\n", *text),
        text.replace('\n', "\r\n"),
        text.replacen("\n[[key]]", "\n# a comment of ours\n[[key]]", 1),
        text.replace(" = ", "   =\t"),
        format!("{head}\n[[key]]{second}\n[[key]]{first}\n# end\n"),
    ]
    .into_iter()
    .enumerate()
    {
        let now = at(second_of_the_day as i64);
        assert_eq!(keys.poll(Ok(same.as_bytes()), now), Polled::Unchanged, "{same}");
        assert_eq!(keys.health().confirmed_at, now);
        assert_eq!(keys.health().last_error, None);
    }
}

/// A file with a key that seals in `seconds` and nothing else.
fn sealing_in(seconds: i64, generation: u64) -> String {
    let made_at = at(seconds) + Duration::MINUTE;
    let text = KeySchedule::new(key(7), made_at).unwrap().to_text();
    text.replace("generation = 1", &format!("generation = {generation}"))
}

/// Bad input 47b, `key_file/reloader`: a clock was wrong where the file was made, or is wrong here.
#[test]
fn a_ring_that_seals_nothing_now_is_refused_at_the_start() {
    let text = sealing_in(3600, 1);
    let error = Reloader::new(text.as_bytes(), NOW).unwrap_err().to_string();
    let id = key(7).id();
    assert_eq!(
        error,
        format!(
            "no key of it seals now; the first, {id}, does from 2026-11-21T13:00:00Z: set this \
             machine's clock, or, if the machine that made the file had a wrong one, make the file \
             anew there"
        )
    );
    assert!(Reloader::new(text.as_bytes(), at(3600)).is_ok());
}

/// Bad input 47b, `key_file/reloader`: `prune`, where the clock was nine hours ahead, removed the key in use.
#[test]
fn a_ring_that_seals_nothing_now_is_refused_while_the_one_in_use_seals_and_judged_anew_at_each_look()
 {
    let mut keys = reloader(&one_key());
    let text = sealing_in(600, 2);
    log::listen();
    for second in [10, 20, 599] {
        assert_eq!(keys.poll(Ok(text.as_bytes()), at(second)), Polled::Refused);
        assert_eq!(keys.health().generation, 1);
        let states = keys.key_ring().states_at(at(second));
        assert_eq!(states, [(key(1).id(), KeyState::Active)]);
    }
    assert!(keys.health().last_error.clone().unwrap().to_string().contains("no key of it seals"));
    let logged = log::heard();
    assert_eq!(logged.matches("key file refused").count(), 1, "{logged}");
    assert_eq!(keys.poll(Ok(text.as_bytes()), at(600)), Polled::Reloaded);
    assert_eq!(keys.health().last_error, None);
}

/// The key in use is in the new file, too, and seals later.
#[test]
fn a_ring_that_seals_nothing_now_ends_no_sessions_by_having_the_key_in_use() {
    let mut keys = Reloader::new(sealing_in(0, 1).as_bytes(), NOW).unwrap();
    assert_eq!(keys.poll(Ok(sealing_in(600, 2).as_bytes()), at(10)), Polled::Refused);
}

/// Bad input 47b, `key_file/reloader`.
#[test]
fn a_ring_that_seals_nothing_now_is_taken_if_it_ends_sessions_and_told_as_an_error() {
    let revoking = |text: &str| {
        let old = one_key().to_text();
        let old = old.split_once("[[key]]").unwrap().1.trim_end().trim_end_matches("# end");
        text.replace(
            "\n# end",
            &format!(
                "\n[[key]]{}revoked = true\n\n# end",
                old.trim_end_matches('\n').to_owned() + "\n"
            ),
        )
    };
    let raising = |text: &str| {
        text.replace(
            "generation = 2",
            "generation = 2\nreject_created_before = 2026-11-21T12:00:00Z",
        )
    };
    for text in [revoking(&sealing_in(600, 2)), raising(&sealing_in(600, 2))] {
        let mut keys = reloader(&one_key());
        log::listen();
        assert_eq!(keys.poll(Ok(text.as_bytes()), at(10)), Polled::Reloaded, "{text}");
        let logged = log::heard();
        assert!(
            logged.contains("ERROR sealed_session: no key of the key file seals now"),
            "{logged}"
        );
        assert_eq!(keys.health().generation, 2);
    }
}

#[test]
fn a_ring_that_seals_nothing_now_is_taken_where_none_seals_anyway() {
    // The clock was set back an hour after the start.
    let mut keys = reloader(&one_key());
    let text = sealing_in(600, 2);
    assert_eq!(keys.poll(Ok(text.as_bytes()), at(-3600)), Polled::Reloaded);
}

/// Bad input 46, `key_file/reloader`.
#[test]
fn a_lower_generation_is_refused() {
    let mut keys = reloader(&rotated());
    assert_refused(
        &mut keys,
        &one_key().to_text(),
        "`generation` is 1, and 2 is in use: an older file was put back; put the newest one in place",
    );
}

/// Bad input 46, `key_file/reloader`.
#[test]
fn the_same_generation_with_another_meaning_is_refused() {
    let mut keys = reloader(&rotated());
    let text =
        rotated().to_text().replace("seal_from = 2026-11-21T12:03", "seal_from = 2026-11-21T12:04");
    assert_refused(
        &mut keys,
        &text,
        "it says something else than the file in use, and `generation` is 2 in both: raise it",
    );
}

/// Bad input 46, `key_file/reloader`.
#[test]
fn a_reject_created_before_that_moves_back_or_vanishes_is_refused() {
    let mut keys = reloader(&parse(&two_keys()));
    let message = "`reject_created_before` is earlier than the one in use: it never moves back";
    let next = two_keys().replace("generation = 7", "generation = 8");
    assert_refused(&mut keys, &next.replace("before = 2026-11-01", "before = 2026-10-31"), message);
    let line = next.lines().nth(1).unwrap().to_owned();
    assert_refused(&mut keys, &next.replace(&line, ""), message);
    let later = next.replace("before = 2026-11-01", "before = 2026-11-02");
    assert_eq!(keys.poll(Ok(later.as_bytes()), at(20)), Polled::Reloaded);
}

/// Bad input 43, `key_file/reloader`.
#[test]
fn a_file_that_is_being_written_is_refused_at_every_byte_and_then_taken() {
    let mut keys = reloader(&one_key());
    let text = rotated().to_text();
    for len in 0..text.len() - 1 {
        assert_eq!(keys.poll(Ok(&text.as_bytes()[..len]), at(10)), Polled::Refused, "cut to {len}");
        assert_eq!(keys.health().generation, 1);
    }
    assert_eq!(keys.poll(Ok(text.as_bytes()), at(20)), Polled::Reloaded);
    assert_eq!(keys.health().last_error, None);
}

#[test]
fn an_error_passes_when_the_file_in_use_is_back() {
    let mut keys = reloader(&one_key());
    keys.poll(Ok(b"generation = "), at(10));
    assert!(keys.health().last_error.is_some());
    assert_eq!(keys.poll(Ok(one_key().to_text().as_bytes()), at(20)), Polled::Unchanged);
    assert_eq!(keys.health().last_error, None);
}

#[test]
fn a_server_whose_ring_may_be_too_old_says_so() {
    let mut keys = reloader(&one_key());
    let limit = Duration::seconds(30);
    keys.poll(Ok(one_key().to_text().as_bytes()), at(10));
    keys.poll(Ok(b"generation = "), at(20));
    keys.poll(Err(KeyFile::open("no/such/file").unwrap_err()), at(30));
    assert!(!keys.health().is_older_than(limit, at(40)));
    assert!(keys.health().is_older_than(limit, at(41)));
}

#[test]
fn a_confirmation_that_lies_ahead_counts_as_too_old() {
    let limit = Duration::seconds(30);
    let keys = reloader(&one_key());
    // The clock was set back an hour: the ring could be of any age.
    assert!(keys.health().is_older_than(limit, at(-3600)));
    assert!(keys.health().is_older_than(limit, at(-2)));
    assert!(!keys.health().is_older_than(limit, at(-1)), "taken one after the other");
}

#[test]
fn the_start_and_each_change_of_state_is_told_once() {
    log::listen();
    let mut keys = reloader(&one_key());
    let (first, second) = (key(1).id(), key(2).id());
    let started = log::heard();
    assert_eq!(
        started,
        format!(" INFO sealed_session: key file in use generation=1 keys=\"{first} active\"\n")
    );
    let text = rotated().to_text();
    let told = |keys: &mut Reloader, now| {
        keys.poll(Ok(text.as_bytes()), now);
        let logged = log::heard();
        let changes = logged.lines().filter_map(|line| line.split_once("key changed its state "));
        changes.map(|(_, change)| change.to_owned()).collect::<Vec<String>>()
    };
    let change = |id, before: &str, after: &str| {
        format!("key_id={id} before=\"{before}\" after=\"{after}\"")
    };
    assert_eq!(told(&mut keys, at(10)), [change(second, "absent", "published")]);
    assert_eq!(told(&mut keys, at(20)), Vec::<String>::new());
    let seal_from = NOW + ROTATION.after;
    assert_eq!(
        told(&mut keys, seal_from),
        [change(second, "published", "active"), change(first, "active", "draining")]
    );
    assert_eq!(
        told(&mut keys, seal_from + Duration::hours(1)),
        [change(first, "draining", "retired")]
    );
    assert_eq!(told(&mut keys, seal_from + Duration::hours(2)), Vec::<String>::new());
}

/// The gauges that `f` has set, as `name{label=value,…}`.
fn gauges(f: impl FnOnce()) -> BTreeMap<String, f64> {
    let recorder = DebuggingRecorder::new();
    metrics::with_local_recorder(&recorder, f);
    let snapshot = recorder.snapshotter().snapshot().into_vec();
    let gauge = |(key, _, _, value): (metrics_util::CompositeKey, _, _, DebugValue)| {
        let DebugValue::Gauge(value) = value else { panic!("not a gauge: {key:?}") };
        let labels: Vec<String> =
            key.key().labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        (format!("{}{{{}}}", key.key().name(), labels.join(",")), value.into_inner())
    };
    snapshot.into_iter().map(gauge).collect()
}

#[test]
fn gauges_tell_generation_confirmation_error_and_the_state_of_each_key() {
    let mut keys = reloader(&one_key());
    let (first, second) = (key(1).id(), key(2).id());
    let text = rotated().to_text();
    let file = |generation: f64, second: i64, error: f64| {
        [
            ("sealed_session_key_file_generation{}".to_owned(), generation),
            (
                "sealed_session_key_file_confirmed_timestamp_seconds{}".to_owned(),
                at(second).unix_timestamp() as f64,
            ),
            ("sealed_session_key_file_error{}".to_owned(), error),
        ]
    };
    let state = |id, state: &str, value: f64| {
        (format!("sealed_session_key_state{{key_id={id},state={state}}}"), value)
    };
    let told = |keys: &mut Reloader, text: &str, now| {
        gauges(|| {
            keys.poll(Ok(text.as_bytes()), now);
        })
    };
    // A recorder that came after the start hears all at the next look.
    let mut expected = BTreeMap::from(file(1.0, 10, 0.0));
    expected.extend([state(first, "active", 1.0)]);
    assert_eq!(told(&mut keys, &one_key().to_text(), at(10)), expected);

    expected = BTreeMap::from(file(2.0, 20, 0.0));
    expected.extend([state(first, "active", 1.0), state(second, "published", 1.0)]);
    assert_eq!(told(&mut keys, &text, at(20)), expected);

    // A look that fails: the time is the last good one's, and what a key does changes all the same.
    let seal_from = ROTATION.after.whole_seconds();
    expected = BTreeMap::from(file(2.0, 20, 1.0));
    expected.extend([state(first, "active", 0.0), state(first, "draining", 1.0)]);
    expected.extend([state(second, "published", 0.0), state(second, "active", 1.0)]);
    assert_eq!(told(&mut keys, "generation = ", at(seal_from)), expected);

    // A key that is gone is in no state.
    let mut pruned = rotated();
    pruned.prune(Duration::DAY, at(7 * 24 * 3600)).unwrap();
    expected = BTreeMap::from(file(3.0, seal_from + 1, 0.0));
    expected.extend([state(first, "draining", 0.0), state(second, "active", 1.0)]);
    assert_eq!(told(&mut keys, &pruned.to_text(), at(seal_from + 1)), expected);
}

#[test]
fn each_change_of_what_is_wrong_is_reported_once() {
    log::listen();
    let mut keys = reloader(&one_key());
    let missing = || KeyFile::open("no/such/file").unwrap_err();
    for second in 0..5 {
        keys.poll(Ok(b"generation = "), at(second));
    }
    for second in 5..10 {
        keys.poll(Err(missing()), at(second));
    }
    for second in 10..15 {
        keys.poll(Ok(b"generation = "), at(second));
    }
    keys.poll(Ok(rotated().to_text().as_bytes()), at(15));
    keys.poll(Ok(rotated().to_text().as_bytes()), at(16));
    let text = log::heard();
    assert_eq!(text.matches("key file refused, the keys in use stay").count(), 3, "{text}");
    assert_eq!(text.matches("key file reloaded").count(), 1, "{text}");
    assert!(!text.contains(&secret(1)[..12]) && !text.contains("ssk1_"), "{text}");
}

#[test]
fn a_file_that_is_accepted_again_is_told_once() {
    log::listen();
    let mut keys = reloader(&one_key());
    let accepted = "key file is accepted again, the keys in use stay";
    let good = one_key().to_text();
    keys.poll(Ok(good.as_bytes()), at(0));
    keys.poll(Err(KeyFile::open("no/such/file").unwrap_err()), at(1));
    assert!(!log::heard().contains(accepted));
    keys.poll(Ok(good.as_bytes()), at(2));
    keys.poll(Ok(good.as_bytes()), at(3));
    let text = log::heard();
    assert_eq!(text.matches(accepted).count(), 1, "{text}");
    assert!(text.contains("generation=1"), "{text}");
    // A new file that ends the trouble has an event of its own.
    keys.poll(Ok(b"generation = "), at(4));
    keys.poll(Ok(rotated().to_text().as_bytes()), at(5));
    let text = log::heard();
    assert!(text.contains("key file reloaded") && !text.contains(accepted), "{text}");
}

#[test]
fn debug_of_a_reloader_shows_its_health() {
    let keys = reloader(&one_key());
    assert_eq!(format!("{keys:?}"), format!("Reloader {{ health: {:?}, .. }}", keys.health()));
}

// What a ring from a key file does to sessions.

fn sessions(ring: KeyRing) -> Sessions<u32> {
    Sessions::builder("shop", ring).build().unwrap()
}

#[test]
fn a_ring_from_a_key_file_ends_the_sessions_that_the_file_ends() {
    let mut schedule = one_key();
    let old = sessions(schedule.key_ring());
    let value = old.encode_at(&Session::new_at(7, NOW), NOW).unwrap();
    schedule.rotate(key(2), &ROTATION, NOW).unwrap();
    schedule.revoke(key(2).id(), key(3), &AT_ONCE, NOW).unwrap();

    let reason = |sessions: &Sessions<u32>| sessions.decode_at(&value, at(1)).unwrap_err().reason();
    assert_eq!(reason(&sessions(schedule.key_ring())), Reason::Revoked, "from the start");
    old.set_key_ring(schedule.key_ring());
    assert_eq!(reason(&old), Reason::Revoked, "after a swap");
    old.set_key_ring(one_key().key_ring());
    assert_eq!(reason(&old), Reason::Revoked, "it never moves back");
}

#[test]
fn a_session_of_a_draining_key_is_sealed_under_the_active_one_with_its_id_and_age() {
    let schedule = rotated();
    let sessions = sessions(schedule.key_ring());
    let value = sessions.encode_at(&Session::new_at(7, NOW), NOW).unwrap();
    let rotated_at = NOW + ROTATION.after;
    let request = |value: &str| {
        let mut headers = http::HeaderMap::new();
        headers.insert("cookie", format!("__Host-session={value}").parse().unwrap());
        headers
    };

    // Read before a renewal is due: not written again.
    let read = sessions.load_at(&request(&value), rotated_at - Duration::SECOND);
    let mut response = http::HeaderMap::new();
    let saved = sessions.save_at(read, &mut response, rotated_at - Duration::SECOND).unwrap();
    assert_eq!(saved, Saved::Unchanged);

    // Due for renewal after the new key has begun.
    let read = sessions.load_at(&request(&value), rotated_at);
    let (id, created_at) = (read.id(), read.created_at());
    assert_eq!(sessions.save_at(read, &mut response, rotated_at).unwrap(), Saved::Written);
    let set_cookie = response["set-cookie"].to_str().unwrap();
    let resealed = set_cookie.split(['=', ';']).nth(1).unwrap();

    // The old key is gone; the session is there.
    let mut later = schedule.clone();
    let after_drain = NOW + Duration::hours(1);
    assert_eq!(later.prune(Duration::ZERO, after_drain).unwrap().removed, [key(1).id()]);
    sessions.set_key_ring(later.key_ring());
    let session = sessions.decode_at(resealed, rotated_at + Duration::MINUTE).unwrap();
    assert_eq!((*session, session.id(), session.created_at()), (7, id, created_at));
    let gone = sessions.decode_at(&value, rotated_at + Duration::MINUTE).unwrap_err();
    assert_eq!(gone.reason(), Reason::UnknownKey);
}

/// Bad input 47, `keys/ring`.
#[test]
fn while_no_key_is_active_yet_opening_works_and_sealing_is_an_error() {
    let value = sessions(one_key().key_ring()).encode_at(&Session::new_at(7, NOW), NOW).unwrap();
    let start = NOW + Duration::minutes(5);
    let later = KeySchedule::new(key(1), start + Duration::MINUTE).unwrap();
    let sessions = sessions(later.key_ring());
    let before = start - Duration::SECOND;
    assert_eq!(*sessions.decode_at(&value, before).unwrap(), 7);
    let sealed = sessions.encode_at(&Session::new_at(7, before), before);
    assert!(matches!(sealed, Err(EncodeError::NoSealingKey)));
    assert_eq!(sessions.sealing_key_at(before), None);
    assert!(sessions.encode_at(&Session::new_at(7, start), start).is_ok());
}

/// By its id, without trying one after the other.
#[test]
fn each_of_a_thousand_keys_opens_what_it_sealed() {
    const KEYS: u16 = 1000;
    let numbered = |number: u16| {
        let [high, low] = number.to_be_bytes();
        Key::from_bytes(std::array::from_fn(|i| {
            (i as u8).wrapping_mul(37) ^ if i % 2 == 0 { high } else { low }
        }))
        .unwrap()
    };
    let dated = (0..KEYS).map(|number| {
        let key = DatedKey::new(numbered(number), NOW + Duration::minutes(number.into()));
        if number + 1 < KEYS { key.with_open_until(NOW + Duration::DAY) } else { key }
    });
    let sessions = sessions(KeyRing::schedule(dated).unwrap());
    let now = NOW + Duration::minutes(KEYS.into());
    for number in (0..KEYS).step_by(111).chain([KEYS - 1]) {
        let alone: Sessions<u32> =
            Sessions::builder("shop", KeyRing::new(numbered(number))).build().unwrap();
        let value = alone.encode_at(&Session::new_at(number.into(), now), now).unwrap();
        assert_eq!(*sessions.decode_at(&value, now).unwrap(), u32::from(number));
    }
}
