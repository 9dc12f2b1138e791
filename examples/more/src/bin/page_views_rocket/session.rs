//! Sessions for Rocket, in the steps of `docs/adapters.md`: a guard that lends the session and a
//! fairing that saves it.

use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::{ContentType, Status};
use rocket::outcome::Outcome;
use rocket::request::{self, FromRequest, Request};
use rocket::response::Response;
use rocket::tokio::sync::{Mutex, MutexGuard};
use sealed_session::{Session, Sessions};
use serde::{Serialize, de::DeserializeOwned};
use std::io::Cursor;
use std::ops::{Deref, DerefMut};
use std::thread;

/// Where a request keeps its session, in Rocket's cache for one request.
struct Desk<T>(Mutex<State<T>>);

enum State<T> {
    /// Nobody asked, so nothing was decrypted.
    Unread,
    Read(Box<Session<T>>),
    /// The handler panicked.
    Discarded,
}

fn desk<'r, T: Send + 'static>(request: &'r Request<'_>) -> &'r Desk<T> {
    request.local_cache(|| Desk(Mutex::new(State::Unread)))
}

/// The session as a request guard.
pub(crate) struct Visitor<'r, T>(MutexGuard<'r, State<T>>);

#[rocket::async_trait]
impl<'r, T> FromRequest<'r> for Visitor<'r, T>
where
    T: Serialize + DeserializeOwned + Default + Send + Sync + 'static,
{
    type Error = &'static str;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, Self::Error> {
        let failed = |why| Outcome::Error((Status::InternalServerError, why));
        let Some(sessions) = request.rocket().state::<Sessions<T>>() else {
            return failed("attach `SessionFairing` first");
        };
        let Ok(mut state) = desk::<T>(request).0.try_lock() else {
            return failed("the session is still held by another guard: drop that first");
        };
        // 1. Load it when the first handler asks.
        if let State::Unread = *state {
            *state = State::Read(Box::new(sessions.load(&cookies(request))));
        }
        match *state {
            State::Read(_) => Outcome::Success(Visitor(state)),
            _ => failed("a guard before this one panicked"),
        }
    }
}

/// Rocket's headers are of types of their own.
fn cookies(request: &Request<'_>) -> http::HeaderMap {
    let cookies = request.headers().get("cookie").filter_map(|value| value.parse().ok());
    cookies.map(|value| (http::header::COOKIE, value)).collect()
}

impl<T> Deref for Visitor<'_, T> {
    type Target = Session<T>;

    fn deref(&self) -> &Session<T> {
        match &*self.0 {
            State::Read(session) => session,
            _ => unreachable!("a guard holds a session that was read"),
        }
    }
}

impl<T> DerefMut for Visitor<'_, T> {
    fn deref_mut(&mut self) -> &mut Session<T> {
        match &mut *self.0 {
            State::Read(session) => session,
            _ => unreachable!("a guard holds a session that was read"),
        }
    }
}

impl<T> Drop for Visitor<'_, T> {
    fn drop(&mut self) {
        // 2. What a panic left half done is not saved.
        if thread::panicking() {
            *self.0 = State::Discarded;
        }
    }
}

/// Saves the session with the response.
pub(crate) struct SessionFairing<T>(pub(crate) Sessions<T>);

