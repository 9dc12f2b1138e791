//! What the tutorials show to newcomers to sessions, in their words: each with axum and without a
//! framework. The pages are the same; only how they get their session differs.

mod support;

use axum::Router;
use axum::body::Body;
use axum::http::Uri;
use axum::response::{IntoResponse, Redirect};
use cookie_store::{CookieStore, RawCookie};
use http::header::{COOKIE, LOCATION, SET_COOKIE};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use sealed_session::axum::SessionLayer;
use sealed_session::{Key, KeyRing, Session, Sessions, SessionsBuilder};
use serde::{Deserialize, Serialize};
use support::fixtures::{KEY, NOW, OTHER_KEY, key};
use time::{Duration, OffsetDateTime};
use tower::ServiceExt;
use url::Url;

#[derive(Serialize, Deserialize, Default)]
struct Visit {
    page_views: u32,
    username: Option<String>,
    user_id: Option<u64>,
}

/// A text, or where to go on.
enum Answer {
    Text(String),
    Redirect(&'static str),
}

/// The pages of one tutorial.
type Pages = fn(&mut Session<Visit>, &Uri) -> Answer;

/// What the address says for `name`.
fn query(uri: &Uri, name: &str) -> Option<String> {
    let query = uri.query().unwrap_or_default();
    let found = form_urlencoded::parse(query.as_bytes()).find(|(found, _)| found == name);
    found.map(|(_, value)| value.into_owned())
}

/// A server that keeps nothing but its keys.
enum Server {
    Axum(Router),
    /// With the time that it believes.
    Bare(Sessions<Visit>, Pages, OffsetDateTime),
}

impl Server {
    fn axum(sessions: Sessions<Visit>, pages: Pages) -> Server {
        let handler =
            async move |uri: Uri, mut session: sealed_session::axum::Session<Visit>| match pages(
                &mut session,
                &uri,
            ) {
                Answer::Text(text) => text.into_response(),
                Answer::Redirect(to) => Redirect::to(to).into_response(),
            };
        Server::Axum(Router::new().fallback(handler).layer(SessionLayer::new(sessions)))
    }

    /// Both kinds of server, each with the same settings.
    fn both(build: impl Fn() -> SessionsBuilder<Visit>, pages: Pages) -> [Server; 2] {
        let sessions = || build().build().unwrap();
        [Server::axum(sessions(), pages), Server::Bare(sessions(), pages, NOW)]
    }

