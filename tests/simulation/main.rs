//! A fleet that changes its keys while it serves, simulated: servers whose clocks differ, key files
//! that arrive late, cut short or not at all, reloaders that hang, processes that are killed, and
//! an operator with a clock of his own who rotates (twice at once, too), takes keys back,
//! revokes, prunes, leaves a broken file and puts an
//! old one back.
//!
//! The key files, their parser, the rule of rotation, the reloader, its pace and the key rings are
//! the real ones, and a share of the visitors has real cookies. The same seed gives the same run.
//!
//! | name | here | what it stands for |
//! | --- | --- | --- |
//! | F | `MAX_FILE_DELAY` | how long a new file takes to a server's disk |
//! | L | `LIMIT` | the age at which a server says that its ring may be too old, and gets no requests |
//! | D | `PROPAGATION` = F + L | how long until every server that gets requests has read a new file |
//! | S | `MAX_SKEW` | how far a server's clock is from that of the machine that changes the keys |
//! | T | `IDLE` + 60 s | the longest life of one sealed cookie |

mod fleet;
mod operator;
mod random;
mod server;
mod visitors;

use fleet::Outcome;
use sealed_session::key_file::tools::Fleet;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

const SEEDS: u64 = 200;
const SERVERS: usize = 4;
/// Each run simulates so long.
const LENGTH: Duration = Duration::minutes(80);

const MAX_FILE_DELAY: Duration = Duration::seconds(30);
const EVERY: Duration = Duration::seconds(15);
const LIMIT: Duration = Duration::seconds(120);
const PROPAGATION: Duration = Duration::seconds(150);
const MAX_SKEW: Duration = Duration::seconds(30);
/// How far off the true time the clock of the machine is on which the keys are changed.
const OPERATOR_SKEW: Duration = Duration::seconds(10);
/// And a server's: the two add up to what the operator tells the command.
const SERVER_SKEW: Duration = Duration::seconds(20);
const FLEET: Fleet = Fleet { propagation: PROPAGATION, skew: MAX_SKEW };
const IDLE: Duration = Duration::minutes(10);
const MAX_LIFE: Duration = Duration::minutes(11);

/// The true time, in milliseconds from the start.
fn at(now: i64) -> OffsetDateTime {
    datetime!(2026-11-21 12:00 UTC) + Duration::milliseconds(now)
}

/// Which rule does not hold in this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    Nothing,
    /// A new key seals at once, not D + S after it was published.
    Lead,
    /// A new key seals D after it was published, not D + S.
    LeadSkew,
    /// The old key opens until T after its successor seals, not T + 2S.
    DrainSkew,
    /// A key is taken back until it seals, not until D + S before.
    CancelLead,
    /// A reload that fails takes the last good ring away.
    KeepLastRing,
}

fn run(seed: u64, broken: Broken) -> Outcome {
    fleet::Fleet::new(seed, broken).run()
}

/// All seeds on as many threads as there are processors, in the order of the seeds.
fn run_all(broken: Broken) -> Vec<Outcome> {
    let threads = std::thread::available_parallelism().map_or(2, usize::from) as u64;
    std::thread::scope(|scope| {
        let share = |first| {
            move || {
                (first..SEEDS)
                    .step_by(threads as usize)
                    .map(|seed| (seed, run(seed, broken)))
                    .collect::<Vec<_>>()
            }
        };
        let running: Vec<_> = (0..threads).map(|first| scope.spawn(share(first))).collect();
        let mut outcomes: Vec<_> =
            running.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        outcomes.sort_by_key(|(seed, _)| *seed);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    })
}

#[test]
fn the_rules_hold_whatever_happens() {
    let outcomes = run_all(Broken::Nothing);
    for (seed, outcome) in outcomes.iter().enumerate() {
        assert_eq!(outcome.violation, None, "seed {seed}");
    }
    let sum = |count: fn(&Outcome) -> usize| outcomes.iter().map(count).sum::<usize>();
    let counts = [
        ("seals", sum(|o| o.seals), 100_000),
        ("seals of real cookies", sum(|o| o.real_seals), 10_000),
        ("sessions resealed under another key", sum(|o| o.resealed), 10_000),
        ("forged cookies", sum(|o| o.forged), 1_000),
        ("rotations", sum(|o| o.rotations), 1_000),
        ("cancelled keys", sum(|o| o.cancellations), 100),
        ("revocations", sum(|o| o.revocations), 100),
        ("broken and old files", sum(|o| o.mistakes), 500),
        ("prunes", sum(|o| o.prunes), 100),
        ("starts", sum(|o| o.servers.starts), 1_000),
        ("failed starts", sum(|o| o.servers.failed_starts), 10),
        ("reloads", sum(|o| o.servers.reloads), 1_000),
        ("refused reloads", sum(|o| o.servers.refusals), 1_000),
        ("early reads", sum(|o| o.servers.early_reads), 1_000),
        ("stuck reloaders", sum(|o| o.servers.stuck), 1_000),
        ("clock steps", sum(|o| o.servers.steps), 1_000),
    ];
    for (what, count, least) in counts {
        println!("{count:>8} {what}");
        assert!(count >= least, "{count} {what} are too few to show anything");
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    assert_eq!(run(7, Broken::Nothing), run(7, Broken::Nothing));
}

/// Some seed must show that the rule is needed.
#[track_caller]
fn assert_needed(broken: Broken) {
    let outcomes = run_all(broken);
    let found: Vec<&String> = outcomes.iter().filter_map(|o| o.violation.as_ref()).collect();
    println!("{broken:?}: {} of {SEEDS} seeds, the first: {:?}", found.len(), found.first());
    assert!(!found.is_empty(), "{broken:?} is not needed, or the simulation does not see it");
}

#[test]
fn without_a_lead_it_fails() {
    assert_needed(Broken::Lead);
}

#[test]
fn with_a_lead_that_leaves_out_the_skew_it_fails() {
    assert_needed(Broken::LeadSkew);
}

#[test]
fn with_a_drain_that_leaves_out_the_skew_it_fails() {
    assert_needed(Broken::DrainSkew);
}

#[test]
fn without_the_last_good_ring_it_fails() {
    assert_needed(Broken::KeepLastRing);
}

#[test]
fn with_a_key_taken_back_when_a_server_may_seal_with_it_already_it_fails() {
    assert_needed(Broken::CancelLead);
}
