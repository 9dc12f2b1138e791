//! `Cache-Control` and `Vary`: which caches may keep a response.
//!
//! No cache may hand a response with a session's cookie to anyone else. What a cache may share is
//! decided here by RFC 9111 §5.2.2, and for headers that speak to particular caches by RFC 9213 and
//! by what their makers say of them. What nginx and Varnish really do is tried in
//! `tests/caches`.

use http::header::{CACHE_CONTROL, EXPIRES, HeaderMap, HeaderName, HeaderValue, VARY};

const PRIVATE: HeaderValue = HeaderValue::from_static("private");
const PRIVATE_NO_STORE: HeaderValue = HeaderValue::from_static("private, no-store");
const COOKIE: HeaderValue = HeaderValue::from_static("Cookie");

/// Who may keep a response, by what the handler said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caching {
    /// The handler said nothing that lets a cache store it, and nothing that forbids it to all.
    Unset,
    /// No shared cache may store it.
    Private,
    /// A shared cache may store it and hand it to others.
    Shared,
}

/// Reads what the handler said. A header for particular caches goes before `Cache-Control` there,
/// so one that lets them store makes the response shared, whatever `Cache-Control` says.
pub(crate) fn caching(headers: &HeaderMap) -> Caching {
    let lets_some_store = headers.iter().any(|(name, value)| {
        Targeted::of(name.as_str()).is_some_and(|targeted| !targeted.forbids_storing(value))
    });
    if lets_some_store {
        Caching::Shared
    } else if headers.contains_key(CACHE_CONTROL) {
        let said = Directives::of(headers.get_all(CACHE_CONTROL));
        if said.forbid_sharing() { Caching::Private } else { Caching::Shared }
    } else if headers.contains_key(EXPIRES) {
        Caching::Shared
    } else {
        Caching::Unset
    }
}

/// How a header for particular caches says that they must not store the response.
enum Targeted {
    /// `CDN-Cache-Control` and its like, with the directives of `Cache-Control` (RFC 9213).
    CacheControl,
    /// `Surrogate-Control` (Edge Architecture Specification, Varnish, Fastly) and `Edge-Control`
    /// (Akamai). They do not know `private`.
    NoStore,
    /// `X-Accel-Expires` (nginx): how many seconds it is stored; zero forbids it.
    Seconds,
}

impl Targeted {
    /// The one list of headers for particular caches.
    fn of(name: &str) -> Option<Targeted> {
        match name {
            "surrogate-control" | "edge-control" => Some(Targeted::NoStore),
            "x-accel-expires" => Some(Targeted::Seconds),
            _ if name.ends_with("-cache-control") => Some(Targeted::CacheControl),
            _ => None,
        }
    }

    fn forbids_storing(&self, value: &HeaderValue) -> bool {
        match self {
            Targeted::CacheControl => Directives::of([value]).forbid_sharing(),
            // Nothing beside it: `no-store;name` is for one cache only, and Akamai's `!no-store`
            // takes it back.
            Targeted::NoStore => value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"no-store"),
            Targeted::Seconds => value.as_bytes().trim_ascii() == b"0",
        }
    }
}

/// Those of the directives in all `Cache-Control` lines that decide who may store the response.
#[derive(Default)]
struct Directives {
    /// Without the names of fields: `private="set-cookie"` lets caches store the rest.
    private: bool,
    no_store: bool,
    must_understand: bool,
}

impl Directives {
    fn of<'h>(lines: impl IntoIterator<Item = &'h HeaderValue>) -> Directives {
        let mut said = Directives::default();
        for line in lines {
            for directive in outside_quotes(line) {
                let directive = directive.trim_ascii();
                said.private |= directive.eq_ignore_ascii_case(b"private");
                said.no_store |= directive.eq_ignore_ascii_case(b"no-store");
                said.must_understand |= directive.eq_ignore_ascii_case(b"must-understand");
            }
        }
        said
    }

    /// A cache that knows `must-understand` ignores `no-store` beside it (RFC 9111 §5.2.2.3).
    fn forbid_sharing(&self) -> bool {
        self.private || self.no_store && !self.must_understand
    }
}

/// What stands between the commas that are not within a quoted string.
fn outside_quotes(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    let mut escaped = false;
    value.as_bytes().split(move |byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
        *byte == b',' && !quoted
    })
}

/// The headers that are read or written here, for adapters that have to copy them.
#[cfg(feature = "actix-web")]
pub(crate) fn is_read_or_written(name: &str) -> bool {
    matches!(name, "cache-control" | "expires" | "set-cookie" | "vary")
        || Targeted::of(name).is_some()
}

/// The headers of a response that takes the place of one whose session could not be saved. It
/// carries no cookie and nothing of the handler's, and no other header may be left beside them.
#[cfg(feature = "_adapter")]
pub(crate) fn failure_headers() -> HeaderMap {
    HeaderMap::from_iter([(CACHE_CONTROL, HeaderValue::from_static("no-store")), (VARY, COOKIE)])
}

