//! The five variants of the visit counter under load: requests per second, and processor
//! time per request, as ratios to "no session"; the
//! first also as a ratio to a layer that does nothing.
//!
//! Needs `wrk`, `taskset` and two processors. In each round every variant is a new process that serves
//! for one second, and another begins: where a process happens to lie in memory moves it by some
//! percent, and so does the minute. A ratio is taken within a round, and its median printed.

use std::env;

use peers::{
    harness::median,
    report::{print_header, print_row},
    variants,
    wrk::{Run, Server},
};

/// Each with its rounds. The ratio of the first is nearest to 1, and takes more of them to be seen.
const PAGES: [(&str, usize); 3] = [("/untouched", 41), ("/read", 21), ("/change", 21)];
/// Where they stand in `variants::ALL`.
const NO_SESSION: usize = 0;
const IDLE_LAYER: usize = 1;

fn main() {
    let quick = env::args().any(|word| word == "--quick");
    for (page, rounds) in PAGES {
        let rounds = if quick { 1 } else { rounds };
        let rounds: Vec<Vec<Run>> = (0..rounds).map(|first| round(page, first)).collect();
        print(page, &rounds);
    }
}

/// One run of each variant, in the variants' order, whichever was the first to run.
fn round(page: &str, first: usize) -> Vec<Run> {
    let mut runs = variants::ALL.map(|_| None);
    for turn in 0..runs.len() {
        let variant = (first + turn) % runs.len();
        let server = Server::start_pinned("server", &[variants::ALL[variant].word]);
        runs[variant] = Some(server.load(page, "-d1s"));
        server.stop();
    }
    runs.into_iter().flatten().collect()
}

fn print(page: &str, rounds: &[Vec<Run>]) {
    println!("\n### Under load: `{page}`\n");
    let header = ["", "requests/s", "÷ no session", "÷ idle layer", "processor time ÷ no session"];
    print_header(&header.map(str::to_owned));
    for (index, variant) in variants::ALL.iter().enumerate() {
        let ratio = |to: usize, figure: fn(&Run) -> f64| {
            median(rounds.iter().map(|round| figure(&round[index]) / figure(&round[to])).collect())
        };
        let rate = median(rounds.iter().map(|round| round[index].rate).collect());
        let cells = [
            format!("{rate:.0}"),
            format!("{:.3}", ratio(NO_SESSION, |run| run.rate)),
            format!("{:.3}", ratio(IDLE_LAYER, |run| run.rate)),
            format!("{:.3}", ratio(NO_SESSION, |run| run.ticks_per_request)),
        ];
        print_row(variant.name, &cells);
    }
}
