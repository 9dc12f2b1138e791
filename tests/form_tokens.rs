//! Form tokens, through the public interface: what a form meets between being shown and being sent.
//! (The token's bytes are tested in `src/csrf.rs`.)

mod support;

use http::header::{CACHE_CONTROL, COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Request, Response};
use sealed_session::tower::{SessionLayer, SessionView};
use sealed_session::{DatedKey, EncodeError, KeyRing, Origin, Reason, Saved, Session, Sessions};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use support::fixtures::*;
use support::second::{Stamps, to_bytes, to_text};
use time::{Duration, OffsetDateTime};
use tower::{Layer, ServiceExt, service_fn};

/// Shows a form: its token, what `save` did, and the response.
fn show(sessions: &Sessions<Visit>, session: Session<Visit>) -> (String, Saved, HeaderMap) {
    let token = sessions.csrf_token_at(&session, NOW).unwrap();
    let mut response = HeaderMap::new();
    response.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=600"));
    let saved = sessions.save_at(session, &mut response, NOW).unwrap();
    assert_eq!(response[CACHE_CONTROL], "private, no-store");
    (token, saved, response)
}

/// Whether the form is accepted from a visitor who sends these headers.
fn accepts(sessions: &Sessions<Visit>, request: &HeaderMap, token: &str) -> bool {
    sessions.verify_csrf_at(&sessions.load_at(request, NOW), token, NOW)
}

fn request_after(response: &HeaderMap) -> HeaderMap {
    request_with(set_cookie(response).value())
}

#[test]
fn a_new_visitors_first_form_is_accepted() {
    let sessions = sessions::<Visit>();
    let (token, saved, response) = show(&sessions, sessions.load_at(&HeaderMap::new(), NOW));
    assert_eq!(saved, Saved::Written, "without a cookie the form could never be sent");
    assert!(accepts(&sessions, &request_after(&response), &token));
    assert!(!accepts(&sessions, &HeaderMap::new(), &token), "the browser refused the cookie");
}

/// Also one who comes with a cookie that is not accepted any more.
#[test]
fn the_first_form_after_a_refused_cookie_is_accepted() {
    let sessions = sessions::<Visit>();
    for refused in [sealed(created(NOW - IDLE), &visit_bytes(7, "ann")), "junk".to_owned()] {
        let session = sessions.load_at(&request_with(&refused), NOW);
        assert!(matches!(session.origin(), Origin::Rejected(_)));
        let (token, saved, response) = show(&sessions, session);
        assert_eq!(saved, Saved::Written);
        assert!(accepts(&sessions, &request_after(&response), &token));
        assert!(!accepts(&sessions, &request_with(&refused), &token));
    }
}

/// Bad input 61, `steps/save`: asked for on a page that may be cached, which [`show`] says it may.
#[test]
fn a_form_of_a_session_that_has_its_cookie_writes_nothing_and_is_never_cached() {
    let sessions = sessions::<Visit>();
    let (token, saved, response) =
        show(&sessions, sessions.load_at(&request_with(&good_value()), NOW));
    assert_eq!(saved, Saved::Unchanged);
    assert!(set_cookies(&response).is_empty());
    assert!(accepts(&sessions, &request_with(&good_value()), &token));
}

/// Bad input 61, `steps/token`.
#[test]
fn a_form_from_before_a_new_id_is_refused() {
    let sessions = sessions::<Visit>();
    let request = request_with(&good_value());
    let (token, ..) = show(&sessions, sessions.load_at(&request, NOW));
    type Change = fn(&mut Session<Visit>);
    for change in [Session::renew as Change, Session::reset, Session::rotate_id] {
        let mut session = sessions.load_at(&request, NOW);
        change(&mut session);
        assert!(!sessions.verify_csrf_at(&session, &token, NOW), "in the same request");
        let (next, saved, response) = show(&sessions, session);
        assert_eq!(saved, Saved::Written);
        assert!(!accepts(&sessions, &request_after(&response), &token), "in the next");
        assert!(accepts(&sessions, &request_after(&response), &next), "asked for afterwards");
    }
}

