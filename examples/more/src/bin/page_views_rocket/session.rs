//! Sessions for Rocket, in the steps of `docs/adapters.md`: a guard that takes the session and a
//! fairing that saves it.

use http::{HeaderMap, HeaderName, HeaderValue};
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

/// The place of a request's session, in Rocket's cache for one request.
struct SessionSlot<T>(Mutex<State<T>>);

enum State<T> {
    /// Nobody asked, so nothing was decrypted.
    Unread,
    Read(Box<Session<T>>),
    /// The handler panicked.
    Discarded,
}

fn slot<'r, T: Send + 'static>(request: &'r Request<'_>) -> &'r SessionSlot<T> {
    request.local_cache(|| SessionSlot(Mutex::new(State::Unread)))
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
        let Ok(mut state) = slot::<T>(request).0.try_lock() else {
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

/// Rocket's headers are of types of their own. (It drops a `Cookie` header that is not UTF-8. What is not
/// ASCII in others must not cost ours.)
fn cookies(request: &Request<'_>) -> HeaderMap {
    let cookies = request.headers().get("cookie");
    let cookies = cookies.filter_map(|value| HeaderValue::from_bytes(value.as_bytes()).ok());
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
        let Ok(mut state) = slot::<T>(request).0.try_lock() else {
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
        let mut headers = to_save(response);
        match self.0.save(*session, &mut headers) {
            Ok(_) => put_back(response, &headers),
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

/// Whether `save` reads or writes this header. The others stay where they are.
fn is_read_or_written(name: &str) -> bool {
    matches!(name, "set-cookie" | "vary") || speaks_to_caches(name)
}

fn speaks_to_caches(name: &str) -> bool {
    matches!(
        name,
        "cache-control" | "expires" | "surrogate-control" | "edge-control" | "x-accel-expires"
    ) || name.ends_with("-cache-control")
}

/// The headers that `save` is to see, as bytes: Rocket's values are text, and `http` takes text that is
/// not ASCII as bytes only.
fn to_save(response: &Response<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for header in response.headers().iter() {
        let name = HeaderName::try_from(header.name().as_str());
        let value = HeaderValue::from_bytes(header.value().as_bytes());
        if let (Ok(name), Ok(value)) = (name, value)
            && is_read_or_written(name.as_str())
        {
            headers.append(name, value);
        }
    }
    headers
}

/// Puts what `save` made of these headers in the place of what they were.
fn put_back(response: &mut Response<'_>, headers: &HeaderMap) {
    remove(response, is_read_or_written);
    for (name, value) in headers {
        // It was text, and `save` adds ASCII.
        if let Ok(value) = std::str::from_utf8(value.as_bytes()) {
            response.adjoin_raw_header(name.to_string(), value.to_owned());
        }
    }
}

fn remove(response: &mut Response<'_>, which: fn(&str) -> bool) {
    let names = response.headers().iter().map(|header| header.name().as_str().to_ascii_lowercase());
    let names: Vec<String> = names.filter(|name| which(name)).collect();
    for name in names {
        response.remove_header(&name);
    }
}

/// What was said may have been read from the session, and there may be a form token on the page, which
/// nobody outside the library can ask for: no cache may keep it, whatever the handler said.
fn mark_unsaved(response: &mut Response<'_>) {
    remove(response, speaks_to_caches);
    response.set_raw_header("cache-control", "private, no-store");
    response.adjoin_raw_header("vary", "Cookie");
}

#[cfg(test)]
mod tests {
    use super::*;
    use rocket::http::Header;
    use rocket::local::blocking::{Client, LocalResponse};
    use rocket::response::Responder;
    use rocket::response::stream::TextStream;
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

    /// What a handler says of its own.
    struct Said(&'static [(&'static str, &'static str)]);

    impl<'r> Responder<'r, 'static> for Said {
        fn respond_to(self, _: &'r Request<'_>) -> rocket::response::Result<'static> {
            let mut response = Response::new();
            self.0.iter().for_each(|(name, value)| {
                response.adjoin_raw_header(*name, *value);
            });
            Ok(response)
        }
    }

    const SAID: Said = Said(&[
        ("X-Name", "Zoë"),
        ("x-name", "Ann"),
        ("Set-Cookie", "name=Zoë"),
        ("set-cookie", "theme=dark"),
        ("Cache-Control", "max-age=60"),
        ("CDN-Cache-Control", "max-age=60"),
        ("Vary", "Accept"),
    ]);

    #[get("/said")]
    fn said(mut session: Count<'_>) -> Said {
        **session += 1;
        SAID
    }

    /// The body holds the session until it was sent.
    #[get("/held")]
    fn held<'r>(session: Count<'r>) -> (Status, Held<'r>) {
        (Status::Ok, Held(session))
    }

    struct Held<'r>(Count<'r>);

    impl<'r> Responder<'r, 'r> for Held<'r> {
        fn respond_to(self, request: &'r Request<'_>) -> rocket::response::Result<'r> {
            let body = TextStream! {
                let session = self.0;
                yield session.to_string();
            };
            let mut response = Response::build_from(body.respond_to(request)?);
            Ok(response.join(SAID.respond_to(request)?).finalize())
        }
    }

    fn client() -> Client {
        let sessions: Sessions<u32> =
            Sessions::builder("count", KeyRing::new(Key::generate())).build().unwrap();
        let rocket = rocket::build()
            .mount("/", routes![untouched, count, panic, twice, said, held])
            .attach(SessionFairing(sessions));
        Client::untracked(rocket).unwrap()
    }

    fn all<'r>(response: &'r LocalResponse<'_>, name: &str) -> Vec<&'r str> {
        response.headers().get(name).collect()
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
        for cookies in [cookie.clone(), format!("name=Zoë; {cookie}")] {
            let request = client.get("/count").header(Header::new("cookie", cookies));
            assert_eq!(request.dispatch().into_string().unwrap(), "2");
        }
    }

    #[test]
    fn what_a_handler_says_is_kept_and_all_of_it() {
        let client = client();
        let response = client.get("/said").dispatch();
        assert_eq!(all(&response, "x-name"), ["Zoë", "Ann"]);
        let cookies = all(&response, "set-cookie");
        assert_eq!(cookies[..2], ["name=Zoë", "theme=dark"]);
        assert!(cookies.len() == 3 && cookies[2].starts_with("__Host-session="), "{cookies:?}");
        assert_eq!(all(&response, "cache-control"), ["private, no-store"]);
        assert_eq!(all(&response, "cdn-cache-control"), [] as [&str; 0]);
        assert_eq!(all(&response, "vary"), ["Accept, Cookie"]);
    }

    #[test]
    fn what_is_not_saved_is_kept_out_of_every_cache() {
        let client = client();
        let response = client.get("/held").dispatch();
        assert_eq!(all(&response, "x-name"), ["Zoë", "Ann"]);
        assert_eq!(all(&response, "set-cookie"), ["name=Zoë", "theme=dark"]);
        assert_eq!(all(&response, "cache-control"), ["private, no-store"]);
        assert_eq!(all(&response, "cdn-cache-control"), [] as [&str; 0]);
        assert_eq!(all(&response, "vary"), ["Accept", "Cookie"]);
        assert_eq!(response.into_string().unwrap(), "0");
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
        assert_eq!(header(&response, "cache-control"), Some("private, no-store"));
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
