//! The page of `page_views`, with Rocket. Settings as there.
//!
//! ```text
//! cargo run --manifest-path examples/more/Cargo.toml --bin page_views_rocket
//! ```

mod session;
#[path = "../../../../shared/mod.rs"]
mod shared;

use rocket::fairing::AdHoc;
use rocket::form::{Form, FromForm};
use rocket::http::{Accept, Header, Status};
use rocket::response::content::RawHtml;
use rocket::response::status::Custom;
use rocket::response::{Redirect, Responder};
use rocket::{State, get, post, routes};
use sealed_session::{Session, Sessions};
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

    // 2. The fairing saves what the guards took. (It also manages the sessions, which the page asks
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
        .mount("/", routes![home, login, logout, login_by_link, logout_by_link])
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

/// What the page's forms send.
#[derive(FromForm)]
struct Sent {
    #[field(default = "")]
    csrf: String,
    #[field(default = "")]
    username: String,
}

/// Why a form changed nothing.
type Refused = Custom<&'static str>;

/// Refuses a form that we did not make for this session: without its token, a form on another site could
/// act in the visitor's name.
fn verify(
    sessions: &Sessions<Visit>,
    session: &Session<Visit>,
    sent: &Sent,
) -> Result<(), Refused> {
    let ours = sessions.verify_csrf(session, &sent.csrf);
    ours.then_some(()).ok_or(Custom(Status::Forbidden, shared::FORM_REFUSED))
}

/// Signs in, by the page's form.
#[post("/login", data = "<sent>")]
fn login(
    sessions: &State<Sessions<Visit>>,
    mut session: Visitor<'_, Visit>,
    sent: Form<Sent>,
) -> Result<Redirect, Refused> {
    verify(sessions, &session, &sent)?;
    shared::sign_in(&mut session, &sent.username);
    Ok(Redirect::to("/"))
}

/// Forgets everything, by the page's form.
#[post("/logout", data = "<sent>")]
fn logout(
    sessions: &State<Sessions<Visit>>,
    mut session: Visitor<'_, Visit>,
    sent: Form<Sent>,
) -> Result<Redirect, Refused> {
    verify(sessions, &session, &sent)?;
    session.destroy();
    Ok(Redirect::to("/"))
}

/// Signs in by a link, as the tutorials do. `examples/page_views` tells why this is not for real use.
#[get("/login?<username>")]
fn login_by_link(mut session: Visitor<'_, Visit>, username: Option<&str>) -> Redirect {
    shared::sign_in(&mut session, username.unwrap_or_default());
    Redirect::to("/")
}

/// Signs out by a link: not for real use either.
#[get("/logout")]
fn logout_by_link(mut session: Visitor<'_, Visit>) -> Redirect {
    session.destroy();
    Redirect::to("/")
}
