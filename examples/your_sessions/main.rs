//! A page "your sessions": signs this browser out, the user's other browsers, or all of them, on every
//! server that shares the file.
//!
//! ```text
//! cargo run --example your_sessions     # then open http://localhost:3000 in two browsers
//! ```
//!
//! | variable | meaning |
//! | --- | --- |
//! | `SESSION_KEYS` | keys, separated by commas: the same on every server; without it a fresh key is made |
//! | `ENDED_FILE` | the file that carries what ended between the servers of one host, and over a restart |
//! | `ADDR` | where to listen; `127.0.0.1:3000` if not set |
//!
//! For servers on several hosts, `RedisFeed` takes the place of `FileFeed`; nothing else changes
//! (`docs/ending-sessions.md`).

use axum::extract::{Form, RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::{Router, routing::get, routing::post};
use html_escape::encode_text;
use sealed_session::axum::{Session, SessionLayer};
use sealed_session::{EndedSessions, FileFeed, Key, KeyRing, Sessions};
use serde::{Deserialize, Serialize};
use std::env;
use std::error::Error;
use std::path::PathBuf;
use time::Duration;
use tokio::net::TcpListener;

/// The whole session.
#[derive(Serialize, Deserialize, Default)]
struct Visit {
    user: Option<String>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt::init();
    let keys = match env::var_os("SESSION_KEYS") {
        Some(_) => KeyRing::from_env("SESSION_KEYS")?,
        None => KeyRing::new(Key::generate()),
    };

    // 1. What ended, kept for as long as a session can live, and the file that carries it.
    let ended = EndedSessions::new("your_sessions", Duration::hours(8));
    let feed = FileFeed::open(ended_file(), &ended)?;

    // 2. Sessions that ask this list, and whose they are.
    let sessions = Sessions::<Visit>::builder("your_sessions", keys)
        .absolute_timeout(Duration::hours(8))
        .ended(&ended)
        .subject(|visit: &Visit| visit.user.clone())
        .build()?;

    let app = Router::new()
        .route("/", get(home))
        .route("/sign-in", post(sign_in))
        .route("/sign-out", post(sign_out))
        .route("/sign-out-others", post(sign_out_others))
        .route("/sign-out-everywhere", post(sign_out_everywhere))
        .with_state(ended)
        .layer(SessionLayer::new(sessions));

    let addr = env::var("ADDR").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    let listener =
        TcpListener::bind(&addr).await.map_err(|error| format!("ADDR={addr}: {error}"))?;
    tracing::info!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).with_graceful_shutdown(ctrl_c()).await?;

    // 3. What ended in the last moment reaches the file before the process is gone.
    feed.flush(Duration::seconds(5))?;
    Ok(())
}

fn ended_file() -> PathBuf {
    let default = || env::temp_dir().join("your_sessions").join("ended.log");
    env::var_os("ENDED_FILE").map_or_else(default, PathBuf::from)
}

/// What the page's forms send.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Sent {
    csrf: String,
    username: String,
    password: String,
}

