//! What of a request's own cookies is kept for its form tokens?

use crate::csrf::{Bound, CookiesHash};
use crate::wire::codec::COOKIE_LIMIT;
use std::sync::Arc;

/// The cookies of our name as a request brought them.
///
/// Most requests have one and check no token, so that one is kept as it is, and hashed when a token is
/// checked. Ten thousand take no more room than one.
#[derive(Clone, Default)]
pub(crate) enum Arrived {
    #[default]
    Nothing,
    One(Arc<[u8]>),
    Hashed([u8; 32]),
}

impl Arrived {
    /// Returns what a token is bound to if it belongs to these cookies; `None` if there are none.
    pub(crate) fn bound(&self) -> Option<Bound> {
        match self {
            Arrived::Nothing => None,
            Arrived::One(value) => Some(Bound::cookies([&value[..]])),
            Arrived::Hashed(hash) => Some(Bound::Cookies(*hash)),
        }
    }
}

/// Collects the values of one request, in the order they come.
#[derive(Default)]
pub(crate) struct Arriving<'h> {
    first: Option<&'h [u8]>,
    /// Of all of them, once there are several.
    hash: Option<CookiesHash>,
}

impl<'h> Arriving<'h> {
    pub(crate) fn add(&mut self, value: &'h [u8]) {
        match (self.first, &mut self.hash) {
            (None, _) => self.first = Some(value),
            (Some(_), Some(hash)) => hash.add(value),
            (Some(first), none) => {
                let hash = none.insert(CookiesHash::default());
                hash.add(first);
                hash.add(value);
            }
        }
    }

    pub(crate) fn finish(self) -> Arrived {
        match (self.first, self.hash) {
            (None, _) => Arrived::Nothing,
            (_, Some(hash)) => Arrived::Hashed(hash.finish()),
            (Some(value), None) if value.len() <= COOKIE_LIMIT => Arrived::One(value.into()),
            (Some(value), None) => {
                let mut hash = CookiesHash::default();
                hash.add(value);
                Arrived::Hashed(hash.finish())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrived(values: &[&[u8]]) -> Option<Bound> {
        let mut arriving = Arriving::default();
        values.iter().for_each(|value| arriving.add(value));
        arriving.finish().bound()
    }

    #[test]
    fn however_many_came_the_hash_is_that_of_all_in_their_order() {
        let long = vec![b'x'; COOKIE_LIMIT + 1];
        for values in [&[&b"Ag"[..]][..], &[b"Ag", b"", b"AgMEBQ"], &[&long], &[b"", b""]] {
            assert_eq!(arrived(values), Some(Bound::cookies(values.iter().copied())));
        }
        assert_eq!(arrived(&[]), None);
    }

    #[test]
    fn a_value_that_is_too_long_for_a_cookie_is_not_kept() {
        let long = vec![b'x'; COOKIE_LIMIT + 1];
        let kept = |value| {
            let mut arriving = Arriving::default();
            arriving.add(value);
            matches!(arriving.finish(), Arrived::One(_))
        };
        assert!(kept(&long[..COOKIE_LIMIT]));
        assert!(!kept(&long));
    }
}
