//! The extractor and the layer: each row of the table in `sealed_session::axum`.

mod support;

use axum::body::Body;
use axum::extract::{FromRequestParts, Request};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use sealed_session::axum::{Session, SessionLayer, SessionView};
use sealed_session::{Key, KeyRing, ResponseCookie, Saved, Sessions};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::future::{Pending, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use support::log;
use time::Duration;
use tower::{Layer, ServiceExt};
use tower_http::catch_panic::CatchPanicLayer;

#[derive(Serialize, Deserialize, Default)]
struct Visit {
    page_views: u32,
    note: String,
}

/// Sessions under one key, and how often a cookie was opened.
struct Fixture {
    sessions: Sessions<Visit>,
    opened: Arc<AtomicU32>,
}

fn fixture() -> Fixture {
    let key = Key::from_bytes(std::array::from_fn(|i| i as u8)).unwrap();
    let opened = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&opened);
    let sessions = Sessions::<Visit>::builder("shop", KeyRing::new(key))
        .revoked(move |_: &sealed_session::Session<Visit>| {
            counter.fetch_add(1, Ordering::Relaxed);
            false
        })
        .build()
        .unwrap();
    Fixture { sessions, opened }
}

impl Fixture {
    fn layer(&self) -> SessionLayer<Visit> {
        SessionLayer::new(self.sessions.clone())
    }

    /// The cookie of a visitor who was here so often.
    fn cookie(&self, page_views: u32) -> String {
        let visit = Visit { page_views, note: String::new() };
        let value = self.sessions.encode(&sealed_session::Session::new(visit)).unwrap();
        format!("__Host-session={value}")
    }

    fn times_opened(&self) -> u32 {
        self.opened.load(Ordering::Relaxed)
    }

    /// The page views in the cookie that a response sets, if it sets one.
    fn saved(&self, response: &Response) -> Option<u32> {
        let header = response.headers().get(header::SET_COOKIE)?.to_str().unwrap();
        let value = header.strip_prefix("__Host-session=").unwrap().split(';').next().unwrap();
        Some(self.sessions.decode(value).unwrap().page_views)
    }
}

async fn call(app: Router, cookie: Option<&str>) -> Response {
    let mut request = Request::new(Body::empty());
    if let Some(cookie) = cookie {
        request.headers_mut().insert(header::COOKIE, cookie.parse().unwrap());
    }
    app.oneshot(request).await.unwrap()
}

