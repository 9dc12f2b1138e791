//! The JavaScript side, in a process of its own.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// `node` with these arguments in the folder of the JavaScript side. `None` without `node`, which must
/// be there if `CI` is set.
///
/// Panics if it is older than `package.json` says.
pub(crate) fn node(arguments: &str) -> Option<Command> {
    let found = Command::new("node").arg("--version").stderr(Stdio::null()).output();
    let Some(version) = found.ok().filter(|output| output.status.success()) else {
        assert!(std::env::var_os("CI").is_none(), "CI must have `node` installed");
        println!("skipped: `node` is missing");
        return None;
    };
    if let Some(problem) = too_old(&String::from_utf8_lossy(&version.stdout), oldest()) {
        panic!("{problem}");
    }
    let mut node = Command::new("node");
    node.current_dir(folder()).args(arguments.split(' '));
    Some(node)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/javascript")
}

/// The oldest release of Node that runs the JavaScript side, as its package says: `>=20`.
fn oldest() -> u32 {
    let package = std::fs::read_to_string(folder().join("package.json")).unwrap();
    let package: Value = serde_json::from_str(&package).unwrap();
    let engine = package["engines"]["node"].as_str().expect("the package names its engine");
    engine.strip_prefix(">=").and_then(|oldest| oldest.parse().ok()).expect(engine)
}

/// Returns what to do about a `node` that says this of itself (`v20.20.2`), if it cannot be used.
pub(crate) fn too_old(version: &str, oldest: u32) -> Option<String> {
    let version = version.trim();
    let major = version.strip_prefix('v').and_then(|version| version.split('.').next());
    match major.and_then(|major| major.parse::<u32>().ok()) {
        Some(major) if major >= oldest => None,
        _ => Some(format!(
            "`node --version` says `{version}`, and interop/javascript needs Node {oldest} or later: \
             install it (https://nodejs.org/en/download), or put its folder first in `PATH`"
        )),
    }
}
