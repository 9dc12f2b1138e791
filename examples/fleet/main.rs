//! A fleet that changes its keys under load: three `page_views` servers behind nginx, which takes
//! them in turn, and hundreds of visitors whose counters must never go back, mix or vanish.
//!
//! ```text
//! cargo run --example fleet                         # about four minutes
//! cargo run --example fleet -- --short              # about one: two controls less, and it does not
//!                                                   # wait until sign-ins hold after a leak
//! cargo run --example fleet -- --picture fleet.svg  # and draws what happened when
//! ```
//!
//! Each server has its own copy of the key file, which reaches it later than the others, and its
//! own wrong clock. The keys are changed with the command `sealed-session`. Servers are killed with
//! SIGKILL, one gets a damaged file, and nginx sends nothing to a server that says it is not ready.
//!
//! It ends with code 1 if a session was lost that should not have been, and also if a *control* lost
//! none: a rotation in which one part of the rule is left out. It needs nginx and libfaketime (on
//! Debian: `apt-get install nginx-light faketime`) and `/proc`.

mod memory;
mod picture;
mod processes;
mod report;
mod timeline;
mod visitors;
mod watchman;

use processes::{CLOCK_ERRORS, Fleet, Programs};
use report::{Kind, Report};
use serde_json::Value;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use timeline::Timeline;
use tokio::time::{sleep, sleep_until};
use visitors::{Site, Visitor, arrive, find_ended, visit_during};
use watchman::{Watchman, ask_once};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// From then on a server whose file is not confirmed says that it is not ready.
const READY_LIMIT: Duration = Duration::from_secs(3);
/// D: 4 s until the last server has the file, 3 s until one that cannot read it says so, 4 s until
/// nginx has left it out and what it was asked before is answered. (Half a second is usual, but not
/// on a busy machine.)
const PROPAGATION: &str = "11s";
/// S: the largest of `CLOCK_ERRORS`; the operator's clock is right.
const SKEW: &str = "3s";
/// D + S.
const AFTER: &str = "14s";
/// After a rotation: `AFTER`, a second for the fraction that was rounded up, the slowest clock, and
/// some visits.
const UNTIL_ALL_RESEALED: Duration = Duration::from_secs(14 + 1 + 3 + 2);
/// After a revocation: the slowest file, a look at it, and a second.
const UNTIL_ALL_KNOW: Duration = Duration::from_secs(4 + 1 + 1);
/// After a revocation: D + 60 s + 2 S, a second for the fraction, and the slowest clock.
const UNTIL_SIGN_INS_HOLD: Duration = Duration::from_secs(11 + 60 + 6 + 1 + 3);

struct Arguments {
    short: bool,
    picture: Option<PathBuf>,
}

