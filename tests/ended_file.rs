//! `FileFeed` with real processes: this program starts itself as a child, and kills it.

#![cfg(unix)]

#[path = "support/log.rs"]
mod log;

use sealed_session::{EndedSessions, FeedError, FileFeed};
use std::fs::{self, OpenOptions, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration as StdDuration, Instant, SystemTime};
use time::Duration;
use uuid::Uuid;

const JOB: &str = "SEALED_SESSION_TEST_JOB";
const PATH: &str = "SEALED_SESSION_TEST_PATH";

fn list() -> EndedSessions {
    EndedSessions::new("shop", Duration::hours(8))
}

/// An id made now, that no other process makes.
fn new_id(n: u64) -> Uuid {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&now.to_be_bytes()[2..]);
    bytes[6] = 0x70;
    bytes[8] = 0x80;
    bytes[9..13].copy_from_slice(&std::process::id().to_be_bytes());
    bytes[13..].copy_from_slice(&n.to_be_bytes()[5..]);
    Uuid::from_bytes(bytes)
}

/// What a child does. As a test of its own it does nothing.
#[test]
fn child() {
    let (Ok(job), Ok(path)) = (std::env::var(JOB), std::env::var(PATH)) else { return };
    let ended = list();
    let feed = FileFeed::open(path, &ended).unwrap();
    match job.as_str() {
        // Ends one after the other, and tells of each that is in the file.
        "loop" => {
            for n in 0.. {
                ended.end(new_id(n)).unwrap();
                feed.flush(Duration::seconds(20)).unwrap();
                println!("done {n}");
            }
        }
        "fifty" => {
            for n in 0..50 {
                ended.end(new_id(n)).unwrap();
            }
            feed.flush(Duration::seconds(20)).unwrap();
        }
        // Its disk is full after some entries.
        "full" => {
            for n in 0..1000 {
                ended.end(new_id(n)).unwrap();
            }
            let error = feed.flush(Duration::seconds(2)).unwrap_err();
            assert!(matches!(error, FeedError::Unsent { .. }), "{error}");
            let health = feed.health();
            assert!(health.behind_since.is_some());
            let problem = health.error.unwrap();
            assert!(problem.contains("appended to"), "{problem}");
            println!("done {}", health.unsent);
        }
        job => panic!("no such job: {job}"),
    }
}

fn start(job: &str, path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(JOB, job)
        .env(PATH, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

struct Host {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Host {
    fn new() -> Host {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data/ended.log");
        Host { _folder: folder, path }
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.path).unwrap()
    }
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + StdDuration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "waited too long until {what}");
        std::thread::sleep(StdDuration::from_millis(5));
    }
}

#[test]
fn the_file_and_its_folder_are_for_the_owner_alone() {
    let host = Host::new();
    let ended = list();
    let _feed = FileFeed::open(&host.path, &ended).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&host.path), 0o600);
    assert_eq!(mode(host.path.parent().unwrap()), 0o700);
}

#[test]
fn a_file_that_cannot_be_written_anew_is_told_and_carries_on() {
    let host = Host::new();
    drop(FileFeed::open(&host.path, &list()).unwrap());
    let mut file = OpenOptions::new().append(true).open(&host.path).unwrap();
    file.write_all("of nobody\n".repeat(200_000).as_bytes()).unwrap();
    // It stands in the way of the new file, and cannot be removed as one.
    fs::create_dir(host.path.with_file_name(".ended.log.new")).unwrap();
    let ended = list();
    ended.end_all_of("17").unwrap();
    log::listen();
    // What is unsent is appended on this thread.
    let feed = FileFeed::open(&host.path, &ended).unwrap();
    let text = log::heard();
    let is_told =
        |line: &&str| line.contains("ERROR") && line.contains("could not be written anew");
    assert_eq!(text.lines().filter(is_told).count(), 1, "{text}");
    let health = feed.health();
    assert_eq!((health.unsent, health.behind_since), (0, None));
}

