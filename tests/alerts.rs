//! The alerts of `docs/alerts.yml`: what each one warns of is brought about, and seen in the figures as an
//! exporter renders them for Prometheus. `promtool`, if it is there, says from those figures whether
//! the alert fires.

mod support;

// Around the files of the folder, for which Rust would otherwise look beside this one.
mod alerts {
    pub(crate) mod prometheus;
    pub(crate) mod server;
    pub(crate) mod stories;
}

use alerts::prometheus::{self, Rule};
use alerts::server::Story;
use alerts::stories::*;
use std::collections::BTreeSet;

/// For each alert a test: told by a story, the alert is quiet at one minute and fires at a later one,
/// when a server's figure is as the closure says.
macro_rules! alerts {
    ($($test:ident: $alert:literal of $story:ident, quiet $quiet:literal, fires $fires:literal,
        $server:literal $figure:literal $is:expr;)*) => {
        $(
            #[test]
            fn $test() {
                let story = $story();
                let shown = |minute| story.figure($server, minute, $figure).unwrap_or_default();
                let is: fn(f64) -> bool = $is;
                let (quiet, fires) = (shown($quiet), shown($fires));
                assert!(is(fires), "{}: {fires}\n{}", $figure, story.rendered($server, $fires));
                assert!(!is(quiet), "{}: {quiet}", $figure);
                prometheus::assert_fires($alert, &story, $quiet, $fires);
            }
        )*

        const TESTED: &[&str] = &[$($alert),*];
        const STORIES: &[fn() -> Story] = &[$($story),*];
    };
}

alerts! {
    a_server_without_the_new_key_file: "SealedSessionKeyFileBehind" of rotation, quiet 15, fires 35,
        "web-1" "sealed_session_key_file_generation" |generation| generation == 2.0;
    a_server_that_does_not_know_the_key_of_others: "SealedSessionUnknownKey" of rotation, quiet 35, fires 50,
        "web-2" r#"sealed_session_rejected_total{reason="unknown_key",key_id="unknown"}"# |count| count > 10.0;
    an_old_key_that_still_seals: "SealedSessionOldKeySeals" of rotation, quiet 35, fires 60,
        "web-1" r#"sealed_session_key_state{key_id="OLD",state="draining"}"# |is| is == 1.0;
    an_old_key_that_has_ended_and_is_still_brought: "SealedSessionRetiredKey" of rotation, quiet 70, fires 76,
        "web-1" r#"sealed_session_rejected_total{reason="retired_key",key_id="OLD"}"# |count| count > 0.0;
    sessions_from_a_clock_that_is_ahead: "SealedSessionNotYetValid" of wrong_clock, quiet 15, fires 30,
        "web-1" r#"sealed_session_rejected_total{reason="not_yet_valid",key_id="OLD"}"# |count| count > 0.0;
    a_clock_that_is_ahead: "SealedSessionClockAhead" of wrong_clock, quiet 15, fires 25,
        "web-2" "sealed_session_key_file_confirmed_timestamp_seconds" |seconds| seconds == 30.0 * 60.0;
    a_file_that_is_refused: "SealedSessionKeyFileRefused" of broken_file, quiet 19, fires 25,
        "web-1" "sealed_session_key_file_error" |error| error == 1.0;
    a_file_that_is_not_confirmed: "SealedSessionKeyFileStale" of broken_file, quiet 18, fires 25,
        "web-1" "sealed_session_key_file_confirmed_timestamp_seconds" |seconds| seconds == 19.0 * 60.0;
    a_file_of_which_no_key_seals: "SealedSessionNoKeySeals" of nothing_seals, quiet 19, fires 25,
        "web-1" r#"sealed_session_key_state{key_id="OLD",state="revoked"}"# |is| is == 1.0;
    cookies_near_the_limit: "SealedSessionCookieNearLimit" of large_sessions, quiet 19, fires 30,
        "web-1" "sealed_session_cookie_bytes_sum" |bytes| bytes > 3584.0 * 10.0;
    sessions_that_cannot_be_saved: "SealedSessionUnsaved" of sessions_too_large, quiet 19, fires 30,
        "web-1" r#"sealed_session_unsaved_total{error="too_large"}"# |count| count > 0.0;
    a_feed_that_is_behind: "SealedSessionEndedFeedBehind" of lonely_feed, quiet 19, fires 25,
        "web-1" r#"sealed_session_ended_feed_behind{namespace="shop"}"# |behind| behind == 1.0;
    data_that_changed_its_shape: "SealedSessionInvalidPayload" of another_shape, quiet 19, fires 30,
        "web-1" r#"sealed_session_rejected_total{reason="invalid_payload",key_id="OLD"}"# |count| count > 0.0;
    changes_that_are_not_written: "SealedSessionChangesKept" of newer_release, quiet 19, fires 30,
        "web-1" r#"sealed_session_kept_total{reason="newer_schema"}"# |count| count > 0.0;
}

#[test]
fn every_alert_is_brought_about() {
    let rules: BTreeSet<String> = prometheus::rules().into_iter().map(|rule| rule.alert).collect();
    let tested: BTreeSet<String> = TESTED.iter().map(|alert| (*alert).to_owned()).collect();
    assert_eq!(rules, tested);
}

/// Every metric that a rule names, with the labels that it asks for.
#[test]
fn the_rules_name_what_the_crate_emits() {
    let figures: BTreeSet<String> =
        STORIES.iter().flat_map(|story| story().all_figures()).collect();
    for Rule { alert, expr } in prometheus::rules() {
        let selectors = prometheus::selectors(&expr);
        assert!(!selectors.is_empty(), "{alert} names no metric");
        for (name, matchers) in selectors {
            let is_of = |figure: &str| {
                let (of, labels) = figure.split_once('{').unwrap_or((figure, ""));
                of == name && matchers.iter().all(|matcher| labels.contains(matcher))
            };
            assert!(figures.iter().any(|figure| is_of(figure)), "{alert}: {name}{matchers:?}");
        }
        for label in prometheus::labels(&expr) {
            let needle = format!("{label}=\"");
            let is_emitted = figures.iter().any(|figure| figure.contains(&needle));
            let is_prometheus_own = ["job", "instance"].contains(&&*label);
            assert!(is_emitted || is_prometheus_own, "{alert}: no figure has the label {label}");
        }
    }
}

/// Both ways: a metric that is emitted stands in the table of `src/telemetry.rs`.
#[test]
fn what_the_stories_emit_is_documented() {
    let page = include_str!("../src/telemetry.rs");
    for figure in STORIES.iter().flat_map(|story| story().all_figures()) {
        let name = figure.split('{').next().unwrap();
        let name = prometheus::without_suffix(name);
        assert!(page.contains(&format!("//! | `{name}` |")), "{name}");
    }
}
