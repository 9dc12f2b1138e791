//! The page of `page_views`, with poem. Settings as there.
//!
//! ```text
//! cargo run --example page_views_poem    # then open http://localhost:3000
//! ```

#[path = "../shared/mod.rs"]
mod shared;

use poem::http::header::{ACCEPT, CONTENT_SECURITY_POLICY};
use poem::http::{HeaderMap, StatusCode};
use poem::listener::TcpAcceptor;
use poem::web::{Data, Form, Html, Query, Redirect};
use poem::{EndpointExt, Error, IntoResponse, Response, Result, Route, get, handler};
use sealed_session::Sessions;
use sealed_session::poem::{Session, SessionMiddleware};
use serde::Deserialize;
use shared::Visit;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt::init();
    let settings = shared::settings_or_exit();

    // 1. What a session is, and how long it lives: see `examples/shared/mod.rs`.
    let sessions = shared::sessions(&settings)?;

    // 2. The middleware gives sessions to the handlers and saves them with the response. (The data
    //    is only here for the page to show what is in the cookie.)
    let app = Route::new()
        .at("/", get(home))
        .at("/login", get(login_by_link).post(login))
        .at("/logout", get(logout_by_link).post(logout))
        .data(sessions.clone())
        .with(SessionMiddleware::new(sessions));

    let addr = settings.addr;
    let listener =
        TcpListener::bind(&addr).await.map_err(|error| format!("ADDR={addr}: {error}"))?;
    tracing::info!("listening on http://{}", listener.local_addr()?);
    Ok(poem::Server::new_with_acceptor(TcpAcceptor::from_tokio(listener)?).run(app).await?)
}

/// Counts the visit.
#[handler]
fn home(
    sessions: Data<&Sessions<Visit>>,
    headers: &HeaderMap,
    mut session: Session<Visit>,
) -> Result<Response> {
    session.page_views += 1;

    if !headers.get(ACCEPT).is_some_and(|accept| shared::wants_html(accept.as_bytes())) {
        return Ok(shared::line(&session).into_response());
    }
    let page = shared::page(&sessions, &session)
        .map_err(|_| Error::from_status(StatusCode::INTERNAL_SERVER_ERROR))?;
    Ok(Html(page).with_header(CONTENT_SECURITY_POLICY, shared::CONTENT_POLICY).into_response())
}

/// What the page's forms send.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Sent {
    csrf: String,
    username: String,
}

/// Refuses a form that we did not make for this session: without its token, a form on another site could
/// act in the visitor's name.
fn verify(session: &Session<Visit>, sent: &Sent) -> Result<()> {
    let refused = || Error::from_string(shared::FORM_REFUSED, StatusCode::FORBIDDEN);
    session.verify_csrf(&sent.csrf).then_some(()).ok_or_else(refused)
}

/// Signs in, by the page's form.
#[handler]
fn login(mut session: Session<Visit>, sent: Form<Sent>) -> Result<Redirect> {
    verify(&session, &sent)?;
    shared::sign_in(&mut session, &sent.username);
    Ok(Redirect::see_other("/"))
}

/// Forgets everything, by the page's form.
#[handler]
fn logout(mut session: Session<Visit>, sent: Form<Sent>) -> Result<Redirect> {
    verify(&session, &sent)?;
    session.destroy();
    Ok(Redirect::see_other("/"))
}

/// Signs in by a link, as the tutorials do. `examples/page_views` tells why this is not for real use.
#[handler]
fn login_by_link(mut session: Session<Visit>, sent: Query<Sent>) -> Redirect {
    shared::sign_in(&mut session, &sent.username);
    Redirect::see_other("/")
}

/// Signs out by a link: not for real use either.
#[handler]
fn logout_by_link(mut session: Session<Visit>) -> Redirect {
    session.destroy();
    Redirect::see_other("/")
}
