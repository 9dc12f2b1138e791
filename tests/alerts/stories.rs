//! What goes wrong, from the twentieth minute on.

use super::server::{Server, Story, at, recorder};
use crate::support::key_files::{key, secret};
use sealed_session::key_file::tools::{KeySchedule, Rotation};
use sealed_session::{EndedSessions, KeyRing, RedisFeed, Session, Sessions};
use std::fmt::Write as _;
use time::{Duration, OffsetDateTime};

/// The first scrape that shows a server; before that there is none.
const START: i64 = 10;
/// When it goes wrong.
const EVENT: i64 = 20;

fn first_file() -> KeySchedule {
    KeySchedule::new(key(1), at(START - 5)).unwrap()
}

/// A server that was started in time, and a story in which nothing was scraped before.
fn begin(names: &[&'static str]) -> (Story, Vec<Server>) {
    let mut story = Story::default();
    let file = first_file().to_text();
    let servers = names.iter().map(|_| Server::start(&file, at(START))).collect();
    for name in names {
        for _ in 0..START {
            story.note(name, String::new());
        }
    }
    (story, servers)
}

/// One server, to which something happens each minute.
fn alone(minutes: i64, mut each: impl FnMut(&mut Server, i64)) -> Story {
    let (mut story, mut servers) = begin(&["web-1"]);
    for minute in START..minutes {
        each(&mut servers[0], minute);
        story.scrape("web-1", &servers[0]);
    }
    story
}

/// A key file is changed and reaches one of two servers only. Three visitors go from one to the
/// other.
pub(crate) fn rotation() -> Story {
    let old = first_file();
    let mut new = first_file();
    let rotation = Rotation {
        after: Duration::minutes(20),
        propagation: Duration::minutes(15),
        skew: Duration::seconds(30),
        max_session: Duration::minutes(30),
    };
    let rotated = new.rotate(key(2), &rotation, at(EVENT)).unwrap();
    assert_eq!((rotated.seal_from, rotated.open_until), (at(40), at(72)));

    let (mut story, mut servers) = begin(&["web-1", "web-2"]);
    let mut cookies = [const { String::new() }; 3];
    for minute in START..90 {
        let now = at(minute);
        let first = if minute < EVENT { &old } else { &new };
        servers[0].read(&first.to_text(), now);
        servers[1].read(&old.to_text(), now);
        for cookie in &mut cookies {
            for server in &servers {
                server.serve(cookie, &minute.to_string(), now);
            }
        }
        story.scrape("web-1", &servers[0]);
        story.scrape("web-2", &servers[1]);
    }
    story
}

/// The clock of one of two servers goes five minutes ahead.
pub(crate) fn wrong_clock() -> Story {
    let file = first_file().to_text();
    let (mut story, mut servers) = begin(&["web-1", "web-2"]);
    let mut cookie = String::new();
    for minute in START..40 {
        let ahead = if minute < EVENT { Duration::ZERO } else { Duration::minutes(5) };
        let clocks: [OffsetDateTime; 2] = [at(minute), at(minute) + ahead];
        for place in [1, 0] {
            servers[place].read(&file, clocks[place]);
            servers[place].serve(&mut cookie, &minute.to_string(), clocks[place]);
        }
        story.scrape("web-1", &servers[0]);
        story.scrape("web-2", &servers[1]);
    }
    story
}

/// A file arrives that says nothing.
pub(crate) fn broken_file() -> Story {
    let file = first_file().to_text();
    alone(30, |server, minute| {
        server.read(if minute < EVENT { &file } else { "" }, at(minute));
    })
}

/// The only key is revoked by hand, and its replacement seals in an hour.
pub(crate) fn nothing_seals() -> Story {
    let good = first_file().to_text().to_string();
    let mut bad = String::from("generation = 2\n");
    let keys = [
        (1, "seal_from = 1970-01-01T00:05:00Z\nopen_until = 1970-01-01T02:00:00Z\nrevoked = true"),
        (2, "seal_from = 1970-01-01T01:20:00Z"),
    ];
    for (seed, dates) in keys {
        writeln!(bad, "[[key]]\nsecret = \"{}\"\n{dates}", secret(seed)).unwrap();
    }
    alone(30, |server, minute| {
        server.read(if minute < EVENT { &good } else { &bad }, at(minute));
        server.serve(&mut String::new(), "a visitor", at(minute));
    })
}

/// Sessions grow.
pub(crate) fn large_sessions() -> Story {
    alone(40, |server, minute| {
        let text = "x".repeat(if minute < EVENT { 300 } else { 2_800 });
        server.serve(&mut String::new(), &text, at(minute));
    })
}

/// Sessions grow past what a cookie holds.
pub(crate) fn sessions_too_large() -> Story {
    alone(40, |server, minute| {
        let text = "x".repeat(if minute < EVENT { 300 } else { 5_000 });
        server.serve(&mut String::new(), &text, at(minute));
    })
}

/// A release whose data has another shape, under the same `schema_version`.
pub(crate) fn another_shape() -> Story {
    let other: Sessions<u32> = Sessions::builder("shop", KeyRing::new(key(1))).build().unwrap();
    alone(40, |server, minute| {
        let mut cookie = String::new();
        if minute >= EVENT {
            let session = Session::new_at(200, at(minute));
            let value = other.cookie_for_at(&session, at(minute)).unwrap();
            cookie = value.to_str().unwrap().to_owned();
        }
        server.serve(&mut cookie, "ann", at(minute));
    })
}

/// A release whose schema is newer, beside one that changes what visitors bring from it.
pub(crate) fn newer_release() -> Story {
    let builder = Sessions::<String>::builder("shop", KeyRing::new(key(1)));
    let newer = builder.schema_version(1).upgrade(0, |old: String| old).build().unwrap();
    alone(40, |server, minute| {
        let mut cookie = String::new();
        if minute >= EVENT {
            let session = Session::new_at("bob".to_owned(), at(minute));
            let value = newer.cookie_for_at(&session, at(minute)).unwrap();
            cookie = value.to_str().unwrap().to_owned();
        }
        server.serve(&mut cookie, "ann", at(minute));
    })
}

/// A server whose feed has nobody to speak to: nothing listens at that address.
pub(crate) fn lonely_feed() -> Story {
    let recorder = recorder();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let behind = {
        let _here = metrics::set_default_local_recorder(&recorder);
        runtime.block_on(async {
            let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let address = free.local_addr().unwrap();
            drop(free);
            let ended = EndedSessions::new("shop", Duration::hours(8));
            let feed =
                RedisFeed::connect_in_background(&format!("redis://{address}"), &ended).unwrap();
            ended.end_all_of("user-17").unwrap();
            while feed.health().behind_since.is_none() {
                tokio::task::yield_now().await;
            }
            // The gauge is set right after the health, in the same step of the task.
            recorder.handle().render()
        })
    };
    let mut story = Story::default();
    for minute in 0..30 {
        let before = minute < EVENT;
        story.note("web-1", if before { String::new() } else { behind.clone() });
    }
    story
}
