//! tower-sessions, with its memory store, and with the cookie store and the Redis store made for it.

use axum::Router;
use tower_sessions::{MemoryStore, SessionManagerLayer};
use tower_sessions_cookie_store::{CookieSessionManagerLayer, Key};
use tower_sessions_redis_store::{
    RedisStore,
    fred::prelude::{ClientLike, Config, Pool},
};

use crate::{
    level::axum::{Visit, routes},
    records::Record,
};

/// How the tables call it with the memory store.
pub const MEMORY: &str = "tower-sessions, memory store";

/// How the tables call it with the cookie store.
pub const COOKIE_STORE: &str = "tower-sessions-cookie-store";

/// How the tables call it with the Redis store.
pub const REDIS: &str = "tower-sessions-redis-store";

/// Under which key the one value of the session is kept.
const ENTRY: &str = "session";

/// The application with an empty memory store.
pub fn memory_router<T: Record>() -> Router {
    routes::<T, tower_sessions::Session, ()>()
        .layer(SessionManagerLayer::new(MemoryStore::default()))
}

/// The application with encrypted cookies.
pub fn cookie_store_router<T: Record>() -> Router {
    routes::<T, tower_sessions_cookie_store::Session, ()>()
        .layer(CookieSessionManagerLayer::private(Key::generate()))
}

/// The application whose sessions live in the Redis at this address, with as many connections as the
/// store's own example has.
pub async fn redis_router<T: Record>(url: &str) -> Router {
    let config = Config::from_url(url).expect("it is an address");
    let pool = Pool::new(config, None, None, None, 6).expect("the pool is valid");
    pool.connect();
    pool.wait_for_connect().await.expect("Redis answers");
    routes::<T, tower_sessions_014::Session, ()>()
        .layer(tower_sessions_014::SessionManagerLayer::new(RedisStore::new(pool)))
}

/// The cookie store and the Redis store are bound to an older tower-sessions: the same words, another
/// type.
macro_rules! visit {
    ($session:ty) => {
        impl<T: Record> Visit<T> for $session {
            type Reply = ();

            async fn read<R: Send>(self, look: fn(&T) -> R) -> Option<R> {
                let record = self.get::<T>(ENTRY).await.expect("our own session");
                record.as_ref().map(look)
            }

            async fn change(self, edit: fn(&mut T)) {
                let record = self.get::<T>(ENTRY).await.expect("our own session");
                let mut record = record.unwrap_or_default();
                edit(&mut record);
                self.insert(ENTRY, record).await.expect("plain JSON");
            }
        }
    };
}

visit!(tower_sessions::Session);
visit!(tower_sessions_cookie_store::Session);
