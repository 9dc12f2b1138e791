//! poem.

use super::Server;
use super::core::add_wished;
use crate::app::{self, App, Elsewhere, Visit};
use poem::http::{HeaderMap, StatusCode};
use poem::listener::TcpAcceptor;
use poem::web::Data;
use poem::{
    Body, Endpoint, EndpointExt, Error, FromRequest, IntoResponse, Request, Response, Result,
    Route, get, handler,
};
use sealed_session::poem::{Restored, RestoredView, Session, SessionMiddleware, SessionView};
use tokio_stream::StreamExt;

type Visitor = Session<Visit>;
type View = SessionView<Visit>;

pub(crate) fn start(app: App) -> Server {
    Server::on_tokio(async move |listener| {
        let sessions = app.sessions.clone();
        let routes = Route::new()
            .at("/again", get(again).around(ten_more))
            .at("/guarded", get(count).around(guard))
            .at("/thrown-out", get(show_view).around(throw_out))
            .at("/view", get(show_view))
            .at("/beside", get(beside))
            .at("/before", get(before))
            .at("/restored-view", get(restored_view))
            .at("/untouched", get(untouched))
            .at("/read", get(read))
            .at("/count", get(count))
            .at("/sign-in", get(sign_in))
            .at("/sign-out", get(sign_out))
            .at("/fail", get(fail))
            .at("/panic", get(panic))
            .at("/large", get(large))
            .at("/stream", get(stream))
            .at("/endless", get(endless))
            .at("/wait", get(wait))
            .at("/together", get(together))
            .at("/twice", get(twice))
            .at("/hold", get(hold))
            .at("/restored", get(restored))
            .at("/elsewhere", get(elsewhere))
            .data(app)
            .with(SessionMiddleware::new(sessions));
        let acceptor = TcpAcceptor::from_tokio(listener).unwrap();
        poem::Server::new_with_acceptor(acceptor).run(routes).await
    })
}

async fn ten_more(next: impl Endpoint, request: Request) -> Result<Response> {
    let mut session = Visitor::from_request_without_body(&request).await?;
    session.page_views += 10;
    drop(session);
    next.call(request).await.map(IntoResponse::into_response)
}

async fn guard(next: impl Endpoint, request: Request) -> Result<Response> {
    let earlier = View::from_request_without_body(&request).await?;
    let mut copy = Request::default();
    *copy.headers_mut() = request.headers().clone();
    *copy.extensions_mut() = request.extensions().clone();
    let mut response = next.call(request).await?.into_response();
    let later = View::from_request_without_body(&copy).await?;
    let views = format!("{} {}", earlier.page_views, later.page_views);
    response.headers_mut().insert("x-views", views.parse().unwrap());
    Ok(response)
}

async fn throw_out(next: impl Endpoint, request: Request) -> Result<Response> {
    let mut session = Visitor::from_request_without_body(&request).await?;
    session.destroy();
    drop(session);
    next.call(request).await.map(IntoResponse::into_response)
}

#[handler]
fn show_view(first: View, second: View) -> String {
    assert_eq!(*first, *second);
    app::view_described(&first, first.origin())
}

#[handler]
fn beside(mut session: Visitor, first: View, second: View) -> String {
    app::seen(&first, &second, &mut session)
}

#[handler]
fn before(first: View, second: View, mut session: Visitor) -> String {
    app::seen(&first, &second, &mut session)
}

#[handler]
fn restored_view(RestoredView(shown): RestoredView<Visit>) -> String {
    shown.map_or("none".to_owned(), |shown| app::view_described(&shown, shown.origin()))
}

#[handler]
fn again(mut session: Visitor) -> String {
    app::count(&mut session)
}

#[handler]
fn untouched() -> &'static str {
    "static"
}

/// An answer with the headers that the test wants.
fn with_wished(request: &HeaderMap, body: String) -> Response {
    let mut response = body.into_response();
    add_wished(request, response.headers_mut());
    response
}

#[handler]
fn read(headers: &HeaderMap, session: Visitor) -> Response {
    with_wished(headers, app::described(&session))
}

#[handler]
fn count(headers: &HeaderMap, mut session: Visitor) -> Response {
    with_wished(headers, app::count(&mut session))
}

#[handler]
fn sign_in(mut session: Visitor) {
    session.renew();
}

#[handler]
fn sign_out(mut session: Visitor) {
    session.destroy();
}

#[handler]
fn fail(mut session: Visitor) -> Result<()> {
    app::count(&mut session);
    Err(Error::from_status(StatusCode::SERVICE_UNAVAILABLE))
}

#[handler]
fn panic(mut session: Visitor) {
    app::count(&mut session);
    panic!("in the handler");
}

#[handler]
fn large(mut session: Visitor) -> String {
    app::outgrow(&mut session)
}

#[handler]
fn stream(mut session: Visitor) -> Body {
    app::count(&mut session);
    streamed(app::parts(()))
}

fn streamed<H: Unpin + Send + 'static>(parts: app::Parts<H>) -> Body {
    Body::from_bytes_stream(parts.map(|part| part.map_err(std::io::Error::other)))
}

#[handler]
fn endless(app: Data<&App>, mut session: Visitor) -> Body {
    app::count(&mut session);
    streamed(app.endless_parts())
}

#[handler]
async fn wait(app: Data<&App>, mut session: Visitor) {
    app::count(&mut session);
    app.wait().await;
}

#[handler]
async fn together(app: Data<&App>, mut session: Visitor) -> String {
    app.crowd.wait().await;
    app::count(&mut session)
}

#[handler]
fn twice(_first: Visitor, _second: Visitor) {}

#[handler]
fn hold(mut session: Visitor) -> Body {
    app::count(&mut session);
    streamed(app::parts(session))
}

#[handler]
fn restored(Restored(session): Restored<Visit>) -> String {
    session.map_or("none".to_owned(), |session| app::described(&session))
}

#[handler]
fn elsewhere(_: Session<Elsewhere>) {}