async fn text(response: Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn route<H, A>(handler: H) -> Router
where
    H: axum::handler::Handler<A, ()>,
    A: 'static,
{
    Router::new().route("/", get(handler))
}

async fn count(mut session: Session<Visit>) -> String {
    session.page_views += 1;
    session.page_views.to_string()
}

#[tokio::test]
async fn the_handler_changes_the_session_and_it_is_saved() {
    let fixture = fixture();
    let response = call(route(count).layer(fixture.layer()), Some(&fixture.cookie(7))).await;
    assert_eq!(fixture.saved(&response), Some(8));
    assert_eq!(response.headers()[header::VARY], "Cookie");
    assert_eq!(text(response).await, "8");
}

#[tokio::test]
async fn not_extracted_nothing_is_decrypted_and_the_response_is_left_alone() {
    let fixture = fixture();
    let app = route(async || "static").layer(fixture.layer());
    let response = call(app, Some(&fixture.cookie(7))).await;
    assert_eq!(fixture.times_opened(), 0);
    for name in [header::SET_COOKIE, header::VARY, header::CACHE_CONTROL] {
        assert!(!response.headers().contains_key(&name), "{name}");
    }
}

#[tokio::test]
async fn a_handler_that_fails_is_saved_like_any_other() {
    let fixture = fixture();
    let app = route(async |mut session: Session<Visit>| {
        session.page_views += 1;
        Err::<(), _>(StatusCode::SERVICE_UNAVAILABLE)
    });
    let response = call(app.layer(fixture.layer()), Some(&fixture.cookie(7))).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(fixture.saved(&response), Some(8));
}

async fn panic_with(mut session: Session<Visit>) {
    session.page_views += 1;
    panic!("in the handler");
}

/// Bad input 55, `adapters/slot`: marked like a response that was read.
#[tokio::test]
async fn a_handler_that_panics_changes_nothing() {
    let fixture = fixture();
    let app = route(panic_with).layer(CatchPanicLayer::new()).layer(fixture.layer());
    let response = call(app, Some(&fixture.cookie(7))).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(fixture.saved(&response), None);
    assert_eq!(response.headers()[header::CACHE_CONTROL], "private");
    assert_eq!(response.headers()[header::VARY], "Cookie");
}

/// A middleware does something to the session and gives it back, and a handler panics with it.
async fn panic_after(how: fn(&mut Session<Visit>)) -> (Sessions<Visit>, Response) {
    let page = async move |request: Request| {
        how(&mut Session::from_request(&request).unwrap());
        let beside = {
            let _held = Session::<Visit>::from_request(&request).unwrap();
            SessionView::<Visit>::from_request(&request).unwrap().page_views
        };
        let panics = AssertUnwindSafe(|| {
            let _held = Session::<Visit>::from_request(&request).unwrap();
            panic!("in the handler");
        });
        assert!(catch_unwind(panics).is_err());
        let view = SessionView::<Visit>::from_request(&request).unwrap();
        let (origin, views) = (view.origin(), view.page_views);
        let held = Session::<Visit>::from_request(&request).unwrap();
        format!("{beside} {views} {} {origin:?}", held.page_views)
    };
    let fixture = fixture();
    let response = call(route(page).layer(fixture.layer()), Some(&fixture.cookie(7))).await;
    (fixture.sessions, response)
}

#[tokio::test]
async fn a_visitor_who_was_thrown_out_stays_so_whoever_panics_with_the_session() {
    let (sessions, response) = panic_after(|session| session.destroy()).await;
    let saved = sessions.read_response(response.headers());
    assert!(matches!(saved, ResponseCookie::Removed), "{:?}", response.headers());
    assert_eq!(text(response).await, "0 0 0 New");

    let (sessions, response) = panic_after(|session| session.reset()).await;
    let ResponseCookie::Set(session) = sessions.read_response(response.headers()) else {
        panic!("the new id is written")
    };
    assert_eq!(session.page_views, 0);
    assert_eq!(text(response).await, "0 0 0 New");
}

#[tokio::test]
async fn a_visitor_who_was_not_thrown_out_is_the_one_who_came_after_a_panic() {
    let (sessions, response) = panic_after(|session| session.page_views = 50).await;
    let saved = sessions.read_response(response.headers());
    assert!(matches!(saved, ResponseCookie::None), "{:?}", response.headers());
    assert_eq!(text(response).await, "7 7 7 Restored");
}

#[tokio::test]
async fn a_destroyed_session_is_none_for_an_extractor_that_asks_for_a_restored_one() {
    let page = async |request: Request| {
        Session::<Visit>::from_request(&request).unwrap().destroy();
        let (mut parts, _) = request.into_parts();
        let session = Option::<Session<Visit>>::from_request_parts(&mut parts, &()).await;
        format!("{}", session.unwrap().is_some())
    };
    let fixture = fixture();
    let response = call(route(page).layer(fixture.layer()), Some(&fixture.cookie(7))).await;
    assert_eq!(text(response).await, "false");
}

#[tokio::test]
async fn a_panic_that_passes_the_layer_leaves_it_fit_for_the_next_request() {
    let fixture = fixture();
    let app = Router::new().route("/", get(count)).route("/panic", get(panic_with));
    let app = app.layer(fixture.layer()).layer(CatchPanicLayer::new());
    let request = Request::get("/panic").header(header::COOKIE, fixture.cookie(7));
    let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(fixture.saved(&response), None);
    assert_eq!(fixture.saved(&call(app, Some(&fixture.cookie(7))).await), Some(8));
}

#[tokio::test]
async fn a_panic_in_the_revoked_hook_leaves_the_layer_fit_for_the_next_request() {
    let sessions = Sessions::<Visit>::builder("shop", KeyRing::new(Key::generate()))
        .revoked(|session: &sealed_session::Session<Visit>| session.page_views == 13 && panic!())
        .build()
        .unwrap();
    let cookie = |page_views| {
        let visit = Visit { page_views, note: String::new() };
        let value = sessions.encode(&sealed_session::Session::new(visit)).unwrap();
        format!("__Host-session={value}")
    };
    let app = route(count).layer(CatchPanicLayer::new()).layer(SessionLayer::new(sessions.clone()));
    let response = call(app.clone(), Some(&cookie(13))).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!response.headers().contains_key(header::SET_COOKIE));
    assert_eq!(text(call(app, Some(&cookie(7))).await).await, "8");
}

