//! The list in `README.md` and its cases: each entry is cited by a test, and each citation is true.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, ItemFn, Lit, Meta};
use walkdir::WalkDir;

/// What begins a citation.
const CITATION: &str = "Bad input ";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The numbers of the list, in its order, with letters where an entry has parts.
fn entries(list: &str) -> Vec<&str> {
    list.lines().filter_map(entry).collect()
}

/// The number with which a line begins an entry: `14. …` or `   - **5b** …`.
fn entry(line: &str) -> Option<&str> {
    if let Some(part) = line.trim_start().strip_prefix("- **") {
        let (number, _) = part.split_once("** ")?;
        return number.starts_with(|first: char| first.is_ascii_digit()).then_some(number);
    }
    let (number, _) = line.split_once(". ")?;
    number.bytes().all(|byte| byte.is_ascii_digit()).then_some(number)
}

/// One test that cites one entry.
#[derive(Debug, PartialEq, Eq)]
struct Citation {
    test: String,
    entry: String,
    /// The files that must stop the input, below `src` and without their ending.
    stopped_by: Vec<String>,
}

/// The citations of all tests in one file's text.
fn citations(text: &str) -> Vec<Citation> {
    let mut found = Citations(Vec::new());
    found.visit_file(&syn::parse_file(text).expect("it is Rust"));
    found.0
}

struct Citations(Vec<Citation>);

impl<'ast> Visit<'ast> for Citations {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        let has = |name| item.attrs.iter().any(|attribute| is_named(attribute, name));
        if has("test") && !has("ignore") {
            for line in item.attrs.iter().filter_map(doc_line) {
                if let Some(cited) = line.trim_start().strip_prefix(CITATION) {
                    self.0.push(citation(item.sig.ident.to_string(), cited));
                }
            }
        }
        visit::visit_item_fn(self, item);
    }
}

/// Whether an attribute has this name, `tokio::test` counting as `test`.
fn is_named(attribute: &Attribute, name: &str) -> bool {
    attribute.path().segments.last().is_some_and(|segment| segment.ident == name)
}

fn doc_line(attribute: &Attribute) -> Option<String> {
    match &attribute.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            Expr::Lit(expr) => match &expr.lit {
                Lit::Str(text) => Some(text.value()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// Reads what stands behind [`CITATION`]: ``14, `wire/envelope`: why``.
fn citation(test: String, cited: &str) -> Citation {
    let statement = cited.split(['.', ':']).next().unwrap();
    let mut parts = statement.split('`');
    let entry = parts.next().unwrap().split([',', ' ']).next().unwrap().to_owned();
    let stopped_by = parts.step_by(2).map(str::to_owned).collect();
    Citation { test, entry, stopped_by }
}

/// The citations of all tests of the project, by entry.
fn all_citations() -> BTreeMap<String, Vec<Citation>> {
    let mut by_entry: BTreeMap<String, Vec<Citation>> = BTreeMap::new();
    for folder in ["src", "tests"] {
        for file in WalkDir::new(root().join(folder)) {
            let file = file.unwrap();
            if file.path().extension().is_some_and(|extension| extension == "rs") {
                for citation in citations(&fs::read_to_string(file.path()).unwrap()) {
                    by_entry.entry(citation.entry.clone()).or_default().push(citation);
                }
            }
        }
    }
    by_entry
}

#[test]
fn every_entry_has_a_test() {
    let cited = all_citations();
    let untested: Vec<&str> = entries(include_str!("README.md"))
        .into_iter()
        .filter(|entry| !cited.contains_key(*entry))
        .collect();
    assert!(untested.is_empty(), "no test cites {untested:?}");
}

#[test]
fn the_numbers_stay() {
    let mut next = 1;
    let mut seen = BTreeSet::new();
    for entry in entries(include_str!("README.md")) {
        assert!(seen.insert(entry), "{entry} is there twice");
        match entry.parse::<u32>() {
            Ok(number) => {
                assert_eq!(number, next, "the numbers run without a gap");
                next += 1;
            }
            Err(_) => {
                let number = entry.trim_end_matches(|last: char| last.is_ascii_lowercase());
                assert_eq!(number.parse(), Ok(next - 1), "{entry} belongs to the entry before it");
            }
        }
    }
    assert!(next > 62, "no entry was lost");
}

#[test]
fn every_citation_is_of_an_entry_and_of_files_that_are_there() {
    let entries = entries(include_str!("README.md"));
    for citation in all_citations().into_values().flatten() {
        assert!(entries.contains(&&*citation.entry), "not in the list: {citation:?}");
        for file in &citation.stopped_by {
            let path = root().join("src").join(format!("{file}.rs"));
            assert!(path.is_file(), "src/{file}.rs is not there: {citation:?}");
        }
    }
}

#[test]
fn a_citation_counts_on_a_test_that_runs_only() {
    let text = "
        //! Bad input 1, `wire/envelope`.
        /// Bad input 2, `wire/envelope`.
        fn helper() {}
        /// Bad input 3, `wire/envelope`.
        #[test]
        #[ignore]
        fn ignored() {}
        // Bad input 4, `wire/envelope`.
        #[test]
        fn comment() {}
        mod tests {
            /// It is cut inside a byte, too.
            ///
            /// Bad input 5b, `wire/envelope`, `keys/ring` or `sessions`: see `Reason::Forged`.
            #[tokio::test]
            async fn counts() {}
            /// Bad input 36. Nothing stops it.
            #[test]
            fn counts_too() {}
        }";
    let stopped_by = ["wire/envelope", "keys/ring", "sessions"].map(str::to_owned).to_vec();
    let expected = [
        Citation { test: "counts".to_owned(), entry: "5b".to_owned(), stopped_by },
        Citation { test: "counts_too".to_owned(), entry: "36".to_owned(), stopped_by: vec![] },
    ];
    assert_eq!(citations(text), expected);
}
