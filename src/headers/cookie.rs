//! `Cookie` headers → candidate values for our name.
//!
//! The headers are read as bytes: another cookie that is not UTF-8, nameless or otherwise odd costs
//! nothing. A pair is what stands between semicolons (RFC 6265bis §5.8.3); quotes and percent signs
//! mean nothing and are part of the value. HTTP/2 clients may send several headers (RFC 9113
//! §8.2.3).

use http::header::{COOKIE, HeaderMap, HeaderValue};
use memchr::memmem::Finder;
use std::iter;

/// Header bytes past this are not read. Browsers and servers stop far earlier (8 to 16 KiB are
/// usual).
const MAX_HEADER_BYTES: usize = 64 * 1024;

/// The `Cookie` headers of a request.
pub(crate) fn cookie_headers(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes)
}

/// Finds the cookies of one name.
pub(crate) struct CookieFinder {
    /// For `name=`.
    finder: Finder<'static>,
}

impl CookieFinder {
    pub(crate) fn new(name: &str) -> CookieFinder {
        CookieFinder { finder: Finder::new(&format!("{name}=")).into_owned() }
    }

    /// The values of all cookies of our name in these `Cookie` headers, in the order they were
    /// sent, in one linear pass.
    pub(crate) fn values<'h>(
        &self,
        headers: impl Iterator<Item = &'h [u8]>,
    ) -> impl Iterator<Item = &'h [u8]> {
        let mut left = MAX_HEADER_BYTES;
        headers.flat_map(move |header| {
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
        let mut read = 0;
        let places = iter::from_fn(move || {
            let at = read + self.finder.find(&header[read..])?;
            read = at + self.finder.needle().len();
            Some((&header[..at], &header[read..]))
        });
        places.filter_map(move |(before, value)| {
            if !matches!(before.trim_ascii_end().last(), None | Some(b';')) {
                return None;
            }
            match memchr::memchr(b';', value) {
                Some(end) => Some(&value[..end]),
                None => whole.then_some(value),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(headers: &[&[u8]]) -> Vec<String> {
        let finder = CookieFinder::new("sid");
        let values = finder.values(headers.iter().copied());
        values.map(|value| String::from_utf8_lossy(value).into_owned()).collect()
    }

    #[test]
    fn ours_is_found_wherever_it_stands() {
        for header in
            ["sid=v", "a=1; sid=v", "sid=v; a=1", "a=1;sid=v;b=2", "a=1;\t sid=v", " sid=v"]
        {
            assert_eq!(values(&[header.as_bytes()]), ["v"], "{header}");
        }
    }

    #[test]
    fn only_a_whole_name_counts() {
        let header = "xsid=1; sid2=2; SID=3; a=sid=4; a=\"; sid2=5; sid =6; a sid=7; sid";
        assert_eq!(values(&[header.as_bytes()]), [] as [&str; 0]);
    }

    #[test]
    fn several_headers_are_read_as_one() {
        assert_eq!(values(&[b"a=1", b"sid=v", b"sid=w; b=2"]), ["v", "w"]);
    }

    #[test]
    fn odd_neighbours_cost_nothing() {
        let header = b"\xff\xfe=\xff; =v; ;;; a; nameless; sid=v; \xc3";
        assert_eq!(values(&[header]), ["v"]);
    }

    #[test]
    fn quotes_percent_signs_and_spaces_are_value() {
        assert_eq!(values(&[b"sid=\"v\""]), ["\"v\""]);
        assert_eq!(values(&[b"sid=a%3Db"]), ["a%3Db"]);
        assert_eq!(values(&[b"sid= v ; a=1"]), [" v "]);
        assert_eq!(values(&[b"sid=; sid==x"]), ["", "=x"]);
    }

    /// Bad input 2b, `headers/cookie`: the search goes on behind the last `name=`, and the end of a
    /// value is looked for where one begins, so each byte is passed once by either.
    #[test]
    fn no_byte_is_in_two_values_however_often_the_name_comes() {
        for part in
            ["sid=", ";sid=", "; sid=sid=", "sid=;sid", ";  \t sid=v", "sid=x;;; ;", "a=1; "]
        {
            let header = part.repeat(MAX_HEADER_BYTES / part.len());
            let finder = CookieFinder::new("sid");
            let mut behind = header.as_bytes().as_ptr();
            for value in finder.values([header.as_bytes()].into_iter()) {
                let place = value.as_ptr_range();
                assert!(behind <= place.start, "{part}");
                behind = place.end;
            }
            assert!(behind <= header.as_bytes().as_ptr_range().end);
        }
    }

    #[test]
    fn bytes_past_the_cap_are_not_read() {
        let filler = vec![b'x'; MAX_HEADER_BYTES - "a=; sid=v".len()];
        let at_the_cap = [b"a=", &filler[..], b"; sid=v"].concat();
        assert_eq!(values(&[&at_the_cap]), ["v"]);
        let cut = [b"a=", &filler[..], b"; sid=vv"].concat();
        assert_eq!(values(&[&cut]), [] as [&str; 0], "half a value is none");
        assert_eq!(values(&[&at_the_cap, b"sid=w"]), ["v"], "the cap is for all headers together");
    }
}
