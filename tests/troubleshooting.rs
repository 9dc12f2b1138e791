//! What `docs/troubleshooting.md` says goes wrong, tried. What needs a browser is in
//! `tests/browser`, what needs nginx in `tests/caches`.

mod support;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use http_body_util::BodyExt;
use sealed_session::axum::{Session, SessionLayer};
use sealed_session::{DecodeError, Key, KeyRing, Reason, Sessions};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use support::example::Server;
use tokio::sync::Notify;
use tower::ServiceExt;

#[derive(Serialize, Deserialize, Default, Debug, PartialEq)]
struct Visit {
    user: Option<String>,
    page_views: u32,
}

fn sessions(app: &str) -> Sessions<Visit> {
    Sessions::builder(app, KeyRing::new(Key::generate())).build().unwrap()
}

/// `name=value` of the cookie that a response sets or removes.
fn pair(response: &HeaderMap) -> String {
    let header = response[header::SET_COOKIE].to_str().unwrap();
    header.split(';').next().unwrap().to_owned()
}

fn request(path: &str, cookie: &str) -> Request {
    Request::get(path).header(header::COOKIE, cookie).body(Body::empty()).unwrap()
}

/// The `Cookie` header of a visitor who is signed in.
fn signed_in(sessions: &Sessions<Visit>) -> String {
    let visit = Visit { user: Some("ann".to_owned()), page_views: 7 };
    let value = sessions.encode(&sealed_session::Session::new(visit)).unwrap();
    format!("{}={value}", sessions.cookie_name())
}

async fn text(response: Response) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

/// `Router::layer` wraps the routes that are there.
#[tokio::test]
async fn a_route_added_behind_the_layer_has_no_sessions() {
    let count = async |mut session: Session<Visit>| session.page_views += 1;
    let app = Router::new()
        .route("/before", get(count))
        .layer(SessionLayer::new(sessions("shop")))
        .route("/behind", get(count));
    let status = async |path| app.clone().oneshot(request(path, "")).await.unwrap().status();
    assert_eq!(status("/before").await, StatusCode::OK);
    assert_eq!(status("/behind").await, StatusCode::INTERNAL_SERVER_ERROR);
}

/// `Option<Session<T>>` is an error then, too, and no stranger.
#[tokio::test]
async fn without_the_layer_an_optional_session_is_an_error() {
    let app = Router::new().route("/", get(async |_: Option<Session<Visit>>| ()));
    let status = app.oneshot(request("/", "")).await.unwrap().status();
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
}

/// Two requests of one visitor on their way at the same time: what the browser holds in the end is
/// what the later response says.
#[test]
fn a_parallel_response_undoes_a_sign_out_and_a_sign_in() {
    let sessions = sessions("shop");
    let load = |cookie: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, cookie.parse().unwrap());
        sessions.load(&headers)
    };
    let save = |session| {
        let mut response = HeaderMap::new();
        sessions.save(session, &mut response).unwrap();
        pair(&response)
    };
    let before = signed_in(&sessions);

    // A page that counts and a sign-out, both with the old cookie; the page answers last.
    let mut page = load(&before);
    page.page_views += 1;
    let mut sign_out = load(&before);
    sign_out.destroy();
    assert_eq!(save(sign_out), "__Host-session=");
    assert_eq!(load(&save(page)).user.as_deref(), Some("ann"), "signed in again");

    // The same with a sign-in.
    let stranger = save({
        let mut session = load("");
        session.page_views += 1;
        session
    });
    let mut page = load(&stranger);
    page.page_views += 1;
    let mut sign_in = load(&stranger);
    sign_in.renew();
    sign_in.user = Some("ann".to_owned());
    assert_eq!(load(&save(sign_in)).user.as_deref(), Some("ann"));
    assert_eq!(load(&save(page)).user, None, "signed out again");

    // A page that changes nothing writes nothing, so it undoes nothing.
    let mut response = HeaderMap::new();
    sessions.save(load(&before), &mut response).unwrap();
    assert!(!response.contains_key(header::SET_COOKIE));
}

