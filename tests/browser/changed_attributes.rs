//! A deployment that changes `path`, `domain` or `partitioned` of a cookie that browsers hold: to a
//! browser that is another cookie, and the old one stays. `docs/operations.md` says to change its
//! name with them.

use crate::browser::chromium::{empty_jar, jar, with_browser};
use crate::support::combinations::{DOMAIN, HOST_NAME};
use crate::{fetch, serve};
use axum::Router;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::routing::get;
use fantoccini::Client;
use sealed_session::{Key, KeyRing, Sessions, SessionsBuilder};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;

#[derive(Serialize, Deserialize, Default)]
struct Visit {
    user: String,
}

type Builder = SessionsBuilder<Visit>;

/// Before the deployment, after it, and after one that changes the name as well.
const BEFORE: usize = 0;
const AFTER: usize = 1;
const RENAMED: usize = 2;

/// `/app/{deployment}/{action}`: each answers origin and user, as the request brought them.
async fn deployments(before: fn(Builder) -> Builder, after: fn(Builder) -> Builder) -> SocketAddr {
    let keys = KeyRing::new(Key::generate());
    let builder = |name| Sessions::builder("shop", keys.clone()).cookie_name(name);
    let deployments: Arc<[Sessions<Visit>; 3]> = Arc::new([
        before(builder("session")).build().unwrap(),
        after(builder("session")).build().unwrap(),
        after(builder("session2")).build().unwrap(),
    ]);
    let act = async move |Path((deployment, action)): Path<(usize, String)>, request: HeaderMap| {
        let sessions = &deployments[deployment];
        let mut session = sessions.load(&request);
        let seen = format!("{:?} {}", session.origin(), session.user);
        match action.as_str() {
            "sign-in" => {
                session.renew();
                session.user = "ann".to_owned();
            }
            "sign-out" => session.destroy(),
            _ => {}
        }
        let mut response = HeaderMap::new();
        sessions.save(session, &mut response).unwrap();
        if action == "clear" {
            response.insert("clear-site-data", "\"cookies\"".parse().unwrap());
        }
        (response, seen)
    };
    serve(Router::new().route("/app/{deployment}/{action}", get(act))).await
}

/// The old cookie stays whatever the new deployment does; under a new name it does no harm.
async fn the_old_cookie_stays(
    client: &Client,
    before: fn(Builder) -> Builder,
    after: fn(Builder) -> Builder,
) {
    let port = deployments(before, after).await.port();
    let read = format!("http://{HOST_NAME}:{port}/app/{BEFORE}/read");
    client.goto(&read).await.unwrap();
    let act = async |deployment: usize, action: &str| {
        fetch(client, &format!("/app/{deployment}/{action}")).await.1
    };

    // Sign-out comes back: only a cookie with the new attributes is removed.
    act(BEFORE, "sign-in").await;
    assert_eq!(act(BEFORE, "read").await, "Restored ann");
    assert_eq!(act(AFTER, "sign-out").await, "Restored ann");
    assert_eq!(act(AFTER, "read").await, "Restored ann", "signed in again");

    // Sign-in does not hold: there are two cookies now, with two ids.
    act(AFTER, "sign-in").await;
    assert_eq!(jar(client).await.len(), 2);
    assert_eq!(act(AFTER, "read").await, "Rejected(Ambiguous) ");
    act(AFTER, "sign-in").await;
    assert_eq!(act(AFTER, "read").await, "Rejected(Ambiguous) ", "as often as they try");

    // The way out for those who have two already.
    act(AFTER, "clear").await;
    assert_eq!(jar(client).await, [] as [Value; 0]);

    // With another name everybody signs in once more, and that is all.
    act(BEFORE, "sign-in").await;
    assert_eq!(act(RENAMED, "read").await, "New ");
    act(RENAMED, "sign-in").await;
    assert_eq!(act(RENAMED, "read").await, "Restored ann");
    act(RENAMED, "sign-out").await;
    assert_eq!(act(RENAMED, "read").await, "New ");
    empty_jar(client).await;
}

#[test]
fn changing_the_path_leaves_the_old_cookie() {
    with_browser("changed-path", async |client: Client| {
        the_old_cookie_stays(&client, |b| b.path("/"), |b| b.path("/app")).await;
        the_old_cookie_stays(&client, |b| b.path("/app"), |b| b.path("/")).await;
    });
}

#[test]
fn changing_the_domain_leaves_the_old_cookie() {
    with_browser("changed-domain", async |client: Client| {
        the_old_cookie_stays(&client, |b| b, |b| b.domain(DOMAIN)).await;
        the_old_cookie_stays(&client, |b| b.domain(DOMAIN), |b| b).await;
    });
}

#[test]
fn changing_partitioned_leaves_the_old_cookie() {
    with_browser("changed-partition", async |client: Client| {
        the_old_cookie_stays(&client, |b| b, |b| b.partitioned(true)).await;
        the_old_cookie_stays(&client, |b| b.partitioned(true), |b| b).await;
    });
}
