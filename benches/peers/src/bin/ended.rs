//! What sessions that can be ended cost: a decode, memory, a start with a million entries, and how
//! long an end on one server takes to be refused on two others.
//!
//! Needs `redis-server`, which it starts for itself on loopback.

use std::{
    env,
    hint::black_box,
    thread,
    time::{Duration as StdDuration, Instant},
};

use peers::{
    engine::Engine,
    harness::median,
    process::resident_bytes,
    records::{Login, Record},
    report::{print_header, print_row},
};
use sealed_session::{EndedSessions, FileFeed, Key, KeyRing, RedisFeed, Session, Sessions};
use time::Duration;
use tokio::runtime::{self, Runtime};

const KEEP: Duration = Duration::hours(8);
/// Enough that they and their entries lie in no processor's first cache.
const SESSIONS: usize = 4096;

struct Size {
    entries: usize,
    rounds: usize,
    ends: usize,
}

fn main() {
    let size = match env::args().nth(1).as_deref() {
        Some("--quick") => Size { entries: 10_000, rounds: 1, ends: 20 },
        _ => Size { entries: 1_000_000, rounds: 41, ends: 1_000 },
    };
    print_decode_and_memory(&size);
    print_start(&size);
    print_reach(&size);
}

fn list() -> EndedSessions {
    EndedSessions::new("shop", KEEP)
}

fn end_one(ended: &EndedSessions) {
    ended.end(Session::new(()).id()).expect("it is an id of ours");
}

/// What waits for a feed is no part of what an entry needs.
fn confirm(ended: &EndedSessions) {
    while ended.status().unsent > 0 {
        ended.confirm(&ended.unsent(10_000));
    }
}

fn sessions(keys: &KeyRing, ended: Option<&EndedSessions>) -> Sessions<Login> {
    let mut builder = Sessions::builder("shop", keys.clone()).absolute_timeout(KEEP);
    if let Some(ended) = ended {
        builder = builder.ended(ended).subject(Login::user_id);
    }
    builder.build().expect("it is valid")
}

fn print_decode_and_memory(size: &Size) {
    let empty = list();
    let thousand = list();
    (0..1_000).for_each(|_| end_one(&thousand));
    let ids = list();
    let of_ids = filled(&ids, size.entries, |_| end_one(&ids));
    let cuts = list();
    let of_cuts = filled(&cuts, size.entries, |user| {
        cuts.end_all_of(&format!("visitor-{user}")).expect("it is not empty");
    });
    let count = size.entries;
    println!("### Memory of {count} entries\n");
    print_header(&["", "resident bytes each"].map(str::to_owned));
    print_row("ids", &[of_ids.to_string()]);
    print_row("subjects", &[of_cuts.to_string()]);

    let keys = KeyRing::new(Key::generate());
    let rows = [
        ("without `ended`".to_owned(), None),
        ("nothing ended".to_owned(), Some(&empty)),
        ("1,000 ids".to_owned(), Some(&thousand)),
        (format!("{count} ids"), Some(&ids)),
        (format!("{count} subjects"), Some(&cuts)),
    ]
    .map(|(name, ended)| {
        let sessions = sessions(&keys, ended);
        let values: Vec<String> = (0..SESSIONS)
            .map(|_| sessions.encode(&Session::new(Login::sample())).expect("it fits"))
            .collect();
        (name, sessions, values)
    });
    let mut nanos = [const { Vec::new() }; 5];
    for round in 0..size.rounds {
        for turn in 0..rows.len() {
            let turn = if round % 2 == 0 { turn } else { rows.len() - 1 - turn };
            let (name, sessions, values) = &rows[turn];
            let start = Instant::now();
            for value in values {
                let session = sessions.decode(black_box(value));
                assert!(black_box(session).is_ok(), "{name}: nobody ended it");
            }
            nanos[turn].push(start.elapsed().as_nanos() as f64 / SESSIONS as f64);
        }
    }
    println!("\n### A decode of one of {SESSIONS} sessions\n");
    print_header(&["", "ns", "more than without"].map(str::to_owned));
    // Of each round the difference, so that a busy moment is not taken for a look-up.
    let without = nanos[0].clone();
    for ((name, ..), nanos) in rows.iter().zip(nanos) {
        let more = nanos.iter().zip(&without).map(|(with, without)| with - without).collect();
        print_row(name, &[format!("{:.0}", median(nanos)), format!("{:.0}", median(more))]);
    }
}

