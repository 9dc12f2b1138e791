//! Who has the session now? Handlers borrow it from the middleware and give it back by dropping it.

use crate::error::EncodeError;
use crate::headers::caching;
use crate::sessions::Sessions;
use crate::telemetry;
use crate::timestamp::Timestamp;
use http::HeaderMap;
use serde::{Serialize, de::DeserializeOwned};
use std::any::type_name;
use std::fmt;
use std::mem;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A session that a handler holds. It dereferences to [`sealed_session::Session`](crate::Session),
/// which dereferences to the application's own type, and it is given back to the middleware when
/// dropped, to be saved with the response.
///
/// Only one can be held at a time for one request. A handler that panics gives nothing back: its
/// changes are discarded.
pub struct Session<T> {
    /// `None` only while it is being dropped.
    session: Option<Box<crate::Session<T>>>,
    slot: Arc<SessionSlot<T>>,
}

#[cfg(any(feature = "actix-web", feature = "axum", feature = "poem"))]
impl<T> Session<T> {
    /// Itself, if it came from a cookie that was accepted.
    pub(crate) fn if_restored(self) -> Option<Session<T>> {
        (self.origin() == crate::Origin::Restored).then_some(self)
    }
}

/// Why there is no session to be had. Both are mistakes in the program, so the message names the
/// mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionRejection {
    type_name: &'static str,
    cause: Cause,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    NoLayer,
    Held,
}

impl SessionRejection {
    pub(crate) fn no_layer<T>() -> SessionRejection {
        SessionRejection { type_name: type_name::<T>(), cause: Cause::NoLayer }
    }
}

impl fmt::Display for SessionRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.type_name;
        match self.cause {
            Cause::NoLayer => write!(
                f,
                "there are no sessions of type `{name}` here: put the session middleware with a \
                 `Sessions<{name}>` around this route"
            ),
            Cause::Held => write!(
                f,
                "the session of type `{name}` is still held by somebody else: call `drop(session)` \
                 before the request goes on (`next.run(request)` or the like), or write a `CurrentUser` extractor that takes what it \
                 needs and gives the session back"
            ),
        }
    }
}

impl std::error::Error for SessionRejection {}

/// Where one request's session is, kept by the middleware, by the request (which carries it to the
/// handlers) and by whoever borrows from it.
pub(crate) struct SessionSlot<T> {
    sessions: Sessions<T>,
    /// Locked only to move a session in or out, never while a handler runs.
    state: Mutex<State<T>>,
}

enum State<T> {
    /// Nobody asked, so nothing was decrypted.
    Unread,
    Held,
    Returned(Box<crate::Session<T>>),
    /// The holder panicked.
    Discarded,
    /// The response is on its way.
    Closed,
}

impl<T> SessionSlot<T> {
    pub(crate) fn new(sessions: Sessions<T>) -> Arc<SessionSlot<T>> {
        Arc::new(SessionSlot { sessions, state: Mutex::new(State::Unread) })
    }

    /// A panic while it is locked is impossible: moving is all that happens.
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Serialize + DeserializeOwned + Default> SessionSlot<T> {
    /// Lends the session, which is looked for in these `Cookie` headers at the first time only.
    pub(crate) fn lend<'h>(
        self: Arc<Self>,
        cookie_headers: impl Iterator<Item = &'h [u8]>,
    ) -> Result<Session<T>, SessionRejection> {
        let mut state = self.state();
        if matches!(*state, State::Held | State::Closed) {
            return Err(SessionRejection { type_name: type_name::<T>(), cause: Cause::Held });
        }
        let before = mem::replace(&mut *state, State::Held);
        drop(state);
        // Should the application's hooks panic, dropping this loan says so.
        let mut loan = Session { session: None, slot: self };
        loan.session = Some(match before {
            State::Returned(session) => session,
            _ => loan.slot.sessions.load_cookies(cookie_headers, Timestamp::now()),
        });
        Ok(loan)
    }

    /// Ends the lending, for the response is ready. `None` if nobody asked for the session: the
    /// response is left alone then.
    pub(crate) fn close(&self) -> Option<Closing<'_, T>> {
        match mem::replace(&mut *self.state(), State::Closed) {
            State::Unread | State::Closed => None,
            State::Returned(session) => Some(Closing::Returned(&self.sessions, session)),
            State::Held => Some(Closing::Held),
            State::Discarded => Some(Closing::Discarded),
        }
    }
}

#[cfg(any(feature = "poem", feature = "tower"))]
impl<T: Serialize + DeserializeOwned + Default + Send + 'static> Session<T> {
    /// The session of the request with these extensions, where the middleware has left its slot,
    /// and these headers.
    pub(crate) fn lent(
        extensions: &http::Extensions,
        headers: &HeaderMap,
    ) -> Result<Session<T>, SessionRejection> {
        let slot: &Arc<SessionSlot<T>> =
            extensions.get().ok_or_else(SessionRejection::no_layer::<T>)?;
        Arc::clone(slot).lend(crate::headers::cookie::cookie_headers(headers))
    }
}

/// What is left to do for a response that depended on the session.
pub(crate) enum Closing<'d, T> {
    Returned(&'d Sessions<T>, Box<crate::Session<T>>),
    Held,
    Discarded,
}

impl<T: Serialize + DeserializeOwned + Default> Closing<'_, T> {
    /// Saves what was returned into the response's headers. After an error nothing of the handler's
    /// response may be sent, but an empty one with the headers [`caching::failure_headers`].
    pub(crate) fn save(self, headers: &mut HeaderMap) -> Result<(), EncodeError> {
        match self {
            Closing::Returned(sessions, session) => {
                sessions
                    .save_borrowed(&session, headers, Timestamp::now())
                    .inspect_err(telemetry::save_failed)?;
            }
            Closing::Held => {
                telemetry::still_held(type_name::<T>());
                caching::mark_unsaved(headers);
            }
            Closing::Discarded => caching::mark_unsaved(headers),
        }
        Ok(())
    }
}

impl<T> Drop for Session<T> {
    fn drop(&mut self) {
        let next = match self.session.take() {
            Some(session) if !std::thread::panicking() => State::Returned(session),
            _ => State::Discarded,
        };
        let mut state = self.slot.state();
        if matches!(*state, State::Held) {
            *state = next;
        }
    }
}

impl<T> Deref for Session<T> {
    type Target = crate::Session<T>;

    fn deref(&self) -> &crate::Session<T> {
        self.session.as_ref().expect("held until dropped")
    }
}

impl<T> DerefMut for Session<T> {
    fn deref_mut(&mut self) -> &mut crate::Session<T> {
        self.session.as_mut().expect("held until dropped")
    }
}

impl<T> fmt::Debug for Session<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
