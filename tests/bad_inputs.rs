//! Inputs and events to survive: one named test or more for each entry of the list in
//! `bad_inputs/README.md`, with the entry's number and the file that must stop the input.
//!
//! What may become of a refused cookie, in the words of the helpers below: it is *cleared* (the
//! response removes it), *left* (not removed, but overwritten by changed data) or *kept* (neither).

mod support;

// Around the files of the folder, for which Rust would otherwise look beside this one.
mod bad_inputs {
    mod abuse;
    mod envelope;
    mod environment;
    mod header;
    mod list;
    mod payload;
    mod secrets;
}

use cookie::SameSite;
use http::HeaderMap;
use sealed_session::{Origin, Reason, Saved, Session, Sessions};
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Debug;
use support::fixtures::*;
use time::{Duration, OffsetDateTime};

/// Loads `value`, which must be refused for `reason` and make the visitor a new one.
#[track_caller]
fn assert_miss<T>(sessions: &Sessions<T>, value: &str, reason: Reason) -> Session<T>
where
    T: Serialize + DeserializeOwned + Default + Debug + PartialEq,
{
    assert_eq!(refusal(sessions, value), reason);
    let session = sessions.load_at(&request_with(value), NOW);
    assert_eq!(session.origin(), Origin::Rejected(reason));
    assert_eq!(*session, T::default());
    session
}

/// Saves `session` at [`NOW`] into an empty response.
fn save<T>(sessions: &Sessions<T>, session: Session<T>) -> (Saved, HeaderMap)
where
    T: Serialize + DeserializeOwned + Default,
{
    let mut response = HeaderMap::new();
    let saved = sessions.save_at(session, &mut response, NOW).unwrap();
    (saved, response)
}

/// Refused, and removed from the browser.
#[track_caller]
fn assert_cleared<T>(sessions: &Sessions<T>, value: &str, reason: Reason)
where
    T: Serialize + DeserializeOwned + Default + Debug + PartialEq,
{
    let (saved, response) = save(sessions, assert_miss(sessions, value, reason));
    assert_eq!(saved, Saved::Removed);
    assert_removal(&response);
}

/// The removal cookie, with the very attributes that ours is set with.
#[track_caller]
fn assert_removal(response: &HeaderMap) {
    let cookie = set_cookie(response);
    assert_eq!((cookie.name(), cookie.value()), (NAME, ""));
    assert_eq!(cookie.max_age(), Some(Duration::ZERO));
    assert!(cookie.expires_datetime().is_some_and(|time| time < NOW));
    assert_eq!(cookie.path(), Some("/"));
    assert_eq!(cookie.same_site(), Some(SameSite::Lax));
    assert_eq!((cookie.secure(), cookie.http_only()), (Some(true), Some(true)));
    assert_eq!(cookie.domain(), None);
}

/// Refused, not removed, and overwritten only by changed data.
#[track_caller]
fn assert_left(sessions: &Sessions<Visit>, value: &str, reason: Reason) {
    assert_nothing_set(save(sessions, assert_miss(sessions, value, reason)));
    let mut session = assert_miss(sessions, value, reason);
    session.page_views += 1;
    let (saved, response) = save(sessions, session);
    assert_eq!(saved, Saved::Written);
    assert_ne!(set_cookie(&response).value(), "");
}

/// Refused, and neither removed nor overwritten, even by changed data.
#[track_caller]
fn assert_kept(sessions: &Sessions<Visit>, value: &str, reason: Reason) {
    assert_nothing_set(save(sessions, assert_miss(sessions, value, reason)));
    let mut session = assert_miss(sessions, value, reason);
    session.page_views += 1;
    let (saved, response) = save(sessions, session);
    assert_eq!(saved, Saved::Kept, "the change was not written, and that is told");
    assert!(set_cookies(&response).is_empty());
}

#[track_caller]
fn assert_nothing_set((saved, response): (Saved, HeaderMap)) {
    assert_eq!(saved, Saved::Unchanged);
    assert!(set_cookies(&response).is_empty());
}

/// Whether `value` opens at `now`, as Ann's session.
fn opens_at(sessions: &Sessions<Visit>, value: &str, now: OffsetDateTime) -> bool {
    sessions.decode_at(value, now).is_ok_and(|session| *session == visit(7, "ann"))
}
