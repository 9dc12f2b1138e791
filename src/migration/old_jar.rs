//! Cookies of the library that was used before: under which name and key, and until when?

use crate::headers::cookie::CookieFinder;
use crate::headers::set_cookie::CookieWriter;
use crate::timestamp::Timestamp;
use std::sync::Arc;

/// Makes a session's data of what the application kept in the old cookie.
pub(crate) type Convert<T> = Arc<dyn Fn(&str) -> Option<T> + Send + Sync>;

/// One jar whose cookies are still accepted.
pub(crate) struct OldJar<T> {
    pub(crate) name: String,
    pub(crate) key: cookie::Key,
    /// When its sessions count as created.
    pub(crate) since: Timestamp,
    /// From when on none is accepted.
    pub(crate) until: Timestamp,
    pub(crate) convert: Convert<T>,
    pub(crate) finder: CookieFinder,
    /// For its removal.
    pub(crate) writer: CookieWriter,
}
