//! What logs and counters are told: reasons and key ids, never a value.
//!
//! With the feature `tracing`, each rejection is one DEBUG event. With `metrics`:
//!
//! | counter | labels |
//! | --- | --- |
//! | `sealed_session_opened_total` | `key_id` |
//! | `sealed_session_rejected_total` | `reason`, `key_id` (`unknown` where the ring has no such key, `none` before it was read) |
//! | `sealed_session_sealed_total` | `key_id` |
//!
//! When `opened` of an old key's id has stopped growing, the key is safe to drop.

use crate::keys::id::KeyId;
use crate::rules::reason::Reason;

/// What a subscriber filters by: the file in which an event is written is nobody's business.
#[cfg(feature = "tracing")]
const TARGET: &str = "sealed_session";

/// What is known of the key of a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SealedBy {
    /// The cookie was rejected before its key id was read.
    Unread,
    /// Anybody can write any id into a cookie: those outside the ring do not become labels.
    Unknown(KeyId),
    Known(KeyId),
}

#[cfg(feature = "metrics")]
impl SealedBy {
    fn label(self) -> String {
        match self {
            SealedBy::Unread => "none".to_owned(),
            SealedBy::Unknown(_) => "unknown".to_owned(),
            SealedBy::Known(id) => id.to_string(),
        }
    }
}

#[cfg_attr(not(any(feature = "tracing", feature = "metrics")), expect(unused_variables))]
pub(crate) fn rejected(reason: Reason, sealed_by: SealedBy) {
    #[cfg(feature = "tracing")]
    match sealed_by {
        SealedBy::Unread => tracing::debug!(target: TARGET, %reason, "session cookie rejected"),
        SealedBy::Unknown(key_id) | SealedBy::Known(key_id) => {
            tracing::debug!(target: TARGET, %reason, %key_id, "session cookie rejected");
        }
    }
    #[cfg(feature = "metrics")]
    metrics::counter!(
        "sealed_session_rejected_total",
        "reason" => reason.as_str(), "key_id" => sealed_by.label()
    )
    .increment(1);
}

#[cfg_attr(not(feature = "metrics"), expect(unused_variables))]
pub(crate) fn opened(sealed_by: SealedBy) {
    #[cfg(feature = "metrics")]
    metrics::counter!("sealed_session_opened_total", "key_id" => sealed_by.label()).increment(1);
}

#[cfg_attr(not(feature = "metrics"), expect(unused_variables))]
pub(crate) fn sealed(key_id: KeyId) {
    #[cfg(feature = "metrics")]
    metrics::counter!("sealed_session_sealed_total", "key_id" => key_id.to_string()).increment(1);
}

/// Told at every start, for as long as the setting is on.
pub(crate) fn insecure(cookie_name: &str) {
    #[cfg(feature = "tracing")]
    tracing::warn!(target: TARGET, cookie_name,
        "insecure_for_development(): session cookies travel without `Secure`; never do this in production"
    );
    #[cfg(not(feature = "tracing"))]
    eprintln!(
        "sealed-session: insecure_for_development(): the session cookie `{cookie_name}` travels \
         without `Secure`; never do this in production"
    );
}

/// A key file was read again and its keys are in use.
#[cfg(feature = "key-file")]
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn keys_loaded(generation: u64) {
    #[cfg(feature = "tracing")]
    tracing::info!(target: TARGET, generation, "key file reloaded");
}

/// A key file was read again and the keys in use stay.
#[cfg(feature = "key-file")]
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn keys_refused(error: &crate::key_file::KeyFileError) {
    #[cfg(feature = "tracing")]
    tracing::error!(target: TARGET, %error, "key file refused, the keys in use stay");
}

/// A response goes out as an error because its session could not be sealed.
#[cfg(feature = "_adapter")]
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn save_failed(error: &crate::error::EncodeError) {
    #[cfg(feature = "tracing")]
    tracing::error!(target: TARGET, %error, "session not saved");
}

/// A response goes out while somebody still holds its session.
#[cfg(feature = "_adapter")]
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn still_held(type_name: &str) {
    #[cfg(feature = "tracing")]
    tracing::error!(target: TARGET, type_name,
        "session not saved: it was still held when the response was ready; drop it before"
    );
}

/// A session was ended on a server whose list has no feed. Told once.
pub(crate) fn ended_without_feed() {
    #[cfg(feature = "tracing")]
    tracing::warn!(target: TARGET,
        "a session was ended, and its list has no feed: other servers do not hear of it and a \
         restart forgets it; open a `FileFeed` or a `RedisFeed`"
    );
}

/// An entry of ended sessions lies ahead of this server's clock.
pub(crate) fn ended_from_the_future() {
    #[cfg(feature = "tracing")]
    tracing::error!(target: TARGET,
        "entries of ended sessions lie too far ahead and do not count yet: check this server's clock \
         and those of the others"
    );
}

/// Entries of ended sessions had to leave for room.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn ended_list_full(max_entries: usize, everyone: crate::timestamp::Timestamp) {
    #[cfg(feature = "tracing")]
    tracing::error!(target: TARGET, max_entries, everyone = %everyone.to_time(),
        "the list of ended sessions is full: the oldest left it, and every session created before \
         `everyone` is refused on this server; raise `with_max_entries`"
    );
}

/// A subject's cut cannot grow any more.
pub(crate) fn ended_numbers_ran_out() {
    #[cfg(feature = "tracing")]
    tracing::error!(target: TARGET,
        "a subject's cut cannot grow any more, so every session created before now was ended: find \
         out who writes to the feed, and which clock is wrong"
    );
}

/// A subject ended so many sessions that all of them were ended.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn ended_too_often(subject: crate::ended::subject::Subject) {
    #[cfg(feature = "tracing")]
    tracing::info!(target: TARGET, ?subject,
        "a subject ended 65 sessions, so all its sessions were ended"
    );
}

/// A feed of ended sessions skips an entry.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn feed_entry_refused(error: &crate::ended::error::ApplyError) {
    #[cfg(feature = "tracing")]
    tracing::error!(target: TARGET, %error, "an entry in the feed of ended sessions was skipped");
}

/// A feed of ended sessions does not get on.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn feed_behind(problem: &str) {
    #[cfg(feature = "tracing")]
    tracing::error!(target: TARGET, problem,
        "the feed of ended sessions is behind: ends do not reach other servers, and theirs not this one"
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
