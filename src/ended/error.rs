//! What can be wrong with an end, and with an entry of a feed.

/// A session, or the sessions of a subject, could not be ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndError {
    /// No session has such an id.
    #[error("this is not the id of a session: pass the UUIDv7 that `Session::id` returned")]
    NotASessionId,
    /// The id tells a creation more than a day ahead of this server's clock.
    #[error(
        "this id says that its session was created more than a day from now: set this server's clock right, \
         or check where the id comes from"
    )]
    FromTheFuture,
    /// The subject is the empty string, which nobody is.
    #[error(
        "the subject is empty: pass what the closure given to `.subject(…)` returns for a user"
    )]
    EmptySubject,
}

/// A session that is nobody's cannot end the others of its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the session is nobody's, so there are no others to end: sign the user in first, and give the \
     `Sessions` that loads it `.ended(…)` and `.subject(…)`"
)]
pub struct NoSubject;

/// The bytes are no entry that this list takes. A feed skips them and goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// The bytes are no entry, were changed, or were written for another namespace.
    #[error(
        "these bytes are not an entry of this namespace: keep other data out of the feed, and give each \
         application a feed of its own"
    )]
    NotAnEntry,
    /// The entry is written by a later version of this crate.
    #[error("the entry has version {0}: update this server, which reads version 1")]
    UnknownVersion(u8),
    /// The cut is greater than any that this crate makes.
    #[error("the cut {0} is greater than any that a server makes: find out who writes to the feed")]
    NumberTooLarge(u32),
}
