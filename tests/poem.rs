//! What only poem has: errors that middleware outside can tell apart, `Option` of an extractor.
//! (What all adapters have in common is in `tests/conformance`.)

use poem::error::NotFoundError;
use poem::http::StatusCode;
use poem::http::header::{CACHE_CONTROL, SET_COOKIE, VARY};
use poem::{Endpoint, EndpointExt, Error, Request, Result, Route, get, handler};
use sealed_session::poem::{Restored, Session, SessionMiddleware};
use sealed_session::{Key, KeyRing, Sessions};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Default)]
struct Visit {
    attempts: u32,
    note: String,
}

fn sessions() -> Sessions<Visit> {
    Sessions::builder("shop", KeyRing::new(Key::generate())).build().unwrap()
}

/// The error of an app that is one handler.
async fn error_of<E: Endpoint + 'static>(handler: E) -> Error {
    let app = handler.with(SessionMiddleware::new(sessions()));
    app.call(Request::default()).await.expect_err("an error")
}

#[tokio::test]
async fn an_error_that_did_not_touch_the_session_passes_untouched() {
    #[handler]
    fn missing() -> Result<()> {
        Err(NotFoundError.into())
    }
    let error = error_of(missing).await;
    assert!(error.is::<NotFoundError>());
    let response = error.into_response();
    for name in [SET_COOKIE, VARY, CACHE_CONTROL] {
        assert!(!response.headers().contains_key(&name), "{name}");
    }
}

#[tokio::test]
async fn an_error_that_changed_the_session_is_an_error_with_a_cookie() {
    #[handler]
    fn refuse(mut session: Session<Visit>) -> Result<()> {
        session.attempts += 1;
        Err(Error::from_string("sign in first", StatusCode::UNAUTHORIZED))
    }
    let response = error_of(refuse).await.into_response();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert!(response.headers().contains_key(SET_COOKIE));
    assert_eq!(response.into_body().into_string().await.unwrap(), "sign in first");
}

/// As the docs say: poem defines it, so it cannot be what it is for axum.
#[tokio::test]
async fn an_option_is_some_for_every_visitor_and_hides_a_missing_middleware() {
    #[handler]
    fn option(session: Option<Session<Visit>>) -> String {
        session.is_some().to_string()
    }
    let app = Route::new()
        .at("/with", get(option).with(SessionMiddleware::new(sessions())))
        .at("/without", get(option));
    for (path, expected) in [("/with", "true"), ("/without", "false")] {
        let request = Request::builder().uri(path.parse().unwrap()).finish();
        let response = app.get_response(request).await;
        assert_eq!(response.into_body().into_string().await.unwrap(), expected, "{path}");
    }
}

#[tokio::test]
async fn restored_does_not_hide_a_missing_middleware() {
    #[handler]
    fn restored(_: Restored<Visit>) {}
    let response = restored.get_response(Request::default()).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn a_session_that_cannot_be_saved_is_a_500_without_any_of_the_error() {
    #[handler]
    fn outgrow(mut session: Session<Visit>) -> Result<()> {
        session.note = "secret".repeat(1000);
        Err(Error::from_string("secret", StatusCode::BAD_REQUEST))
    }
    let app = outgrow.with(SessionMiddleware::new(sessions()));
    let response = app.get_response(Request::default()).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(response.into_body().into_string().await.unwrap(), "");
}
