//! Whole requests of somebody who is signed in: sealed-session beside tower-sessions and
//! actix-session on a Redis, in requests, latency and commands that Redis serves.
//!
//! Needs `wrk` and `redis-server`, which it starts for itself on loopback. All stacks of one
//! framework run side by side, and take their turns in short bounded runs, forwards and backwards.

use std::env;

use peers::{
    engine::Engine,
    harness::median,
    records::{Login, Record},
    report::{print_header, print_row},
    with_redis::{ACTIX, AXUM, Stack},
    wrk::{Run, Server},
};

const PAGES: [&str; 2] = ["/read", "/change"];

/// What was seen of one stack with one page, run by run.
#[derive(Default)]
struct Seen {
    runs: Vec<Run>,
    commands_per_request: Vec<f64>,
}

fn main() {
    let (rounds, duration) = match env::args().nth(1).as_deref() {
        Some("--quick") => (1, "-d1s"),
        _ => (9, "-d1s"),
    };
    let engine = Engine::start();
    println!("redis-server {}", engine.version());
    for (framework, stacks) in [("axum", AXUM), ("actix-web", ACTIX)] {
        let servers = stacks.map(|stack| {
            let mut server = Server::start("redis_server", &[stack.word, &engine.url()]);
            if stack.word != stacks[0].word {
                check(stack, &mut server);
            }
            server
        });
        for page in PAGES {
            let mut seen = stacks.map(|_| Seen::default());
            for round in 0..rounds {
                let order = 0..stacks.len();
                let order: Vec<_> =
                    if round % 2 == 0 { order.collect() } else { order.rev().collect() };
                for turn in order {
                    let before = engine.commands();
                    let run = servers[turn].load(page, duration);
                    // The first of the two questions is among them.
                    let commands = engine.commands() - before - 1;
                    seen[turn].commands_per_request.push(commands as f64 / run.requests);
                    seen[turn].runs.push(run);
                }
            }
            print(framework, page, &stacks, &seen);
        }
        servers.into_iter().for_each(Server::stop);
    }
}

/// The session comes back, and so does a change of it.
fn check(stack: Stack, server: &mut Server) {
    let shown = |server: &mut Server| serde_json::from_str::<Login>(&server.get("/show")).ok();
    assert_eq!(shown(server), Some(Login::sample()), "{}", stack.word);
    server.get("/change");
    let mut touched = Login::sample();
    touched.touch();
    assert_eq!(shown(server), Some(touched), "{}", stack.word);
}

fn print(framework: &str, page: &str, stacks: &[Stack], seen: &[Seen]) {
    println!("\n### {framework}, `{page}`\n");
    let header = [
        "",
        "requests/s",
        "÷ no session",
        "median, µs",
        "99 %, µs",
        "processor time ÷ no session",
        "Redis commands a request",
    ];
    print_header(&header.map(str::to_owned));
    let of = |seen: &Seen, figure: fn(&Run) -> f64| median(seen.runs.iter().map(figure).collect());
    let bare = &seen[0];
    for (stack, seen) in stacks.iter().zip(seen) {
        let ratio = |figure| of(seen, figure) / of(bare, figure);
        let cells = [
            format!("{:.0}", of(seen, |run| run.rate)),
            format!("{:.3}", ratio(|run| run.rate)),
            format!("{:.0}", of(seen, |run| run.median_micros)),
            format!("{:.0}", of(seen, |run| run.p99_micros)),
            format!("{:.3}", ratio(|run| run.ticks_per_request)),
            format!("{:.3}", median(seen.commands_per_request.clone())),
        ];
        print_row(stack.name, &cells);
    }
}
