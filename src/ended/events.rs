//! What an operator is told about ended sessions: events of `tracing`, with no id and no data in them.

use crate::ended::error::ApplyError;
use crate::ended::subject::Subject;
#[cfg(feature = "tracing")]
use crate::telemetry::TARGET;
use crate::timestamp::Timestamp;

/// A session was ended on a server whose list has no feed. Told once.
pub(crate) fn without_feed() {
    #[cfg(feature = "tracing")]
    tracing::warn!(target: TARGET,
        "a session was ended, and its list has no feed: other servers do not hear of it and a \
         restart forgets it; open a `FileFeed` or a `RedisFeed`"
    );
}

/// The closure given to `.subject(…)` returned an empty text. Told once.
pub(crate) fn empty_subject() {
    #[cfg(feature = "tracing")]
    tracing::warn!(target: TARGET,
        "the closure given to `.subject(…)` returned an empty text, which counts as nobody: return \
         `None` for a session that is nobody's"
    );
}

/// An entry of ended sessions lies ahead of this server's clock.
pub(crate) fn from_the_future() {
    #[cfg(feature = "tracing")]
    tracing::error!(target: TARGET,
        "entries of ended sessions lie too far ahead and do not count yet: check this server's clock \
         and those of the others"
    );
}

/// Entries of ended sessions had to leave for room.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn list_full(max_entries: usize, everyone: Timestamp) {
    #[cfg(feature = "tracing")]
    tracing::error!(target: TARGET, max_entries, everyone = %everyone.to_time(),
        "the list of ended sessions is full: the oldest left it, and every session created before \
         `everyone` is refused on this server; raise `with_max_entries`"
    );
}

/// The file of a feed, most of which no longer matters, could not be written anew.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn feed_not_compacted(problem: &str) {
    #[cfg(feature = "tracing")]
    tracing::error!(target: TARGET, problem,
        "the file of ended sessions could not be written anew: that is tried again in a minute, and ends \
         are carried meanwhile"
    );
}

/// The stream of ended sessions could not be trimmed.
#[cfg(feature = "redis")]
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn feed_not_trimmed(error: &redis::RedisError) {
    #[cfg(feature = "tracing")]
    tracing::error!(target: TARGET, %error,
        "the stream of ended sessions could not be trimmed, so it grows: that is tried again, and ends \
         are carried meanwhile; Redis before 6.2 cannot trim by age"
    );
}

/// A subject's cut cannot grow any more.
pub(crate) fn numbers_ran_out() {
    #[cfg(feature = "tracing")]
    tracing::error!(target: TARGET,
        "a subject's cut cannot grow any more, so every session created before now was ended: find \
         out who writes to the feed, and which clock is wrong"
    );
}

/// A subject ended so many sessions that all of them were ended.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn too_often(subject: Subject) {
    #[cfg(feature = "tracing")]
    tracing::info!(target: TARGET, ?subject,
        "a subject ended 65 sessions, so all its sessions were ended"
    );
}

/// A feed of ended sessions skips an entry.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn feed_entry_refused(error: &ApplyError) {
    #[cfg(feature = "tracing")]
    tracing::error!(target: TARGET, %error, "an entry in the feed of ended sessions was skipped");
}

/// A feed of ended sessions does not get on.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn feed_behind(problem: &str) {
    #[cfg(feature = "tracing")]
    tracing::error!(target: TARGET, problem,
        "the feed of ended sessions is behind: ends do not reach other servers, or theirs do not reach \
         this one"
    );
}

/// It gets on again.
pub(crate) fn feed_caught_up() {
    #[cfg(feature = "tracing")]
    tracing::info!(target: TARGET, "the feed of ended sessions has caught up");
}

/// The stream of ended sessions is not the one that was read.
#[cfg(feature = "redis")]
pub(crate) fn feed_lost_entries() {
    #[cfg(feature = "tracing")]
    tracing::error!(target: TARGET,
        "the feed of ended sessions lost entries (restored, flushed, or trimmed by somebody else): \
         what this server knows is sent again"
    );
}

/// What a scrape sees of a feed.
#[cfg_attr(not(feature = "metrics"), expect(unused_variables))]
pub(crate) fn feed_gauges(namespace: &str, is_behind: bool, unsent: usize) {
    #[cfg(feature = "metrics")]
    {
        let gauge = |name, value| {
            metrics::gauge!(name, "namespace" => namespace.to_owned()).set(value);
        };
        gauge("sealed_session_ended_feed_behind", if is_behind { 1.0 } else { 0.0 });
        gauge("sealed_session_ended_feed_unsent", unsent as f64);
    }
}
