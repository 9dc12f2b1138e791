//! actix-web.

use super::Server;
use crate::app::{self, App, Elsewhere, Visit};
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::ErrorServiceUnavailable;
use actix_web::http::header::HeaderName;
use actix_web::middleware::{Next, from_fn};
use actix_web::rt::System;
use actix_web::web::{self, Data, ServiceConfig, get};
use actix_web::{Error, FromRequest, HttpRequest, HttpResponse, HttpServer};
use sealed_session::actix_web::{Restored, RestoredView, Session, SessionMiddleware, SessionView};

type Visitor = Session<Visit>;
type View = SessionView<Visit>;

pub(crate) fn start(app: App) -> Server {
    Server::on_thread(|listener, stopped| {
        System::new().block_on(async {
            let make_app = move || {
                actix_web::App::new()
                    .app_data(Data::new(app.clone()))
                    .configure(routes)
                    .wrap(SessionMiddleware::new(app.sessions.clone()))
            };
            let server = HttpServer::new(make_app).workers(2).disable_signals();
            let server = server.listen_auto_h2c(listener).unwrap().run();
            let handle = server.handle();
            let running = actix_web::rt::spawn(server);
            let _ = stopped.await;
            handle.stop(false).await;
            running.await.unwrap().unwrap();
        });
    })
}

fn routes(routes: &mut ServiceConfig) {
    let again = get().to(async |mut session: Visitor| app::count(&mut session));
    routes
        .service(web::resource("/again").route(again).wrap(from_fn(ten_more)))
        .service(web::resource("/guarded").route(get().to(count)).wrap(from_fn(guard)))
        .service(web::resource("/thrown-out").route(get().to(view)).wrap(from_fn(throw_out)))
        .route("/view", get().to(view))
        .route("/beside", get().to(beside))
        .route("/before", get().to(before))
        .route("/restored-view", get().to(restored_view))
        .route("/untouched", get().to(async || "static"))
        .route("/read", get().to(read))
        .route("/count", get().to(count))
        .route("/sign-in", get().to(sign_in))
        .route("/sign-out", get().to(sign_out))
        .route("/fail", get().to(fail))
        .route("/panic", get().to(panic))
        .route("/large", get().to(async |mut session: Visitor| app::outgrow(&mut session)))
        .route("/stream", get().to(stream))
        .route("/endless", get().to(endless))
        .route("/wait", get().to(wait))
        .route("/together", get().to(together))
        .route("/twice", get().to(async |_first: Visitor, _second: Visitor| ""))
        .route("/hold", get().to(hold))
        .route("/restored", get().to(restored))
        .route("/elsewhere", get().to(async |_: Session<Elsewhere>| ""));
}

async fn ten_more<B: MessageBody>(
    mut session: Visitor,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    session.page_views += 10;
    drop(session);
    next.call(request).await
}

async fn guard<B: MessageBody>(
    before: View,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let mut response = next.call(request).await?;
    let after = View::extract(response.request()).await.unwrap();
    let views = format!("{} {}", before.page_views, after.page_views);
    response.headers_mut().insert(HeaderName::from_static("x-views"), views.parse().unwrap());
    Ok(response)
}

async fn throw_out<B: MessageBody>(
    mut session: Visitor,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    session.destroy();
    drop(session);
    next.call(request).await
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

async fn restored_view(RestoredView(view): RestoredView<Visit>) -> String {
    view.map_or("none".to_owned(), |view| app::view_described(&view, view.origin()))
}

/// An answer with the headers that the test wants.
fn with_wished(request: &HttpRequest, body: String) -> HttpResponse {
    let mut response = HttpResponse::Ok().body(body);
    let values = request.headers().get_all("wished").map(|value| value.as_bytes());
    for (name, value) in app::wished(values) {
        let name: HeaderName = name.parse().unwrap();
        response.headers_mut().append(name, value.parse().unwrap());
    }
    response
}

async fn read(request: HttpRequest, session: Visitor) -> HttpResponse {
    with_wished(&request, app::described(&session))
}

async fn count(request: HttpRequest, mut session: Visitor) -> HttpResponse {
    with_wished(&request, app::count(&mut session))
}

async fn sign_in(mut session: Visitor) -> &'static str {
    session.renew();
    ""
}

async fn sign_out(mut session: Visitor) -> &'static str {
    session.destroy();
    ""
}

async fn fail(mut session: Visitor) -> Result<&'static str, Error> {
    app::count(&mut session);
    Err(ErrorServiceUnavailable(""))
}

async fn panic(mut session: Visitor) -> &'static str {
    app::count(&mut session);
    panic!("in the handler");
}

async fn stream(mut session: Visitor) -> HttpResponse {
    app::count(&mut session);
    HttpResponse::Ok().streaming(app::parts(()))
}

async fn endless(app: Data<App>, mut session: Visitor) -> HttpResponse {
    app::count(&mut session);
    HttpResponse::Ok().streaming(app.endless_parts())
}

async fn wait(app: Data<App>, mut session: Visitor) -> &'static str {
    app::count(&mut session);
    app.wait().await;
    ""
}

async fn together(app: Data<App>, mut session: Visitor) -> String {
    app.crowd.wait().await;
    app::count(&mut session)
}

async fn hold(mut session: Visitor) -> HttpResponse {
    app::count(&mut session);
    HttpResponse::Ok().streaming(app::parts(session))
}

async fn restored(Restored(session): Restored<Visit>) -> String {
    session.map_or("none".to_owned(), |session| app::described(&session))
}
