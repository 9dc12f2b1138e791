//! A server in Node beside servers in Rust: visitors go to and fro and keep one session each, while the
//! keys change on one server after the other.

#[path = "simulation/random.rs"]
#[allow(dead_code, reason = "this test uses a part of it")]
mod random;
mod support;

use axum::extract::Query;
use axum::routing::get;
use axum::{Json, Router};
use cookie_store::{CookieStore, RawCookie};
use http_body_util::BodyExt;
use hyper::header::{CACHE_CONTROL, COOKIE, SET_COOKIE};
use hyper::{HeaderMap, Request};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use random::Random;
use sealed_session::axum::{Session, SessionLayer};
use sealed_session::{DatedKey, Key, KeyRing, Sessions};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Lines, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use support::fixtures::Visit;
use support::node::node;
use time::{Duration, OffsetDateTime};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::task;
use url::Url;

const NAME: &str = "__Host-session";

/// The server in Rust, with the same pages as `interop/javascript/server.mjs`.
struct Rust {
    sessions: Sessions<Visit>,
    address: SocketAddr,
}

impl Rust {
    async fn start(keys: &[&Key]) -> Rust {
        let sessions = Sessions::builder("shop", ring(keys)).build().unwrap();
        let routes = Router::new()
            .route("/", get(count))
            .route("/login", get(login))
            .route("/logout", get(logout))
            .layer(SessionLayer::new(sessions.clone()));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async { axum::serve(listener, routes).await });
        Rust { sessions, address }
    }

    fn set_keys(&self, keys: &[&Key]) {
        self.sessions.set_key_ring(ring(keys));
    }

    fn set_dated_keys(&self, keys: &[Dated<'_>]) {
        let keys = keys.iter().map(|dated| {
            let key = DatedKey::new(dated.key.clone(), dated.seal_from);
            match dated.open_until {
                Some(time) => key.with_open_until(time),
                None => key,
            }
        });
        self.sessions.set_key_ring(KeyRing::schedule(keys).unwrap());
    }
}

/// A key of a ring with dates, as both sides are told it.
#[derive(Clone, Copy)]
struct Dated<'k> {
    key: &'k Key,
    seal_from: OffsetDateTime,
    open_until: Option<OffsetDateTime>,
}

/// The first seals, all open.
fn ring(keys: &[&Key]) -> KeyRing {
    let (first, others) = keys.split_first().unwrap();
    others.iter().fold(KeyRing::new((*first).clone()), |ring, key| {
        ring.with_retired((*key).clone()).unwrap()
    })
}

async fn count(mut session: Session<Visit>) -> Json<Value> {
    session.page_views += 1;
    said(&session)
}

async fn login(
    mut session: Session<Visit>,
    Query(query): Query<HashMap<String, String>>,
) -> Json<Value> {
    session.renew();
    session.user = query.get("username").cloned();
    said(&session)
}

async fn logout(mut session: Session<Visit>) -> &'static str {
    session.destroy();
    "signed out"
}

fn said(session: &Session<Visit>) -> Json<Value> {
    let mut said = json!({ "id": session.id(), "page_views": session.page_views });
    if let Some(user) = &session.user {
        said["user"] = json!(user);
    }
    Json(said)
}

/// The server in Node, until this is dropped.
struct Node {
    process: Child,
    keys: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    address: SocketAddr,
}

