//! All of a session but its data: where it came from, its times, what was asked of it.

use crate::random::{self, NoRandomness};
use crate::rules::reason::{Reason, Treatment};
use crate::rules::timeouts::{Clocks, Policy, Timeouts};
use crate::session::arrived::Arrived;
use crate::session::ending::Ending;
use crate::session::loaded::Loaded;
use crate::session::token_shown::TokenShown;
use crate::timestamp::Timestamp;
use crate::wire::plaintext;
use std::sync::{Arc, OnceLock};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

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

impl Origin {
    /// Returns what is to happen to the cookie, if it was refused.
    pub(crate) fn treatment(self) -> Option<Treatment> {
        match self {
            Origin::Rejected(reason) => Some(reason.treatment()),
            Origin::New | Origin::Restored => None,
        }
    }
}

/// How many cookies of our name came with a request, and one more if another library's did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cookies {
    None,
    One,
    Several,
}

impl Cookies {
    /// Returns the count after one more.
    pub(crate) fn and_one_more(self) -> Cookies {
        match self {
            Cookies::None => Cookies::One,
            Cookies::One | Cookies::Several => Cookies::Several,
        }
    }
}

/// All of a session but its data: what `save` decides by, whatever `T` is.
pub(crate) struct Meta {
    id: SessionId,
    pub(crate) clocks: Clocks,
    /// When it was loaded or made.
    pub(crate) now: Timestamp,
    /// What the deadlines that a handler asks for are computed with.
    policy: Policy,
    pub(crate) origin: Origin,
    /// How many cookies the request had that count as ours.
    pub(crate) cookies: Cookies,
    /// The same cookies, for form tokens.
    pub(crate) arrived: Arrived,
    /// Whether the request brought an authentic cookie of another library.
    #[cfg(feature = "private-jar")]
    pub(crate) has_old_cookie: bool,
    /// What else the request brought that can be ended, if ended sessions are remembered.
    pub(crate) ending: Option<Arc<Ending>>,
    /// Whether it is one of those, and in no cookie of ours yet.
    pub(crate) migrated: bool,
    /// Whether a form token was made.
    pub(crate) token_shown: TokenShown,
    /// What `save` compares with.
    pub(crate) loaded: Option<Loaded>,
    pub(crate) changes: Changes,
}

/// The id of a session. One that was in no cookie yet is drawn when somebody asks for it, and is the
/// same for all who hold this.
#[derive(Clone)]
enum SessionId {
    Known(Uuid),
    Fresh(Arc<OnceLock<Uuid>>),
}

impl SessionId {
    fn fresh() -> SessionId {
        SessionId::Fresh(Arc::new(OnceLock::new()))
    }

    /// The id, if it is drawn already.
    fn drawn(&self) -> Option<Uuid> {
        match self {
            SessionId::Known(id) => Some(*id),
            SessionId::Fresh(cell) => cell.get().copied(),
        }
    }
}

/// What the handler asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// `&mut T` was taken, or `T` was never in a cookie: only then is it serialised to compare.
    pub(crate) touched: bool,
    /// By `renew()` or `reset()`.
    pub(crate) renewed: bool,
    /// By `reset()`: nothing of what the request brought is left.
    pub(crate) reset: bool,
    pub(crate) rotated: bool,
    pub(crate) destroyed: bool,
    /// Every other session of its subject is to end with the save of this one.
    pub(crate) end_others: bool,
    /// `set_timeouts` was called since the session was loaded or reset.
    pub(crate) timeouts_set: bool,
}

impl Meta {
    /// Of a visitor who has no session that can be used.
    pub(crate) fn fresh(now: Timestamp, policy: Policy, origin: Origin, cookies: Cookies) -> Meta {
        Meta {
            id: SessionId::fresh(),
            clocks: Clocks { created: now, renewed: 0, own: None },
            now,
            policy,
            origin,
            cookies,
            arrived: Arrived::Nothing,
            #[cfg(feature = "private-jar")]
            has_old_cookie: false,
            ending: None,
            migrated: false,
            token_shown: TokenShown::not_yet(),
            loaded: None,
            changes: Changes::default(),
        }
    }

    /// Of a session that was in a cookie.
    pub(crate) fn restored(loaded: Loaded, now: Timestamp, policy: Policy) -> Meta {
        Meta {
            id: SessionId::Known(loaded.stamps.id),
            clocks: loaded.stamps.clocks,
            now,
            policy,
            origin: Origin::Restored,
            cookies: Cookies::One,
            arrived: Arrived::Nothing,
            #[cfg(feature = "private-jar")]
            has_old_cookie: false,
            ending: None,
            migrated: false,
            token_shown: TokenShown::not_yet(),
            loaded: Some(loaded),
            changes: Changes::default(),
        }
    }