/// Why a form changed nothing.
type Refused = (StatusCode, &'static str);

/// Refuses a form that we did not make for this session.
fn verify(session: &Session<Visit>, sent: &Sent) -> Result<(), Refused> {
    let ours = session.verify_csrf(&sent.csrf);
    ours.then_some(()).ok_or((
        StatusCode::FORBIDDEN,
        "This form is not of your session: open the page again, and send the form from there.\n",
    ))
}

/// Stands for a look at the hash that a real application keeps.
fn check_password(sent: &Sent) -> Result<(), Refused> {
    let right = sent.password == "demo";
    right.then_some(()).ok_or((StatusCode::FORBIDDEN, "The password is wrong: it is `demo`.\n"))
}

async fn sign_in(mut session: Session<Visit>, Form(sent): Form<Sent>) -> Result<Redirect, Refused> {
    verify(&session, &sent)?;
    check_password(&sent)?;
    let name = sent.username.trim();
    if name.is_empty() || name.len() > 100 {
        return Err((StatusCode::BAD_REQUEST, "Give a name of 1 to 100 bytes.\n"));
    }
    session.reset();
    session.user = Some(name.to_owned());
    Ok(Redirect::to("/"))
}

/// This session ends, with every copy of its cookie.
async fn sign_out(
    mut session: Session<Visit>,
    Form(sent): Form<Sent>,
) -> Result<Redirect, Refused> {
    verify(&session, &sent)?;
    session.destroy();
    Ok(Redirect::to("/"))
}

/// Every other session of this user ends, and this one goes on.
async fn sign_out_others(
    mut session: Session<Visit>,
    Form(sent): Form<Sent>,
) -> Result<Redirect, Refused> {
    verify(&session, &sent)?;
    // Anyone who has a copy of the cookie could do this.
    check_password(&sent)?;
    session.end_others().map_err(|_| (StatusCode::CONFLICT, "You are not signed in.\n"))?;
    Ok(Redirect::to("/?others-signed-out"))
}

/// Every session of this user ends, this one too.
async fn sign_out_everywhere(
    State(ended): State<EndedSessions>,
    mut session: Session<Visit>,
    Form(sent): Form<Sent>,
) -> Result<Redirect, Refused> {
    verify(&session, &sent)?;
    check_password(&sent)?;
    let Some(user) = &session.user else {
        return Err((StatusCode::CONFLICT, "You are not signed in.\n"));
    };
    ended.end_all_of(user).map_err(|_| (StatusCode::CONFLICT, "You are not signed in.\n"))?;
    session.destroy();
    Ok(Redirect::to("/"))
}

async fn home(session: Session<Visit>, RawQuery(query): RawQuery) -> Result<Response, StatusCode> {
    let token = session.csrf_token().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let form = |action: &str, fields: &str, label: &str| {
        format!(
            r#"<form method="post" action="/{action}">
<input type="hidden" name="csrf" value="{token}">
{fields}<button>{label}</button>
</form>"#
        )
    };
    let password = |action: &str| {
        format!(
            r#"<label for="{action}-password">Password</label>
<input id="{action}-password" name="password" type="password" autocomplete="current-password" required>
"#
        )
    };
    let content = match &session.user {
        None => {
            let name = r#"<label for="username">Your name</label>
<input id="username" name="username" maxlength="100" autocomplete="username" required>
"#;
            let fields = name.to_owned() + &password("sign-in");
            format!(
                "<section class=card><h1>You are signed out</h1>\n<p>The password is <code>demo</code>.</p>\n{}</section>",
                form("sign-in", &fields, "Sign in")
            )
        }
        Some(user) => {
            let done = match query.as_deref() {
                Some("others-signed-out") => {
                    "<p role=status>Your other browsers are signed out.</p>\n"
                }
                _ => "",
            };
            format!(
                "<section class=card><h1>Hello, <bdi>{user}</bdi>!</h1>\n\
             <p>This session began at {began} UTC. Its id is <code>{id}</code>.</p>\n{here}</section>\n\
             <section class=card><h2>Your other browsers</h2>\n\
             {done}<p>This server does not know which there are: a list of devices would need a store. It can end \
             them all the same.</p>\n{others}\n{everywhere}</section>",
                user = encode_text(user),
                began = session.created_at().time(),
                id = session.id(),
                here = form("sign-out", "", "Sign out here"),
                others = form(
                    "sign-out-others",
                    &password("sign-out-others"),
                    "Sign out my other browsers"
                ),
                everywhere = form(
                    "sign-out-everywhere",
                    &password("sign-out-everywhere"),
                    "Sign out everywhere"
                ),
            )
        }
    };
    let page = format!(
        "<!doctype html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n\
         <meta name=viewport content=\"width=device-width, initial-scale=1\">\n\
         <meta name=color-scheme content=\"light dark\">\n<title>Your sessions</title>\n\
         <style>\n{style}form {{ margin-top: 1.25rem; }}\n</style>\n</head>\n<body>\n<main>\n{content}\n\
         </main>\n</body>\n</html>\n",
        style = include_str!("../shared/page.css"),
    );
    let policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; \
                  base-uri 'none'; frame-ancestors 'none'";
    Ok(([(CONTENT_SECURITY_POLICY, policy)], Html(page)).into_response())
}

async fn ctrl_c() {
    tokio::signal::ctrl_c().await.expect("ctrl-c can be waited for");
}
