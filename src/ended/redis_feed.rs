//! A feed for a fleet: one stream in Redis or Valkey.

mod carrier;
mod engine;
mod history;
mod patience;
mod sent;
mod trim;

use crate::ended::feed_error::FeedError;
use crate::ended::health::{FeedHealth, HealthCell};
use crate::ended::list::EndedSessions;
use crate::timestamp::Timestamp;
use carrier::{Carrier, State};
use engine::Keys;
use redis::{Client, RedisError};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration as StdDuration, Instant};
use time::{Duration, OffsetDateTime};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Carries ended sessions between servers through Redis (6.2 or later) or Valkey, until it is dropped.
/// Requests never wait for it, and while the engine is away each server goes on with what it knows.
///
/// Everything stands in one stream, `sealed-session:{namespace}:ended`, and one key,
/// `sealed-session:{namespace}:keep`. The engine must not evict them (`maxmemory-policy
/// noeviction`).
///
/// ```no_run
/// use sealed_session::{EndedSessions, RedisFeed};
/// use time::Duration;
///
/// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
/// let ended = EndedSessions::new("shop", Duration::hours(8));
/// let feed = RedisFeed::connect("redis://shop:password@redis.internal:6379/3", &ended).await?;
/// ended.end_all_of("user-17")?;
/// feed.flush(Duration::seconds(5)).await?; // before the process exits
/// # Ok(())
/// # }
/// ```
#[must_use = "ends are carried until this is dropped"]
pub struct RedisFeed {
    address: String,
    carrier: Arc<Carrier>,
    task: Option<JoinHandle<()>>,
}

impl RedisFeed {
    /// Connects, and returns when everything that still matters was read. `url` is
    /// `redis://user:password@host:port/database`, or `rediss://…` for TLS with the feature
    /// `redis-tls`.
    ///
    /// Must be called within a Tokio runtime, and lives on it.
    ///
    /// # Errors
    ///
    /// [`FeedError::AnotherFeed`] if the list has a feed; [`FeedError::Redis`] if the URL is none, or
    /// if the engine is not there or refuses. The error names the address without the password.
    pub async fn connect(url: &str, ended: &EndedSessions) -> Result<RedisFeed, FeedError> {
        RedisFeed::connect_by(url, ended, Timestamp::now).await
    }

    /// [`connect`](RedisFeed::connect) with a clock as an argument.
    ///
    /// # Errors
    ///
    /// Those of [`connect`](RedisFeed::connect).
    pub async fn connect_with_clock(
        url: &str,
        ended: &EndedSessions,
        clock: impl Fn() -> OffsetDateTime + Send + Sync + 'static,
    ) -> Result<RedisFeed, FeedError> {
        RedisFeed::connect_by(url, ended, move || Timestamp::from_time(clock())).await
    }

