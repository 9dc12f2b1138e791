//! The page of `page_views` with hyper and no framework: the bare `load` and `save`. Settings as
//! there.
//!
//! ```text
//! cargo run --example page_views_hyper    # then open http://localhost:3000
//! ```

mod pages;
#[path = "../shared/mod.rs"]
mod shared;

use http_body_util::{BodyExt, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, HeaderValue};
use hyper::{Request, Response, StatusCode, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use sealed_session::{Session, Sessions};
use shared::Visit;
use std::{convert::Infallible, error::Error};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt::init();
    let settings = shared::settings_or_exit();
    let sessions = shared::sessions(&settings)?;

    let listener = TcpListener::bind(&settings.addr).await?;
    tracing::info!("listening on http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let sessions = sessions.clone();
        let service = service_fn(move |request| {
            let sessions = sessions.clone();
            async move {
                let response = answer(&sessions, request).await;
                Ok::<_, Infallible>(response.unwrap_or_else(|error| failed(&*error)))
            }
        });
        // An error here is a visitor who went away.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

/// Longer than any form of ours.
const MAX_BODY: usize = 4096;

async fn answer(
    sessions: &Sessions<Visit>,
    request: Request<Incoming>,
) -> Result<Response<String>, Box<dyn Error>> {
    let page = match pages::find(request.method(), request.uri().path()) {
        Ok(page) => page,
        Err(status) => return Ok(empty(status)),
    };
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
        return Ok(empty(StatusCode::PAYLOAD_TOO_LARGE));
    };
    let request: Request<Bytes> = Request::from_parts(head, body.to_bytes());

    let mut session: Session<Visit> = sessions.load(request.headers());
    let mut response = page(sessions, &mut session, &request)?;
    sessions.save(session, response.headers_mut())?;
    Ok(response)
}

fn empty(status: StatusCode) -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = status;
    response
}

/// Nothing of the page is left, for it may show what could not be saved.
fn failed(error: &dyn Error) -> Response<String> {
    tracing::error!(%error, "no page");
    let mut response = empty(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
