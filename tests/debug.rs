//! What `{:?}` prints of public types: enough to tell one from another in a log, the keys by their ids,
//! and neither data nor a cookie's value. (Secrets are searched for in `tests/bad_inputs`.)

mod support;

use actix_web::dev::Transform;
use axum::http::{Request, header};
use poem::Middleware;
use sealed_session::tower::{Session, SessionLayer, SessionView};
use sealed_session::{actix_web as for_actix, poem as for_poem};
use std::future::{Ready, ready};
use std::task::{Context, Poll, Waker};
use support::fixtures::*;
use tower::{Layer, Service};

/// What stands for an application.
#[derive(Debug)]
struct Inner;

impl Service<Request<()>> for Inner {
    type Response = axum::http::Response<()>;
    type Error = ();
    type Future = Ready<Result<Self::Response, ()>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
        Poll::Ready(Ok(()))
    }

    /// Answers with what it sees, in a header.
    fn call(&mut self, request: Request<()>) -> Self::Future {
        let view = SessionView::<Visit>::from_request(&request).unwrap();
        let seen = format!("{view:?}");
        drop(view);
        let session = Session::<Visit>::from_request(&request).unwrap();
        let seen = format!("{seen} {session:?} {}", session.id());
        ready(Ok(axum::http::Response::builder().header("x-seen", seen).body(()).unwrap()))
    }
}

impl actix_web::dev::Service<actix_web::dev::ServiceRequest> for Inner {
    type Response = actix_web::dev::ServiceResponse;
    type Error = actix_web::Error;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    /// It may ask callers to wait.
    fn poll_ready(&self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Pending
    }

    fn call(&self, request: actix_web::dev::ServiceRequest) -> Self::Future {
        ready(Ok(request.into_response(actix_web::HttpResponse::Ok())))
    }
}

impl poem::Endpoint for Inner {
    type Output = ();

    async fn call(&self, _: poem::Request) -> poem::Result<()> {
        Ok(())
    }
}

/// Sessions are shown by their cookie and the ids of their keys.
fn shown() -> String {
    format!("Sessions {{ cookie_name: \"__Host-session\", keys: [{:?}], .. }}", key(KEY).id())
}

#[test]
fn sessions_show_their_cookie_and_the_ids_of_their_keys() {
    assert_eq!(format!("{:?}", sessions::<Visit>()), shown());
    let builder = format!("{:?}", builder::<Visit>());
    assert!(builder.starts_with("SessionsBuilder { app: \"shop\", keys: [KeyId("), "{builder}");
}

#[test]
fn middleware_shows_its_sessions_and_what_it_wraps() {
    let layer = SessionLayer::new(sessions::<Visit>());
    assert_eq!(format!("{layer:?}"), format!("SessionLayer({})", shown()));
    let mut service = layer.layer(Inner);
    assert_eq!(format!("{service:?}"), format!("SessionService(Inner, {})", shown()));
    let future = service.call(Request::new(()));
    assert_eq!(format!("{future:?}"), "ResponseFuture { .. }");

    let middleware = for_actix::SessionMiddleware::new(sessions::<Visit>());
    assert_eq!(format!("{middleware:?}"), format!("SessionMiddleware({})", shown()));
    let service = middleware.new_transform(Inner).into_inner().unwrap();
    assert_eq!(format!("{service:?}"), format!("SessionService(Inner, {})", shown()));
    let mut context = Context::from_waker(Waker::noop());
    let ready = actix_web::dev::Service::poll_ready(&service, &mut context);
    assert!(ready.is_pending(), "it is ready only when what it wraps is");
    let request = actix_web::test::TestRequest::get().to_srv_request();
    let future = actix_web::dev::Service::call(&service, request);
    assert_eq!(format!("{future:?}"), "ResponseFuture { .. }");

    let middleware = for_poem::SessionMiddleware::new(sessions::<Visit>());
    let endpoint = middleware.transform(Inner);
    assert_eq!(format!("{endpoint:?}"), format!("SessionEndpoint(Inner, {})", shown()));
}

#[tokio::test]
async fn a_session_and_a_view_show_no_data() {
    let sessions = sessions::<Visit>();
    let value = sessions.encode(&sealed_session::Session::new(visit(7, "ann"))).unwrap();
    let mut request = Request::new(());
    request.headers_mut().insert(header::COOKIE, format!("{NAME}={value}").parse().unwrap());
    let response = SessionLayer::new(sessions).layer(Inner).call(request).await.unwrap();
    let seen = response.headers()["x-seen"].to_str().unwrap();
    let id = seen.rsplit(' ').next().unwrap();
    assert_eq!(
        seen,
        format!(
            "SessionView {{ origin: Restored, .. }} \
             Session {{ id: Some({id}), origin: Restored, .. }} {id}"
        )
    );
}