/// A WebSocket begins with a response, and that is the last one.
#[tokio::test]
async fn the_response_that_opens_a_websocket_carries_the_cookie() {
    let sessions = sessions("shop");
    let open = async |mut session: Session<Visit>| {
        session.page_views += 1;
        (StatusCode::SWITCHING_PROTOCOLS, [(header::UPGRADE, "websocket")])
    };
    let app = Router::new().route("/ws", get(open)).layer(SessionLayer::new(sessions.clone()));
    let response = app.oneshot(request("/ws", &signed_in(&sessions))).await.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    let pair = pair(response.headers());
    let (_, value) = pair.split_once('=').unwrap();
    assert_eq!(sessions.decode(value).unwrap().page_views, 8);
}

/// A session that is moved into the body is not there when the response is ready.
#[tokio::test]
async fn a_change_by_a_stream_that_holds_the_session_is_lost() {
    let sessions = sessions("shop");
    let hold = async |mut session: Session<Visit>| {
        let parts = std::iter::once_with(move || {
            session.page_views += 1;
            Ok::<_, std::io::Error>(format!("view {}", session.page_views))
        });
        Body::from_stream(tokio_stream::iter(parts))
    };
    let give_back = async |mut session: Session<Visit>| {
        session.page_views += 1;
        let line = format!("view {}", session.page_views);
        drop(session);
        Body::from_stream(tokio_stream::iter([Ok::<_, std::io::Error>(line)]))
    };
    let app = Router::new().route("/hold", get(hold)).route("/give-back", get(give_back));
    let app = app.layer(SessionLayer::new(sessions.clone()));
    for (path, is_saved) in [("/hold", false), ("/give-back", true)] {
        let answer = app.clone().oneshot(request(path, &signed_in(&sessions))).await.unwrap();
        assert_eq!(answer.headers().contains_key(header::SET_COOKIE), is_saved, "{path}");
        assert_eq!(text(answer).await, "view 8", "{path}");
    }
}

/// Half of what this handler does is done when it is dropped.
async fn slow(done: Extension<Arc<Notify>>, mut session: Session<Visit>) {
    session.page_views += 1;
    done.notify_one();
    std::future::pending::<()>().await;
    session.user = Some("ann".to_owned());
}

/// As a timeout does, but without a clock: it ends the handler when that is half way through.
async fn cut_off(done: Extension<Arc<Notify>>, request: Request, next: Next) -> Response {
    tokio::select! {
        response = next.run(request) => response,
        () = done.notified() => StatusCode::REQUEST_TIMEOUT.into_response(),
    }
}

#[tokio::test]
async fn a_timeout_inside_the_layer_saves_half_a_change_and_one_outside_none() {
    let sessions = sessions("shop");
    let done = || Extension(Arc::<Notify>::default());
    let route = || Router::new().route("/", get(slow));
    let layer = || SessionLayer::new(sessions.clone());
    let inside = route().layer(middleware::from_fn(cut_off)).layer(layer()).layer(done());
    let outside = route().layer(layer()).layer(middleware::from_fn(cut_off)).layer(done());
    for (app, is_saved) in [(inside, true), (outside, false)] {
        let answer = app.oneshot(request("/", &signed_in(&sessions))).await.unwrap();
        assert_eq!(answer.status(), StatusCode::REQUEST_TIMEOUT);
        assert_eq!(answer.headers().contains_key(header::SET_COOKIE), is_saved);
    }
}

/// Nothing in a cookie says for which host it was made.
#[test]
fn a_cookie_of_one_tenant_opens_for_another_unless_they_have_applications_of_their_own() {
    let keys = KeyRing::new(Key::generate());
    let build = |app: &str| Sessions::<Visit>::builder(app, keys.clone()).build().unwrap();
    let [one, other] = [build("shop/one.example"), build("shop/other.example")];
    let value = one.encode(&sealed_session::Session::new(Visit::default())).unwrap();
    assert!(build("shop/one.example").decode(&value).is_ok(), "what all of them share");
    assert_eq!(
        other.decode(&value).map_err(|error: DecodeError| error.reason()).err(),
        Some(Reason::Forged)
    );
}

