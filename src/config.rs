//! How is a `Sessions` configured, and which configurations are refused?

pub(crate) mod builder;
pub(crate) mod validate;
