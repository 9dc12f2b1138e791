//! actix-session with its `CookieSessionStore`.

use actix_session::{Session, SessionMiddleware, storage::CookieSessionStore};
use actix_web::{App, cookie::Key, test::init_service};

use crate::{
    level::actix::{Started, Visit, pages},
    records::Record,
};

/// How the tables call it.
pub const NAME: &str = "actix-session CookieSessionStore";

/// Under which key the one value of the session is kept.
const ENTRY: &str = "session";

/// The application, with a random key.
pub fn app<T: Record>() -> Started {
    let sessions = SessionMiddleware::new(CookieSessionStore::default(), Key::generate());
    let app = App::new().wrap(sessions).configure(pages::<T, Session>);
    Started::new(init_service(app))
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
