//! What a real browser makes of our cookies: headless Chromium against servers on this machine.

mod support;

// Around the files of the folder, for which Rust would otherwise look beside this one.
mod browser {
    mod changed_attributes;
    pub(crate) mod chromium;
    mod forms;
    mod kept;
    mod your_sessions;
}

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use browser::chromium::{PATIENCE, empty_jar, jar, with_browser};
use fantoccini::{Client, Locator};
use sealed_session::axum::{Session, SessionLayer};
use sealed_session::{COOKIE_LIMIT, Key, KeyRing, SameSite, Sessions};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use support::combinations::{self, Combination, DOMAIN, HOST_NAME};
use support::example::Server;
use tokio::net::TcpListener;

/// The body of the page.
async fn text(client: &Client) -> String {
    text_of(client, "body").await
}

/// What an element says. The browser may be about to leave the page in which it is found, as after a
/// click: then it is looked for in the next one, until the test runs out of patience.
async fn text_of(client: &Client, what: &str) -> String {
    loop {
        let element = match client.find(Locator::Css(what)).await {
            Ok(element) => element,
            Err(error) if error.is_no_such_element() => continue,
            Err(error) => panic!("{what}: {error}"),
        };
        match element.text().await {
            Ok(text) => return text,
            Err(error) if error.is_stale_element_reference() => {}
            Err(error) => panic!("{what}: {error}"),
        }
    }
}

/// Status and body of what the page fetches from its own server.
async fn fetch(client: &Client, path: &str) -> (u64, String) {
    const SCRIPT: &str = "const [path, done] = arguments;
        fetch(path).then(async answer => done([answer.status, await answer.text()]));";
    let answer = client.execute_async(SCRIPT, vec![path.into()]).await.unwrap();
    (answer[0].as_u64().unwrap(), answer[1].as_str().unwrap().to_owned())
}

/// Serves routes on this machine until the runtime ends.
async fn serve(routes: Router) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, routes).await });
    addr
}

#[test]
fn the_page_signs_in_and_out_by_clicking() {
    with_browser("page", async |client: Client| {
        for example in ["page_views", "page_views_actix", "page_views_poem", "page_views_hyper"] {
            let server = tokio::task::spawn_blocking(|| Server::of(example)).await.unwrap();
            sign_in_and_out(&client, &server.url.replace("127.0.0.1", "localhost")).await;
            empty_jar(&client).await;
        }
    });
}

async fn sign_in_and_out(client: &Client, url: &str) {
    let shown = async |what| text_of(client, what).await;

    client.goto(url).await.unwrap();
    client.goto(url).await.unwrap();
    assert_eq!(shown("h1").await, "Hello, stranger!");
    assert_eq!(shown(".count strong").await, "2");

    client.find(Locator::Id("username")).await.unwrap().send_keys("Ada Lovelace").await.unwrap();
    click(client, "Sign out").await;
    assert_eq!(shown("h1").await, "Hello, Ada Lovelace!");
    assert_eq!(shown(".count strong").await, "3");
    let [cookie] = &jar(client).await[..] else { panic!("one cookie") };
    assert_eq!(cookie["name"], "__Host-session");
    assert_eq!((&cookie["httpOnly"], &cookie["secure"]), (&json!(true), &json!(true)));
    let seen = client.execute("return document.cookie", vec![]).await.unwrap();
    assert_eq!(seen, "", "scripts do not see it");

    click(client, "Sign in").await;
    assert_eq!(shown("h1").await, "Hello, stranger!");
    assert_eq!(shown(".count strong").await, "1");
}

/// Clicks the page's only button, and waits until it says `next`.
async fn click(client: &Client, next: &str) {
    client.find(Locator::Css("button")).await.unwrap().click().await.unwrap();
    let next = format!("//button[text()='{next}']");
    client.wait().at_most(PATIENCE).for_element(Locator::XPath(&next)).await.unwrap();
}

/// Sets, reads and removes the cookie of every combination, each into an empty jar.
#[test]
fn every_allowed_combination_is_stored_sent_back_and_removed() {
    with_browser("combinations", async |client: Client| {
        let combinations = combinations::all(DOMAIN);
        let addr = combinations::serve(&combinations).await;
        client.goto(&format!("http://{HOST_NAME}:{}/app/0/read", addr.port())).await.unwrap();
        for (index, combination) in combinations.iter().enumerate() {
            let act = async |action| fetch(&client, &format!("/app/{index}/{action}")).await.1;
            assert_eq!(act("set").await, "New", "{combination}");
            let [cookie] = &jar(&client).await[..] else { panic!("not stored: {combination}") };
            assert_stored(cookie, combination);
            assert_eq!(act("read").await, "Restored", "{combination}");
            assert_eq!(act("remove").await, "Restored", "{combination}");
            assert_eq!(jar(&client).await, [] as [Value; 0], "not removed: {combination}");
            assert_eq!(act("read").await, "New", "{combination}");
        }
    });
}

/// Other jars replace one by the other: see `tests/jars.rs`.
#[test]
fn a_partitioned_cookie_stands_beside_one_that_is_not() {
    with_browser("partitioned", async |client: Client| {
        let combinations = combinations::all(DOMAIN);
        let addr = combinations::serve(&combinations).await;
        for index in combinations::without_and_with_partition(&combinations) {
            let url = format!("http://{HOST_NAME}:{}/app/{index}/set", addr.port());
            client.goto(&url).await.unwrap();
        }
        assert_eq!(jar(&client).await.len(), 2);
    });
}

