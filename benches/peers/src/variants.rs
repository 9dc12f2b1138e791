//! The visit counter in five variants: the same pages, and another session behind them.

use axum::Router;

use crate::{
    ours,
    peers::{axum_extra, bare, tower_sessions},
    records::Counter,
};

/// Who keeps the visit counter.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// How the command line calls it.
    pub word: &'static str,
    /// How the tables call it.
    pub name: &'static str,
    router: fn() -> Router,
}

/// All of them: "no session" first, then a layer that does nothing, as any middleware costs at least
/// that.
pub const ALL: [Variant; 5] = [
    Variant { word: "none", name: bare::NAME, router: bare::router::<Counter> },
    Variant { word: "idle", name: bare::IDLE_LAYER, router: bare::idle_layer_router::<Counter> },
    Variant { word: "sealed", name: ours::NAME, router: ours::router::<Counter> },
    Variant { word: "jar", name: axum_extra::NAME, router: axum_extra::router::<Counter> },
    Variant {
        word: "memory",
        name: tower_sessions::MEMORY,
        router: tower_sessions::memory_router::<Counter>,
    },
];

impl Variant {
    /// The variant that the command line calls so.
    pub fn named(word: &str) -> Option<Self> {
        ALL.into_iter().find(|variant| variant.word == word)
    }

    /// The application.
    pub fn router(self) -> Router {
        (self.router)()
    }
}