/// Keeps a response with our cookie on it out of every cache, whatever the handler said: its words
/// are not kept, since a cache may read `PRIVATE` by case or `must-understand` over `no-store`.
pub(crate) fn keep_private(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, PRIVATE_NO_STORE);
    headers.remove(EXPIRES);
    let targeted = |name: &&HeaderName| Targeted::of(name.as_str()).is_some();
    let targeted: Vec<HeaderName> = headers.keys().filter(targeted).cloned().collect();
    for name in targeted {
        headers.remove(name);
    }
}

/// Marks a response that depends on the session and does not carry our cookie. `caching` is what
/// the handler said.
pub(crate) fn mark_read(headers: &mut HeaderMap, caching: Caching) {
    if caching == Caching::Unset {
        headers.insert(CACHE_CONTROL, PRIVATE);
    }
}

/// Marks a response whose session cannot be saved, because its holder never gave it back: like one
/// that was read, for what it says may be that session's, or that of one with a form token.
#[cfg(feature = "_adapter")]
pub(crate) fn mark_unsaved(headers: &mut HeaderMap, token_shown: bool) {
    match token_shown {
        true => keep_private(headers),
        false => mark_read(headers, caching(headers)),
    }
    vary_by_cookie(headers);
}

/// Adds `Cookie` to `Vary` (RFC 9110 §12.5.5), if it is not there.
///
/// The names are joined in one line, because nginx before 1.23 reads the last line only. With a `*`
/// among them `Cookie` gets a line of its own, the last one: nginx and Varnish know `*` only where
/// it is all that is said, and there it stays alone.
pub(crate) fn vary_by_cookie(headers: &mut HeaderMap) {
    let names = |line: &HeaderValue, wanted: &[u8]| {
        let mut names = line.as_bytes().split(|byte| *byte == b',');
        names.any(|name| name.trim_ascii().eq_ignore_ascii_case(wanted))
    };
    let lines: Vec<&HeaderValue> = headers.get_all(VARY).iter().collect();
    match &lines[..] {
        [] => {
            headers.insert(VARY, COOKIE);
        }
        [only] if *only == "*" => {}
        [only] if names(only, b"cookie") => {}
        [.., last] if lines.iter().any(|line| names(line, b"*")) => {
            if !names(last, b"cookie") {
                headers.append(VARY, COOKIE);
            }
        }
        _ => {
            let named = lines.iter().any(|line| names(line, b"cookie"));
            let said = lines.iter().map(|line| line.as_bytes()).filter(|line| !line.is_empty());
            let all = said.chain((!named).then_some(&b"Cookie"[..])).collect::<Vec<_>>();
            let all = HeaderValue::from_bytes(&all.join(&b", "[..]));
            headers.insert(VARY, all.expect("values joined by commas are a value"));
        }
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
            "must-understand, private, no-store",
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
            "x=\\\", private, \"",
            "must-revalidate",
            "must-understand, no-store",
            "NO-STORE, max-age=60, Must-Understand",
        ] {
            assert_eq!(caching_of(&[("cache-control", value)]), Caching::Shared, "{value}");
        }
        let apart = [("cache-control", "no-store"), ("cache-control", "must-understand")];
        assert_eq!(caching_of(&apart), Caching::Shared);
        assert_eq!(caching_of(&[("expires", "0")]), Caching::Shared);
    }

    /// Each header for particular caches, with values that let them store and values that do not.
    const TARGETED: [(&str, &[&str], &[&str]); 7] = [
        ("cdn-cache-control", CACHE_CONTROL_LETS, CACHE_CONTROL_FORBIDS),
        ("cloudflare-cdn-cache-control", CACHE_CONTROL_LETS, CACHE_CONTROL_FORBIDS),
        ("akamai-cache-control", CACHE_CONTROL_LETS, CACHE_CONTROL_FORBIDS),
        ("x-litespeed-cache-control", CACHE_CONTROL_LETS, CACHE_CONTROL_FORBIDS),
        (
            "surrogate-control",
            &["max-age=60", "private", "content=\"ESI/1.0\"", "no-store;vendor", ""],
            &["no-store", "No-Store"],
        ),
        ("edge-control", &["max-age=1d", "private", "no-store, !no-store", ""], &["no-store"]),
        ("x-accel-expires", &["60", "@4102444800", "off", "-1", "00", ""], &["0"]),
    ];
    const CACHE_CONTROL_LETS: &[&str] =
        &["max-age=60", "public", "no-store, must-understand", "private=\"a\"", ""];
    const CACHE_CONTROL_FORBIDS: &[&str] = &["no-store", "private", "max-age=60, PRIVATE"];

    #[test]
    fn a_header_that_lets_some_cache_store_makes_the_response_shared() {
        for (name, lets, _) in TARGETED {
            for value in lets {
                assert_eq!(caching_of(&[(name, value)]), Caching::Shared, "{name}: {value}");
                for general in ["private", "no-store", "private, no-store"] {
                    let both = [("cache-control", general), (name, value)];
                    assert_eq!(caching_of(&both), Caching::Shared, "{general}, {name}: {value}");
                }
            }
        }
    }

    #[test]
    fn a_header_that_forbids_some_cache_to_store_says_nothing_to_the_others() {
        for (name, _, forbids) in TARGETED {
            for value in forbids {
                assert_eq!(caching_of(&[(name, value)]), Caching::Unset, "{name}: {value}");
                for (general, expected) in
                    [("private", Caching::Private), ("max-age=60", Caching::Shared)]
                {
                    let both = [("cache-control", general), (name, value)];
                    assert_eq!(caching_of(&both), expected, "{general}, {name}: {value}");
                }
            }
            let two = [("cache-control", "private"), (name, forbids[0]), (name, "max-age=60")];
            assert_eq!(caching_of(&two), Caching::Shared, "{name} twice");
        }
        assert_eq!(
            caching_of(&[("cache-control", "private"), ("expires", "0")]),
            Caching::Private,
            "`Cache-Control` goes before `Expires`"
        );
    }

    #[test]
    fn other_headers_of_a_similar_name_are_not_for_caches() {
        for name in ["x-accel-buffering", "surrogate-key", "cache-control-policy", "edge-cache-tag"]
        {
            assert_eq!(caching_of(&[(name, "max-age=60")]), Caching::Unset, "{name}");
        }
    }

    #[test]
    fn keeping_private_says_the_same_whatever_was_said() {
        for said in [
            &[][..],
            &["private"],
            &["PRIVATE"],
            &["no-store"],
            &["private, max-age=60"],
            &["must-understand, no-store"],
            &["public", "max-age=60"],
        ] {
            let said: Vec<_> = said.iter().map(|value| ("cache-control", *value)).collect();
            let mut kept = headers(&said);
            keep_private(&mut kept);
            assert_eq!(lines(&kept), [("cache-control", "private, no-store")], "{said:?}");
        }
    }

    #[test]
    fn keeping_private_leaves_no_header_for_particular_caches() {
        for (name, lets, forbids) in TARGETED {
            for value in lets.iter().chain(forbids) {
                let mut kept = headers(&[(name, value), (name, "max-age=60"), ("etag", "x")]);
                kept.insert(EXPIRES, HeaderValue::from_static("Thu, 01 Jan 2099 00:00:00 GMT"));
                keep_private(&mut kept);
                assert_eq!(kept.len(), 2, "{name}: {value}: {kept:?}");
                assert_eq!(kept[CACHE_CONTROL], "private, no-store", "{name}: {value}");
                assert_eq!(kept["etag"], "x", "{name}: {value}");
            }
        }
    }

    #[cfg(feature = "actix-web")]
    #[test]
    fn adapters_copy_every_header_that_is_removed() {
        for (name, ..) in TARGETED {
            assert!(is_read_or_written(name), "{name}");
        }
        for name in [CACHE_CONTROL, EXPIRES, VARY, http::header::SET_COOKIE] {
            assert!(is_read_or_written(name.as_str()), "{name}");
        }
        assert!(!is_read_or_written("etag"));
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

    /// Bad input 54b, `headers/caching`: beside a `*` in a list `Cookie` has a line of its own.
    #[test]
    fn a_response_varies_by_cookie_in_every_reading_of_it() {
        let varied = |before: &[&'static str]| {
            let before: Vec<_> = before.iter().map(|value| ("vary", *value)).collect();
            let mut headers = headers(&before);
            vary_by_cookie(&mut headers);
            lines(&headers).into_iter().map(|(_, value)| value.to_owned()).collect::<Vec<_>>()
        };
        for (before, after) in [
            (&[][..], &["Cookie"][..]),
            (&[""], &["Cookie"]),
            (&["accept, COOKIE"], &["accept, COOKIE"]),
            (&["Set-Cookie2"], &["Set-Cookie2, Cookie"]),
            // nginx before 1.23 reads the last line only.
            (&["Accept"], &["Accept, Cookie"]),
            (&["Accept", "Origin"], &["Accept, Origin, Cookie"]),
            (&["Cookie", "Accept"], &["Cookie, Accept"]),
            // nginx and Varnish know `*` only if it is all that is said.
            (&["*"], &["*"]),
            (&["Foo, *"], &["Foo, *", "Cookie"]),
            (&["*, Foo"], &["*, Foo", "Cookie"]),
            (&["Foo", "*"], &["Foo", "*", "Cookie"]),
            (&["*", "cookie"], &["*", "cookie"]),
            (&["cookie", "*"], &["cookie", "*", "Cookie"]),
            (&["Cookie, *"], &["Cookie, *"]),
        ] {
            assert_eq!(varied(before), after, "{before:?}");
        }
    }
}
