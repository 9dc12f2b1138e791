//! What is told of a key file that is watched.

use crate::key_file::error::KeyFileError;
use crate::keys::id::KeyId;
use crate::keys::ring::KeyState;
use crate::telemetry::OncePerMinute;
#[cfg(feature = "tracing")]
use crate::telemetry::TARGET;
#[cfg(feature = "tracing")]
use crate::timestamp::Timestamp;
use std::path::Path;
use time::{Duration, OffsetDateTime};

/// A key file was read for the first time and its keys are in use.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn in_use(generation: u64, states: &[(KeyId, KeyState)]) {
    #[cfg(feature = "tracing")]
    tracing::info!(target: TARGET, generation, keys = in_words(states), "key file in use");
}

/// A key file was read again and its keys are in use.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn reloaded(generation: u64, states: &[(KeyId, KeyState)]) {
    #[cfg(feature = "tracing")]
    tracing::info!(target: TARGET, generation, keys = in_words(states), "key file reloaded");
}

#[cfg(feature = "tracing")]
fn in_words(states: &[(KeyId, KeyState)]) -> String {
    let states: Vec<String> = states.iter().map(|(id, state)| format!("{id} {state}")).collect();
    states.join(", ")
}

/// A key of the key file does something else than before; `None` if it is not in the file.
#[cfg_attr(not(any(feature = "tracing", feature = "metrics")), expect(unused_variables))]
pub(crate) fn state_changed(key_id: KeyId, before: Option<KeyState>, after: Option<KeyState>) {
    #[cfg(feature = "tracing")]
    {
        let name = |state: Option<KeyState>| state.map_or("absent", KeyState::as_str);
        let (before, after) = (name(before), name(after));
        tracing::info!(target: TARGET, %key_id, before, after, "key changed its state");
    }
    #[cfg(feature = "metrics")]
    if let Some(before) = before {
        state_gauge(key_id, before, 0.0);
    }
}

/// What a scrape sees of the key file. Told at every look, for a recorder may come late.
#[cfg_attr(not(feature = "metrics"), expect(unused_variables))]
pub(crate) fn gauges(
    generation: u64,
    confirmed_at: OffsetDateTime,
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
            state_gauge(*key_id, *state, 1.0);
        }
    }
}

#[cfg(feature = "metrics")]
fn state_gauge(key_id: KeyId, state: KeyState, value: f64) {
    metrics::gauge!(
        "sealed_session_key_state", "key_id" => key_id.to_string(), "state" => state.as_str()
    )
    .set(value);
}

/// A key file was read again, and no `Sessions` has its keys.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn nothing_attached(file: &Path) {
    #[cfg(feature = "tracing")]
    tracing::warn!(target: TARGET, file = %file.display(),
        "key file reloaded, and no `Sessions` is attached to get its keys: call `KeyWatch::attach`"
    );
}

/// A rotation ends a key before the sessions that it sealed.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn drain_too_short(file: &Path, key_id: KeyId, drain: Duration, needed: Duration) {
    #[cfg(feature = "tracing")]
    tracing::warn!(target: TARGET, file = %file.display(), %key_id, %drain, %needed,
        "the key ends before the sessions that it sealed, so their visitors are signed out: rotate \
         with `--max-session` at least as long as the longest idle timeout"
    );
}

/// A key file was taken into use although none of its keys seals now, because it ends sessions.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn seal_nothing(generation: u64) {
    #[cfg(feature = "tracing")]
    tracing::error!(target: TARGET, generation,
        "no key of the key file seals now, and it was taken because it ends sessions: pages that \
         change a session fail until a key seals; check the clocks"
    );
}

/// A key file was read again and the keys in use stay.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn refused(error: &KeyFileError) {
    #[cfg(feature = "tracing")]
    tracing::error!(target: TARGET, %error, "key file refused, the keys in use stay");
}

/// A key file that was refused or could not be read says again what is in use.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn recovered(generation: u64) {
    #[cfg(feature = "tracing")]
    tracing::info!(target: TARGET, generation, "key file is accepted again, the keys in use stay");
}

/// A cookie names a key that the file, read since, does not have.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(crate) fn key_stays_unknown(
    file: &Path,
    key_id: KeyId,
    warned: &OncePerMinute,
    now: OffsetDateTime,
) {
    #[cfg(feature = "tracing")]
    if warned.may(Timestamp::from_time(now)) {
        tracing::warn!(target: TARGET, file = %file.display(), %key_id,
            "a cookie names a key that is not in use here, and the key file was read again since: \
             compare its generation with that of the other servers. If they are equal, the cookie is \
             left over or forged. Said once a minute at most"
        );
    }
}
