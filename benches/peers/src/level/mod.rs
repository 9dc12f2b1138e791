//! How much of a request's way is measured: the value, the headers, the whole request.
//!
//! Each level says in one trait what a peer must do there, checks that it does it, and
//! turns it into contestants.

pub mod actix;
pub mod axum;
pub mod headers;
pub mod ring;
pub mod value;