/// Bad input 61, `csrf`.
#[test]
fn a_form_of_another_session_is_refused() {
    let sessions = sessions::<Visit>();
    let other = sealed(created(NOW - SECOND), &visit_bytes(7, "ann"));
    let (token, ..) = show(&sessions, sessions.load_at(&request_with(&other), NOW));
    assert!(accepts(&sessions, &request_with(&other), &token));
    assert!(!accepts(&sessions, &request_with(&good_value()), &token));
    for bad in ["", "A", &token[1..], &"A".repeat(92)] {
        assert!(!accepts(&sessions, &request_with(&other), bad), "{bad}");
    }
}

/// Under one key, and of one session: what differs is the application, or the cookie's name.
#[test]
fn a_form_of_another_application_or_cookie_is_refused() {
    let ours = sessions::<Visit>();
    let session = ours.load_at(&request_with(&good_value()), NOW);
    let others = [
        Sessions::<Visit>::builder("blog", ring()).build().unwrap(),
        builder().cookie_name("__Host-other").build().unwrap(),
    ];
    for other in others {
        let token = other.csrf_token_at(&session, NOW).unwrap();
        assert!(other.verify_csrf_at(&session, &token, NOW));
        assert!(!ours.verify_csrf_at(&session, &token, NOW));
    }
}

/// Bad input 61, `csrf`: only a key that opens now counts, and a rotation breaks no open form.
#[test]
fn a_form_that_was_shown_before_a_rotation_is_accepted_until_its_key_is_retired() {
    let minute = Duration::MINUTE;
    let old = DatedKey::new(key(KEY), NOW - minute).with_open_until(NOW + 3 * minute);
    let new = DatedKey::new(key(OTHER_KEY), NOW + minute);
    let sessions: Sessions<Visit> =
        Sessions::builder(APP, KeyRing::schedule([old, new]).unwrap()).build().unwrap();
    let (token, ..) = show(&sessions, sessions.load_at(&request_with(&good_value()), NOW));

    // The next page renews the cookie under the new key; the form is still open in another tab.
    let later = NOW + 2 * minute;
    let mut session = sessions.load_at(&request_with(&good_value()), later);
    session.page_views += 1;
    let mut response = HeaderMap::new();
    sessions.save_at(session, &mut response, later).unwrap();
    let sent_at = |sessions: &Sessions<Visit>, time: OffsetDateTime| {
        let session = sessions.load_at(&request_after(&response), time);
        assert_eq!(session.origin(), Origin::Restored);
        sessions.verify_csrf_at(&session, &token, time)
    };
    assert!(sent_at(&sessions, later), "draining");
    assert!(!sent_at(&sessions, NOW + 3 * minute), "retired");

    let old = DatedKey::new(key(KEY), NOW - minute).with_revoked();
    let new = DatedKey::new(key(OTHER_KEY), NOW + minute);
    sessions.set_key_ring(KeyRing::schedule([old, new]).unwrap());
    assert!(!sent_at(&sessions, later), "revoked");
}

/// The `Cookie` headers for which the visitor's cookie is kept, each with its reason.
fn kept() -> [(Reason, HeaderMap); 4] {
    let mut later_version = to_bytes(&good_value());
    later_version[0] = 2;
    let newer = Stamps { schema: 1, ..created(NOW) };
    let many = (0..17).map(|i| pair(&sealed(created(NOW - SECOND * i), &visit_bytes(7, "ann"))));
    [
        (Reason::UnknownVersion, request_with(&to_text(&later_version))),
        (Reason::NewerSchema, request_with(&sealed(newer, &visit_bytes(7, "ann")))),
        (Reason::NotYetValid, request_with(&sealed(created(NOW + SECOND * 61), &[0, 0]))),
        (Reason::TooMany, request(many)),
    ]
}

