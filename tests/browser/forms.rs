//! Forms in a real browser: one that stays open while the keys change, and "remember me".

use crate::browser::chromium::{PATIENCE, jar, with_browser, with_restarts};
use crate::{fetch, serve, text};
use axum::Router;
use axum::extract::Form;
use axum::http::StatusCode;
use axum::response::{Html, Redirect};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fantoccini::{Client, Locator};
use sealed_session::axum::{Session, SessionLayer};
use sealed_session::{Key, KeyRing, Persistence, Sessions};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::net::SocketAddr;
use time::Duration;
use tokio::sync::OnceCell;

#[derive(Serialize, Deserialize, Default)]
struct Visit {
    visits: u32,
    user: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SignIn {
    csrf: String,
    user: String,
    /// A browser sends the box only if it is ticked.
    remember: Option<String>,
}

const MONTH: Duration = Duration::days(30);

/// `/` greets those who are signed in, and shows the others a form.
async fn page(session: Session<Visit>) -> Html<String> {
    let Some(user) = &session.user else {
        let token = session.csrf_token().unwrap();
        return Html(format!(
            r#"<form method="post" action="/sign-in">
            <input type="hidden" name="csrf" value="{token}">
            <input id="user" name="user">
            <label><input id="remember" name="remember" type="checkbox"> Remember me</label>
            <button>Sign in</button></form>"#
        ));
    };
    Html(format!("Hello, {user}!"))
}

/// Another page, which changes the session.
async fn visit(mut session: Session<Visit>) {
    session.visits += 1;
}

async fn sign_in(
    mut session: Session<Visit>,
    Form(sent): Form<SignIn>,
) -> Result<Redirect, (StatusCode, &'static str)> {
    if !session.verify_csrf(&sent.csrf) {
        return Err((StatusCode::FORBIDDEN, "not a form of this session"));
    }
    session.reset();
    session.user = Some(sent.user);
    if sent.remember.is_some() {
        session.set_timeouts(MONTH, MONTH);
    }
    Ok(Redirect::to("/"))
}

async fn serve_page(sessions: Sessions<Visit>) -> SocketAddr {
    let routes = Router::new().route("/", get(page)).route("/visit", get(visit));
    let routes = routes.route("/sign-in", post(sign_in));
    serve(routes.layer(SessionLayer::new(sessions))).await
}

/// Fills the form in and sends it, which leads to `path`.
async fn send_form(client: &Client, origin: &str, remember: bool, path: &str) {
    client.find(Locator::Id("user")).await.unwrap().send_keys("Ada").await.unwrap();
    if remember {
        client.find(Locator::Id("remember")).await.unwrap().click().await.unwrap();
    }
    client.find(Locator::Css("button")).await.unwrap().click().await.unwrap();
    // Page and form may have one address, so what tells the next page is that it has no form.
    let wait = async {
        while client.find(Locator::Css("form")).await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("the browser goes on");
    assert_eq!(client.current_url().await.unwrap().as_str(), format!("{origin}{path}"));
}

/// The key that sealed the only cookie.
async fn key_id(client: &Client) -> [u8; 4] {
    let [cookie] = &jar(client).await[..] else { panic!("one cookie") };
    let envelope = URL_SAFE_NO_PAD.decode(cookie["value"].as_str().unwrap()).unwrap();
    envelope[1..5].try_into().unwrap()
}

#[test]
fn a_form_opened_before_a_rotation_is_accepted_after_it() {
    with_browser("open-form", async |client: Client| {
        let [old, new] = [Key::generate(), Key::generate()];
        let sessions = Sessions::builder("forms", KeyRing::new(old.clone())).build().unwrap();
        let origin = format!("http://localhost:{}", serve_page(sessions.clone()).await.port());
        client.goto(&origin).await.unwrap();
        assert_eq!(key_id(&client).await, old.id().to_bytes());

        sessions.set_key_ring(KeyRing::new(new.clone()).with_retired(old.clone()).unwrap());
        // Another tab.
        assert_eq!(fetch(&client, "/visit").await.0, 200);
        assert_eq!(
            key_id(&client).await,
            new.id().to_bytes(),
            "the cookie is sealed under the new key"
        );
        send_form(&client, &origin, false, "/").await;
        assert_eq!(text(&client).await, "Hello, Ada!");
    });
}

/// The other side of the test above: it is the ring that decides, and the form says which key it needs.
#[test]
fn a_form_opened_before_its_key_is_dropped_is_refused() {
    with_browser("stale-form", async |client: Client| {
        let [old, new] = [Key::generate(), Key::generate()];
        let sessions = Sessions::builder("forms", KeyRing::new(old.clone())).build().unwrap();
        let origin = format!("http://localhost:{}", serve_page(sessions.clone()).await.port());
        client.goto(&origin).await.unwrap();

        sessions.set_key_ring(KeyRing::new(new.clone()).with_retired(old).unwrap());
        assert_eq!(fetch(&client, "/visit").await.0, 200);
        assert_eq!(key_id(&client).await, new.id().to_bytes());
        sessions.set_key_ring(KeyRing::new(new));
        send_form(&client, &origin, false, "/sign-in").await;
        assert_eq!(text(&client).await, "not a form of this session");
        client.goto(&origin).await.unwrap();
        assert!(client.find(Locator::Id("user")).await.is_ok(), "nobody signed in");
    });
}

/// Two names of this machine, so that both visitors live in one profile.
const TICKED: &str = "ticked.localhost";
const NOT_TICKED: &str = "not-ticked.localhost";

/// As people know it: with the box ticked for thirty days, without it until the browser closes.
#[test]
fn remember_me_outlives_the_browser_for_thirty_days_and_only_if_it_is_ticked() {
    static SERVER: OnceCell<u16> = OnceCell::const_new();
    with_restarts("remember-me", 2, async |client: Client, before| {
        let port = SERVER.get_or_init(serve_remembering).await;
        let origin = |host: &str| format!("http://{host}:{port}");
        if before == 0 {
            for (host, ticked) in [(TICKED, true), (NOT_TICKED, false)] {
                client.goto(&origin(host)).await.unwrap();
                send_form(&client, &origin(host), ticked, "/").await;
                assert_eq!(text(&client).await, "Hello, Ada!");
                client.refresh().await.unwrap();
                assert_eq!(text(&client).await, "Hello, Ada!", "as long as the browser is open");
            }
            let cookie = cookie_of(&client, NOT_TICKED).await.expect("it is there");
            assert_eq!(cookie["session"], json!(true));
        } else {
            client.goto(&origin(NOT_TICKED)).await.unwrap();
            assert!(client.find(Locator::Id("user")).await.is_ok(), "a stranger sees the form");
            client.goto(&origin(TICKED)).await.unwrap();
            assert_eq!(text(&client).await, "Hello, Ada!");
        }
        let cookie = cookie_of(&client, TICKED).await.expect("it is there");
        let now = client.execute("return Date.now() / 1000", vec![]).await.unwrap();
        let left = cookie["expires"].as_f64().unwrap() - now.as_f64().unwrap();
        let thirty_days = MONTH.as_seconds_f64();
        assert!((thirty_days - 600.0..=thirty_days).contains(&left), "{left} s left");
    });
}

/// Stays until the runtime ends, which both browsers' tests run in.
async fn serve_remembering() -> u16 {
    let sessions = Sessions::builder("forms", KeyRing::new(Key::generate()))
        .idle_timeout(Duration::minutes(30))
        .absolute_timeout(Duration::hours(8))
        .longest_timeouts(MONTH, MONTH)
        .persistence(Persistence::Remembered);
    serve_page(sessions.build().unwrap()).await.port()
}

async fn cookie_of(client: &Client, host: &str) -> Option<Value> {
    jar(client).await.into_iter().find(|cookie| cookie["domain"] == host)
}
