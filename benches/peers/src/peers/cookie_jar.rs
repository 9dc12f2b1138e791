//! `cookie`'s `PrivateJar` with `serde_json`: what most people write by hand.

use cookie::{Cookie, CookieJar, Key, SameSite};
use http::{HeaderMap, HeaderValue, header};

use crate::{
    level::{headers::HeadersPeer, value::ValuePeer},
    records::Record,
};

/// How the tables call it.
pub const NAME: &str = "`cookie` PrivateJar";

/// The name of the cookie, here and in axum-extra's jar.
pub const COOKIE: &str = "session";

/// The key is all it needs.
pub struct PrivateJar(Key);

impl PrivateJar {
    /// A new one, with a key that nobody else has.
    pub fn with_random_key() -> Self {
        Self(Key::generate())
    }
}

/// The cookie that carries `record`, still in the clear, with the usual attributes.
pub fn session_cookie<T: Record>(record: &T) -> Cookie<'static> {
    let json = serde_json::to_string(record).expect("records are plain JSON");
    Cookie::build((COOKIE, json))
        .path("/")
        .secure(true)
        .http_only(true)
        .same_site(SameSite::Lax)
        .build()
}

impl<T: Record> ValuePeer<T> for PrivateJar {
    fn encode(&self, record: &T) -> String {
        let json = serde_json::to_string(record).expect("records are plain JSON");
        let mut jar = CookieJar::new();
        jar.private_mut(&self.0).add(Cookie::new(COOKIE, json));
        jar.get(COOKIE).expect("just added").value().to_owned()
    }

    fn decode(&self, value: &str) -> T {
        let sealed = Cookie::new(COOKIE, value.to_owned());
        let opened = CookieJar::new().private(&self.0).decrypt(sealed);
        serde_json::from_str(opened.expect("our own value").value()).expect("our own JSON")
    }
}

impl<T: Record> HeadersPeer<T> for PrivateJar {
    fn read(&self, request: &HeaderMap) -> Option<T> {
        let jar = jar_of(request);
        let opened = jar.private(&self.0).get(COOKIE)?;
        serde_json::from_str(opened.value()).ok()
    }

    fn change(&self, request: &HeaderMap, edit: fn(&mut T)) -> HeaderMap {
        let mut jar = jar_of(request);
        let opened = jar.private(&self.0).get(COOKIE);
        let mut record =
            opened.and_then(|cookie| serde_json::from_str(cookie.value()).ok()).unwrap_or_default();
        edit(&mut record);
        jar.private_mut(&self.0).add(session_cookie(&record));

        let mut response = HeaderMap::new();
        for cookie in jar.delta() {
            let line = HeaderValue::try_from(cookie.to_string()).expect("base64 is plain ASCII");
            response.append(header::SET_COOKIE, line);
        }
        response
    }
}

fn jar_of(request: &HeaderMap) -> CookieJar {
    let mut jar = CookieJar::new();
    for line in request.get_all(header::COOKIE) {
        let line = line.to_str().expect("cookies are plain ASCII");
        for cookie in Cookie::split_parse(line.to_owned()).flatten() {
            jar.add_original(cookie);
        }
    }
    jar
}
