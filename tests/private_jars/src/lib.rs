//! Do cookies of the libraries that seal with `cookie`'s `PrivateJar` open? Each test has the real
//! library set a cookie, in a server without a network, and opens what it sent.
//!
//! The library's own file is compiled in, because it is not public.

#![cfg(test)]

#[path = "../../../src/migration/private_jar.rs"]
mod private_jar;
mod replaced;

use cookie::Key;
use private_jar::open;

/// 64 bytes that every library takes as its key.
fn secret() -> [u8; 64] {
    std::array::from_fn(|i| i as u8)
}

const TEXT: &str = "{\"user\":\"Zoë; +/=% \\\"ann\\\"\"}";

/// Takes the pair of a `Set-Cookie` header apart.
fn pair(set_cookie: &str) -> (&str, &str) {
    set_cookie.split(';').next().unwrap().split_once('=').unwrap()
}

fn assert_opens(set_cookie: &str, name: &str, key: &Key, text: &str) {
    println!("{set_cookie}");
    let (sent_name, value) = pair(set_cookie);
    assert_eq!(sent_name, name);
    assert_eq!(open(key, name, value.as_bytes()).unwrap().text, text);
}

/// The key that is `cookie` 0.18's, and so axum-extra's and this library's.
fn key() -> Key {
    Key::from(&secret())
}

/// What `cookie` sets for `session`.
fn by_cookie() -> cookie::Cookie<'static> {
    let mut jar = cookie::CookieJar::new();
    jar.private_mut(&key()).add(("session", TEXT));
    jar.get("session").unwrap().clone()
}

#[test]
fn cookie() {
    let cookie = by_cookie();
    assert_opens(&cookie.to_string(), "session", &key(), TEXT);
    assert_opens(&cookie.encoded().to_string(), "session", &key(), TEXT);
}

async fn by_axum_extra() -> String {
    use axum::{Router, body::Body, extract::FromRef, http::Request, routing::get};
    use axum_extra::extract::cookie::{Cookie, Key, PrivateCookieJar};
    use tower::ServiceExt;

    #[derive(Clone)]
    struct App(Key);
    impl FromRef<App> for Key {
        fn from_ref(app: &App) -> Key {
            app.0.clone()
        }
    }
    async fn sign_in(jar: PrivateCookieJar) -> PrivateCookieJar {
        jar.add(Cookie::new("session", TEXT))
    }
    let app = Router::new().route("/", get(sign_in)).with_state(App(key()));
    let response = app.oneshot(Request::new(Body::empty())).await.unwrap();
    response.headers()["set-cookie"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn axum_extra() {
    assert_opens(&by_axum_extra().await, "session", &key(), TEXT);
}

fn by_rocket(secret_key: rocket::config::SecretKey) -> String {
    use rocket::http::CookieJar;
    use rocket::local::blocking::Client;

    #[rocket::get("/")]
    fn sign_in(jar: &CookieJar<'_>) {
        jar.add_private(("session", TEXT));
    }
    let config = rocket::Config {
        secret_key,
        log_level: rocket::config::LogLevel::Off,
        ..rocket::Config::debug_default()
    };
    let rocket = rocket::custom(config).mount("/", rocket::routes![sign_in]);
    let client = Client::untracked(rocket).unwrap();
    let response = client.get("/").dispatch();
    response.headers().get_one("set-cookie").unwrap().to_owned()
}

#[test]
fn rocket() {
    use rocket::config::SecretKey;

    assert_opens(&by_rocket(SecretKey::from(&secret())), "session", &key(), TEXT);
    // Of the 32 bytes that its configuration mostly has, Rocket makes 64 as `cookie` does.
    let short = by_rocket(SecretKey::derive_from(&secret()[..32]));
    assert_opens(&short, "session", &Key::derive_from(&secret()[..32]), TEXT);
}

/// Its key is of an older `cookie`, and has the same 64 bytes.
fn actix_key() -> actix_web::cookie::Key {
    actix_web::cookie::Key::from(&secret())
}

async fn by_actix_session() -> String {
    use actix_session::{Session, SessionMiddleware, storage::CookieSessionStore};
    use actix_web::{App, test, web};

    async fn sign_in(session: Session) -> &'static str {
        session.insert("user", "Zoë; +/=%").unwrap();
        session.insert("views", 7).unwrap();
        "signed in"
    }
    let sessions = SessionMiddleware::new(CookieSessionStore::default(), actix_key());
    let app =
        test::init_service(App::new().wrap(sessions).route("/", web::get().to(sign_in))).await;
    let response = test::call_service(&app, test::TestRequest::get().uri("/").to_request()).await;
    response.headers().get("set-cookie").unwrap().to_str().unwrap().to_owned()
}

#[actix_web::test]
async fn actix_session() {
    let set_cookie = by_actix_session().await;
    println!("{set_cookie}");
    let (name, value) = pair(&set_cookie);
    assert_eq!(name, "id", "its default name");
    let ours = Key::from(actix_key().master());
    let text = open(&ours, name, value.as_bytes()).unwrap().text;
    let state: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(state, serde_json::json!({ "user": "\"Zoë; +/=%\"", "views": "7" }));
}
