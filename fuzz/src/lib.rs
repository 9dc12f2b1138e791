//! The bodies of the fuzz targets. `tests/fuzz_seeds.rs` runs the seeds through the same bodies
//! under plain `cargo test`; with cargo-fuzz and a nightly toolchain:
//!
//! ```text
//! cargo +nightly fuzz run value fuzz/corpus/value fuzz/seeds/value
//! ```
//!
//! (New finds go into the first directory, which is not kept in the repository.)
//!
//! Each body panics where a promise is broken, and returns in a word what became of its input. The
//! name of a seed begins with that word: `unknown_version.two`.

// A crate of its own, without the other helpers of the tests.
#[path = "../../tests/support/second.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod second;

mod dynamic;
mod ended_entry;
mod feed_file;
mod form_token;
mod keys;
mod migrated;
mod operations;
mod set_cookie;

pub use dynamic::dynamic;
pub use ended_entry::ended_entry;
pub use feed_file::feed_file;
pub use form_token::form_token;
pub use keys::{dates, key_file, key_text};
pub use migrated::migrated;
pub use operations::operations;
pub use set_cookie::set_cookie;

use self::second::{Second, Stamps, unpad};
use arbitrary::{Arbitrary, Unstructured};
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use sealed_session::{EncodeError, Key, KeyRing, Origin, Reason, Saved, Session, Sessions};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::LazyLock;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

const NOW: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);
const APP: &str = "fuzz";
const NAME: &str = "__Host-session";
const LIMIT: usize = 4096;

/// The bytes 1 to 32.
fn key() -> [u8; 32] {
    std::array::from_fn(|place| place as u8 + 1)
}

fn ring() -> KeyRing {
    KeyRing::new(Key::from_bytes(key()).unwrap())
}

fn sessions<T: Serialize + DeserializeOwned + Default>() -> Sessions<T> {
    Sessions::builder(APP, ring()).build().unwrap()
}

/// The second implementation under the same key.
static SECOND: LazyLock<Second> = LazyLock::new(|| Second::new(key(), APP, NAME));

/// What an application might keep, of every kind that postcard knows.
#[derive(Arbitrary, Serialize, Deserialize, Default, Debug, Clone, PartialEq)]
struct Basket {
    user: Option<String>,
    views: u32,
    balance: i64,
    step: Step,
    items: Vec<Item>,
    notes: BTreeMap<String, Vec<u8>>,
}

#[derive(Arbitrary, Serialize, Deserialize, Default, Debug, Clone, PartialEq)]
enum Step {
    #[default]
    Browsing,
    Paying {
        attempts: u8,
        sign: char,
    },
    Paid(u64, bool),
    Sent(u128),
}

#[derive(Arbitrary, Serialize, Deserialize, Debug, Clone, PartialEq)]
struct Item {
    number: u8,
}

/// What only a mistake would keep: lists of nothing, and a type that contains itself.
#[derive(Serialize, Deserialize, Default, Debug, PartialEq)]
struct Odd {
    basket: Basket,
    nothing: Vec<()>,
    nest: Nest,
}

#[derive(Serialize, Deserialize, Default, Debug, PartialEq)]
enum Nest {
    #[default]
    End,
    In(Box<Nest>),
    Many(Vec<Nest>),
}

