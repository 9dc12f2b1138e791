//! The text of keys, key files and their dates.

use super::second::Second;
use super::{APP, NAME, NOW};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sealed_session::key_file::Reloader;
use sealed_session::key_file::tools::{Fleet, KeySchedule, Rotation, Tending};
use sealed_session::{Key, KeyError, KeyRing};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use time::{Duration, OffsetDateTime};

/// Any text as a key, and as a list of keys; and the text of any key with one character changed.
pub fn key_text(bytes: &[u8]) -> &'static str {
    if let Some((secret, rest)) = bytes.split_first_chunk::<32>() {
        changed_text(*secret, rest);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return "no_text" };
    let parsed = text.parse::<Key>();
    assert_eq!(parsed.as_ref().ok(), read_key(text).as_ref());
    let ring = text.parse::<KeyRing>();
    assert_eq!(ring.is_ok(), is_ring(text), "{ring:?}");
    match (parsed, ring) {
        (Ok(key), Ok(_)) => {
            assert_eq!(key.to_text().as_str(), text);
            "key"
        }
        (Err(_), Ok(_)) => "ring",
        (Ok(_), Err(error)) => panic!("one key is a list of one: {error}"),
        (Err(error), Err(_)) => match error {
            KeyError::Prefix => "prefix",
            KeyError::TextLength(_) => "text_length",
            KeyError::Alphabet => "alphabet",
            KeyError::Checksum => "checksum",
            KeyError::AllEqual => "all_equal",
            KeyError::Text => "text",
            other => panic!("no error of one key: {other}"),
        },
    }
}

/// The text of these 32 bytes, by `docs/format.md`.
fn text_of(secret: [u8; 32]) -> String {
    let sum = Sha256::new().chain_update("ssk1_").chain_update(secret).finalize();
    format!("ssk1_{}", BASE64_URL_SAFE_NO_PAD.encode([&secret[..], &sum[..4]].concat()))
}

/// The key that `docs/format.md` reads in a text.
fn read_key(text: &str) -> Option<Key> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text.strip_prefix("ssk1_")?).ok()?;
    let secret: [u8; 32] = bytes.get(..32)?.try_into().ok()?;
    let is_weak =
        secret == [secret[0]; 32] || secret.iter().all(|byte| (0x20..0x7f).contains(byte));
    let is_whole = text_of(secret) == text;
    (is_whole && !is_weak).then(|| Key::from_bytes(secret).expect("it is not weak"))
}

fn is_ring(text: &str) -> bool {
    let mut ids = BTreeSet::new();
    text.split(',').all(|part| {
        let text = part.trim_ascii();
        let Some(bytes) =
            read_key(text).and_then(|_| BASE64_URL_SAFE_NO_PAD.decode(&text[5..]).ok())
        else {
            return false;
        };
        ids.insert(Second::new(bytes[..32].try_into().unwrap(), APP, NAME).key_id())
    })
}

/// One character more, less or other: the text is refused, and no part of it is repeated.
fn changed_text(secret: [u8; 32], change: &[u8]) {
    let text = text_of(secret);
    let read = text.parse::<Key>();
    assert_eq!(read.as_ref().ok(), read_key(&text).as_ref());
    let [place, to, ..] = change else { return };
    let place = 5 + usize::from(*place) % (text.len() - 5);
    let to = char::from(*to);
    let (front, back) = text.split_at(place);
    let behind = &back[1..];
    for changed in
        [format!("{front}{to}{behind}"), format!("{front}{behind}"), format!("{front}{to}{back}")]
    {
        if changed == text {
            continue;
        }
        let error = changed.parse::<Key>().expect_err("it is another text");
        assert_repeats_nothing(&text, &error.to_string());
    }
}

/// No twelve characters in a row of a secret. It may by chance have a word of the message in it: parts of
/// small letters and hyphens alone are passed over.
fn assert_repeats_nothing(secret: &str, message: &str) {
    let is_of_a_word =
        |part: &[u8]| part.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'-' | b'_'));
    let is_shown = |part: &[u8]| message.as_bytes().windows(part.len()).any(|shown| shown == part);
    let mut parts = secret.as_bytes()[5..].windows(12);
    assert!(!parts.any(|part| !is_of_a_word(part) && is_shown(part)), "{message}");
}

