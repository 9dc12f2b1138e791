//! What the tests share: fixed keys, a fixed time, a record, requests and responses.

use crate::support::second::{Second, Stamps, plaintext, varint};
use cookie::Cookie;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use sealed_session::{Key, KeyRing, Reason, Sessions, SessionsBuilder};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

/// No test reads a clock.
pub(crate) const NOW: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);
pub(crate) const SECOND: Duration = Duration::SECOND;
/// The defaults of the builder.
pub(crate) const IDLE: Duration = Duration::minutes(30);
pub(crate) const ABSOLUTE: Duration = Duration::hours(8);

pub(crate) const APP: &str = "shop";
pub(crate) const NAME: &str = "__Host-session";
/// Bytes of name, `=` and value.
pub(crate) const LIMIT: usize = 4096;

pub(crate) const KEY: [u8; 32] = counting_from(1);
pub(crate) const OTHER_KEY: [u8; 32] = counting_from(101);

const fn counting_from(first: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    let mut place = 0;
    while place < 32 {
        bytes[place] = first + place as u8;
        place += 1;
    }
    bytes
}

pub(crate) fn key(bytes: [u8; 32]) -> Key {
    Key::from_bytes(bytes).unwrap()
}

/// A ring of `KEY` alone.
pub(crate) fn ring() -> KeyRing {
    KeyRing::new(key(KEY))
}

/// What most tests keep in their sessions.
#[derive(Serialize, Deserialize, Default, Debug, Clone, PartialEq)]
pub(crate) struct Visit {
    pub(crate) page_views: u32,
    pub(crate) user: Option<String>,
}

pub(crate) fn visit(page_views: u32, user: &str) -> Visit {
    Visit { page_views, user: Some(user.to_owned()) }
}

/// The bytes of a `Visit`, by hand.
pub(crate) fn visit_bytes(page_views: u32, user: &str) -> Vec<u8> {
    [&varint(page_views.into())[..], &[1], &varint(user.len() as u64), user.as_bytes()].concat()
}

pub(crate) fn builder<T: Serialize + DeserializeOwned>() -> SessionsBuilder<T> {
    Sessions::builder(APP, ring())
}

/// The defaults, under `KEY`.
pub(crate) fn sessions<T: Serialize + DeserializeOwned + Default>() -> Sessions<T> {
    builder().build().unwrap()
}

/// The second implementation with the same key, application and name as [`sessions`].
pub(crate) fn second() -> Second {
    Second::new(KEY, APP, NAME)
}

/// The stamps of a session created at `time`.
pub(crate) fn created(time: OffsetDateTime) -> Stamps {
    Stamps::created(u64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap())
}

/// A value with any stamps and any data, which [`sessions`] takes for authentic.
pub(crate) fn sealed(stamps: Stamps, data: &[u8]) -> String {
    second().seal(&plaintext(stamps, data))
}

/// A good value: Ann's seventh page view, at [`NOW`].
pub(crate) fn good_value() -> String {
    sealed(created(NOW), &visit_bytes(7, "ann"))
}

/// A request with these `Cookie` headers.
pub(crate) fn request<H: AsRef<[u8]>>(cookie_headers: impl IntoIterator<Item = H>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for header in cookie_headers {
        headers.append(COOKIE, HeaderValue::from_bytes(header.as_ref()).unwrap());
    }
    headers
}

/// A request with one cookie of our name.
pub(crate) fn request_with(value: &str) -> HeaderMap {
    request([pair(value)])
}

/// `name=value` with our name.
pub(crate) fn pair(value: &str) -> String {
    format!("{NAME}={value}")
}

/// The cookies that a response sets, in order.
pub(crate) fn set_cookies(response: &HeaderMap) -> Vec<Cookie<'_>> {
    let texts = response.get_all(SET_COOKIE).iter().map(|header| header.to_str().unwrap());
    texts.map(|text| Cookie::parse(text).unwrap()).collect()
}

/// The one cookie that a response sets.
pub(crate) fn set_cookie(response: &HeaderMap) -> Cookie<'_> {
    let mut cookies = set_cookies(response);
    assert_eq!(cookies.len(), 1, "one Set-Cookie: {response:?}");
    cookies.remove(0)
}

/// Why `value` is refused at [`NOW`].
pub(crate) fn refusal<T: Serialize + DeserializeOwned>(
    sessions: &Sessions<T>,
    value: &str,
) -> Reason {
    match sessions.decode_at(value, NOW) {
        Ok(_) => panic!("accepted: {value}"),
        Err(error) => error.reason(),
    }
}

/// Stands in the plaintext of sessions that must not be seen.
pub(crate) const MARKER: &str = "the-visitors-secret";

pub(crate) fn value_with_marker() -> String {
    sealed(created(NOW), &visit_bytes(7, MARKER))
}

/// What the library that was used before has set, each time another value.
pub(crate) fn old_value(name: &'static str, text: &str) -> String {
    let mut jar = cookie::CookieJar::new();
    jar.private_mut(&old_key()).add(Cookie::new(name, text.to_owned()));
    jar.get(name).unwrap().value().to_owned()
}

/// The key of the library that was used before.
pub(crate) fn old_key() -> cookie::Key {
    cookie::Key::from(&std::array::from_fn::<u8, 64, _>(|place| 200 - place as u8))
}
