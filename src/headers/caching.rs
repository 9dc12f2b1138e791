//! `Cache-Control` and `Vary`: which caches may keep a response.
//!
//! A response with a session's cookie on it must not be handed to anybody else. What a cache may
//! share is decided here by RFC 9111 §5.2.2 and, for caches that are told apart, RFC 9213.

use http::header::{CACHE_CONTROL, EXPIRES, HeaderMap, HeaderName, HeaderValue, VARY};

const PRIVATE: HeaderValue = HeaderValue::from_static("private");
const PRIVATE_NO_STORE: HeaderValue = HeaderValue::from_static("private, no-store");
const COOKIE: HeaderValue = HeaderValue::from_static("Cookie");

/// Who may keep a response, by what the handler said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caching {
    /// Nothing was said.
    Unset,
    /// No shared cache may store it.
    Private,
    /// A shared cache may store it and hand it to others.
    Shared,
}

/// Reads what the handler said. A header for content delivery networks alone (RFC 9213) goes before
/// `Cache-Control` there, so it must forbid storing as well.
pub(crate) fn caching(headers: &HeaderMap) -> Caching {
    let mut targeted = headers.iter().filter(|(name, _)| is_targeted(name.as_str())).peekable();
    if headers.contains_key(CACHE_CONTROL) {
        let general = headers.get_all(CACHE_CONTROL).iter().any(forbids_sharing);
        if general && targeted.all(|(_, value)| forbids_sharing(value)) {
            Caching::Private
        } else {
            Caching::Shared
        }
    } else if targeted.peek().is_some() || headers.contains_key(EXPIRES) {
        Caching::Shared
    } else {
        Caching::Unset
    }
}

/// `CDN-Cache-Control`, its variants with a vendor's name in front, and `Surrogate-Control`.
fn is_targeted(name: &str) -> bool {
    name.ends_with("cdn-cache-control") || name == "surrogate-control"
}

/// Whether one `Cache-Control` header has `no-store`, or a `private` that names no fields.
fn forbids_sharing(value: &HeaderValue) -> bool {
    let mut quoted = false;
    let mut escaped = false;
    let outside_quotes = |byte: &u8| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
        *byte == b',' && !quoted
    };
    value.as_bytes().split(outside_quotes).any(|directive| {
        let directive = directive.trim_ascii();
        directive.eq_ignore_ascii_case(b"no-store") || directive.eq_ignore_ascii_case(b"private")
    })
}

/// The headers that are read or written here, for adapters that have to copy them.
#[cfg(feature = "actix-web")]
pub(crate) fn is_read_or_written(name: &str) -> bool {
    matches!(name, "cache-control" | "expires" | "set-cookie" | "vary") || is_targeted(name)
}

/// The headers of a response that takes the place of one whose session could not be saved.
#[cfg(feature = "_adapter")]
pub(crate) fn failure_headers() -> HeaderMap {
    HeaderMap::from_iter([(CACHE_CONTROL, HeaderValue::from_static("no-store")), (VARY, COOKIE)])
}

/// Keeps a response with our cookie on it out of every shared cache. `caching` is what the handler
/// said.
pub(crate) fn keep_private(headers: &mut HeaderMap, caching: Caching) {
    match caching {
        Caching::Private => {}
        Caching::Unset => {
            headers.insert(CACHE_CONTROL, PRIVATE_NO_STORE);
        }
        Caching::Shared => {
            headers.insert(CACHE_CONTROL, PRIVATE_NO_STORE);
            headers.remove(EXPIRES);
            let targeted: Vec<HeaderName> =
                headers.keys().filter(|name| is_targeted(name.as_str())).cloned().collect();
            for name in targeted {
                headers.remove(name);
            }
        }
    }
}

/// Marks a response whose session was read and not written. `caching` is what the handler said.
pub(crate) fn mark_read(headers: &mut HeaderMap, caching: Caching) {
    if caching == Caching::Unset {
        headers.insert(CACHE_CONTROL, PRIVATE);
    }
}

/// Marks a response that depended on a session which could not be saved: like one that was read.
#[cfg(feature = "_adapter")]
pub(crate) fn mark_unsaved(headers: &mut HeaderMap) {
    let caching = caching(headers);
    mark_read(headers, caching);
    vary_by_cookie(headers);
}