    async fn connect_by(
        url: &str,
        ended: &EndedSessions,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Result<RedisFeed, FeedError> {
        let mut feed = RedisFeed::new(url, ended, clock)?;
        let engine = feed.carrier.connect().await.map_err(|error| feed.failed(&error))?;
        let carrier = Arc::clone(&feed.carrier);
        feed.task = Some(tokio::spawn(async move {
            let mut engine = engine;
            loop {
                let error = carrier.run(engine).await;
                engine = carrier.reconnect(error).await;
            }
        }));
        Ok(feed)
    }

    /// Returns at once and connects when it can, for a server that is to start while the engine is
    /// away. Until then it accepts sessions that ended elsewhere.
    ///
    /// Must be called within a Tokio runtime, and lives on it.
    ///
    /// # Errors
    ///
    /// [`FeedError::AnotherFeed`] if the list has a feed, [`FeedError::Redis`] if the URL is none.
    pub fn connect_in_background(url: &str, ended: &EndedSessions) -> Result<RedisFeed, FeedError> {
        let mut feed = RedisFeed::new(url, ended, Timestamp::now)?;
        let carrier = Arc::clone(&feed.carrier);
        feed.task = Some(tokio::spawn(async move {
            let mut connected = carrier.connect().await;
            loop {
                let error = match connected {
                    Ok(engine) => carrier.run(engine).await,
                    Err(error) => error,
                };
                connected = Ok(carrier.reconnect(error).await);
            }
        }));
        Ok(feed)
    }

    fn new(
        url: &str,
        ended: &EndedSessions,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Result<RedisFeed, FeedError> {
        #[cfg(feature = "redis-tls")]
        install_crypto_provider();
        if url.starts_with("rediss://") && !cfg!(feature = "redis-tls") {
            return Err(FeedError::Redis {
                address: "an address that asks for TLS".to_owned(),
                problem: "enable the feature `redis-tls`".to_owned(),
            });
        }
        // Neither the text nor what the client says of it: both may hold the password.
        let client = Client::open(url).map_err(|_| FeedError::Redis {
            address: "an address that cannot be read".to_owned(),
            problem:
                "write redis://user:password@host:port/database, or rediss://… with the feature \
                      `redis-tls`; percent-encode what is special in the password"
                    .to_owned(),
        })?;
        let info = client.get_connection_info();
        let address = format!("{} (database {})", info.addr(), info.redis_settings().db());
        let carrier = Arc::new(Carrier {
            client,
            keys: Keys::of(ended.namespace()),
            ended: ended.clone(),
            health: HealthCell::new(ended.namespace()),
            wake: Notify::new(),
            hurry: AtomicBool::new(false),
            state: Mutex::new(State::default()),
            clock: Box::new(clock),
            start: Instant::now(),
        });
        let woken = Arc::downgrade(&carrier);
        let wake = move || {
            if let Some(carrier) = woken.upgrade() {
                carrier.wake.notify_one();
            }
        };
        if !ended.attach(Arc::new(wake)) {
            return Err(FeedError::AnotherFeed);
        }
        Ok(RedisFeed { address, carrier, task: None })
    }

    fn failed(&self, error: &RedisError) -> FeedError {
        FeedError::Redis {
            address: self.address.clone(),
            problem: format!(
                "{error}; check that it runs and that address, user and password are right, or start \
                 without it by `connect_in_background`"
            ),
        }
    }

    /// Waits until everything that was ended here was sent. Call it before the process exits: an end
    /// that was not sent dies with its process.
    ///
    /// # Errors
    ///
    /// [`FeedError::Unsent`] if the time is over first.
    pub async fn flush(&self, timeout: Duration) -> Result<(), FeedError> {
        // A time beyond all clocks has no deadline.
        let deadline =
            Instant::now().checked_add(StdDuration::try_from(timeout).unwrap_or_default());
        self.carrier.hurry.store(true, Ordering::Relaxed);
        let flushed = loop {
            let unsent = self.carrier.ended.list.unsent();
            if unsent == 0 {
                break Ok(());
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                break Err(FeedError::Unsent { unsent });
            }
            self.carrier.wake.notify_one();
            tokio::time::sleep(StdDuration::from_millis(2)).await;
        };
        self.carrier.hurry.store(false, Ordering::Relaxed);
        flushed
    }

    /// Returns how the feed is doing: for alerts, **not** for readiness, because an engine that is
    /// away must not take the servers away.
    pub fn health(&self) -> FeedHealth {
        self.carrier.health.get(self.carrier.ended.list.unsent())
    }
}

/// rustls has no provider of its own and panics without one. An application that chose one keeps it.
#[cfg(feature = "redis-tls")]
fn install_crypto_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Another thread may have been faster.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

impl Drop for RedisFeed {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
        self.carrier.ended.detach();
    }
}

/// The address without user and password.
impl fmt::Debug for RedisFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisFeed")
            .field("address", &self.address)
            .field("health", &self.health())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "redis-tls"))]
mod tests {
    use super::*;

    /// By itself rustls takes the only one that is compiled in, as here. An application may have two.
    #[test]
    fn there_is_a_crypto_provider_once_a_feed_is_made() {
        let ended = EndedSessions::new("shop", Duration::hours(8));
        let _feed = RedisFeed::new("redis://127.0.0.1/0", &ended, Timestamp::now).unwrap();
        assert!(rustls::crypto::CryptoProvider::get_default().is_some());
    }
}