#[tokio::test]
async fn extracted_twice_at_once_is_a_500_that_names_type_and_fix() {
    let fixture = fixture();
    let app = route(async |_first: Session<Visit>, _second: Session<Visit>| {});
    log::listen();
    let response = call(app.layer(fixture.layer()), None).await;
    let log = log::heard();
    assert!(log.contains("ERROR") && log.contains("session not extracted"), "{log}");
    assert!(log.contains("the session of type `axum::Visit` is in use"), "{log}");
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(
        text(response).await,
        "the session of type `axum::Visit` is in use: only one `Session<axum::Visit>` can be held at \
         a time. Take a `SessionView<axum::Visit>` if you only read, or call `drop(session)` before \
         the request goes on (`next.run(request)` or the like)"
    );
}

#[tokio::test]
async fn no_layer_is_a_500_that_names_type_and_fix() {
    let response = call(route(count), None).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(
        text(response).await,
        "there are no sessions of type `axum::Visit` here: put the session middleware with a \
         `Sessions<axum::Visit>` around this route. (A route that is added after the middleware, \
         below `.layer(…)`, is not inside it: that is the usual cause)"
    );
}

#[tokio::test]
async fn extracted_dropped_and_extracted_again_is_decrypted_once() {
    async fn auth(mut session: Session<Visit>, request: Request, next: Next) -> Response {
        session.page_views += 10;
        drop(session);
        next.run(request).await
    }
    let fixture = fixture();
    let app = route(count).layer(middleware::from_fn(auth)).layer(fixture.layer());
    let response = call(app, Some(&fixture.cookie(7))).await;
    assert_eq!(fixture.times_opened(), 1);
    assert_eq!(fixture.saved(&response), Some(18));
}

/// Bad input 55b, `headers/caching`.
#[tokio::test]
async fn still_in_use_when_the_response_is_ready_is_an_error_event_and_not_saved() {
    let kept: Arc<Mutex<Option<Session<Visit>>>> = Arc::default();
    let keep = async |Extension(kept): Extension<Arc<Mutex<Option<Session<Visit>>>>>,
                      mut session: Session<Visit>| {
        session.page_views += 1;
        *kept.lock().unwrap() = Some(session);
    };
    let fixture = fixture();
    log::listen();
    let app = route(keep).layer(Extension(Arc::clone(&kept))).layer(fixture.layer());
    let response = call(app, Some(&fixture.cookie(7))).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(fixture.saved(&response), None);
    assert_eq!(response.headers()[header::CACHE_CONTROL], "private");
    assert_eq!(response.headers()[header::VARY], "Cookie");
    let log = log::heard();
    assert!(
        log.contains("ERROR") && log.contains("still in use when the response was ready"),
        "{log}"
    );
    assert!(log.contains("axum::Visit"), "{log}");
    kept.lock().unwrap().take();
}

#[tokio::test]
async fn a_streaming_body_is_sent_after_the_session_was_saved() {
    let fixture = fixture();
    let app = route(async |mut session: Session<Visit>| {
        session.page_views += 1;
        let count = session.page_views;
        drop(session);
        Body::from_stream(tokio_stream::iter([Ok::<_, std::io::Error>(format!("view {count}"))]))
    });
    let response = call(app.layer(fixture.layer()), Some(&fixture.cookie(7))).await;
    assert_eq!(fixture.saved(&response), Some(8));
    assert_eq!(text(response).await, "view 8");
}

