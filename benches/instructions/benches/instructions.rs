//! Instructions under callgrind, held to committed figures: a rise of more than 5 % fails.
//!
//! Needs `valgrind` and `gungraun-runner` of the version in `Cargo.toml`; `cargo bench` here. When a
//! change makes a way longer or shorter on purpose, put the new figure into [`FIGURES`].

#![allow(missing_docs, reason = "the harness makes public items")]

use gungraun::prelude::*;
use gungraun::{Callgrind, EventKind};
use http::HeaderMap;
use instructions::{Login, Ready};
use sealed_session::Session;
use std::hint::black_box;

/// On x86-64 with AES-NI and AVX2, Rust 1.95.
const FIGURES: [(&str, u64); 5] = [
    ("encode", 4_841),
    ("decode", 6_404),
    ("load", 7_810),
    ("save_unchanged", 2_523),
    ("save_changed", 8_703),
];

/// 5 % more than the committed figure.
fn limit(name: &str) -> LibraryBenchmarkConfig {
    let (_, figure) = FIGURES.iter().find(|(way, _)| *way == name).expect("each way has a figure");
    let mut callgrind = Callgrind::default();
    callgrind.hard_limits([(EventKind::Ir, figure + figure / 20)]);
    let mut config = LibraryBenchmarkConfig::default();
    config.tool(callgrind);
    config
}

fn loaded() -> (Ready, Session<Login>) {
    let ready = Ready::default();
    let session = ready.load();
    (ready, session)
}

#[library_benchmark(config = limit("encode"))]
#[bench::login(Ready::default())]
fn encode(ready: Ready) -> (Ready, String) {
    let value = black_box(&ready).encode();
    (ready, value)
}

#[library_benchmark(config = limit("decode"))]
#[bench::login(Ready::default())]
fn decode(ready: Ready) -> (Ready, Session<Login>) {
    let session = black_box(&ready).decode();
    (ready, session)
}

#[library_benchmark(config = limit("load"))]
#[bench::login(Ready::default())]
fn load(ready: Ready) -> (Ready, Session<Login>) {
    let session = black_box(&ready).load();
    (ready, session)
}

#[library_benchmark(config = limit("save_unchanged"))]
#[bench::login(loaded())]
fn save_unchanged((ready, session): (Ready, Session<Login>)) -> (Ready, HeaderMap) {
    let response = black_box(&ready).save_unchanged(session);
    (ready, response)
}

#[library_benchmark(config = limit("save_changed"))]
#[bench::login(loaded())]
fn save_changed((ready, session): (Ready, Session<Login>)) -> (Ready, HeaderMap) {
    let response = black_box(&ready).save_changed(session);
    (ready, response)
}

library_benchmark_group!(
    name = ways,
    benchmarks = [encode, decode, load, save_unchanged, save_changed]
);
main!(library_benchmark_groups = ways);
