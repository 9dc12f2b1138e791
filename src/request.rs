//! `Cookie` headers → candidate values for our name.
//!
//! The headers are read as bytes: another cookie that is not UTF-8, nameless or otherwise odd costs
//! nothing. A pair is what stands between semicolons (RFC 6265bis §5.8.3); quotes and percent signs
//! mean nothing and are part of the value. HTTP/2 clients may send several headers (RFC 9113 §8.2.3).

use http::header::{COOKIE, HeaderMap};
use memchr::memmem::Finder;

/// Header bytes past this are not read. Browsers and servers stop far earlier (8 to 16 KiB are usual).
const MOST_HEADER_BYTES: usize = 64 * 1024;

/// Finds the cookies of one name.
pub(crate) struct CookieFinder {
    /// For `name=`.
    finder: Finder<'static>,
}

impl CookieFinder {
    pub(crate) fn new(name: &str) -> CookieFinder {
        CookieFinder { finder: Finder::new(&format!("{name}=")).into_owned() }
    }

    /// The values of all cookies of our name, in the order they were sent, in one linear pass.
    pub(crate) fn values<'h>(&self, headers: &'h HeaderMap) -> impl Iterator<Item = &'h [u8]> {
        let mut left = MOST_HEADER_BYTES;
        headers.get_all(COOKIE).iter().flat_map(move |header| {
            let header = header.as_bytes();
            let (read, whole) = match header.get(..left) {
                Some(read) => (read, read.len() == header.len()),
                None => (header, true),
            };
            left -= read.len();
            self.in_header(read, whole)
        })
    }

    /// `whole` tells whether the last pair of `header` is all there; half a value is none.
    fn in_header<'h>(&self, header: &'h [u8], whole: bool) -> impl Iterator<Item = &'h [u8]> {
        self.finder.find_iter(header).filter_map(move |at| {
            let before = header[..at].trim_ascii_end();
            if !matches!(before.last(), None | Some(b';')) {
                return None;
            }
            let value = &header[at + self.finder.needle().len()..];
            match memchr::memchr(b';', value) {
                Some(end) => Some(&value[..end]),
                None => whole.then_some(value),
            }
        })
    }
}
