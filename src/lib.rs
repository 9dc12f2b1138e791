//! Stateless encrypted cookie sessions.

mod bounds;
mod builder;
mod checks;
mod cipher;
mod decision;
mod envelope;
mod error;
mod instant;
mod key;
mod key_ring;
mod payload;
mod pipeline;
#[cfg(feature = "private-jar")]
mod private_jar;
mod random;
mod report;
mod request;
mod response;
mod session;
mod sessions;
mod timeouts;
#[cfg(feature = "tower")]
mod web;

pub use builder::SessionsBuilder;
pub use cookie::SameSite;
pub use error::{ConfigError, DecodeError, EncodeError, KeyError, Reason};
pub use key::{Key, KeyId};
pub use key_ring::{DatedKey, KeyRing, KeyState};
pub use session::{Origin, Session};
pub use sessions::{Saved, Sessions};
#[cfg(feature = "axum")]
pub use web::axum;
#[cfg(feature = "tower")]
pub use web::tower;
