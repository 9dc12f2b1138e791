//! The rules as Prometheus reads them, and Prometheus's own word on them.

use super::server::Story;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use yaml_rust2::{Yaml, YamlLoader};

pub(crate) struct Rule {
    pub(crate) alert: String,
    pub(crate) expr: String,
}

fn rules_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/alerts.yml")
}

pub(crate) fn rules() -> Vec<Rule> {
    let text = fs::read_to_string(rules_file()).unwrap();
    let pages = YamlLoader::load_from_str(&text).unwrap();
    let [page] = &pages[..] else { panic!("one document") };
    let groups = page["groups"].as_vec().unwrap();
    let rules = groups.iter().flat_map(|group| group["rules"].as_vec().unwrap());
    let text = |rule: &Yaml, name: &str| rule[name].as_str().unwrap().to_owned();
    rules.map(|rule| Rule { alert: text(rule, "alert"), expr: text(rule, "expr") }).collect()
}

/// The metrics that an expression names, each with its matchers as they stand there.
pub(crate) fn selectors(expr: &str) -> Vec<(String, Vec<String>)> {
    const PREFIX: &str = "sealed_session_";
    let mut found = Vec::new();
    for (start, _) in expr.match_indices(PREFIX) {
        let rest = &expr[start..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let (name, rest) = rest.split_at(end.unwrap_or(rest.len()));
        let matchers = match rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            Some((matchers, _)) => matchers.split(',').map(str::to_owned).collect(),
            None => Vec::new(),
        };
        found.push((name.to_owned(), matchers));
    }
    found
}

/// The labels that an expression sums or joins by.
pub(crate) fn labels(expr: &str) -> Vec<String> {
    let lists = expr.split(" by (").skip(1).chain(expr.split(" on (").skip(1));
    let lists = lists.map(|rest| rest.split_once(')').expect("it is closed").0);
    lists.flat_map(|list| list.split(", ")).map(str::to_owned).collect()
}

/// The metric of a figure: a histogram has three kinds.
pub(crate) fn without_suffix(name: &str) -> &str {
    let suffixes = ["_bucket", "_sum", "_count"];
    suffixes.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name)
}

/// Runs `promtool`. Without it the caller says that a part is skipped; with CI=true that is a
/// failure.
fn promtool(arguments: &[&str]) -> Option<std::process::Output> {
    match Command::new("promtool").args(arguments).output() {
        Ok(output) => Some(output),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "promtool is missing: {error}");
            eprintln!("skipped: promtool is missing (Debian has it in the package prometheus)");
            None
        }
    }
}

/// Asks Prometheus itself whether the alert fires at one minute of the story and not at another.
pub(crate) fn assert_fires(alert: &str, story: &Story, quiet: usize, fires: usize) {
    let mut text = format!("rule_files: ['{}']\n", rules_file().display());
    text += "evaluation_interval: 1m\ntests:\n- interval: 1m\n  input_series:\n";
    for (series, values) in story.series() {
        writeln!(text, "  - {{ series: '{series}', values: '{values}' }}").unwrap();
    }
    text += "  promql_expr_test:\n";
    for (minute, count) in [(quiet, 0), (fires, 1)] {
        let firing = format!("ALERTS{{alertname=\"{alert}\",alertstate=\"firing\"}}");
        let is_firing = format!("(count({firing}) or vector(0)) > bool 0");
        writeln!(text, "  - {{ expr: '{is_firing}', eval_time: {minute}m,").unwrap();
        writeln!(text, "      exp_samples: [{{ labels: '{{}}', value: {count} }}] }}").unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("story.yml");
    fs::write(&path, &text).unwrap();
    if let Some(output) = promtool(&["test", "rules", path.to_str().unwrap()]) {
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{alert}: {told}\n{text}");
    }
}

#[test]
fn prometheus_takes_the_rules() {
    if let Some(output) = promtool(&["check", "rules", rules_file().to_str().unwrap()]) {
        assert!(output.status.success(), "{output:?}");
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(told.contains(&format!("SUCCESS: {} rules found", rules().len())), "{told}");
    }
}

#[test]
fn selectors_and_labels_are_found() {
    let expr =
        r#"sum by (job, le) (rate(sealed_session_a_total{x="1",y="2"}[5m])) > sealed_session_b"#;
    let matchers = vec![r#"x="1""#.to_owned(), r#"y="2""#.to_owned()];
    let expected =
        [("sealed_session_a_total".to_owned(), matchers), ("sealed_session_b".to_owned(), vec![])];
    assert_eq!(selectors(expr), expected);
    assert_eq!(labels(expr), ["job", "le"]);
}
