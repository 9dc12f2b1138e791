//! A session of another library, which is to stay ended, too.

use super::people::{Browser, ENDED, Server};
use crate::support::fixtures::{NOW, Visit, request, visit};
use cookie::{Cookie, CookieJar, Key};
use sealed_session::{EndedSessions, Origin, Saved};
use time::Duration;

fn key() -> Key {
    Key::from(&[7; 64])
}

fn old_cookie(user: &str) -> String {
    let mut jar = CookieJar::new();
    jar.private_mut(&key()).add(Cookie::new("user", user.to_owned()));
    jar.get("user").unwrap().to_string()
}

fn server() -> Server {
    Server::with(EndedSessions::new("shop", Duration::hours(8)), |builder| {
        builder.migrate_private_jar("user", &key(), NOW..NOW + Duration::hours(8), |text| {
            Some(if text.is_empty() { Visit::default() } else { visit(0, text) })
        })
    })
}

fn load(server: &Server, cookies: &[&str]) -> sealed_session::Session<Visit> {
    server.sessions.load_at(&request([cookies.join("; ")]), NOW)
}

/// Bad input 62, `steps/migrate`: an ended session stays ended.
#[test]
fn a_kept_old_cookie_does_not_sign_in_again_after_the_sign_out() {
    let server = server();
    let old = old_cookie("ann");
    let mut session = load(&server, &[&old]);
    assert_eq!((session.origin(), session.user.as_deref()), (Origin::Restored, Some("ann")));
    session.destroy();
    assert_eq!(load(&server, &[&old]).origin(), ENDED);
    assert_eq!(load(&server, &[&old_cookie("ann")]).origin(), Origin::Restored, "another one");
}

#[test]
fn a_sign_out_beside_ours_ends_the_session_of_the_old_cookie_too() {
    let server = server();
    let old = old_cookie("ann");
    let mut browser = Browser::default();
    let session = load(&server, &[&old]);
    assert_eq!(server.save(session, &mut browser, NOW), Saved::Written);
    // The response with the removal was lost on its way, and both come again.
    let ours = format!("__Host-session={}", browser.values[0]);
    load(&server, &[&ours, &old]).reset();
    assert_eq!(load(&server, &[&ours]).origin(), ENDED);
    assert_eq!(load(&server, &[&old]).origin(), ENDED);
}

#[test]
fn an_end_of_all_ends_the_sessions_of_old_cookies() {
    let server = server();
    let old = old_cookie("ann");
    server.ended.end_all_of_at("ann", NOW).unwrap();
    assert_eq!(load(&server, &[&old]).origin(), ENDED);
    assert_eq!(load(&server, &[&old_cookie("bob")]).origin(), Origin::Restored);
}

#[test]
fn an_old_cookie_that_is_nobodys_fills_nothing() {
    let server = server();
    let mut session = load(&server, &[&old_cookie("")]);
    assert_eq!(session.origin(), Origin::Restored);
    session.destroy();
    assert!(server.ended.is_empty());
}
