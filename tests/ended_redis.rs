//! `RedisFeed` against a real `redis-server`, which each test starts for itself on loopback.
//!
//! Without the program `redis-server` the tests say so and pass; with the variable `CI` they fail.

#![cfg(unix)]

#[path = "support/log.rs"]
mod log;

use redis::Commands;
use sealed_session::{EndedSessions, FeedError, RedisFeed};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration as StdDuration, Instant, SystemTime};
use time::Duration;
use uuid::Uuid;

const STREAM: &str = "sealed-session:{shop}:ended";

/// A `redis-server` of our own, ended by its id.
struct Engine {
    folder: tempfile::TempDir,
    port: u16,
    options: Vec<String>,
    child: Option<Child>,
}

impl Engine {
    /// `None` if there is no such program on this machine.
    fn start(options: &[&str]) -> Option<Engine> {
        let found = Command::new("redis-server").arg("--version").output();
        if found.is_err() {
            assert!(std::env::var_os("CI").is_none(), "CI must have `redis-server` installed");
            println!("skipped: there is no `redis-server` here (Debian: apt install redis-server)");
            return None;
        }
        let mut engine = Engine {
            folder: tempfile::tempdir().unwrap(),
            port: free_port(),
            options: options.iter().map(|option| (*option).to_owned()).collect(),
            child: None,
        };
        engine.run();
        Some(engine)
    }