    /// Returns another one that shares what is large, and the id even if it is still to be drawn.
    #[cfg(feature = "_adapter")]
    pub(crate) fn share(&mut self) -> Meta {
        Meta {
            id: self.id.clone(),
            arrived: self.arrived.clone(),
            ending: self.ending.clone(),
            token_shown: self.token_shown.share(),
            loaded: self.loaded.as_mut().map(Loaded::share),
            ..*self
        }
    }

    /// Returns the deadlines (idle, absolute) as they were when the session was loaded.
    pub(crate) fn deadlines(&self) -> (OffsetDateTime, OffsetDateTime) {
        let (idle, absolute) = self.clocks.deadlines(&self.policy, self.now);
        (idle.to_time(), absolute.to_time())
    }

    /// Returns the session's own timeouts, (idle, absolute).
    pub(crate) fn own_timeouts(&self) -> Option<(Duration, Duration)> {
        self.clocks.own.map(Timeouts::to_durations)
    }

    /// Returns whether the handler has ended what the request brought.
    #[cfg(feature = "_adapter")]
    pub(crate) fn is_ended(&self) -> bool {
        self.changes.destroyed || self.changes.reset
    }

    /// Returns one for a new visitor, in place of a session that was ended in this request. If the
    /// session goes on under a new id, that is the visitor's.
    #[cfg(feature = "_adapter")]
    pub(crate) fn of_new_visitor(&mut self) -> Meta {
        let fresh = Meta {
            token_shown: self.token_shown.share(),
            ..Meta::fresh(self.now, self.policy, Origin::New, Cookies::None)
        };
        match self.changes.destroyed {
            true => fresh,
            false => Meta { id: self.id.clone(), ..fresh },
        }
    }

    /// Returns the id; draws it if there is none yet. Nil if the operating system gives no random
    /// bytes.
    pub(crate) fn id(&self) -> Uuid {
        let cell = match &self.id {
            SessionId::Known(id) => return *id,
            SessionId::Fresh(cell) => cell,
        };
        if let Some(id) = cell.get() {
            return *id;
        }
        match random::bytes() {
            Ok(random) => *cell.get_or_init(|| plaintext::new_id(self.clocks.created, &random)),
            Err(NoRandomness) => Uuid::nil(),
        }
    }

    /// Returns the id if it is drawn already.
    pub(crate) fn id_if_drawn(&self) -> Option<Uuid> {
        self.id.drawn()
    }

    /// Returns the id if it is drawn already, else a nil one.
    pub(crate) fn drawn_id(&self) -> Uuid {
        self.id.drawn().unwrap_or_else(Uuid::nil)
    }

    /// Takes the id that was drawn together with a nonce.
    pub(crate) fn set_drawn_id(&self, id: Uuid) {
        if let SessionId::Fresh(cell) = &self.id {
            // Fails only if it is this very id already.
            let _ = cell.set(id);
        }
    }

    /// Returns whether this request has given it another id than it came with.
    pub(crate) fn has_new_id(&self) -> bool {
        self.changes.renewed || self.changes.rotated
    }

    /// Returns whether the browser's cookie is one that another server can still use, so that this
    /// session is not written in its place.
    pub(crate) fn is_kept_out(&self) -> bool {
        !self.changes.renewed && self.origin.treatment() == Some(Treatment::Keep)
    }

    /// Returns whether a form token was made for an id that is in no cookie yet.
    pub(crate) fn is_awaited_by_a_form(&self) -> bool {
        self.token_shown.is_set() && self.loaded.is_none() && !self.is_kept_out()
    }

    /// Returns the schema it came in.
    pub(crate) fn loaded_schema(&self) -> Option<u32> {
        self.loaded.as_ref().map(|loaded| loaded.stamps.schema)
    }

    /// Returns whether the id or the session's own timeouts are others than in its cookie.
    pub(crate) fn stamps_changed(&self) -> bool {
        let before = self.loaded.as_ref().and_then(|loaded| loaded.stamps.clocks.own);
        self.changes.rotated || self.clocks.own != before
    }

    /// Ends, at once, every session that the request brought.
    pub(crate) fn end_what_was_brought(&self) {
        if let Some(ending) = &self.ending {
            ending.end_all(self.loaded.as_ref(), self.now);
        }
    }

    /// Gives it another id, which is still to be drawn.
    pub(crate) fn rotate_id(&mut self) {
        self.changes.rotated = true;
        self.id = SessionId::fresh();
    }

    /// Gives it a new id and fresh clocks.
    pub(crate) fn begin_anew(&mut self) {
        self.changes.renewed = true;
        self.clocks.created = self.now;
        self.clocks.renewed = 0;
        self.id = SessionId::fresh();
    }
}
