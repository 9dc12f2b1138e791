//! Each peer, used as its own documentation tells.

pub mod actix_session;
pub mod axum_extra;
pub mod bare;
pub mod biscotti;
pub mod cookie_jar;
pub mod fernet;
pub mod pasetors;
pub mod seshcookie;
pub mod tower_sessions;