#[test]
fn where_the_cookie_is_kept_a_form_is_accepted_as_long_as_it_stays() {
    let sessions = sessions::<Visit>();
    for (reason, request) in kept() {
        let session = sessions.load_at(&request, NOW);
        assert_eq!(session.origin(), Origin::Rejected(reason));
        let (token, saved, response) = show(&sessions, session);
        assert_eq!(saved, Saved::Unchanged, "{reason}: showing a form is no change that was lost");
        assert!(set_cookies(&response).is_empty(), "{reason}");

        assert!(accepts(&sessions, &request, &token), "{reason}");
        assert!(!accepts(&sessions, &request_with(&good_value()), &token), "{reason}");
        assert!(!accepts(&sessions, &HeaderMap::new(), &token), "{reason}");
        for (other, request) in kept() {
            assert_eq!(accepts(&sessions, &request, &token), other == reason, "{reason} {other}");
        }
    }
}

/// Otherwise nobody could sign in through a form while such a cookie is there.
#[test]
fn where_the_cookie_is_kept_a_form_signs_in() {
    let sessions = sessions::<Visit>();
    for (reason, request) in kept() {
        let (token, ..) = show(&sessions, sessions.load_at(&request, NOW));
        let mut session = sessions.load_at(&request, NOW);
        assert!(sessions.verify_csrf_at(&session, &token, NOW), "{reason}");
        session.renew();
        assert!(!sessions.verify_csrf_at(&session, &token, NOW), "{reason}");
        let (next, saved, response) = show(&sessions, session);
        assert_eq!(saved, Saved::Written, "{reason}");
        assert!(!accepts(&sessions, &request_after(&response), &token), "{reason}");
        assert!(accepts(&sessions, &request_after(&response), &next), "{reason}");
    }
}

/// Another server, with other keys, may look at more of them.
#[test]
fn of_too_many_cookies_those_that_were_not_looked_at_count_for_a_form() {
    let sessions = sessions::<Visit>();
    let many = |last: &str| request((0..17).map(|_| pair(&good_value())).chain([pair(last)]));
    let (token, ..) = show(&sessions, sessions.load_at(&many("a"), NOW));
    assert!(accepts(&sessions, &many("a"), &token));
    assert!(!accepts(&sessions, &many("b"), &token));
}

#[test]
fn a_form_shown_by_a_server_of_the_older_schema_is_accepted_by_one_of_the_newer() {
    let newer = builder()
        .schema_version(1)
        .upgrade(0, |(page_views, user)| Visit { page_views, user })
        .build()
        .unwrap();
    let value = newer.encode_at(&Session::new_at(visit(7, "ann"), NOW), NOW).unwrap();
    let (token, saved, _) = show(&sessions(), sessions().load_at(&request_with(&value), NOW));
    assert_eq!(saved, Saved::Unchanged);
    assert_eq!(newer.load_at(&request_with(&value), NOW).origin(), Origin::Restored);
    assert!(accepts(&newer, &request_with(&value), &token));

    let two = request([pair(&value), pair("junk")]);
    let (token, ..) = show(&sessions(), sessions().load_at(&two, NOW));
    assert!(accepts(&newer, &two, &token), "of several, all are hashed");
}

#[test]
fn a_token_that_could_not_be_made_writes_no_cookie() {
    let later = KeyRing::schedule([DatedKey::new(key(KEY), NOW + SECOND)]).unwrap();
    let sessions: Sessions<Visit> = Sessions::builder(APP, later).build().unwrap();
    let session = sessions.load_at(&HeaderMap::new(), NOW);
    assert!(matches!(sessions.csrf_token_at(&session, NOW), Err(EncodeError::NoSealingKey)));
    assert_eq!(sessions.save_at(session, &mut HeaderMap::new(), NOW).unwrap(), Saved::Unchanged);
}

// In an adapter.

type Taken = sealed_session::tower::Session<Visit>;

fn take(request: &Request<()>) -> Taken {
    Taken::from_request(request).unwrap()
}

fn view(request: &Request<()>) -> SessionView<Visit> {
    SessionView::from_request(request).unwrap()
}

