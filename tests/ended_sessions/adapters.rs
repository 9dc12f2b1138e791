//! Through a middleware: what a handler has ended stays ended, whatever becomes of the handler.

use super::people::{Browser, ENDED, Server};
use crate::support::fixtures::Visit;
use axum::body::Body;
use axum::http::Request;
use axum::http::header::COOKIE;
use axum::{Router, routing::get};
use sealed_session::Saved;
use sealed_session::axum::{Session, SessionLayer, SessionView};
use std::future::pending;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use time::OffsetDateTime;
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;

/// A middleware reads the clock, so these sessions begin now.
fn signed_in() -> (Server, Browser, OffsetDateTime) {
    let (server, now) = (Server::new(), OffsetDateTime::now_utc());
    let browser = server.sign_in("ann", now);
    (server, browser, now)
}

fn request(browser: &Browser) -> Request<Body> {
    let mut request = Request::new(Body::empty());
    let cookies = browser.request();
    request.headers_mut().insert(COOKIE, cookies[COOKIE].clone());
    request
}

fn router(server: &Server, routes: Router) -> Router {
    routes.layer(SessionLayer::new(server.sessions.clone()))
}

#[tokio::test]
async fn a_sign_out_counts_though_the_handler_panics() {
    async fn handler(mut session: Session<Visit>) {
        session.destroy();
        panic!("after the call");
    }
    let (server, copy, now) = signed_in();
    let routes = Router::new().route("/", get(handler)).layer(CatchPanicLayer::new());
    let response = router(&server, routes).oneshot(request(&copy)).await.unwrap();
    assert_eq!(response.status(), 500);
    assert!(!response.headers().contains_key("set-cookie"), "what it did is discarded");
    assert_eq!(server.origin(&copy, now), ENDED);
}

#[test]
fn a_sign_out_counts_though_the_connection_is_closed() {
    async fn handler(mut session: Session<Visit>) {
        session.destroy();
        pending::<()>().await;
    }
    let (server, copy, now) = signed_in();
    let app = router(&server, Router::new().route("/", get(handler)));
    {
        // The server drops the future of a request whose connection is gone.
        let mut response = pin!(app.oneshot(request(&copy)));
        let poll = response.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(poll, Poll::Pending));
    }
    assert_eq!(server.origin(&copy, now), ENDED);
}

#[tokio::test]
async fn a_guard_after_a_sign_out_sees_a_new_visitor_and_the_response_removes_the_cookie() {
    async fn handler(mut session: Session<Visit>) -> &'static str {
        session.destroy();
        "bye"
    }
    let (server, copy, now) = signed_in();
    let app = router(&server, Router::new().route("/", get(handler)));
    let response = app.oneshot(request(&copy)).await.unwrap();
    assert_eq!(response.extensions().get(), Some(&Saved::Removed));
    // The copy, at a page that only views.
    async fn view(session: SessionView<Visit>) -> String {
        session.user.clone().unwrap_or_else(|| "stranger".to_owned())
    }
    let app = router(&server, Router::new().route("/", get(view)));
    let response = app.oneshot(request(&copy)).await.unwrap();
    let body = axum::body::to_bytes(response.into_body(), 100).await.unwrap();
    assert_eq!(body, "stranger");
    assert_eq!(server.origin(&copy, now), ENDED);
}

#[tokio::test]
async fn a_page_that_was_ended_meanwhile_is_kept_and_says_so() {
    let (server, copy, _) = signed_in();
    let list = server.ended.clone();
    let handler = async move |mut session: Session<Visit>| {
        session.page_views += 1;
        list.end(session.id()).unwrap();
    };
    let app = router(&server, Router::new().route("/", get(handler)));
    let response = app.oneshot(request(&copy)).await.unwrap();
    assert_eq!(response.extensions().get(), Some(&Saved::Kept));
    assert!(!response.headers().contains_key("set-cookie"));
}

#[tokio::test]
async fn a_handler_ends_the_others_through_the_extractor() {
    async fn handler(mut session: Session<Visit>) {
        session.end_others().unwrap();
    }
    let (server, here, now) = signed_in();
    let there = server.sign_in("ann", now);
    let app = router(&server, Router::new().route("/", get(handler)));
    let response = app.oneshot(request(&here)).await.unwrap();
    assert_eq!(response.extensions().get(), Some(&Saved::Written));
    assert_eq!(server.origin(&there, now), ENDED);
}
