//! The session of a request, read-only.

use crate::session::meta::{Meta, Origin};
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
}

impl<T> SessionView<T> {
    pub(crate) fn new(data: T, meta: Meta) -> SessionView<T> {
        SessionView { data, meta }
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
