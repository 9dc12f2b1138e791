//! What only actix-web has: errors of middleware, `Option` of an extractor. (What all adapters have
//! in common is in `tests/conformance`.)

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::error::{ErrorUnauthorized, InternalError};
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, COOKIE, HeaderMap, SET_COOKIE, VARY};
use actix_web::middleware::{Next, from_fn};
use actix_web::test::{TestRequest, init_service, read_body};
use actix_web::{App, Error, HttpResponse, ResponseError, web};
use sealed_session::actix_web::{Restored, Session, SessionMiddleware};
use sealed_session::{Key, KeyRing, Sessions};
use serde::{Deserialize, Serialize};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

#[derive(Serialize, Deserialize, Default)]
struct Visit {
    attempts: u32,
    note: String,
}

fn sessions() -> Sessions<Visit> {
    Sessions::builder("shop", KeyRing::new(Key::generate())).build().unwrap()
}

fn attempts(sessions: &Sessions<Visit>, headers: &HeaderMap) -> u32 {
    let header = headers.get(SET_COOKIE).expect("it is saved").to_str().unwrap();
    let value = header.strip_prefix("__Host-session=").unwrap().split(';').next().unwrap();
    sessions.decode(value).unwrap().attempts
}

/// Counts an attempt and refuses it.
async fn refuse<B: MessageBody>(
    mut session: Session<Visit>,
    _request: ServiceRequest,
    _next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    session.attempts += 1;
    Err(ErrorUnauthorized("sign in first"))
}

#[actix_web::test]
async fn an_error_of_middleware_inside_is_saved_like_any_other() {
    let sessions = sessions();
    let app = App::new()
        .route("/", web::get().to(HttpResponse::Ok))
        .wrap(from_fn(refuse))
        .wrap(SessionMiddleware::new(sessions.clone()));
    let app = init_service(app).await;
    let error = app.call(TestRequest::default().to_request()).await.unwrap_err();
    assert_eq!(error.to_string(), "sign in first", "it is still the middleware's");
    let response = error.error_response();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(attempts(&sessions, response.headers()), 1);
    assert_eq!(response.headers().get(CACHE_CONTROL).unwrap(), "private, no-store");
    assert_eq!(response.into_body().try_into_bytes().unwrap(), "sign in first");
}

#[actix_web::test]
async fn an_error_of_middleware_that_did_not_touch_the_session_passes_untouched() {
    #[derive(Debug, thiserror::Error)]
    #[error("own")]
    struct Own;
    impl ResponseError for Own {}
    async fn own<B>(_: ServiceRequest, _: Next<B>) -> Result<ServiceResponse<B>, Error> {
        Err(Own.into())
    }
    let app = App::new()
        .route("/", web::get().to(HttpResponse::Ok))
        .wrap(from_fn(own::<actix_web::body::BoxBody>))
        .wrap(SessionMiddleware::new(sessions()));
    let app = init_service(app).await;
    let error = app.call(TestRequest::default().to_request()).await.unwrap_err();
    assert!(error.as_error::<Own>().is_some(), "{error:?}");
    for name in [SET_COOKIE, VARY, CACHE_CONTROL] {
        assert!(!error.error_response().headers().contains_key(&name), "{name}");
    }
}

#[actix_web::test]
async fn an_error_whose_session_cannot_be_saved_is_a_500_without_any_of_it() {
    async fn outgrow<B: MessageBody>(
        mut session: Session<Visit>,
        _: ServiceRequest,
        _: Next<B>,
    ) -> Result<ServiceResponse<B>, Error> {
        session.note = "secret".repeat(1000);
        let mut response = HttpResponse::BadRequest();
        let response = response.insert_header(("x-note", "secret")).body("secret");
        Err(InternalError::from_response("secret", response).into())
    }
    let app = App::new()
        .route("/", web::get().to(HttpResponse::Ok))
        .wrap(from_fn(outgrow))
        .wrap(SessionMiddleware::new(sessions()));
    let app = init_service(app).await;
    let response =
        app.call(TestRequest::default().to_request()).await.unwrap_err().error_response();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let mut names: Vec<_> = response.headers().keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["cache-control", "vary"]);
    assert_eq!(response.into_body().try_into_bytes().unwrap(), "");
}

