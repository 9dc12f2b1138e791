//! What counts: why a cookie is refused, when a session ends, what is written.

pub(crate) mod decision;
pub(crate) mod reason;
pub(crate) mod timeouts;
