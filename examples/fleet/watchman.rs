//! Asks every server at `/ready` whether it may get requests, and tells nginx.
//!
//! nginx without a subscription asks nobody by itself. So this does what a cron job or a sidecar
//! does there: it marks a server `down` in the configuration and lets nginx read that again. nginx
//! answers what it has, and closes the connections that wait for the next request.

use crate::processes::{Nginx, SERVERS};
use crate::timeline::Timeline;
use http_body_util::BodyExt;
use hyper::Request;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// Between two rounds.
const EVERY: Duration = Duration::from_millis(300);
/// A server that does not answer within this is not ready.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a server said at `/ready`.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) ready: bool,
    pub(crate) text: String,
    /// Its clock, from the header `Date`.
    pub(crate) date: Option<String>,
}

/// Asks for as long as this lives.
pub(crate) struct Watchman {
    /// Whether each server gets requests.
    serving: watch::Receiver<[bool; SERVERS]>,
    /// Whether nginx is told.
    telling: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Watchman {
    pub(crate) fn start(
        addresses: [SocketAddr; SERVERS],
        nginx: Arc<Nginx>,
        timeline: Arc<Timeline>,
    ) -> Watchman {
        let (sender, serving) = watch::channel([true; SERVERS]);
        let telling = Arc::new(AtomicBool::new(true));
        let told = Arc::clone(&telling);
        let task = tokio::spawn(async move {
            let client = client();
            loop {
                sleep(EVERY).await;
                let ask = |place: usize| ask(&client, addresses[place]);
                let (first, second, third) = tokio::join!(ask(0), ask(1), ask(2));
                let answers: [_; SERVERS] = [first, second, third];
                let ready = answers.map(|answer| answer.is_some_and(|answer| answer.ready));
                // If none is ready, all keep serving: some sessions may be lost, but without a
                // server all are.
                let next = if ready.contains(&true) { ready } else { [true; SERVERS] };
                let before = *sender.borrow();
                if next == before || !told.load(Ordering::Relaxed) {
                    continue;
                }
                if let Err(error) = nginx.serve_with(&next) {
                    timeline.event(format!("nginx was not told: {error}"));
                    continue;
                }
                for place in 0..SERVERS {
                    match (before[place], next[place]) {
                        (true, false) => timeline.event(format!("nginx leaves out server {place}")),
                        (false, true) => {
                            timeline.event(format!("nginx takes server {place} again"))
                        }
                        _ => {}
                    }
                }
                sender.send_replace(next);
            }
        });
        Watchman { serving, telling, task }
    }

    /// Waits until this server gets requests, or gets none; `false` if that takes too long.
    pub(crate) async fn wait_until(&self, place: usize, serving: bool, limit: Duration) -> bool {
        let mut now = self.serving.clone();
        timeout(limit, now.wait_for(|all| all[place] == serving)).await.is_ok_and(|all| all.is_ok())
    }

    /// From now on nginx is told, or is not.
    pub(crate) fn tell_nginx(&self, yes: bool) {
        self.telling.store(yes, Ordering::Relaxed);
    }
}

impl Drop for Watchman {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn client() -> Client<HttpConnector, String> {
    Client::builder(TokioExecutor::new()).build_http()
}

/// Asks one server once.
pub(crate) async fn ask_once(address: SocketAddr) -> Option<Answer> {
    ask(&client(), address).await
}

async fn ask(client: &Client<HttpConnector, String>, address: SocketAddr) -> Option<Answer> {
    let request = Request::get(format!("http://{address}/ready")).body(String::new()).ok()?;
    let answer = async {
        let response = client.request(request).await.ok()?;
        let ready = response.status().is_success();
        let date = response.headers().get("date").and_then(|date| date.to_str().ok());
        let date = date.map(str::to_owned);
        let body = response.into_body().collect().await.ok()?.to_bytes();
        let text = String::from_utf8_lossy(&body).trim_end().to_owned();
        Some(Answer { ready, text, date })
    };
    timeout(PATIENCE, answer).await.ok().flatten()
}
