//! What came of it, as tables in Markdown.

use crate::memory::Life;
use crate::processes::SERVERS;
use crate::visitors::{Counts, Visitor};
use serde_json::Value;
use std::time::Duration;

/// What a phase is there to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No session may be lost.
    Kept,
    /// Something is left out, and sessions must be lost: else the other phases would show nothing.
    Control,
}

#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<(&'static str, Kind, Counts, Duration)>,
    pub(crate) faults: Vec<String>,
}

impl Report {
    pub(crate) fn add(&mut self, phase: &'static str, kind: Kind, counts: Counts, took: Duration) {
        match (kind, counts.lost) {
            (Kind::Kept, 0) => {}
            (Kind::Kept, lost) => self.fault(format!("{lost} sessions lost in phase `{phase}`")),
            (Kind::Control, 0) => {
                self.fault(format!("`{phase}` lost nothing, so nothing is shown"))
            }
            (Kind::Control, _) => {}
        }
        self.rows.push((phase, kind, counts, took));
    }

    pub(crate) fn fault(&mut self, what: String) {
        self.faults.push(what);
    }

    /// Everybody's cookie is under the new key by now.
    pub(crate) fn check_resealed(&mut self, people: &[Visitor], rotated: &Value) {
        let new = rotated["new"]["id"].as_str();
        let old = people.iter().filter(|visitor| visitor.key_id().as_deref() != new).count();
        if old > 0 {
            self.fault(format!("{old} sessions are not under the new key"));
        }
    }

    pub(crate) fn print(&self, ended: usize) {
        println!(
            "\n| {:<34} | {:>8} | {:>6} | {:>10} | {:>8} | {:>14} | {:>10} | {} |",
            "phase",
            "requests",
            "lost",
            "unanswered",
            "resealed",
            "writes/request",
            "requests/s",
            (0..SERVERS).map(|place| format!("server {place}")).collect::<Vec<_>>().join(" | "),
        );
        let right = "---: | ".repeat(6 + SERVERS);
        println!("| --- | {}", right.trim_end());
        for (phase, kind, counts, took) in &self.rows {
            let requests = counts.requests.max(1) as f64;
            let answered = counts.by_server.iter().sum::<u64>().max(1) as f64;
            let shares =
                counts.by_server.map(|count| format!("{:>6.1} %", 100.0 * count as f64 / answered));
            let phase = match kind {
                Kind::Kept => (*phase).to_owned(),
                Kind::Control => format!("*control:* {phase}"),
            };
            println!(
                "| {phase:<34} | {:>8} | {:>6} | {:>10} | {:>8} | {:>14.2} | {:>10.0} | {} |",
                counts.requests,
                counts.lost,
                counts.unanswered,
                counts.resealed,
                counts.writes as f64 / requests,
                requests / took.as_secs_f64(),
                shares.join(" | "),
            );
        }
        let sum = |wanted: Kind| {
            let rows = self.rows.iter().filter(|(_, kind, ..)| *kind == wanted);
            rows.fold(Counts::default(), |mut sum, (_, _, counts, _)| {
                sum += *counts;
                sum
            })
        };
        let (kept, controls) = (sum(Kind::Kept), sum(Kind::Control));
        println!(
            "\n{} requests and {} lost sessions; in the controls {} requests and {} lost sessions",
            kept.requests, kept.lost, controls.requests, controls.lost
        );
        println!("{ended} sessions ended by the revocation, as they should");
    }

    /// Flat, for no server keeps sessions.
    pub(crate) fn compare_memory(&mut self, lives: &[Life], steady_after: Duration) {
        let steady_after = steady_after.as_secs();
        println!("\n| server | lived for | KiB after {steady_after} s | KiB at the end |");
        println!("| ---: | ---: | ---: | ---: |");
        for Life { place, length, steady, last, .. } in lives {
            let Some(steady) = *steady else { continue };
            println!("| {place} | {} s | {steady} | {last} |", length.as_secs());
            if *last > steady + steady / 4 {
                self.fault(format!("server {place} grew from {steady} to {last} KiB"));
            }
        }
        if lives.is_empty() {
            self.fault(format!("no server lived for {steady_after} s"));
        }
    }
}
