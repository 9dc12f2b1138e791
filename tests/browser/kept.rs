//! Whether the browser keeps the cookie at all: what `docs/troubleshooting.md` says of a counter
//! that stays at 1.

use crate::browser::chromium::{empty_jar, jar, with_browser};
use crate::support::example::{self, Server};
use crate::{serve, text_of};
use axum::Router;
use axum::routing::get;
use fantoccini::Client;
use sealed_session::axum::{Session, SessionLayer};
use sealed_session::{Key, KeyRing, Sessions};
use serde_json::Value;
use tokio::task::spawn_blocking;

/// `shop.test` stands for an address on the local network: see `chromium.rs`.
#[test]
fn over_plain_http_elsewhere_only_an_insecure_cookie_is_kept() {
    with_browser("plain-http", async |client: Client| {
        for (insecure, count) in [("0", "1"), ("1", "2")] {
            let start =
                move || Server::launch(example::named("page_views").env("INSECURE", insecure));
            let server = spawn_blocking(start).await.unwrap();
            let url = server.url.replace("127.0.0.1", "shop.test");
            for _ in 0..2 {
                client.goto(&url).await.unwrap();
            }
            assert_eq!(text_of(&client, ".count strong").await, count, "INSECURE={insecure}");
            let told = text_of(&client, "dl").await;
            let tells = told.contains("your browser does not send the cookie back");
            assert_eq!(tells, insecure == "0", "{told}");
            assert_eq!(jar(&client).await.is_empty(), insecure == "0");
            empty_jar(&client).await;
        }
    });
}

/// Serves a counter at `/`, and returns its address.
async fn serve_counter(app: &str, cookie_name: &str) -> String {
    let builder =
        Sessions::<u32>::builder(app, KeyRing::new(Key::generate())).cookie_name(cookie_name);
    let count = async |mut session: Session<u32>| {
        **session += 1;
        session.to_string()
    };
    let layer = SessionLayer::new(builder.build().unwrap());
    let port = serve(Router::new().route("/", get(count)).layer(layer)).await.port();
    format!("http://localhost:{port}")
}

/// Cookies know no ports.
#[test]
fn two_applications_on_one_host_need_two_names() {
    with_browser("one-host", async |client: Client| {
        let visit = async |[shop, blog]: [&str; 2]| {
            let shop = serve_counter("shop", shop).await;
            let blog = serve_counter("blog", blog).await;
            let mut counts = Vec::new();
            for url in [&shop, &blog, &shop, &blog] {
                client.goto(url).await.unwrap();
                counts.push(crate::text(&client).await);
            }
            empty_jar(&client).await;
            counts
        };
        assert_eq!(visit(["__Host-session", "__Host-session"]).await, ["1", "1", "1", "1"]);
        assert_eq!(visit(["__Host-shop", "__Host-blog"]).await, ["1", "1", "2", "2"]);
        assert_eq!(jar(&client).await, [] as [Value; 0]);
    });
}
