//! Times of a request at several sizes of its cookie: the last table of "What cookies cost" in
//! `docs/proxies.md`. Run it with `cargo run --release` in this folder.

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use sealed_session::{Key, KeyRing, Session, Sessions};
use std::hint::black_box;
use std::time::Instant;
use time::OffsetDateTime;

/// Of name, `=` and value.
const SIZES: [usize; 3] = [128, 800, 4000];
const RUNS: usize = 1001;
const ROUNDS: u32 = 100;

fn main() {
    let sessions: Sessions<String> =
        Sessions::builder("shop", KeyRing::new(Key::generate())).build().expect("it is sound");
    println!("| cookie | read | change |\n| ---: | ---: | ---: |");
    for size in SIZES {
        let now = OffsetDateTime::now_utc();
        let cookie = cookie_of_about(size, &sessions, now);
        let mut request = HeaderMap::new();
        request.insert(COOKIE, cookie.clone());
        let visit = |change: bool| {
            let mut response = HeaderMap::new();
            let mut session = sessions.load_at(black_box(&request), now);
            if change {
                // Another text of the same length.
                session.pop();
                session.push('y');
            }
            sessions.save_at(session, &mut response, now).expect("it fits");
            assert_eq!(response.contains_key(SET_COOKIE), change);
        };
        let [read, change] = [false, true].map(|change| micros(|| visit(change)));
        println!("| {} | {read:.1} µs | {change:.1} µs |", cookie.len());
    }
}

/// The longest cookie of at most that many bytes.
fn cookie_of_about(size: usize, sessions: &Sessions<String>, now: OffsetDateTime) -> HeaderValue {
    let lengths = (1..size).rev();
    let cookies = lengths
        .filter_map(|len| sessions.cookie_for_at(&Session::new_at("x".repeat(len), now), now).ok());
    cookies.into_iter().find(|cookie| cookie.len() <= size).expect("an empty one is smaller")
}

/// The median of many short runs, each of which is a mean: what else the machine does disturbs a few.
fn micros(visit: impl Fn()) -> f64 {
    let mut times = [(); RUNS].map(|()| {
        let start = Instant::now();
        (0..ROUNDS).for_each(|_| visit());
        start.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS)
    });
    times.sort_by(f64::total_cmp);
    times[RUNS / 2]
}