/// `-b` reads the jar, and only `-c` writes it.
#[test]
fn curl_keeps_a_removed_cookie_in_a_jar_that_it_does_not_write() {
    let server = Server::of("page_views");
    let jar = Path::new(env!("CARGO_TARGET_TMPDIR")).join("troubleshooting.jar");
    let curl = |options: &[&str], url: &str| {
        let mut curl = Command::new("curl");
        curl.args(["-q", "-sS", "--noproxy", "*", "-H", "Accept: text/plain", "-b"]).arg(&jar);
        if options == ["-c"] {
            curl.arg("-c").arg(&jar);
        }
        let output = curl.arg(url).output().expect("this test needs the program `curl`");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let url = |host: &str, path: &str| server.url.replace("127.0.0.1", host) + path;
    let ours = |path: &str| url("127.0.0.1", path);
    const STRANGER: &str = "You visited this page 1 time.\n";
    const ADA: &str = "You visited this page 1 time, Ada.\n";
    std::fs::write(&jar, "").unwrap();

    curl(&["-c"], &ours("/login?username=Ada"));
    curl(&[], &ours("/logout"));
    assert_eq!(curl(&[], &ours("/")), ADA, "without `-c` the jar keeps the cookie");
    curl(&["-c"], &url("localhost", "/logout"));
    assert_eq!(curl(&[], &ours("/")), ADA, "`localhost` is another host than `127.0.0.1`");
    curl(&["-c"], &ours("/logout"));
    assert_eq!(curl(&[], &ours("/")), STRANGER, "with `-c` it is gone");
}

/// The way round a callback by `form_post`: a cookie of its own that other sites' forms carry, for
/// as long as the visitor is away. `tests/browser` shows that they carry `SameSite=None` only.
#[tokio::test]
async fn a_callback_by_form_has_a_session_of_its_own() {
    #[derive(Serialize, Deserialize, Default)]
    struct Pending {
        state: String,
    }
    let keys = KeyRing::new(Key::generate());
    let pending: Sessions<Pending> = Sessions::builder("shop/sign-in", keys.clone())
        .cookie_name("__Host-sign-in")
        .same_site(sealed_session::SameSite::None)
        .idle_timeout(time::Duration::minutes(10))
        .build()
        .unwrap();
    let visits: Sessions<Visit> = Sessions::builder("shop", keys).build().unwrap();

    let start = async |mut pending: Session<Pending>| pending.state = "17".to_owned();
    let callback = async |mut pending: Session<Pending>, mut visit: Session<Visit>| {
        assert_eq!(pending.state, "17");
        pending.destroy();
        visit.renew();
        visit.user = Some("ann".to_owned());
    };
    let app = Router::new()
        .route("/sign-in", get(start))
        .route("/callback", post(callback))
        .layer(SessionLayer::new(pending))
        .layer(SessionLayer::new(visits));
    let started = app.clone().oneshot(request("/sign-in", "")).await.unwrap();
    let set = started.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(set.contains("SameSite=None"), "{set}");
    // Whole seconds that are left, rounded down: the handler may have taken a millisecond.
    assert!(set.contains("Max-Age=600") || set.contains("Max-Age=599"), "{set}");
    let mut back = request("/callback", &pair(started.headers()));
    *back.method_mut() = axum::http::Method::POST;
    let signed_in = app.oneshot(back).await.unwrap();
    let cookies = signed_in.headers().get_all(header::SET_COOKIE).iter();
    let mut cookies: Vec<&str> =
        cookies.map(|cookie| cookie.to_str().unwrap().split('=').next().unwrap()).collect();
    cookies.sort_unstable();
    assert_eq!(cookies, ["__Host-session", "__Host-sign-in"]);
}
