//! The builder's settings, and the `Set-Cookie` that they make.

use super::{NOW, ring};
use cookie::Cookie;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use sealed_session::{EncodeError, Persistence, SameSite, Saved, Session, Sessions};
use time::Duration;

/// Four lines: name, path, domain (none if it is empty), and a letter for each other setting.
pub fn set_cookie(bytes: &[u8]) -> &'static str {
    let Ok(text) = std::str::from_utf8(bytes) else { return "no_text" };
    let mut lines = text.splitn(4, '\n');
    let (Some(name), Some(path), Some(domain)) = (lines.next(), lines.next(), lines.next()) else {
        return "no_settings";
    };
    let letters = lines.next().unwrap_or_default();
    let has = |letter| letters.contains(letter);

    let same_site = match (has('N'), has('S')) {
        (true, _) => SameSite::None,
        (false, true) => SameSite::Strict,
        _ => SameSite::Lax,
    };
    let mut builder = Sessions::<u32>::builder("fuzz", ring())
        .cookie_name(name)
        .path(path)
        .same_site(same_site)
        .secure(!has('s'))
        .http_only(!has('h'))
        .partitioned(has('p'));
    if !domain.is_empty() {
        builder = builder.domain(domain);
    }
    if has('i') {
        builder = builder.insecure_for_development();
    }
    if has('l') {
        builder = builder.longest_timeouts(Duration::days(500), Duration::days(500));
    }
    if has('r') {
        builder = builder.persistence(Persistence::Remembered);
    } else if has('v') {
        builder = builder.persistence(Persistence::Never);
    }
    let sessions = match builder.build() {
        Ok(sessions) => sessions,
        Err(error) => return error.setting(),
    };
    let name = sessions.cookie_name();
    assert!(name.bytes().all(|byte| byte.is_ascii_graphic() && !b"=;,\"\\".contains(&byte)));

    // What is set is what was asked for.
    let mut session = Session::new_at(7, NOW);
    if has('t') {
        session.set_timeouts(Duration::hours(1), Duration::days(450));
    }
    let mut response = HeaderMap::new();
    match sessions.save_at(session, &mut response, NOW) {
        Ok(saved) => assert_eq!(saved, Saved::Written),
        // `build` sees that a default session fits, which has no timeouts of its own.
        Err(EncodeError::TooLarge { .. }) if has('t') && name.len() > 3900 => return "too_large",
        Err(error) => panic!("so short a session fits: {error}"),
    }
    let written = only_cookie(&response);
    let expected = Expected {
        name,
        path,
        domain,
        same_site,
        secure: !has('s') && !has('i'),
        http_only: !has('h'),
    };
    expected.assert_is(&written, has('p'));
    let is_persistent = if has('r') { has('t') } else { !has('v') };
    let longest = match (has('t'), has('l')) {
        (false, _) | (true, false) => Duration::minutes(30),
        (true, true) => Duration::hours(1),
    };
    assert_eq!(written.max_age(), is_persistent.then_some(longest));
    assert_eq!(written.expires(), None);

    // It comes back, and what removes it has the same attributes.
    let pair = format!("{name}={}", written.value());
    assert!(pair.len() <= 4096);
    let request = HeaderMap::from_iter([(COOKIE, HeaderValue::try_from(pair).unwrap())]);
    let mut session = sessions.load_at(&request, NOW);
    assert_eq!(*session, 7);
    session.destroy();
    let mut response = HeaderMap::new();
    assert_eq!(sessions.save_at(session, &mut response, NOW).unwrap(), Saved::Removed);
    let removal = only_cookie(&response);
    expected.assert_is(&removal, has('p'));
    assert_eq!((removal.value(), removal.max_age()), ("", Some(Duration::ZERO)));
    assert!(removal.expires_datetime().is_some_and(|time| time < NOW));
    "same"
}

fn only_cookie(response: &HeaderMap) -> Cookie<'static> {
    let mut lines = response.get_all(SET_COOKIE).iter();
    let line = lines.next().unwrap().to_str().unwrap().to_owned();
    assert!(lines.next().is_none());
    // RFC 6265bis §5.6: a longer attribute is ignored.
    assert!(line.split(';').skip(1).all(|attribute| attribute.len() <= 1024 + "Path= ".len()));
    Cookie::parse(line).unwrap()
}

struct Expected<'s> {
    name: &'s str,
    path: &'s str,
    domain: &'s str,
    same_site: SameSite,
    secure: bool,
    http_only: bool,
}

impl Expected<'_> {
    fn assert_is(&self, cookie: &Cookie<'_>, partitioned: bool) {
        let Expected { name, path, domain, same_site, secure, http_only } = *self;
        assert_eq!(cookie.name(), name);
        assert_eq!(cookie.path(), Some(path));
        let domain = Some(domain.strip_prefix('.').unwrap_or(domain)).filter(|d| !d.is_empty());
        assert_eq!(cookie.domain(), domain);
        assert_eq!(cookie.same_site(), Some(same_site));
        assert_eq!(cookie.secure().unwrap_or(false), secure);
        assert_eq!(cookie.http_only().unwrap_or(false), http_only);
        assert_eq!(cookie.partitioned().unwrap_or(false), partitioned);

        // RFC 6265bis §5.7: what a browser would throw away.
        let start = |prefix: &str| name.to_ascii_lowercase().starts_with(prefix);
        assert!(secure || same_site != SameSite::None && !partitioned);
        assert!(secure || !start("__secure-") && !start("__host-") && !start("__http-"));
        assert!(http_only || !start("__http-") && !start("__host-http-"));
        assert!(!start("__host-") || path == "/" && domain.is_none());
    }
}
