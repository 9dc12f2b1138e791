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
pub(crate) fn keys_refused(error: &crate::key_file::error::KeyFileError) {
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
