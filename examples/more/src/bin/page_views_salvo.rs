//! The page of `page_views`, with salvo and the library's tower layer. Settings as there.
//!
//! ```text
//! cargo run --manifest-path examples/more/Cargo.toml --bin page_views_salvo
//! ```

#[path = "../../../shared/mod.rs"]
mod shared;

use salvo::http::header::{ACCEPT, CONTENT_SECURITY_POLICY};
use salvo::prelude::*;
use sealed_session::Sessions;
use sealed_session::tower::{Session, SessionLayer};
use shared::Visit;
use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt::init();
    let settings = shared::settings_or_exit();

    // 1. What a session is, and how long it lives: see `examples/shared/mod.rs`.
    let sessions = shared::sessions(&settings)?;

    // 2. salvo runs tower layers; the layer carries the session in the request's extensions.
    let router = Router::new()
        .hoop(SessionLayer::new(sessions.clone()).compat())
        .hoop(salvo::affix_state::inject(sessions))
        .get(home)
        .push(Router::with_path("login").get(login_by_link).post(login))
        .push(Router::with_path("logout").get(logout_by_link).post(logout));

    let listener = tokio::net::TcpListener::bind(&settings.addr).await?;
    tracing::info!("listening on http://{}", listener.local_addr()?);
    let acceptor = salvo::conn::tcp::TcpAcceptor::try_from(listener)?;
    salvo::Server::new(acceptor).serve(router).await;
    Ok(())
}

/// The session of the visitor who sent this request.
fn session(request: &Request) -> Result<Session<Visit>, StatusError> {
    let session = Session::from_parts(request.extensions(), request.headers());
    session.map_err(|error| StatusError::internal_server_error().cause(error))
}

/// Counts the visit.
#[handler]
async fn home(
    request: &mut Request,
    depot: &mut Depot,
    response: &mut Response,
) -> Result<(), StatusError> {
    let mut session = session(request)?;
    session.page_views += 1;

    let accept = request.headers().get(ACCEPT);
    if !accept.is_some_and(|accept| shared::wants_html(accept.as_bytes())) {
        response.render(Text::Plain(shared::line(&session)));
        return Ok(());
    }
    let sessions: &Sessions<Visit> =
        depot.get_typed().map_err(|_| StatusError::internal_server_error())?;
    let page =
        shared::page(sessions, &session).map_err(|_| StatusError::internal_server_error())?;
    let policy = shared::CONTENT_POLICY.parse().expect("visible characters");
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    response.render(Text::Html(page));
    Ok(())
}

/// Refuses a form that we did not make for this session: without its token, a form on another site could
/// act in the visitor's name.
async fn verify(session: &Session<Visit>, request: &mut Request) -> Result<(), StatusError> {
    let token: Option<String> = request.form("csrf").await;
    let ours = token.is_some_and(|token| session.verify_csrf(&token));
    ours.then_some(()).ok_or_else(|| StatusError::forbidden().brief(shared::FORM_REFUSED))
}

/// Signs in, by the page's form.
#[handler]
async fn login(request: &mut Request, response: &mut Response) -> Result<(), StatusError> {
    let mut session = session(request)?;
    verify(&session, request).await?;
    let username: Option<String> = request.form("username").await;
    shared::sign_in(&mut session, &username.unwrap_or_default());
    response.render(Redirect::other("/"));
    Ok(())
}

/// Forgets everything, by the page's form.
#[handler]
async fn logout(request: &mut Request, response: &mut Response) -> Result<(), StatusError> {
    let mut session = session(request)?;
    verify(&session, request).await?;
    session.destroy();
    response.render(Redirect::other("/"));
    Ok(())
}

/// Signs in by a link, as the tutorials do. `examples/page_views` tells why this is not for real use.
#[handler]
async fn login_by_link(request: &mut Request, response: &mut Response) -> Result<(), StatusError> {
    let username: Option<String> = request.query("username");
    let mut session = session(request)?;
    shared::sign_in(&mut session, &username.unwrap_or_default());
    response.render(Redirect::other("/"));
    Ok(())
}

/// Signs out by a link: not for real use either.
#[handler]
async fn logout_by_link(request: &mut Request, response: &mut Response) -> Result<(), StatusError> {
    session(request)?.destroy();
    response.render(Redirect::other("/"));
    Ok(())
}
