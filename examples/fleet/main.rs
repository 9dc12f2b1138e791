//! A fleet that changes its keys under load: three `page_views` servers behind nginx, which takes
//! them in turn, and hundreds of visitors whose counters must never go back, mix or vanish.
//!
//! ```text
//! cargo run --example fleet               # about two minutes
//! cargo run --example fleet -- --short    # under a minute: it does not wait for the end of a leak
//! ```
//!
//! The keys are rotated twice and revoked once with the command `sealed-session`, and servers are
//! killed with SIGKILL in the middle of it. It ends with code 1 if a session was lost that should
//! not have been. It needs nginx (on Debian: `apt-get install nginx-light`) and `/proc`.

mod processes;
mod visitors;

use processes::{Fleet, Programs, SERVERS};
use serde_json::Value;
use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tokio::time::sleep;
use visitors::{Counts, Visitor, arrive, find_ended, visit_during};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The servers look at the file every second.
const PROPAGATION: &str = "3s";
/// From a rotation until its key has been sealing for a while: `AFTER`, and visits for each
/// visitor.
const AFTER: &str = "5s";
const UNTIL_ALL_RESEALED: Duration = Duration::from_secs(5 + 4);
/// All servers have the clock of this machine.
const SKEW: &str = "1s";
/// `PROPAGATION` + 60 s + 2 × `SKEW` after a revocation, and a second for the fraction that was
/// rounded up.
const UNTIL_SIGN_INS_HOLD: Duration = Duration::from_secs(3 + 60 + 2 + 1);

