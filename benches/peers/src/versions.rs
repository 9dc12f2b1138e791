//! Which versions are measured, and on what kind of processor?

use crate::report::{print_header, print_row};

const LOCK: &str = include_str!("../Cargo.lock");

const CRATES: [&str; 15] = [
    "aes",
    "aes-gcm",
    "postcard",
    "cookie",
    "axum-extra",
    "biscotti",
    "fernet",
    "pasetors",
    "seshcookie",
    "tower-sessions",
    "tower-sessions-cookie-store",
    "tower-sessions-redis-store",
    "actix-session",
    "axum",
    "actix-web",
];

/// Prints what figures of two runs can differ by.
pub fn print() {
    println!("### What is measured\n");
    print_header(&["", "version"].map(str::to_owned));
    for name in CRATES {
        print_row(name, &[newest(name).expect("it is in the lock").to_owned()]);
    }
    let vaes = if has_vaes() { "with" } else { "without" };
    println!("\nA processor {vaes} VAES and AVX-512, which `aes` uses from 0.9.3 on.\n");
}

/// The version in the lock; of several the last, which is the newest: peers have older ones of
/// `aes` and `cookie` too.
fn newest(name: &str) -> Option<&'static str> {
    let packages = LOCK.split("[[package]]").filter(|package| value(package, "name") == Some(name));
    packages.last().and_then(|package| value(package, "version"))
}

fn value<'a>(package: &'a str, field: &str) -> Option<&'a str> {
    let line = package.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(" = "));
    line.map(|quoted| quoted.trim_matches('"'))
}

#[cfg(target_arch = "x86_64")]
fn has_vaes() -> bool {
    std::is_x86_feature_detected!("vaes") && std::is_x86_feature_detected!("avx512f")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_vaes() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_has_a_version() {
        for name in CRATES {
            let version = newest(name).unwrap_or_default();
            assert!(version.starts_with(|first: char| first.is_ascii_digit()), "{name}: {version}");
        }
    }
}