    async fn answer(&self, request: Request<()>) -> Response<String> {
        match self {
            Server::Axum(router) => {
                let response = router.clone().oneshot(request.map(|()| Body::empty())).await;
                let (head, body) = response.unwrap().into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                Response::from_parts(head, String::from_utf8(body.to_vec()).unwrap())
            }
            Server::Bare(sessions, pages, now) => {
                let mut session = sessions.load_at(request.headers(), *now);
                let mut response = Response::new(String::new());
                match pages(&mut session, request.uri()) {
                    Answer::Text(text) => *response.body_mut() = text,
                    Answer::Redirect(to) => {
                        *response.status_mut() = StatusCode::SEE_OTHER;
                        response.headers_mut().insert(LOCATION, to.parse().unwrap());
                    }
                }
                sessions.save_at(session, response.headers_mut(), *now).unwrap();
                response
            }
        }
    }
}

/// A visitor, with the jar of `cookie_store`.
#[derive(Default)]
struct Visitor {
    jar: CookieStore,
}

fn url(path: &str) -> Url {
    format!("https://shop.example{path}").parse().unwrap()
}

impl Visitor {
    /// The `Cookie` header for this address, empty if there is none.
    fn sends(&self, path: &str) -> String {
        let url = url(path);
        let pairs =
            self.jar.get_request_values(&url).map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    /// The text of the page, after all redirects.
    async fn get(&mut self, server: &Server, path: &str) -> String {
        let mut path = path.to_owned();
        loop {
            let mut request = Request::get(&path);
            let cookies = self.sends(&path);
            if !cookies.is_empty() {
                request = request.header(COOKIE, cookies);
            }
            let response = server.answer(request.body(()).unwrap()).await;
            let set = response.headers().get_all(SET_COOKIE).iter();
            let set =
                set.map(|header| RawCookie::parse(header.to_str().unwrap().to_owned()).unwrap());
            self.jar.store_response_cookies(set, &url(&path));
            match response.headers().get(LOCATION) {
                Some(to) => path = to.to_str().unwrap().to_owned(),
                None => return response.into_body(),
            }
        }
    }
}

fn builder(keys: KeyRing) -> SessionsBuilder<Visit> {
    Sessions::builder("shop", keys)
}

fn default_settings() -> SessionsBuilder<Visit> {
    builder(KeyRing::new(key(KEY)))
}

/// `req.session.page_views++`
fn count(session: &mut Session<Visit>, _: &Uri) -> Answer {
    session.page_views += 1;
    Answer::Text(format!("You visited this page {} times", session.page_views))
}

#[tokio::test]
async fn the_count_of_visits() {
    for server in Server::both(default_settings, count) {
        let [mut ann, mut bob] = [(); 2].map(|()| Visitor::default());
        assert_eq!(ann.get(&server, "/").await, "You visited this page 1 times");
        assert_eq!(ann.get(&server, "/").await, "You visited this page 2 times");
        assert_eq!(ann.get(&server, "/").await, "You visited this page 3 times");
        assert_eq!(bob.get(&server, "/").await, "You visited this page 1 times");
        assert_eq!(ann.get(&server, "/").await, "You visited this page 4 times");
    }
}

/// `if (req.session.page_views) { … } else { … }`
fn first_time(session: &mut Session<Visit>, _: &Uri) -> Answer {
    session.page_views += 1;
    Answer::Text(match session.page_views {
        1 => "Welcome to this page for the first time!".to_owned(),
        n => format!("You visited this page {n} times"),
    })
}

#[tokio::test]
async fn the_first_time_and_n_times() {
    for server in Server::both(default_settings, first_time) {
        let mut visitor = Visitor::default();
        let first = "Welcome to this page for the first time!";
        assert_eq!(visitor.get(&server, "/").await, first);
        assert_eq!(visitor.get(&server, "/").await, "You visited this page 2 times");
        assert_eq!(visitor.get(&server, "/").await, "You visited this page 3 times");
        visitor.jar.clear();
        assert_eq!(visitor.get(&server, "/").await, first, "who deletes the cookie is new");
    }
}

/// `/login?username=…`, a greeting, `/logout`.
fn login(session: &mut Session<Visit>, uri: &Uri) -> Answer {
    match uri.path() {
        "/login" => {
            session.renew();
            session.username = query(uri, "username");
            Answer::Redirect("/")
        }
        "/logout" => {
            session.destroy();
            Answer::Redirect("/")
        }
        _ => Answer::Text(match &session.username {
            Some(name) => format!("Hello, {name}!"),
            None => "Hello, stranger!".to_owned(),
        }),
    }
}

#[tokio::test]
async fn login_greeting_and_logout() {
    for server in Server::both(default_settings, login) {
        let mut visitor = Visitor::default();
        assert_eq!(visitor.get(&server, "/").await, "Hello, stranger!");
        assert_eq!(visitor.get(&server, "/login?username=Ann%20Lee").await, "Hello, Ann Lee!");
        assert_eq!(visitor.get(&server, "/").await, "Hello, Ann Lee!");
        assert_eq!(visitor.get(&server, "/logout").await, "Hello, stranger!");
        assert_eq!(visitor.sends("/"), "", "the cookie is gone");
        assert_eq!(visitor.get(&server, "/").await, "Hello, stranger!");
        assert_eq!(visitor.get(&server, "/login?username=Bob").await, "Hello, Bob!");
    }
}

/// A user id is put in by one page and shown by another.
fn user_id(session: &mut Session<Visit>, uri: &Uri) -> Answer {
    if uri.path() == "/put" {
        session.user_id = query(uri, "id").and_then(|id| id.parse().ok());
    }
    Answer::Text(session.user_id.map_or("nobody".to_owned(), |id| id.to_string()))
}

#[tokio::test]
async fn a_user_id_put_in_and_shown() {
    for server in Server::both(default_settings, user_id) {
        let mut visitor = Visitor::default();
        assert_eq!(visitor.get(&server, "/show").await, "nobody");
        assert_eq!(visitor.sends("/"), "", "who was only shown nothing has no cookie");
        assert_eq!(visitor.get(&server, "/put?id=17").await, "17");
        assert_eq!(visitor.get(&server, "/show").await, "17");
        let cookie = visitor.sends("/");
        assert_eq!(visitor.get(&server, "/show").await, "17");
        assert_eq!(visitor.sends("/"), cookie, "showing it writes nothing");
        assert_eq!(visitor.get(&server, "/put?id=18").await, "18");
        assert_eq!(visitor.get(&server, "/show").await, "18");
    }
}

fn fifteen_minutes() -> Sessions<Visit> {
    default_settings().idle_timeout(Duration::minutes(15)).build().unwrap()
}

#[tokio::test]
async fn fifteen_minutes_without_a_visit_without_a_framework() {
    let mut visitor = Visitor::default();
    let sessions = fifteen_minutes();
    let mut visit_after = async |seconds: i64| {
        let now = NOW + Duration::seconds(seconds);
        visitor.get(&Server::Bare(sessions.clone(), count, now), "/").await
    };
    const QUARTER: i64 = 15 * 60;
    assert_eq!(visit_after(0).await, "You visited this page 1 times");
    assert_eq!(visit_after(QUARTER - 1).await, "You visited this page 2 times");
    assert_eq!(
        visit_after(2 * QUARTER - 2).await,
        "You visited this page 3 times",
        "since the last"
    );
    assert_eq!(visit_after(3 * QUARTER - 2).await, "You visited this page 1 times", "it is over");
}

/// A layer takes the time from the clock, so the visits before were made at times before now.
#[tokio::test]
async fn fifteen_minutes_without_a_visit_with_axum() {
    let sessions = fifteen_minutes();
    let server = Server::axum(sessions.clone(), count);
    let visit_after = async |pause: Duration| {
        let then = OffsetDateTime::now_utc() - pause;
        let session = Session::new_at(Visit { page_views: 7, ..Visit::default() }, then);
        let value = sessions.encode_at(&session, then).unwrap();
        let cookie = format!("{}={value}", sessions.cookie_name());
        let request = Request::get("/").header(COOKIE, cookie).body(()).unwrap();
        server.answer(request).await.into_body()
    };
    assert_eq!(visit_after(Duration::minutes(10)).await, "You visited this page 8 times");
    assert_eq!(visit_after(Duration::minutes(15)).await, "You visited this page 1 times");
}

/// `name: 'sid', cookie: { path: '/admin', maxAge: 60000 }`
#[tokio::test]
async fn name_path_and_max_age() {
    let settings = || {
        let minute = Duration::milliseconds(60000);
        default_settings().cookie_name("sid").path("/admin").idle_timeout(minute)
    };
    for server in Server::both(settings, count) {
        let mut visitor = Visitor::default();
        assert_eq!(visitor.get(&server, "/admin").await, "You visited this page 1 times");
        assert_eq!(visitor.get(&server, "/admin/users").await, "You visited this page 2 times");
        assert!(visitor.sends("/admin").starts_with("sid="), "{}", visitor.sends("/admin"));
        assert_eq!(visitor.sends("/"), "", "another path");
        assert_eq!(visitor.get(&server, "/").await, "You visited this page 1 times");

        let request = Request::get("/admin").body(()).unwrap();
        let response = server.answer(request).await;
        let set = RawCookie::parse(response.headers()[SET_COOKIE].to_str().unwrap()).unwrap();
        assert_eq!((set.name(), set.path()), ("sid", Some("/admin")));
        assert_eq!(set.max_age(), Some(Duration::MINUTE));
    }
    // The server does not leave the minute to the browser.
    let sessions = settings().build().unwrap();
    let mut visitor = Visitor::default();
    for (seconds, views) in [(0, 1), (59, 2), (118, 3), (178, 1)] {
        let now = NOW + Duration::seconds(seconds);
        let text = visitor.get(&Server::Bare(sessions.clone(), count, now), "/admin").await;
        assert_eq!(text, format!("You visited this page {views} times"), "{seconds} s");
    }
}

/// `secret: 'new'` signs everybody out, and `secret: ['new', 'old']` nobody.
#[tokio::test]
async fn the_secret_changed() {
    let [old, new]: [fn() -> Key; 2] = [|| key(KEY), || key(OTHER_KEY)];
    let befores = Server::both(|| builder(KeyRing::new(old())), login);
    let replaced = Server::both(|| builder(KeyRing::new(new())), login);
    let both = || builder(KeyRing::new(new()).with_retired(old()).unwrap());
    for ((before, after), rotated) in befores.iter().zip(&replaced).zip(&Server::both(both, login))
    {
        let mut visitor = Visitor::default();
        assert_eq!(visitor.get(before, "/login?username=Ann").await, "Hello, Ann!");
        let cookie = visitor.sends("/");

        assert_eq!(visitor.get(after, "/").await, "Hello, stranger!");
        assert_eq!(visitor.sends("/"), cookie, "a server with the old secret may still need it");
        assert_eq!(visitor.get(before, "/").await, "Hello, Ann!");

        assert_eq!(visitor.get(rotated, "/").await, "Hello, Ann!");
        // Whatever is written next is sealed under the new one, so that the old one may go.
        assert_eq!(visitor.get(rotated, "/login?username=Ann").await, "Hello, Ann!");
        assert_eq!(visitor.get(after, "/").await, "Hello, Ann!");
    }
}