fn assert_stored(cookie: &Value, combination: &Combination) {
    let domain = combination.domain.map(|domain| format!(".{domain}"));
    let expected = [
        ("name", json!(combination.name)),
        ("path", json!(combination.path)),
        ("domain", json!(domain.as_deref().unwrap_or(HOST_NAME))),
        ("secure", json!(combination.secure)),
        ("httpOnly", json!(combination.http_only)),
        ("session", json!(!combination.persistent)),
        ("sameSite", json!(combination.same_site.to_string())),
    ];
    for (field, value) in expected {
        assert_eq!(cookie[field], value, "{field} of {combination}");
    }
    assert_eq!(cookie["partitionKey"].is_object(), combination.partitioned, "{combination}");
}

#[derive(Serialize, Deserialize, Default)]
struct Note {
    text: String,
}

/// With this name and padding a cookie can have exactly as many bytes as browsers must store.
fn notes() -> Sessions<Note> {
    Sessions::builder("notes", KeyRing::new(Key::generate()))
        .cookie_name("__Host-sessions")
        .padding(15)
        .build()
        .unwrap()
}

/// Text that does not repeat itself soon.
fn note(length: usize) -> String {
    (0..)
        .flat_map(|number: u32| format!("{number} ").into_bytes())
        .map(char::from)
        .take(length)
        .collect()
}

/// `/write/{length}` writes a note, `/read` answers it.
async fn serve_notes(sessions: Sessions<Note>) -> SocketAddr {
    let write = async |Path(length): Path<usize>, mut session: Session<Note>| {
        session.text = note(length);
    };
    let read = async |session: Session<Note>| session.text.clone();
    let routes = Router::new().route("/write/{length}", get(write)).route("/read", get(read));
    serve(routes.layer(SessionLayer::new(sessions))).await
}

#[test]
fn a_session_at_the_limit_is_stored_whole_and_one_byte_more_is_refused_by_us() {
    with_browser("limit", async |client: Client| {
        let sessions = notes();
        let fits = |length: &usize| {
            let session = sealed_session::Session::new(Note { text: note(*length) });
            sessions.encode(&session).is_ok()
        };
        let most = (2500..COOKIE_LIMIT).take_while(fits).last().unwrap();
        let port = serve_notes(sessions).await.port();
        client.goto(&format!("http://localhost:{port}/write/{most}")).await.unwrap();

        let held = async || {
            let [cookie] = &jar(&client).await[..] else { panic!("one cookie") };
            format!("{}={}", cookie["name"].as_str().unwrap(), cookie["value"].as_str().unwrap())
        };
        let before = held().await;
        assert_eq!(before.len(), COOKIE_LIMIT);
        assert_eq!(fetch(&client, "/read").await, (200, note(most)));

        let more = format!("/write/{}", most + 1);
        assert_eq!(fetch(&client, &more).await, (500, String::new()));
        assert_eq!(held().await, before, "the old one is untouched");
        assert_eq!(fetch(&client, "/read").await, (200, note(most)));
    });
}

#[test]
fn max_age_ends_a_session() {
    with_browser("max-age", async |client: Client| {
        let builder = |name: &str, seconds| {
            Sessions::<Note>::builder(name, KeyRing::new(Key::generate()))
                .cookie_name(format!("__Host-{name}"))
                .idle_timeout(time::Duration::seconds(seconds))
        };
        let short = serve_notes(builder("short", 10).build().unwrap()).await.port();
        let long = serve_notes(builder("long", 1800).build().unwrap()).await.port();
        // Cookies know no ports: both are in the jar of `localhost`.
        for port in [long, short] {
            client.goto(&format!("http://localhost:{port}/write/5")).await.unwrap();
        }
        let left = async |name: &str| {
            let now = client.execute("return Date.now() / 1000", vec![]).await.unwrap();
            let jar = jar(&client).await;
            let cookie = jar.iter().find(|cookie| cookie["name"] == name)?;
            Some(cookie["expires"].as_f64().unwrap() - now.as_f64().unwrap())
        };
        let of_long = left("__Host-long").await.expect("it is stored");
        assert!((1700.0..=1800.0).contains(&of_long), "{of_long} s left");
        assert_eq!(fetch(&client, "/read").await.1, note(5), "it is stored");

        while left("__Host-short").await.is_some_and(|left| left > 0.0) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(fetch(&client, "/read").await.1, "", "it is over");
        assert!(left("__Host-long").await.is_some(), "and the other is not");
    });
}

#[test]
fn a_form_on_another_site_carries_no_lax_cookie() {
    with_browser("cross-site", async |client: Client| {
        let all = combinations::all(DOMAIN);
        let addr = combinations::serve(&all).await;
        let visit = async |index: usize, element: &str| {
            let port = addr.port();
            let set = format!("http://{HOST_NAME}:{port}/app/{index}/set");
            client.goto(&set).await.unwrap();
            client.goto(&format!("http://evil.localhost:{port}/elsewhere/{index}")).await.unwrap();
            client.find(Locator::Css(element)).await.unwrap().click().await.unwrap();
            let target = format!("http://{HOST_NAME}:{port}/app/{index}/read");
            let target = target.parse().unwrap();
            client.wait().at_most(PATIENCE).for_url(&target).await.unwrap();
            let body = text(&client).await;
            empty_jar(&client).await;
            body
        };
        let like = |same_site| {
            let found = all.iter().position(|combination| {
                let Combination { name, partitioned, persistent, .. } = *combination;
                combination.same_site == same_site
                    && (name, partitioned, persistent) == ("__Host-session", false, true)
            });
            found.unwrap()
        };
        assert_eq!(visit(like(SameSite::Lax), "button").await, "New");
        assert_eq!(visit(like(SameSite::Lax), "a").await, "Restored", "a link does");
        assert_eq!(visit(like(SameSite::Strict), "a").await, "New", "a link does not");
        assert_eq!(visit(like(SameSite::None), "button").await, "Restored", "the form works");
    });
}
