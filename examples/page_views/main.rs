//! A page that counts your visits and knows your name, and a server that remembers nothing.
//!
//! ```text
//! cargo run --example page_views               # then open http://localhost:3000
//! cargo run --example page_views -- new-key    # prints a key for SESSION_KEYS
//! ```
//!
//! `/ready` is for the proxy in front, `/metrics` for Prometheus.
//!
//! | variable | meaning |
//! | --- | --- |
//! | `SESSION_KEYS` | keys, separated by commas: the first seals, all open; without it a fresh key is made |
//! | `KEY_FILE` | instead: a key file, read again every second |
//! | `ADDR` | where to listen; `127.0.0.1:3000` if not set |
//! | `INSECURE=1` | cookies without `Secure`, for a browser that takes this address for insecure |
//! | `KEY_MAX_AGE` | `/ready` says no when the key file was not confirmed for so many seconds; 180 if not set |
//! | `RUST_LOG` | what to log; `debug` also shows why cookies were rejected |

mod operations;
#[path = "../shared/mod.rs"]
mod shared;

use axum::extract::{Form, Query, State};
use axum::http::header::{ACCEPT, CONTENT_SECURITY_POLICY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::{Router, routing::get};
use sealed_session::Sessions;
use sealed_session::axum::{Session, SessionLayer};
use serde::Deserialize;
use shared::Visit;
use std::error::Error;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt::init();
    let figures = operations::collect_figures()?;
    let settings = shared::settings_or_exit();
    let max_key_age = operations::max_key_age_or_exit();

    // 1. What a session is, and how long it lives: see `examples/shared/mod.rs`.
    let sessions = shared::sessions(&settings)?;

    // 2. The layer gives sessions to the handlers and saves them with the response. (The state is
    //    only here for the page to show what is in the cookie.)
    let app = Router::new()
        .route("/", get(home))
        .route("/login", get(login_by_link).post(login))
        .route("/logout", get(logout_by_link).post(logout))
        .with_state(sessions.clone())
        .layer(SessionLayer::new(sessions));

    // 3. Behind the layer, so that these routes have no sessions.
    let app = app.merge(operations::routes(figures, settings.key_file, max_key_age));

    let addr = settings.addr;
    let listener =
        TcpListener::bind(&addr).await.map_err(|error| format!("ADDR={addr}: {error}"))?;
    tracing::info!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).with_graceful_shutdown(ctrl_c()).await?;
    Ok(())
}

/// Counts the visit.
async fn home(
    State(sessions): State<Sessions<Visit>>,
    headers: HeaderMap,
    mut session: Session<Visit>,
) -> Result<Response, StatusCode> {
    session.page_views += 1;

    if !headers.get(ACCEPT).is_some_and(|accept| shared::wants_html(accept.as_bytes())) {
        return Ok(shared::line(&session).into_response());
    }
    let page = shared::page(&sessions, &session).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(([(CONTENT_SECURITY_POLICY, shared::CONTENT_POLICY)], Html(page)).into_response())
}

/// What the page's forms send.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Sent {
    csrf: String,
    username: String,
}

/// Why a form changed nothing.
type Refused = (StatusCode, &'static str);

/// Refuses a form that we did not make for this session: without its token, a form on another site could
/// act in the visitor's name.
fn verify(session: &Session<Visit>, sent: &Sent) -> Result<(), Refused> {
    let ours = session.verify_csrf(&sent.csrf);
    ours.then_some(()).ok_or((StatusCode::FORBIDDEN, shared::FORM_REFUSED))
}

/// Signs in, by the page's form.
async fn login(mut session: Session<Visit>, Form(sent): Form<Sent>) -> Result<Redirect, Refused> {
    verify(&session, &sent)?;
    shared::sign_in(&mut session, &sent.username);
    Ok(Redirect::to("/"))
}

/// Forgets everything, by the page's form.
async fn logout(mut session: Session<Visit>, Form(sent): Form<Sent>) -> Result<Redirect, Refused> {
    verify(&session, &sent)?;
    session.destroy();
    Ok(Redirect::to("/"))
}

/// Signs in by a link, as the tutorials do. This is not for real use: any page of another site can send
/// its visitors here, and sign them in as somebody else. A password in an address would also stand in
/// logs and in the browser's history.
async fn login_by_link(mut session: Session<Visit>, Query(sent): Query<Sent>) -> Redirect {
    shared::sign_in(&mut session, &sent.username);
    Redirect::to("/")
}

/// Signs out by a link, as the tutorials do: not for real use either.
async fn logout_by_link(mut session: Session<Visit>) -> Redirect {
    session.destroy();
    Redirect::to("/")
}

async fn ctrl_c() {
    tokio::signal::ctrl_c().await.expect("ctrl-c can be waited for");
}
