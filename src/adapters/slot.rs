//! Who has the session of a request now? Handlers take it from the middleware's slot and give it back
//! by dropping it; views of it can be taken at any time.

use crate::adapters::rejection::SessionRejection;
use crate::adapters::slots::{AnySlot, Nested, Slots};
use crate::adapters::view::SessionView;
use crate::error::EncodeError;
use crate::headers::caching;
use crate::session;
use crate::session::meta::Meta;
use crate::sessions::Sessions;
use crate::steps::save::Saved;
use crate::sync::{Mutex, MutexGuard, PoisonError};
use crate::telemetry;
use crate::timestamp::Timestamp;
use http::HeaderMap;
use serde::{Serialize, de::DeserializeOwned};
use std::any::type_name;
use std::fmt;
use std::mem;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// A session that a handler holds. It dereferences to [`sealed_session::Session`](crate::Session),
/// which dereferences to the application's own type, and it is given back to the middleware when
/// dropped, to be saved with the response.
///
/// Only one can be held at a time for one request; a [`SessionView`] can be taken beside it. A
/// handler that panics gives nothing back: its changes are discarded, and those of who had it
/// before. But what was given back destroyed or reset stays so, and whoever takes a destroyed one
/// finds `T::default()`.
pub struct Session<T> {
    /// `None` only while it is being dropped.
    session: Option<Box<session::Session<T>>>,
    slot: Arc<SessionSlot<T>>,
}

#[cfg(feature = "_extractor")]
impl<T> Session<T> {
    /// Returns itself, if it came from a cookie that was accepted, and nobody has destroyed or reset it
    /// since.
    pub(crate) fn if_restored(self) -> Option<Session<T>> {
        let is_restored = self.origin() == session::meta::Origin::Restored;
        (is_restored && !self.meta.is_ended()).then_some(self)
    }
}

impl<T> Session<T> {
    /// Makes a token for a form; see [`Sessions::csrf_token`]. If this request renews or resets the
    /// session, ask after that.
    ///
    /// # Errors
    ///
    /// Those of [`Sessions::csrf_token`].
    pub fn csrf_token(&self) -> Result<String, EncodeError> {
        self.slot.sessions.token_of(&self.meta)
    }

    /// Returns whether a form's token was made for this session; see [`Sessions::verify_csrf`]. If it
    /// is `false`, change nothing and answer 403.
    #[must_use = "a form without a good token must change nothing"]
    pub fn verify_csrf(&self, token: &str) -> bool {
        self.slot.sessions.has_made(token, &self.meta)
    }
}

/// Where one request's session is, kept by the middleware, by the request (which carries it to the
/// handlers) and by all who have taken the session from it.
pub(crate) struct SessionSlot<T> {
    sessions: Sessions<T>,
    /// Set if a middleware of another type around this one writes the same cookie.
    nested: Option<Nested>,
    /// Locked while a session is loaded or moved in or out, never while a handler runs.
    state: Mutex<State<T>>,
}

struct State<T> {
    /// The session as the request brought it, once somebody has asked: what views are made of.
    arrived: Option<Box<Meta>>,
    /// The session as it was given back destroyed or reset: whoever panics with it after that does not
    /// undo it.
    thrown_out: Option<Box<Meta>>,
    holder: Holder<T>,
}

enum Holder<T> {
    /// Nobody has it: it was not loaded, or only views were taken.
    Nobody,
    InUse,
    Returned(Box<session::Session<T>>),
    /// Who had it panicked.
    Discarded,
    /// The response is on its way.
    Closed,
}

impl<T: Send + 'static> SessionSlot<T> {
    /// Returns the slot for a request, and all that the request is to carry: this one and those of the
    /// middlewares around.
    pub(crate) fn new(sessions: Sessions<T>, outer: Option<Slots>) -> (Arc<SessionSlot<T>>, Slots) {
        let nested = Slots::conflict::<T>(outer.as_ref(), sessions.cookie_name());
        if let Some(Nested { outer, inner }) = nested {
            telemetry::nested_middlewares((outer, inner), sessions.warnings(), Timestamp::now());
        }
        let state = Mutex::new(State { arrived: None, thrown_out: None, holder: Holder::Nobody });
        let slot = Arc::new(SessionSlot { sessions, nested, state });
        let slots = Slots::inside(outer, Arc::clone(&slot) as _);
        (slot, slots)
    }

    /// Returns the slot of this type among those that a request carries.
    pub(crate) fn find(slots: Option<&Slots>) -> Result<Arc<SessionSlot<T>>, SessionRejection> {
        slots.and_then(Slots::find).ok_or_else(SessionRejection::no_layer::<T>)
    }
}

