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
    for seed in seeds {
        let name = seed.file_name().unwrap().to_str().unwrap();
        println!("{target}/{name}");
        let outcome = body(&fs::read(&seed).unwrap());
        assert_eq!(name.split('.').next(), Some(outcome), "{name}");
    }
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
