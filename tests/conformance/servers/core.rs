//! No adapter: `load` and `save` behind hyper.

use super::Server;
use crate::app::{self, App, Parts};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use std::convert::Infallible;
use tokio_stream::StreamExt;

type BoxBody = http_body_util::combinators::UnsyncBoxBody<Bytes, Infallible>;

pub(crate) fn start(app: App) -> Server {
    Server::on_tokio(async move |listener| {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let app = app.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| answer(app.clone(), request));
                let builder = Builder::new(TokioExecutor::new());
                // An error here is a visitor who went away.
                let _ = builder.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    })
}

async fn answer(app: App, request: Request<Incoming>) -> Result<Response<BoxBody>, Infallible> {
    if request.uri().path() == "/untouched" {
        return Ok(Response::new(text("static".to_owned())));
    }
    let mut session = app.sessions.load(request.headers());
    let mut response = Response::new(text(String::new()));
    match request.uri().path() {
        "/read" => {
            *response.body_mut() = text(app::described(&session));
            add_wished(request.headers(), response.headers_mut());
        }
        "/count" => {
            *response.body_mut() = text(app::count(&mut session));
            add_wished(request.headers(), response.headers_mut());
        }
        "/sign-in" => session.renew(),
        "/sign-out" => session.destroy(),
        "/fail" => {
            app::count(&mut session);
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        "/panic" => {
            app::count(&mut session);
            panic!("in the handler");
        }
        "/large" => *response.body_mut() = text(app::outgrow(&mut session)),
        "/stream" => {
            app::count(&mut session);
            *response.body_mut() = stream(app::parts(()));
        }
        "/endless" => {
            app::count(&mut session);
            *response.body_mut() = stream(app.endless_parts());
        }
        "/wait" => {
            app::count(&mut session);
            app.wait().await;
        }
        "/together" => {
            app.crowd.wait().await;
            *response.body_mut() = text(app::count(&mut session));
        }
        other => unreachable!("{other} is for adapters"),
    }
    if app.sessions.save(session, response.headers_mut()).is_err() {
        response = Response::new(text(String::new()));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        let headers = response.headers_mut();
        headers.insert("cache-control", HeaderValue::from_static("no-store"));
        headers.insert("vary", HeaderValue::from_static("Cookie"));
    }
    Ok(response)
}

fn text(text: String) -> BoxBody {
    Full::from(text).boxed_unsync()
}

fn stream<H: Unpin + Send + 'static>(parts: Parts<H>) -> BoxBody {
    StreamBody::new(parts.map(|part| part.map(Frame::data))).boxed_unsync()
}

pub(super) fn add_wished(request: &HeaderMap, response: &mut HeaderMap) {
    let values = request.get_all("wished").iter().map(HeaderValue::as_bytes);
    for (name, value) in app::wished(values) {
        let name: HeaderName = name.parse().unwrap();
        response.append(name, value.parse().unwrap());
    }
}
