//! From the session to the answer: the same pages as in the other examples.

use crate::shared::{self, Visit};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::{Request, Response, StatusCode};
use sealed_session::{Session, Sessions};
use std::error::Error;

type Page = fn(
    &Sessions<Visit>,
    &mut Session<Visit>,
    &Request<Incoming>,
) -> Result<Response<String>, Box<dyn Error>>;

pub(crate) fn find(path: &str) -> Option<Page> {
    match path {
        "/" => Some(home),
        "/login" => Some(login),
        "/logout" => Some(logout),
        _ => None,
    }
}

/// Counts the visit.
fn home(
    sessions: &Sessions<Visit>,
    session: &mut Session<Visit>,
    request: &Request<Incoming>,
) -> Result<Response<String>, Box<dyn Error>> {
    session.page_views += 1;

    let accept = request.headers().get(ACCEPT);
    let response = Response::builder();
    if !accept.is_some_and(|accept| shared::wants_html(accept.as_bytes())) {
        let response = response.header(CONTENT_TYPE, "text/plain; charset=utf-8");
        return Ok(response.body(shared::line(session))?);
    }
    Ok(response
        .header(CONTENT_SECURITY_POLICY, shared::CONTENT_POLICY)
        .header(CONTENT_TYPE, "text/html; charset=utf-8")
        .body(shared::page(sessions, session)?)?)
}

/// Signs in anyone who gives a name. A real sign-in is a POST with a password and a CSRF token.
fn login(
    _: &Sessions<Visit>,
    session: &mut Session<Visit>,
    request: &Request<Incoming>,
) -> Result<Response<String>, Box<dyn Error>> {
    let query = request.uri().query().unwrap_or_default();
    let username = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "username");
    if let Some(name) = username.and_then(|(_, name)| shared::clean_name(&name)) {
        // A new id at sign-in: a session planted before it does not become a signed-in one.
        session.renew();
        session.user = Some(name);
    }
    Ok(go_home())
}

/// Forgets everything.
fn logout(
    _: &Sessions<Visit>,
    session: &mut Session<Visit>,
    _: &Request<Incoming>,
) -> Result<Response<String>, Box<dyn Error>> {
    session.destroy();
    Ok(go_home())
}

fn go_home() -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(LOCATION, HeaderValue::from_static("/"));
    response
}
