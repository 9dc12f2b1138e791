//! `/ready`: whether a load balancer may send requests here.

use axum::http::StatusCode;
use axum::response::IntoResponse;
use sealed_session::key_file::KeyWatch;
use std::env;
use time::{Duration, OffsetDateTime};

/// Minutes rather than seconds: a broken file on all servers makes all of them "not ready" when
/// this has passed.
const LIMIT: Duration = Duration::minutes(2);

/// Returns how old the keys may be: `READY_LIMIT`, in seconds.
pub(crate) fn limit() -> Result<Duration, String> {
    let Ok(text) = env::var("READY_LIMIT") else { return Ok(LIMIT) };
    let seconds = text.parse::<u32>().map_err(|_| {
        format!("READY_LIMIT={text:?}: give a whole number of seconds, for example READY_LIMIT=120")
    })?;
    Ok(Duration::seconds(seconds.into()))
}

/// Says 503 while the key file could not be read or used for longer than `limit`: this server may
/// not know the keys of the others then. Keys of the environment never change, so they are ready.
pub(crate) fn answer(keys: Option<&KeyWatch>, limit: Duration) -> impl IntoResponse + use<> {
    let Some(keys) = keys else { return (StatusCode::OK, "ready\n".to_owned()) };
    let health = keys.health();
    let generation = health.generation;
    if health.is_older_than(limit, OffsetDateTime::now_utc()) {
        let why = health.last_error.map_or("no look at the file".to_owned(), |e| e.to_string());
        let text = format!("not ready: generation {generation} may be too old: {why}\n");
        return (StatusCode::SERVICE_UNAVAILABLE, text);
    }
    (StatusCode::OK, format!("ready: generation {generation}\n"))
}
