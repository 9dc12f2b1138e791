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
//! | the handler panics | changes discarded, no cookie |
//! | extracted while another extraction of it is alive, or no layer | 500 that names the type and the mend |
//! | extracted, dropped, extracted again (auth middleware, then handler) | works, and is decrypted once |
//! | still held when the response is ready (streaming body, spawned task, upgrade) | error event, not saved, `Vary` set |
//! | saving fails | error event, 500 without any of the session in it |
//! | `Option<Session<T>>` | `Some` only for a session that came from an accepted cookie |
//! | two layers, two types | independent; of two of one type the inner one wins |
//!
//! # Middleware that looks at the session
//!
//! Only one can hold the session at a time, so middleware lets go of it before the handler runs:
//!
//! ```
//! use axum::{extract::Request, http::StatusCode, middleware::Next, response::Response};
//! use sealed_session::axum::Session;
//! # #[derive(serde::Serialize, serde::Deserialize, Default)]
//! # struct Visit { user: Option<String> }
//!
//! async fn signed_in_only(
//!     session: Session<Visit>,
//!     request: Request,
//!     next: Next,
//! ) -> Result<Response, StatusCode> {
//!     if session.user.is_none() {
//!         return Err(StatusCode::UNAUTHORIZED);
//!     }
//!     drop(session);
//!     Ok(next.run(request).await)
//! }
//! ```
//!
//! Or an extractor takes what it needs and gives the session back:
//!
//! ```
//! use axum::{extract::FromRequestParts, http::request::Parts, response::{IntoResponse, Response}};
//! use sealed_session::axum::Session;
//! # use axum::http::StatusCode;
//! # #[derive(serde::Serialize, serde::Deserialize, Default)]
//! # struct Visit { user: Option<String> }
//!
//! struct CurrentUser(String);
//!
//! impl<S: Send + Sync> FromRequestParts<S> for CurrentUser {
//!     type Rejection = Response;
//!
//!     async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
//!         let session = Session::<Visit>::from_request_parts(parts, state)
//!             .await
//!             .map_err(IntoResponse::into_response)?;
//!         let user = session.user.clone();
//!         user.map(CurrentUser).ok_or_else(|| StatusCode::UNAUTHORIZED.into_response())
//!     }
//! }
//! ```

pub use super::tower::{Session, SessionLayer, SessionRejection};

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

impl IntoResponse for SessionRejection {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.to_string()).into_response()
    }
}
