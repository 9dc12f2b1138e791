//! Thin adapters, one file a framework; no rule of sessions lives here.

pub(crate) mod loan;

#[cfg(feature = "actix-web")]
pub mod actix_web;
#[cfg(feature = "axum")]
pub mod axum;
#[cfg(feature = "tower")]
pub mod tower;