#[rocket::async_trait]
impl<T> Fairing for SessionFairing<T>
where
    T: Serialize + DeserializeOwned + Default + Send + Sync + 'static,
{
    fn info(&self) -> Info {
        Info { name: "sessions", kind: Kind::Ignite | Kind::Response }
    }

    async fn on_ignite(&self, rocket: rocket::Rocket<rocket::Build>) -> rocket::fairing::Result {
        Ok(rocket.manage(self.0.clone()))
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        let Ok(mut state) = desk::<T>(request).0.try_lock() else {
            tracing::error!("session not saved: the response still holds it");
            return mark_unsaved(response);
        };
        // 3. Nobody asked: the response is left alone.
        let session = match std::mem::replace(&mut *state, State::Discarded) {
            State::Unread => return,
            State::Discarded => return mark_unsaved(response),
            State::Read(session) => session,
        };
        // 4. The handler's headers there and back, all values of each.
        let mut headers = http::HeaderMap::new();
        for header in response.headers().iter() {
            let name = http::HeaderName::try_from(header.name().as_str());
            if let (Ok(name), Ok(value)) = (name, header.value().parse()) {
                headers.append(name, value);
            }
        }
        match self.0.save(*session, &mut headers) {
            Ok(_) => replace_headers(response, &headers),
            // 5. Not saved: nothing of the handler's response is sent.
            Err(error) => {
                tracing::error!(%error, "session not saved");
                *response = Response::build()
                    .status(Status::InternalServerError)
                    .header(ContentType::Plain)
                    .raw_header("cache-control", "no-store")
                    .raw_header("vary", "Cookie")
                    .sized_body(0, Cursor::new(""))
                    .finalize();
            }
        }
    }
}

/// What was said may have been read from the session: no shared cache may keep it.
fn mark_unsaved(response: &mut Response<'_>) {
    response.set_raw_header("cache-control", "private");
    response.adjoin_raw_header("vary", "Cookie");
}

fn replace_headers(response: &mut Response<'_>, headers: &http::HeaderMap) {
    let before: Vec<String> =
        response.headers().iter().map(|header| header.name.to_string()).collect();
    for name in before {
        response.remove_header(&name);
    }
    for (name, value) in headers {
        if let Ok(value) = value.to_str() {
            response.adjoin_raw_header(name.to_string(), value.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rocket::local::blocking::{Client, LocalResponse};
    use rocket::{get, routes};
    use sealed_session::{Key, KeyRing};

    type Count<'r> = Visitor<'r, u32>;

    #[get("/untouched")]
    fn untouched() {}

    #[get("/count")]
    fn count(mut session: Count<'_>) -> String {
        **session += 1;
        session.to_string()
    }

    #[get("/panic")]
    fn panic(mut session: Count<'_>) {
        **session += 1;
        panic!("in the handler");
    }

    #[get("/twice")]
    fn twice(_first: Count<'_>, _second: Count<'_>) {}

    fn client() -> Client {
        let sessions: Sessions<u32> =
            Sessions::builder("count", KeyRing::new(Key::generate())).build().unwrap();
        let rocket = rocket::build()
            .mount("/", routes![untouched, count, panic, twice])
            .attach(SessionFairing(sessions));
        Client::untracked(rocket).unwrap()
    }

    fn header<'r>(response: &'r LocalResponse<'_>, name: &str) -> Option<&'r str> {
        response.headers().get_one(name)
    }

    #[test]
    fn a_change_is_saved_and_comes_back() {
        let client = client();
        let response = client.get("/count").dispatch();
        let cookie = header(&response, "set-cookie").unwrap().split(';').next().unwrap().to_owned();
        assert_eq!(header(&response, "cache-control"), Some("private, no-store"));
        assert_eq!(header(&response, "content-type"), Some("text/plain; charset=utf-8"));
        let request = client.get("/count").header(rocket::http::Header::new("cookie", cookie));
        assert_eq!(request.dispatch().into_string().unwrap(), "2");
    }

    #[test]
    fn a_route_that_does_not_touch_the_session_is_left_alone() {
        let client = client();
        assert_eq!(header(&client.get("/untouched").dispatch(), "vary"), None);
    }

    #[test]
    fn a_panic_changes_nothing() {
        let client = client();
        let response = client.get("/panic").dispatch();
        assert_eq!(response.status(), Status::InternalServerError);
        assert_eq!(header(&response, "set-cookie"), None);
        assert_eq!(header(&response, "cache-control"), Some("private"));
        assert_eq!(header(&response, "vary"), Some("Cookie"));
    }

    #[test]
    fn two_guards_at_once_are_an_error() {
        let client = client();
        let response = client.get("/twice").dispatch();
        assert_eq!(response.status(), Status::InternalServerError);
        assert_eq!(header(&response, "set-cookie"), None);
    }
}