fn arguments() -> std::result::Result<Arguments, String> {
    let mut arguments = Arguments { short: false, picture: None };
    let mut words = std::env::args_os().skip(1);
    while let Some(word) = words.next() {
        match word.to_str() {
            Some("--short") => arguments.short = true,
            Some("--picture") => {
                let file = words.next().ok_or("`--picture` needs the name of a file")?;
                arguments.picture = Some(file.into());
            }
            _ => return Err("there are only `--short` and `--picture FILE`".to_owned()),
        }
    }
    Ok(arguments)
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    match run(&arguments).await {
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

/// What the events of a phase act on.
struct Stage {
    /// Before the fleet, so that it stops asking before that ends.
    watchman: Watchman,
    fleet: Fleet,
    timeline: Arc<Timeline>,
    faults: Vec<String>,
}

struct Story {
    stage: Stage,
    people: Vec<Visitor>,
    report: Report,
}

impl Story {
    /// All visit again and again while `events` happen.
    async fn phase<R>(
        &mut self,
        name: &'static str,
        kind: Kind,
        events: impl AsyncFnOnce(&mut Stage) -> Result<R>,
    ) -> Result<R> {
        if kind == Kind::Control {
            self.stage.timeline.event(format!("control: {name}"));
        }
        let started = Instant::now();
        let people = std::mem::take(&mut self.people);
        let during = events(&mut self.stage);
        let (people, counts, result) = visit_during(people, kind == Kind::Kept, during).await;
        self.people = people;
        self.report.add(name, kind, counts, started.elapsed());
        result
    }
}

/// The story. Returns what should not have happened.
async fn run(arguments: &Arguments) -> Result<Vec<String>> {
    let short = arguments.short;
    let visitors = if short { 100 } else { 200 };
    let calm = Duration::from_secs(if short { 3 } else { 10 });
    let steady_after = Duration::from_secs(if short { 20 } else { 60 });

    // 1. The first key, three servers, nginx, visitors who sign in.
    let fleet = Fleet::start(Programs::build()?, READY_LIMIT)?;
    check_clocks(&fleet).await?;
    let memory = memory::Watch::start(Arc::clone(&fleet.ids), steady_after);
    let timeline = Arc::new(Timeline::new());
    timeline.event(format!("{visitors} visitors come"));
    let site = Site {
        entrance: fleet.entrance(),
        servers: fleet.addresses(),
        timeline: Arc::clone(&timeline),
    };
    let watchman =
        Watchman::start(fleet.addresses(), Arc::clone(&fleet.nginx), Arc::clone(&timeline));
    let stage = Stage { fleet, timeline, watchman, faults: Vec::new() };
    let mut story = Story { stage, people: arrive(visitors, site), report: Report::default() };
    story.phase("before", Kind::Kept, async |_| wait(calm).await).await?;

    // 2. A rotation, and servers that are killed before and just as the new key begins.
    let rotated = story.phase("a rotation", Kind::Kept, rotation_with_restarts).await?;
    story.report.check_resealed(&story.people, &rotated);

    // 3. Another one, and one server gets a damaged file.
    let rotated = story.phase("a damaged file", Kind::Kept, rotation_with_damage).await?;
    story.report.check_resealed(&story.people, &rotated);

    // 4. The controls: what is it good for to wait, to count the clocks, to ask `/ready`?
    let mut last = story.phase("the new key at once", Kind::Control, too_early).await?;
    if !short {
        last = story.phase("the clocks not counted", Kind::Control, clocks_not_counted).await?;
        story.report.check_resealed(&story.people, &last);
        last = story.phase("nginx not told", Kind::Control, nginx_not_told).await?;
    }
    story.report.check_resealed(&story.people, &last);

    // 5. The key that seals has leaked: everybody is signed out.
    let id = last["new"]["id"].as_str().ok_or("no id of the new key")?;
    let Stage { fleet, timeline, .. } = &story.stage;
    fleet.keys(&["revoke", id, "--propagation", PROPAGATION, "--skew", SKEW])?;
    fleet.bring_file(None)?;
    timeline.event("the key is revoked");
    let revoked = Instant::now();
    sleep(UNTIL_ALL_KNOW).await;
    let (people, ended) = find_ended(std::mem::take(&mut story.people)).await;
    story.people = people;
    if ended != visitors {
        story.report.fault(format!("only {ended} of {visitors} sessions ended with the key"));
    }

    // 6. And after a while, sign-ins hold again.
    if !short {
        let rest = UNTIL_SIGN_INS_HOLD.saturating_sub(revoked.elapsed());
        println!("everybody is signed out; sign-ins hold in {} s", rest.as_secs());
        sleep(rest).await;
        timeline.event("sign-ins hold again");
        story.phase("after the revocation", Kind::Kept, async |_| wait(calm).await).await?;
    }

    let Story { stage, mut report, .. } = story;
    report.print(ended);
    report.compare_memory(&memory.steady(), steady_after);
    if let Some(file) = &arguments.picture {
        picture::draw(&stage.timeline.seen(), file)?;
        println!("\nthe picture is in {}", file.display());
    }
    report.faults.extend(stage.faults);
    if !report.faults.is_empty() {
        eprintln!("{}", stage.fleet.logs());
    }
    Ok(report.faults)
}

async fn wait(long: Duration) -> Result<()> {
    sleep(long).await;
    Ok(())
}

/// Are the clocks as wrong as they should be? The header `Date` knows no part of a second.
async fn check_clocks(fleet: &Fleet) -> Result<()> {
    for (place, (address, wanted)) in fleet.addresses().iter().zip(CLOCK_ERRORS).enumerate() {
        let answer = ask_once(*address).await.ok_or("a server does not answer at `/ready`")?;
        let date = answer.date.ok_or("no header `Date`")?;
        let error = OffsetDateTime::parse(&date, &Rfc2822)? - OffsetDateTime::now_utc();
        if (error.as_seconds_f64() - wanted as f64).abs() > 1.5 {
            return Err(format!("server {place}'s clock is off by {error}, not {wanted} s").into());
        }
        println!("server {place}: the clock is {wanted:+} s off; {}", answer.text);
    }
    Ok(())
}

/// Rotates in the operator's file and sends it to the servers.
fn rotate(
    stage: &Stage,
    [after, propagation, skew]: [&str; 3],
    damaged: Option<usize>,
) -> Result<Value> {
    let lengths = ["--after", after, "--propagation", propagation, "--skew", skew];
    let rotated =
        stage.fleet.keys(&[&["rotate"][..], &lengths, &["--max-session", "15m"]].concat())?;
    stage.fleet.bring_file(damaged)?;
    let id = rotated["new"]["id"].as_str().unwrap_or_default();
    stage.timeline.event(format!("key {id} is published, to seal in {after}"));
    Ok(rotated)
}

/// Kills a server and starts it a second later.
async fn restart(stage: &mut Stage, place: usize) -> Result<()> {
    stage.timeline.event(format!("server {place} is killed"));
    stage.fleet.kill_server(place)?;
    sleep(Duration::from_secs(1)).await;
    stage.fleet.start_server(place, READY_LIMIT)
}

async fn rotation_with_restarts(stage: &mut Stage) -> Result<Value> {
    let begun = tokio::time::Instant::now();
    let rotated = rotate(stage, [AFTER, PROPAGATION, SKEW], None)?;
    sleep(Duration::from_secs(1)).await;
    restart(stage, 1).await?;
    sleep_until(begun + Duration::from_secs(14)).await;
    restart(stage, 2).await?;
    sleep_until(begun + UNTIL_ALL_RESEALED).await;
    Ok(rotated)
}

/// A server that cannot read the file keeps its keys, says so, and gets no requests from before the
/// others seal with the new key until it has the file.
async fn rotation_with_damage(stage: &mut Stage) -> Result<Value> {
    const DAMAGED: usize = 1;
    /// D.
    const IN_TIME: Duration = Duration::from_secs(11);
    let begun = tokio::time::Instant::now();
    let rotated = rotate(stage, [AFTER, PROPAGATION, SKEW], Some(DAMAGED))?;
    if !stage.watchman.wait_until(DAMAGED, false, IN_TIME).await {
        stage.faults.push(format!("nginx did not leave out server {DAMAGED} in time"));
    }
    let answer = ask_once(stage.fleet.addresses()[DAMAGED]).await;
    let answer = answer.ok_or("the server with the damaged file does not answer")?;
    println!("          server {DAMAGED}: {}", answer.text);
    if answer.ready || !answer.text.contains("keys.toml: line") {
        stage.faults.push("a server with a damaged file does not say so".to_owned());
    }
    // What was under way when nginx was told.
    sleep(Duration::from_secs(1)).await;
    let before = stage.timeline.requests_of(DAMAGED);
    sleep_until(begun + UNTIL_ALL_RESEALED).await;
    let more = stage.timeline.requests_of(DAMAGED) - before;
    if more > 0 {
        stage.faults.push(format!("server {DAMAGED} got {more} requests while it was not ready"));
    }
    stage.timeline.event(format!("server {DAMAGED} gets the whole file"));
    stage.fleet.repair_file(DAMAGED)?;
    if !stage.watchman.wait_until(DAMAGED, true, IN_TIME).await {
        stage.faults.push(format!("server {DAMAGED} was not taken again"));
    }
    sleep(Duration::from_secs(2)).await;
    Ok(rotated)
}

/// D and S are told to be nothing, and the new key seals before all servers have it.
async fn too_early(stage: &mut Stage) -> Result<Value> {
    let rotated = rotate(stage, ["1s", "0s", "0s"], None)?;
    sleep(Duration::from_secs(9)).await;
    Ok(rotated)
}

/// The files are waited for, but the server whose clock is ahead seals before the last one comes.
async fn clocks_not_counted(stage: &mut Stage) -> Result<Value> {
    let rotated = rotate(stage, ["5s", "5s", "0s"], None)?;
    sleep(Duration::from_secs(12)).await;
    Ok(rotated)
}

/// As in `rotation_with_damage`, but nginx goes on sending requests to that server.
async fn nginx_not_told(stage: &mut Stage) -> Result<Value> {
    stage.watchman.tell_nginx(false);
    let rotated = rotate(stage, [AFTER, PROPAGATION, SKEW], Some(1))?;
    sleep(UNTIL_ALL_RESEALED).await;
    stage.timeline.event("server 1 gets the whole file");
    stage.fleet.repair_file(1)?;
    sleep(Duration::from_secs(3)).await;
    stage.watchman.tell_nginx(true);
    Ok(rotated)
}