/// As the docs say: actix-web defines it, so it cannot be what it is for axum.
#[actix_web::test]
async fn an_option_is_some_for_every_visitor_and_hides_a_missing_middleware() {
    async fn option(session: Option<Session<Visit>>) -> String {
        session.is_some().to_string()
    }
    let app = App::new()
        .service(web::resource("/with").to(option).wrap(SessionMiddleware::new(sessions())))
        .route("/without", web::get().to(option));
    let app = init_service(app).await;
    for (path, expected) in [("/with", "true"), ("/without", "false")] {
        let response = app.call(TestRequest::with_uri(path).to_request()).await.unwrap();
        assert_eq!(read_body(response).await, expected, "{path}");
    }
}

#[actix_web::test]
async fn restored_does_not_hide_a_missing_middleware() {
    let handler = async |_: Restored<Visit>| "";
    let app = init_service(App::new().route("/", web::get().to(handler))).await;
    let response = app.call(TestRequest::default().to_request()).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[actix_web::test]
async fn middlewares_of_two_types_are_independent() {
    #[derive(Serialize, Deserialize, Default)]
    struct Cart(Vec<u32>);
    let carts: Sessions<Cart> = Sessions::builder("shop/cart", KeyRing::new(Key::generate()))
        .cookie_name("__Host-cart")
        .build()
        .unwrap();
    let handler = async |mut visit: Session<Visit>, mut cart: Session<Cart>| {
        visit.attempts += 1;
        cart.0.push(5);
        ""
    };
    let app = App::new()
        .route("/", web::get().to(handler))
        .wrap(SessionMiddleware::new(carts))
        .wrap(SessionMiddleware::new(sessions()));
    let response = init_service(app).await.call(TestRequest::default().to_request()).await.unwrap();
    let cookies = response.headers().get_all(SET_COOKIE);
    let names: Vec<_> =
        cookies.map(|value| value.to_str().unwrap().split_once('=').unwrap().0).collect();
    assert_eq!(names, ["__Host-cart", "__Host-session"]);
}

#[actix_web::test]
async fn of_two_middlewares_of_one_type_the_inner_one_wins() {
    let (inner, outer) = (sessions(), sessions());
    let handler = async |mut session: Session<Visit>| {
        session.attempts += 1;
        ""
    };
    let app = App::new()
        .route("/", web::get().to(handler))
        .wrap(SessionMiddleware::new(inner.clone()))
        .wrap(SessionMiddleware::new(outer));
    let request = TestRequest::default().insert_header((COOKIE, "a=1")).to_request();
    let response = init_service(app).await.call(request).await.unwrap();
    assert_eq!(response.headers().get_all(SET_COOKIE).count(), 1);
    assert_eq!(attempts(&inner, response.headers()), 1);
}

/// One for the place where the session would be, one for the request's reference to it.
#[actix_web::test]
async fn a_session_that_is_not_touched_costs_two_allocations() {
    let route = || web::get().to(HttpResponse::Ok);
    let plain = init_service(App::new().route("/", route())).await;
    let app = App::new().route("/", route()).wrap(SessionMiddleware::new(sessions()));
    let wrapped = init_service(app).await;
    let request = || TestRequest::default().to_request();
    assert_eq!(allocations(&wrapped, request), allocations(&plain, request) + 2);
}

/// What a request costs on a connection that has served one before.
fn allocations<R, B>(
    app: &impl Service<R, Response = ServiceResponse<B>, Error = Error>,
    request: impl Fn() -> R,
) -> u64 {
    let call = |request| {
        let Poll::Ready(Ok(response)) =
            pin!(app.call(request)).poll(&mut Context::from_waker(Waker::noop()))
        else {
            panic!("nothing has to be waited for");
        };
        response
    };
    call(request());
    let request = request();
    allocation_counter::measure(|| drop(call(request))).count_total
}
