//! What counts: why a cookie is refused, and when a session ends.

pub(crate) mod reason;
pub(crate) mod timeouts;