impl<T: Send + 'static> AnySlot for SessionSlot<T> {
    fn cookie_name(&self) -> &str {
        self.sessions.cookie_name()
    }

    fn type_name(&self) -> &'static str {
        type_name::<T>()
    }
}

impl<T> SessionSlot<T> {
    /// A panic of the application's hooks while it is locked leaves it discarded, which is sound.
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// With debug assertions, refuses what would wipe out another middleware's cookie.
    fn check_nesting(&self) -> Result<(), SessionRejection> {
        match self.nested {
            Some(nested) if cfg!(debug_assertions) => Err(SessionRejection::nested::<T>(nested)),
            _ => Ok(()),
        }
    }
}

impl<T: Serialize + DeserializeOwned + Default> SessionSlot<T> {
    /// Takes the session, which is looked for in these `Cookie` headers at the first time only.
    pub(crate) fn take<'h>(
        self: Arc<Self>,
        cookie_headers: impl Iterator<Item = &'h [u8]>,
    ) -> Result<Session<T>, SessionRejection> {
        self.check_nesting()?;
        let mut state = self.state();
        let mut before = match &state.holder {
            Holder::InUse => return Err(SessionRejection::in_use::<T>()),
            Holder::Closed => return Err(SessionRejection::closed::<T>()),
            // Should the application's hooks panic, this is how it stays.
            _ => mem::replace(&mut state.holder, Holder::Discarded),
        };
        if let Holder::Returned(session) = &mut before
            && session.meta.is_ended()
        {
            state.thrown_out = Some(Box::new(session.meta.share()));
        }
        let session = match (before, &mut state.thrown_out) {
            // A destroyed one is as empty for the next holder as for the next request.
            (Holder::Returned(session), _) if !session.meta.changes.destroyed => session,
            (_, Some(meta)) => empty(meta.share()),
            (_, None) => self.session_as_it_arrived(&mut state, cookie_headers),
        };
        state.holder = Holder::InUse;
        drop(state);
        Ok(Session { session: Some(session), slot: self })
    }

    /// Returns a view of the session as the request brought it. After a session that was destroyed or
    /// reset was given back, it is that of a new visitor, so that no guard lets in a visitor whom a
    /// middleware has thrown out.
    pub(crate) fn view<'h>(
        &self,
        cookie_headers: impl Iterator<Item = &'h [u8]>,
    ) -> Result<SessionView<T>, SessionRejection> {
        self.check_nesting()?;
        let mut state = self.state();
        let view = |data, meta| SessionView::new(data, meta, self.sessions.clone());
        let State { holder, thrown_out, .. } = &mut *state;
        let (thrown_out, going_out) = match holder {
            Holder::Closed => return Err(SessionRejection::closed::<T>()),
            Holder::Returned(session) if session.meta.is_ended() => (Some(&mut session.meta), None),
            Holder::Returned(session) if session.meta.has_new_id() => {
                (None, Some(session.meta.share()))
            }
            _ => (thrown_out.as_deref_mut(), None),
        };
        if let Some(meta) = thrown_out {
            return Ok(view(T::default(), meta.of_new_visitor()));
        }
        if let Some(arrived) = &mut state.arrived {
            let mut meta = arrived.share();
            return Ok(match self.sessions.read_again(&meta) {
                Some(data) => view(data, meta).with_tokens_of(going_out),
                None => view(T::default(), meta.of_new_visitor()),
            });
        }
        // Should the application's hooks panic, this is how it stays.
        let before = mem::replace(&mut state.holder, Holder::Discarded);
        let (data, meta) = self.session_as_it_arrived(&mut state, cookie_headers).into_parts();
        state.holder = before;
        Ok(view(data, meta))
    }

    /// Loads the session, or makes it once more of what was loaded before.
    fn session_as_it_arrived<'h>(
        &self,
        state: &mut State<T>,
        cookie_headers: impl Iterator<Item = &'h [u8]>,
    ) -> Box<session::Session<T>> {
        if let Some(arrived) = &mut state.arrived
            && let Some(data) = self.sessions.read_again(arrived)
        {
            return Box::new(session::Session::from_parts(data, arrived.share()));
        }
        let mut session = self.sessions.load_cookies(cookie_headers, Timestamp::now());
        state.arrived = Some(Box::new(session.meta.share()));
        session
    }

    /// Ends all taking, for the response is ready. Returns `None` if nobody asked for the session: the
    /// response is left alone then.
    pub(crate) fn close(&self) -> Option<Closing<'_, T>> {
        let mut state = self.state();
        match (mem::replace(&mut state.holder, Holder::Closed), state.arrived.take()) {
            (Holder::Nobody | Holder::Closed, None) => None,
            (Holder::Nobody | Holder::Closed, Some(arrived)) => {
                Some(Closing::Viewed(&self.sessions, arrived))
            }
            (Holder::Returned(session), _) => Some(Closing::Returned(&self.sessions, session)),
            (Holder::InUse, arrived) => Some(Closing::InUse(shows_token(arrived))),
            (Holder::Discarded, arrived) => Some(match state.thrown_out.take() {
                Some(meta) => Closing::Returned(&self.sessions, empty(*meta)),
                None => Closing::Discarded(shows_token(arrived)),
            }),
        }
    }
}

