//! Sessions that were ended before their deadlines: what ended is remembered, not what lives.
//!
//! ```text
//! end, destroy, end_others → number → put → list → unsent → entry → a feed
//! a feed → entry → apply → put → list         list → leave
//! load, save → request → list
//! ```

pub(crate) mod apply;
pub(crate) mod aside;
pub(crate) mod clock;
pub(crate) mod end;
pub(crate) mod entry;
pub(crate) mod error;
pub(crate) mod events;
pub(crate) mod feed_error;
pub(crate) mod file_feed;
pub(crate) mod health;
pub(crate) mod leave;
pub(crate) mod list;
pub(crate) mod number;
pub(crate) mod outbox;
pub(crate) mod packed;
pub(crate) mod put;
#[cfg(feature = "redis")]
pub(crate) mod redis_feed;
pub(crate) mod request;
pub(crate) mod snapshot;
pub(crate) mod subject;
pub(crate) mod sweep;
pub(crate) mod unsent;

#[cfg(test)]
mod tests;
