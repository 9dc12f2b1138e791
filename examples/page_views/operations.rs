//! What operators ask a server: is it ready, and how is it doing?

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use sealed_session::key_file::KeyWatch;
use std::sync::Arc;
use time::{Duration, OffsetDateTime};

/// Collects the figures of this process from now on.
pub(crate) fn collect_figures() -> Result<PrometheusHandle, BuildError> {
    // The buckets of `docs/alerts.yml`.
    let sizes = Matcher::Full("sealed_session_cookie_bytes".to_owned());
    let buckets = [512.0, 1024.0, 2048.0, 3072.0, 3584.0, 4096.0];
    let figures =
        PrometheusBuilder::new().set_buckets_for_metric(sizes, &buckets)?.install_recorder()?;
    let tidied = figures.clone();
    tokio::spawn(async move {
        // Otherwise lengths pile up between two scrapes, and for ever without any.
        let mut every = tokio::time::interval(std::time::Duration::from_secs(5));
        loop {
            every.tick().await;
            tidied.run_upkeep();
        }
    });
    Ok(figures)
}

/// How old the keys may be, from the environment.
pub(crate) fn max_key_age_or_exit() -> Duration {
    let Ok(text) = std::env::var("KEY_MAX_AGE") else { return Duration::minutes(3) };
    let seconds: u32 = text.parse().unwrap_or_else(|_| {
        eprintln!("KEY_MAX_AGE={text}: give a number of seconds");
        std::process::exit(2);
    });
    Duration::seconds(seconds.into())
}

/// `/ready` and `/metrics`, which have no sessions. **No visitor should get there**: let the proxy in
/// front refuse both, or serve them at an address of their own.
pub(crate) fn routes(
    figures: PrometheusHandle,
    key_file: Option<KeyWatch>,
    max_key_age: Duration,
) -> Router {
    let key_file = Arc::new(key_file);
    Router::new()
        .route("/metrics", get(metrics).with_state(figures))
        .route("/ready", get(ready).with_state((key_file, max_key_age)))
}

/// The figures in Prometheus' text format.
async fn metrics(State(figures): State<PrometheusHandle>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], figures.render()).into_response()
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