#[test]
fn what_others_could_write_is_refused_with_the_fix() {
    let host = Host::new();
    let ended = list();
    drop(FileFeed::open(&host.path, &ended).unwrap());
    let refused = |fix: &str| {
        let error = FileFeed::open(&host.path, &ended).unwrap_err().to_string();
        assert!(error.contains(fix) && error.contains("ended.log"), "{error}");
    };
    fs::set_permissions(&host.path, Permissions::from_mode(0o644)).unwrap();
    refused("chmod 600");
    fs::set_permissions(&host.path, Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(host.path.parent().unwrap(), Permissions::from_mode(0o777)).unwrap();
    refused("chmod go-w");
    fs::set_permissions(host.path.parent().unwrap(), Permissions::from_mode(0o755)).unwrap();
    drop(FileFeed::open(&host.path, &ended).unwrap());
}

#[test]
fn a_folder_in_place_of_the_file_is_refused() {
    let host = Host::new();
    fs::create_dir_all(&host.path).unwrap();
    fs::set_permissions(host.path.parent().unwrap(), Permissions::from_mode(0o700)).unwrap();
    let error = FileFeed::open(&host.path, &list()).unwrap_err();
    assert!(error.to_string().contains("not a file"), "{error}");
}

#[test]
fn a_second_feed_for_one_list_is_refused() {
    let (one, two) = (Host::new(), Host::new());
    let ended = list();
    let feed = FileFeed::open(&one.path, &ended).unwrap();
    assert!(matches!(FileFeed::open(&two.path, &ended), Err(FeedError::AnotherFeed)));
    drop(feed);
    drop(FileFeed::open(&two.path, &ended).unwrap());
}

#[test]
fn an_end_outlives_a_restart() {
    let host = Host::new();
    {
        let ended = list();
        let feed = FileFeed::open(&host.path, &ended).unwrap();
        ended.end_all_of("user-17").unwrap();
        feed.flush(Duration::MAX).unwrap();
        ended.end(new_id(1)).unwrap();
        drop(feed); // appends what is left
    }
    let ended = list();
    let _feed = FileFeed::open(&host.path, &ended).unwrap();
    assert_eq!((ended.status().subjects, ended.status().ids), (1, 1));
}

#[test]
fn four_processes_hear_of_each_other() {
    let host = Host::new();
    let ended = list();
    let _feed = FileFeed::open(&host.path, &ended).unwrap();
    let children: Vec<Child> = (0..4).map(|_| start("fifty", &host.path)).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    wait_until("all 200 ends are known", || ended.status().ids == 200);
    assert_eq!(host.text().lines().count(), 201, "and each was written once");
}

/// Bad input 58b, `ended/file_feed/log`: by the system, wherever the process was.
#[test]
fn a_process_killed_in_the_middle_of_an_append_loses_nothing_that_was_flushed() {
    let host = Host::new();
    let survivor = list();
    let feed = FileFeed::open(&host.path, &survivor).unwrap();
    let mut flushed = 0;
    for round in 0..12 {
        let mut child = start("loop", &host.path);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for _ in 0..=round {
            flushed += usize::from(
                lines.by_ref().any(|line| line.is_ok_and(|line| line.contains("done "))),
            );
        }
        child.kill().unwrap(); // SIGKILL, wherever it is
        child.wait().unwrap();
        flushed += lines.map_while(Result::ok).filter(|line| line.contains("done ")).count();
        // The next append after it.
        survivor.end(new_id(1_000_000 + round)).unwrap();
        feed.flush(Duration::seconds(20)).unwrap();
        flushed += 1;
    }
    assert!(host.text().ends_with('\n'));
    let ended = list();
    let _other = FileFeed::open(&host.path, &ended).unwrap();
    assert!(ended.status().ids >= flushed, "{} of {flushed}", ended.status().ids);
    wait_until("the survivor knows them", || survivor.status().ids == ended.status().ids);
}

#[test]
fn a_process_killed_while_it_writes_the_file_anew_loses_nothing() {
    let host = Host::new();
    let ended = list();
    {
        let feed = FileFeed::open(&host.path, &ended).unwrap();
        for n in 0..20_000 {
            ended.end(new_id(n)).unwrap();
        }
        feed.flush(Duration::seconds(20)).unwrap();
    }
    let written = host.text();
    let superfluous = written.lines().last().unwrap().to_owned() + "\n";
    for round in 0..12_u64 {
        let mut file = OpenOptions::new().append(true).open(&host.path).unwrap();
        file.write_all(superfluous.repeat(60_000).as_bytes()).unwrap();
        let child = start("loop", &host.path);
        // From before it opens the file to long after it has written it anew.
        let wait = StdDuration::from_millis(round * round * 6);
        let started = Instant::now();
        while started.elapsed() < wait {
            std::thread::sleep(StdDuration::from_millis(1));
        }
        let mut child = child;
        child.kill().unwrap();
        child.wait().unwrap();
        let new = list();
        let feed = FileFeed::open(&host.path, &new).unwrap();
        assert!(new.status().ids >= 20_000, "round {round}: {}", new.status().ids);
        new.end_all_of("next").unwrap();
        feed.flush(Duration::seconds(20)).unwrap();
    }
    assert!(host.text().lines().count() < 60_000, "it was written anew");
}

#[test]
fn on_a_full_disk_ends_stay_unsent_and_the_file_whole() {
    let host = Host::new();
    let ended = list();
    drop(FileFeed::open(&host.path, &ended).unwrap());
    // A limit on the size of files is as good as a full disk, and needs no other rights.
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 16; exec \"$0\" --exact child --nocapture"])
        .arg(std::env::current_exe().unwrap())
        .env(JOB, "full")
        .env(PATH, &host.path)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let unsent =
        text.lines().find_map(|line| line.strip_prefix("done ")).expect("it says how many");
    let unsent: usize = unsent.parse().unwrap();
    assert!(host.text().ends_with('\n'));
    // Some may have found room, in whole lines behind the first, which is the file's own.
    let appended = host.text().lines().count();
    assert!(unsent > 0 && unsent + appended >= 1000, "{unsent} unsent, {appended} lines");
    // There is room again.
    let feed = FileFeed::open(&host.path, &ended).unwrap();
    ended.end(new_id(1)).unwrap();
    feed.flush(Duration::seconds(20)).unwrap();
    assert_eq!(feed.health().behind_since, None);
}
