//! tower-sessions, with its memory store and with the cookie store made for it.

use axum::Router;
use tower_sessions::{MemoryStore, SessionManagerLayer};
use tower_sessions_cookie_store::{CookieSessionManagerLayer, Key};

use crate::{
    level::axum::{Visit, routes},
    records::Record,
};

/// How the tables call it with the memory store.
pub const MEMORY: &str = "tower-sessions, memory store";

/// How the tables call it with the cookie store.
pub const COOKIE_STORE: &str = "tower-sessions-cookie-store";

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

/// The cookie store is bound to an older tower-sessions: the same words, another type.
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
