//! The page of `page_views`, with actix-web. Settings as there.
//!
//! ```text
//! cargo run --example page_views_actix    # then open http://localhost:3000
//! ```

#[path = "../shared/mod.rs"]
mod shared;

use actix_web::http::header::{ACCEPT, CONTENT_SECURITY_POLICY, ContentType};
use actix_web::web::{self, Data, Query, Redirect};
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
            .route("/login", web::get().to(login))
            .route("/logout", web::get().to(logout))
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

#[derive(Deserialize)]
struct Login {
    #[serde(default)]
    username: String,
}

/// Signs in anyone who gives a name. A real sign-in is a POST with a password and a CSRF token.
async fn login(mut session: Session<Visit>, login: Query<Login>) -> Redirect {
    if let Some(name) = shared::clean_name(&login.username) {
        // A new id at sign-in: a session planted before it does not become a signed-in one.
        session.renew();
        session.user = Some(name);
    }
    Redirect::to("/").see_other()
}

/// Forgets everything.
async fn logout(mut session: Session<Visit>) -> Redirect {
    session.destroy();
    Redirect::to("/").see_other()
}
