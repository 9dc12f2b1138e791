//! Headers in, headers out: find the session among nine other cookies, and set it anew.

use std::{hint::black_box, rc::Rc};

use http::HeaderMap;

use crate::{
    cookies::{kept_pair, request_headers},
    harness::{Contestant, Id, Level},
    records::Record,
};

/// A peer that can be used with nothing but headers.
pub trait HeadersPeer<T> {
    /// The session that the request carries, if any.
    fn read(&self, request: &HeaderMap) -> Option<T>;

    /// Reads the session (a new one where there is none), edits it, and answers the
    /// headers of the response that keeps it.
    fn change(&self, request: &HeaderMap, edit: fn(&mut T)) -> HeaderMap;
}

/// The two operations of one peer, once it has proved that the session comes back.
pub fn contestants<T: Record>(
    peer: &'static str,
    exchange: impl HeadersPeer<T> + 'static,
) -> Vec<Contestant> {
    let seeded = exchange.change(&request_headers(None), |record| *record = T::sample());
    let request = request_headers(kept_pair(&seeded).as_deref());
    assert_eq!(exchange.read(&request), Some(T::sample()), "{peer}");

    let changed = exchange.change(&request, T::touch);
    let again = request_headers(kept_pair(&changed).as_deref());
    let mut touched = T::sample();
    touched.touch();
    assert_eq!(exchange.read(&again), Some(touched), "{peer}");

    let id = |operation| Id { level: Level::Headers, peer, record: T::NAME, operation };
    let reader = Rc::new(exchange);
    let changer = Rc::clone(&reader);
    let same_request = request.clone();
    vec![
        Contestant::new(id("read"), move || {
            black_box(reader.read(black_box(&request)));
        }),
        Contestant::new(id("change"), move || {
            black_box(changer.change(black_box(&same_request), T::touch));
        }),
    ]
}
