//! What logs and counters are told: reasons and key ids, never a value.
//!
//! A reason to reject cookies is told and counted once a request, with the key of the first cookie that
//! it applies to. With the feature `tracing` that is a DEBUG event, and what somebody must see to is a
//! WARN event a minute at most. With `metrics`:
//!
//! | metric | labels | what it counts or measures |
//! | --- | --- | --- |
//! | `sealed_session_opened_total` | `key_id` | cookies that were accepted |
//! | `sealed_session_rejected_total` | `reason`, `key_id` (`unknown` if the ring has no such key, `none` before it was read) | cookies that were not, each reason once a request |
//! | `sealed_session_sealed_total` | `key_id` | sessions that were sealed, in a response or by `encode` |
//! | `sealed_session_cookie_bytes` | | their cookies: name, `=` and value, of which a browser takes 4096 (a histogram) |
//! | `sealed_session_written_total` | `cause`: `changed`, `renewed` (by `renew` or `reset`), `form` (a new visitor got a form token), `due` (for renewal), `upgraded` (to another schema), `migrated` | responses that set the cookie |
//! | `sealed_session_kept_total` | `reason` | changes that were not written, because the cookie is kept for another server |
//! | `sealed_session_unsaved_total` | `error`: `too_large`, `no_sealing_key` and the like, or `in_use` | changes that were not written, because they could not be sealed or the session was still in use when the response was ready |
//! | `sealed_session_migrated_total` | | cookies of another library that were accepted |
//!
//! with a feed of ended sessions, by `namespace`:
//!
//! | gauge | value |
//! | --- | --- |
//! | `sealed_session_ended_feed_behind` | 1 while ends of this server do not reach others, or theirs do not reach it |
//! | `sealed_session_ended_feed_unsent` | ends of this server that the feed does not have yet |
//!
//! and, with a key file that is watched:
//!
//! | gauge | labels | value |
//! | --- | --- | --- |
//! | `sealed_session_key_file_generation` | | of the keys in use |
//! | `sealed_session_key_file_confirmed_timestamp_seconds` | | when the file last said what is in use |
//! | `sealed_session_key_file_error` | | 1 while the file is refused or cannot be read |
//! | `sealed_session_key_state` | `key_id`, `state` | 1 for the state that a key is in |
//!
//! When `opened` of an old key's id has stopped growing, the key is safe to drop.

use crate::error::EncodeError;
use crate::keys::id::{KeyId, NamedKey};
use crate::rules::reason::Reason;
use crate::timestamp::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(feature = "key-file")]
pub(crate) mod key_file;

/// What a subscriber filters by: the file in which an event is written is nobody's business.
#[cfg(feature = "tracing")]
pub(crate) const TARGET: &str = "sealed_session";

/// Keeps an event that every request could give, or an attempt that fails, to one a minute.
#[derive(Debug, Default)]
pub(crate) struct OncePerMinute {
    /// Milliseconds since the Unix epoch.
    last: AtomicU64,
}

impl OncePerMinute {
    /// When it last was.
    #[cfg(test)]
    pub(crate) fn last(&self) -> Option<Timestamp> {
        Some(self.last.load(Ordering::Relaxed)).filter(|last| *last > 0).map(Timestamp::from_millis)
    }

