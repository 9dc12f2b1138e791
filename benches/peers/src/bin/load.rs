//! The five variants of the visit counter under load: requests per second, and processor
//! time per request, as ratios to "no session"; the
//! first also as a ratio to a layer that does nothing.
//!
//! Needs `wrk`. All variants run side by side, and take their turns in short bounded runs.

use std::env;

use peers::{
    harness::median,
    report::{print_header, print_row},
    variants,
    wrk::{Run, Server},
};

const PAGES: [&str; 3] = ["/untouched", "/read", "/change"];

fn main() {
    let (rounds, duration) = match env::args().nth(1).as_deref() {
        Some("--quick") => (1, "-d1s"),
        _ => (7, "-d2s"),
    };
    let servers = variants::ALL.map(|variant| Server::start("server", &[variant.word]));
    for page in PAGES {
        let mut runs = variants::ALL.map(|_| Vec::new());
        for _ in 0..rounds {
            for (server, runs) in servers.iter().zip(&mut runs) {
                runs.push(server.load(page, duration));
            }
        }
        print(page, &runs);
    }
    for server in servers {
        server.stop();
    }
}

fn print(page: &str, runs: &[Vec<Run>]) {
    println!("\n### Under load: `{page}`\n");
    let header = ["", "requests/s", "÷ no session", "÷ idle layer", "processor time ÷ no session"];
    print_header(&header.map(str::to_owned));
    let of = |runs: &[Run], figure: fn(&Run) -> f64| median(runs.iter().map(figure).collect());
    let medians: Vec<(f64, f64)> = runs
        .iter()
        .map(|runs| (of(runs, |run| run.rate), of(runs, |run| run.ticks_per_request)))
        .collect();
    let ((bare_rate, bare_ticks), (idle_rate, _)) = (medians[0], medians[1]);
    for (variant, (rate, ticks)) in variants::ALL.iter().zip(medians) {
        let cells = [
            format!("{rate:.0}"),
            format!("{:.3}", rate / bare_rate),
            format!("{:.3}", rate / idle_rate),
            format!("{:.3}", ticks / bare_ticks),
        ];
        print_row(variant.name, &cells);
    }
}
