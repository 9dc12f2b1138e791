//! The session as middleware and extractor for poem 3 (feature `poem`).
//!
//! (poem runs tower layers over its own request type, so the layer for tower cannot serve it.)
//!
//! ```
//! use poem::{EndpointExt, Route, get, handler};
//! use sealed_session::poem::{Session, SessionMiddleware};
//! # use sealed_session::{Key, KeyRing, Sessions};
//!
//! #[derive(serde::Serialize, serde::Deserialize, Default)]
//! struct Visit { page_views: u32 }
//!
//! #[handler]
//! fn home(mut session: Session<Visit>) -> String {
//!     session.page_views += 1;
//!     format!("You visited this page {} times", session.page_views)
//! }
//!
//! # let sessions: Sessions<Visit> = Sessions::builder("shop", KeyRing::new(Key::generate())).build()?;
//! let app = Route::new().at("/", get(home)).with(SessionMiddleware::new(sessions));
//! # Ok::<(), sealed_session::ConfigError>(())
//! ```
//!
#![doc = include_str!("middleware.md")]
//!
//! ```
//! use poem::http::StatusCode;
//! use poem::{Endpoint, Error, FromRequest, IntoResponse, Request, Response, Result};
//! use sealed_session::poem::Session;
//! # #[derive(serde::Serialize, serde::Deserialize, Default)]
//! # struct Visit { user: Option<String> }
//!
//! async fn signed_in_only(next: impl Endpoint, request: Request) -> Result<Response> {
//!     let session = Session::<Visit>::from_request_without_body(&request).await?;
//!     if session.user.is_none() {
//!         return Err(Error::from_status(StatusCode::UNAUTHORIZED));
//!     }
//!     drop(session);
//!     next.call(request).await.map(IntoResponse::into_response)
//! }
//! # use poem::EndpointExt;
//! # let _ = poem::Route::new().around(signed_in_only);
//! ```

pub use super::middleware::{Restored, SessionMiddleware};
pub use super::slot::{Session, SessionRejection};

use super::slot::SessionSlot;
use crate::headers::caching;
use crate::sessions::Sessions;
use ::poem::error::ResponseError;
use ::poem::{
    Endpoint, Error, FromRequest, IntoResponse, Middleware, Request, RequestBody, Response,
};
use http::StatusCode;
use serde::{Serialize, de::DeserializeOwned};
use std::fmt;
use std::sync::Arc;

impl<E, T> Middleware<E> for SessionMiddleware<T>
where
    E: Endpoint,
    T: Serialize + DeserializeOwned + Default + Send + 'static,
{
    type Output = SessionEndpoint<E, T>;

    fn transform(&self, inner: E) -> SessionEndpoint<E, T> {
        SessionEndpoint { inner, sessions: self.sessions.clone() }
    }
}

/// What [`SessionMiddleware`] makes of an endpoint.
pub struct SessionEndpoint<E, T> {
    inner: E,
    sessions: Sessions<T>,
}

impl<E: fmt::Debug, T> fmt::Debug for SessionEndpoint<E, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SessionEndpoint").field(&self.inner).field(&self.sessions).finish()
    }
}

impl<E, T> Endpoint for SessionEndpoint<E, T>
where
    E: Endpoint,
    T: Serialize + DeserializeOwned + Default + Send + 'static,
{
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response, Error> {
        let slot = SessionSlot::new(self.sessions.clone());
        request.extensions_mut().insert(Arc::clone(&slot));
        let result = self.inner.call(request).await.map(IntoResponse::into_response);
        let Some(closing) = slot.close() else {
            return result;
        };
        // The response of an error is made here, for it to carry the session.
        let is_error = result.is_err();
        let mut response = result.unwrap_or_else(Error::into_response);
        if closing.save(response.headers_mut()).is_err() {
            return Ok(failed());
        }
        if is_error { Err(Error::from_response(response)) } else { Ok(response) }
    }
}

/// What is sent where a session cannot be saved: nothing of the handler's response is left.
fn failed() -> Response {
    let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
    *response.headers_mut() = caching::failure_headers();
    response
}

fn lend<T>(request: &Request) -> Result<Session<T>, SessionRejection>
where
    T: Serialize + DeserializeOwned + Default + Send + 'static,
{
    Session::lent(request.extensions(), request.headers())
}

impl<'r, T> FromRequest<'r> for Session<T>
where
    T: Serialize + DeserializeOwned + Default + Send + 'static,
{
    async fn from_request(request: &'r Request, _: &mut RequestBody) -> Result<Self, Error> {
        Ok(lend(request)?)
    }
}

impl<'r, T> FromRequest<'r> for Restored<T>
where
    T: Serialize + DeserializeOwned + Default + Send + 'static,
{
    async fn from_request(request: &'r Request, _: &mut RequestBody) -> Result<Self, Error> {
        Ok(lend(request).map(Restored::new)?)
    }
}

impl ResponseError for SessionRejection {
    fn status(&self) -> StatusCode {
        StatusCode::INTERNAL_SERVER_ERROR
    }
}
