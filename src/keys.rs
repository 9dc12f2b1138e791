//! The keys that seal and open.

pub(crate) mod dated;
pub(crate) mod error;
pub(crate) mod id;
pub(crate) mod key;
#[cfg(feature = "private-jar")]
mod private_jar;
pub(crate) mod ring;
