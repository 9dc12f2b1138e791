//! The session as an extractor for axum 0.8 (feature `axum`).
//!
//! ```
//! use axum::{Router, routing::get};
//! use sealed_session::axum::{Session, SessionLayer};
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
//! let app: Router = Router::new().route("/", get(home)).layer(SessionLayer::new(sessions));
//! # Ok::<(), sealed_session::ConfigError>(())
//! ```
//!
//! | event | outcome |
//! | --- | --- |
//! | the handler does not extract it | nothing is decrypted, the response is left alone |
//! | the handler returns an error or a 5xx | saved like any other |
//! | a timeout inside the layer cuts the handler off | what it has changed so far is saved: put timeouts outside |
//! | the handler panics | changes discarded, no cookie. If a middleware destroyed or reset the session and gave it back before, that counts all the same |
//! | it panics after the session was dropped, and the panic is caught inside the layer | saved like any other |
//! | [`Session`] extracted while another one of it is alive, or no layer | 500; an ERROR event names the type and the fix |
//! | [`SessionView`] extracted, at any time and any number | works, in any order with [`Session`]; decrypted once |
//! | extracted, dropped, extracted again (middleware, then handler) | works, and is decrypted once |
//! | still held when the response is ready (streaming body, spawned task, upgrade) | ERROR event, not saved, marked like a response that was read |
//! | saving fails | ERROR event, 500 without any of the session in it |
//! | a change is not written, because the cookie is kept | [`Saved::Kept`](crate::Saved::Kept) in the response's extensions, whatever another layer saves into it; WARN event |
//! | `Option<Session<T>>`, `Option<SessionView<T>>` | `Some` only for a session that came from an accepted cookie, and was not destroyed or reset and given back since (in actix-web and poem `Some` for every visitor: use `Restored` there) |
//! | two layers, two types | they need two cookie names: with one they wipe each other out. If one is inside the other, an ERROR event says so, and with debug assertions a 500 |
//! | two layers, one type | the inner one wins |
//!
//! # Who is signed in
//!
//! Guards, middleware and extractors only read, so they take a [`SessionView`]. It can be taken beside
//! a [`Session`], in any order:
//!
//! ```
//! use axum::{extract::FromRequestParts, http::request::Parts, response::{IntoResponse, Response}};
//! use sealed_session::axum::{Session, SessionView};
//! # use axum::http::StatusCode;
//! # #[derive(serde::Serialize, serde::Deserialize, Default)]
//! # struct Visit { user: Option<String>, page_views: u32 }
//!
//! struct CurrentUser(String);
//!
//! impl<S: Send + Sync> FromRequestParts<S> for CurrentUser {
//!     type Rejection = Response;
//!
//!     async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
//!         let session = SessionView::<Visit>::from_request_parts(parts, state)
//!             .await
//!             .map_err(IntoResponse::into_response)?;
//!         let user = session.user.clone();
//!         user.map(CurrentUser).ok_or_else(|| StatusCode::UNAUTHORIZED.into_response())
//!     }
//! }
//!
//! async fn account(mut session: Session<Visit>, CurrentUser(user): CurrentUser) -> String {
//!     session.page_views += 1;
//!     format!("Hello {user}")
//! }
//! # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(account));
//! ```
//!
//! # Middleware that changes the session
//!
//! Only one can hold a [`Session`] at a time, so middleware lets go of it before the handler runs:
//!
//! ```
//! use axum::{extract::Request, middleware::Next, response::Response};
//! use sealed_session::axum::Session;
//! # #[derive(serde::Serialize, serde::Deserialize, Default)]
//! # struct Visit { page_views: u32 }
//!
//! async fn count(mut session: Session<Visit>, request: Request, next: Next) -> Response {
//!     session.page_views += 1;
//!     drop(session);
//!     next.run(request).await
//! }
//! ```

pub use super::tower::{Session, SessionLayer, SessionRejection, SessionView};

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use serde::{Serialize, de::DeserializeOwned};

impl<S, T> FromRequestParts<S> for Session<T>
where
    S: Send + Sync,
    T: Serialize + DeserializeOwned + Default + Send + 'static,
{
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, SessionRejection> {
        Session::from_parts(&parts.extensions, &parts.headers)
    }
}

impl<S, T> OptionalFromRequestParts<S> for Session<T>
where
    S: Send + Sync,
    T: Serialize + DeserializeOwned + Default + Send + 'static,
{
    type Rejection = SessionRejection;

    async fn from_request_parts(
        parts: &mut Parts,
        _: &S,
    ) -> Result<Option<Self>, SessionRejection> {
        Ok(Self::from_parts(&parts.extensions, &parts.headers)?.if_restored())
    }
}

impl<S, T> FromRequestParts<S> for SessionView<T>
where
    S: Send + Sync,
    T: Serialize + DeserializeOwned + Default + Send + 'static,
{
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, SessionRejection> {
        SessionView::from_parts(&parts.extensions, &parts.headers)
    }
}

impl<S, T> OptionalFromRequestParts<S> for SessionView<T>
where
    S: Send + Sync,
    T: Serialize + DeserializeOwned + Default + Send + 'static,
{
    type Rejection = SessionRejection;

    async fn from_request_parts(
        parts: &mut Parts,
        _: &S,
    ) -> Result<Option<Self>, SessionRejection> {
        Ok(Self::from_parts(&parts.extensions, &parts.headers)?.if_restored())
    }
}

impl IntoResponse for SessionRejection {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.public_text()).into_response()
    }
}
