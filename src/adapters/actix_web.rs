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
//! use actix_web::{Error, FromRequest, HttpRequest, dev::Payload, error::ErrorUnauthorized};
//! use sealed_session::actix_web::SessionView;
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
//!         let session = SessionView::<Visit>::extract(request).into_inner().map_err(Error::from);
//!         let user = session.map(|session| session.user.clone());
//!         ready(user.and_then(|user| {
//!             user.map(CurrentUser).ok_or_else(|| ErrorUnauthorized("sign in first"))
//!         }))
//!     }
//! }
//! ```
//!
//! # Middleware that changes the session
//!
//! Only one can hold a [`Session`] at a time, so middleware lets go of it before the handler runs:
//!
//! ```
//! use actix_web::body::MessageBody;
//! use actix_web::dev::{ServiceRequest, ServiceResponse};
//! use actix_web::{Error, middleware::Next};
//! use sealed_session::actix_web::Session;
//! # #[derive(serde::Serialize, serde::Deserialize, Default)]
//! # struct Visit { page_views: u32 }
//!
//! async fn count<B: MessageBody>(
//!     mut session: Session<Visit>,
//!     request: ServiceRequest,
//!     next: Next<B>,
//! ) -> Result<ServiceResponse<B>, Error> {
//!     session.page_views += 1;
//!     drop(session);
//!     next.call(request).await
//! }
//! # let _ = actix_web::App::new().wrap(actix_web::middleware::from_fn(count));
//! ```

pub use super::middleware::{Restored, RestoredView, SessionMiddleware};
pub use super::rejection::SessionRejection;
pub use super::slot::Session;
pub use super::view::SessionView;

use super::slot::SessionSlot;
use super::slots::Slots;
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
    T: Serialize + DeserializeOwned + Default + Send + 'static,
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
    T: Serialize + DeserializeOwned + Default + Send + 'static,
    Body: MessageBody,
{
    type Response = ServiceResponse<EitherBody<Body, ()>>;
    type Error = Error;
    type Future = ResponseFuture<S::Future, T>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let slot = {
            let mut extensions = request.extensions_mut();
            let outer = extensions.remove::<Slots>();
            let (slot, slots) = SessionSlot::new(self.sessions.clone(), outer);
            extensions.insert(slots);
            slot
        };
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
                Ok(saved) => {
                    if let Some(saved) = saved {
                        let saved = saved.beside(response.response().extensions().get());
                        response.response_mut().extensions_mut().insert(saved);
                    }
                    response.map_into_left_body()
                }
                Err(_) => response.into_response(failed()).map_into_right_body(),
            }),
            // From a middleware inside: the response is made here, for it to carry the session.
            Err(error) => {
                let mut response = error.error_response();
                match save(response.headers_mut()) {
                    Ok(None) => {}
                    Ok(Some(saved)) => {
                        let saved = saved.beside(response.extensions().get());
                        response.extensions_mut().insert(saved);
                    }
                    Err(_) => response = failed().map_into_boxed_body(),
                }
                Err(InternalError::from_response(error, response).into())
            }
        })
    }
}

/// What is sent if a session cannot be saved: nothing of the handler's response is left.
fn failed() -> HttpResponse<()> {
    let mut response = HttpResponse::with_body(StatusCode::INTERNAL_SERVER_ERROR, ());
    append(&caching::failure_headers(), response.headers_mut());
    response
}

/// actix-web's headers are of types of their own. Those that `save` looks at are copied there and
/// back, with all values of each, and with the mark of those that are sensitive: our cookie is.
fn on_copies<R>(
    headers: &mut HeaderMap,
    save: impl FnOnce(&mut http::HeaderMap) -> Result<R, EncodeError>,
) -> Result<R, EncodeError> {
    let is_ours = |name: &actix::HeaderName| caching::is_read_or_written(name.as_str());
    let mut copies = http::HeaderMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| is_ours(name)) {
        let name = http::HeaderName::from_bytes(name.as_ref()).expect(SAME_RULES);
        let mut copy = http::HeaderValue::from_bytes(value.as_bytes()).expect(SAME_RULES);
        copy.set_sensitive(value.is_sensitive());
        copies.append(name, copy);
    }
    let result = save(&mut copies)?;
    headers.retain(|name, _| !is_ours(name));
    append(&copies, headers);
    Ok(result)
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

fn find<T>(request: &HttpRequest) -> Result<Arc<SessionSlot<T>>, SessionRejection>
where
    T: Send + 'static,
{
    SessionSlot::find(request.extensions().get())
}

fn cookies(request: &HttpRequest) -> impl Iterator<Item = &[u8]> {
    request.headers().get_all(actix::COOKIE).map(actix::HeaderValue::as_bytes)
}

fn take<T>(request: &HttpRequest) -> Result<Session<T>, SessionRejection>
where
    T: Serialize + DeserializeOwned + Default + Send + 'static,
{
    find(request)?.take(cookies(request))
}

fn view<T>(request: &HttpRequest) -> Result<SessionView<T>, SessionRejection>
where
    T: Serialize + DeserializeOwned + Default + Send + 'static,
{
    find(request)?.view(cookies(request))
}

/// Each of these is `extract` of a request, or fails, at once.
macro_rules! from_request {
    ($($extractor:ident = $extract:expr;)*) => {$(
        impl<T: Serialize + DeserializeOwned + Default + Send + 'static> FromRequest for $extractor<T> {
            type Error = SessionRejection;
            type Future = Ready<Result<$extractor<T>, SessionRejection>>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                ready($extract(request))
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
    fn error_response(&self) -> HttpResponse {
        HttpResponse::InternalServerError().body(self.public_text())
    }
}

impl<F, T> fmt::Debug for ResponseFuture<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
