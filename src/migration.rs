//! What visitors bring from the library that an application used before.

pub(crate) mod id;
pub(crate) mod old_jar;
pub(crate) mod private_jar;
