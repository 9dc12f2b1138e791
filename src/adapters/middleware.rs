//! What the adapters have in common whose frameworks speak of middleware.

use super::slot::Session;
use super::view::SessionView;
use crate::sessions::Sessions;
use std::fmt;

/// Gives the handlers inside it the session, and saves it with the response.
///
/// Two middlewares of different types need two cookie names: with one name they wipe each other out.
/// An ERROR event says so if one is inside the other; of two beside each other, on different routes,
/// only rejected cookies tell. Of two of one type the inner one wins: for two sessions of one shape,
/// wrap one in a type of its own.
pub struct SessionMiddleware<T> {
    pub(super) sessions: Sessions<T>,
}

impl<T> SessionMiddleware<T> {
    /// Makes a middleware over these sessions.
    pub fn new(sessions: Sessions<T>) -> SessionMiddleware<T> {
        SessionMiddleware { sessions }
    }
}

impl<T> Clone for SessionMiddleware<T> {
    fn clone(&self) -> SessionMiddleware<T> {
        SessionMiddleware::new(self.sessions.clone())
    }
}

impl<T> fmt::Debug for SessionMiddleware<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SessionMiddleware").field(&self.sessions).finish()
    }
}

/// The session only if it came from a cookie that was accepted, for handlers that have nothing to
/// say to a new visitor.
///
/// This is what `Option<Session<T>>` is for axum, and cannot be here: the framework itself defines
/// that, for every extractor, as `None` when extraction fails. Extraction fails for mistakes in the
/// program only, so it would be `Some` for every visitor and hide a middleware that was forgotten.
#[derive(Debug)]
pub struct Restored<T>(pub Option<Session<T>>);

impl<T> Restored<T> {
    pub(super) fn new(session: Session<T>) -> Restored<T> {
        Restored(session.if_restored())
    }
}

/// A view of the session only if it came from a cookie that was accepted; see [`Restored`].
#[derive(Debug)]
pub struct RestoredView<T>(pub Option<SessionView<T>>);

impl<T> RestoredView<T> {
    pub(super) fn new(view: SessionView<T>) -> RestoredView<T> {
        RestoredView(view.if_restored())
    }
}
