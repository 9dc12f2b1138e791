//! What a handler holds: its data, the session's id and age, and what to do with it.

use crate::random::{self, NoRandomness};
use crate::rules::reason::Reason;
use crate::rules::timeouts::{Clocks, Policy, Timeouts};
use crate::timestamp::Timestamp;
use crate::wire::plaintext;
use std::fmt;
use std::ops::{Deref, DerefMut, Range};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// One visitor's session: dereferences to the application's own type `T`.
///
/// It comes from [`Sessions::load`](crate::Sessions::load) or an adapter's extractor and goes back
/// through [`Sessions::save`](crate::Sessions::save). Taking `&mut T` and changing nothing is not a
/// change: the bytes decide. (A change behind `&T`, as in a `Cell`, is not seen.)
///
/// ```
/// # use sealed_session::Session;
/// #[derive(serde::Serialize, serde::Deserialize, Default)]
/// struct Visit { page_views: u32 }
///
/// let mut session = Session::new(Visit::default());
/// session.page_views += 1;
/// assert_eq!(session.into_inner().page_views, 1);
/// ```
pub struct Session<T> {
    data: T,
    pub(crate) id: Uuid,
    pub(crate) clocks: Clocks,
    /// When it was loaded or made.
    pub(crate) now: Timestamp,
    /// What the deadlines that a handler asks for are computed with.
    policy: Policy,
    origin: Origin,
    /// How many cookies of our name the request had.
    pub(crate) cookies: Cookies,
    /// What [`Sessions::save`](crate::Sessions::save) compares with.
    pub(crate) loaded: Option<Loaded>,
    pub(crate) changes: Changes,
}

/// Where a session came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The request had no cookie of our name.
    New,
    /// From a cookie that passed every check.
    Restored,
    /// The request's cookie was not accepted, so the session is as good as new.
    Rejected(Reason),
}

/// How many cookies of our name came with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cookies {
    None,
    One,
    Several,
}

/// A session as it was in its cookie.
pub(crate) struct Loaded {
    /// The opened plaintext, with what stands around it.
    pub(crate) buffer: Vec<u8>,
    /// Where in `buffer` the bytes of `T` are.
    pub(crate) data: Range<usize>,
    pub(crate) own_timeouts: Option<Timeouts>,
    /// `T` was made by an upgrade from an older schema.
    pub(crate) upgraded: bool,
}

/// What the handler asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// `&mut T` was taken, or `T` was never in a cookie: only then is it serialised to compare.
    pub(crate) touched: bool,
    pub(crate) renewed: bool,
    pub(crate) rotated: bool,
    pub(crate) destroyed: bool,
}

impl<T> Session<T> {
    /// A session that starts now and was in no cookie yet.
    pub fn new(data: T) -> Session<T> {
        Session::new_at(data, OffsetDateTime::now_utc())
    }

    /// A session that starts at `now` (kept in milliseconds) and was in no cookie yet.
    pub fn new_at(data: T, now: OffsetDateTime) -> Session<T> {
        let now = Timestamp::from_time(now);
        let mut session = Session::fresh(data, now, Policy::default(), Origin::New, Cookies::None);
        session.changes.touched = true;
        session
    }

    /// The session of a visitor who has none that can be used.
    pub(crate) fn fresh(
        data: T,
        now: Timestamp,
        policy: Policy,
        origin: Origin,
        cookies: Cookies,
    ) -> Session<T> {
        let mut session = Session {
            data,
            id: Uuid::nil(),
            clocks: Clocks { created: now, renewed: 0, own: None },
            now,
            policy,
            origin,
            cookies,
            loaded: None,
            changes: Changes::default(),
        };
        session.draw_id(now);
        session
    }

    /// The session that was in a cookie.
    pub(crate) fn restored(
        data: T,
        id: Uuid,
        clocks: Clocks,
        now: Timestamp,
        policy: Policy,
        loaded: Loaded,
    ) -> Session<T> {
        Session {
            data,
            id,
            clocks,
            now,
            policy,
            origin: Origin::Restored,
            cookies: Cookies::One,
            loaded: Some(loaded),
            changes: Changes::default(),
        }
    }

