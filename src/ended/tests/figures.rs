//! Figures: `cargo test --release --lib figures -- --ignored --nocapture`.
//!
//! `benches/peers` has those of whole sessions: a decode, a start, and how fast an end gets about.

use super::fixture::*;
use crate::ended::list::EndedSessions;
use std::hint::black_box;
use std::time::Instant;

const MILLION: u64 = 1_000_000;
const ROUNDS: usize = 5;

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// As after a feed has sent everything, which an entry that waits is not measured with.
fn confirm(list: &EndedSessions) {
    while list.status().unsent > 0 {
        list.confirm(&list.unsent(10_000));
    }
}

/// Puts so many entries in, and returns the resident bytes of each.
fn fill(list: &EndedSessions, entries: u64, put: impl Fn(u64)) -> u64 {
    let before = resident();
    for n in 0..entries {
        put(n);
        if n % 10_000 == 0 {
            confirm(list);
        }
    }
    confirm(list);
    resident().saturating_sub(before) / entries.max(1)
}

/// Nanoseconds for each of `asked`, the median of several rounds. `found` of them are found.
fn time_each<T>(asked: &[T], found: usize, is_found: impl Fn(&T) -> bool) -> f64 {
    let mut rounds = [0.0; ROUNDS];
    for round in &mut rounds {
        let start = Instant::now();
        let sum = asked.iter().filter(|item| is_found(black_box(item))).count();
        *round = start.elapsed().as_nanos() as f64 / asked.len() as f64;
        assert_eq!(sum, found);
    }
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

/// The numbers below `n`, in another order than they were put in: 7919 divides no `n` here.
fn shuffled(n: u64) -> impl Iterator<Item = u64> {
    (0..n).map(move |k| k * 7919 % n)
}

#[test]
#[ignore = "figures need a release build and a quiet machine"]
fn figures() {
    for entries in [0, 1_000, MILLION] {
        figures_with(entries);
    }
}

fn figures_with(entries: u64) {
    println!("{entries} entries of each kind:");
    let asked = entries.max(1_000);
    let list = list();
    let bytes = fill(&list, entries, |n| list.end_at(id(NOON + n / 100, n), time(NOON)).unwrap());
    let wanted: Vec<_> = shuffled(asked).map(|n| id(NOON + n / 100, n)).collect();
    let missing: Vec<_> = shuffled(asked).map(|n| id(NOON + n / 100, n + asked)).collect();
    let listed = time_each(&wanted, entries as usize, |id| list.is_ended(*id));
    let not_listed = time_each(&missing, 0, |id| list.is_ended(*id));
    println!("  an id: {listed:.1} ns listed, {not_listed:.1} ns not listed; {bytes} bytes each");

    let names: Vec<String> = (0..entries).map(|n| n.to_string()).collect();
    let bytes = fill(&list, entries, |n| {
        list.end_all_of_at(&names[n as usize], time(NOON)).unwrap();
    });
    // Made in the order in which they are asked for: a request's own text is at hand.
    let wanted: Vec<String> = shuffled(asked).map(|n| n.to_string()).collect();
    let missing: Vec<String> = shuffled(asked).map(|n| (n + asked).to_string()).collect();
    // As `load` asks: no look at a subject while no cut is greater than what the session carries.
    let own = list.cut(list.subject("nobody"));
    let is_cut = |name: &String| list.greatest_cut() > own && list.cut(list.subject(name)) > own;
    let cut = time_each(&wanted, entries as usize, is_cut);
    let not_cut = time_each(&missing, 0, is_cut);
    let hash = time_each(&wanted, asked as usize, |name| {
        black_box(list.subject(name));
        true
    });
    println!("  a subject: {cut:.1} ns with a cut, {not_cut:.1} ns without; {bytes} bytes each");
    println!("  (a subject's hash alone: {hash:.1} ns)");
    let start = Instant::now();
    list.list.change(at(NOON), |list| list.sweep_all());
    println!("  a look through everything: {:?}", start.elapsed());
}
