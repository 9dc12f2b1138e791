//! The session of a request, read-only.

use crate::error::EncodeError;
use crate::session::meta::{Meta, Origin};
use crate::sessions::Sessions;
use std::fmt;
use std::ops::Deref;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// A visitor's session as the request brought it, read-only: dereferences to the application's own
/// type.
///
/// Any number can be taken, in any order, beside a `Session<T>` and after it: in middleware, guards, a
/// `CurrentUser` extractor, in what renders a page. A request is decrypted once however many there
/// are. What a handler changes meanwhile is not seen. After a session that was
/// [`destroy`](crate::Session::destroy)ed or [`reset`](crate::Session::reset) was given back, a view is that of a
/// new visitor.
///
/// Viewing counts as reading: the response is marked as one that depends on the session, and a page
/// that only views still renews it.
pub struct SessionView<T> {
    data: T,
    meta: Meta,
    /// Whose tokens it makes, if a handler has given the session another id meanwhile.
    going_out: Option<Box<Meta>>,
    sessions: Sessions<T>,
}

impl<T> SessionView<T> {
    pub(crate) fn new(data: T, meta: Meta, sessions: Sessions<T>) -> SessionView<T> {
        SessionView { data, meta, going_out: None, sessions }
    }

    /// Makes the tokens of the session that the response is going to write, if that is another one.
    pub(crate) fn with_tokens_of(self, going_out: Option<Meta>) -> SessionView<T> {
        SessionView { going_out: going_out.map(Box::new), ..self }
    }

    /// Returns itself, if it came from a cookie that was accepted.
    #[cfg(feature = "_extractor")]
    pub(crate) fn if_restored(self) -> Option<SessionView<T>> {
        (self.origin() == Origin::Restored).then_some(self)
    }

    /// Returns the session's id; see [`Session::id`](crate::Session::id).
    pub fn id(&self) -> Uuid {
        self.meta.id()
    }

    /// Returns when the session began; see [`Session::created_at`](crate::Session::created_at).
    pub fn created_at(&self) -> OffsetDateTime {
        self.meta.clocks.created.to_time()
    }

    /// Returns when the session was last renewed; see [`Session::renewed_at`](crate::Session::renewed_at).
    pub fn renewed_at(&self) -> OffsetDateTime {
        self.meta.clocks.last_renewal().to_time()
    }

    /// Returns when the session ends if it is not used; see [`Session::idle_deadline`](crate::Session::idle_deadline).
    pub fn idle_deadline(&self) -> OffsetDateTime {
        self.meta.deadlines().0
    }

    /// Returns when the session ends whatever happens.
    pub fn absolute_deadline(&self) -> OffsetDateTime {
        self.meta.deadlines().1
    }

    /// Returns whether the session is new, came from a cookie, or takes the place of one that was not
    /// accepted.
    pub fn origin(&self) -> Origin {
        self.meta.origin
    }

    /// Makes a token for a form; see [`Sessions::csrf_token`]. A view that was taken after a handler
    /// has renewed the session and given it back makes tokens for the new id, so that a page's layout
    /// may ask it.
    ///
    /// # Errors
    ///
    /// Those of [`Sessions::csrf_token`].
    pub fn csrf_token(&self) -> Result<String, EncodeError> {
        self.sessions.token_of(self.going_out.as_deref().unwrap_or(&self.meta))
    }

    /// Returns whether a form's token was made for the session as the request brought it; see
    /// [`Sessions::verify_csrf`].
    #[must_use = "a form without a good token must change nothing"]
    pub fn verify_csrf(&self, token: &str) -> bool {
        self.sessions.has_made(token, &self.meta)
    }

    /// Returns the session's own (idle, absolute) timeouts, if it has them.
    pub fn own_timeouts(&self) -> Option<(Duration, Duration)> {
        self.meta.own_timeouts()
    }
}

impl<T> Deref for SessionView<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.data
    }
}

/// Without the data: sessions end up in logs.
impl<T> fmt::Debug for SessionView<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionView").field("origin", &self.meta.origin).finish_non_exhaustive()
    }
}