    fn run(&mut self) {
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string(), "--save", ""])
            .arg("--dir")
            .arg(self.folder.path())
            .args(&self.options)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        let deadline = Instant::now() + StdDuration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < deadline, "redis-server does not start");
            std::thread::sleep(StdDuration::from_millis(10));
        }
    }

    fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();
    }

    fn signal(&self, name: &str) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    fn connection(&self) -> redis::Connection {
        // While it loads its data it says so.
        let deadline = Instant::now() + StdDuration::from_secs(20);
        loop {
            let connection = redis::Client::open(self.url()).unwrap().get_connection();
            if let Ok(mut connection) = connection
                && redis::cmd("PING").exec(&mut connection).is_ok()
            {
                return connection;
            }
            assert!(Instant::now() < deadline, "redis-server does not answer");
            std::thread::sleep(StdDuration::from_millis(10));
        }
    }

    fn len(&self) -> usize {
        self.connection().xlen(STREAM).unwrap()
    }

    /// Makes the user `shop` that `docs/ending-sessions.md` names, and returns the address for it.
    fn with_the_rights_of_the_page(&self) -> String {
        let page = include_str!("../docs/ending-sessions.md");
        let line = page.lines().find(|line| line.contains("`ACL SETUSER")).unwrap();
        let command = line.trim().trim_matches('`').replace(">password", ">secret");
        let mut words = command.split(' ');
        let mut acl = redis::cmd(words.next().unwrap());
        words.for_each(|word| {
            acl.arg(word);
        });
        acl.exec(&mut self.connection()).unwrap();
        format!("redis://shop:secret@127.0.0.1:{}/3", self.port)
    }

    /// Gives that user a right (`+xinfo`) or takes it.
    fn change_rights(&self, right: &str) {
        let mut acl = redis::cmd("ACL");
        acl.arg("SETUSER").arg("shop").arg(right).exec(&mut self.connection()).unwrap();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn list() -> EndedSessions {
    EndedSessions::new("shop", Duration::hours(8))
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A server: its list and its feed.
struct Server {
    ended: EndedSessions,
    feed: RedisFeed,
}

impl Server {
    async fn start(engine: &Engine) -> Server {
        Server::keeping(engine, Duration::hours(8)).await
    }

    async fn keeping(engine: &Engine, keep: Duration) -> Server {
        let ended = EndedSessions::new("shop", keep);
        let feed = RedisFeed::connect(&engine.url(), &ended).await.unwrap();
        Server { ended, feed }
    }

    /// Ends so many sessions, and waits until they are sent.
    async fn end(&self, count: u64) {
        self.end_unsent(count);
        self.feed.flush(Duration::seconds(20)).await.unwrap();
    }

    fn end_unsent(&self, count: u64) {
        for _ in 0..count {
            self.ended.end(new_id()).unwrap();
        }
    }

    async fn knows(&self, ids: usize) {
        wait_until(&format!("{ids} ids are known"), || self.ended.status().ids == ids).await;
    }
}

/// Waits until a server that starts later knows so many ids and subjects from the engine alone.
async fn later_knows(engine: &Engine, ids: usize, subjects: usize) {
    let deadline = Instant::now() + StdDuration::from_secs(60);
    loop {
        let status = Server::start(engine).await.ended.status();
        if (status.ids, status.subjects) == (ids, subjects) {
            return;
        }
        assert!(Instant::now() < deadline, "a later server knows {status:?}");
        tokio::time::sleep(StdDuration::from_millis(100)).await;
    }
}

/// An id made now.
fn new_id() -> Uuid {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
    id_at(now, NEXT.fetch_add(1, Ordering::Relaxed))
}

fn id_at(millis: u64, n: u64) -> Uuid {
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    bytes[6] = 0x70;
    bytes[8..].copy_from_slice(&n.to_be_bytes());
    bytes[8] = 0x80;
    Uuid::from_bytes(bytes)
}

async fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + StdDuration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "waited too long until {what}");
        tokio::time::sleep(StdDuration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_servers_hear_of_each_other_and_one_that_starts_later_of_all() {
    let Some(engine) = Engine::start(&[]) else { return };
    let servers =
        [Server::start(&engine).await, Server::start(&engine).await, Server::start(&engine).await];
    for server in &servers {
        server.end(10).await;
        server.ended.end_all_of("user-17").unwrap();
    }
    for server in &servers {
        server.knows(30).await;
        wait_until("the cut is known", || server.ended.status().subjects == 1).await;
        server.feed.flush(Duration::seconds(20)).await.unwrap();
        assert_eq!(server.feed.health().behind_since, None);
    }
    let later = Server::start(&engine).await;
    assert_eq!((later.ended.status().ids, later.ended.status().subjects), (30, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_killed_and_restarted_with_its_data_loses_nothing() {
    let Some(mut engine) = Engine::start(&["--appendonly", "yes", "--appendfsync", "always"])
    else {
        return;
    };
    let (one, two) = (Server::start(&engine).await, Server::start(&engine).await);
    one.end(10).await;
    engine.kill();
    one.end_unsent(5);
    two.end_unsent(5);
    wait_until("it is told", || one.feed.health().behind_since.is_some()).await;
    assert!(one.feed.health().error.is_some());
    engine.run();
    one.knows(20).await;
    two.knows(20).await;
    wait_until("it is told", || one.feed.health().behind_since.is_none()).await;
    later_knows(&engine, 20, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_killed_and_restarted_without_its_data_is_told_everything_again() {
    let Some(mut engine) = Engine::start(&[]) else { return };
    let (one, two) = (Server::start(&engine).await, Server::start(&engine).await);
    one.end(10).await;
    two.ended.end_all_of("user-17").unwrap();
    two.knows(10).await;
    engine.kill();
    one.end_unsent(1);
    engine.run();
    two.knows(11).await;
    later_knows(&engine, 11, 1).await;
}

/// Bad input 58e, `ended/redis_feed/history`.
#[tokio::test(flavor = "multi_thread")]
async fn an_engine_restored_from_an_older_copy_is_told_what_it_lacks() {
    let Some(mut engine) = Engine::start(&["--dbfilename", "dump.rdb"]) else { return };
    let one = Server::start(&engine).await;
    one.end(5).await;
    redis::cmd("SAVE").exec(&mut engine.connection()).unwrap();
    one.end(5).await;
    one.knows(10).await;
    engine.kill(); // with the copy of before in its folder
    engine.run();
    assert_eq!(engine.len(), 6, "the older copy");
    later_knows(&engine, 10, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flushed_engine_is_told_everything_again_though_it_never_went_away() {
    let Some(engine) = Engine::start(&[]) else { return };
    let (one, two) = (Server::start(&engine).await, Server::start(&engine).await);
    one.end(10).await;
    // Who has read them knows that they are gone.
    two.knows(10).await;
    redis::cmd("FLUSHALL").exec(&mut engine.connection()).unwrap();
    later_knows(&engine, 10, 0).await;
    let later = Server::keeping(&engine, Duration::hours(1)).await;
    assert_eq!(later.ended.keep(), Duration::hours(8));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_an_engine_stands_still_nobody_waits_and_then_nothing_is_missing() {
    let Some(engine) = Engine::start(&[]) else { return };
    let (one, two) = (Server::start(&engine).await, Server::start(&engine).await);
    engine.signal("-STOP");
    let begun = Instant::now();
    one.end_unsent(1000);
    assert!(begun.elapsed() < StdDuration::from_secs(2), "an end waits for nothing");
    let error = one.feed.flush(Duration::milliseconds(200)).await.unwrap_err();
    assert!(matches!(error, FeedError::Unsent { unsent: 1000 }), "{error}");
    wait_until("it is told", || one.feed.health().behind_since.is_some()).await;
    engine.signal("-CONT");
    two.knows(1000).await;
    one.feed.flush(Duration::seconds(20)).await.unwrap();
}

/// Bad input 58b, `ended/redis_feed/history`: its older part is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_trimmed_too_early_is_filled_again() {
    let Some(engine) = Engine::start(&[]) else { return };
    for left in [3, 0] {
        let (one, two) = (Server::start(&engine).await, Server::start(&engine).await);
        one.end(10).await;
        let ids = one.ended.status().ids;
        let mut connection = engine.connection();
        two.knows(ids).await;
        redis::cmd("XTRIM").arg(STREAM).arg("MAXLEN").arg(left).exec(&mut connection).unwrap();
        later_knows(&engine, ids, 0).await;
    }
}

/// Bad input 58d, `ended/entry`: changed, or of another application.
///
/// Bad input 58f, `ended/aside`: from two days ahead of this clock.
#[tokio::test(flavor = "multi_thread")]
async fn entries_that_are_none_forged_or_from_the_future_are_skipped() {
    let Some(engine) = Engine::start(&[]) else { return };
    let one = Server::start(&engine).await;
    let mut connection = engine.connection();
    let mut add = |field: &str, bytes: &[u8]| {
        let _: String = connection.xadd(STREAM, "*", &[(field, bytes)]).unwrap();
    };
    add("e", b"");
    add("e", b"hello");
    add("other", b"\x01\x01");
    add("e", &[2, 0, 0]);
    add("e", &vec![1; 100_000]);
    // Of another namespace, and changed.
    let other = EndedSessions::new("blog", Duration::hours(8));
    other.end_all_of("user-17").unwrap();
    for entry in other.unsent(1).entries() {
        add("e", entry.as_ref());
    }
    let forged = list();
    forged.end_all_of("user-17").unwrap();
    for entry in forged.unsent(1).entries() {
        let mut entry = entry.as_ref().to_vec();
        entry[20] ^= 1;
        add("e", &entry);
    }
    // By a clock two days ahead.
    let ahead = list();
    let two_days = time::OffsetDateTime::now_utc() + Duration::days(2);
    let id = id_at((two_days.unix_timestamp() * 1000) as u64, 1);
    ahead.end_at(id, two_days).unwrap();
    for entry in ahead.unsent(1).entries() {
        add("e", entry.as_ref());
    }
    let two = Server::start(&engine).await;
    two.end(1).await;
    one.knows(1).await;
    for server in [one, two] {
        let status = server.ended.status();
        assert_eq!((status.ids, status.subjects, status.everyone), (1, 0, None));
        assert_eq!(status.set_aside, 1);
        assert_eq!(server.feed.health().behind_since, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_longer_keep_by_one_of_three_counts_for_all_and_covers_once() {
    let Some(engine) = Engine::start(&[]) else { return };
    let (one, two) = (Server::start(&engine).await, Server::start(&engine).await);
    assert_eq!(one.ended.status().everyone, None, "the first covers nothing");
    let before = time::OffsetDateTime::now_utc() - Duration::hours(8);
    let three = Server::keeping(&engine, Duration::days(30)).await;
    for server in [&one, &two, &three] {
        wait_until("it is raised", || server.ended.keep() == Duration::days(30)).await;
        wait_until("it covers", || server.ended.status().everyone.is_some()).await;
        let everyone = server.ended.status().everyone.unwrap();
        assert!((everyone - before).abs() < Duration::MINUTE, "{everyone}");
    }
    let len = engine.len();
    let again = Server::keeping(&engine, Duration::days(30)).await;
    let shorter = Server::start(&engine).await;
    assert_eq!(engine.len(), len, "once");
    assert_eq!(shorter.ended.keep(), Duration::days(30));
    assert_eq!(again.ended.status().everyone, three.ended.status().everyone);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_without_the_password() {
    let Some(engine) = Engine::start(&["--requirepass", "correct-horse"]) else { return };
    let ended = list();
    let url = |password| format!("redis://:{password}@127.0.0.1:{}/0", engine.port);
    let error = RedisFeed::connect(&url("battery-staple"), &ended).await.unwrap_err();
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(text.contains(&format!("127.0.0.1:{}", engine.port)), "{text}");
        assert!(!text.contains("battery-staple"), "{text}");
    }
    assert!(error.to_string().contains("password"), "names the fix: {error}");
    // The list is free for another attempt.
    let feed = RedisFeed::connect(&url("correct-horse"), &ended).await.unwrap();
    let text = format!("{feed:?}");
    assert!(text.contains(&format!("127.0.0.1:{}", engine.port)), "{text}");
    assert!(!text.contains("correct-horse"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rights_that_the_page_names_are_enough() {
    let Some(engine) = Engine::start(&[]) else { return };
    let url = engine.with_the_rights_of_the_page();
    let ended = list();
    let feed = RedisFeed::connect(&url, &ended).await.unwrap();
    ended.end(new_id()).unwrap();
    feed.flush(Duration::seconds(20)).await.unwrap();
    drop(feed);
    // A longer time, and a list that is smaller than the stream.
    let ended = EndedSessions::new("shop", Duration::days(9)).with_max_entries(1);
    let feed = RedisFeed::connect(&url, &ended).await.unwrap();
    wait_until("the stream is cut", || {
        let mut connection = engine.connection();
        redis::cmd("SELECT").arg(3).exec(&mut connection).unwrap();
        connection.xlen::<_, usize>(STREAM).unwrap() <= 3
    })
    .await;
    assert_eq!(feed.health().error, None);
    assert!(ended.status().everyone.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_says_nothing_of_its_stream_is_an_error() {
    let Some(engine) = Engine::start(&[]) else { return };
    let url = engine.with_the_rights_of_the_page();
    engine.change_rights("-xinfo");
    let ended = list();
    let error = RedisFeed::connect(&url, &ended).await.unwrap_err().to_string();
    assert!(error.contains("xinfo"), "{error}");
}

/// The ids of a feed's connections, by what each was asked last.
fn feeds_connections(
    engine: &Engine,
    which: fn(&str) -> bool,
) -> std::collections::BTreeSet<String> {
    let list: String = redis::cmd("CLIENT").arg("LIST").query(&mut engine.connection()).unwrap();
    let is_the_feeds = |line: &&str| {
        ["cmd=x", "cmd=get", "cmd=eval", "cmd=time"].iter().any(|asked| line.contains(asked))
    };
    let lines = list.lines().filter(is_the_feeds).filter(|line| which(line));
    lines.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

/// One of a feed's two connections, and the other goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_lost_alone_is_made_anew() {
    let Some(engine) = Engine::start(&[]) else { return };
    let one = Server::start(&engine).await;
    let asks = |line: &str| !line.contains("cmd=xread");
    let mut asking = std::collections::BTreeSet::new();
    wait_until("both are there", || {
        asking = feeds_connections(&engine, asks);
        asking.len() == 1 && feeds_connections(&engine, |_| true).len() == 2
    })
    .await;
    let id = asking.first().unwrap().strip_prefix("id=").unwrap().to_owned();
    redis::cmd("CLIENT").arg("KILL").arg("ID").arg(id).exec(&mut engine.connection()).unwrap();
    // Nothing is to be sent, so the next look at the stream finds it.
    wait_until("it is told", || one.feed.health().behind_since.is_some()).await;
    wait_until("it is well", || one.feed.health().behind_since.is_none()).await;
    wait_until("both are there again", || {
        let now = feeds_connections(&engine, |_| true);
        now.len() == 2 && now.is_disjoint(&asking)
    })
    .await;
    one.end(1).await;
}

/// It may be full, and then it can still be read; or a replica by now, and the address leads to another.
#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_refuses_is_connected_anew_after_ten_refusals_and_not_before() {
    let Some(engine) = Engine::start(&[]) else { return };
    let one = Server::start(&engine).await;
    let replica_of = |host: &str, port: &str| {
        redis::cmd("REPLICAOF").arg(host).arg(port).exec(&mut engine.connection()).unwrap();
    };
    let clients = || feeds_connections(&engine, |_| true);
    let before = clients();
    // Without a master that could be reached it goes on, and takes nothing. It breaks off the reading.
    replica_of("127.0.0.1", "1");
    let mut first = clients();
    wait_until("both connections are there again", || {
        first = clients();
        first.len() == 2 && first.is_disjoint(&before)
    })
    .await;
    let begun = Instant::now();
    one.end_unsent(1);
    // What broke off the reading may stand there first.
    let is_told = |error: String| error.to_lowercase().contains("read only");
    wait_until("it is told", || one.feed.health().error.is_some_and(is_told)).await;
    let behind = one.feed.health();
    wait_until("it is connected anew", || clients() != first).await;
    // It reads, and does not take that for well.
    wait_until("both connections are there again", || clients().is_disjoint(&first)).await;
    for _ in 0..100 {
        assert_eq!(one.feed.health().behind_since, behind.behind_since);
        tokio::time::sleep(StdDuration::from_millis(5)).await;
    }
    // After each refusal it waits for a second.
    assert!(begun.elapsed() >= StdDuration::from_secs(10), "{:?}", begun.elapsed());
    replica_of("NO", "ONE");
    one.feed.flush(Duration::seconds(20)).await.unwrap();
    wait_until("it is well", || one.feed.health().behind_since.is_none()).await;
}

/// What is unsent is sent first.
#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_says_nothing_of_its_stream_any_more_is_behind_and_ends_are_carried() {
    let Some(engine) = Engine::start(&[]) else { return };
    let url = engine.with_the_rights_of_the_page();
    let (ended, other) = (list(), list());
    let feed = RedisFeed::connect(&url, &ended).await.unwrap();
    let _other = RedisFeed::connect(&url, &other).await.unwrap();
    engine.change_rights("-xinfo");
    wait_until("it is told", || feed.health().error.is_some_and(|error| error.contains("xinfo")))
        .await;
    let behind = feed.health().behind_since;
    // It is asked again and again, and between that ends are carried.
    for n in 1..=4 {
        ended.end(new_id()).unwrap();
        wait_until("it is carried", || other.status().ids == n).await;
        assert_eq!(feed.health().behind_since, behind);
    }
    engine.change_rights("+xinfo");
    wait_until("it is well", || feed.health().behind_since.is_none()).await;
}

/// On one thread, so that what the feed logs is logged on it.
#[tokio::test]
async fn an_engine_that_does_not_trim_is_an_error_and_ends_are_carried_all_the_same() {
    let Some(engine) = Engine::start(&[]) else { return };
    let url = engine.with_the_rights_of_the_page();
    engine.change_rights("-xtrim");
    let large = list();
    let feed = RedisFeed::connect(&url, &large).await.unwrap();
    (0..300).for_each(|_| large.end(new_id()).unwrap());
    feed.flush(Duration::seconds(20)).await.unwrap();
    let ended = list().with_max_entries(100);
    log::listen();
    let feed = RedisFeed::connect(&url, &ended).await.unwrap();
    let mut text = String::new();
    wait_until("it is told", || {
        text += &log::heard();
        text.contains("could not be trimmed")
    })
    .await;
    assert!(text.lines().any(|line| line.contains("ERROR") && line.contains("xtrim")), "{text}");
    ended.end(new_id()).unwrap();
    feed.flush(Duration::seconds(20)).await.unwrap();
    assert_eq!(feed.health().behind_since, None);
    assert!(!(text + &log::heard()).contains("is behind"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_not_there_is_an_error_unless_it_may_come_later() {
    let Some(mut engine) = Engine::start(&[]) else { return };
    engine.kill();
    let ended = list();
    let url = format!("redis://user:hidden@127.0.0.1:{}/0", engine.port);
    let error = RedisFeed::connect(&url, &ended).await.unwrap_err().to_string();
    assert!(error.contains(&format!("127.0.0.1:{}", engine.port)), "{error}");
    assert!(error.contains("connect_in_background") && !error.contains("hidden"), "{error}");

    let feed = RedisFeed::connect_in_background(&engine.url(), &ended).unwrap();
    ended.end(new_id()).unwrap();
    wait_until("it is told", || feed.health().behind_since.is_some()).await;
    engine.run();
    wait_until("it is sent", || feed.health().unsent == 0).await;
    wait_until("it is well", || feed.health().behind_since.is_none()).await;
}

/// On one thread, so that what the feed logs is logged on it.
#[tokio::test]
async fn an_engine_that_is_away_is_an_error_and_its_return_is_told() {
    let Some(mut engine) = Engine::start(&[]) else { return };
    engine.kill();
    log::listen();
    let ended = list();
    let feed = RedisFeed::connect_in_background(&engine.url(), &ended).unwrap();
    wait_until("it is behind", || feed.health().behind_since.is_some()).await;
    engine.run();
    wait_until("it is well", || feed.health().behind_since.is_none()).await;
    let text = log::heard();
    let count = |level, what| {
        text.lines().filter(|line| line.contains(level) && line.contains(what)).count()
    };
    assert_eq!(count("ERROR", "is behind"), 1, "once a minute: {text}");
    assert_eq!(count("INFO", "has caught up"), 1, "{text}");
}

#[tokio::test]
async fn a_flush_says_what_was_not_sent_in_time() {
    let ended = list();
    // Nobody serves the first port.
    let feed = RedisFeed::connect_in_background("redis://127.0.0.1:1/0", &ended).unwrap();
    ended.end(new_id()).unwrap();
    let error = feed.flush(Duration::ZERO).await.unwrap_err();
    assert!(matches!(error, FeedError::Unsent { unsent: 1 }), "{error}");
}

#[tokio::test]
async fn entries_that_the_stream_has_lost_are_an_error() {
    let Some(engine) = Engine::start(&[]) else { return };
    let one = Server::start(&engine).await;
    one.end(3).await;
    one.knows(3).await;
    log::listen();
    redis::cmd("FLUSHALL").exec(&mut engine.connection()).unwrap();
    later_knows(&engine, 3, 0).await;
    let text = log::heard();
    let is_told = |line: &str| line.contains("ERROR") && line.contains("lost entries");
    assert!(text.lines().any(is_told), "{text}");
}

#[tokio::test]
async fn an_address_that_is_none_is_told_without_repeating_it() {
    let ended = list();
    for url in ["", "http://user:hidden@host/", "redis://:hidden@host:notaport/", "hidden"] {
        let error = RedisFeed::connect(url, &ended).await.unwrap_err().to_string();
        assert!(error.contains("redis://user:password@") && !error.contains("hidden"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_has_one_feed_at_a_time() {
    let Some(engine) = Engine::start(&[]) else { return };
    let server = Server::start(&engine).await;
    let error = RedisFeed::connect(&engine.url(), &server.ended).await.unwrap_err();
    assert!(matches!(error, FeedError::AnotherFeed), "{error}");
    server.feed.flush(Duration::MAX).await.unwrap();
    drop(server.feed);
    let _feed = RedisFeed::connect(&engine.url(), &server.ended).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subjects_cut_is_sent_at_most_once_a_second() {
    let Some(engine) = Engine::start(&[]) else { return };
    let (one, two) = (Server::start(&engine).await, Server::start(&engine).await);
    let before = engine.len();
    let begun = Instant::now();
    for _ in 0..200 {
        one.ended.end_all_of("user-17").unwrap();
        tokio::time::sleep(StdDuration::from_millis(10)).await;
    }
    wait_until("the latest is sent", || one.feed.health().unsent == 0).await;
    let seconds = begun.elapsed().as_secs() as usize;
    let sent = engine.len() - before;
    assert!((2..=seconds + 2).contains(&sent), "{sent} in {seconds} s");
    // The latest has arrived: a new session of the user is not refused there.
    one.ended.mark_all_unsent();
    let cut: Vec<_> = one.ended.unsent(10).entries().collect();
    two.knows(0).await;
    wait_until("it is the same there", || {
        cut.iter()
            .all(|entry| two.ended.apply(entry.as_ref()) == Ok(sealed_session::Applied::Known))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_longer_than_twice_the_list_is_cut_and_covered() {
    let Some(engine) = Engine::start(&[]) else { return };
    let large = Server::start(&engine).await;
    large.end(1000).await;
    let ended = list().with_max_entries(100);
    let _small = RedisFeed::connect(&engine.url(), &ended).await.unwrap();
    wait_until("it is cut", || engine.len() <= 201).await;
    wait_until("all are told", || large.ended.status().everyone.is_some()).await;
    let later = Server::start(&engine).await;
    assert!(later.ended.status().everyone.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_entries_at_start_are_read_before_connect_returns() {
    let Some(engine) = Engine::start(&[]) else { return };
    let one = Server::start(&engine).await;
    one.end(100_000).await;
    let begun = Instant::now();
    let later = Server::start(&engine).await;
    println!("100,000 entries were read in {:?}", begun.elapsed());
    let mut usage = redis::cmd("MEMORY");
    usage.arg("USAGE").arg(STREAM).arg("SAMPLES").arg(0);
    let bytes: usize = usage.query(&mut engine.connection()).unwrap();
    println!("the engine has {} bytes an entry", bytes / 100_000);
    assert_eq!(later.ended.status().ids, 100_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_reaches_another_server_at_once() {
    let Some(engine) = Engine::start(&[]) else { return };
    let (one, two) = (Server::start(&engine).await, Server::start(&engine).await);
    let mut times: Vec<StdDuration> = Vec::new();
    for n in 1..=100 {
        let begun = Instant::now();
        one.end_unsent(1);
        while two.ended.status().ids < n {
            assert!(begun.elapsed() < StdDuration::from_secs(20));
            tokio::task::yield_now().await;
        }
        times.push(begun.elapsed());
    }
    times.sort();
    println!("from end to known elsewhere: median {:?}, largest {:?}", times[50], times[99]);
    assert!(times[50] < StdDuration::from_millis(500), "it does not wait for a poll");
}

/// What the child does whose system trusts the test's authority. As a test of its own, nothing.
#[tokio::test(flavor = "multi_thread")]
async fn tls_child() {
    let Ok(url) = std::env::var("SEALED_SESSION_TEST_TLS") else { return };
    let ended = list();
    let feed = RedisFeed::connect(&url, &ended).await.unwrap();
    ended.end(new_id()).unwrap();
    feed.flush(Duration::seconds(20)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_works_without_a_provider_chosen_by_the_application() {
    let folder = tempfile::tempdir().unwrap();
    let Some(certificates) = certificates(folder.path()) else { return };
    let port = free_port();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let options = ["--tls-port", &port.to_string(), "--tls-auth-clients", "no"];
    let files = [
        ("--tls-cert-file", file("server.crt")),
        ("--tls-key-file", file("server.key")),
        ("--tls-ca-cert-file", file("ca.crt")),
    ];
    let mut all: Vec<&str> = options.to_vec();
    all.extend(files.iter().flat_map(|(option, file)| [*option, file.as_str()]));
    let Some(engine) = Engine::start(&all) else { return };
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tls_child", "--nocapture"])
        .env("SEALED_SESSION_TEST_TLS", format!("rediss://localhost:{port}/0"))
        .env("SSL_CERT_FILE", &certificates)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(engine.len(), 2, "the keep and the end");
}

/// An authority and a certificate for `localhost`; `None` without `openssl`.
fn certificates(folder: &std::path::Path) -> Option<PathBuf> {
    let script = "set -e
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test-ca -keyout ca.key -out ca.crt \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign
openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr
printf 'subjectAltName=DNS:localhost\\nbasicConstraints=CA:FALSE\\n' > server.ext
openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out server.crt \
    -extfile server.ext";
    if Command::new("openssl").arg("version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "CI must have `openssl` installed");
        println!("skipped: there is no `openssl` here");
        return None;
    }
    let output = Command::new("sh").args(["-c", script]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(folder.join("ca.crt"))
}
