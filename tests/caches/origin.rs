//! The server behind the caches: every wish a handler may have about caching, with everything that
//! it may do to the session.

use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::{Router, routing::get};
use sealed_session::axum::{Session, SessionLayer};
use sealed_session::{Key, KeyRing, Sessions, time::Duration};
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

pub(crate) const COOKIE_NAME: &str = "__Host-session";
/// The number of the response: one that comes twice came from a store.
pub(crate) const NUMBER: &str = "x-number";

/// Who has no cookie.
pub(crate) const STRANGER: &str = "stranger";

/// What handlers do to the session, which is the first part of the path.
pub(crate) const ACTIONS: [&str; 7] =
    ["written", "removed", "renewed", "read", "held", "too-large", "untouched"];

/// What a handler may say to all caches: lines of `Cache-Control`.
const CACHE_CONTROL_LINES: [&[&str]; 12] = [
    &[],
    &["public, max-age=60"],
    &["max-age=60, stale-while-revalidate=60"],
    &["s-maxage=60"],
    &["no-cache"],
    &["must-revalidate"],
    &["private"],
    &["PRIVATE, max-age=60"],
    &["no-store"],
    &["no-store, must-understand, max-age=60"],
    &["private=\"set-cookie\", max-age=60"],
    &["private", "max-age=60"],
];

/// What it may say to particular ones, and in the older way.
const OTHERS: [&[(&str, &str)]; 10] = [
    &[],
    &[("expires", "Thu, 01 Jan 2099 00:00:00 GMT")],
    &[("last-modified", "Thu, 01 Jan 2009 00:00:00 GMT"), ("etag", "\"1\"")],
    &[("cdn-cache-control", "max-age=60")],
    &[("akamai-cache-control", "public, max-age=60")],
    &[("surrogate-control", "max-age=60")],
    &[("surrogate-control", "private")],
    &[("x-accel-expires", "60")],
    &[("x-accel-expires", "@4070908800")],
    &[("edge-control", "max-age=60"), ("cloudflare-cdn-cache-control", "max-age=60")],
];

/// What it may vary by: lines of `Vary`.
const VARY_LINES: [&[&str]; 6] =
    [&[], &["Accept"], &["Foo, *"], &["*"], &["Cookie", "Accept"], &["Accept", "Foo"]];

/// How many there are of them, by each other.
pub(crate) const COMBINATIONS: usize = CACHE_CONTROL_LINES.len() * OTHERS.len() * VARY_LINES.len();

/// The headers of a handler.
fn wishes(combination: usize) -> HeaderMap {
    let cache_control = CACHE_CONTROL_LINES[combination % CACHE_CONTROL_LINES.len()];
    let rest = combination / CACHE_CONTROL_LINES.len();
    let others = OTHERS[rest % OTHERS.len()];
    let vary = VARY_LINES[rest / OTHERS.len()];
    let lines = cache_control.iter().map(|value| ("cache-control", *value));
    let lines = lines.chain(others.iter().copied()).chain(vary.iter().map(|line| ("vary", *line)));
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers
}

/// The headers of a handler, in words.
pub(crate) fn described(combination: usize) -> String {
    let line = |(name, value): (&HeaderName, &HeaderValue)| {
        format!("{name}: {}", value.to_str().expect("it is ASCII"))
    };
    wishes(combination).iter().map(line).collect::<Vec<_>>().join(" | ")
}

#[derive(Serialize, Deserialize, Default)]
pub(crate) struct Visit {
    user: String,
    views: u32,
}

impl Visit {
    /// Whose page it is.
    fn name(&self) -> &str {
        if self.user.is_empty() { STRANGER } else { &self.user }
    }
}

#[derive(Clone)]
struct Handlers {
    sessions: Sessions<Visit>,
    responses: Arc<AtomicU64>,
    /// What is never given back.
    held: Arc<Mutex<Vec<Session<Visit>>>>,
}

impl Handlers {
    /// The headers of this response.
    fn headers(&self, combination: usize) -> HeaderMap {
        let mut headers = wishes(combination);
        headers.insert(NUMBER, self.responses.fetch_add(1, Ordering::Relaxed).into());
        headers
    }
}

/// A running origin.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    sessions: Sessions<Visit>,
}

