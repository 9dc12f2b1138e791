//! Visitors who bring a cookie of the library that was used before, through the public interface. (The
//! real libraries' cookies: `tests/private_jars`.)

mod support;

use http::header::{CACHE_CONTROL, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use sealed_session::{ConfigError, Origin, Reason, Saved, Session, Sessions, SessionsBuilder};
use std::ops::Range;
use support::fixtures::*;
use support::second::{Second, Stamps, plaintext, to_bytes, to_text};
use time::{Duration, OffsetDateTime};

const OLD: &str = "user";
/// When the migration was deployed, and for how long it is on.
const SINCE: OffsetDateTime = NOW;
const UNTIL: OffsetDateTime = NOW.saturating_add(ABSOLUTE);

fn old_pair(value: &str) -> String {
    format!("{OLD}={value}")
}

fn migrating_for(accepted: Range<OffsetDateTime>) -> SessionsBuilder<Visit> {
    builder().migrate_private_jar(OLD, &old_key(), accepted, |text| {
        (!text.is_empty()).then(|| visit(0, text))
    })
}

fn migrating() -> Sessions<Visit> {
    migrating_for(SINCE..UNTIL).build().unwrap()
}

fn load(request: &HeaderMap, now: OffsetDateTime) -> Session<Visit> {
    migrating().load_at(request, now)
}

fn save(session: Session<Visit>, now: OffsetDateTime) -> (Saved, HeaderMap) {
    let mut response = HeaderMap::new();
    let saved = migrating().save_at(session, &mut response, now).unwrap();
    (saved, response)
}

/// What a response does with our cookie and with the old one: their values, empty for a removal.
fn ours_and_old(response: &HeaderMap) -> (Option<String>, Option<String>) {
    let of = |name| {
        let cookies = set_cookies(response);
        let mut named = cookies.iter().filter(|cookie| cookie.name() == name);
        let value = named.next().map(|cookie| {
            let is_removal = cookie.max_age() == Some(Duration::ZERO);
            assert_eq!(is_removal, cookie.value().is_empty(), "{cookie}");
            cookie.value().to_owned()
        });
        assert!(named.next().is_none(), "{name} twice");
        value
    };
    (of(NAME), of(OLD))
}

fn is_ann(session: &Session<Visit>) -> bool {
    session.origin() == Origin::Restored && session.user.as_deref() == Some("ann")
}

#[test]
fn a_visitor_who_only_looks_stays_signed_in_and_gets_our_cookie() {
    let request = request([old_pair(&old_value(OLD, "ann"))]);
    let session = load(&request, NOW);
    assert!(is_ann(&session));
    let id = session.id();
    let (saved, response) = save(session, NOW);
    assert_eq!(saved, Saved::Written);
    assert_eq!(response[CACHE_CONTROL], "private, no-store");
    let (ours, old) = ours_and_old(&response);
    assert_eq!(old.as_deref(), Some(""), "the old one is removed with it");

    let next = sessions::<Visit>().load_at(&request_with(&ours.unwrap()), NOW);
    assert!(is_ann(&next), "also by a server without the migration");
    assert_eq!((next.id(), next.created_at()), (id, SINCE));
}

#[test]
fn the_old_cookies_removal_has_the_attributes_of_ours() {
    let build = |jar: SessionsBuilder<Visit>| {
        jar.cookie_name("sid").path("/shop").domain("example.com").build().unwrap()
    };
    let sessions = build(migrating_for(SINCE..UNTIL));
    let session = sessions.load_at(&request([old_pair(&old_value(OLD, "ann"))]), NOW);
    let mut response = HeaderMap::new();
    sessions.save_at(session, &mut response, NOW).unwrap();
    let cookies = set_cookies(&response);
    let old = cookies.iter().find(|cookie| cookie.name() == OLD).unwrap();
    assert_eq!((old.path(), old.domain()), (Some("/shop"), Some("example.com")));
}

#[test]
fn a_changed_session_is_written_and_one_that_a_cache_may_share_waits() {
    let request = request([old_pair(&old_value(OLD, "ann"))]);
    let mut session = load(&request, NOW);
    session.page_views += 1;
    assert_eq!(save(session, NOW).0, Saved::Written);

    let mut response = HeaderMap::new();
    response.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=600"));
    let saved = migrating().save_at(load(&request, NOW), &mut response, NOW).unwrap();
    assert_eq!(saved, Saved::Deferred);
    assert!(!response.contains_key(SET_COOKIE));
    assert_eq!(response[CACHE_CONTROL], "public, max-age=600");
}

/// It was used just now, so the idle timeout begins now; the absolute one began with the migration.
#[test]
fn its_deadlines_count_from_now_and_from_the_beginning_of_the_migration() {
    let now = NOW + Duration::hours(2);
    let session = load(&request([old_pair(&old_value(OLD, "ann"))]), now);
    assert_eq!(session.idle_deadline(), now + IDLE);
    assert_eq!(session.absolute_deadline(), SINCE + ABSOLUTE);
    assert_eq!(session.renewed_at(), now);
}

/// Bad input 62, `steps/migrate`: sent after its end date.
#[test]
fn past_the_end_date_no_old_cookie_counts() {
    let request = request([old_pair(&old_value(OLD, "ann"))]);
    assert!(is_ann(&load(&request, UNTIL - Duration::MILLISECOND)));
    for now in [UNTIL, UNTIL + SECOND, UNTIL + Duration::days(1000)] {
        let session = load(&request, now);
        assert_eq!((session.origin(), &*session), (Origin::New, &Visit::default()));
        assert_eq!(save(session, now).0, Saved::Unchanged, "and it is left alone");
    }
    let shorter = migrating_for(SINCE..SINCE + SECOND).build().unwrap();
    assert_eq!(shorter.load_at(&request, SINCE + SECOND).origin(), Origin::New);
}

/// A server whose clock is behind that of the deployment, as for any session.
#[test]
fn before_its_beginning_a_migration_waits_past_the_usual_skew() {
    let request = request([old_pair(&old_value(OLD, "ann"))]);
    assert!(is_ann(&load(&request, SINCE - SECOND * 60)));
    let session = load(&request, SINCE - SECOND * 61);
    assert_eq!(session.origin(), Origin::Rejected(Reason::NotYetValid));
    assert_eq!(save(session, NOW).0, Saved::Unchanged);
}

/// Bad input 62, `migration/id`: spelled with `%41`, in parallel, on several servers.
#[test]
fn one_old_cookie_is_one_session_however_and_wherever_it_is_sent() {
    let value = old_value(OLD, "ann");
    let every: String = value.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let id = load(&request([old_pair(&value)]), NOW).id();
    for spelled in [&value, &every] {
        let later = load(&request([old_pair(spelled)]), NOW + Duration::hours(1));
        assert!(is_ann(&later));
        assert_eq!(later.id(), id, "{spelled}");
    }
    let twice = request([old_pair(&value), old_pair(&every)]);
    assert_eq!(load(&twice, NOW).id(), id, "both in one request");
    assert_ne!(load(&request([old_pair(&old_value(OLD, "ann"))]), NOW).id(), id, "another cookie");

    let mut changed = load(&request([old_pair(&value)]), NOW);
    changed.page_views += 1;
    let ours = ours_and_old(&save(changed, NOW).1).0.unwrap();
    assert_eq!(load(&request_with(&ours), NOW).id(), id, "and it keeps it in our cookie");
}

#[test]
fn an_old_cookies_name_that_no_header_can_hold_is_refused() {
    for name in ["", "a b", "session\n", "\0", "\u{7f}", "a=b", "a;b", "a,b", "a\tb"] {
        let builder: SessionsBuilder<Visit> = builder();
        let built = builder.migrate_private_jar(name, &old_key(), SINCE..UNTIL, |_| None).build();
        let error = built.map(drop).unwrap_err().to_string();
        assert!(error.contains("give the old cookie's name as it is sent"), "{name:?}: {error}");
    }
}

/// Bad input 62, `steps/migrate`: under another path, where browsers keep both.
#[test]
fn two_old_cookies_are_no_session() {
    let both = request([old_pair(&old_value(OLD, "ann")), old_pair(&old_value(OLD, "bob"))]);
    let session = load(&both, NOW);
    assert_eq!(session.origin(), Origin::Rejected(Reason::Ambiguous));
    assert_eq!(save(session, NOW).0, Saved::Unchanged);
    let mut signed_in = load(&both, NOW);
    signed_in.renew();
    let (saved, response) = save(signed_in, NOW);
    assert_eq!(saved, Saved::Written);
    assert_eq!(ours_and_old(&response).1.as_deref(), Some(""), "a sign-in ends it");
}

/// Bad input 62, `steps/load`: beside ours, accepted or not.
#[test]
fn beside_an_authentic_cookie_of_ours_an_old_one_does_not_count() {
    let bob = old_pair(&old_value(OLD, "bob"));
    let session = load(&request([bob.clone(), pair(&good_value())]), NOW);
    assert!(is_ann(&session));
    let (saved, response) = save(session, NOW);
    assert_eq!((saved, set_cookies(&response).len()), (Saved::Unchanged, 0));

    let newer = Stamps { schema: 1, ..created(NOW) };
    for (value, reason) in [
        (sealed(created(NOW - IDLE), &[0, 0]), Reason::IdleTimeout),
        (sealed(created(NOW), &[0xff]), Reason::InvalidPayload),
        (sealed(newer, &[0, 0]), Reason::NewerSchema),
        (sealed(created(NOW + SECOND * 61), &[0, 0]), Reason::NotYetValid),
    ] {
        let session = load(&request([bob.clone(), pair(&value)]), NOW);
        assert_eq!(session.origin(), Origin::Rejected(reason));
    }
    let [one, two] = [0, 1].map(|i| pair(&sealed(created(NOW - SECOND * i), &[0, 0])));
    let session = load(&request([bob, one, two]), NOW);
    assert_eq!(session.origin(), Origin::Rejected(Reason::Ambiguous));
}

/// A newer release's cookie is none that this server can read, but one that it must not overwrite.
#[test]
fn beside_a_cookie_that_is_kept_an_old_one_does_not_count() {
    let mut later_version = to_bytes(&good_value());
    later_version[0] = 2;
    let request = request([old_pair(&old_value(OLD, "bob")), pair(&to_text(&later_version))]);
    let session = load(&request, NOW);
    assert_eq!(session.origin(), Origin::Rejected(Reason::UnknownVersion));
    assert_eq!(save(session, NOW).0, Saved::Unchanged);
}

/// Otherwise anyone who can plant a cookie of our name could sign visitors out.
#[test]
fn beside_a_cookie_of_our_name_that_is_not_ours_an_old_one_counts() {
    let mut forged = to_bytes(&good_value());
    *forged.last_mut().unwrap() ^= 1;
    for junk in ["junk".to_owned(), to_text(&forged)] {
        let request = request([pair(&junk), old_pair(&old_value(OLD, "ann"))]);
        assert!(is_ann(&load(&request, NOW)), "{junk}");
        let (saved, response) = save(load(&request, NOW), NOW);
        assert_eq!(saved, Saved::Written);
        assert!(is_ann(&load(&request_with(&ours_and_old(&response).0.unwrap()), NOW)));
    }
}

/// Bad input 62, `steps/decide`: a sign-out as the first click after the deployment.
#[test]
fn a_sign_out_as_the_first_click_removes_both() {
    let request = request([old_pair(&old_value(OLD, "ann"))]);
    let mut session = load(&request, NOW);
    session.destroy();
    let (saved, response) = save(session, NOW);
    assert_eq!(saved, Saved::Removed);
    assert_eq!(ours_and_old(&response), (Some(String::new()), Some(String::new())));

    let mut session = load(&request, NOW);
    session.reset();
    let (saved, response) = save(session, NOW);
    assert_eq!(saved, Saved::Written);
    assert_eq!(ours_and_old(&response).1.as_deref(), Some(""));
}

/// Bad input 62, `steps/migrate`: sent after `destroy`, by somebody who has kept it. Without a list of
/// ended sessions the application's own hook knows it by its id.
#[test]
fn an_old_cookie_that_was_signed_out_is_refused_by_the_hook() {
    let value = old_value(OLD, "ann");
    let ended = load(&request([old_pair(&value)]), NOW).id();
    let sessions = migrating_for(SINCE..UNTIL)
        .revoked(move |session: &Session<Visit>| session.id() == ended)
        .build()
        .unwrap();
    let session = sessions.load_at(&request([old_pair(&value)]), NOW);
    assert_eq!(session.origin(), Origin::Rejected(Reason::Revoked));
    let other = request([old_pair(&old_value(OLD, "ann"))]);
    assert!(is_ann(&sessions.load_at(&other, NOW)));
}

#[test]
fn what_the_operator_ended_is_not_migrated() {
    let sessions = migrating();
    let request = request([old_pair(&old_value(OLD, "ann"))]);
    sessions.reject_created_before(SINCE);
    assert!(is_ann(&sessions.load_at(&request, NOW)));
    sessions.reject_created_before(SINCE + Duration::MILLISECOND);
    let session = sessions.load_at(&request, NOW);
    assert_eq!(session.origin(), Origin::Rejected(Reason::Revoked));
}

/// Found by a seed of the fuzz target `operations`: the key of ours may be on its way.
#[test]
fn a_revoked_old_cookie_does_not_have_ours_of_an_unknown_key_removed() {
    let sessions = migrating();
    sessions.reject_created_before(SINCE + SECOND);
    let save = |cookies: &[String]| {
        let mut response = HeaderMap::new();
        let session = sessions.load_at(&request(cookies), NOW + SECOND);
        assert_eq!(session.origin(), Origin::Rejected(Reason::Revoked));
        sessions.save_at(session, &mut response, NOW + SECOND).unwrap()
    };
    let old = old_pair(&old_value(OLD, "ann"));
    let elsewhere = Second { key: [9; 32], ..second() };
    let ours = elsewhere.seal(&plaintext(created(NOW), &[0, 0]));
    assert_eq!(save(&[old.clone(), pair(&ours)]), Saved::Unchanged);
    assert_eq!(save(&[old]), Saved::Removed);
}

#[test]
fn what_the_old_key_did_not_seal_or_the_application_does_not_know_is_no_session() {
    for value in ["junk".to_owned(), good_value(), old_value(OLD, "")] {
        let session = load(&request([old_pair(&value)]), NOW);
        assert_eq!((session.origin(), &*session), (Origin::New, &Visit::default()), "{value}");
    }
}

/// Work is bounded: as with cookies of ours, of too many none counts.
#[test]
fn of_too_many_old_cookies_none_counts() {
    let ann = old_pair(&old_value(OLD, "ann"));
    let with_junk = |count| {
        let junk = std::iter::repeat_n(old_pair("junk"), count);
        load(&request(junk.chain([ann.clone()])), NOW).origin()
    };
    assert_eq!(with_junk(15), Origin::Restored);
    assert_eq!(with_junk(16), Origin::New);
}

#[test]
fn while_an_older_schema_is_sealed_a_migrated_session_is_sealed_in_it() {
    let old_server = sessions::<Visit>();
    let sessions = migrating_for(SINCE..UNTIL)
        .schema_version(1)
        .upgrade(0, |(page_views, user)| Visit { page_views, user })
        .seal_as(0, |new: &Visit| (new.page_views, new.user.clone()))
        .build()
        .unwrap();
    let session = sessions.load_at(&request([old_pair(&old_value(OLD, "ann"))]), NOW);
    let mut response = HeaderMap::new();
    assert_eq!(sessions.save_at(session, &mut response, NOW).unwrap(), Saved::Written);
    let ours = ours_and_old(&response).0.unwrap();
    assert!(is_ann(&old_server.load_at(&request_with(&ours), NOW)));
}

#[test]
fn a_form_that_a_migrated_visitor_was_shown_is_accepted() {
    let sessions = migrating();
    let old = request([old_pair(&old_value(OLD, "ann"))]);
    let session = sessions.load_at(&old, NOW);
    let token = sessions.csrf_token_at(&session, NOW).unwrap();
    let ours = ours_and_old(&save(session, NOW).1).0.unwrap();
    for request in [old, request_with(&ours)] {
        assert!(sessions.verify_csrf_at(&sessions.load_at(&request, NOW), &token, NOW));
    }
}

fn refused(builder: SessionsBuilder<Visit>) -> String {
    let error: ConfigError = builder.build().unwrap_err();
    assert_eq!(error.setting(), "migrate_private_jar");
    error.to_string()
}

#[test]
fn an_end_that_no_session_would_reach_is_refused() {
    assert!(migrating_for(SINCE..SINCE + ABSOLUTE).build().is_ok());
    let problem = refused(migrating_for(SINCE..SINCE + ABSOLUTE + Duration::MILLISECOND));
    assert!(problem.contains("absolute_timeout"), "{problem}");
    refused(migrating_for(SINCE..SINCE));
    refused(migrating_for(UNTIL..SINCE));
}

#[test]
fn a_name_that_cannot_be_and_a_second_jar_are_refused() {
    let named = |name: &str| {
        refused(builder().migrate_private_jar(name, &old_key(), SINCE..UNTIL, |_| None))
    };
    for name in ["", "a b", "a;b", "a=b"] {
        named(name);
    }
    assert!(named(NAME).contains("cookie_name"));
    let twice =
        migrating_for(SINCE..UNTIL).migrate_private_jar("cart", &old_key(), SINCE..UNTIL, |_| None);
    assert!(refused(twice).contains("once"));
}
