//! The page of `page_views`, with actix-web. Settings as there.
//!
//! ```text
//! cargo run --example page_views_actix    # then open http://localhost:3000
//! ```

#[path = "../shared/mod.rs"]
mod shared;

use actix_web::http::header::{ACCEPT, CONTENT_SECURITY_POLICY, ContentType};
use actix_web::web::{self, Data, Form, Query, Redirect};
use actix_web::{App, Error, HttpRequest, HttpResponse, HttpServer, error};
use sealed_session::Sessions;
use sealed_session::actix_web::{Session, SessionMiddleware};
use serde::Deserialize;
use shared::Visit;

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt::init();
    let settings = shared::settings_or_exit();

    // 1. What a session is, and how long it lives: see `examples/shared/mod.rs`.
    let sessions = shared::sessions(&settings)?;

    // 2. The middleware gives sessions to the handlers and saves them with the response. (The data
    //    is only here for the page to show what is in the cookie.)
    let app = move || {
        App::new()
            .app_data(Data::new(sessions.clone()))
            .route("/", web::get().to(home))
            .route("/login", web::get().to(login_by_link))
            .route("/login", web::post().to(login))
            .route("/logout", web::get().to(logout_by_link))
            .route("/logout", web::post().to(logout))
            .wrap(SessionMiddleware::new(sessions.clone()))
    };

    let addr = settings.addr;
    let server = HttpServer::new(app).workers(2);
    let server = server.bind(&addr).map_err(|error| format!("ADDR={addr}: {error}"))?;
    tracing::info!("listening on http://{}", server.addrs()[0]);
    Ok(server.run().await?)
}

/// Counts the visit.
async fn home(
    request: HttpRequest,
    sessions: Data<Sessions<Visit>>,
    mut session: Session<Visit>,
) -> Result<HttpResponse, Error> {
    session.page_views += 1;

    if !request.headers().get(ACCEPT).is_some_and(|accept| shared::wants_html(accept.as_bytes())) {
        return Ok(HttpResponse::Ok()
            .content_type(ContentType::plaintext())
            .body(shared::line(&session)));
    }
    let page = shared::page(&sessions, &session).map_err(error::ErrorInternalServerError)?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_SECURITY_POLICY, shared::CONTENT_POLICY))
        .content_type(ContentType::html())
        .body(page))
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
fn verify(session: &Session<Visit>, sent: &Sent) -> Result<(), Error> {
    let ours = session.verify_csrf(&sent.csrf);
    ours.then_some(()).ok_or_else(|| error::ErrorForbidden(shared::FORM_REFUSED))
}

/// Signs in, by the page's form.
async fn login(mut session: Session<Visit>, sent: Form<Sent>) -> Result<Redirect, Error> {
    verify(&session, &sent)?;
    shared::sign_in(&mut session, &sent.username);
    Ok(Redirect::to("/").see_other())
}

/// Forgets everything, by the page's form.
async fn logout(mut session: Session<Visit>, sent: Form<Sent>) -> Result<Redirect, Error> {
    verify(&session, &sent)?;
    session.destroy();
    Ok(Redirect::to("/").see_other())
}

/// Signs in by a link, as the tutorials do. `examples/page_views` tells why this is not for real use.
async fn login_by_link(mut session: Session<Visit>, sent: Query<Sent>) -> Redirect {
    shared::sign_in(&mut session, &sent.username);
    Redirect::to("/").see_other()
}

/// Signs out by a link: not for real use either.
async fn logout_by_link(mut session: Session<Visit>) -> Redirect {
    session.destroy();
    Redirect::to("/").see_other()
}
