//! Our `Set-Cookie`, and its removal.

use crate::wire::envelope::Envelope;
use cookie::{Cookie, SameSite};
use http::header::{Entry, HeaderMap, HeaderValue, SET_COOKIE};
use std::fmt::Write;
use time::{Duration, OffsetDateTime};

/// RFC 6265bis §5.5: browsers cut a longer `Max-Age` to this.
const MAX_MAX_AGE: u32 = 400 * 24 * 60 * 60;

/// Whether the cookie outlives the browser's window, by a `Max-Age` of what is left until the nearer
/// deadline, at most 400 days (RFC 6265bis §5.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Persistence {
    /// It does.
    #[default]
    Always,
    /// Only that of a session with timeouts of its own does
    /// ([`set_timeouts`](crate::Session::set_timeouts), "remember me"); the others end with the
    /// browser. Needs [`longest_timeouts`](crate::SessionsBuilder::longest_timeouts).
    Remembered,
    /// It never does.
    Never,
}

/// The attributes of our cookie, as the builder checked them.
#[derive(Debug, Clone)]
pub(crate) struct Attributes {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) domain: Option<String>,
    pub(crate) same_site: SameSite,
    pub(crate) secure: bool,
    pub(crate) http_only: bool,
    pub(crate) partitioned: bool,
}

/// Writes our cookie, whose attributes never change, into responses.
pub(crate) struct CookieWriter {
    /// `name=`
    start: String,
    /// `; HttpOnly; …`, all attributes but `Max-Age`.
    attributes: String,
    persistence: Persistence,
    removal: HeaderValue,
}

impl CookieWriter {
    pub(crate) fn new(attributes: &Attributes, persistence: Persistence) -> CookieWriter {
        let Attributes { name, path, domain, .. } = attributes;
        let mut cookie = Cookie::build((name, ""))
            .path(path)
            .same_site(attributes.same_site)
            .secure(attributes.secure)
            .http_only(attributes.http_only)
            .partitioned(attributes.partitioned)
            .build();
        if let Some(domain) = domain {
            cookie.set_domain(domain);
        }
        let start = format!("{name}=");
        let attributes = cookie.to_string().split_off(start.len());
        // Both, for browsers that know only one of them; with the very attributes it was set with,
        // or browsers keep it (RFC 6265bis §5.7: name, domain, path and partition must match).
        cookie.set_max_age(Duration::ZERO);
        cookie.set_expires(OffsetDateTime::UNIX_EPOCH);
        let removal = sensitive(cookie.to_string());
        CookieWriter { start, attributes, persistence, removal }
    }

    /// Sets our cookie to a sealed envelope, for `max_age` seconds. `remembered` tells whether the
    /// session has timeouts of its own.
    pub(crate) fn set(
        &self,
        headers: &mut HeaderMap,
        max_age: u32,
        remembered: bool,
        envelope: &Envelope,
    ) {
        const MAX_AGE_LEN: usize = "; Max-Age=34560000".len();
        let len = self.start.len() + envelope.value_len() + self.attributes.len() + MAX_AGE_LEN;
        let mut text = String::with_capacity(len);
        text.push_str(&self.start);
        envelope.append_to(&mut text);
        text.push_str(&self.attributes);
        let persistent = match self.persistence {
            Persistence::Always => true,
            Persistence::Remembered => remembered,
            Persistence::Never => false,
        };
        if persistent {
            let max_age = max_age.min(MAX_MAX_AGE);
            write!(text, "; Max-Age={max_age}").expect("a String takes all");
        }
        self.put(headers, sensitive(text));
    }

    /// Removes our cookie from the browser.
    pub(crate) fn remove(&self, headers: &mut HeaderMap) {
        self.put(headers, self.removal.clone());
    }

    /// Reads what a response does to our cookie: of several lines the last one counts, as in a browser
    /// (RFC 6265bis §5.7).
    pub(crate) fn sent(&self, headers: &HeaderMap) -> Option<Sent> {
        let lines = headers.get_all(SET_COOKIE).iter().rev();
        let mut cookies = lines.filter_map(|line| Cookie::parse(line.to_str().ok()?).ok());
        let name = self.start.trim_end_matches('=');
        let last = cookies.find(|cookie| cookie.name() == name)?;
        let is_removal = last.max_age().is_some_and(Duration::is_zero);
        Some(if is_removal { Sent::Removal } else { Sent::Value(last.value().to_owned()) })
    }

    /// Ours appears once; those of others stay as they are and in their order.
    fn put(&self, headers: &mut HeaderMap, ours: HeaderValue) {
        let is_ours = |value: &HeaderValue| value.as_bytes().starts_with(self.start.as_bytes());
        if headers.get_all(SET_COOKIE).iter().any(is_ours)
            && let Entry::Occupied(entry) = headers.entry(SET_COOKIE)
        {
            let (name, values) = entry.remove_entry_mult();
            let others: Vec<HeaderValue> = values.filter(|value| !is_ours(value)).collect();
            for other in others {
                headers.append(&name, other);
            }
        }
        headers.append(SET_COOKIE, ours);
    }
}

/// What a response does to our cookie.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Removal,
    Value(String),
}

/// Makes a header's value that no compression table of HTTP/2 keeps, here or in a proxy (RFC 7541
/// §7.1.3, "never indexed"), and that `Debug` of a response hides.
pub(crate) fn sensitive(text: String) -> HeaderValue {
    let value = HeaderValue::try_from(text);
    let mut value = value.expect("the builder refuses attributes that no header can hold");
    value.set_sensitive(true);
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::HeaderName;

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

    fn attributes() -> Attributes {
        Attributes {
            name: "sid".to_owned(),
            path: "/app".to_owned(),
            domain: Some("example.com".to_owned()),
            same_site: SameSite::None,
            secure: true,
            http_only: true,
            partitioned: true,
        }
    }

    #[test]
    fn a_removal_cookie_has_every_attribute_it_was_set_with() {
        let mut removed = headers(&[]);
        CookieWriter::new(&attributes(), Persistence::Always).remove(&mut removed);
        assert_eq!(
            lines(&removed),
            [(
                "set-cookie",
                "sid=; HttpOnly; SameSite=None; Partitioned; Secure; Path=/app; Domain=example.com; \
                 Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
            )]
        );
    }

    #[test]
    fn ours_is_sensitive_and_those_of_others_stay_as_they_are() {
        let writer = CookieWriter::new(&attributes(), Persistence::Always);
        let mut responses = headers(&[("set-cookie", "a=1"), ("set-cookie", "sid=old")]);
        writer.remove(&mut responses);
        let sensitive: Vec<bool> =
            responses.get_all(SET_COOKIE).iter().map(HeaderValue::is_sensitive).collect();
        assert_eq!(sensitive, [false, true]);
        assert_eq!(format!("{responses:?}"), r#"{"set-cookie": "a=1", "set-cookie": Sensitive}"#);
    }

    #[test]
    fn ours_appears_once_and_others_stay_in_order() {
        let mut responses = headers(&[
            ("set-cookie", "a=1"),
            ("set-cookie", "sid=old; Path=/"),
            ("set-cookie", "sidecar=2"),
            ("set-cookie", "sid=older"),
        ]);
        CookieWriter::new(&attributes(), Persistence::Always).remove(&mut responses);
        let cookies: Vec<&str> = lines(&responses).into_iter().map(|(_, value)| value).collect();
        assert_eq!(cookies[..2], ["a=1", "sidecar=2"]);
        assert_eq!(cookies.len(), 3);
        assert!(cookies[2].starts_with("sid=; "));
    }
}