/// Any bytes as `Cookie` headers, one a line.
pub fn cookie_header(bytes: &[u8]) -> &'static str {
    static SESSIONS: LazyLock<Sessions<Basket>> = LazyLock::new(sessions);
    let sessions = &*SESSIONS;
    let mut request = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            request.append(COOKIE, value);
        }
    }
    let session = sessions.load_at(&request, NOW);
    let origin = session.origin();

    // The values of our name, found in another way.
    let start = format!("{NAME}=");
    let pairs =
        request.get_all(COOKIE).iter().flat_map(|header| header.as_bytes().split(is_semicolon));
    let values: Vec<&[u8]> =
        pairs.filter_map(|pair| pair.trim_ascii_start().strip_prefix(start.as_bytes())).collect();
    let all_was_read = bytes.len() <= 64 * 1024;
    if all_was_read {
        assert_eq!(origin == Origin::New, values.is_empty());
    }
    // One value alone fares as it does without a header around it.
    if let ([value], true) = (&values[..], all_was_read)
        && let Ok(value) = std::str::from_utf8(value)
    {
        match sessions.decode_at(value, NOW) {
            Ok(decoded) => assert_eq!((decoded.id(), origin), (session.id(), Origin::Restored)),
            Err(error) => assert_eq!(origin, Origin::Rejected(error.reason())),
        }
    }

    // Saving what was not changed clears or renews at most, and never what must be kept.
    let mut response = HeaderMap::new();
    let saved = sessions.save_at(session, &mut response, NOW).unwrap();
    let set = response.get_all(SET_COOKIE).iter().count();
    assert_eq!(set, usize::from(matches!(saved, Saved::Written | Saved::Removed)));
    if origin == Origin::New || is_kept(origin) {
        assert_eq!(saved, Saved::Unchanged);
    }

    // Saving what was changed brings it back with the next request, unless the cookie must be kept.
    let mut session = sessions.load_at(&request, NOW);
    session.views ^= 1;
    let changed = Basket::clone(&session);
    let mut response = HeaderMap::new();
    match sessions.save_at(session, &mut response, NOW) {
        Ok(Saved::Written) => {
            let cookie = response[SET_COOKIE].as_bytes();
            let pair = cookie.split(is_semicolon).next().unwrap();
            let request = HeaderMap::from_iter([(COOKIE, HeaderValue::from_bytes(pair).unwrap())]);
            assert_eq!(*sessions.load_at(&request, NOW), changed);
        }
        Ok(saved) => assert_eq!((saved, is_kept(origin)), (Saved::Kept, true)),
        Err(error) => assert!(matches!(error, EncodeError::TooLarge { .. }), "{error}"),
    }

    match origin {
        Origin::New => "new",
        Origin::Restored => "restored",
        Origin::Rejected(reason) => reason.as_str(),
    }
}

fn is_semicolon(byte: &u8) -> bool {
    *byte == b';'
}

fn is_kept(origin: Origin) -> bool {
    use Reason::{NewerSchema, NotYetValid, TooMany, UnknownVersion};
    matches!(origin, Origin::Rejected(UnknownVersion | NewerSchema | NotYetValid | TooMany))
}

/// Any text as a cookie's value.
pub fn value(bytes: &[u8]) -> &'static str {
    static SESSIONS: LazyLock<Sessions<Basket>> = LazyLock::new(sessions);
    let Ok(text) = std::str::from_utf8(bytes) else { return "no_text" };
    let plaintext = SECOND.open(text);
    match SESSIONS.decode_at(text, NOW) {
        Ok(session) => {
            assert!(plaintext.is_some(), "the second implementation refuses it");
            assert_comes_back(&SESSIONS, &session, NOW);
            "restored"
        }
        Err(error) => {
            use Reason::{Forged, Malformed, TooLong, UnknownKey, UnknownVersion};
            let reason = error.reason();
            let is_authentic =
                !matches!(reason, TooLong | Malformed | UnknownVersion | UnknownKey | Forged);
            assert_eq!(is_authentic, plaintext.is_some(), "{reason}");
            reason.as_str()
        }
    }
}