    /// An id that begins with the time of creation. Where randomness fails the session is left
    /// without one, and must not be sealed.
    fn draw_id(&mut self, created: Timestamp) {
        match random::bytes() {
            Ok(random) => self.id = plaintext::new_id(created, &random),
            Err(NoRandomness) => self.id = Uuid::nil(),
        }
    }

    /// The session's id, a UUIDv7. It is no secret that opens anything: who knows it
    /// still needs the cookie. Good for logs and for a list of sessions that were ended.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// When the session began, to the millisecond: at the first visit or the last
    /// [`renew`](Session::renew).
    pub fn created_at(&self) -> OffsetDateTime {
        self.clocks.created.to_time()
    }

    /// When it ends if it is not used, as it was loaded: a response that renews it moves this on.
    ///
    /// A session made by [`Session::new`] has met no [`Sessions`](crate::Sessions) yet and answers
    /// by the default policy.
    pub fn idle_deadline(&self) -> OffsetDateTime {
        self.clocks.deadlines(&self.policy, self.now).0.to_time()
    }

    /// When it ends whatever happens; see [`idle_deadline`](Session::idle_deadline) for sessions
    /// made by [`Session::new`].
    pub fn absolute_deadline(&self) -> OffsetDateTime {
        self.clocks.deadlines(&self.policy, self.now).1.to_time()
    }

    /// Whether it is new, came from a cookie, or takes the place of one that was not accepted.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// A new id and fresh clocks: call this at sign-in, so that a session planted before it does
    /// not become a signed-in one (OWASP, "Renew the Session ID After Any Privilege Level
    /// Change"). Data and own timeouts stay.
    pub fn renew(&mut self) {
        self.changes.renewed = true;
        self.clocks.created = self.now;
        self.clocks.renewed = 0;
        self.draw_id(self.now);
    }

    /// A new id while the clocks run on: call this at any other change of privilege.
    pub fn rotate_id(&mut self) {
        self.changes.rotated = true;
        self.draw_id(self.clocks.created);
    }

    /// Ends the session: its cookie is removed from the browser, and nothing else about it is
    /// saved.
    ///
    /// A copy of the cookie that somebody made before stays valid until its deadlines; see
    /// [`revoked`](crate::SessionsBuilder::revoked) for ending those too.
    pub fn destroy(&mut self) {
        self.changes.destroyed = true;
    }

    /// Gives this session its own timeouts, in whole seconds: "remember me".
    ///
    /// Whenever it is loaded they are cut to the builder's
    /// [`longest_timeouts`](crate::SessionsBuilder::longest_timeouts), so set those too.
    ///
    /// ```
    /// # use sealed_session::Session;
    /// # use time::Duration;
    /// # let mut session = Session::new(0_u32);
    /// session.renew();
    /// session.set_timeouts(Duration::days(14), Duration::days(90));
    /// ```
    pub fn set_timeouts(&mut self, idle: Duration, absolute: Duration) {
        self.clocks.own = Some(Timeouts::from_durations(idle, absolute));
    }

    /// The data alone.
    pub fn into_inner(self) -> T {
        self.data
    }

    /// Whether the id or the session's own timeouts are others than in its cookie.
    pub(crate) fn stamps_changed(&self) -> bool {
        let before = self.loaded.as_ref().and_then(|loaded| loaded.own_timeouts);
        self.changes.rotated || self.clocks.own != before
    }

    /// Whether there were random bytes for its id.
    pub(crate) fn has_id(&self) -> bool {
        !self.id.is_nil()
    }

    /// Whether its cookie is of an older schema: writing it again is as good as a renewal.
    pub(crate) fn is_upgraded(&self) -> bool {
        self.loaded.as_ref().is_some_and(|loaded| loaded.upgraded)
    }
}

impl<T> Deref for Session<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.data
    }
}

impl<T> DerefMut for Session<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.changes.touched = true;
        &mut self.data
    }
}

/// Without the data: sessions end up in logs.
impl<T> fmt::Debug for Session<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}