#[tokio::test]
async fn a_session_that_cannot_be_saved_is_a_500_without_any_of_it() {
    let fixture = fixture();
    let app = route(async |mut session: Session<Visit>| {
        session.note = "secret".repeat(1000);
        ([("x-note", "secret")], "secret")
    });
    log::listen();
    let response = call(app.layer(fixture.layer()), Some(&fixture.cookie(7))).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let mut names: Vec<_> = response.headers().keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["cache-control", "content-length", "vary"]);
    assert_eq!(text(response).await, "");
    let log = log::heard();
    assert!(log.contains("ERROR") && log.contains("session not saved"), "{log}");
    assert!(!log.contains("secret"), "{log}");
}

#[tokio::test]
async fn an_optional_session_is_there_only_when_it_was_restored() {
    async fn optional(session: Option<Session<Visit>>) -> String {
        session.map_or("none".to_owned(), |session| session.page_views.to_string())
    }
    let fixture = fixture();
    let app = route(optional).layer(fixture.layer());
    assert_eq!(text(call(app.clone(), Some(&fixture.cookie(7))).await).await, "7");
    assert_eq!(text(call(app.clone(), None).await).await, "none");
    assert_eq!(text(call(app, Some("__Host-session=forged")).await).await, "none");
}

#[tokio::test]
async fn an_optional_session_without_a_layer_is_still_a_500() {
    let response = call(route(async |_: Option<Session<Visit>>| {}), None).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn layers_of_two_types_are_independent() {
    #[derive(Serialize, Deserialize, Default)]
    struct Cart(Vec<u32>);
    let carts: Sessions<Cart> = Sessions::builder("shop/cart", KeyRing::new(Key::generate()))
        .cookie_name("__Host-cart")
        .build()
        .unwrap();
    let fixture = fixture();
    let app = route(async |mut visit: Session<Visit>, mut cart: Session<Cart>| {
        visit.page_views += 1;
        cart.0.push(5);
    });
    let app = app.layer(SessionLayer::new(carts)).layer(fixture.layer());
    let response = call(app, Some(&fixture.cookie(7))).await;
    let cookies = response.headers().get_all(header::SET_COOKIE);
    let names: Vec<_> =
        cookies.iter().map(|value| value.to_str().unwrap().split_once('=').unwrap().0).collect();
    assert_eq!(names, ["__Host-cart", "__Host-session"]);
}

#[tokio::test]
async fn a_change_that_one_layer_lost_is_not_hidden_by_what_another_saved() {
    let key = Key::from_bytes(std::array::from_fn(|i| i as u8)).unwrap();
    let newer = Sessions::<Visit>::builder("shop", KeyRing::new(key)).schema_version(1);
    let newer = newer.upgrade(0, |old: Visit| old).build().unwrap();
    let cookie = newer.cookie_for(&sealed_session::Session::new(Visit::default())).unwrap();
    let counts = || {
        let builder = Sessions::<u32>::builder("counts", KeyRing::new(Key::generate()));
        SessionLayer::new(builder.cookie_name("__Host-counts").build().unwrap())
    };
    let page = async |mut visit: Session<Visit>, mut count: Session<u32>| {
        visit.page_views += 1;
        **count += 1;
    };
    let layer = || fixture().layer();
    for app in
        [route(page).layer(counts()).layer(layer()), route(page).layer(layer()).layer(counts())]
    {
        let response = call(app, Some(cookie.to_str().unwrap())).await;
        assert_eq!(response.extensions().get(), Some(&Saved::Kept));
        assert!(response.headers().contains_key(header::SET_COOKIE), "the count");
    }
}

#[tokio::test]
async fn of_two_layers_of_one_type_the_inner_one_wins() {
    let (inner, outer) = (fixture(), fixture());
    let app = route(count).layer(inner.layer()).layer(outer.layer());
    let response = call(app, Some(&inner.cookie(7))).await;
    assert_eq!((inner.times_opened(), outer.times_opened()), (1, 0));
    assert_eq!(response.headers().get_all(header::SET_COOKIE).iter().count(), 1);
}

#[tokio::test]
async fn destroying_in_the_handler_removes_the_cookie() {
    let fixture = fixture();
    let app = route(async |mut session: Session<Visit>| session.destroy());
    let response = call(app.layer(fixture.layer()), Some(&fixture.cookie(7))).await;
    let header = response.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(header.starts_with("__Host-session=; ") && header.contains("Max-Age=0"), "{header}");
}

#[tokio::test]
async fn every_rejection_looks_the_same_from_outside() {
    let fixture = fixture();
    let app = route(async |session: Session<Visit>| session.page_views.to_string());
    let app = app.layer(fixture.layer());
    let good = fixture.cookie(7);
    // One of sixteen cookies ends with an A already.
    let last = if good.ends_with('A') { 'E' } else { 'A' };
    let tampered = format!("{}{last}", &good[..good.len() - 1]);
    let mut answers = Vec::new();
    for cookie in ["__Host-session=junk", &tampered, &good[..good.len() - 9]] {
        let response = call(app.clone(), Some(cookie)).await;
        answers.push((
            response.status(),
            format!("{:?}", response.headers()),
            text(response).await,
        ));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(answers[0].0, StatusCode::OK);
}

/// A layer for any tower stack: no axum, another body type.
#[tokio::test]
async fn the_layer_serves_any_body_type() {
    use tower::{ServiceBuilder, service_fn};
    #[derive(Default, PartialEq, Debug)]
    struct OwnBody(u32);
    let fixture = fixture();
    let service = ServiceBuilder::new().layer(fixture.layer()).service(service_fn(
        async |request: axum::http::Request<OwnBody>| {
            let mut session = Session::<Visit>::from_request(&request).unwrap();
            session.page_views += request.body().0;
            Ok::<_, Infallible>(axum::http::Response::new(OwnBody(session.page_views)))
        },
    ));
    let mut request = axum::http::Request::new(OwnBody(3));
    request.headers_mut().insert(header::COOKIE, fixture.cookie(7).parse().unwrap());
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(*response.body(), OwnBody(10));
    assert_eq!(fixture.saved(&response.map(|_| Body::empty()).into_response()), Some(10));
}

/// What it wraps may ask callers to wait, for a limit on requests at once, say.
#[test]
fn the_layer_is_ready_only_when_what_it_wraps_is() {
    struct Busy;

    impl tower::Service<Request> for Busy {
        type Response = Response;
        type Error = Infallible;
        type Future = Pending<Result<Response, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Pending
        }

        fn call(&mut self, _: Request) -> Self::Future {
            pending()
        }
    }

    let mut service = fixture().layer().layer(Busy);
    let ready = tower::Service::poll_ready(&mut service, &mut Context::from_waker(Waker::noop()));
    assert!(ready.is_pending());
}

#[tokio::test]
async fn a_view_tells_the_id_and_the_own_timeouts() {
    let sessions: Sessions<Visit> = Sessions::builder("shop", KeyRing::new(Key::generate()))
        .longest_timeouts(Duration::days(30), Duration::days(30))
        .build()
        .unwrap();
    let mut session = sealed_session::Session::new(Visit::default());
    session.set_timeouts(Duration::days(7), Duration::days(8));
    let (id, value) = (session.id(), sessions.encode(&session).unwrap());
    let view = async |view: SessionView<Visit>| format!("{} {:?}", view.id(), view.own_timeouts());
    let app = route(view).layer(SessionLayer::new(sessions));
    let response = call(app, Some(&format!("__Host-session={value}"))).await;
    let timeouts = Some((Duration::days(7), Duration::days(8)));
    assert_eq!(text(response).await, format!("{id} {timeouts:?}"));
}

/// Else the old bytes would be read, and written, as if they were of the new schema.
#[tokio::test]
async fn an_upgrade_that_makes_too_much_for_a_cookie_is_viewed_and_not_written() {
    type Codes = Vec<String>;
    /// The same shape, another meaning.
    #[derive(Serialize, Deserialize, Default)]
    struct Names(Vec<String>);
    let keys = KeyRing::new(Key::generate());
    let old: Sessions<Codes> = Sessions::builder("shop", keys.clone()).build().unwrap();
    let value = old.encode(&sealed_session::Session::new(vec!["de".to_owned(); 300])).unwrap();
    let new: Sessions<Names> = Sessions::builder("shop", keys)
        .schema_version(1)
        .upgrade(0, |codes: Codes| Names(codes.iter().map(|_| "Deutschland".repeat(2)).collect()))
        .build()
        .unwrap();
    let twice = async |one: SessionView<Names>, two: SessionView<Names>| {
        format!("{} {}", one.0[0], two.0[0])
    };
    let app = route(twice).layer(SessionLayer::new(new));
    let response = call(app, Some(&format!("__Host-session={value}"))).await;
    assert!(!response.headers().contains_key(header::SET_COOKIE));
    assert_eq!(response.extensions().get(), Some(&sealed_session::Saved::Deferred));
    let name = "Deutschland".repeat(2);
    assert_eq!(text(response).await, format!("{name} {name}"));
}

/// By a task that has kept the request's extensions, say. What it changed would go nowhere.
#[tokio::test]
async fn asked_for_after_the_response_was_ready_it_is_refused() {
    let kept: Arc<Mutex<Option<Request>>> = Arc::default();
    let keep = async |Extension(kept): Extension<Arc<Mutex<Option<Request>>>>, request: Request| {
        *kept.lock().unwrap() = Some(request);
    };
    let app = route(keep).layer(Extension(Arc::clone(&kept))).layer(fixture().layer());
    assert_eq!(call(app, None).await.status(), StatusCode::OK);
    let request = kept.lock().unwrap().take().unwrap();
    let session = Session::<Visit>::from_request(&request).map(drop);
    let view = SessionView::<Visit>::from_request(&request).map(drop);
    for refused in [session, view] {
        let message = refused.unwrap_err().to_string();
        assert!(message.contains("was asked for after the response was ready"), "{message}");
    }
}

/// No cookie is written, and the page is one visitor's all the same.
#[tokio::test]
async fn a_token_for_a_new_visitor_after_a_sign_out_keeps_the_page_out_of_caches() {
    let page = async |mut session: Session<Visit>, request: Request| {
        session.destroy();
        drop(session);
        SessionView::<Visit>::from_request(&request).unwrap().csrf_token().unwrap()
    };
    let response = call(route(page).layer(fixture().layer()), None).await;
    assert!(!response.headers().contains_key(header::SET_COOKIE));
    assert_eq!(response.headers()[header::CACHE_CONTROL], "private, no-store");
    assert_eq!(response.headers()[header::VARY], "Cookie");
}

/// The layers of two types that write one cookie, one inside the other.
async fn nested(inner_name: &str) -> (StatusCode, String, String) {
    let keys = KeyRing::new(Key::generate());
    let outer: Sessions<Visit> = Sessions::builder("shop", keys.clone()).build().unwrap();
    let inner: Sessions<u32> =
        Sessions::builder("shop", keys).cookie_name(inner_name).build().unwrap();
    let app = Router::new()
        .route("/", get(async |mut count: Session<u32>| **count += 1))
        .layer(SessionLayer::new(inner))
        .layer(SessionLayer::new(outer));
    log::listen();
    call(app.clone(), None).await;
    let response = call(app, None).await;
    let status = response.status();
    let bytes = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
    (status, String::from_utf8(bytes.to_vec()).unwrap(), log::heard())
}

/// Bad input 56, `adapters/rejection`: they would overwrite each other's cookie at every request.
#[tokio::test]
async fn two_nested_layers_that_write_one_cookie_are_told() {
    let (status, body, logged) = nested("__Host-session").await;
    let events: Vec<_> =
        logged.lines().filter(|line| line.contains("two session middlewares")).collect();
    let [event] = events[..] else { panic!("not once a minute: {logged}") };
    for part in [
        "ERROR",
        "one inside the other, write the same cookie",
        "another `cookie_name`",
        "keep both in one type",
        "outer=\"axum::Visit\"",
        "inner=\"u32\"",
    ] {
        assert!(event.contains(part), "{event}");
    }
    if cfg!(debug_assertions) {
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(body.contains("another `cookie_name`"), "{body}");
    }
}

#[tokio::test]
async fn two_nested_layers_with_names_of_their_own_do_not_disturb_each_other() {
    let (status, _, logged) = nested("count").await;
    assert_eq!((status, logged.contains("ERROR")), (StatusCode::OK, false), "{logged}");
}
