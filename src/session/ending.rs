//! Which sessions end if a handler says so? Those of every authentic cookie that its request brought.

use crate::ended::list::EndedSessions;
use crate::ended::request::Seen;
use crate::session::loaded::Loaded;
use crate::sync::{Mutex, MutexGuard, PoisonError};
use crate::timestamp::Timestamp;
use std::any::Any;
use std::sync::Arc;
#[cfg(feature = "private-jar")]
use uuid::Uuid;

/// Whose a session is, as its data says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Subject(String),
    Nobody,
    /// The data is of no schema that this server reads.
    Unreadable,
}

impl Owner {
    pub(crate) fn subject(self) -> Option<String> {
        match self {
            Owner::Subject(subject) => Some(subject),
            Owner::Nobody | Owner::Unreadable => None,
        }
    }
}

/// A question about an owner that is asked where `T` is not known.
pub(crate) type Ask<Q, A> = Box<dyn Fn(&Q) -> A + Send + Sync>;

/// The list of ended sessions, and how to tell whose a session is, for all that does not know `T`.
pub(crate) struct Registry {
    pub(crate) list: EndedSessions,
    /// Whose was it as it came?
    pub(crate) owner: Ask<Loaded, Owner>,
    /// Whose is this `T` now?
    pub(crate) subject: Ask<dyn Any, Option<String>>,
    /// Whose is the session in an old cookie that holds this text?
    #[cfg(feature = "private-jar")]
    pub(crate) old_owner: Ask<str, Owner>,
}

/// An authentic cookie of another library: the id of its session, and what it holds.
#[cfg(feature = "private-jar")]
pub(crate) struct OldCookie {
    pub(crate) id: Uuid,
    pub(crate) text: String,
}

/// What one request brought beside its session, and what it knew of the list. The session and all that
/// are made of it again share this.
pub(crate) struct Ending {
    registry: Arc<Registry>,
    brought: Vec<Loaded>,
    #[cfg(feature = "private-jar")]
    old: Vec<OldCookie>,
    seen: Mutex<Seen>,
}

impl Ending {
    pub(crate) fn new(registry: &Arc<Registry>, seen: Seen) -> Ending {
        Ending {
            registry: Arc::clone(registry),
            brought: Vec::new(),
            #[cfg(feature = "private-jar")]
            old: Vec::new(),
            seen: Mutex::new(seen),
        }
    }

    /// Adds an authentic cookie that the session was not made of.
    pub(crate) fn add(&mut self, loaded: Loaded) {
        self.brought.push(loaded);
    }

    /// Adds the cookies of another library, also the one that the session was made of.
    #[cfg(feature = "private-jar")]
    pub(crate) fn add_old(&mut self, old: Vec<OldCookie>) {
        self.old = old;
    }

    pub(crate) fn is_of(&self, registry: &Arc<Registry>) -> bool {
        Arc::ptr_eq(&self.registry, registry)
    }

    /// Returns what the request knew of the list when it was loaded.
    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whose this `T` is now.
    pub(crate) fn subject(&self, data: &dyn Any) -> Option<String> {
        (self.registry.subject)(data)
    }

    /// Records that all sessions which the request brought have ended: `own`, which the session was
    /// made of, and the others. A stranger's is not recorded, so that strangers fill nothing.
    pub(crate) fn end_all(&self, own: Option<&Loaded>, now: Timestamp) {
        let list = &self.registry.list;
        let mut seen = self.seen();
        let mut end = |id, cut, owner| match owner {
            Owner::Subject(subject) => {
                list.record(id, Some(list.subject(&subject)), cut, &mut seen, now);
            }
            Owner::Unreadable => {
                list.record(id, None, cut, &mut seen, now);
            }
            Owner::Nobody => {}
        };
        for loaded in own.into_iter().chain(&self.brought) {
            end(loaded.stamps.id, loaded.stamps.cut, (self.registry.owner)(loaded));
        }
        #[cfg(feature = "private-jar")]
        for cookie in &self.old {
            // An old cookie knows of no cut.
            end(cookie.id, crate::ended::number::NO_CUT, (self.registry.old_owner)(&cookie.text));
        }
    }
}
