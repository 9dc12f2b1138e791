//! What `load` and `save` do, step by step.

pub(crate) mod decide;
pub(crate) mod load;
pub(crate) mod parts;
pub(crate) mod save;
pub(crate) mod token;
