//! The session as middleware and extractor for actix-web 4 (feature `actix-web`).
//!
//! ```
//! use actix_web::{App, web};
//! use sealed_session::actix_web::{Session, SessionMiddleware};
//! # use sealed_session::{Key, KeyRing, Sessions};
//!
//! #[derive(serde::Serialize, serde::Deserialize, Default)]
//! struct Visit { page_views: u32 }
//!
//! async fn home(mut session: Session<Visit>) -> String {
//!     session.page_views += 1;
//!     format!("You visited this page {} times", session.page_views)
//! }
//!
//! # let sessions: Sessions<Visit> = Sessions::builder("shop", KeyRing::new(Key::generate())).build()?;
//! let app = App::new().route("/", web::get().to(home)).wrap(SessionMiddleware::new(sessions));
//! # Ok::<(), sealed_session::ConfigError>(())
//! ```
//!
#![doc = include_str!("middleware.md")]
//!
//! ```
//! use actix_web::body::MessageBody;
//! use actix_web::dev::{ServiceRequest, ServiceResponse};
//! use actix_web::{Error, error::ErrorUnauthorized, middleware::Next};
//! use sealed_session::actix_web::Session;
//! # #[derive(serde::Serialize, serde::Deserialize, Default)]
//! # struct Visit { user: Option<String> }
//!
//! async fn signed_in_only<B: MessageBody>(
//!     session: Session<Visit>,
//!     request: ServiceRequest,
//!     next: Next<B>,
//! ) -> Result<ServiceResponse<B>, Error> {
//!     if session.user.is_none() {
//!         return Err(ErrorUnauthorized("sign in first"));
//!     }
//!     drop(session);
//!     next.call(request).await
//! }
//! # let _ = actix_web::App::new().wrap(actix_web::middleware::from_fn(signed_in_only));
//! ```
//!
//! Or an extractor takes what it needs and gives the session back:
//!
//! ```
//! use actix_web::{Error, FromRequest, HttpRequest, dev::Payload, error::ErrorUnauthorized};
//! use sealed_session::actix_web::Session;
//! use std::future::{Ready, ready};
//! # #[derive(serde::Serialize, serde::Deserialize, Default)]
//! # struct Visit { user: Option<String> }
//!
//! struct CurrentUser(String);
//!
//! impl FromRequest for CurrentUser {
//!     type Error = Error;
//!     type Future = Ready<Result<Self, Error>>;
//!
//!     fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
//!         let session = Session::<Visit>::extract(request).into_inner().map_err(Error::from);
//!         let user = session.map(|session| session.user.clone());
//!         ready(user.and_then(|user| {
//!             user.map(CurrentUser).ok_or_else(|| ErrorUnauthorized("sign in first"))
//!         }))
//!     }
//! }
//! ```

pub use super::middleware::{Restored, SessionMiddleware};
pub use super::slot::{Session, SessionRejection};

use super::slot::SessionSlot;
use crate::error::EncodeError;
use crate::headers::caching;
use crate::sessions::Sessions;
use ::actix_web::body::{EitherBody, MessageBody};
use ::actix_web::dev::{Payload, Service, ServiceRequest, ServiceResponse, Transform};
use ::actix_web::error::InternalError;
use ::actix_web::http::StatusCode;
use ::actix_web::http::header::{self as actix, HeaderMap};
use ::actix_web::{Error, FromRequest, HttpMessage, HttpRequest, HttpResponse, ResponseError};
use pin_project_lite::pin_project;
use serde::{Serialize, de::DeserializeOwned};
use std::fmt;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

impl<S, T, Body> Transform<S, ServiceRequest> for SessionMiddleware<T>
where
    S: Service<ServiceRequest, Response = ServiceResponse<Body>, Error = Error>,
    T: Serialize + DeserializeOwned + Default + 'static,
    Body: MessageBody,
{
    type Response = ServiceResponse<EitherBody<Body, ()>>;
    type Error = Error;
    type InitError = ();
    type Transform = SessionService<S, T>;
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(SessionService { inner, sessions: self.sessions.clone() }))
    }
}

/// What [`SessionMiddleware`] makes of a service.
pub struct SessionService<S, T> {
    inner: S,
    sessions: Sessions<T>,
}

impl<S: fmt::Debug, T> fmt::Debug for SessionService<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SessionService").field(&self.inner).field(&self.sessions).finish()
    }
}

