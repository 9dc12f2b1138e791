//! What `load` and `save` do, step by step.

pub(crate) mod decide;
pub(crate) mod ended;
pub(crate) mod load;
#[cfg(feature = "private-jar")]
pub(crate) mod migrate;
pub(crate) mod parts;
pub(crate) mod response;
pub(crate) mod save;
pub(crate) mod seal;
pub(crate) mod token;
