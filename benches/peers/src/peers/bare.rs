//! No session at all: what the frameworks cost by themselves, to be subtracted.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use actix_web::{App, FromRequest, HttpRequest, dev::Payload, test::init_service};
use axum::{Router, extract::FromRequestParts};
use http::request::Parts;
use tower::{Layer, Service};

use crate::{
    level::{
        actix::{self, Started, pages},
        axum::{self as in_axum, routes},
    },
    records::Record,
};

/// How the tables call axum and actix-web by themselves.
pub const NAME: &str = "no session";

/// How the tables call a tower layer that does nothing.
pub const IDLE_LAYER: &str = "a tower layer that does nothing";

/// axum by itself.
pub fn router<T: Record>() -> Router {
    routes::<T, Nothing, ()>()
}

/// axum with a layer that hands every request on: the least that any layer costs.
pub fn idle_layer_router<T: Record>() -> Router {
    router::<T>().layer(IdleLayer)
}

/// actix-web by itself.
pub fn app<T: Record>() -> Started {
    Started::new(init_service(App::new().configure(pages::<T, Nothing>)))
}

/// What a handler extracts where there is nothing.
pub struct Nothing;

impl<S: Sync> FromRequestParts<S> for Nothing {
    type Rejection = Infallible;

    async fn from_request_parts(_parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self)
    }
}

impl FromRequest for Nothing {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(_request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(Ok(Self))
    }
}

impl<T: Record> in_axum::Visit<T> for Nothing {
    type Reply = ();

    async fn read<R: Send>(self, look: fn(&T) -> R) -> Option<R> {
        Some(look(&T::default()))
    }

    async fn change(self, _edit: fn(&mut T)) {}
}

impl<T: Record> actix::Visit<T> for Nothing {
    fn read<R>(self, look: fn(&T) -> R) -> Option<R> {
        Some(look(&T::default()))
    }

    fn change(self, _edit: fn(&mut T)) {}
}

/// Wraps a service in [`Idle`].
#[derive(Clone)]
struct IdleLayer;

/// Hands every request on.
#[derive(Clone)]
struct Idle<S>(S);

impl<S> Layer<S> for IdleLayer {
    type Service = Idle<S>;

    fn layer(&self, inner: S) -> Idle<S> {
        Idle(inner)
    }
}

impl<S: Service<R>, R> Service<R> for Idle<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.0.call(request)
    }
}