impl<S, T, Body> Service<ServiceRequest> for SessionService<S, T>
where
    S: Service<ServiceRequest, Response = ServiceResponse<Body>, Error = Error>,
    T: Serialize + DeserializeOwned + Default + 'static,
    Body: MessageBody,
{
    type Response = ServiceResponse<EitherBody<Body, ()>>;
    type Error = Error;
    type Future = ResponseFuture<S::Future, T>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let slot = SessionSlot::new(self.sessions.clone());
        request.extensions_mut().insert(Arc::clone(&slot));
        ResponseFuture { inner: self.inner.call(request), slot }
    }
}

pin_project! {
    /// The response, with the session saved into its headers.
    pub struct ResponseFuture<F, T> {
        #[pin]
        inner: F,
        slot: Arc<SessionSlot<T>>,
    }
}

impl<F, T, Body> Future for ResponseFuture<F, T>
where
    F: Future<Output = Result<ServiceResponse<Body>, Error>>,
    T: Serialize + DeserializeOwned + Default,
    Body: MessageBody,
{
    type Output = Result<ServiceResponse<EitherBody<Body, ()>>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.inner.poll(context));
        let Some(closing) = this.slot.close() else {
            return Poll::Ready(result.map(ServiceResponse::map_into_left_body));
        };
        let save = |headers: &mut HeaderMap| on_copies(headers, |copies| closing.save(copies));
        Poll::Ready(match result {
            Ok(mut response) => Ok(match save(response.headers_mut()) {
                Ok(()) => response.map_into_left_body(),
                Err(_) => response.into_response(failed()).map_into_right_body(),
            }),
            // From a middleware inside: the response is made here, for it to carry the session.
            Err(error) => {
                let mut response = error.error_response();
                if save(response.headers_mut()).is_err() {
                    response = failed().map_into_boxed_body();
                }
                Err(InternalError::from_response(error, response).into())
            }
        })
    }
}

/// What is sent where a session cannot be saved: nothing of the handler's response is left.
fn failed() -> HttpResponse<()> {
    let mut response = HttpResponse::with_body(StatusCode::INTERNAL_SERVER_ERROR, ());
    append(&caching::failure_headers(), response.headers_mut());
    response
}

/// actix-web's headers are of types of their own. Those that `save` looks at are copied there and
/// back, with all values of each, and with the mark of those that are sensitive: our cookie is.
fn on_copies(
    headers: &mut HeaderMap,
    save: impl FnOnce(&mut http::HeaderMap) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let is_ours = |name: &actix::HeaderName| caching::is_read_or_written(name.as_str());
    let mut copies = http::HeaderMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| is_ours(name)) {
        let name = http::HeaderName::from_bytes(name.as_ref()).expect(SAME_RULES);
        let mut copy = http::HeaderValue::from_bytes(value.as_bytes()).expect(SAME_RULES);
        copy.set_sensitive(value.is_sensitive());
        copies.append(name, copy);
    }
    save(&mut copies)?;
    headers.retain(|name, _| !is_ours(name));
    append(&copies, headers);
    Ok(())
}

/// What is a header for one of the two is one for the other.
const SAME_RULES: &str = "both types hold any bytes that HTTP allows";

fn append(copies: &http::HeaderMap, headers: &mut HeaderMap) {
    for (name, value) in copies {
        let name = actix::HeaderName::from_bytes(name.as_ref()).expect(SAME_RULES);
        let mut copy = actix::HeaderValue::from_bytes(value.as_bytes()).expect(SAME_RULES);
        copy.set_sensitive(value.is_sensitive());
        headers.append(name, copy);
    }
}

fn lend<T>(request: &HttpRequest) -> Result<Session<T>, SessionRejection>
where
    T: Serialize + DeserializeOwned + Default + 'static,
{
    let slot = request.extensions().get::<Arc<SessionSlot<T>>>().cloned();
    let cookies = request.headers().get_all(actix::COOKIE).map(actix::HeaderValue::as_bytes);
    slot.ok_or_else(SessionRejection::no_layer::<T>)?.lend(cookies)
}

impl<T: Serialize + DeserializeOwned + Default + 'static> FromRequest for Session<T> {
    type Error = SessionRejection;
    type Future = Ready<Result<Session<T>, SessionRejection>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(lend(request))
    }
}

impl<T: Serialize + DeserializeOwned + Default + 'static> FromRequest for Restored<T> {
    type Error = SessionRejection;
    type Future = Ready<Result<Restored<T>, SessionRejection>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(lend(request).map(Restored::new))
    }
}

impl ResponseError for SessionRejection {}
