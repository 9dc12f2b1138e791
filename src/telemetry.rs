//! What logs and counters are told: reasons and key ids, never a value.
//!
//! With the feature `tracing`, each rejection is one DEBUG event. With `metrics`:
//!
//! | counter | labels |
//! | --- | --- |
//! | `sealed_session_opened_total` | `key_id` |
//! | `sealed_session_rejected_total` | `reason`, `key_id` (`unknown` if the ring has no such key, `none` before it was read) |
//! | `sealed_session_sealed_total` | `key_id` |
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
#[cfg(feature = "key-file")]
use crate::keys::ring::KeyState;
use crate::rules::reason::Reason;
use crate::timestamp::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a subscriber filters by: the file in which an event is written is nobody's business.
#[cfg(feature = "tracing")]
pub(crate) const TARGET: &str = "sealed_session";

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
    ended: OncePerMinute,
    others: OncePerMinute,
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
        Some(NamedKey { id: key_id, known: true }) if reason == Reason::Forged => {
            tracing::debug!(
                target: TARGET,
                %reason,
                %key_id,
                "session cookie rejected: it was changed, or another `app` of this server writes the same                  cookie name under the same keys and needs a `cookie_name` of its own"
            );
        }
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

/// `end_others` was called and the session was then destroyed.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn others_not_ended(type_name: &str, warnings: &Warnings, now: Timestamp) {
    #[cfg(feature = "tracing")]
    if warnings.others.may(now) {
        tracing::warn!(
            target: TARGET,
            type_name,
            "`end_others` did nothing, because the session was destroyed in the same request: call \
             `EndedSessions::end_all_of` to end this one, too. Said once a minute at most"
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

/// A key file was read for the first time and its keys are in use.
#[cfg(feature = "key-file")]
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn keys_in_use(generation: u64, states: &[(KeyId, KeyState)]) {
    #[cfg(feature = "tracing")]
    tracing::info!(target: TARGET, generation, keys = in_words(states), "key file in use");
}

/// A key file was read again and its keys are in use.
#[cfg(feature = "key-file")]
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn keys_reloaded(generation: u64, states: &[(KeyId, KeyState)]) {
    #[cfg(feature = "tracing")]
    tracing::info!(target: TARGET, generation, keys = in_words(states), "key file reloaded");
}

#[cfg(all(feature = "key-file", feature = "tracing"))]
fn in_words(states: &[(KeyId, KeyState)]) -> String {
    let states: Vec<String> = states.iter().map(|(id, state)| format!("{id} {state}")).collect();
    states.join(", ")
}

/// A key of the key file does something else than before; `None` if it is not in the file.
#[cfg(feature = "key-file")]
#[cfg_attr(not(any(feature = "tracing", feature = "metrics")), expect(unused_variables))]
pub(crate) fn key_state_changed(key_id: KeyId, before: Option<KeyState>, after: Option<KeyState>) {
    #[cfg(feature = "tracing")]
    {
        let name = |state: Option<KeyState>| state.map_or("absent", KeyState::as_str);
        let (before, after) = (name(before), name(after));
        tracing::info!(target: TARGET, %key_id, before, after, "key changed its state");
    }
    #[cfg(feature = "metrics")]
    if let Some(before) = before {
        key_state_gauge(key_id, before, 0.0);
    }
}

/// What a scrape sees of the key file. Told at every look, for a recorder may come late.
#[cfg(feature = "key-file")]
#[cfg_attr(not(feature = "metrics"), expect(unused_variables))]
pub(crate) fn key_file_gauges(
    generation: u64,
    confirmed_at: time::OffsetDateTime,
    has_error: bool,
    states: &[(KeyId, KeyState)],
) {
    #[cfg(feature = "metrics")]
    {
        metrics::gauge!("sealed_session_key_file_generation").set(generation as f64);
        metrics::gauge!("sealed_session_key_file_confirmed_timestamp_seconds")
            .set(confirmed_at.unix_timestamp() as f64);
        metrics::gauge!("sealed_session_key_file_error").set(if has_error { 1.0 } else { 0.0 });
        for (key_id, state) in states {
            key_state_gauge(*key_id, *state, 1.0);
        }
    }
}

#[cfg(all(feature = "key-file", feature = "metrics"))]
fn key_state_gauge(key_id: KeyId, state: KeyState, value: f64) {
    metrics::gauge!(
        "sealed_session_key_state", "key_id" => key_id.to_string(), "state" => state.as_str()
    )
    .set(value);
}

/// A key file was read again, and no `Sessions` has its keys.
#[cfg(feature = "key-file")]
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn nothing_attached(file: &std::path::Path) {
    #[cfg(feature = "tracing")]
    tracing::warn!(target: TARGET, file = %file.display(),
        "key file reloaded, and no `Sessions` is attached to get its keys: call `KeyWatch::attach`"
    );
}

/// A rotation ends a key before the sessions that it sealed.
#[cfg(feature = "key-file")]
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn drain_too_short(
    file: &std::path::Path,
    key_id: KeyId,
    drain: time::Duration,
    needed: time::Duration,
) {
    #[cfg(feature = "tracing")]
    tracing::warn!(target: TARGET, file = %file.display(), %key_id, %drain, %needed,
        "the key ends before the sessions that it sealed, so their visitors are signed out: rotate \
         with `--max-session` at least as long as the longest idle timeout"
    );
}

/// A key file was taken into use although none of its keys seals now, because it ends sessions.
#[cfg(feature = "key-file")]
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn keys_seal_nothing(generation: u64) {
    #[cfg(feature = "tracing")]
    tracing::error!(target: TARGET, generation,
        "no key of the key file seals now, and it was taken because it ends sessions: pages that \
         change a session fail until a key seals; check the clocks"
    );
}

/// A key file was read again and the keys in use stay.
#[cfg(feature = "key-file")]
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn keys_refused(error: &crate::key_file::error::KeyFileError) {
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
