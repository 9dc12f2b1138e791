//! A server with the real library is replaced by one with ours, under a visitor's feet: nobody is signed
//! out, nothing is accepted past the end, and one old cookie is one session.

use crate::*;
use http::header::{COOKIE, HeaderMap, SET_COOKIE};
use sealed_session::time::{Duration, OffsetDateTime};
use sealed_session::{Origin, Saved, Sessions};
use serde::{Deserialize, Serialize};

const DAY: Duration = Duration::DAY;

#[derive(Serialize, Deserialize, Default, Debug, PartialEq)]
#[serde(default)]
struct Visit {
    user: Option<String>,
    views: u32,
}

fn deployed() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_795_262_400).unwrap()
}

fn request(pairs: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(COOKIE, pairs.join("; ").parse().unwrap());
    headers
}

/// A visitor who has this cookie of the old server comes to a new one, by `docs/migrating.md`.
fn is_replaced(
    set_cookie: &str,
    old_key: &Key,
    session: fn(&str) -> Option<Visit>,
    expected: &Visit,
) {
    let (name, _) = pair(set_cookie);
    let old = set_cookie.split(';').next().unwrap();
    let ring = sealed_session::KeyRing::new(sealed_session::Key::from(old_key));
    let sessions: Sessions<Visit> = Sessions::builder("shop", ring)
        .absolute_timeout(DAY)
        .migrate_private_jar(name, old_key, deployed()..deployed() + DAY, session)
        .build()
        .unwrap();

    // Signed in, on every server and at every request.
    let first = sessions.load_at(&request(&[old]), deployed());
    assert_eq!((first.origin(), &*first), (Origin::Restored, expected));
    let id = first.id();
    let second = sessions.load_at(&request(&[old]), deployed() + DAY / 2);
    assert_eq!((second.id(), &*second), (id, expected));

    // The browser gets ours, and loses the old one.
    let mut response = HeaderMap::new();
    assert_eq!(sessions.save_at(first, &mut response, deployed()).unwrap(), Saved::Written);
    let set: Vec<&str> =
        response.get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap()).collect();
    let [ours, removal] = set[..] else { panic!("{set:?}") };
    assert!(removal.starts_with(&format!("{name}=;")) && removal.contains("Max-Age=0"));
    let ours = ours.split(';').next().unwrap();
    for cookies in [&[ours][..], &[ours, old]] {
        let next = sessions.load_at(&request(cookies), deployed());
        assert_eq!((next.origin(), next.id(), &*next), (Origin::Restored, id, expected));
    }

    // The last moment, and the end.
    let last = deployed() + DAY - Duration::MILLISECOND;
    assert_eq!(*sessions.load_at(&request(&[old]), last), *expected);
    for late in [deployed() + DAY, deployed() + 400 * DAY] {
        let session = sessions.load_at(&request(&[old]), late);
        assert_eq!((session.origin(), &*session), (Origin::New, &Visit::default()));
    }
}

/// The text of an application that keeps JSON in its cookie.
fn of_json(text: &str) -> Option<Visit> {
    serde_json::from_str(text).ok()
}

/// actix-session's text: each value is JSON of its own.
fn of_actix(text: &str) -> Option<Visit> {
    let state: std::collections::HashMap<String, String> = serde_json::from_str(text).ok()?;
    let views = state.get("views").and_then(|views| serde_json::from_str(views).ok());
    Some(Visit {
        user: Some(serde_json::from_str(state.get("user")?).ok()?),
        views: views.unwrap_or_default(),
    })
}

fn zoe(user: &str, views: u32) -> Visit {
    Visit { user: Some(user.to_owned()), views }
}

#[test]
fn from_cookie() {
    let expected = zoe("Zoë; +/=% \"ann\"", 0);
    is_replaced(&by_cookie().to_string(), &key(), of_json, &expected);
    is_replaced(&by_cookie().encoded().to_string(), &key(), of_json, &expected);
}

#[tokio::test]
async fn from_axum_extra() {
    is_replaced(&by_axum_extra().await, &key(), of_json, &zoe("Zoë; +/=% \"ann\"", 0));
}

#[test]
fn from_rocket() {
    use rocket::config::SecretKey;

    let expected = zoe("Zoë; +/=% \"ann\"", 0);
    is_replaced(&by_rocket(SecretKey::from(&secret())), &key(), of_json, &expected);
    let short = by_rocket(SecretKey::derive_from(&secret()[..32]));
    is_replaced(&short, &Key::derive_from(&secret()[..32]), of_json, &expected);
}

#[actix_web::test]
async fn from_actix_session() {
    let key = Key::from(actix_key().master());
    is_replaced(&by_actix_session().await, &key, of_actix, &zoe("Zoë; +/=%", 7));
}
