//! What `save` does to a response, through the public interface: the table of `docs/design.md`, the
//! deadlines, and the headers. (The table alone, row by row, is tested in `src/steps/decide.rs`.)

mod support;

use http::header::{CACHE_CONTROL, EXPIRES, SET_COOKIE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue};
use sealed_session::{
    EncodeError, Key, KeyRing, Origin, Persistence, Reason, Saved, Session, Sessions,
};
use std::cell::Cell;
use support::fixtures::*;
use support::second::Stamps;
use time::{Duration, OffsetDateTime};

fn load(value: &str, now: OffsetDateTime) -> Session<Visit> {
    sessions().load_at(&request_with(value), now)
}

fn new_visitor() -> Session<Visit> {
    sessions().load_at(&HeaderMap::new(), NOW)
}

/// Saves into a response on which the handler set these headers.
fn save_on(
    session: Session<Visit>,
    now: OffsetDateTime,
    handlers: &[(&'static str, &'static str)],
) -> (Saved, HeaderMap) {
    let mut response = HeaderMap::new();
    for (name, value) in handlers {
        response.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let saved = sessions().save_at(session, &mut response, now).unwrap();
    (saved, response)
}

fn save(session: Session<Visit>, now: OffsetDateTime) -> (Saved, HeaderMap) {
    save_on(session, now, &[])
}

fn cache_control(response: &HeaderMap) -> Vec<&str> {
    response.get_all(CACHE_CONTROL).iter().map(|value| value.to_str().unwrap()).collect()
}

/// What the browser would send back.
fn reload(response: &HeaderMap, now: OffsetDateTime) -> Session<Visit> {
    let session = load(set_cookie(response).value(), now);
    assert_eq!(session.origin(), Origin::Restored);
    session
}

/// To cut what is stored before `save` refuses it.
#[test]
fn the_length_of_a_cookie_is_told_before_it_is_sealed() {
    let session = Session::new(visit(7, "ann"));
    let told = sessions().cookie_len(&session).unwrap();
    let sealed = pair(&sessions().encode(&session).unwrap()).len();
    // Two numbers may grow by four bytes each later, and the padding by a step of 16.
    assert!((sealed..=sealed + 32).contains(&told), "{told}, {sealed}");
}

// The attributes.

#[test]
fn a_written_cookie_has_the_safe_attributes() {
    let mut session = new_visitor();
    session.page_views = 1;
    let (saved, response) = save(session, NOW);
    assert_eq!(saved, Saved::Written);
    let header = response[SET_COOKIE].to_str().unwrap();
    let (pair, attributes) = header.split_once("; ").unwrap();
    assert!(pair.starts_with("__Host-session=A"));
    assert_eq!(attributes, "HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=1800");
}

#[test]
fn a_removal_cookie_has_the_same_attributes() {
    let mut session = load(&good_value(), NOW);
    session.destroy();
    let (saved, response) = save(session, NOW);
    assert_eq!(saved, Saved::Removed);
    assert_eq!(
        response[SET_COOKIE],
        "__Host-session=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0; \
         Expires=Thu, 01 Jan 1970 00:00:00 GMT"
    );
}

#[test]
fn every_attribute_can_be_chosen() {
    let sessions: Sessions<Visit> = builder()
        .cookie_name("sid")
        .path("/shop")
        .domain("example.com")
        .same_site(sealed_session::SameSite::Strict)
        .http_only(false)
        .partitioned(true)
        .persistence(Persistence::Never)
        .build()
        .unwrap();
    let mut response = HeaderMap::new();
    sessions.save_at(Session::new_at(visit(1, "ann"), NOW), &mut response, NOW).unwrap();
    let header = response[SET_COOKIE].to_str().unwrap();
    assert_eq!(
        header.split_once("; ").unwrap().1,
        "SameSite=Strict; Partitioned; Secure; Path=/shop; Domain=example.com"
    );
}

#[test]
fn insecure_for_development_drops_secure_and_the_prefix() {
    let sessions: Sessions<Visit> = builder().insecure_for_development().build().unwrap();
    let mut response = HeaderMap::new();
    sessions.save_at(Session::new_at(visit(1, "ann"), NOW), &mut response, NOW).unwrap();
    let cookie = set_cookie(&response);
    assert_eq!((cookie.name(), cookie.secure()), ("session", None));
    let back = sessions.load_at(&request([format!("session={}", cookie.value())]), NOW);
    assert_eq!(back.origin(), Origin::Restored);
}

#[test]
fn max_age_is_what_is_left_until_the_nearer_deadline() {
    let near_the_end = Stamps { renewed: 28_000, ..created(NOW) };
    let mut session =
        load(&sealed(near_the_end, &visit_bytes(1, "ann")), NOW + Duration::seconds(28_500));
    session.page_views = 2;
    let (_, response) = save(session, NOW + Duration::seconds(28_500));
    assert_eq!(set_cookie(&response).max_age(), Some(Duration::seconds(300)));
}

#[test]
fn max_age_is_at_most_400_days() {
    let years = Duration::days(3650);
    let sessions: Sessions<Visit> =
        builder().idle_timeout(years).absolute_timeout(years).build().unwrap();
    let mut response = HeaderMap::new();
    sessions.save_at(Session::new_at(visit(1, "ann"), NOW), &mut response, NOW).unwrap();
    assert_eq!(set_cookie(&response).max_age(), Some(Duration::days(400)));
}

// Row 1: destroyed.

#[test]
fn destroying_wins_over_changes() {
    let mut session = load(&good_value(), NOW);
    session.page_views = 99;
    session.renew();
    session.destroy();
    assert_eq!(save(session, NOW).0, Saved::Removed);
}

#[test]
fn destroying_what_the_browser_never_had_sends_nothing() {
    let mut session = new_visitor();
    session.page_views = 1;
    session.destroy();
    let (saved, response) = save(session, NOW);
    assert_eq!(saved, Saved::Unchanged);
    assert!(!response.contains_key(SET_COOKIE));
}

#[test]
fn destroying_works_though_the_data_is_too_large_to_write() {
    let mut session = load(&good_value(), NOW);
    session.user = Some("x".repeat(5000));
    session.destroy();
    assert_eq!(save(session, NOW).0, Saved::Removed);
}

// Row 2: what a newer peer can use.

#[test]
fn a_newer_schema_is_kept_even_when_the_handler_changes_the_session() {
    let mut session = load(&sealed(Stamps { schema: 1, ..created(NOW) }, b"whatever"), NOW);
    assert_eq!(session.origin(), Origin::Rejected(Reason::NewerSchema));
    session.page_views = 1;
    session.rotate_id();
    let (saved, response) = save(session, NOW);
    assert_eq!(saved, Saved::Kept);
    assert!(!response.contains_key(SET_COOKIE));
}

#[test]
fn signing_in_overwrites_what_was_kept() {
    let mut session = load(&sealed(Stamps { schema: 1, ..created(NOW) }, b"whatever"), NOW);
    session.renew();
    session.page_views = 1;
    let (saved, response) = save(session, NOW);
    assert_eq!(saved, Saved::Written);
    assert_eq!(reload(&response, NOW).page_views, 1);
}

// Row 3: changes.

#[test]
fn a_change_is_written_and_comes_back() {
    let mut session = load(&good_value(), NOW);
    session.page_views += 1;
    let (saved, response) = save(session, NOW);
    assert_eq!(saved, Saved::Written);
    assert_eq!(*reload(&response, NOW), visit(8, "ann"));
}

#[test]
fn taking_mut_without_changing_anything_is_no_change() {
    let mut session = load(&good_value(), NOW);
    let data: &mut Visit = &mut session;
    data.page_views += 1;
    data.page_views -= 1;
    assert_eq!(save(session, NOW).0, Saved::Unchanged);
}

#[test]
fn taking_mut_on_a_new_session_without_changing_anything_sets_no_cookie() {
    let mut session = new_visitor();
    session.page_views = 0;
    assert_eq!(save(session, NOW).0, Saved::Unchanged);
}

#[test]
fn a_session_made_by_hand_is_written_unless_it_is_the_default() {
    assert_eq!(save(Session::new_at(visit(1, "ann"), NOW), NOW).0, Saved::Written);
    assert_eq!(save(Session::new_at(Visit::default(), NOW), NOW).0, Saved::Unchanged);
}

#[test]
fn renew_gives_a_new_id_and_fresh_clocks() {
    let later = NOW + Duration::minutes(10);
    let mut session = load(&good_value(), later);
    let before = session.id();
    session.renew();
    let (saved, response) = save(session, later);
    assert_eq!(saved, Saved::Written);
    let session = reload(&response, later);
    assert_ne!(session.id(), before);
    assert_eq!(session.created_at(), later);
    assert_eq!(*session, visit(7, "ann"));
}

#[test]
fn rotate_id_gives_a_new_id_while_the_clocks_run_on() {
    let later = NOW + Duration::minutes(10);
    let mut session = load(&good_value(), later);
    let before = session.id();
    session.rotate_id();
    let (saved, response) = save(session, later);
    assert_eq!(saved, Saved::Written);
    let session = reload(&response, later);
    assert_ne!(session.id(), before);
    assert_eq!(session.created_at(), NOW);
    assert_eq!(session.absolute_deadline(), NOW + ABSOLUTE);
}

#[test]
fn own_timeouts_are_a_change_and_come_back() {
    let sessions: Sessions<Visit> =
        builder().longest_timeouts(Duration::days(14), Duration::days(90)).build().unwrap();
    let mut session = sessions.load_at(&request_with(&good_value()), NOW);
    session.set_timeouts(Duration::days(7), Duration::days(365));
    let mut response = HeaderMap::new();
    assert_eq!(sessions.save_at(session, &mut response, NOW).unwrap(), Saved::Written);
    let cookie = set_cookie(&response);
    assert_eq!(cookie.max_age(), Some(Duration::days(7)));
    let session = sessions.decode_at(cookie.value(), NOW + Duration::days(6)).unwrap();
    assert_eq!(session.idle_deadline(), NOW + Duration::days(7));
    assert_eq!(session.absolute_deadline(), NOW + Duration::days(90), "cut to the longest");
}

#[test]
fn a_renewal_keeps_only_the_own_timeouts_that_its_request_sets() {
    let value =
        sealed(Stamps { timeouts: Some((60, 3600)), ..created(NOW) }, &visit_bytes(7, "ann"));
    let other = (Duration::minutes(2), Duration::hours(2));
    let mut session = load(&value, NOW);
    session.renew();
    assert_eq!(session.own_timeouts(), None, "those that it was loaded with go");
    session.set_timeouts(other.0, other.1);
    assert_eq!(session.own_timeouts(), Some(other), "set after it");
    let mut session = load(&value, NOW);
    session.set_timeouts(other.0, other.1);
    session.renew();
    assert_eq!(session.own_timeouts(), Some(other), "set before it");
}

#[test]
fn setting_the_timeouts_that_it_has_is_no_change() {
    let sessions: Sessions<Visit> =
        builder().longest_timeouts(Duration::days(14), Duration::days(90)).build().unwrap();
    let value =
        sealed(Stamps { timeouts: Some((60, 3600)), ..created(NOW) }, &visit_bytes(7, "ann"));
    let mut session = sessions.load_at(&request_with(&value), NOW);
    session.set_timeouts(Duration::minutes(1), Duration::hours(1));
    let mut response = HeaderMap::new();
    assert_eq!(sessions.save_at(session, &mut response, NOW).unwrap(), Saved::Unchanged);
}

#[test]
fn every_write_renews() {
    let later = NOW + Duration::seconds(30);
    let mut session = load(&good_value(), later);
    session.page_views += 1;
    let (_, response) = save(session, later);
    assert_eq!(reload(&response, later).idle_deadline(), later + IDLE);
}

#[test]
fn a_change_replaces_a_rejected_cookie() {
    let mut session = load("forged", NOW);
    session.page_views = 1;
    let (saved, response) = save(session, NOW);
    assert_eq!(saved, Saved::Written);
    assert_eq!(reload(&response, NOW).page_views, 1);
}

/// `build` looks for room for a default session, which has no timeouts of its own.
#[test]
fn own_timeouts_that_do_not_fit_beside_a_long_name_are_an_error() {
    let named = |len| builder::<Visit>().cookie_name("x".repeat(len)).build();
    let sessions = (3900..4096).rev().find_map(|len| named(len).ok()).unwrap();
    let session = Session::new_at(Visit::default(), NOW);
    assert!(sessions.encode_at(&session, NOW).is_ok());
    let mut session = Session::new_at(Visit::default(), NOW);
    session.set_timeouts(Duration::HOUR, Duration::DAY);
    let error = sessions.encode_at(&session, NOW).unwrap_err();
    assert!(matches!(error, EncodeError::TooLarge { .. }), "{error:?}");
}

#[test]
fn what_is_too_large_is_an_error_that_leaves_the_response_alone() {
    let mut session = load(&good_value(), NOW);
    session.user = Some("x".repeat(4000));
    let mut response = HeaderMap::new();
    response.insert("x-handler", HeaderValue::from_static("1"));
    let before = response.clone();
    let error = sessions::<Visit>().save_at(session, &mut response, NOW).unwrap_err();
    assert!(matches!(error, EncodeError::TooLarge { size: 5473, limit: 4096 }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the session needs a cookie of 5473 bytes, but the limit is 4096: keep large data in a \
         database and its id in the session"
    );
    assert_eq!(response, before);
}

// Row 4: rejected for good.

#[test]
fn a_cookie_that_nobody_will_accept_is_removed() {
    let (saved, response) = save(load("forged", NOW), NOW);
    assert_eq!(saved, Saved::Removed);
    assert_eq!(set_cookie(&response).max_age(), Some(Duration::ZERO));
}

#[test]
fn its_removal_waits_for_a_response_that_is_not_shared() {
    let (saved, response) = save_on(load("forged", NOW), NOW, &[("cache-control", "max-age=60")]);
    assert_eq!(saved, Saved::Deferred);
    assert!(!response.contains_key(SET_COOKIE));
    assert_eq!(cache_control(&response), ["max-age=60"]);
}

// Row 5: renewal.

#[test]
fn a_session_in_use_is_renewed_after_a_tenth_of_its_idle_timeout() {
    let due = NOW + Duration::minutes(3);
    assert_eq!(save(load(&good_value(), due - SECOND), due - SECOND).0, Saved::Unchanged);
    let (saved, response) = save(load(&good_value(), due), due);
    assert_eq!(saved, Saved::Written);
    let session = reload(&response, due);
    assert_eq!(session.idle_deadline(), due + IDLE);
    assert_eq!(session.created_at(), NOW);
    assert_eq!(*session, visit(7, "ann"));
}

#[test]
fn a_session_used_every_29_minutes_lives_until_its_absolute_deadline() {
    let mut value = good_value();
    let mut now = NOW;
    while now + Duration::minutes(29) < NOW + ABSOLUTE {
        now += Duration::minutes(29);
        let (saved, response) = save(load(&value, now), now);
        assert_eq!(saved, Saved::Written, "at {now}");
        value = set_cookie(&response).value().to_owned();
    }
    let session = load(&value, NOW + ABSOLUTE - SECOND);
    assert_eq!(session.origin(), Origin::Restored);
    let session = load(&value, NOW + ABSOLUTE);
    assert_eq!(session.origin(), Origin::Rejected(Reason::AbsoluteTimeout));
}

#[test]
fn a_renewal_waits_for_a_response_that_is_not_shared() {
    let due = NOW + Duration::minutes(3);
    let shared = [("cache-control", "public, max-age=60")];
    let (saved, response) = save_on(load(&good_value(), due), due, &shared);
    assert_eq!(saved, Saved::Deferred);
    assert!(!response.contains_key(SET_COOKIE));
    assert_eq!(cache_control(&response), ["public, max-age=60"]);
}

#[test]
fn a_renewal_over_5_seconds_after_the_request_is_deferred() {
    let due = NOW + Duration::minutes(3);
    assert_eq!(save(load(&good_value(), due), due + 5 * SECOND).0, Saved::Written);
    assert_eq!(save(load(&good_value(), due), due + 6 * SECOND).0, Saved::Deferred);
}

#[test]
fn a_change_over_5_seconds_after_the_request_is_written() {
    let mut session = load(&good_value(), NOW);
    session.page_views += 1;
    assert_eq!(save(session, NOW + Duration::minutes(1)).0, Saved::Written);
}

#[test]
fn a_session_at_the_limit_can_still_be_renewed() {
    let sessions: Sessions<String> = builder().padding(1).build().unwrap();
    let mut text = String::new();
    let value = loop {
        text.push('x');
        match sessions.encode_at(&Session::new_at(text.clone(), NOW), NOW) {
            Ok(value) => drop(value),
            Err(_) => {
                text.pop();
                break sessions.encode_at(&Session::new_at(text.clone(), NOW), NOW).unwrap();
            }
        }
    };
    let late = NOW + Duration::minutes(29);
    let session = sessions.load_at(&request_with(&value), late);
    let mut response = HeaderMap::new();
    assert_eq!(sessions.save_at(session, &mut response, late).unwrap(), Saved::Written);
    assert!(pair(set_cookie(&response).value()).len() <= LIMIT);
}

// Row 6: nothing.

#[test]
fn reading_writes_nothing() {
    let session = load(&good_value(), NOW);
    assert_eq!(session.page_views, 7);
    let (saved, response) = save(session, NOW);
    assert_eq!(saved, Saved::Unchanged);
    assert!(!response.contains_key(SET_COOKIE));
}

#[test]
fn a_session_that_was_only_read_is_not_serialised() {
    thread_local!(static SERIALISED: Cell<u32> = const { Cell::new(0) });
    #[derive(serde::Deserialize, Default)]
    struct Counted(u8);
    impl serde::Serialize for Counted {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            SERIALISED.set(SERIALISED.get() + 1);
            serializer.serialize_newtype_struct("Counted", &self.0)
        }
    }
    let sessions = sessions::<Counted>();
    let session = sessions.load_at(&request_with(&sealed(created(NOW), &[7])), NOW);
    SERIALISED.set(0);
    assert_eq!(session.0, 7);
    assert_eq!(sessions.save_at(session, &mut HeaderMap::new(), NOW).unwrap(), Saved::Unchanged);
    assert_eq!(SERIALISED.get(), 0);
}

#[test]
fn a_new_visitor_with_nothing_in_the_session_gets_no_cookie() {
    let (saved, response) = save(new_visitor(), NOW);
    assert_eq!(saved, Saved::Unchanged);
    assert!(!response.contains_key(SET_COOKIE));
}

#[test]
fn a_timed_out_cookie_is_left_to_the_browser() {
    let (saved, response) = save(load(&good_value(), NOW + IDLE), NOW + IDLE);
    assert_eq!(saved, Saved::Unchanged);
    assert!(!response.contains_key(SET_COOKIE));
}

// Caches.

#[test]
fn a_response_with_our_cookie_is_kept_out_of_every_cache() {
    let mut session = load(&good_value(), NOW);
    session.page_views += 1;
    let (_, response) = save(session, NOW);
    assert_eq!(cache_control(&response), ["private, no-store"]);
    assert_eq!(response[VARY], "Cookie");
}

#[test]
fn a_change_on_a_shared_response_makes_it_private() {
    for handlers in [
        &[("cache-control", "max-age=60")][..],
        &[("expires", "Thu, 01 Jan 2099 00:00:00 GMT")],
        &[("cdn-cache-control", "max-age=60")],
        &[("surrogate-control", "max-age=60")],
        &[("cache-control", "private"), ("cdn-cache-control", "max-age=60")],
        &[("cache-control", "private"), ("x-accel-expires", "60")],
        &[("cache-control", "no-store, must-understand")],
    ] {
        let mut session = load(&good_value(), NOW);
        session.page_views += 1;
        let (saved, response) = save_on(session, NOW, handlers);
        assert_eq!(saved, Saved::Written);
        assert_eq!(cache_control(&response), ["private, no-store"], "{handlers:?}");
        for name in [EXPIRES.as_str(), "cdn-cache-control", "surrogate-control", "x-accel-expires"]
        {
            assert!(!response.contains_key(name), "{name} of {handlers:?}");
        }
    }
}

#[test]
fn a_private_response_with_our_cookie_says_no_store_too() {
    for said in ["private, max-age=5", "PRIVATE", "no-store", "private, must-understand"] {
        let mut session = load(&good_value(), NOW);
        session.page_views += 1;
        let (_, response) = save_on(session, NOW, &[("cache-control", said)]);
        assert_eq!(cache_control(&response), ["private, no-store"], "{said}");
    }
}

#[test]
fn a_private_response_that_was_only_read_keeps_what_the_handler_said() {
    let handlers = [("cache-control", "private, max-age=5"), ("expires", "0")];
    let (_, response) = save_on(load(&good_value(), NOW), NOW, &handlers);
    assert_eq!(cache_control(&response), ["private, max-age=5"]);
    assert_eq!(response[EXPIRES], "0");
}

#[test]
fn the_cookie_and_its_removal_are_marked_sensitive() {
    let mut written = load(&good_value(), NOW);
    written.page_views += 1;
    let mut removed = load(&good_value(), NOW);
    removed.destroy();
    for session in [written, removed] {
        let (_, response) = save(session, NOW);
        assert!(response[SET_COOKIE].is_sensitive());
        assert!(!format!("{response:?}").contains(NAME), "{response:?}");
    }
}

#[test]
fn a_session_that_was_only_read_makes_the_response_private() {
    let (_, response) = save(load(&good_value(), NOW), NOW);
    assert_eq!(cache_control(&response), ["private"]);
    assert_eq!(response[VARY], "Cookie");
}

#[test]
fn reading_leaves_a_shared_response_shared_and_varied() {
    let handlers = [("cache-control", "max-age=60"), ("vary", "Accept")];
    let (_, response) = save_on(load(&good_value(), NOW), NOW, &handlers);
    assert_eq!(cache_control(&response), ["max-age=60"]);
    let vary: Vec<_> = response.get_all(VARY).iter().collect();
    assert_eq!(vary, ["Accept, Cookie"]);
}

#[test]
fn the_cookies_of_others_stay() {
    let mut session = load(&good_value(), NOW);
    session.page_views += 1;
    let handlers = [("set-cookie", "theme=dark"), ("set-cookie", "__Host-session=stale; Path=/")];
    let (_, response) = save_on(session, NOW, &handlers);
    let names: Vec<_> = set_cookies(&response).iter().map(|c| c.name().to_owned()).collect();
    assert_eq!(names, ["theme", NAME]);
    assert_eq!(set_cookies(&response)[1].max_age(), Some(IDLE));
}

// Keys and schemas.

#[test]
fn a_session_under_an_old_key_is_resealed_at_its_next_write_only() {
    let sessions: Sessions<Visit> = sessions();
    sessions.set_key_ring(KeyRing::new(key(OTHER_KEY)).with_retired(key(KEY)).unwrap());

    let session = sessions.load_at(&request_with(&good_value()), NOW);
    let (id, created_at) = (session.id(), session.created_at());
    let mut response = HeaderMap::new();
    assert_eq!(sessions.save_at(session, &mut response, NOW).unwrap(), Saved::Unchanged);

    let due = NOW + Duration::minutes(3);
    let session = sessions.load_at(&request_with(&good_value()), due);
    assert_eq!(sessions.save_at(session, &mut response, due).unwrap(), Saved::Written);
    let value = set_cookie(&response).value().to_owned();
    sessions.set_key_ring(KeyRing::new(key(OTHER_KEY)));
    let resealed = sessions.decode_at(&value, due).unwrap();
    assert_eq!((resealed.id(), resealed.created_at()), (id, created_at));
}

#[test]
fn an_upgraded_session_is_written_in_the_new_schema() {
    #[derive(serde::Deserialize)]
    struct Before(u8);
    let sessions: Sessions<Visit> = builder()
        .schema_version(1)
        .upgrade(0, |old: Before| visit(old.0.into(), "bob"))
        .build()
        .unwrap();
    let session = sessions.load_at(&request_with(&sealed(created(NOW), &[5])), NOW);
    assert_eq!(*session, visit(5, "bob"));
    let mut response = HeaderMap::new();
    assert_eq!(sessions.save_at(session, &mut response, NOW).unwrap(), Saved::Written);
    let stamps = second().open(set_cookie(&response).value()).unwrap();
    assert_eq!(stamps[16..19], [0, 0, 1], "renewed, no timeouts, schema");
}

#[test]
fn an_upgrade_alone_does_not_make_a_shared_response_private() {
    let sessions: Sessions<Visit> =
        builder().schema_version(1).upgrade(0, |_: u8| Visit::default()).build().unwrap();
    let session = sessions.load_at(&request_with(&sealed(created(NOW), &[5])), NOW);
    let mut response = HeaderMap::new();
    response.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=60"));
    assert_eq!(sessions.save_at(session, &mut response, NOW).unwrap(), Saved::Deferred);
}

#[test]
fn all_clones_follow_a_swap_of_keys() {
    let sessions: Sessions<Visit> = sessions();
    let clone = sessions.clone();
    let new = Key::generate();
    clone.set_key_ring(KeyRing::new(new.clone()));
    assert_eq!(sessions.sealing_key_at(NOW), Some(new.id()));
    assert_eq!(refusal(&sessions, &good_value()), Reason::UnknownKey);
}

#[test]
fn reject_created_before_refuses_what_is_older_and_never_moves_back() {
    let sessions: Sessions<Visit> = sessions();
    sessions.reject_created_before(NOW);
    assert!(sessions.decode_at(&good_value(), NOW).is_ok(), "created at that time, not before");
    sessions.reject_created_before(NOW + SECOND);
    assert_eq!(refusal(&sessions, &good_value()), Reason::Revoked);
    sessions.reject_created_before(NOW);
    assert_eq!(refusal(&sessions, &good_value()), Reason::Revoked);
}

#[test]
fn revoked_is_asked_last_and_its_word_counts() {
    let sessions: Sessions<Visit> = Sessions::<Visit>::builder(APP, ring())
        .revoked(|session: &Session<Visit>| session.user.as_deref() == Some("ann"))
        .build()
        .unwrap();
    assert_eq!(refusal(&sessions, &good_value()), Reason::Revoked);
    let bob = sealed(created(NOW), &visit_bytes(1, "bob"));
    assert!(sessions.decode_at(&bob, NOW).is_ok());
    let session = sessions.load_at(&request_with(&good_value()), NOW);
    let mut response = HeaderMap::new();
    assert_eq!(sessions.save_at(session, &mut response, NOW).unwrap(), Saved::Removed);
}