#[tokio::main]
async fn main() -> ExitCode {
    let short = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--short") => true,
        Some(_) => {
            eprintln!("there is only `--short`");
            return ExitCode::from(2);
        }
    };
    match run(short).await {
        Ok(faults) if faults.is_empty() => ExitCode::SUCCESS,
        Ok(faults) => {
            faults.iter().for_each(|fault| eprintln!("FAULT: {fault}"));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("fleet: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The story. Returns what should not have happened.
async fn run(short: bool) -> Result<Vec<String>> {
    let visitors = if short { 200 } else { 500 };
    let calm = Duration::from_secs(if short { 3 } else { 10 });
    let mut report = Report::default();

    // 1. The first key, three servers, nginx, visitors who sign in.
    let mut fleet = Fleet::start(Programs::build()?)?;
    println!("{SERVERS} servers behind nginx on http://{}, {visitors} visitors", fleet.entrance);
    let people = arrive(visitors, fleet.entrance);
    let started = Instant::now();
    let (people, counts, ()) = visit_during(people, sleep(calm)).await;
    report.add("before", counts, started);
    let memory: Vec<Option<u64>> = (0..SERVERS).map(|place| fleet.memory(place)).collect();

    // 2. A rotation, and a server that is killed and starts with the new file.
    let started = Instant::now();
    let (people, counts, rotated) = visit_during(people, async {
        let rotated = rotate(&fleet)?;
        sleep(Duration::from_secs(1)).await;
        restart(&mut fleet, 1).await?;
        sleep(UNTIL_ALL_RESEALED).await;
        Ok::<Value, Box<dyn Error>>(rotated)
    })
    .await;
    report.add("first rotation", counts, started);
    report.check_resealed(&people, &rotated?);

    // 3. Another one, with servers that are killed before and just as the new key begins.
    let started = Instant::now();
    let (people, counts, rotated) = visit_during(people, async {
        fleet.kill_server(2)?;
        let rotated = rotate(&fleet)?;
        sleep(Duration::from_secs(1)).await;
        fleet.start_server(2)?;
        sleep(Duration::from_secs(4)).await;
        restart(&mut fleet, 1).await?;
        sleep(UNTIL_ALL_RESEALED).await;
        Ok::<Value, Box<dyn Error>>(rotated)
    })
    .await;
    report.add("second rotation", counts, started);
    let rotated = rotated?;
    report.check_resealed(&people, &rotated);
    if report.counts.lost > 0 {
        eprintln!("{}", fleet.logs());
    }

    // 4. The key that seals has leaked: everybody is signed out.
    let id = rotated["new"]["id"].as_str().ok_or("no id of the new key")?;
    fleet.keys(&["revoke", id, "--propagation", PROPAGATION, "--skew", SKEW])?;
    let revoked = Instant::now();
    sleep(Duration::from_secs(3)).await;
    let (people, ended) = find_ended(people).await;
    if ended != visitors {
        report.faults.push(format!("only {ended} of {visitors} sessions ended with the key"));
    }

    // 5. And after a while, sign-ins hold again.
    if !short {
        let rest = UNTIL_SIGN_INS_HOLD.saturating_sub(revoked.elapsed());
        println!("everybody is signed out; sign-ins hold in {} s", rest.as_secs());
        sleep(rest).await;
        let started = Instant::now();
        let (_, counts, ()) = visit_during(people, sleep(calm)).await;
        report.add("after the revocation", counts, started);
    }

    report.print(ended);
    report.compare_memory(&fleet, &memory);
    Ok(report.faults)
}

/// Kills a server and starts it a second later.
async fn restart(fleet: &mut Fleet, place: usize) -> Result<()> {
    fleet.kill_server(place)?;
    sleep(Duration::from_secs(1)).await;
    fleet.start_server(place)
}

fn rotate(fleet: &Fleet) -> Result<Value> {
    let lengths = ["--after", AFTER, "--propagation", PROPAGATION];
    let rest = ["--skew", SKEW, "--max-session", "15m"];
    fleet.keys(&[&["rotate"][..], &lengths, &rest].concat())
}

#[derive(Default)]
struct Report {
    rows: Vec<(&'static str, Counts, Duration)>,
    counts: Counts,
    faults: Vec<String>,
}

impl Report {
    fn add(&mut self, phase: &'static str, counts: Counts, started: Instant) {
        if counts.lost > 0 {
            self.faults.push(format!("{} sessions lost in phase `{phase}`", counts.lost));
        }
        self.rows.push((phase, counts, started.elapsed()));
        self.counts += counts;
    }

    /// Everybody's cookie is under the new key by now.
    fn check_resealed(&mut self, people: &[Visitor], rotated: &Value) {
        let new = rotated["new"]["id"].as_str();
        let old = people.iter().filter(|visitor| visitor.key_id().as_deref() != new).count();
        if old > 0 {
            self.faults.push(format!("{old} sessions are not under the new key"));
        }
    }

    fn print(&self, ended: usize) {
        println!(
            "\n{:<22}{:>10}{:>8}{:>12}{:>17}{:>10}{:>12}",
            "phase", "requests", "lost", "unanswered", "writes/request", "resealed", "requests/s"
        );
        for (phase, counts, length) in &self.rows {
            let requests = counts.requests.max(1) as f64;
            println!(
                "{phase:<22}{:>10}{:>8}{:>12}{:>17.2}{:>10}{:>12.0}",
                counts.requests,
                counts.lost,
                counts.unanswered,
                counts.writes as f64 / requests,
                counts.resealed,
                requests / length.as_secs_f64(),
            );
        }
        println!("{:<22}{:>10}{:>8}", "in all", self.counts.requests, self.counts.lost);
        println!("ended by the revocation, as they should: {ended}");
    }

    /// Flat, for no server keeps sessions. (A server that was killed has been running for a shorter
    /// time.)
    fn compare_memory(&mut self, fleet: &Fleet, at_start: &[Option<u64>]) {
        println!("\n{:<10}{:>18}{:>16}", "server", "KiB at the start", "KiB at the end");
        for (place, start) in at_start.iter().enumerate() {
            let (Some(start), Some(end)) = (*start, fleet.memory(place)) else {
                println!("{place:<10}{:>18}{:>16}", "-", "-");
                continue;
            };
            println!("{place:<10}{start:>18}{end:>16}");
            if end > start + start / 2 {
                self.faults.push(format!("server {place} grew from {start} to {end} KiB"));
            }
        }
    }
}
