//! The tests that `docs/security.md` names as proof exist, and every promise there names one.

use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The tests that a text names, as file and function: `` `tests/save.rs::a_name` ``.
fn named(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split('`').skip(1).step_by(2).filter_map(|code| code.split_once(".rs::"))
}

/// Whether `source` has a test of this name that runs: one with an attribute that ends in `test`, or
/// a function of the suite that all adapters pass.
fn has_test(source: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim_start).collect();
    let begins = |line: &str, start: &str| {
        line.strip_prefix(start).is_some_and(|rest| rest.starts_with(['(', '<']))
    };
    let is_function = |line: &str| {
        let line = line.strip_prefix("pub(crate) ").unwrap_or(line);
        begins(line.strip_prefix("async ").unwrap_or(line), &format!("fn {name}"))
    };
    let Some(place) = lines.iter().position(|line| is_function(line)) else { return false };
    // Of the suite: its argument starts a server.
    if lines[place].starts_with("pub(crate) ") {
        return lines[place].contains("(start: Start)");
    }
    let above = lines[..place].iter().rev();
    let attributes: Vec<&&str> =
        above.take_while(|line| line.starts_with("#[") || line.starts_with("//")).collect();
    let is_test = |line: &str| {
        line.strip_prefix("#[").is_some_and(|rest| {
            let path = rest.split(['(', ']']).next().unwrap_or_default();
            path == "test" || path.ends_with("::test")
        })
    };
    attributes.iter().any(|line| is_test(line))
        && !attributes.iter().any(|line| line.starts_with("#[ignore"))
}

#[test]
fn every_test_that_the_page_names_exists() {
    let page = read("docs/security.md");
    let missing: Vec<String> = named(&page)
        .filter(|(file, name)| !has_test(&read(&format!("{file}.rs")), name))
        .map(|(file, name)| format!("{file}.rs::{name}"))
        .collect();
    assert!(missing.is_empty(), "docs/security.md names tests that are gone: {missing:#?}");
}

#[test]
fn every_promise_of_the_page_names_a_test() {
    let page = read("docs/security.md");
    let mut tables = 0;
    for table in page.split("| promise | mechanism | shown by |\n").skip(1) {
        tables += 1;
        let rows: Vec<&str> =
            table.lines().skip(1).take_while(|line| line.starts_with('|')).collect();
        assert!(rows.len() >= 5, "a table has no rows");
        for row in rows {
            let shown_by = row.trim_end_matches(" |").rsplit_once(" | ").unwrap().1;
            assert!(named(shown_by).next().is_some(), "no test shows this promise: {row}");
        }
    }
    assert_eq!(tables, 2);
}

#[test]
fn a_name_counts_if_a_test_has_it() {
    let source = "
        #[test]
        fn plain() {}
        /// Words.
        #[tokio::test(flavor = \"multi_thread\")]
        #[cfg(unix)]
        async fn of_tokio() {}
        #[test]
        #[ignore = \"slow\"]
        fn ignored() {}
        fn helper() {}
        #[test]
        fn plain_and_more() {}
        pub(crate) fn of_the_suite(start: Start) {}
        pub(crate) fn another(place: usize) {}
        #[cfg(test)]
        fn for_tests() {}
    ";
    for name in ["plain", "of_tokio", "plain_and_more", "of_the_suite"] {
        assert!(has_test(source, name), "{name}");
    }
    for name in ["ignored", "helper", "pla", "another", "for_tests", "missing"] {
        assert!(!has_test(source, name), "{name}");
    }
}
