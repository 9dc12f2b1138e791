//! What `docs/testing.md` says of tests of an application: its code, run, and what its two calls say
//! in cases that it does not show.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get as on_get, post};
use axum::{Form, Router};
use http_body_util::BodyExt;
use sealed_session::axum::{Session as Extracted, SessionLayer};
use sealed_session::{Key, KeyRing, ResponseCookie, Session, Sessions};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use tower::ServiceExt;

#[derive(Serialize, Deserialize, Default, Debug, Clone, PartialEq)]
struct Visit {
    user: Option<String>,
    page_views: u32,
}

#[derive(Deserialize)]
struct SignIn {
    user: String,
}

async fn home(mut session: Extracted<Visit>) -> String {
    session.page_views += 1;
    format!("Hello, {}!", session.user.as_deref().unwrap_or("stranger"))
}

async fn sign_in(mut session: Extracted<Visit>, Form(form): Form<SignIn>) {
    session.reset();
    session.user = Some(form.user);
}

async fn sign_out(mut session: Extracted<Visit>) {
    session.destroy();
}

#[derive(Deserialize)]
struct Message {
    text: String,
    token: String,
}

async fn message(session: Extracted<Visit>, Form(form): Form<Message>) -> Response {
    match session.verify_csrf(&form.token) {
        true => form.text.into_response(),
        false => StatusCode::FORBIDDEN.into_response(),
    }
}

async fn account(session: Extracted<Visit>) -> Response {
    match &session.user {
        Some(user) => user.clone().into_response(),
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}

fn app(sessions: Sessions<Visit>) -> Router {
    Router::new()
        .route("/", on_get(home))
        .route("/account", on_get(account))
        .route("/sign-in", post(sign_in))
        .route("/sign-out", post(sign_out))
        .route("/message", post(message))
        .layer(SessionLayer::new(sessions))
}

/// As in `main`, but for the key.
fn sessions() -> Sessions<Visit> {
    Sessions::builder("shop", KeyRing::new(Key::generate())).build().unwrap()
}

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

fn post_form(path: &str, form: impl Into<Body>) -> Request<Body> {
    let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
    request.body(form.into()).unwrap()
}

async fn text(response: Response) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn the_home_page_greets_by_name() {
    let sessions = sessions();
    let visit = Visit { user: Some("Ann".to_owned()), page_views: 7 };
    let cookie = sessions.cookie_for(&Session::new(visit)).unwrap();

    let request = Request::get("/").header(COOKIE, cookie).body(Body::empty()).unwrap();
    let response = app(sessions.clone()).oneshot(request).await.unwrap();

    assert_eq!(response.status(), StatusCode::OK);
    let ResponseCookie::Set(session) = sessions.read_response(response.headers()) else {
        panic!("the page counts, so the session is written")
    };
    assert_eq!(session.page_views, 8);
    assert_eq!(text(response).await, "Hello, Ann!");
}

struct Visitor {
    app: Router,
    sessions: Sessions<Visit>,
    cookie: Option<HeaderValue>,
}

impl Visitor {
    fn new() -> Visitor {
        let sessions = sessions();
        Visitor { app: app(sessions.clone()), sessions, cookie: None }
    }

    async fn send(&mut self, mut request: Request<Body>) -> Response {
        if let Some(cookie) = &self.cookie {
            request.headers_mut().insert(COOKIE, cookie.clone());
        }
        let response = self.app.clone().oneshot(request).await.unwrap();
        match self.sessions.read_response(response.headers()) {
            ResponseCookie::Set(session) => {
                self.cookie = Some(self.sessions.cookie_for(&session).unwrap());
            }
            ResponseCookie::Removed => self.cookie = None,
            ResponseCookie::None => {}
        }
        response
    }
}

#[tokio::test]
async fn signing_in_and_out() {
    let mut ann = Visitor::new();
    ann.send(post_form("/sign-in", "user=Ann&password=…")).await;
    assert_eq!(text(ann.send(get("/")).await).await, "Hello, Ann!");
    ann.send(post_form("/sign-out", "")).await;
    assert_eq!(ann.cookie, None);
    assert_eq!(text(ann.send(get("/")).await).await, "Hello, stranger!");
}

#[tokio::test]
async fn a_message_is_posted_with_the_forms_token_only() {
    let sessions = sessions();
    let session = Session::new(Visit { user: Some("Ann".to_owned()), page_views: 7 });
    let token = sessions.csrf_token(&session).unwrap();
    for (token, status) in [(&*token, StatusCode::OK), ("", StatusCode::FORBIDDEN)] {
        let mut request = post_form("/message", format!("text=hello&token={token}"));
        request.headers_mut().insert(COOKIE, sessions.cookie_for(&session).unwrap());
        let response = app(sessions.clone()).oneshot(request).await.unwrap();
        assert_eq!(response.status(), status);
    }
}

#[tokio::test]
async fn after_the_idle_timeout_nobody_is_signed_in() {
    for (minutes, status) in [(29, StatusCode::OK), (31, StatusCode::UNAUTHORIZED)] {
        let sessions = sessions(); // 30 minutes without use
        let then = OffsetDateTime::now_utc() - Duration::minutes(minutes);
        let session = Session::new_at(Visit { user: Some("Ann".to_owned()), page_views: 7 }, then);
        let cookie = sessions.cookie_for_at(&session, then).unwrap();

        let request = Request::get("/account").header(COOKIE, cookie).body(Body::empty()).unwrap();
        let response = app(sessions).oneshot(request).await.unwrap();
        assert_eq!(response.status(), status, "{minutes} minutes");
    }
}

/// Every line of the page's code stands in this file.
#[test]
fn the_code_of_the_page_is_the_code_that_runs() {
    let page = include_str!("../docs/testing.md");
    let here = include_str!("testing.rs");
    let blocks: Vec<&str> =
        page.split("```rust").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 4, "{}", blocks.len());
    for line in blocks.iter().flat_map(|block| block.lines().skip(1)).map(str::trim) {
        assert!(here.contains(line), "not in tests/testing.rs: {line}");
    }
}

