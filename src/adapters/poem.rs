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
//! use sealed_session::poem::SessionView;
//! # #[derive(serde::Serialize, serde::Deserialize, Default)]
//! # struct Visit { user: Option<String> }
//!
//! async fn signed_in_only(next: impl Endpoint, request: Request) -> Result<Response> {
//!     let session = SessionView::<Visit>::from_request_without_body(&request).await?;
//!     if session.user.is_none() {
//!         return Err(Error::from_status(StatusCode::UNAUTHORIZED));
//!     }
//!     next.call(request).await.map(IntoResponse::into_response)
//! }
//! # use poem::EndpointExt;
//! # let _ = poem::Route::new().around(signed_in_only);
//! ```
//!
//! Only one can hold a [`Session`] at a time, so a middleware that takes one lets go of it, by
//! `drop(session)`, before it calls `next`.

pub use super::middleware::{Restored, RestoredView, SessionMiddleware};
pub use super::rejection::SessionRejection;
pub use super::slot::Session;
pub use super::view::SessionView;

use super::slot::SessionSlot;
use super::slots::Slots;
use crate::headers::caching;
use crate::headers::cookie::cookie_headers;
use crate::sessions::Sessions;
use ::poem::error::ResponseError;
use ::poem::{
    Endpoint, Error, FromRequest, IntoResponse, Middleware, Request, RequestBody, Response,
};
use http::StatusCode;
use serde::{Serialize, de::DeserializeOwned};
use std::fmt;

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
        let extensions = request.extensions_mut();
        let outer = extensions.remove::<Slots>();
        let (slot, slots) = SessionSlot::new(self.sessions.clone(), outer);
        extensions.insert(slots);
        let result = self.inner.call(request).await.map(IntoResponse::into_response);
        let Some(closing) = slot.close() else {
            return result;
        };
        // The response of an error is made here, for it to carry the session.
        let is_error = result.is_err();
        let mut response = result.unwrap_or_else(Error::into_response);
        match closing.save(response.headers_mut()) {
            Ok(None) => {}
            Ok(Some(saved)) => {
                let saved = saved.beside(response.extensions().get());
                response.extensions_mut().insert(saved);
            }
            Err(_) => return Ok(failed()),
        }
        if is_error { Err(Error::from_response(response)) } else { Ok(response) }
    }
}

/// What is sent if a session cannot be saved: nothing of the handler's response is left.
fn failed() -> Response {
    let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
    *response.headers_mut() = caching::failure_headers();
    response
}

fn take<T>(request: &Request) -> Result<Session<T>, SessionRejection>
where
    T: Serialize + DeserializeOwned + Default + Send + 'static,
{
    SessionSlot::find(request.extensions().get())?.take(cookie_headers(request.headers()))
}

fn view<T>(request: &Request) -> Result<SessionView<T>, SessionRejection>
where
    T: Serialize + DeserializeOwned + Default + Send + 'static,
{
    SessionSlot::find(request.extensions().get())?.view(cookie_headers(request.headers()))
}

/// Each of these is `extract` of a request, or fails, at once.
macro_rules! from_request {
    ($($extractor:ident = $extract:expr;)*) => {$(
        impl<'r, T> FromRequest<'r> for $extractor<T>
        where
            T: Serialize + DeserializeOwned + Default + Send + 'static,
        {
            async fn from_request(request: &'r Request, _: &mut RequestBody) -> Result<Self, Error> {
                Ok($extract(request)?)
            }
        }
    )*};
}

from_request! {
    Session = take;
    SessionView = view;
    Restored = |request| take(request).map(Restored::new);
    RestoredView = |request| view(request).map(RestoredView::new);
}

/// A 500, whose text tells visitors of a release build nothing.
impl ResponseError for SessionRejection {
    fn status(&self) -> StatusCode {
        StatusCode::INTERNAL_SERVER_ERROR
    }

    fn as_response(&self) -> Response {
        Response::builder().status(self.status()).body(self.public_text())
    }
}
