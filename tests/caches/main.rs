//! Our server behind real caches: nginx and Varnish, as they come and with their protection of
//! cookies turned off. Whatever a handler says, no cache stores a response with our cookie, and no
//! visitor gets a page that was read with another's session.
//!
//! | file | what it has |
//! | --- | --- |
//! | `origin.rs` | our server: what handlers say and do |
//! | `cache.rs`, `nginx.conf` | the caches |
//! | `visitors.rs` | who asks them, and what is wrong with an answer |
//!
//! ```text
//! cargo test --test caches    # prints its table
//! ```

mod cache;
mod origin;
mod visitors;

use cache::{Cache, Program, Setting};
use origin::{ACTIONS, COMBINATIONS, COOKIE_NAME, Origin};
use std::fmt::Write as _;
use std::io::{Write as _, stderr};
use tokio::task::JoinSet;
use visitors::{Counts, Visitors};

/// So many pages are asked for at a time.
const AT_A_TIME: usize = 16;

/// One line of the table: what came of all combinations of one action.
struct Row {
    cache: String,
    action: &'static str,
    counts: Counts,
    /// The combinations that went wrong.
    faults: Vec<usize>,
}

/// Asks a cache for each combination of one action.
async fn try_all(visitors: &Visitors, cache: String, action: &'static str) -> Row {
    let mut row = Row { cache, action, counts: Counts::default(), faults: Vec::new() };
    let mut tasks = JoinSet::new();
    for first in 0..AT_A_TIME {
        let visitors = visitors.clone();
        tasks.spawn(async move {
            let mut found = Vec::new();
            for combination in (first..COMBINATIONS).step_by(AT_A_TIME) {
                let path = format!("/{action}/{combination}");
                found.push((combination, visitors.ask_for(&path).await));
            }
            found
        });
    }
    for (combination, counts) in tasks.join_all().await.into_iter().flatten() {
        row.counts += counts;
        if counts.cookies_replayed + counts.pages_handed_on > 0 {
            row.faults.push(combination);
        }
    }
    row.faults.sort_unstable();
    row
}

/// Shows it although the test passes.
fn show(title: &str, rows: &[Row]) {
    let mut table = format!(
        "\n{title}: {COMBINATIONS} combinations of handler headers\n{:<30}{:<12}{:>9}{:>12}{:>13}\
         {:>18}{:>17}\n",
        "cache",
        "session",
        "answers",
        "from store",
        "our cookies",
        "cookies replayed",
        "pages handed on"
    );
    for Row { cache, action, counts, .. } in rows {
        let Counts { answers, from_store, cookies, cookies_replayed, pages_handed_on } = counts;
        writeln!(
            table,
            "{cache:<30}{action:<12}{answers:>9}{from_store:>12}{cookies:>13}\
             {cookies_replayed:>18}{pages_handed_on:>17}"
        )
        .unwrap();
    }
    stderr().write_all(table.as_bytes()).unwrap();
}

/// Bad input 54, `headers/caching`: in nginx and Varnish, each of these beside each other.
///
/// Bad input 54b, `headers/caching`: beside each line of `Vary` that a handler may write.
#[tokio::test(flavor = "multi_thread")]
async fn no_cache_stores_our_cookie_or_hands_on_a_page() {
    if !Program::all_found("no_cache_stores_our_cookie_or_hands_on_a_page") {
        return;
    }
    let origin = Origin::start().await;
    let mut rows = Vec::new();
    let mut files_with_our_cookie = 0;
    for program in Program::ALL {
        for setting in [Setting::Stock, Setting::CookiesIgnored] {
            let cache = Cache::start(program, setting, origin.address);
            let visitors = Visitors::new(&origin, cache.address);
            for action in ACTIONS {
                rows.push(try_all(&visitors, format!("{program:?}, {setting:?}"), action).await);
            }
            if program == Program::Nginx {
                let stored = cache.stored();
                assert!(!stored.is_empty(), "nginx stored what it may");
                let name = COOKIE_NAME.as_bytes();
                let ours = |file: &&Vec<u8>| file.windows(name.len()).any(|part| part == name);
                files_with_our_cookie += stored.iter().filter(ours).count();
            }
        }
    }
    show("Our marking", &rows);

    assert_eq!(files_with_our_cookie, 0, "on nginx's disk");
    for Row { cache, action, counts, faults } in &rows {
        let faults: Vec<String> = faults.iter().take(10).map(|at| origin::described(*at)).collect();
        assert_eq!(faults, [] as [String; 0], "{cache}, {action}");
        match *action {
            // So that it is known that there was something to be stored, and a store.
            "written" | "removed" | "renewed" => assert!(counts.cookies > 0, "{cache}, {action}"),
            "untouched" => assert!(counts.from_store > 0, "{cache}, {action}"),
            _ => assert_eq!(counts.cookies, 0, "{cache}, {action}"),
        }
    }
}

/// The same visitors do see a replay where our marking is left out.
#[tokio::test(flavor = "multi_thread")]
async fn without_our_marking_the_same_caches_replay() {
    if !Program::all_found("without_our_marking_the_same_caches_replay") {
        return;
    }
    let origin = Origin::start().await;
    for program in Program::ALL {
        let cache = Cache::start(program, Setting::CookiesIgnored, origin.address);
        let visitors = Visitors::new(&origin, cache.address);
        let written = visitors.ask_for("/written-by-hand").await;
        assert!(written.cookies_replayed > 0, "{program:?}: {written:?}");
        assert!(written.pages_handed_on > 0, "{program:?}: {written:?}");
        let read = visitors.ask_for("/read-by-hand").await;
        assert!(read.pages_handed_on > 0, "{program:?}: {read:?}");
    }
}

/// `docs/troubleshooting.md`, "502 behind nginx".
#[tokio::test(flavor = "multi_thread")]
async fn a_long_cookie_needs_a_larger_buffer_in_nginx() {
    if !Program::all_found("a_long_cookie_needs_a_larger_buffer_in_nginx") {
        return;
    }
    let origin = Origin::start().await;
    for (program, setting, passes) in [
        (Program::Nginx, Setting::SmallBuffer, false),
        (Program::Nginx, Setting::LargeBuffer, true),
        (Program::Varnish, Setting::Stock, true),
    ] {
        let cache = Cache::start(program, setting, origin.address);
        let visitors = Visitors::new(&origin, cache.address);
        let ask = async |length| visitors.status_and_cookie(&format!("/plain/{length}")).await;
        assert_eq!(ask(3500).await, (200, Some(3500)), "{program:?}, {setting:?}");
        for length in [4000, 4096] {
            let expected = if passes { (200, Some(length)) } else { (502, None) };
            assert_eq!(ask(length).await, expected, "{program:?}, {setting:?}");
        }
    }
}

/// What no header can prevent: `docs/proxies.md` says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_ignores_every_header_replays_whatever_we_say() {
    if !Program::all_found("a_cache_that_ignores_every_header_replays_whatever_we_say") {
        return;
    }
    let origin = Origin::start().await;
    let mut rows = Vec::new();
    for program in Program::ALL {
        let cache = Cache::start(program, Setting::AllIgnored, origin.address);
        let visitors = Visitors::new(&origin, cache.address);
        rows.push(try_all(&visitors, format!("{program:?}, AllIgnored"), "written").await);
    }
    show("Caches that ignore every header", &rows);
    for Row { cache, counts, .. } in rows {
        assert!(counts.cookies_replayed > 0, "{cache}");
        assert!(counts.pages_handed_on > 0, "{cache}");
    }
}
