//! The implementation in `interop/javascript` and this one open what the other sealed.

mod support;

use sealed_session::inspect::{Server, inspect};
use sealed_session::{Dynamic, Key, KeyRing, Session, Sessions};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::fmt::Debug;
use std::io::{BufRead, BufReader, Write};
use std::panic;
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use support::fixtures::{NOW, Visit};
use support::node::{node, too_old};
use support::second::{Second, Stamps, unpad};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// So many sessions are opened by both sides. `INTEROP_SESSIONS` sets another number; `.ci/run` takes
/// 100,000.
const SESSIONS: u64 = 6_000;
/// Of these, one of so many also goes over changed, and both sides must refuse it alike.
const ONE_CHANGED_OF: u64 = 8;
/// The own timeouts that a session may have, as `peer.mjs` has them.
const LONGEST: (Duration, Duration) =
    (Duration::seconds(10_000_000), Duration::seconds(40_000_000));

/// The vectors and the other tests of the JavaScript side.
#[test]
fn the_tests_of_the_javascript_side() {
    let Some(mut node) = node("--test --test-reporter=tap") else { return };
    let output = node.stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    let count = |what: &str| -> u32 {
        let line = text.lines().find_map(|line| line.strip_prefix(what)).expect(what);
        line.trim().parse().unwrap()
    };
    assert!(count("# pass") > 200, "{text}");
    assert_eq!((count("# fail"), count("# skipped")), (0, 0), "{text}");
}

/// Without this an old one would fail later, over a method that it does not have.
#[test]
fn a_node_that_is_too_old_is_told_with_the_fix() {
    for version in ["v20.0.0\n", "v20.20.2\n", "v100.1.0-nightly\n"] {
        assert_eq!(too_old(version, 20), None, "{version}");
    }
    for version in ["v19.9.0", "v9.0.0", "v2.200.0", "20.0.0", "node 20", ""] {
        assert!(too_old(version, 20).is_some(), "{version}");
    }
    assert_eq!(
        too_old("v18.20.4\n", 20).unwrap(),
        "`node --version` says `v18.20.4`, and interop/javascript needs Node 20 or later: install it \
         (https://nodejs.org/en/download), or put its folder first in `PATH`"
    );
}

fn sessions() -> u64 {
    std::env::var("INTEROP_SESSIONS").map_or(SESSIONS, |number| number.parse().unwrap())
}

/// SplitMix64: the same numbers each time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Of any length in bits, so that every length of a varint occurs.
    fn u32(&mut self) -> u32 {
        (self.next() as u32) >> self.below(33).min(31)
    }

    fn text(&mut self) -> String {
        let characters: Vec<char> =
            "aZ09 \"\\/\u{0}\u{8}\u{1f}\n\u{7f}é\u{2028}\u{ff5e}😀\u{10ffff}".chars().collect();
        (0..self.below(12))
            .map(|_| characters[self.below(characters.len() as u64) as usize])
            .collect()
    }

    fn json(&mut self, depth: u32) -> Value {
        match self.below(if depth == 0 { 7 } else { 9 }) {
            0 => Value::Null,
            1 => json!(self.below(2) == 0),
            2 => json!(self.text()),
            3 => json!(self.next() >> self.below(64)),
            4 => json!((self.next() as i64) >> self.below(64)),
            5 => {
                let any = f64::from_bits(self.next());
                json!(if any.is_finite() { any } else { -0.0 })
            }
            6 => json!(
                self.u32() as i32 as f64 / [1.0, 4.0, 1e3, 1e7, 1e-11][self.below(5) as usize]
            ),
            7 => (0..self.below(4)).map(|_| self.json(depth - 1)).collect(),
            _ => Value::Object(
                (0..self.below(4)).map(|_| (self.text(), self.json(depth - 1))).collect(),
            ),
        }
    }
}

trait Data: Serialize + DeserializeOwned + Default + PartialEq + Debug {
    /// As `vectors/parts.mjs` calls it.
    const NAME: &str;

    fn any(numbers: &mut Numbers) -> Self;
}

impl Data for Visit {
    const NAME: &str = "visit";

    fn any(numbers: &mut Numbers) -> Visit {
        let user = (numbers.below(4) > 0).then(|| numbers.text().repeat(numbers.below(9) as usize));
        Visit { page_views: numbers.u32(), user }
    }
}

impl Data for Dynamic {
    const NAME: &str = "dynamic";

