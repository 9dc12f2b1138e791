//! What several test binaries need. Each of them says `mod support;` and uses a part of it.

#![allow(dead_code, reason = "each test binary uses a part of it")]

pub(crate) mod combinations;
pub(crate) mod example;
pub(crate) mod fixtures;
pub(crate) mod key_files;
pub(crate) mod leaks;
pub(crate) mod log;
pub(crate) mod node;
pub(crate) mod second;
