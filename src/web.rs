//! Thin adapters, one file a framework; no rule of sessions lives here.

pub(crate) mod loan;
pub mod tower;

#[cfg(feature = "axum")]
pub mod axum;