    fn any(numbers: &mut Numbers) -> Dynamic {
        let mut data = Dynamic::default();
        for _ in 0..numbers.below(6) {
            data.insert(numbers.text(), numbers.json(3)).unwrap();
        }
        data
    }
}

/// A server as both sides know it.
struct Peer<T> {
    sessions: Sessions<T>,
    inspected: Server,
    second: Second,
    told: Value,
}

impl<T: Data> Peer<T> {
    fn any(numbers: &mut Numbers) -> Peer<T> {
        let secret: Vec<u8> = (0..32).map(|_| numbers.next() as u8).collect();
        let key = Key::try_from(&secret[..]).unwrap();
        let app = format!("shop{}", numbers.text());
        let cookie = ["__Host-session", "sid"][numbers.below(2) as usize];
        let padding = [1, 16, 16, 100, 256][numbers.below(5) as usize];
        let schema = numbers.u32();
        let sessions = Sessions::builder(&app[..], KeyRing::new(key.clone()))
            .cookie_name(cookie)
            .padding(padding)
            .schema_version(schema)
            .longest_timeouts(LONGEST.0, LONGEST.1)
            .build()
            .unwrap();
        let told = json!({
            "app": app, "cookie": cookie, "key": *key.to_text(), "type": T::NAME, "padding": padding,
            "schema": schema,
        });
        let keys = Some(KeyRing::new(key));
        let inspected = Server {
            app: app.clone(),
            cookie_name: cookie.to_owned(),
            keys,
            longest_timeouts: LONGEST,
            ..Server::default()
        };
        let second = Second::new(secret.try_into().unwrap(), &app, cookie);
        Peer { sessions, inspected, second, told }
    }

    fn data_of(&self, value: &str) -> Vec<u8> {
        let plaintext = self.second.open(value).unwrap();
        Stamps::read(unpad(&plaintext).unwrap()).unwrap().1.to_vec()
    }
}

/// One question to the other side.
struct Question<T> {
    peer: usize,
    session: Session<T>,
    value: String,
    now: OffsetDateTime,
    again: OffsetDateTime,
    cut: u32,
    changed: bool,
    sampled: bool,
}

impl<T: Data> Question<T> {
    fn any(numbers: &mut Numbers, peers: &[Peer<T>]) -> Question<T> {
        let peer = numbers.below(peers.len() as u64) as usize;
        let created = NOW + Duration::milliseconds(numbers.below(1 << 40) as i64 - (1 << 39));
        let mut session = Session::new_at(T::any(numbers), created);
        let mut longest = 28_800;
        if numbers.below(2) == 0 {
            let (idle, absolute) =
                (5 + i64::from(numbers.u32() >> 10), 600 + i64::from(numbers.u32() >> 7));
            session.set_timeouts(Duration::seconds(idle), Duration::seconds(absolute));
            longest = absolute;
        }
        let age = numbers.below(longest as u64 * 1000 - 5000) as i64;
        let now = created + Duration::milliseconds(age);
        let value = peers[peer].sessions.encode_at(&session, now).unwrap();
        Question {
            peer,
            session,
            value,
            now,
            again: now + Duration::milliseconds(numbers.below(5000) as i64),
            cut: numbers.u32(),
            changed: false,
            sampled: numbers.below(16) == 0,
        }
    }

    /// The same with one character changed into any other.
    fn changed(&self, numbers: &mut Numbers) -> Question<T> {
        let place = numbers.below(self.value.len() as u64) as usize;
        let others = "AQgw19-_+=. \u{e9}";
        let other = others.chars().nth(numbers.below(13) as usize).unwrap();
        let value = [&self.value[..place], &other.to_string(), &self.value[place + 1..]].concat();
        let session = Session::new_at(T::default(), self.now);
        Question { session, value, changed: true, ..*self }
    }

    fn line(&self, peers: &[Peer<T>]) -> String {
        let millis = |time: OffsetDateTime| (time.unix_timestamp_nanos() / 1_000_000) as i64;
        let line = json!({
            "server": peers[self.peer].told, "value": self.value, "now": millis(self.now),
            "again": millis(self.again), "cut": self.cut,
        });
        format!("{line}\n")
    }

