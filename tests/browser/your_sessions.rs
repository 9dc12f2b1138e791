//! The page "your sessions": two browsers, two servers, one user.

use crate::browser::chromium::{PATIENCE, with_browser};
use crate::support::example::{Server, named};
use crate::text;
use fantoccini::{Client, Locator};
use sealed_session::Key;
use std::sync::Arc;
use std::thread;
use tokio::sync::Barrier;

/// Waits until the page says this; it is loaded anew as long as it does not.
async fn reload_until(client: &Client, wanted: &str) {
    let wait = async {
        while !text(client).await.contains(wanted) {
            client.refresh().await.unwrap();
        }
    };
    let result = tokio::time::timeout(PATIENCE, wait).await;
    assert!(result.is_ok(), "it still says: {}", text(client).await);
}

async fn fill(client: &Client, id: &str, value: &str) {
    client.find(Locator::Id(id)).await.unwrap().send_keys(value).await.unwrap();
}

/// Clicks the button of the form that is sent there.
async fn click(client: &Client, action: &str) {
    let button = format!("form[action='/{action}'] button");
    client.find(Locator::Css(&button)).await.unwrap().click().await.unwrap();
}

async fn sign_in(client: &Client, url: &str) {
    client.goto(url).await.unwrap();
    fill(client, "username", "ann").await;
    fill(client, "sign-in-password", "demo").await;
    click(client, "sign-in").await;
    reload_until(client, "Hello, ann!").await;
}

#[test]
fn one_browser_signs_the_other_out_on_another_server() {
    let folder = tempfile::tempdir().unwrap();
    let keys = Key::generate().to_text().to_string();
    let start = || {
        let file = folder.path().join("ended").join("ended.log");
        let mut command = named("your_sessions");
        Server::launch(command.env("SESSION_KEYS", &keys).env("ENDED_FILE", file))
    };
    let [one, two] = [start(), start()];
    let [signed_in, ended] = [(); 2].map(|()| Arc::new(Barrier::new(2)));

    thread::scope(|scope| {
        let laptop = scope.spawn(|| {
            with_browser("sessions-laptop", |client: Client| {
                let (url, signed_in, ended) =
                    (one.url.clone(), Arc::clone(&signed_in), Arc::clone(&ended));
                async move {
                    sign_in(&client, &url).await;
                    signed_in.wait().await;
                    fill(&client, "sign-out-others-password", "demo").await;
                    click(&client, "sign-out-others").await;
                    reload_until(&client, "Your other browsers are signed out").await;
                    ended.wait().await;
                    // This one goes on, until it signs out itself.
                    client.refresh().await.unwrap();
                    assert!(text(&client).await.contains("Hello, ann!"));
                    click(&client, "sign-out").await;
                    reload_until(&client, "You are signed out").await;
                }
            });
        });
        let phone = scope.spawn(|| {
            with_browser("sessions-phone", |client: Client| {
                let (url, signed_in, ended) =
                    (two.url.clone(), Arc::clone(&signed_in), Arc::clone(&ended));
                async move {
                    sign_in(&client, &url).await;
                    signed_in.wait().await;
                    ended.wait().await;
                    // Its next click: the end is there as soon as its server has read the file.
                    reload_until(&client, "You are signed out").await;
                    // And it may sign in again.
                    sign_in(&client, &url).await;
                }
            });
        });
        laptop.join().unwrap();
        phone.join().unwrap();
    });
}
