//! The cookie's value alone: a typed session in, text out, and back.

use std::{hint::black_box, rc::Rc};

use crate::{
    harness::{Contestant, Id, Level},
    records::Record,
};

/// A peer that can be asked for the value alone. Whatever fails here is a broken
/// benchmark, so it panics.
pub trait ValuePeer<T> {
    /// Serialises and seals.
    fn encode(&self, record: &T) -> String;

    /// Opens and deserialises.
    fn decode(&self, value: &str) -> T;
}

/// Under which name an operation of `peer` stands in the tables.
pub fn id<T: Record>(peer: &'static str, operation: &'static str) -> Id {
    Id { level: Level::Value, peer, record: T::NAME, operation }
}

/// The two operations of one peer, once it has proved that it brings the sample back.
pub fn contestants<T: Record>(
    peer: &'static str,
    codec: impl ValuePeer<T> + 'static,
) -> [Contestant; 2] {
    let codec = Rc::new(codec);
    let encoder = Rc::clone(&codec);
    let sample = T::sample();
    let encode = move || {
        black_box(encoder.encode(black_box(&sample)));
    };
    [Contestant::new(id::<T>(peer, "encode"), encode), decoder(peer, codec)]
}

/// Decoding alone, for one who has something better to encode than a bare record.
pub fn decoder<T: Record>(peer: &'static str, codec: impl ValuePeer<T> + 'static) -> Contestant {
    let value = codec.encode(&T::sample());
    assert_eq!(codec.decode(&value), T::sample(), "{peer} loses the session");
    Contestant::new(id::<T>(peer, "decode"), move || {
        black_box(codec.decode(black_box(&value)));
    })
}

impl<T, P: ValuePeer<T>> ValuePeer<T> for Rc<P> {
    fn encode(&self, record: &T) -> String {
        P::encode(self, record)
    }

    fn decode(&self, value: &str) -> T {
        P::decode(self, value)
    }
}