/// Resident bytes for each entry.
fn filled(ended: &EndedSessions, entries: usize, end: impl Fn(usize)) -> u64 {
    let before = resident_bytes();
    for entry in 0..entries {
        end(entry);
        if entry % 10_000 == 0 {
            confirm(ended);
        }
    }
    confirm(ended);
    resident_bytes().saturating_sub(before) / entries as u64
}

fn print_start(size: &Size) {
    let runtime = runtime();
    let engine = Engine::start();
    let path = env::temp_dir().join(format!("ended-{}", std::process::id())).join("ended.log");
    {
        let ended = list();
        (0..size.entries).for_each(|_| end_one(&ended));
        let feed = FileFeed::open(&path, &ended).expect("the folder is ours");
        feed.flush(Duration::minutes(5)).expect("the disk takes them");
    }
    {
        let ended = list();
        (0..size.entries).for_each(|_| end_one(&ended));
        let feed = runtime.block_on(RedisFeed::connect(&engine.url(), &ended));
        let feed = feed.expect("Redis answers");
        runtime.block_on(feed.flush(Duration::minutes(5))).expect("Redis takes them");
    }
    println!("\n### Start with {} entries\n", size.entries);
    print_header(&["", "median, s"].map(str::to_owned));
    let (mut file, mut redis) = (Vec::new(), Vec::new());
    for _ in 0..size.rounds.min(5) {
        let ended = list();
        let start = Instant::now();
        let feed = FileFeed::open(&path, &ended).expect("it is there");
        file.push(start.elapsed().as_secs_f64());
        assert_eq!(ended.status().ids, size.entries);
        drop(feed);
        let ended = list();
        let start = Instant::now();
        let feed = runtime.block_on(RedisFeed::connect(&engine.url(), &ended));
        redis.push(start.elapsed().as_secs_f64());
        assert_eq!(ended.status().ids, size.entries);
        drop(feed);
    }
    let _ = std::fs::remove_dir_all(path.parent().expect("a folder of our own"));
    print_row("`FileFeed`", &[format!("{:.2}", median(file))]);
    print_row("`RedisFeed`", &[format!("{:.2}", median(redis))]);
}

/// Three servers in one process, each with a list and connections of its own. Times run from before
/// the end until both others refuse a copy of the session.
fn print_reach(size: &Size) {
    let runtime = runtime();
    let engine = Engine::start();
    let keys = KeyRing::new(Key::generate());
    let servers = [(); 3].map(|()| {
        let ended = list();
        let feed = runtime.block_on(RedisFeed::connect(&engine.url(), &ended));
        let sessions = sessions(&keys, Some(&ended));
        (sessions, ended, feed.expect("Redis answers"))
    });
    let [(here, ended, _), (one, ..), (other, ..)] = &servers;
    let mut millis: Vec<f64> = (0..size.ends)
        .map(|_| {
            let session = Session::new(Login::sample());
            let copy = here.encode(&session).expect("it fits");
            assert!(one.decode(&copy).is_ok() && other.decode(&copy).is_ok());
            let start = Instant::now();
            ended.end(session.id()).expect("it is an id of ours");
            while one.decode(&copy).is_ok() || other.decode(&copy).is_ok() {
                assert!(start.elapsed() < StdDuration::from_secs(60), "it does not get there");
                thread::sleep(StdDuration::from_micros(50));
            }
            let took = start.elapsed().as_secs_f64() * 1e3;
            // So that each end is sent by itself.
            thread::sleep(StdDuration::from_millis(5));
            took
        })
        .collect();
    millis.sort_by(f64::total_cmp);
    println!("\n### From an end to its refusal on two other servers, {} ends\n", size.ends);
    print_header(&["", "ms"].map(str::to_owned));
    let last = millis.len() - 1;
    for (name, index) in [("median", last / 2), ("99 %", last * 99 / 100), ("largest", last)] {
        print_row(name, &[format!("{:.2}", millis[index])]);
    }
}

fn runtime() -> Runtime {
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime")
}
