//! The page of `page_views`, with Rocket. Settings as there.
//!
//! ```text
//! cargo run --manifest-path examples/more/Cargo.toml --bin page_views_rocket
//! ```

mod session;
#[path = "../../../../shared/mod.rs"]
mod shared;

use rocket::fairing::AdHoc;
use rocket::http::{Accept, Header, Status};
use rocket::response::content::RawHtml;
use rocket::response::{Redirect, Responder};
use rocket::{State, get, routes};
use sealed_session::Sessions;
use session::{SessionFairing, Visitor};
use shared::Visit;
use std::error::Error;
use std::net::SocketAddr;

#[rocket::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt::init();
    let settings = shared::settings_or_exit();

    // 1. What a session is, and how long it lives: see `examples/shared/mod.rs`.
    let sessions = shared::sessions(&settings)?;

    // 2. The fairing saves what the guards lent. (It also manages the sessions, which the page asks
    //    for to show what is in the cookie.)
    let addr: SocketAddr = settings.addr.parse()?;
    let config = rocket::Config {
        address: addr.ip(),
        port: addr.port(),
        log_level: rocket::config::LogLevel::Off,
        ..rocket::Config::release_default()
    };
    let listening = AdHoc::on_liftoff("address", |rocket| {
        Box::pin(async move {
            let config = rocket.config();
            tracing::info!("listening on http://{}:{}", config.address, config.port);
        })
    });
    let rocket = rocket::custom(config)
        .mount("/", routes![home, login, logout])
        .attach(SessionFairing(sessions))
        .attach(listening);
    rocket.launch().await?;
    Ok(())
}

#[derive(Responder)]
enum Page {
    Line(String),
    Html(RawHtml<String>, Header<'static>),
}

/// Counts the visit.
#[get("/")]
fn home(
    accept: Option<&Accept>,
    sessions: &State<Sessions<Visit>>,
    mut session: Visitor<'_, Visit>,
) -> Result<Page, Status> {
    session.page_views += 1;

    if !accept.is_some_and(|accept| shared::wants_html(accept.to_string().as_bytes())) {
        return Ok(Page::Line(shared::line(&session)));
    }
    let page = shared::page(sessions, &session).map_err(|_| Status::InternalServerError)?;
    let policy = Header::new("content-security-policy", shared::CONTENT_POLICY);
    Ok(Page::Html(RawHtml(page), policy))
}

/// Signs in anyone who gives a name. A real sign-in is a POST with a password and a CSRF token.
#[get("/login?<username>")]
fn login(mut session: Visitor<'_, Visit>, username: Option<&str>) -> Redirect {
    if let Some(name) = username.and_then(shared::clean_name) {
        // A new id at sign-in: a session planted before it does not become a signed-in one.
        session.renew();
        session.user = Some(name);
    }
    Redirect::to("/")
}

/// Forgets everything.
#[get("/logout")]
fn logout(mut session: Visitor<'_, Visit>) -> Redirect {
    session.destroy();
    Redirect::to("/")
}
