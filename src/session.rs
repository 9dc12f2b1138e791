//! What a handler holds: its data, the session's id and age, and what to do with it.

pub(crate) mod arrived;
pub(crate) mod ending;
pub(crate) mod loaded;
pub(crate) mod meta;
pub(crate) mod token_shown;

use crate::ended::error::NoSubject;
use crate::rules::timeouts::{Policy, Timeouts};
use crate::session::meta::{Cookies, Meta, Origin};
use crate::timestamp::Timestamp;
use std::fmt;
use std::ops::{Deref, DerefMut};
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
    pub(crate) meta: Meta,
}

impl<T> Session<T> {
    /// Returns a session that starts now and was in no cookie yet.
    pub fn new(data: T) -> Session<T> {
        Session::new_at(data, OffsetDateTime::now_utc())
    }

    /// Returns a session that starts at `now` (kept in milliseconds) and was in no cookie yet.
    pub fn new_at(data: T, now: OffsetDateTime) -> Session<T> {
        let now = Timestamp::from_time(now);
        let mut meta = Meta::fresh(now, Policy::default(), Origin::New, Cookies::None);
        meta.changes.touched = true;
        Session { data, meta }
    }

    pub(crate) fn from_parts(data: T, meta: Meta) -> Session<T> {
        Session { data, meta }
    }

    #[cfg(feature = "_adapter")]
    pub(crate) fn into_parts(self) -> (T, Meta) {
        (self.data, self.meta)
    }

    /// Returns the session's id, a UUIDv7. It is no secret that opens anything: anyone who knows it
    /// still needs the cookie. Good for logs and for a list of sessions that were ended.
    ///
    /// The id of a session that was not saved yet is drawn when it is asked for, so that a visitor
    /// who gets no cookie costs no random bytes. It is nil if the operating system gives none; such
    /// a session is never sealed.
    pub fn id(&self) -> Uuid {
        self.meta.id()
    }

    /// Returns when the session began, to the millisecond: at the first visit or the last
    /// [`renew`](Session::renew) or [`reset`](Session::reset).
    pub fn created_at(&self) -> OffsetDateTime {
        self.meta.clocks.created.to_time()
    }

    /// Returns when the session was last renewed, to the second: when its cookie was last written.
    ///
    /// For display only. Any write moves it, so an application that looks something up in its database
    /// every so often keeps the time of that in `T`.
    pub fn renewed_at(&self) -> OffsetDateTime {
        self.meta.clocks.last_renewal().to_time()
    }

    /// Returns when the session ends if it is not used, as it was loaded: a response that renews it
    /// moves this on.
    ///
    /// A session made by [`Session::new`] has met no [`Sessions`](crate::Sessions) yet and answers
    /// by the default policy.
    pub fn idle_deadline(&self) -> OffsetDateTime {
        self.meta.deadlines().0
    }

    /// Returns when the session ends whatever happens; see
    /// [`idle_deadline`](Session::idle_deadline) for sessions made by [`Session::new`].
    pub fn absolute_deadline(&self) -> OffsetDateTime {
        self.meta.deadlines().1
    }

    /// Returns whether the session is new, came from a cookie, or takes the place of one that was not
    /// accepted.
    pub fn origin(&self) -> Origin {
        self.meta.origin
    }

    /// Gives the session a new id and fresh clocks and keeps its data, so that a session planted
    /// before does not become a signed-in one (OWASP Session Management Cheat Sheet, "Renew the
    /// Session ID After Any Privilege Level Change").
    ///
    /// Timeouts of its own that it was loaded with go; those that this request sets stay, whether it
    /// sets them before or after. **The data stays, also what an attacker planted in it** (a
    /// form token, a cart): a sign-in that needs none of it starts from [`reset`](Session::reset).
    pub fn renew(&mut self) {
        self.meta.begin_anew();
        if !self.meta.changes.timeouts_set {
            self.meta.clocks.own = None;
        }
    }

    /// Starts over: default data, a new id, fresh clocks, the timeouts of the policy. For a sign-in
    /// that keeps nothing of what came before, or a sign-out with a farewell message. What the request
    /// brought ends as with [`destroy`](Session::destroy).
    ///
    /// ```
    /// # use sealed_session::Session;
    /// # #[derive(Default)] struct Visit { user: Option<String>, message: Option<String> }
    /// # let mut session = Session::new(Visit::default());
    /// session.reset();
    /// session.message = Some("You are signed out.".to_owned());
    /// ```
    pub fn reset(&mut self)
    where
        T: Default,
    {
        self.meta.end_what_was_brought();
        self.meta.begin_anew();
        self.meta.changes.reset = true;
        self.meta.clocks.own = None;
        self.meta.changes.timeouts_set = false;
        self.meta.changes.touched = true;
        self.data = T::default();
    }

