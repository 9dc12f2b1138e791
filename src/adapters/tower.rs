//! A layer for every tower HTTP stack and any body type (feature `tower`).
//!
//! ```
//! use http::{Request, Response};
//! use sealed_session::tower::{Session, SessionLayer};
//! # use sealed_session::{Key, KeyRing, Sessions};
//! use std::convert::Infallible;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! #[derive(serde::Serialize, serde::Deserialize, Default)]
//! struct Visit { page_views: u32 }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sessions: Sessions<Visit> = Sessions::builder("shop", KeyRing::new(Key::generate())).build()?;
//! let service = ServiceBuilder::new().layer(SessionLayer::new(sessions)).service(service_fn(
//!     async |request: Request<String>| {
//!         let mut session = Session::<Visit>::from_request(&request).expect("there is a layer");
//!         session.page_views += 1;
//!         let text = format!("You visited this page {} times", session.page_views);
//!         Ok::<_, Infallible>(Response::new(text))
//!     },
//! ));
//! let response = service.oneshot(Request::new(String::new())).await?;
//! assert_eq!(response.body(), "You visited this page 1 times");
//! assert!(response.headers().contains_key("set-cookie"));
//! # Ok(())
//! # }
//! ```

pub use super::rejection::SessionRejection;
pub use super::slot::Session;
pub use super::view::SessionView;

use super::slot::SessionSlot;
use super::slots::Slots;
use crate::headers::caching;
use crate::headers::cookie::cookie_headers;
use crate::sessions::Sessions;
use http::{Extensions, HeaderMap, Request, Response, StatusCode};
use pin_project_lite::pin_project;
use serde::{Serialize, de::DeserializeOwned};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tower_layer::Layer;
use tower_service::Service;

/// Gives the handlers inside it the session, and saves it with the response.
///
/// Two layers of different types need two cookie names: with one name they wipe each other out. An
/// ERROR event says so if one is inside the other; of two beside each other, on different routes, only
/// rejected cookies tell. Of two layers of one type the inner one wins: for two sessions of one shape,
/// wrap one in a type of its own.
pub struct SessionLayer<T> {
    sessions: Sessions<T>,
}

impl<T> SessionLayer<T> {
    /// Makes a layer over these sessions.
    pub fn new(sessions: Sessions<T>) -> SessionLayer<T> {
        SessionLayer { sessions }
    }
}

impl<T> Clone for SessionLayer<T> {
    fn clone(&self) -> SessionLayer<T> {
        SessionLayer { sessions: self.sessions.clone() }
    }
}

impl<T> fmt::Debug for SessionLayer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SessionLayer").field(&self.sessions).finish()
    }
}

impl<S, T> Layer<S> for SessionLayer<T> {
    type Service = SessionService<S, T>;

    fn layer(&self, inner: S) -> SessionService<S, T> {
        SessionService { inner, sessions: self.sessions.clone() }
    }
}

/// What [`SessionLayer`] makes of a service.
pub struct SessionService<S, T> {
    inner: S,
    sessions: Sessions<T>,
}

impl<S: Clone, T> Clone for SessionService<S, T> {
    fn clone(&self) -> SessionService<S, T> {
        SessionService { inner: self.inner.clone(), sessions: self.sessions.clone() }
    }
}

impl<S: fmt::Debug, T> fmt::Debug for SessionService<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SessionService").field(&self.inner).field(&self.sessions).finish()
    }
}

impl<S, T, RequestBody, ResponseBody> Service<Request<RequestBody>> for SessionService<S, T>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
    T: Serialize + DeserializeOwned + Default + Send + 'static,
    ResponseBody: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, T>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<RequestBody>) -> Self::Future {
        let extensions = request.extensions_mut();
        let outer = extensions.remove::<Slots>();
        let (slot, slots) = SessionSlot::new(self.sessions.clone(), outer);
        extensions.insert(slots);
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

impl<F, T, Body, Error> Future for ResponseFuture<F, T>
where
    F: Future<Output = Result<Response<Body>, Error>>,
    T: Serialize + DeserializeOwned + Default,
    Body: Default,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(context))?;
        if let Some(closing) = this.slot.close() {
            match closing.save(response.headers_mut()) {
                Ok(None) => {}
                Ok(Some(saved)) => {
                    let saved = saved.beside(response.extensions().get());
                    response.extensions_mut().insert(saved);
                }
                Err(_) => response = failed(),
            }
        }
        Poll::Ready(Ok(response))
    }
}

/// What is sent if a session cannot be saved: nothing of the handler's response is left.
fn failed<Body: Default>() -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    *response.headers_mut() = caching::failure_headers();
    response
}

impl<F, T> fmt::Debug for ResponseFuture<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<T: Serialize + DeserializeOwned + Default + Send + 'static> Session<T> {
    /// Takes the session of the visitor who sent this request.
    ///
    /// # Errors
    ///
    /// [`SessionRejection`] if there is no [`SessionLayer`] of this type around, or the session is in
    /// use.
    pub fn from_request<Body>(request: &Request<Body>) -> Result<Session<T>, SessionRejection> {
        Session::from_parts(request.extensions(), request.headers())
    }

    /// Takes the session out of a request's parts: for a framework that runs tower layers and has a
    /// request type of its own, like salvo.
    ///
    /// # Errors
    ///
    /// Those of [`from_request`](Session::from_request).
    pub fn from_parts(
        extensions: &Extensions,
        headers: &HeaderMap,
    ) -> Result<Session<T>, SessionRejection> {
        SessionSlot::find(extensions.get())?.take(cookie_headers(headers))
    }
}

impl<T: Serialize + DeserializeOwned + Default + Send + 'static> SessionView<T> {
    /// Returns a view of the session as this request brought it.
    ///
    /// # Errors
    ///
    /// [`SessionRejection`] if there is no [`SessionLayer`] of this type around, or the response is
    /// ready already.
    pub fn from_request<Body>(request: &Request<Body>) -> Result<SessionView<T>, SessionRejection> {
        SessionView::from_parts(request.extensions(), request.headers())
    }

    /// Returns a view of the session out of a request's parts.
    ///
    /// # Errors
    ///
    /// Those of [`from_request`](SessionView::from_request).
    pub fn from_parts(
        extensions: &Extensions,
        headers: &HeaderMap,
    ) -> Result<SessionView<T>, SessionRejection> {
        SessionSlot::find(extensions.get())?.view(cookie_headers(headers))
    }
}