/// Any bytes as a key file. One that is accepted says the same when it was written again, and every
/// change of it leaves it sound.
pub fn key_file(bytes: &[u8]) -> &'static str {
    let schedule = match KeySchedule::parse(bytes) {
        Ok(schedule) => schedule,
        Err(error) => {
            let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
            assert!(error.line().is_some_and(|line| (1..=lines).contains(&line)), "{error}");
            let message = error.to_string();
            for secret in secrets(bytes) {
                assert_repeats_nothing(&secret, &message);
            }
            assert!(Reloader::new(bytes, NOW).is_err());
            return "refused";
        }
    };
    assert_sound(&schedule);
    if let Ok(mut reloader) = Reloader::new(bytes, NOW) {
        reloader.poll(Ok(bytes), NOW + Duration::MINUTE);
        assert!(reloader.health().last_error.is_none(), "{:?}", reloader.health());
    }
    assert_changes_are_sound(&schedule);
    "schedule"
}

/// What looks like the text of a key.
fn secrets(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let is_of_it = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let words = text.split(|c| !is_of_it(c));
    words.filter(|word| word.starts_with("ssk1_") && word.len() > 16).map(str::to_owned).collect()
}

/// The rules of "Rings" in `docs/format.md`, and what the file says comes back.
fn assert_sound(schedule: &KeySchedule) {
    let text = schedule.to_text();
    let again = KeySchedule::parse(text.as_bytes()).expect("what was written is read");
    assert_eq!(*again.to_text(), *text);
    assert_eq!(again.generation(), schedule.generation());
    assert_eq!(again.reject_created_before(), schedule.reject_created_before());

    let keys = schedule.keys();
    let live: Vec<_> = keys.iter().filter(|key| !key.is_revoked()).collect();
    assert!(keys.windows(2).all(|pair| pair[0].seal_from() < pair[1].seal_from()));
    assert!(live.last().expect("one is not revoked").open_until().is_none());
    assert!(live.windows(2).all(|pair| pair[0].open_until() >= Some(pair[1].seal_from())));
    let ids: BTreeSet<_> = keys.iter().map(|key| key.id().to_string()).collect();
    assert_eq!(ids.len(), keys.len());

    let ring = schedule.key_ring();
    let dates = keys.iter().flat_map(|key| [Some(key.seal_from()), key.open_until()]).flatten();
    for date in dates.chain([NOW]).take(40) {
        for now in
            [-1, 0, 1].into_iter().filter_map(|ms| date.checked_add(Duration::milliseconds(ms)))
        {
            let mut expected: Vec<_> = states(schedule, now);
            let mut states: Vec<_> = ring
                .states_at(now)
                .into_iter()
                .map(|(id, state)| (id.to_string(), state.as_str()))
                .collect();
            expected.sort();
            states.sort();
            assert_eq!(states, expected, "{now}");
        }
    }
}

/// Milliseconds since 1970, as `docs/format.md` counts a clock that is out of range.
fn millis(time: OffsetDateTime) -> i128 {
    (time.unix_timestamp_nanos().div_euclid(1_000_000)).clamp(0, (1 << 48) - 1)
}

fn states(schedule: &KeySchedule, now: OffsetDateTime) -> Vec<(String, &'static str)> {
    let now = millis(now);
    let keys = schedule.keys();
    let opens = |key: &&sealed_session::DatedKey| {
        !key.is_revoked() && key.open_until().is_none_or(|until| millis(until) > now)
    };
    let seals = keys.iter().filter(opens).rfind(|key| millis(key.seal_from()) <= now);
    keys.iter()
        .map(|key| {
            let state = if key.is_revoked() {
                "revoked"
            } else if !opens(&key) {
                "retired"
            } else if seals.is_some_and(|sealing| sealing.id() == key.id()) {
                "active"
            } else if millis(key.seal_from()) > now {
                "published"
            } else {
                "draining"
            };
            (key.id().to_string(), state)
        })
        .collect()
}

fn assert_changes_are_sound(schedule: &KeySchedule) {
    let fleet = Fleet { propagation: Duration::minutes(5), skew: Duration::seconds(30) };
    let rotation = Rotation {
        after: Duration::minutes(10),
        propagation: fleet.propagation,
        skew: fleet.skew,
        max_session: Duration::hours(8),
    };
    let tending = Tending { every: Duration::days(30), rotation, after_end: Duration::DAY };
    let key = |seed: u8| Key::from_bytes(std::array::from_fn(|i| seed ^ i as u8)).unwrap();
    let check = |what: &dyn Fn(&mut KeySchedule) -> bool| {
        let mut changed = schedule.clone();
        let before = schedule.to_text();
        if what(&mut changed) {
            assert!(changed.generation() >= schedule.generation());
            assert!(changed.reject_created_before() >= schedule.reject_created_before());
            assert_eq!(
                changed.generation() == schedule.generation(),
                *changed.to_text() == *before
            );
            assert_sound(&changed);
        } else {
            assert_eq!(*changed.to_text(), *before, "a change that failed changed something");
        }
    };
    check(&|schedule| schedule.rotate(key(0xa0), &rotation, NOW).is_ok());
    check(&|schedule| schedule.rotate_again(key(0xa1), &rotation, NOW).is_ok());
    check(&|schedule| schedule.prune(Duration::DAY, NOW).is_ok());
    check(&|schedule| schedule.tend(key(0xa2), &tending, NOW).is_ok());
    for id in schedule.keys().iter().take(3).map(|dated| dated.id()) {
        check(&|schedule| schedule.revoke(id, key(0xa3), &fleet, NOW).is_ok());
        check(&|schedule| schedule.cancel(id, &fleet, NOW).is_ok());
    }
}