    /// Gives the session a new id while its clocks run on: call this at any other change of
    /// privilege.
    pub fn rotate_id(&mut self) {
        self.meta.rotate_id();
    }

    /// Ends the session: its cookie is removed from the browser. Nothing that is written to the
    /// session before or after this call is saved; use [`reset`](Session::reset) to go on with an
    /// empty one.
    ///
    /// A copy of the cookie that somebody made before is refused from this call on, also if the handler
    /// panics afterwards, if ended sessions are remembered: see
    /// [`ended`](crate::SessionsBuilder::ended). Without that it stays valid until its deadlines.
    pub fn destroy(&mut self) {
        self.meta.end_what_was_brought();
        self.meta.changes.destroyed = true;
    }

    /// Ends every other session of this session's subject when this one is saved: "sign out my other
    /// devices", a new password. This one goes on.
    ///
    /// Anyone with a copy of the cookie could do this, so ask for the password first. If the subject's
    /// sessions were ended by somebody else since this one was loaded, or by `end_others` on this
    /// server within the last second, nothing ends and nothing is written
    /// ([`Saved::Kept`](crate::Saved::Kept)). If the response is lost, its visitor signs in again.
    ///
    /// ```
    /// # use sealed_session::{EndedSessions, Key, KeyRing, Saved, Sessions};
    /// # use http::HeaderMap;
    /// # use time::Duration;
    /// # #[derive(serde::Serialize, serde::Deserialize, Default)]
    /// # struct Visit { user: Option<u64> }
    /// # let ended = EndedSessions::new("shop", Duration::hours(8));
    /// # let sessions = Sessions::<Visit>::builder("shop", KeyRing::new(Key::generate()))
    /// #     .ended(&ended)
    /// #     .subject(|visit: &Visit| visit.user.map(|id| id.to_string()))
    /// #     .build()?;
    /// # let (request, mut response) = (HeaderMap::new(), HeaderMap::new());
    /// let mut session = sessions.load(&request);
    /// session.renew();
    /// session.user = Some(17); // with the new password
    /// session.end_others()?;
    /// assert_eq!(sessions.save(session, &mut response)?, Saved::Written);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`NoSubject`] if the session is nobody's now, or was not loaded by a
    /// [`Sessions`](crate::Sessions) with [`ended`](crate::SessionsBuilder::ended).
    pub fn end_others(&mut self) -> Result<(), NoSubject>
    where
        T: 'static,
    {
        let ending = self.meta.ending.as_ref().ok_or(NoSubject)?;
        ending.subject(&self.data).ok_or(NoSubject)?;
        self.meta.changes.end_others = true;
        Ok(())
    }

    /// Gives this session its own timeouts, in whole seconds: "remember me".
    ///
    /// Whenever it is loaded they are cut to the builder's
    /// [`longest_timeouts`](crate::SessionsBuilder::longest_timeouts), so set those too: a WARN
    /// event says it if longer ones are sealed.
    ///
    /// ```
    /// # use sealed_session::Session;
    /// # use time::Duration;
    /// # let mut session = Session::new(0_u32);
    /// session.renew();
    /// session.set_timeouts(Duration::days(14), Duration::days(90));
    /// assert_eq!(session.own_timeouts(), Some((Duration::days(14), Duration::days(90))));
    /// ```
    pub fn set_timeouts(&mut self, idle: Duration, absolute: Duration) {
        self.meta.clocks.own = Some(Timeouts::from_durations(idle, absolute));
        self.meta.changes.timeouts_set = true;
    }

    /// Returns the session's own (idle, absolute) timeouts, if it has them: for a step-up that calls
    /// [`renew`](Session::renew) and wants them back.
    pub fn own_timeouts(&self) -> Option<(Duration, Duration)> {
        self.meta.own_timeouts()
    }

    /// Returns the data alone.
    pub fn into_inner(self) -> T {
        self.data
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
        self.meta.changes.touched = true;
        &mut self.data
    }
}

/// Without the data: sessions end up in logs.
impl<T> fmt::Debug for Session<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.meta.id_if_drawn())
            .field("origin", &self.meta.origin)
            .finish_non_exhaustive()
    }
}