    pub(crate) fn may(&self, now: Timestamp) -> bool {
        let (last, now) = (self.last.load(Ordering::Relaxed), now.millis());
        // Whichever way it went: a clock that was set back by an hour must not silence it for an hour.
        let is_due = last == 0 || now.abs_diff(last) >= 60_000;
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
    ended: OncePerMinute,
    others: OncePerMinute,
    older_servers: OncePerMinute,
    timeouts: OncePerMinute,
    not_yet_valid: OncePerMinute,
    invalid_payload: OncePerMinute,
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
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn rejected(
    reason: Reason,
    key: Option<NamedKey>,
    type_name: &str,
    warnings: &Warnings,
    now: Timestamp,
) {
    #[cfg(feature = "tracing")]
    match key {
        None => tracing::debug!(target: TARGET, %reason, "session cookie rejected"),
        Some(NamedKey { id: key_id, known: true }) if reason == Reason::Forged => {
            tracing::debug!(
                target: TARGET,
                %reason,
                %key_id,
                "session cookie rejected: it was changed, or another `app` of this server writes the same \
                 cookie name under the same keys and needs a `cookie_name` of its own"
            );
        }
        Some(NamedKey { id: key_id, .. }) => {
            tracing::debug!(target: TARGET, %reason, %key_id, "session cookie rejected");
        }
    }
    #[cfg(feature = "tracing")]
    match reason {
        Reason::NotYetValid if warnings.not_yet_valid.may(now) => tracing::warn!(
            target: TARGET,
            "a session from over 60 s ahead of this server's clock was not accepted: check this \
             server's clock and those of the others. Said once a minute at most"
        ),
        Reason::InvalidPayload if warnings.invalid_payload.may(now) => tracing::warn!(
            target: TARGET,
            type_name,
            "an authentic session holds other data than this type: did its shape change? Raise \
             `schema_version`, and add an `upgrade` from the type before. Said once a minute at most"
        ),
        _ => {}
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
pub(crate) fn sealed(key_id: KeyId, cookie_len: usize) {
    #[cfg(feature = "metrics")]
    {
        metrics::counter!("sealed_session_sealed_total", "key_id" => key_id.to_string())
            .increment(1);
        metrics::histogram!("sealed_session_cookie_bytes").record(cookie_len as f64);
    }
}

/// A response sets the cookie.
#[cfg_attr(not(feature = "metrics"), expect(unused_variables))]
pub(crate) fn written(cause: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("sealed_session_written_total", "cause" => cause).increment(1);
}

/// A cookie of another library was accepted.
#[cfg(feature = "private-jar")]
pub(crate) fn migrated() {
    #[cfg(feature = "tracing")]
    tracing::debug!(target: TARGET, "session migrated from another library's cookie");
    #[cfg(feature = "metrics")]
    metrics::counter!("sealed_session_migrated_total").increment(1);
}

/// A handler's change was not written, because the browser's cookie is kept.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn change_kept_out(
    reason: Reason,
    type_name: &str,
    warnings: &Warnings,
    now: Timestamp,
) {
    #[cfg(feature = "metrics")]
    metrics::counter!("sealed_session_kept_total", "reason" => reason.as_str()).increment(1);
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

/// A handler's change was not written, because the session ended meanwhile.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn ended_meanwhile(why: &str, type_name: &str, warnings: &Warnings, now: Timestamp) {
    #[cfg(feature = "tracing")]
    if warnings.ended.may(now) {
        tracing::warn!(
            target: TARGET,
            why,
            type_name,
            "a change of the session was not written, so that an ended session does not come back. Said \
             once a minute at most"
        );
    }
}

/// `end_others` was called, and then the session was destroyed or its subject taken away.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn others_not_ended(why: &str, type_name: &str, warnings: &Warnings, now: Timestamp) {
    #[cfg(feature = "tracing")]
    if warnings.others.may(now) {
        tracing::warn!(
            target: TARGET,
            why,
            type_name,
            "`end_others` did nothing: call `EndedSessions::end_all_of` to end this session, too. Said \
             once a minute at most"
        );
    }
}

/// A handler's change could not be sealed: the caller of `save` gets the error.
#[cfg_attr(not(feature = "metrics"), expect(unused_variables))]
pub(crate) fn change_failed(error: &EncodeError) {
    #[cfg(feature = "metrics")]
    unsaved(error.label());
}

#[cfg(feature = "metrics")]
fn unsaved(error: &'static str) {
    metrics::counter!("sealed_session_unsaved_total", "error" => error).increment(1);
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
    #[cfg(feature = "metrics")]
    unsaved("in_use");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_comes_once_a_minute_whichever_way_the_clock_goes() {
        let once = OncePerMinute::default();
        let may = |millis| once.may(Timestamp::from_millis(millis));
        assert!(may(1_000_000));
        assert!(!may(1_000_000) && !may(1_059_999));
        assert!(may(1_060_000));
        assert!(!may(1_000_001));
        assert!(may(1_000_000));
    }
}
