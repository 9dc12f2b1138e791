//! Visitors: each signs in, counts its visits itself, and compares.

use crate::processes::SERVERS;
use crate::timeline::{Answered, Timeline};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::BodyExt;
use hyper::header::{COOKIE, SET_COOKIE};
use hyper::{HeaderMap, Request, StatusCode};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use std::net::SocketAddr;
use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const COOKIE_NAME: &str = "__Host-session";
/// Between two visits of one visitor. All of them keep no server so busy that it answers late.
const THINKING: Duration = Duration::from_millis(400);

/// Where all of them go.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) entrance: SocketAddr,
    /// Of the servers, as nginx names them in `X-Server`.
    pub(crate) servers: [SocketAddr; SERVERS],
    pub(crate) timeline: Arc<Timeline>,
}

pub(crate) struct Visitor {
    site: Arc<Site>,
    client: Client<HttpConnector, String>,
    name: String,
    /// The cookie's value.
    cookie: Option<String>,
    /// How often the page was seen in this session.
    views: u32,
    /// Whether to say what it expected when its session is gone.
    surprised: bool,
    counts: Counts,
}

/// What happened to some visitors for some time.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    /// Those that were answered, by server.
    pub(crate) by_server: [u64; SERVERS],
    /// Responses with a new cookie.
    pub(crate) writes: u64,
    /// Cookies that came back under another key.
    pub(crate) resealed: u64,
    /// Sessions that were gone, or those of another visitor, or that went back.
    pub(crate) lost: u64,
    /// Requests without an answer of a server: it was killed, and nginx found no other.
    pub(crate) unanswered: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.requests += other.requests;
        for (sum, more) in self.by_server.iter_mut().zip(other.by_server) {
            *sum += more;
        }
        self.writes += other.writes;
        self.resealed += other.resealed;
        self.lost += other.lost;
        self.unanswered += other.unanswered;
    }
}

pub(crate) fn arrive(count: usize, site: Site) -> Vec<Visitor> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let site = Arc::new(site);
    let visitor = |number| Visitor {
        site: Arc::clone(&site),
        client: client.clone(),
        name: format!("visitor {number}"),
        cookie: None,
        views: 0,
        surprised: true,
        counts: Counts::default(),
    };
    (0..count).map(visitor).collect()
}

/// All visit again and again until `events` is over. They say what was lost if that is a surprise.
pub(crate) async fn visit_during<R>(
    visitors: Vec<Visitor>,
    surprised: bool,
    events: impl Future<Output = R>,
) -> (Vec<Visitor>, Counts, R) {
    let over = Arc::new(AtomicBool::new(false));
    let visit = |mut visitor: Visitor| {
        let over = Arc::clone(&over);
        visitor.surprised = surprised;
        tokio::spawn(async move {
            while !over.load(Ordering::Relaxed) {
                visitor.visit().await;
                tokio::time::sleep(THINKING).await;
            }
            visitor
        })
    };
    let visiting: Vec<_> = visitors.into_iter().map(visit).collect();
    let result = events.await;
    over.store(true, Ordering::Relaxed);
    let (visitors, counts) = gather(visiting).await;
    (visitors, counts, result)
}

/// Each visits once and finds its session ended. Returns how many did.
pub(crate) async fn find_ended(visitors: Vec<Visitor>) -> (Vec<Visitor>, usize) {
    let visit = |mut visitor: Visitor| {
        tokio::spawn(async move {
            let line = visitor.get("/").await.unwrap_or_default();
            let ended = line == "You visited this page 1 time.\n";
            visitor.cookie = None;
            visitor.counts = Counts::default();
            (visitor, ended)
        })
    };
    let visiting: Vec<_> = visitors.into_iter().map(visit).collect();
    let (mut visitors, mut count) = (Vec::new(), 0);
    for visit in visiting {
        let (visitor, ended) = visit.await.expect("a visitor does not panic");
        visitors.push(visitor);
        count += usize::from(ended);
    }
    (visitors, count)
}

