//! Figures: `cargo test --release --lib figures -- --ignored --nocapture`.

use super::fixture::*;
use std::time::Instant;

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
#[ignore = "figures need a release build and a quiet machine"]
fn figures() {
    const N: u64 = 1_000_000;
    let list = list();
    let before = resident();
    for n in 0..N {
        list.end_at(id(NOON + n / 100, n), time(NOON)).unwrap();
    }
    let confirm = || {
        while list.status().unsent > 0 {
            list.confirm(&list.unsent(100_000));
        }
    };
    confirm();
    println!("bytes an id: {}", (resident() - before) / N);
    let wanted: Vec<_> = (0..N).map(|n| id(NOON + n * 7 % N / 100, n * 7 % N)).collect();
    let missing: Vec<_> = (0..N).map(|n| id(NOON + n / 100, n + N)).collect();
    for (name, ids) in [("listed", &wanted), ("not listed", &missing)] {
        let start = Instant::now();
        let found = ids.iter().filter(|id| list.is_ended(**id)).count();
        println!("{name}: {} ns, {found} found", start.elapsed().as_nanos() / u128::from(N));
    }
    let before = resident();
    let names: Vec<String> = (0..N).map(|n| n.to_string()).collect();
    let names_size = resident() - before;
    for name in &names {
        list.end_all_of_at(name, time(NOON)).unwrap();
    }
    confirm();
    println!("bytes a subject: {}", (resident() - before - names_size) / N);
    let start = Instant::now();
    let sum: u64 = names.iter().map(|name| u64::from(list.cut(list.subject(name)))).sum();
    println!("a subject: {} ns ({sum})", start.elapsed().as_nanos() / u128::from(N));
    let start = Instant::now();
    let sum = names.iter().map(|name| list.subject(name)).max();
    println!("its hash alone: {} ns ({sum:?})", start.elapsed().as_nanos() / u128::from(N));
    let names: Vec<String> = (N..2 * N).map(|n| n.to_string()).collect();
    let start = Instant::now();
    let sum: u64 = names.iter().map(|name| u64::from(list.cut(list.subject(name)))).sum();
    println!("a subject without a cut: {} ns ({sum})", start.elapsed().as_nanos() / u128::from(N));
    let start = Instant::now();
    list.list.change(at(NOON), |list| list.sweep_all());
    println!("a look through everything: {:?}", start.elapsed());
}
