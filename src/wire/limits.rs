//! How much may the data hold? A limit on elements and on nesting, the same for both ways.
//!
//! [`read`] counts while a plaintext is read, because its bytes can ask for more work than they
//! have; [`write`] counts while one is written, so that nothing is sealed that cannot be opened.
//!
//! An option, a newtype, a tuple, a struct, an enum, a list and a map are one level each, empty or
//! not. Numbers, texts, bytes, units and unit structs are none. So a type that contains itself
//! through an `Option` or a `Vec` can be half as deep as [`MAX_DEPTH`] in its own levels.

pub(crate) mod read;
pub(crate) mod write;

/// More elements of lists and maps than a plaintext of 3 KB has, if each takes up at least a byte.
/// They are counted over the whole value; an entry of a map is one element.
pub(crate) const MAX_ELEMENTS: u32 = 4096;
/// As deep as `serde_json` goes.
pub(crate) const MAX_DEPTH: u32 = 128;
