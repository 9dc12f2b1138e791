//! axum, and with it the tower layer.

use super::Server;
use super::core::add_wished;
use crate::app::{self, App, Elsewhere, Visit};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::{Router, routing::get};
use sealed_session::axum::{Session, SessionLayer, SessionView};

type Visitor = Session<Visit>;
type View = SessionView<Visit>;

pub(crate) fn start(app: App) -> Server {
    Server::on_tokio(async move |listener| {
        let layer = SessionLayer::new(app.sessions.clone());
        let routes = Router::new()
            .route(
                "/again",
                get(async |mut session: Visitor| app::count(&mut session))
                    .layer(middleware::from_fn(ten_more)),
            )
            .route("/guarded", get(count).layer(middleware::from_fn(guard)))
            .route("/thrown-out", get(view).layer(middleware::from_fn(throw_out)))
            .route("/view", get(view))
            .route("/beside", get(beside))
            .route("/before", get(before))
            .route("/restored-view", get(restored_view))
            .route("/untouched", get(async || "static"))
            .route("/read", get(read))
            .route("/count", get(count))
            .route("/sign-in", get(async |mut session: Visitor| session.renew()))
            .route("/sign-out", get(async |mut session: Visitor| session.destroy()))
            .route("/fail", get(fail))
            .route("/panic", get(panic))
            .route("/large", get(async |mut session: Visitor| app::outgrow(&mut session)))
            .route("/stream", get(stream))
            .route("/endless", get(endless))
            .route("/wait", get(wait))
            .route("/together", get(together))
            .route("/twice", get(async |_first: Visitor, _second: Visitor| ()))
            .route("/hold", get(hold))
            .route("/restored", get(restored))
            .route("/elsewhere", get(async |_: Session<Elsewhere>| ()))
            .with_state(app)
            .layer(layer);
        axum::serve(listener, routes).await
    })
}

async fn ten_more(mut session: Visitor, request: Request, next: Next) -> Response {
    session.page_views += 10;
    drop(session);
    next.run(request).await
}

async fn guard(before: View, request: Request, next: Next) -> Response {
    let extensions = request.extensions().clone();
    let headers = request.headers().clone();
    let mut response = next.run(request).await;
    let after = View::from_parts(&extensions, &headers).unwrap();
    let views = format!("{} {}", before.page_views, after.page_views);
    response.headers_mut().insert("x-views", views.parse().unwrap());
    response
}

async fn throw_out(mut session: Visitor, request: Request, next: Next) -> Response {
    session.destroy();
    drop(session);
    next.run(request).await
}

async fn view(view: View, again: View) -> String {
    assert_eq!(*view, *again);
    app::view_described(&view, view.origin())
}

async fn beside(mut session: Visitor, first: View, second: View) -> String {
    app::seen(&first, &second, &mut session)
}

async fn before(first: View, second: View, mut session: Visitor) -> String {
    app::seen(&first, &second, &mut session)
}

async fn restored_view(view: Option<View>) -> String {
    view.map_or("none".to_owned(), |view| app::view_described(&view, view.origin()))
}

fn wished(request: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::new();
    add_wished(request, &mut headers);
    headers
}

async fn read(headers: HeaderMap, session: Visitor) -> (HeaderMap, String) {
    (wished(&headers), app::described(&session))
}

async fn count(headers: HeaderMap, mut session: Visitor) -> (HeaderMap, String) {
    (wished(&headers), app::count(&mut session))
}

async fn fail(mut session: Visitor) -> Result<(), StatusCode> {
    app::count(&mut session);
    Err(StatusCode::SERVICE_UNAVAILABLE)
}

async fn panic(mut session: Visitor) {
    app::count(&mut session);
    panic!("in the handler");
}

async fn stream(mut session: Visitor) -> Body {
    app::count(&mut session);
    Body::from_stream(app::parts(()))
}

async fn endless(State(app): State<App>, mut session: Visitor) -> Body {
    app::count(&mut session);
    Body::from_stream(app.endless_parts())
}

async fn wait(State(app): State<App>, mut session: Visitor) {
    app::count(&mut session);
    app.wait().await;
}

async fn together(State(app): State<App>, mut session: Visitor) -> String {
    app.crowd.wait().await;
    app::count(&mut session)
}

async fn hold(mut session: Visitor) -> Body {
    app::count(&mut session);
    Body::from_stream(app::parts(session))
}

async fn restored(session: Option<Visitor>) -> String {
    session.map_or("none".to_owned(), |session| app::described(&session))
}
