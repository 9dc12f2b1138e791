//! Bad inputs 36 to 42: what visitors, caches and mistaken configurations try.

use crate::support::fixtures::*;
use crate::{assert_miss, opens_at, save};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderName, HeaderValue};
use sealed_session::{ConfigError, EncodeError, Origin, Reason, Saved, Session, SessionsBuilder};
use std::sync::Mutex;

/// The request of a browser that got `response`.
fn next_request(response: &HeaderMap) -> HeaderMap {
    request_with(set_cookie(response).value())
}

/// Bad input 36. Nothing stops it: without a store, a server cannot know that this cookie was
/// destroyed. The next test shows the hook for those who keep a list.
#[test]
fn a_cookie_copied_before_logout_is_accepted_until_its_deadlines() {
    let (sessions, copied) = (sessions::<Visit>(), good_value());
    let mut session = sessions.load_at(&request_with(&copied), NOW);
    session.destroy();
    assert_eq!(save(&sessions, session).0, Saved::Removed);

    assert!(opens_at(&sessions, &copied, NOW));
}

/// Bad input 36, `wire/codec`, by the application's hook.
#[test]
fn a_cookie_copied_before_logout_is_refused_by_a_list_of_ended_ids() {
    static ENDED: Mutex<Vec<uuid::Uuid>> = Mutex::new(Vec::new());
    let ended = |session: &Session<Visit>| ENDED.lock().unwrap().contains(&session.id());
    let (sessions, copied) = (builder().revoked(ended).build().unwrap(), good_value());
    let mut session = sessions.load_at(&request_with(&copied), NOW);
    ENDED.lock().unwrap().push(session.id());
    session.destroy();
    assert_eq!(save(&sessions, session).0, Saved::Removed);

    assert_miss(&sessions, &copied, Reason::Revoked);
}

/// Bad input 37. Nothing stops it, for the same reason: keep in a database what must not be undone.
#[test]
fn an_older_cookie_of_the_same_session_is_accepted() {
    let (sessions, older) = (sessions::<Visit>(), good_value());
    let mut session = sessions.load_at(&request_with(&older), NOW);
    session.page_views = 8;
    let (_, response) = save(&sessions, session);
    assert_eq!(sessions.load_at(&next_request(&response), NOW).page_views, 8);

    assert_eq!(sessions.load_at(&request_with(&older), NOW).page_views, 7);
}

/// Bad input 38, `session`.
#[test]
fn a_session_planted_before_sign_in_does_not_keep_its_id() {
    let (sessions, planted) = (sessions::<Visit>(), sealed(created(NOW), &[0, 0]));
    let mut session = sessions.load_at(&request_with(&planted), NOW);
    let planted_id = session.id();
    session.renew();
    session.user = Some("ann".to_owned());
    let (_, response) = save(&sessions, session);

    let signed_in = sessions.load_at(&next_request(&response), NOW);
    assert_eq!(*signed_in, visit(0, "ann"));
    assert_ne!(signed_in.id(), planted_id);
}

/// Bad input 38, `session`: the attacker, who knows the planted cookie, is not signed in by it.
#[test]
fn a_session_planted_before_sign_in_stays_signed_out() {
    let (sessions, planted) = (sessions::<Visit>(), sealed(created(NOW), &[0, 0]));
    let mut session = sessions.load_at(&request_with(&planted), NOW);
    session.renew();
    session.user = Some("ann".to_owned());
    save(&sessions, session);

    assert_eq!(sessions.load_at(&request_with(&planted), NOW).user, None);
}

/// What a handler may have said that lets a shared cache store the response.
const SHARED: [&[(&str, &str)]; 13] = [
    &[("cache-control", "max-age=60")],
    &[("cache-control", "public, s-maxage=60")],
    &[("cache-control", "private=\"set-cookie\"")],
    &[("expires", "Sat, 21 Nov 2026 13:00:00 GMT")],
    &[("cdn-cache-control", "max-age=60")],
    &[("surrogate-control", "max-age=60")],
    &[("cache-control", "private"), ("cdn-cache-control", "max-age=60")],
    // The cases of entry 54.
    &[("cache-control", "no-store, must-understand")],
    &[("cache-control", "private"), ("surrogate-control", "private")],
    &[("cache-control", "private"), ("x-accel-expires", "60")],
    &[("cache-control", "private"), ("edge-control", "max-age=1d")],
    &[("cache-control", "private"), ("akamai-cache-control", "max-age=60")],
    &[("cache-control", "private"), ("cloudflare-cdn-cache-control", "max-age=60")],
];

fn response_with(headers: &[(&'static str, &'static str)]) -> HeaderMap {
    let pair = |&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
    headers.iter().map(pair).collect()
}

/// Saves into a response that a shared cache may store.
fn save_shared(session: Session<Visit>, headers: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut response = response_with(headers);
    sessions().save_at(session, &mut response, NOW).unwrap();
    response
}

/// Bad input 39, `headers/caching`: a change must go out, so the response becomes private.
///
/// Bad input 54, `headers/caching`: whatever else was said of it.
#[test]
fn a_changed_session_makes_a_shared_response_private() {
    for headers in SHARED {
        let mut session = sessions::<Visit>().load_at(&request_with(&good_value()), NOW);
        session.page_views += 1;
        let response = save_shared(session, headers);
        assert_eq!(set_cookies(&response).len(), 1, "{headers:?}");
        let cache_control: Vec<_> = response.get_all(CACHE_CONTROL).iter().collect();
        assert_eq!(cache_control, ["private, no-store"], "{headers:?}");
        let mut names: Vec<_> = response.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["cache-control", "set-cookie", "vary"], "{headers:?}");
    }
}

