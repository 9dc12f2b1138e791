//! Do cookies of the libraries that seal with `cookie`'s `PrivateJar` open? Each test has the real
//! library set a cookie, in a server without a network, and opens what it sent.
//!
//! The library's own file is compiled in, because it is not public.

#![cfg(test)]

#[path = "../../../src/migration/private_jar.rs"]
mod private_jar;

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

#[test]
fn cookie() {
    let mut jar = cookie::CookieJar::new();
    let key = Key::from(&secret());
    jar.private_mut(&key).add(("session", TEXT));
    let cookie = jar.get("session").unwrap();
    assert_opens(&cookie.to_string(), "session", &key, TEXT);
    assert_opens(&cookie.encoded().to_string(), "session", &key, TEXT);
}

#[tokio::test]
async fn axum_extra() {
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
    let key = Key::from(&secret());
    let app = Router::new().route("/", get(sign_in)).with_state(App(key.clone()));
    let response = app.oneshot(Request::new(Body::empty())).await.unwrap();
    let set_cookie = response.headers()["set-cookie"].to_str().unwrap();
    // axum-extra's key is `cookie`'s.
    assert_opens(set_cookie, "session", &key, TEXT);
}

#[test]
fn rocket() {
    use rocket::config::SecretKey;
    use rocket::http::CookieJar;
    use rocket::local::blocking::Client;

    #[rocket::get("/")]
    fn sign_in(jar: &CookieJar<'_>) {
        jar.add_private(("session", TEXT));
    }
    let set_cookie = |secret_key: SecretKey| {
        let config = rocket::Config {
            secret_key,
            log_level: rocket::config::LogLevel::Off,
            ..rocket::Config::debug_default()
        };
        let rocket = rocket::custom(config).mount("/", rocket::routes![sign_in]);
        let client = Client::untracked(rocket).unwrap();
        let response = client.get("/").dispatch();
        response.headers().get_one("set-cookie").unwrap().to_owned()
    };
    let long = set_cookie(SecretKey::from(&secret()));
    assert_opens(&long, "session", &Key::from(&secret()), TEXT);
    // Of the 32 bytes that its configuration mostly has, Rocket makes 64 as `cookie` does.
    let short = set_cookie(SecretKey::derive_from(&secret()[..32]));
    assert_opens(&short, "session", &Key::derive_from(&secret()[..32]), TEXT);
}

#[actix_web::test]
async fn actix_session() {
    use actix_session::{Session, SessionMiddleware, storage::CookieSessionStore};
    use actix_web::{App, cookie, test, web};

    async fn sign_in(session: Session) -> &'static str {
        session.insert("user", "Zoë; +/=%").unwrap();
        session.insert("views", 7).unwrap();
        "signed in"
    }
    let key = cookie::Key::from(&secret());
    let sessions = SessionMiddleware::new(CookieSessionStore::default(), key.clone());
    let app =
        test::init_service(App::new().wrap(sessions).route("/", web::get().to(sign_in))).await;
    let response = test::call_service(&app, test::TestRequest::get().uri("/").to_request()).await;
    let set_cookie = response.headers().get("set-cookie").unwrap().to_str().unwrap();
    println!("{set_cookie}");
    let (name, value) = pair(set_cookie);
    assert_eq!(name, "id", "its default name");
    // It uses an older `cookie`, whose key has the same 64 bytes.
    let ours = Key::from(key.master());
    let text = open(&ours, name, value.as_bytes()).unwrap().text;
    let state: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(state, serde_json::json!({ "user": "\"Zoë; +/=%\"", "views": "7" }));
}