impl Origin {
    /// Serves until the runtime ends. The tests say which handlers there are.
    pub(crate) async fn start() -> Origin {
        let keys = KeyRing::new(Key::generate());
        let sessions = Sessions::builder("caches", keys.clone()).build().unwrap();
        let renewing = Sessions::<Visit>::builder("caches", keys).renew_after(Duration::ZERO);
        let handlers = Handlers {
            sessions: sessions.clone(),
            responses: Arc::default(),
            held: Arc::default(),
        };
        let routes = Router::new()
            .route("/written/{combination}", get(written))
            .route("/removed/{combination}", get(removed))
            .route("/read/{combination}", get(read))
            .route("/held/{combination}", get(held))
            .route("/too-large/{combination}", get(too_large))
            .route("/untouched/{combination}", get(untouched))
            .layer(SessionLayer::new(sessions.clone()));
        let renewed = Router::new()
            .route("/renewed/{combination}", get(read))
            .layer(SessionLayer::new(renewing.build().unwrap()));
        let by_hand = Router::new()
            .route("/ready", get(async || ()))
            .route("/plain/{length}", get(plain))
            .route("/written-by-hand", get(written_by_hand))
            .route("/read-by-hand", get(read_by_hand));
        let routes = routes.merge(renewed).merge(by_hand).with_state(handlers);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async { axum::serve(listener, routes).await });
        Origin { address, sessions }
    }

    /// The `Cookie` header of a visitor who is signed in.
    pub(crate) fn cookie(&self, user: &str) -> String {
        let visit = Visit { user: user.to_owned(), views: 7 };
        let value = self.sessions.encode(&sealed_session::Session::new(visit)).unwrap();
        format!("{COOKIE_NAME}={value}")
    }
}

type Page = (HeaderMap, String);

async fn written(
    State(handlers): State<Handlers>,
    Path(combination): Path<usize>,
    mut session: Session<Visit>,
) -> Page {
    session.views += 1;
    (handlers.headers(combination), session.name().to_owned())
}

async fn removed(
    State(handlers): State<Handlers>,
    Path(combination): Path<usize>,
    mut session: Session<Visit>,
) -> Page {
    session.destroy();
    (handlers.headers(combination), session.name().to_owned())
}

async fn read(
    State(handlers): State<Handlers>,
    Path(combination): Path<usize>,
    session: Session<Visit>,
) -> Page {
    (handlers.headers(combination), session.name().to_owned())
}

async fn held(
    State(handlers): State<Handlers>,
    Path(combination): Path<usize>,
    session: Session<Visit>,
) -> Page {
    let page = (handlers.headers(combination), session.name().to_owned());
    handlers.held.lock().unwrap().push(session);
    page
}

async fn too_large(
    State(handlers): State<Handlers>,
    Path(combination): Path<usize>,
    mut session: Session<Visit>,
) -> Page {
    let page = (handlers.headers(combination), session.name().to_owned());
    session.user = "x".repeat(5000);
    page
}

async fn untouched(State(handlers): State<Handlers>, Path(combination): Path<usize>) -> Page {
    (handlers.headers(combination), String::new())
}

/// Sets a cookie of any length, as ours are, and says how long it is.
async fn plain(Path(length): Path<usize>) -> ([(HeaderName, String); 1], String) {
    let start = format!("{COOKIE_NAME}=");
    let value = "x".repeat(length - start.len());
    let attributes = "HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=34560000";
    ([(SET_COOKIE, format!("{start}{value}; {attributes}"))], length.to_string())
}

/// The headers that say what caches want to hear.
fn public(handlers: &Handlers) -> HeaderMap {
    let mut headers = handlers.headers(0);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
    headers
}

/// As `written`, with our marking left out.
async fn written_by_hand(State(handlers): State<Handlers>, request: HeaderMap) -> Page {
    let mut session = handlers.sessions.load(&request);
    session.views += 1;
    let user = session.name().to_owned();
    let mut saved = HeaderMap::new();
    handlers.sessions.save(session, &mut saved).unwrap();
    let mut headers = public(&handlers);
    headers.insert(SET_COOKIE, saved.remove(SET_COOKIE).unwrap());
    (headers, user)
}

/// As `read`, with our marking left out.
async fn read_by_hand(State(handlers): State<Handlers>, request: HeaderMap) -> Page {
    let session = handlers.sessions.load(&request);
    (public(&handlers), session.name().to_owned())
}
