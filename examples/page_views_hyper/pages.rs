//! From the session to the answer: the same pages as in the other examples.

use crate::shared::{self, Visit};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::{Method, Request, Response, StatusCode};
use sealed_session::{Session, Sessions};
use std::error::Error;

type Page = fn(
    &Sessions<Visit>,
    &mut Session<Visit>,
    &Request<Bytes>,
) -> Result<Response<String>, Box<dyn Error>>;

/// The page of this address, or the status that says why there is none.
pub(crate) fn find(method: &Method, path: &str) -> Result<Page, StatusCode> {
    match (method, path) {
        (&Method::GET, "/") => Ok(home),
        (&Method::GET, "/login") => Ok(login_by_link),
        (&Method::POST, "/login") => Ok(login),
        (&Method::GET, "/logout") => Ok(logout_by_link),
        (&Method::POST, "/logout") => Ok(logout),
        (_, "/" | "/login" | "/logout") => Err(StatusCode::METHOD_NOT_ALLOWED),
        _ => Err(StatusCode::NOT_FOUND),
    }
}

/// Counts the visit.
fn home(
    sessions: &Sessions<Visit>,
    session: &mut Session<Visit>,
    request: &Request<Bytes>,
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

/// Signs in, by the page's form.
fn login(
    sessions: &Sessions<Visit>,
    session: &mut Session<Visit>,
    request: &Request<Bytes>,
) -> Result<Response<String>, Box<dyn Error>> {
    if !sessions.verify_csrf(session, &field(request.body(), "csrf")) {
        return refused();
    }
    shared::sign_in(session, &field(request.body(), "username"));
    Ok(go_home())
}

/// Forgets everything, by the page's form.
fn logout(
    sessions: &Sessions<Visit>,
    session: &mut Session<Visit>,
    request: &Request<Bytes>,
) -> Result<Response<String>, Box<dyn Error>> {
    if !sessions.verify_csrf(session, &field(request.body(), "csrf")) {
        return refused();
    }
    session.destroy();
    Ok(go_home())
}

/// We did not make this form for this session: without its token, a form on another site could act in
/// the visitor's name.
fn refused() -> Result<Response<String>, Box<dyn Error>> {
    let response = Response::builder().status(StatusCode::FORBIDDEN);
    let response = response.header(CONTENT_TYPE, "text/plain; charset=utf-8");
    Ok(response.body(shared::FORM_REFUSED.to_owned())?)
}

/// Signs in by a link, as the tutorials do. `examples/page_views` tells why this is not for real use.
fn login_by_link(
    _: &Sessions<Visit>,
    session: &mut Session<Visit>,
    request: &Request<Bytes>,
) -> Result<Response<String>, Box<dyn Error>> {
    let query = request.uri().query().unwrap_or_default();
    shared::sign_in(session, &field(query.as_bytes(), "username"));
    Ok(go_home())
}

/// Signs out by a link: not for real use either.
fn logout_by_link(
    _: &Sessions<Visit>,
    session: &mut Session<Visit>,
    _: &Request<Bytes>,
) -> Result<Response<String>, Box<dyn Error>> {
    session.destroy();
    Ok(go_home())
}

/// What a form or an address says for `name`; nothing if it does not say it.
fn field(form: &[u8], name: &str) -> String {
    let found = form_urlencoded::parse(form).find(|(found, _)| found == name);
    found.map(|(_, value)| value.into_owned()).unwrap_or_default()
}

fn go_home() -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(LOCATION, HeaderValue::from_static("/"));
    response
}
