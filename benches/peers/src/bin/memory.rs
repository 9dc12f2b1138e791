//! The memory of a server that has seen many visitors.
//!
//! Each visitor comes once without a cookie, is counted, and comes back with the cookie.
//! A process of its own serves each number of visitors and reports what it still holds.

use std::{env, process::Command};

use axum::Router;
use http::HeaderMap;
use peers::{
    cookies::{kept_pair, request_headers},
    level::axum::call,
    process::resident_bytes,
    report::{print_header, print_row},
    variants::Variant,
};

/// Which variant serves how many visitors.
const SERVINGS: [(&str, u64); 4] =
    [("sealed", 1_000), ("sealed", 10_000_000), ("memory", 1_000), ("memory", 1_000_000)];

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => print(1),
        // A thousandth of the visitors: only a look whether it runs.
        ["--quick"] => print(1_000),
        [word, visitors] => {
            let variant = Variant::named(word).expect("none, idle, sealed, jar or memory");
            serve(&variant.router(), visitors.parse().expect("a number of visitors"));
            println!("{}", resident_bytes());
        }
        _ => eprintln!("usage: memory [--quick | VARIANT VISITORS]"),
    }
}

fn serve(router: &Router, visitors: u64) {
    let first_visit = HeaderMap::new();
    for _ in 0..visitors {
        let response = call(router, "/change", &first_visit);
        let pair = kept_pair(response.headers()).expect("a new visitor gets a cookie");
        call(router, "/change", &request_headers(Some(&pair)));
    }
}

fn print(divisor: u64) {
    println!("### Resident memory after so many visitors\n");
    print_header(&["", "visitors", "MiB"].map(str::to_owned));
    for (word, visitors) in SERVINGS {
        let variant = Variant::named(word).expect("listed");
        let visitors = (visitors / divisor).to_string();
        let output = Command::new(env::current_exe().expect("this program has a path"))
            .args([word, &visitors])
            .output()
            .expect("this program starts again");
        let bytes: f64 = String::from_utf8_lossy(&output.stdout)
            .trim()
            .parse()
            .expect("it prints what it holds");
        let mebibytes = format!("{:.1}", bytes / 1024.0 / 1024.0);
        print_row(variant.name, &[visitors, mebibytes]);
    }
}
