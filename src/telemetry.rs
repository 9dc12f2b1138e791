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

use crate::error::EncodeError;
use crate::keys::id::{KeyId, NamedKey};
use crate::rules::reason::Reason;
use crate::timestamp::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a subscriber filters by: the file in which an event is written is nobody's business.
#[cfg(feature = "tracing")]
const TARGET: &str = "sealed_session";

/// Keeps a warning that every request could give to one a minute.
#[derive(Debug, Default)]
struct OncePerMinute {
    /// Milliseconds since the Unix epoch.
    last: AtomicU64,
}

impl OncePerMinute {
    #[cfg_attr(not(feature = "tracing"), expect(dead_code))]
    fn may(&self, now: Timestamp) -> bool {
        let (last, now) = (self.last.load(Ordering::Relaxed), now.millis());
        // A clock that stepped back must not silence it.
        let is_due = last == 0 || now < last || now - last >= 60_000;
        is_due
            && self
                .last
                .compare_exchange(last, now.max(1), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

/// Which warnings a `Sessions` gave lately.
#[derive(Debug, Default)]
#[cfg_attr(not(feature = "tracing"), expect(dead_code))]
pub(crate) struct Warnings {
    kept: OncePerMinute,
    older_servers: OncePerMinute,
    timeouts: OncePerMinute,
    #[cfg(feature = "_adapter")]
    nested: OncePerMinute,
}

#[cfg(feature = "metrics")]
fn label(key: Option<NamedKey>) -> String {
    match key {
        None => "none".to_owned(),
        // Anyone can write any id into a cookie: those outside the ring do not become labels.
        Some(NamedKey { known: false, .. }) => "unknown".to_owned(),
        Some(NamedKey { id, .. }) => id.to_string(),
    }
}

/// A cookie was not accepted.
#[cfg_attr(not(any(feature = "tracing", feature = "metrics")), expect(unused_variables))]
pub(crate) fn rejected(reason: Reason, key: Option<NamedKey>) {
    #[cfg(feature = "tracing")]
    match key {
        None => tracing::debug!(target: TARGET, %reason, "session cookie rejected"),
        Some(NamedKey { id: key_id, .. }) => {
            tracing::debug!(target: TARGET, %reason, %key_id, "session cookie rejected");
        }
    }
    #[cfg(feature = "metrics")]
    metrics::counter!(
        "sealed_session_rejected_total",
        "reason" => reason.as_str(), "key_id" => label(key)
    )
    .increment(1);
}

/// A cookie was accepted.
#[cfg_attr(not(feature = "metrics"), expect(unused_variables))]
pub(crate) fn opened(key_id: KeyId) {
    #[cfg(feature = "metrics")]
    metrics::counter!("sealed_session_opened_total", "key_id" => key_id.to_string()).increment(1);
}

/// A session was sealed.
#[cfg_attr(not(feature = "metrics"), expect(unused_variables))]
pub(crate) fn sealed(key_id: KeyId) {
    #[cfg(feature = "metrics")]
    metrics::counter!("sealed_session_sealed_total", "key_id" => key_id.to_string()).increment(1);
}

/// A handler's change was not written, because the browser's cookie is kept.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn change_kept_out(
    reason: Reason,
    type_name: &str,
    warnings: &Warnings,
    now: Timestamp,
) {
    #[cfg(feature = "tracing")]
    if warnings.kept.may(now) {
        tracing::warn!(
            target: TARGET,
            %reason,
            type_name,
            "a change of the session was not written: the browser's cookie is kept for a server that can \
             use it. `renew()` or `reset()` would overwrite it. Said once a minute at most"
        );
    }
}

/// A renewal that nobody asked for could not be sealed.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn renewal_deferred(error: &EncodeError) {
    #[cfg(feature = "tracing")]
    tracing::error!(target: TARGET, %error, "session not renewed; its old cookie still counts");
}

/// A session was sealed in an older schema, in which a part of it is lost.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn lost_on_older_servers((new, old): (&str, &str), warnings: &Warnings, now: Timestamp) {
    #[cfg(feature = "tracing")]
    if warnings.older_servers.may(now) {
        tracing::warn!(
            target: TARGET,
            new,
            old,
            "`seal_as` loses a part of this session: `upgrade` does not bring it back. Use new fields \
             only when `seal_as` is gone. Said once a minute at most, with debug assertions only"
        );
    }
}

/// Timeouts of a session's own are going to be cut.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn timeouts_cut(problem: &str, warnings: &Warnings, now: Timestamp) {
    #[cfg(feature = "tracing")]
    if warnings.timeouts.may(now) {
        tracing::warn!(
            target: TARGET,
            problem,
            "`set_timeouts` asked for more than counts. Said once a minute at most"
        );
    }
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
pub(crate) fn keys_refused(error: &dyn std::fmt::Display) {
    #[cfg(feature = "tracing")]
    tracing::error!(target: TARGET, %error, "key file refused, the keys in use stay");
}

/// A response goes out as an error because its session could not be sealed.
#[cfg(feature = "_adapter")]
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn save_failed(error: &EncodeError) {
    #[cfg(feature = "tracing")]
    tracing::error!(target: TARGET, %error, "session not saved");
}

/// A response goes out while somebody still has its session.
#[cfg(feature = "_adapter")]
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn still_in_use(type_name: &str) {
    #[cfg(feature = "tracing")]
    tracing::error!(
        target: TARGET,
        type_name,
        "session not saved: it was still in use when the response was ready; drop it before"
    );
}

/// A handler asked for a session in a way that cannot work.
#[cfg(feature = "_adapter")]
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn misused(mistake: &dyn std::fmt::Display) {
    #[cfg(feature = "tracing")]
    tracing::error!(target: TARGET, %mistake, "session not extracted");
}

/// Two middlewares write one cookie.
#[cfg(feature = "_adapter")]
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn nested_middlewares(
    (outer, inner): (&str, &str),
    warnings: &Warnings,
    now: Timestamp,
) {
    #[cfg(feature = "tracing")]
    if warnings.nested.may(now) {
        tracing::error!(
            target: TARGET,
            outer,
            inner,
            "two session middlewares, one inside the other, write the same cookie and wipe each other \
             out: give one of them another `cookie_name`, or keep both in one type. Said once a minute \
             at most"
        );
    }
}