/// Bad input 39, `steps/decide`: a renewal can wait.
#[test]
fn a_renewal_does_not_go_out_on_a_shared_response() {
    let due = sealed(created(NOW - IDLE / 2), &visit_bytes(7, "ann"));
    for headers in SHARED {
        let session = sessions().load_at(&request_with(&due), NOW);
        let response = save_shared(session, headers);
        assert!(set_cookies(&response).is_empty(), "{headers:?}");
    }
}

/// Bad input 39, `steps/decide`: so can the removal of a bad cookie.
#[test]
fn a_removal_does_not_go_out_on_a_shared_response() {
    for headers in SHARED {
        let session = sessions().load_at(&request_with("junk"), NOW);
        let response = save_shared(session, headers);
        assert!(set_cookies(&response).is_empty(), "{headers:?}");
    }
}

/// What would end the attribute or the header, or belongs into neither.
const FOREIGN: [&str; 6] = ["\r", "\n", ";", "\0", "ä", "\x7f"];

#[track_caller]
fn assert_refused(
    setting: &str,
    problem: &str,
    configure: impl Fn(SessionsBuilder<Visit>, String) -> SessionsBuilder<Visit>,
) {
    for foreign in FOREIGN {
        let error = configure(builder(), format!("/a{foreign}b")).build().unwrap_err();
        assert_eq!(error.to_string(), format!("`{setting}`: {problem}"), "{foreign:?}");
    }
}

/// Bad input 40, `config/validate`.
#[test]
fn foreign_bytes_in_the_name_are_refused() {
    let problem = "use letters, digits and the characters !#$%&'*+-.^_`|~ only (RFC 9110 §5.6.2), \
                   at least one";
    assert_refused("cookie_name", problem, |builder, text| builder.cookie_name(&text[1..]));
}

/// Bad input 40, `config/validate`.
#[test]
fn foreign_bytes_in_the_path_are_refused() {
    let problem = "begin with `/` and use printable ASCII without `;` and without a blank at the end, \
                   at most 1024 bytes";
    assert_refused("path", problem, |builder, text| builder.cookie_name("sid").path(text));
}

/// Bad input 40, `config/validate`.
#[test]
fn foreign_bytes_in_the_domain_are_refused() {
    let problem = "give a host name of letters, digits, `-` and `.`, without port or scheme";
    assert_refused("domain", problem, |builder, text| {
        builder.cookie_name("sid").domain(&text[1..])
    });
}

fn too_large() -> Session<Visit> {
    let mut session = sessions::<Visit>().load_at(&request_with(&good_value()), NOW);
    session.user = Some("x".repeat(5000));
    session
}

/// Bad input 41, `wire/codec`.
#[test]
fn data_too_large_is_an_error_with_size_and_limit() {
    let error = sessions().save_at(too_large(), &mut HeaderMap::new(), NOW).unwrap_err();
    let EncodeError::TooLarge { size, limit } = error else { panic!("{error}") };
    assert_eq!(limit, LIMIT);
    assert!((6_500..7_000).contains(&size), "5000 bytes and a little in base64: {size}");
}

/// Bad input 41, `steps/load`: the visitor's old cookie stays as it is.
#[test]
fn data_too_large_leaves_the_response_untouched() {
    let mut response = response_with(&[("set-cookie", "theme=dark"), ("cache-control", "public")]);
    let before = response.clone();
    sessions().save_at(too_large(), &mut response, NOW).unwrap_err();
    assert_eq!(response, before);
}

fn refused(builder: SessionsBuilder<Visit>) -> ConfigError {
    builder.build().unwrap_err()
}

/// Bad input 42, `config/validate`.
#[test]
fn a_host_cookie_with_a_domain_is_refused() {
    assert_eq!(
        refused(builder().domain("example.com")).to_string(),
        "`domain`: a cookie whose name begins with `__Host-` has no domain: remove `domain`, or \
         choose another `cookie_name`"
    );
}

/// Bad input 42, `config/validate`.
#[test]
fn a_host_cookie_without_secure_is_refused() {
    assert_eq!(
        refused(builder().secure(false)).to_string(),
        "`secure`: a cookie whose name begins with `__Host-` must be `Secure`: leave `secure` on, \
         or call `insecure_for_development` for plain HTTP"
    );
}

/// Bad input 42, `config/validate`.
#[test]
fn a_host_cookie_with_another_path_is_refused() {
    assert_eq!(
        refused(builder().path("/shop")).to_string(),
        "`path`: a cookie whose name begins with `__Host-` has the path `/`: remove `path`, or \
         choose another `cookie_name`"
    );
}

/// Bad input 42, `config/validate`: browsers take the prefix in any case.
#[test]
fn a_host_cookie_in_another_case_is_held_to_the_same() {
    let error = refused(builder().cookie_name("__hOST-session").path("/shop"));
    assert_eq!(error.setting(), "path");
}

/// Bad input 42, `config/validate`: without the prefix, path and domain are free.
#[test]
fn a_cookie_without_the_prefix_may_have_path_and_domain() {
    let plain = builder::<Visit>().cookie_name("sid").path("/shop").domain("example.com");
    let sessions = plain.build().unwrap();
    let mut session = sessions.load_at(&HeaderMap::new(), NOW);
    assert_eq!(session.origin(), Origin::New);
    session.page_views += 1;
    let (_, response) = save(&sessions, session);
    let cookie = set_cookie(&response);
    assert_eq!((cookie.path(), cookie.domain()), (Some("/shop"), Some("example.com")));
}
