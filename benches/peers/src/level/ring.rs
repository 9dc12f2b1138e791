//! Opening with the oldest of many keys: what does rotation cost?

use std::hint::black_box;

use ::axum::Router;

use super::{axum, value::ValuePeer};
use crate::{
    cookies::request_headers,
    harness::{Contestant, Id, Level},
    records::{Login, Record},
};

/// The ring sizes, and how the tables call them.
pub const SIZES: [(usize, &str); 4] =
    [(1, "1 key"), (10, "10 keys"), (100, "100 keys"), (1000, "1,000 keys")];

fn id(peer: &'static str, operation: &'static str) -> Id {
    Id { level: Level::Ring, peer, record: Login::NAME, operation }
}

/// Decoding a value; `ring` makes one who seals with the oldest of so many keys, and one
/// who has them all.
pub fn values<P: ValuePeer<Login> + 'static>(
    peer: &'static str,
    ring: fn(usize) -> (P, P),
) -> impl Iterator<Item = Contestant> {
    SIZES.into_iter().map(move |(keys, operation)| {
        let (oldest, all) = ring(keys);
        let value = oldest.encode(&Login::sample());
        assert_eq!(all.decode(&value), Login::sample(), "{peer}");
        Contestant::new(id(peer, operation), move || {
            black_box(all.decode(black_box(&value)));
        })
    })
}

/// Reading through axum, for those who offer nothing less.
pub fn requests(
    peer: &'static str,
    ring: fn(usize) -> (Router, Router),
) -> impl Iterator<Item = Contestant> {
    SIZES.into_iter().map(move |(keys, operation)| {
        let (oldest, all) = ring(keys);
        let pair = axum::seeded(&oldest).expect("the oldest key seals");
        let headers = request_headers(Some(&pair));
        let all = axum::as_served(all);
        Contestant::new(id(peer, operation), move || {
            black_box(axum::call(&all, "/read", &headers));
        })
    })
}