impl Node {
    fn start(keys: &[&Key]) -> Option<Node> {
        let mut node = node("server.mjs")?;
        let mut process = node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap()).lines();
        let stdin = process.stdin.take().unwrap();
        let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let mut node = Node { process, keys: stdin, answers, address };
        node.address = node.set_keys(keys);
        Some(node)
    }

    /// Waits until they are in use.
    fn set_keys(&mut self, keys: &[&Key]) -> SocketAddr {
        let texts: Vec<String> = keys.iter().map(|key| key.to_text().to_string()).collect();
        self.tell(&texts.join(","))
    }

    /// Waits until they are in use.
    fn set_dated_keys(&mut self, keys: &[Dated<'_>]) {
        let millis = |time: OffsetDateTime| (time.unix_timestamp_nanos() / 1_000_000) as i64;
        let keys = keys.iter().map(|dated| {
            json!({
                "key": *dated.key.to_text(), "seal_from": millis(dated.seal_from),
                "open_until": dated.open_until.map(millis),
            })
        });
        self.tell(&Value::from_iter(keys).to_string());
    }

    fn tell(&mut self, keys: &str) -> SocketAddr {
        writeln!(self.keys, "{keys}").unwrap();
        self.answers.next().expect("it says where it listens").unwrap().parse().unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A visitor with a cookie jar, which both servers share: cookies do not know ports.
struct Visitor {
    client: Client<HttpConnector, String>,
    jar: CookieStore,
}

struct Response {
    headers: HeaderMap,
    body: String,
}

impl Response {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect(&self.body)
    }

    /// `Set-Cookie` without the sealed value and without `Max-Age`, and that.
    fn attributes(&self) -> (String, u32) {
        let text = self.headers[SET_COOKIE].to_str().unwrap();
        let (pair, rest) = text.split_once("; ").unwrap();
        let is_age = |part: &&str| part.starts_with("Max-Age=");
        let (age, mut parts): (Vec<&str>, Vec<&str>) = rest.split("; ").partition(is_age);
        parts.insert(0, pair.split_once('=').unwrap().0);
        (parts.join("; "), age[0]["Max-Age=".len()..].parse().unwrap())
    }
}

impl Visitor {
    fn new() -> Visitor {
        Visitor {
            client: Client::builder(TokioExecutor::new()).build_http(),
            jar: CookieStore::new(),
        }
    }

    /// One whose browser has this cookie.
    fn with_value(value: &str) -> Visitor {
        let mut visitor = Visitor::new();
        let cookie = RawCookie::parse(format!("{NAME}={value}; Path=/; Secure")).unwrap();
        visitor.jar.store_response_cookies([cookie.into_owned()].into_iter(), &Visitor::site());
        visitor
    }

    fn site() -> Url {
        "https://localhost/".parse().unwrap()
    }

    /// The sealed value in the jar.
    fn value(&self) -> Option<String> {
        let site = Visitor::site();
        let mut values = self.jar.get_request_values(&site);
        values.find(|(name, _)| *name == NAME).map(|(_, value)| value.to_owned())
    }

    /// The id of the key that sealed it.
    fn key_id(&self) -> [u8; 4] {
        let value = self.value().expect("there is a session");
        let envelope = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(value).unwrap();
        envelope[1..5].try_into().unwrap()
    }

    async fn get(&mut self, address: SocketAddr, path: &str) -> Response {
        let mut request = Request::get(format!("http://{address}{path}"));
        if let Some(value) = self.value() {
            request = request.header(COOKIE, format!("{NAME}={value}"));
        }
        let response = self.client.request(request.body(String::new()).unwrap()).await.unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.status());
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let cookies = parts.headers.get_all(SET_COOKIE).iter();
        let cookies = cookies.map(|text| RawCookie::parse(text.to_str().unwrap().to_owned()));
        self.jar.store_response_cookies(cookies.map(Result::unwrap), &Visitor::site());
        Response { headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visitor_goes_to_and_fro_while_the_keys_change() {
    let [old, new] = [Key::generate(), Key::generate()];
    let Some(mut node) = Node::start(&[&old]) else { return };
    let rust = Rust::start(&[&old]).await;
    let mut visitor = Visitor::new();
    let first = visitor.get(rust.address, "/").await.json();
    assert_eq!(first["page_views"], 1);

    // First every server gets the new key, then it seals on one after the other, then the old one goes.
    let phases: [(&[&Key], &[&Key]); 6] = [
        (&[&old], &[&old]),
        (&[&old, &new], &[&old]),
        (&[&old, &new], &[&old, &new]),
        (&[&new, &old], &[&old, &new]),
        (&[&new, &old], &[&new, &old]),
        (&[&new], &[&new]),
    ];
    let mut views = 1;
    for (phase, (rust_keys, node_keys)) in phases.into_iter().enumerate() {
        rust.set_keys(rust_keys);
        node.set_keys(node_keys);
        for _ in 0..3 {
            for (name, address, keys) in
                [("Node", node.address, node_keys), ("Rust", rust.address, rust_keys)]
            {
                views += 1;
                let said = visitor.get(address, "/").await.json();
                let expected = json!({ "id": first["id"], "page_views": views });
                assert_eq!(said, expected, "{name}, phase {phase}");
                assert_eq!(visitor.key_id(), keys[0].id().to_bytes(), "{name}, phase {phase}");
            }
        }
    }
    assert_eq!(views, 1 + 6 * 3 * 2);
}

/// A visitor whose requests go to one server or another, as a balancer sends them.
struct Sent {
    visitor: Visitor,
    random: Random,
    id: Value,
    views: u32,
    /// How many requests each server had.
    to: [u32; 3],
}

impl Sent {
    async fn first(seed: u64, servers: [SocketAddr; 3]) -> Sent {
        let (visitor, random) = (Visitor::new(), Random::new(seed));
        let mut sent = Sent { visitor, random, id: Value::Null, views: 0, to: [0; 3] };
        let said = sent.request(servers).await;
        sent.id = said["id"].clone();
        sent
    }

    async fn request(&mut self, servers: [SocketAddr; 3]) -> Value {
        let server = self.random.below(3);
        self.to[server] += 1;
        self.views += 1;
        self.visitor.get(servers[server], "/").await.json()
    }

    /// Every request finds the session of the last one.
    async fn requests(mut self, servers: [SocketAddr; 3], answered: UnboundedSender<()>) -> Sent {
        for _ in 0..IN_A_ROUND {
            let said = self.request(servers).await;
            assert_eq!(said, json!({ "id": self.id, "page_views": self.views }), "{:?}", self.to);
            answered.send(()).unwrap();
        }
        self
    }
}

const VISITORS: u64 = 12;
/// So many requests of each visitor.
const IN_A_ROUND: u32 = 5;

/// All visitors at once; half way through something happens to the servers.
async fn round(sent: Vec<Sent>, servers: [SocketAddr; 3], half_way: impl FnOnce()) -> Vec<Sent> {
    let (sender, mut answered) = mpsc::unbounded_channel();
    let running: Vec<_> =
        sent.into_iter().map(|sent| tokio::spawn(sent.requests(servers, sender.clone()))).collect();
    drop(sender);
    for _ in 0..VISITORS as u32 * IN_A_ROUND / 2 {
        answered.recv().await.expect("no visitor lost the session");
    }
    // It waits for an answer of Node's.
    task::block_in_place(half_way);
    let mut back = Vec::new();
    for running in running {
        back.push(running.await.unwrap());
    }
    back
}

/// Two servers in Rust and one in Node, and a ring with dates. The servers' clocks cannot be set, so
/// the dates come to the clock: each phase has those that the ring would have later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_shares_its_visitors_while_a_ring_with_dates_is_rotated() {
    let [old, new] = [Key::generate(), Key::generate()];
    let now = OffsetDateTime::now_utc();
    let first = |open_until| Dated { key: &old, seal_from: now - 2 * Duration::HOUR, open_until };
    let second = |seal_from| Dated { key: &new, seal_from, open_until: None };
    let (earlier, later) = (now - Duration::HOUR, now + Duration::HOUR);
    let alone = [first(None)];
    let Some(mut node) = Node::start(&[&old]) else { return };
    node.set_dated_keys(&alone);
    let rust = [Rust::start(&[&old]).await, Rust::start(&[&old]).await];
    rust.iter().for_each(|rust| rust.set_dated_keys(&alone));
    let servers = [rust[0].address, node.address, rust[1].address];

    let mut sent = Vec::new();
    for seed in 0..VISITORS {
        sent.push(Sent::first(seed, servers).await);
    }
    let of_old = sent[0].visitor.value().unwrap();

    let phases: [(&str, &[Dated<'_>], &Key); 4] = [
        ("the new key is published", &[first(Some(later)), second(later)], &old),
        ("it seals, and the old one opens", &[first(Some(later)), second(earlier)], &new),
        ("the old one is retired", &[first(Some(earlier)), second(earlier)], &new),
        ("it is removed", &[second(earlier)], &new),
    ];
    for (phase, keys, sealing) in phases {
        sent = round(sent, servers, || rust[0].set_dated_keys(keys)).await;
        sent = round(sent, servers, || node.set_dated_keys(keys)).await;
        sent = round(sent, servers, || rust[1].set_dated_keys(keys)).await;
        // All have it; only now may the next phase begin.
        sent = round(sent, servers, || ()).await;
        for sent in &sent {
            assert_eq!(sent.visitor.key_id(), sealing.id().to_bytes(), "{phase}");
        }
        // The old key is gone, and not just unused: who stayed away too long has lost the session.
        let lost = match phase {
            "the old one is retired" => "retired_key",
            "it is removed" => "unknown_key",
            _ => continue,
        };
        for server in servers {
            let mut late = Visitor::with_value(&of_old);
            let answer = late.get(server, "/").await;
            assert_eq!(answer.json()["page_views"], 1, "{phase}");
            if server == node.address {
                assert_eq!(answer.headers["x-refused"], lost);
            }
        }
    }
    for Sent { views, to, .. } in &sent {
        assert_eq!(*views, 1 + 4 * 4 * IN_A_ROUND);
        assert!(to.iter().all(|requests| *requests >= 10), "{to:?}");
    }
}

/// What the tests above would not see if a server just took whatever comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_the_new_key_loses_the_visitor() {
    let [old, new] = [Key::generate(), Key::generate()];
    let Some(mut node) = Node::start(&[&old]) else { return };
    let rust = Rust::start(&[&new, &old]).await;
    let mut visitor = Visitor::new();
    assert_eq!(visitor.get(node.address, "/").await.json()["page_views"], 1);
    assert_eq!(visitor.get(rust.address, "/").await.json()["page_views"], 2);
    let lost = visitor.get(node.address, "/").await;
    assert_eq!(lost.headers["x-refused"], "unknown_key");
    assert_eq!(lost.json()["page_views"], 1);

    // And the other way round.
    rust.set_keys(&[&old]);
    node.set_keys(&[&new, &old]);
    assert_eq!(visitor.get(node.address, "/").await.json()["page_views"], 2);
    assert_eq!(visitor.get(rust.address, "/").await.json()["page_views"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_in_on_one_server_and_sign_out_on_the_other() {
    let key = Key::generate();
    let Some(node) = Node::start(&[&key]) else { return };
    let rust = Rust::start(&[&key]).await;
    for (one, other) in [(node.address, rust.address), (rust.address, node.address)] {
        let mut visitor = Visitor::new();
        let stranger = visitor.get(other, "/").await.json();
        let signed_in = visitor.get(one, "/login?username=Ann").await.json();
        assert_ne!(signed_in["id"], stranger["id"]);
        let seen = visitor.get(other, "/").await.json();
        assert_eq!(seen, json!({ "id": signed_in["id"], "page_views": 2, "user": "Ann" }));

        visitor.get(other, "/logout").await;
        assert_eq!(visitor.value(), None);
        assert_eq!(visitor.get(one, "/").await.json()["page_views"], 1);
    }
}

/// Or the browser would keep two cookies, or one of them longer than the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_servers_write_the_same_attributes() {
    let key = Key::generate();
    let Some(node) = Node::start(&[&key]) else { return };
    let rust = Rust::start(&[&key]).await;
    for path in ["/", "/login?username=Ann", "/logout"] {
        let mut visitors = [Visitor::new(), Visitor::new()];
        for visitor in &mut visitors {
            visitor.get(rust.address, "/").await;
        }
        let [first, second] = &mut visitors;
        let (ours, theirs) =
            (first.get(rust.address, path).await, second.get(node.address, path).await);
        let [(ours_but_age, our_age), (theirs_but_age, their_age)] =
            [&ours, &theirs].map(Response::attributes);
        assert_eq!(theirs_but_age, ours_but_age, "{path}");
        // A part of a second since the creation counts for the session and not for the cookie.
        let ages = if path == "/logout" { 0..=0 } else { 1799..=1800 };
        assert!(ages.contains(&our_age) && ages.contains(&their_age), "{our_age}, {their_age}");
        assert_eq!(theirs.headers[CACHE_CONTROL], ours.headers[CACHE_CONTROL], "{path}");
    }
}
