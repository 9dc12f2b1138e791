//! Times everybody in one run, and prints the tables.

use std::{env, process::ExitCode, time::Instant};

use peers::{
    alloc::Counting,
    harness::{Plan, measure},
    line_up, report, targets, versions,
};

#[global_allocator]
static HEAP: Counting = Counting;

fn main() -> ExitCode {
    // biscotti captures a backtrace for each key that does not fit, if it is asked to.
    if env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0") {
        eprintln!("set RUST_BACKTRACE=0: one of the peers pays dearly for anything else");
        return ExitCode::FAILURE;
    }
    let arguments: Vec<String> = env::args().skip(1).collect();
    let plan = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Plan::FULL,
        ["--quick"] => Plan::QUICK,
        _ => {
            eprintln!("usage: peers [--quick]");
            return ExitCode::FAILURE;
        }
    };

    let start = Instant::now();
    let contestants = line_up::contestants();
    let costs = measure(contestants, plan);
    versions::print();
    report::print(&costs);
    targets::print(&costs);
    let Plan { rounds, batch } = plan;
    let took = start.elapsed().as_secs();
    println!("\nMedians of {rounds} rounds with batches of at least {batch:?}; {took} s in all.");
    ExitCode::SUCCESS
}