/// A session that goes on with what was done to it, and without its data.
fn empty<T: Default>(meta: Meta) -> Box<session::Session<T>> {
    Box::new(session::Session::from_parts(T::default(), meta))
}

/// Whether a token was made for a session that will not be saved.
fn shows_token(arrived: Option<Box<Meta>>) -> bool {
    arrived.is_some_and(|meta| meta.token_shown.is_set())
}

/// What is left to do for a response that depended on the session.
pub(crate) enum Closing<'s, T> {
    Returned(&'s Sessions<T>, Box<session::Session<T>>),
    /// Only views were taken.
    Viewed(&'s Sessions<T>, Box<Meta>),
    /// With whether a form token was made.
    InUse(bool),
    /// The same.
    Discarded(bool),
}

impl<T: Serialize + DeserializeOwned + Default> Closing<'_, T> {
    /// Saves what was returned into the response's headers. After an error nothing of the handler's
    /// response may be sent, but an empty one with the headers [`caching::failure_headers`].
    pub(crate) fn save(self, headers: &mut HeaderMap) -> Result<Option<Saved>, EncodeError> {
        let saved = match self {
            Closing::Returned(sessions, session) => {
                sessions.save_borrowed(&session, headers, Timestamp::now())
            }
            Closing::Viewed(sessions, meta) => {
                sessions.save_viewed(&meta, headers, Timestamp::now())
            }
            Closing::InUse(token_shown) => {
                telemetry::still_in_use(type_name::<T>());
                caching::mark_unsaved(headers, token_shown);
                return Ok(None);
            }
            Closing::Discarded(token_shown) => {
                caching::mark_unsaved(headers, token_shown);
                return Ok(None);
            }
        };
        saved.map(Some).inspect_err(telemetry::save_failed)
    }
}

impl<T> Drop for Session<T> {
    fn drop(&mut self) {
        let next = match self.session.take() {
            Some(session) if !std::thread::panicking() => Holder::Returned(session),
            _ => Holder::Discarded,
        };
        let mut state = self.slot.state();
        if matches!(state.holder, Holder::InUse) {
            state.holder = next;
        }
    }
}

impl<T> Deref for Session<T> {
    type Target = session::Session<T>;

    fn deref(&self) -> &session::Session<T> {
        self.session.as_ref().expect("it is here until it is dropped")
    }
}

impl<T> DerefMut for Session<T> {
    fn deref_mut(&mut self) -> &mut session::Session<T> {
        self.session.as_mut().expect("it is here until it is dropped")
    }
}

impl<T> fmt::Debug for Session<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