/// Any plaintext, sealed with the right key, and read at the time when it claims to have been made.
pub fn payload(bytes: &[u8]) -> &'static str {
    static SESSIONS: LazyLock<Sessions<Odd>> = LazyLock::new(sessions);
    let value = SECOND.seal(bytes);
    let stamps = unpad(bytes).and_then(Stamps::read).map(|(stamps, _)| stamps);
    let now = stamps.map_or(NOW, |stamps| {
        let millis = Duration::milliseconds(stamps.created_millis() as i64);
        OffsetDateTime::UNIX_EPOCH.checked_add(millis).unwrap_or(NOW)
    });
    match SESSIONS.decode_at(&value, now) {
        Ok(session) => {
            let stamps = stamps.expect("the second implementation refuses it");
            assert_eq!(*session.id().as_bytes(), stamps.id);
            assert!(session.idle_deadline() > now && session.absolute_deadline() > now);
            assert_comes_back(&SESSIONS, &session, now);
            "restored"
        }
        Err(error) => {
            use Reason::{
                AbsoluteTimeout, IdleTimeout, InvalidPayload, NewerSchema, NotYetValid, TooLong,
            };
            let reason = error.reason();
            match stamps {
                _ if NAME.len() + 1 + value.len() > LIMIT => assert_eq!(reason, TooLong),
                None => assert_eq!(reason, InvalidPayload),
                Some(_) => assert!(
                    matches!(
                        reason,
                        InvalidPayload | NotYetValid | AbsoluteTimeout | IdleTimeout | NewerSchema
                    ),
                    "{reason}"
                ),
            }
            reason.as_str()
        }
    }
}

/// What was decoded can be encoded again, if not in as few bytes, and is the same.
fn assert_comes_back<T>(sessions: &Sessions<T>, session: &Session<T>, now: OffsetDateTime)
where
    T: Serialize + DeserializeOwned + std::fmt::Debug + PartialEq,
{
    match sessions.encode_at(session, now) {
        Ok(value) => {
            let again = sessions.decode_at(&value, now).unwrap();
            assert_eq!((&*again, again.id()), (&**session, session.id()));
        }
        Err(error) => assert!(matches!(error, EncodeError::TooLarge { .. }), "{error}"),
    }
}

/// A session, and how it is sealed.
#[derive(Arbitrary, Debug)]
struct Case {
    padding: u8,
    timeouts: Option<(NonZeroU32, NonZeroU32)>,
    basket: Basket,
    /// Makes many items of few bytes.
    items: u16,
}

/// Any session in, the same session out, and never over the limit: neither now nor when it is
/// renewed.
pub fn roundtrip(bytes: &[u8]) -> &'static str {
    let Ok(case) = Case::arbitrary(&mut Unstructured::new(bytes)) else { return "no_case" };
    let Case { padding, timeouts, mut basket, items } = case;
    basket.items = basket.items.into_iter().cycle().take(items.into()).collect();
    let longest = Duration::seconds(u32::MAX.into());
    let builder = Sessions::builder(APP, ring()).padding(usize::from(padding) + 1);
    let sessions: Sessions<Basket> = builder.longest_timeouts(longest, longest).build().unwrap();
    let mut session = Session::new_at(basket, NOW);
    if let Some((idle, absolute)) = timeouts {
        let seconds = |length: NonZeroU32| Duration::seconds(length.get().into());
        session.set_timeouts(seconds(idle), seconds(absolute));
    }

    let value = match sessions.encode_at(&session, NOW) {
        Ok(value) => value,
        Err(EncodeError::TooLarge { size, limit }) => {
            assert!(size > limit && limit == LIMIT);
            return "too_large";
        }
        Err(error) => panic!("{error}"),
    };
    assert!(NAME.len() + 1 + value.len() <= LIMIT);
    let back = sessions.decode_at(&value, NOW).unwrap();
    assert_eq!((&*back, back.id()), (&*session, session.id()));

    let last_second = back.idle_deadline().min(back.absolute_deadline()) - Duration::SECOND;
    let value = sessions.encode_at(&back, last_second).expect("it fits when it is renewed, too");
    assert!(NAME.len() + 1 + value.len() <= LIMIT);
    let back = sessions.decode_at(&value, last_second).unwrap();
    assert_eq!((&*back, back.id()), (&*session, session.id()));
    "same"
}