/// A response to a visitor who sends this cookie, after `handler`, which says that it may be cached.
async fn respond<R: Send + 'static>(
    sessions: &Sessions<Visit>,
    cookie: Option<&str>,
    handler: impl Fn(Request<()>) -> R + Clone + Send + 'static,
) -> (R, Response<()>) {
    let result = Arc::new(Mutex::new(None));
    let told = Arc::clone(&result);
    let service = SessionLayer::new(sessions.clone()).layer(service_fn(move |request| {
        *told.lock().unwrap() = Some(handler(request));
        let response = Response::builder().header(CACHE_CONTROL, "public, max-age=600");
        std::future::ready(Ok::<_, Infallible>(response.body(()).unwrap()))
    }));
    let mut request = Request::new(());
    if let Some(cookie) = cookie {
        request.headers_mut().insert(COOKIE, cookie.parse().unwrap());
    }
    let response = service.oneshot(request).await.unwrap();
    let result = result.lock().unwrap().take().unwrap();
    (result, response)
}

fn cookie_of(response: &Response<()>) -> String {
    response.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_new_visitors_first_form_may_come_from_a_session_or_a_view() {
    let sessions = sessions::<Visit>();
    let of_session = |request| take(&request).csrf_token().unwrap();
    let of_view = |request| view(&request).csrf_token().unwrap();
    for handler in [of_session as fn(Request<()>) -> String, of_view] {
        let (token, response) = respond(&sessions, None, handler).await;
        assert_eq!(response.headers()[CACHE_CONTROL], "private, no-store");
        let cookie = cookie_of(&response);
        let sent = move |request: Request<()>| {
            (take(&request).verify_csrf(&token), view(&request).verify_csrf(&token))
        };
        let (accepted, _) = respond(&sessions, Some(&cookie), sent.clone()).await;
        assert_eq!(accepted, (true, true));
        let (accepted, response) = respond(&sessions, None, sent).await;
        assert_eq!(accepted, (false, false));
        assert_eq!(response.headers()[CACHE_CONTROL], "public, max-age=600", "no form was shown");
    }
}

/// The handler signs the visitor in, then the page's layout, which has a view only, shows a form.
#[tokio::test]
async fn a_view_after_a_new_id_makes_tokens_that_the_next_request_can_send() {
    let sessions = sessions::<Visit>();
    let session = Session::new(visit(7, "ann"));
    let cookie = pair(&sessions.encode(&session).unwrap());
    type Change = fn(&mut Session<Visit>);
    let changes = [Session::renew as Change, Session::reset, Session::rotate_id];
    for change in changes {
        let handler = move |request: Request<()>| {
            let before = view(&request).csrf_token().unwrap();
            change(&mut take(&request));
            (before, view(&request).csrf_token().unwrap())
        };
        let ((before, after), response) = respond(&sessions, Some(&cookie), handler).await;
        let sent = move |request: Request<()>| {
            let session = take(&request);
            (session.verify_csrf(&before), session.verify_csrf(&after))
        };
        let (accepted, _) = respond(&sessions, Some(&cookie_of(&response)), sent).await;
        assert_eq!(accepted, (false, true));
    }
}

/// Bad input 61, `adapters/slot`: the page with the form is on its way, whatever became of the session.
#[tokio::test]
async fn a_form_of_a_session_that_is_not_saved_is_never_cached() {
    let sessions = sessions::<Visit>();
    let cookie = pair(&sessions.encode(&Session::new(visit(7, "ann"))).unwrap());
    for cookie in [None, Some(&*cookie)] {
        let held = |request: Request<()>| {
            let session = take(&request);
            session.csrf_token().unwrap();
            session
        };
        // Its session is given back after the response only.
        let (held, response) = respond(&sessions, cookie, held).await;
        drop(held);
        assert_eq!(response.headers()[CACHE_CONTROL], "private, no-store", "held");
        assert!(!response.headers().contains_key(SET_COOKIE));

        let panicked = |request: Request<()>| {
            let panics = std::panic::AssertUnwindSafe(|| {
                let session = take(&request);
                session.csrf_token().unwrap();
                std::panic::resume_unwind(Box::new("a handler"));
            });
            std::panic::catch_unwind(panics).is_err()
        };
        let (_, response) = respond(&sessions, cookie, panicked).await;
        assert_eq!(response.headers()[CACHE_CONTROL], "private, no-store", "discarded");
    }
}
