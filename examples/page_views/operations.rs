//! What operators ask a server: is it ready?

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use sealed_session::key_file::KeyWatch;
use std::sync::Arc;
use time::{Duration, OffsetDateTime};

/// How old the keys may be, from the environment.
pub(crate) fn max_key_age_or_exit() -> Duration {
    let Ok(text) = std::env::var("KEY_MAX_AGE") else { return Duration::minutes(3) };
    let seconds: u32 = text.parse().unwrap_or_else(|_| {
        eprintln!("KEY_MAX_AGE={text}: give a number of seconds");
        std::process::exit(2);
    });
    Duration::seconds(seconds.into())
}

/// `/ready`, which has no sessions. **No visitor should get there**: let the proxy in front refuse it,
/// or serve it at an address of its own.
pub(crate) fn routes(key_file: Option<KeyWatch>, max_key_age: Duration) -> Router {
    let key_file = Arc::new(key_file);
    Router::new().route("/ready", get(ready).with_state((key_file, max_key_age)))
}

/// A server whose keys may be too old gets no requests: it may not know the keys of others.
async fn ready(
    State((key_file, max_age)): State<(Arc<Option<KeyWatch>>, Duration)>,
) -> (StatusCode, String) {
    let Some(key_file) = &*key_file else { return (StatusCode::OK, "ready\n".to_owned()) };
    let health = key_file.health();
    if !health.is_older_than(max_age, OffsetDateTime::now_utc()) {
        return (StatusCode::OK, format!("ready, keys of generation {}\n", health.generation));
    }
    let why = health.last_error.map_or_else(|| "not read".to_owned(), |error| error.to_string());
    (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n"))
}
