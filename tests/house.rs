//! The order of the house: no two files of `src` import each other, directly or in a ring, and no
//! file grows too long. Read from the source text, by `house/imports.rs`.

// Around the file of the folder, for which Rust would otherwise look beside this one.
mod house {
    pub(crate) mod imports;
}

use house::imports::{Crate, Files};
use std::fs;
use std::path::Path;
use walkdir::WalkDir;

/// How many lines a file may have without its tests.
const MAX_LINES: usize = 420;

/// The roots of the two crates in `src`.
const ROOTS: [&str; 2] = ["lib.rs", "bin/sealed-session/main.rs"];

/// The text of every file of `src`, by its path in there.
fn files() -> Files {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let paths = WalkDir::new(&src).into_iter().map(|entry| entry.unwrap().into_path());
    let sources = paths.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let name = |path: &Path| path.strip_prefix(&src).unwrap().to_str().unwrap().replace('\\', "/");
    sources.map(|path| (name(&path), fs::read_to_string(&path).unwrap())).collect()
}

#[test]
fn no_two_files_import_each_other_directly_or_in_a_ring() {
    let files = files();
    let rings: Vec<String> =
        ROOTS.iter().flat_map(|root| Crate::read(root, &files).rings()).collect();
    assert!(rings.is_empty(), "{} rings:\n\n{}", rings.len(), rings.join("\n"));
}

#[test]
fn no_file_is_too_long_without_its_tests() {
    let files = files();
    let crates = ROOTS.map(|root| Crate::read(root, &files));
    let lengths = crates.iter().flat_map(Crate::lines_without_tests);
    let too_long: Vec<_> = lengths.filter(|(_, lines)| *lines > MAX_LINES).collect();
    assert!(too_long.is_empty(), "over {MAX_LINES} lines: {too_long:?}");
}

#[test]
fn every_file_belongs_to_a_crate() {
    let files = files();
    let crates = ROOTS.map(|root| Crate::read(root, &files));
    let read: Vec<&str> = crates.iter().flat_map(Crate::files).collect();
    // The files of a folder of tests are compiled with the file that names them.
    let tests: Vec<&str> = crates.iter().flat_map(Crate::folders_of_tests).collect();
    let belongs = |file: &str| {
        read.contains(&file)
            || tests
                .iter()
                .any(|tests| file.strip_prefix(tests).is_some_and(|inside| inside.starts_with('/')))
    };
    let unread: Vec<_> = files.keys().filter(|file| !belongs(file)).collect();
    assert!(unread.is_empty(), "no `mod` names {unread:?}");
}
