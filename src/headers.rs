//! HTTP headers in and out.

pub(crate) mod caching;
pub(crate) mod cookie;
pub(crate) mod set_cookie;
