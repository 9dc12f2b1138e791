//! Thin adapters, one file a framework; no rule of sessions lives here.

#[cfg(any(feature = "actix-web", feature = "poem"))]
mod middleware;
mod rejection;
mod slot;
mod slots;
mod view;

#[cfg(feature = "actix-web")]
pub mod actix_web;
#[cfg(feature = "axum")]
pub mod axum;
#[cfg(feature = "poem")]
pub mod poem;
#[cfg(feature = "tower")]
pub mod tower;
