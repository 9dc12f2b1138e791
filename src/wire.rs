//! Between a cookie's value and a session: the bytes of `docs/format.md`.

pub(crate) mod cipher;
pub(crate) mod codec;
pub(crate) mod envelope;
pub(crate) mod limits;
pub(crate) mod plaintext;
pub(crate) mod schema;