async fn gather(visiting: Vec<tokio::task::JoinHandle<Visitor>>) -> (Vec<Visitor>, Counts) {
    let (mut visitors, mut counts) = (Vec::new(), Counts::default());
    for visit in visiting {
        let mut visitor = visit.await.expect("a visitor does not panic");
        counts += std::mem::take(&mut visitor.counts);
        visitors.push(visitor);
    }
    (visitors, counts)
}

impl Visitor {
    /// The id of the key that sealed its cookie, as hex digits.
    pub(crate) fn key_id(&self) -> Option<String> {
        self.cookie.as_deref().and_then(key_id)
    }

    async fn visit(&mut self) {
        if self.cookie.is_none() {
            let path = format!("/login?username={}", self.name.replace(' ', "+"));
            self.views = 0;
            if self.get(&path).await.is_none() {
                return;
            }
        }
        let Some(line) = self.get("/").await else { return };
        let times = if self.views == 0 { "time" } else { "times" };
        let expected =
            format!("You visited this page {} {times}, {}.\n", self.views + 1, self.name);
        if line == expected {
            self.views += 1;
        } else {
            if self.surprised {
                eprintln!("{} expected {expected:?} and got {line:?}", self.name);
            }
            self.counts.lost += 1;
            self.site.timeline.lost();
            self.cookie = None;
        }
    }

    /// The body of the answer, `None` if no server gave one. Whatever the server said of the cookie
    /// is done.
    async fn get(&mut self, path: &str) -> Option<String> {
        let mut request = Request::get(format!("http://{}{path}", self.site.entrance));
        if let Some(value) = &self.cookie {
            request = request.header(COOKIE, format!("{COOKIE_NAME}={value}"));
        }
        let request = request.body(String::new()).expect("the parts are well formed");
        self.counts.requests += 1;
        let answer = match self.client.request(request).await {
            Ok(response) => {
                let (parts, body) = response.into_parts();
                let body = body.collect().await.ok().map(|body| body.to_bytes());
                body.filter(|_| parts.status < StatusCode::INTERNAL_SERVER_ERROR)
                    .map(|body| (parts.headers, body))
            }
            Err(_) => None,
        };
        let Some((headers, body)) = answer else {
            self.counts.unanswered += 1;
            return None;
        };
        self.take_cookie(&headers);
        if let Some(place) = self.who_answered(&headers) {
            self.counts.by_server[place] += 1;
            self.site.timeline.answered(&Answered { place, key: self.key_id() });
        }
        String::from_utf8(body.to_vec()).ok()
    }

    /// The last of the servers that nginx asked: the ones before gave no answer.
    fn who_answered(&self, headers: &HeaderMap) -> Option<usize> {
        let last = headers.get("x-server")?.to_str().ok()?.rsplit(", ").next()?;
        let address: SocketAddr = last.parse().ok()?;
        self.site.servers.iter().position(|server| *server == address)
    }

    fn take_cookie(&mut self, headers: &HeaderMap) {
        let Some(header) = headers.get(SET_COOKIE) else { return };
        let text = header.to_str().expect("our cookies are ASCII");
        let pair = text.split(';').next().unwrap_or_default();
        let value = pair.strip_prefix(COOKIE_NAME).and_then(|rest| rest.strip_prefix('='));
        let value = value.filter(|value| !value.is_empty()).map(str::to_owned);
        self.counts.writes += 1;
        let before = self.key_id();
        self.cookie = value;
        self.counts.resealed += u64::from(before.is_some() && before != self.key_id());
    }
}

/// The envelope begins with its version and four bytes of key id.
fn key_id(value: &str) -> Option<String> {
    let head = URL_SAFE_NO_PAD.decode(value.get(..8)?).ok()?;
    Some(head[1..5].iter().map(|byte| format!("{byte:02x}")).collect())
}
