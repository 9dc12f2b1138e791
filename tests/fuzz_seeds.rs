//! The seeds of the fuzz targets as ordinary tests: the same bodies, without a fuzzer.

// The fuzz targets are a crate of their own, which needs a nightly toolchain.
#[path = "../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "it is a crate of its own in `fuzz`")]
mod bodies;

use std::fs;
use std::path::{Path, PathBuf};

/// Runs every seed of a target; the first part of its name says what must become of it.
fn run(target: &str, body: fn(&[u8]) -> &'static str) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let entries = fs::read_dir(directory).unwrap();
    let mut seeds: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    seeds.sort();
    assert!(seeds.len() >= 12, "a good dozen of seeds, not {}", seeds.len());
    let mut wrong = Vec::new();
    for seed in seeds {
        let name = seed.file_name().unwrap().to_str().unwrap();
        println!("{target}/{name}");
        let outcome = body(&fs::read(&seed).unwrap());
        if name.split('.').next() != Some(outcome) {
            wrong.push(format!("{name} is {outcome}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn cookie_header() {
    run("cookie_header", bodies::cookie_header);
}

#[test]
fn value() {
    run("value", bodies::value);
}

#[test]
fn payload() {
    run("payload", bodies::payload);
}

#[test]
fn roundtrip() {
    run("roundtrip", bodies::roundtrip);
}

#[test]
fn key_text() {
    run("key_text", bodies::key_text);
}

#[test]
fn key_file() {
    run("key_file", bodies::key_file);
}

#[test]
fn dates() {
    run("dates", bodies::dates);
}

#[test]
fn set_cookie() {
    run("set_cookie", bodies::set_cookie);
}

#[test]
fn form_token() {
    run("form_token", bodies::form_token);
}

#[test]
fn migrated() {
    run("migrated", bodies::migrated);
}

#[test]
fn ended_entry() {
    run("ended_entry", bodies::ended_entry);
}

#[test]
fn operations() {
    run("operations", bodies::operations);
}

#[test]
fn dynamic() {
    run("dynamic", bodies::dynamic);
}

#[test]
fn feed_file() {
    run("feed_file", bodies::feed_file);
}