/// `Vary: Cookie`, once (RFC 9110 §12.5.5).
pub(crate) fn vary_by_cookie(headers: &mut HeaderMap) {
    let names_cookie = |value: &HeaderValue| {
        value.as_bytes().split(|byte| *byte == b',').any(|field| {
            let field = field.trim_ascii();
            field == b"*" || field.eq_ignore_ascii_case(b"cookie")
        })
    };
    if !headers.get_all(VARY).iter().any(names_cookie) {
        headers.append(VARY, COOKIE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    fn lines(headers: &HeaderMap) -> Vec<(&str, &str)> {
        headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect()
    }

    fn caching_of(lines: &[(&'static str, &'static str)]) -> Caching {
        caching(&headers(lines))
    }

    #[test]
    fn nothing_said_is_unset() {
        assert_eq!(caching_of(&[]), Caching::Unset);
        assert_eq!(caching_of(&[("etag", "x"), ("last-modified", "x")]), Caching::Unset);
    }

    #[test]
    fn no_store_and_unqualified_private_forbid_sharing() {
        for value in [
            "private",
            "no-store",
            "PRIVATE",
            "max-age=60, private",
            "no-cache, No-Store",
            "private,",
            "private=\"a\", private",
            "x=\"\\\",\", no-store",
        ] {
            assert_eq!(caching_of(&[("cache-control", value)]), Caching::Private, "{value}");
        }
        let two = [("cache-control", "max-age=60"), ("cache-control", "private")];
        assert_eq!(caching_of(&two), Caching::Private);
    }

    #[test]
    fn everything_else_may_be_shared() {
        for value in [
            "public",
            "max-age=60",
            "no-cache",
            "",
            "private=\"set-cookie\"",
            "privately",
            "x=\"a, private\"",
            "x=\"a, no-store, b\"",
            "x=\"\\\", private",
            "must-revalidate",
        ] {
            assert_eq!(caching_of(&[("cache-control", value)]), Caching::Shared, "{value}");
        }
        for name in
            ["expires", "cdn-cache-control", "surrogate-control", "vendor-cdn-cache-control"]
        {
            assert_eq!(caching_of(&[(name, "max-age=60")]), Caching::Shared, "{name}");
        }
    }

    #[test]
    fn a_header_for_delivery_networks_goes_before_cache_control() {
        let private = ("cache-control", "private");
        assert_eq!(caching_of(&[private, ("cdn-cache-control", "max-age=60")]), Caching::Shared);
        assert_eq!(caching_of(&[private, ("cdn-cache-control", "no-store")]), Caching::Private);
        assert_eq!(caching_of(&[private, ("expires", "0")]), Caching::Private);
    }

    #[test]
    fn keeping_private_says_so_where_nothing_was_said() {
        let mut unset = headers(&[]);
        keep_private(&mut unset, Caching::Unset);
        assert_eq!(lines(&unset), [("cache-control", "private, no-store")]);
    }

    #[test]
    fn keeping_private_respects_a_private_response() {
        let before = headers(&[("cache-control", "private, max-age=60"), ("expires", "0")]);
        let mut after = before.clone();
        keep_private(&mut after, caching(&before));
        assert_eq!(after, before);
    }

    #[test]
    fn keeping_private_replaces_what_lets_others_share() {
        let mut shared = headers(&[
            ("cache-control", "public"),
            ("cache-control", "max-age=60"),
            ("expires", "Thu, 01 Jan 2099 00:00:00 GMT"),
            ("cdn-cache-control", "max-age=60"),
            ("vendor-cdn-cache-control", "max-age=60"),
            ("surrogate-control", "max-age=60"),
            ("etag", "x"),
        ]);
        keep_private(&mut shared, Caching::Shared);
        assert_eq!(lines(&shared), [("cache-control", "private, no-store"), ("etag", "x")]);
    }

    #[test]
    fn a_session_that_was_read_is_private_where_nothing_was_said() {
        let mut unset = headers(&[]);
        mark_read(&mut unset, Caching::Unset);
        assert_eq!(lines(&unset), [("cache-control", "private")]);
        for said in [("cache-control", "max-age=60"), ("expires", "0")] {
            let mut headers = headers(&[said]);
            mark_read(&mut headers, Caching::Shared);
            assert_eq!(lines(&headers), [said]);
        }
    }

    #[test]
    fn vary_is_appended_once() {
        let varied = |before: &[(&'static str, &'static str)]| {
            let mut headers = headers(before);
            vary_by_cookie(&mut headers);
            headers
                .get_all(VARY)
                .iter()
                .map(|value| value.to_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(varied(&[]), ["Cookie"]);
        assert_eq!(varied(&[("vary", "Accept")]), ["Accept", "Cookie"]);
        assert_eq!(varied(&[("vary", "accept, COOKIE")]), ["accept, COOKIE"]);
        assert_eq!(varied(&[("vary", "*")]), ["*"]);
        assert_eq!(varied(&[("vary", "Set-Cookie2")]), ["Set-Cookie2", "Cookie"]);
    }
}
