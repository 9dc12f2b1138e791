//! axum-extra's `PrivateCookieJar` with `serde_json`.

use axum::{Router, response::IntoResponse};
use axum_extra::extract::{PrivateCookieJar, cookie::Key};
use http::HeaderMap;

use super::cookie_jar::{COOKIE, session_cookie};
use crate::{
    level::{
        axum::{Visit, routes},
        headers::HeadersPeer,
    },
    records::Record,
};

/// How the tables call it.
pub const NAME: &str = "axum-extra PrivateCookieJar";

/// The application, with the key in its state.
pub fn router<T: Record>() -> Router {
    routes::<T, PrivateCookieJar, Key>().with_state(Key::generate())
}

/// The jar without axum's extractor around it.
pub struct Jar(Key);

impl Jar {
    /// A new one, with a key that nobody else has.
    pub fn with_random_key() -> Self {
        Self(Key::generate())
    }

    fn of(&self, request: &HeaderMap) -> PrivateCookieJar {
        PrivateCookieJar::from_headers(request, self.0.clone())
    }
}

impl<T: Record> HeadersPeer<T> for Jar {
    fn read(&self, request: &HeaderMap) -> Option<T> {
        record_in(&self.of(request))
    }

    fn change(&self, request: &HeaderMap, edit: fn(&mut T)) -> HeaderMap {
        let response = changed(self.of(request), edit).into_response();
        response.into_parts().0.headers
    }
}

impl<T: Record> Visit<T> for PrivateCookieJar {
    type Reply = Self;

    async fn read<R: Send>(self, look: fn(&T) -> R) -> Option<R> {
        record_in(&self).as_ref().map(look)
    }

    async fn change(self, edit: fn(&mut T)) -> Self {
        changed(self, edit)
    }
}

fn record_in<T: Record>(jar: &PrivateCookieJar) -> Option<T> {
    serde_json::from_str(jar.get(COOKIE)?.value()).ok()
}

fn changed<T: Record>(jar: PrivateCookieJar, edit: fn(&mut T)) -> PrivateCookieJar {
    let mut record = record_in(&jar).unwrap_or_default();
    edit(&mut record);
    jar.add(session_cookie(&record))
}