const THEN: OffsetDateTime = time::macros::datetime!(2026-11-21 12:00 UTC);

fn a_session() -> Session<Visit> {
    Session::new_at(Visit { user: None, page_views: 7 }, THEN)
}

/// What a response does that saves a request's session after `change`.
fn response(sessions: &Sessions<Visit>, change: impl FnOnce(&mut Session<Visit>)) -> HeaderMap {
    let mut request = HeaderMap::new();
    request.insert(COOKIE, sessions.cookie_for_at(&a_session(), THEN).unwrap());
    let mut session = sessions.load_at(&request, THEN);
    assert_eq!(session.page_views, 7, "the cookie brought it");
    change(&mut session);
    let mut response = HeaderMap::new();
    sessions.save_at(session, &mut response, THEN).unwrap();
    response
}

#[test]
fn a_cookie_to_send_is_marked_sensitive() {
    let sessions = sessions();
    let cookie = sessions.cookie_for(&a_session()).unwrap();
    assert!(cookie.is_sensitive());
    assert!(cookie.to_str().unwrap().starts_with("__Host-session="));
}

#[test]
fn a_response_that_changes_nothing_has_no_cookie_of_ours() {
    let sessions = sessions();
    let headers = response(&sessions, |_| {});
    assert!(matches!(sessions.read_response_at(&headers, THEN), ResponseCookie::None));
}

#[test]
fn a_response_that_removes_the_cookie_says_so() {
    let sessions = sessions();
    let headers = response(&sessions, Session::destroy);
    assert!(matches!(sessions.read_response_at(&headers, THEN), ResponseCookie::Removed));
}

#[test]
fn of_several_cookies_of_our_name_the_last_one_counts() {
    let sessions = sessions();
    let mut headers = response(&sessions, |session| session.page_views = 8);
    let later = response(&sessions, |session| session.page_views = 9);
    headers.append(SET_COOKIE, HeaderValue::from_static("theme=dark; Max-Age=0"));
    headers.append(SET_COOKIE, later[SET_COOKIE].clone());
    headers.append(SET_COOKIE, HeaderValue::from_static("__Host-session2=x; Max-Age=0"));
    let ResponseCookie::Set(session) = sessions.read_response_at(&headers, THEN) else {
        panic!("it is set")
    };
    assert_eq!(session.page_views, 9);
}

/// Other keys are other `Sessions`.
#[test]
fn a_cookie_of_our_name_that_does_not_open_is_none_of_ours() {
    let headers = response(&sessions(), |session| session.page_views = 8);
    assert!(matches!(sessions().read_response_at(&headers, THEN), ResponseCookie::None));
}

#[test]
fn a_session_past_its_deadline_is_none_either() {
    let sessions = sessions();
    let headers = response(&sessions, |session| session.page_views = 8);
    let later = THEN + Duration::minutes(31);
    assert!(matches!(sessions.read_response_at(&headers, later), ResponseCookie::None));
}
