//! Visitors who ask a cache for the same pages, and what each must not get from it.

use crate::origin::{COOKIE_NAME, NUMBER, Origin, STRANGER};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::header::{COOKIE, HeaderMap, SET_COOKIE};
use hyper::{Request, Uri};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::ops::AddAssign;

/// One after another they ask for a page.
const ORDER: [&str; 6] = ["ann", "bob", STRANGER, "ann", STRANGER, "bob"];

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) answers: usize,
    /// Answers that another visit had got before.
    pub(crate) from_store: usize,
    /// Answers from the store with a cookie of ours.
    pub(crate) cookies_replayed: usize,
    /// Answers with another visitor's page.
    pub(crate) pages_handed_on: usize,
    /// Answers with a cookie of ours.
    pub(crate) cookies: usize,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Counts) {
        self.answers += more.answers;
        self.from_store += more.from_store;
        self.cookies_replayed += more.cookies_replayed;
        self.pages_handed_on += more.pages_handed_on;
        self.cookies += more.cookies;
    }
}

/// All visitors of one cache.
#[derive(Clone)]
pub(crate) struct Visitors {
    client: Client<HttpConnector, Empty<Bytes>>,
    cache: SocketAddr,
    cookies: HashMap<&'static str, String>,
}

impl Visitors {
    pub(crate) fn new(origin: &Origin, cache: SocketAddr) -> Visitors {
        let cookies = ["ann", "bob"].map(|user| (user, origin.cookie(user))).into();
        Visitors { client: Client::builder(TokioExecutor::new()).build_http(), cache, cookies }
    }

    /// The status of a page, and how long our cookie is that comes with it.
    pub(crate) async fn status_and_cookie(&self, path: &str) -> (u16, Option<usize>) {
        let uri: Uri = format!("http://{}{path}", self.cache).parse().unwrap();
        let request = Request::get(uri).body(Empty::new()).unwrap();
        let response = self.client.request(request).await.unwrap();
        let cookie = response.headers().get(SET_COOKIE).map(|value| {
            let value = value.to_str().unwrap();
            value.split(';').next().unwrap().len()
        });
        (response.status().as_u16(), cookie)
    }

    async fn ask(&self, path: &str, user: &str) -> (HeaderMap, String) {
        let uri: Uri = format!("http://{}{path}", self.cache).parse().unwrap();
        let mut request = Request::get(uri);
        if let Some(cookie) = self.cookies.get(user) {
            request = request.header(COOKIE, cookie);
        }
        let response = self.client.request(request.body(Empty::new()).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    /// They all ask for one page, one after another.
    pub(crate) async fn ask_for(&self, path: &str) -> Counts {
        let mut counts = Counts::default();
        let mut numbers: Vec<String> = Vec::new();
        for user in ORDER {
            let (headers, body) = self.ask(path, user).await;
            counts.answers += 1;
            let cookies = headers.get_all(SET_COOKIE).iter();
            let ours = cookies.filter(|value| value.as_bytes().starts_with(COOKIE_NAME.as_bytes()));
            let ours = ours.count();
            counts.cookies += ours;
            // A page that could not be saved has no number, nor anything else of the handler's.
            if let Some(number) = headers.get(NUMBER) {
                let number = number.to_str().unwrap().to_owned();
                if numbers.contains(&number) {
                    counts.from_store += 1;
                    counts.cookies_replayed += ours;
                }
                numbers.push(number);
            }
            if !body.is_empty() && body != user {
                counts.pages_handed_on += 1;
            }
        }
        counts
    }
}