    fn check(&self, peers: &[Peer<T>], answer: Answer) {
        let peer = &peers[self.peer];
        let Answer::Opened { stamps, data, value } = answer else {
            let Answer::Refused { refused } = answer else { unreachable!() };
            let error = peer.sessions.decode_at(&self.value, self.now).expect_err(&self.value);
            assert!(self.changed, "refused: {refused}, {}", self.value);
            assert_eq!(error.reason().as_str(), refused, "{}", self.value);
            return;
        };
        if self.changed {
            // The character was the same by chance, or stood where it changes nothing.
            peer.sessions.decode_at(&self.value, self.now).expect(&self.value);
            return;
        }
        // What was sealed here, as it was read there.
        let seconds = |time: OffsetDateTime| (time - self.session.created_at()).whole_seconds();
        assert_eq!(stamps.id, self.session.id());
        assert_eq!(i64::from(stamps.renewed), seconds(self.now));
        let timeouts = stamps
            .timeouts
            .map(|own| (Duration::seconds(own.idle), Duration::seconds(own.absolute)));
        assert_eq!(timeouts, self.session.own_timeouts());
        assert_eq!((stamps.schema, stamps.cut), (peer.told["schema"].as_u64().unwrap() as u32, 0));
        // What was sealed there, as it is read here.
        let session = peer.sessions.decode_at(&value, self.again).expect(&value);
        assert_eq!(*session, *self.session, "{data}");
        assert_eq!(session.id(), self.session.id());
        assert_eq!(session.own_timeouts(), self.session.own_timeouts());
        let inside = inspect(&value, &peer.inspected, self.again).unwrap().session.unwrap();
        assert_eq!(inside.cut, self.cut);
        assert_eq!(inside.schema, stamps.schema);
        assert_eq!((inside.renewed_at - session.created_at()).whole_seconds(), seconds(self.again));
        assert_eq!(inside.data_len * 2, data.len());
        // Both write the same bytes, or an unchanged session would count as changed.
        if self.sampled {
            let ours = peer.data_of(&self.value);
            assert_eq!(peer.data_of(&value), ours);
            assert_eq!(ours.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), data);
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Refused { refused: String },
    Opened { stamps: Read, data: String, value: String },
}

#[derive(Deserialize)]
struct Read {
    id: Uuid,
    renewed: u32,
    timeouts: Option<Own>,
    schema: u32,
    cut: u32,
}

#[derive(Deserialize)]
struct Own {
    idle: i64,
    absolute: i64,
}

fn open_each_others<T: Data + Send + Sync + 'static>(seed: u64, count: u64) {
    let Some(mut node) = node("peer.mjs") else { return };
    let mut node = node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, stdout) = (node.stdin.take().unwrap(), node.stdout.take().unwrap());
    let mut numbers = Numbers(seed);
    let peers: Vec<Peer<T>> = (0..16).map(|_| Peer::any(&mut numbers)).collect();
    let (sender, questions) = mpsc::sync_channel(4096);
    let mut answers = BufReader::new(stdout).lines();
    let (mut opened, mut changed) = (0, 0);
    thread::scope(|scope| {
        let peers = &peers;
        scope.spawn(move || {
            for index in 0..count {
                let question = Question::any(&mut numbers, peers);
                let other = (index % ONE_CHANGED_OF == 0).then(|| question.changed(&mut numbers));
                for question in [Some(question), other].into_iter().flatten() {
                    stdin.write_all(question.line(peers).as_bytes()).unwrap();
                    sender.send(question).unwrap();
                }
            }
        });
        for question in questions {
            // If a check fails the other side must go, or the thread would wait for it for ever.
            let answer = answers.next().expect("an answer to every question").unwrap();
            let answer = serde_json::from_str(&answer).unwrap();
            let check = panic::AssertUnwindSafe(|| question.check(peers, answer));
            if let Err(failed) = panic::catch_unwind(check) {
                node.kill().unwrap();
                panic::resume_unwind(failed);
            }
            *(if question.changed { &mut changed } else { &mut opened }) += 1;
        }
    });
    assert_eq!((opened, changed), (count, count.div_ceil(ONE_CHANGED_OF)));
    assert!(answers.next().is_none(), "no more answers than questions");
    assert!(node.wait().unwrap().success());
}

#[test]
fn both_sides_open_each_others_sessions_of_a_type() {
    open_each_others::<Visit>(1, sessions() / 2);
}

#[test]
fn both_sides_open_each_others_dynamic_sessions() {
    open_each_others::<Dynamic>(2, sessions() / 2);
}
