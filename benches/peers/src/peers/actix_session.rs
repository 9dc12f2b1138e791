//! actix-session with its `CookieSessionStore` and its `RedisSessionStore`.

use actix_session::{
    Session, SessionMiddleware,
    storage::{CookieSessionStore, RedisSessionStore, SessionStore},
};
use actix_web::{
    App, Error,
    body::MessageBody,
    cookie::Key,
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    test::init_service,
};

use crate::{
    level::actix::{Started, Visit, pages},
    records::Record,
};

/// How the tables call it.
pub const NAME: &str = "actix-session CookieSessionStore";

/// How the tables call it with the Redis store.
pub const REDIS: &str = "actix-session RedisSessionStore";

/// Under which key the one value of the session is kept.
const ENTRY: &str = "session";

/// The application, with a random key.
pub fn app<T: Record>() -> Started {
    Started::new(init_service(app_of::<T, _>(CookieSessionStore::default(), Key::generate())))
}

/// The application with this store and this key.
pub fn app_of<T: Record, S: SessionStore + 'static>(
    store: S,
    key: Key,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    App::new().wrap(SessionMiddleware::new(store, key)).configure(pages::<T, Session>)
}

/// A store in the Redis at this address, and a random key.
pub async fn redis_store(url: &str) -> (RedisSessionStore, Key) {
    (RedisSessionStore::new(url).await.expect("Redis answers"), Key::generate())
}

impl<T: Record> Visit<T> for Session {
    fn read<R>(self, look: fn(&T) -> R) -> Option<R> {
        let record = self.get::<T>(ENTRY).expect("our own session");
        record.as_ref().map(look)
    }

    fn change(self, edit: fn(&mut T)) {
        let record = self.get::<T>(ENTRY).expect("our own session");
        let mut record = record.unwrap_or_default();
        edit(&mut record);
        self.insert(ENTRY, record).expect("plain JSON");
    }
}
