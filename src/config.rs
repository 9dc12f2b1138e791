//! How is a `Sessions` configured, and which configurations are refused?

pub(crate) mod builder;
mod end;
mod ended;
#[cfg(feature = "private-jar")]
mod migrate;
#[cfg(feature = "private-jar")]
pub(crate) mod old_jar;
pub(crate) mod validate;