/// Any text of the characters of a date, as a date of a key file.
pub fn dates(bytes: &[u8]) -> &'static str {
    let is_of_dates = |byte: &u8| byte.is_ascii_digit() || b"TtZz:.+- ".contains(byte);
    if bytes.len() > 64 || !bytes.iter().all(is_of_dates) {
        return "no_date";
    }
    let text = std::str::from_utf8(bytes).expect("they are ASCII");
    let secret = text_of(super::key());
    let file = format!("generation = 1\n[[key]]\nsecret = \"{secret}\"\nseal_from = {text}\n");
    let read = KeySchedule::parse(file.as_bytes());
    match (read, read_date(text.trim_matches(' '))) {
        (Ok(schedule), Some(expected)) => {
            assert_eq!(schedule.keys()[0].seal_from().unix_timestamp_nanos(), expected * 1_000_000);
            assert_sound(&schedule);
            "moment"
        }
        (Err(error), None) => {
            assert_eq!(error.line(), Some(4), "{error}");
            "refused"
        }
        (read, expected) => panic!("{text}: {read:?}, not {expected:?}"),
    }
}

/// RFC 3339 as TOML 1.1 has it: seconds may be left out. In milliseconds since 1970; `None` outside of the
/// years 0 to 9999 in UTC, and for a leap second.
fn read_date(text: &str) -> Option<i128> {
    let mut rest = text.as_bytes();
    let (year, month, day) = (number(&mut rest, 4)?, dashed(&mut rest)?, dashed(&mut rest)?);
    one_of(&mut rest, b"Tt ")?;
    let hour = number(&mut rest, 2)?;
    one_of(&mut rest, b":")?;
    let minute = number(&mut rest, 2)?;
    let (mut second, mut ms) = (0, 0);
    if one_of(&mut rest, b":").is_some() {
        second = number(&mut rest, 2)?;
        if one_of(&mut rest, b".").is_some() {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let (fraction, behind) = rest.split_at(digits);
            rest = behind;
            let digit = |place| fraction.get(place).map_or(0, |byte| i128::from(byte - b'0'));
            ms = 100 * digit(0) + 10 * digit(1) + digit(2);
            fraction.first()?;
        }
    }
    let offset = match one_of(&mut rest, b"Zz+-")? {
        b'+' => offset(&mut rest)?,
        b'-' => -offset(&mut rest)?,
        _ => 0,
    };
    let in_range = hour < 24 && minute < 60 && second < 60 && (1..=12).contains(&month);
    if !rest.is_empty() || !in_range || day == 0 || day > days_of(year, month) {
        return None;
    }
    let years: i128 = (0..year).map(|year| if is_leap(year) { 366 } else { 365 }).sum();
    let months: i128 = (1..month).map(|month| days_of(year, month)).sum();
    let minutes = (years + months + day - 1) * 1440 + hour * 60 + minute - offset;
    let days_from_0_to_1970 = 719_528;
    let days_from_0_to_10000 = 3_652_425;
    let since_0 = (minutes * 60 + second) * 1000 + ms;
    let is_of_calendar = (0..days_from_0_to_10000 * 86_400_000).contains(&since_0);
    is_of_calendar.then_some(since_0 - days_from_0_to_1970 * 86_400_000)
}

fn offset(rest: &mut &[u8]) -> Option<i128> {
    let hour = number(rest, 2)?;
    one_of(rest, b":")?;
    let minute = number(rest, 2)?;
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

fn dashed(rest: &mut &[u8]) -> Option<i128> {
    one_of(rest, b"-")?;
    number(rest, 2)
}

fn number(rest: &mut &[u8], digits: usize) -> Option<i128> {
    let (taken, behind) = rest.split_at_checked(digits)?;
    *rest = behind;
    taken
        .iter()
        .all(u8::is_ascii_digit)
        .then(|| taken.iter().fold(0, |number, byte| number * 10 + i128::from(byte - b'0')))
}

fn one_of(rest: &mut &[u8], allowed: &[u8]) -> Option<u8> {
    let (first, behind) = rest.split_first()?;
    allowed.contains(first).then(|| {
        *rest = behind;
        *first
    })
}

fn is_leap(year: i128) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of(year: i128, month: i128) -> i128 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
