//! A whole request through axum, in process: no socket, no runtime.

use std::{hint::black_box, rc::Rc};

use ::axum::{
    Router,
    body::Body,
    extract::FromRequestParts,
    response::{IntoResponseParts, Response},
    routing::get,
};
use http::{HeaderMap, Request, StatusCode};
use tower::ServiceExt;

use crate::{
    cookies::{kept_pair, request_headers},
    harness::{Contestant, Id, Level},
    now::now,
    records::Record,
};

/// What a handler extracts, seen so that one set of handlers serves all peers.
pub trait Visit<T: Record>: Send + Sized + 'static {
    /// What the handler must return for a change to be kept; often nothing.
    type Reply: IntoResponseParts + Send;

    /// Looks at the session, if there is one.
    fn read<R: Send>(self, look: fn(&T) -> R) -> impl Future<Output = Option<R>> + Send;

    /// Edits the session, a new one where there is none.
    fn change(self, edit: fn(&mut T)) -> impl Future<Output = Self::Reply> + Send;
}

/// The application that every peer serves: five pages around one session.
///
/// | path | what its handler does |
/// | --- | --- |
/// | `/untouched` | does not ask for the session |
/// | `/read` | reads it |
/// | `/change` | counts one more page view |
/// | `/seed` | stores the sample |
/// | `/show` | prints it as JSON, to check the others |
pub fn routes<T, V, S>() -> Router<S>
where
    T: Record,
    V: Visit<T> + FromRequestParts<S>,
    S: Clone + Send + Sync + 'static,
{
    Router::new()
        .route("/untouched", get(async || StatusCode::OK))
        .route("/read", get(read::<T, V>))
        .route("/change", get(change::<T, V>))
        .route("/seed", get(seed::<T, V>))
        .route("/show", get(show::<T, V>))
}

async fn read<T: Record, V: Visit<T>>(visit: V) -> StatusCode {
    let look = |record: &T| {
        black_box(record);
    };
    match visit.read(look).await {
        Some(()) => StatusCode::OK,
        None => StatusCode::NOT_FOUND,
    }
}

async fn change<T: Record, V: Visit<T>>(visit: V) -> (V::Reply, StatusCode) {
    (visit.change(T::touch).await, StatusCode::OK)
}

async fn seed<T: Record, V: Visit<T>>(visit: V) -> (V::Reply, StatusCode) {
    let store = |record: &mut T| *record = T::sample();
    (visit.change(store).await, StatusCode::OK)
}

async fn show<T: Record, V: Visit<T>>(visit: V) -> String {
    let print = |record: &T| serde_json::to_string(record).expect("records are plain JSON");
    visit.read(print).await.unwrap_or_default()
}

/// With its layers applied once and not for each request, which is what `axum::serve` does first.
pub fn as_served(router: Router) -> Router {
    router.with_state(())
}

/// One request, from headers to response.
pub fn call(router: &Router, path: &'static str, headers: &HeaderMap) -> Response {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = http::Uri::from_static(path);
    *request.headers_mut() = headers.clone();
    let Ok(response) = now(router.clone().oneshot(request));
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    response
}

/// Fetches the cookie of a visitor who was given the sample.
pub fn seeded(router: &Router) -> Option<String> {
    kept_pair(call(router, "/seed", &request_headers(None)).headers())
}

/// The three operations of one peer, once it has proved that the session comes back.
pub fn contestants<T: Record>(peer: &'static str, router: Router) -> Vec<Contestant> {
    check::<T>(peer, &router);
    unchecked::<T>(peer, router)
}

/// As [`contestants`], for what has no session: the bare framework.
pub fn unchecked<T: Record>(peer: &'static str, router: Router) -> Vec<Contestant> {
    let router = as_served(router);
    let request = Rc::new(request_headers(seeded(&router).as_deref()));
    [("untouched", "/untouched"), ("read", "/read"), ("change", "/change")]
        .map(|(operation, path)| {
            let id = Id { level: Level::Axum, peer, record: T::NAME, operation };
            let router = router.clone();
            let request = Rc::clone(&request);
            Contestant::new(id, move || {
                black_box(call(&router, path, &request));
            })
        })
        .into()
}

fn check<T: Record>(peer: &'static str, router: &Router) {
    let shown = |pair: Option<&str>| {
        let response = call(router, "/show", &request_headers(pair));
        let body = now(::axum::body::to_bytes(response.into_body(), usize::MAX));
        serde_json::from_slice::<T>(&body.expect("the body is in memory")).ok()
    };
    let pair = seeded(router).unwrap_or_else(|| panic!("{peer} sets no cookie"));
    assert_eq!(shown(Some(&pair)), Some(T::sample()), "{peer}");

    let changed = call(router, "/change", &request_headers(Some(&pair)));
    // A store behind an id keeps the cookie as it was.
    let later = kept_pair(changed.headers()).unwrap_or(pair);
    let mut touched = T::sample();
    touched.touch();
    assert_eq!(shown(Some(&later)), Some(touched), "{peer}");
}
