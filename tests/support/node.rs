//! The JavaScript side, in a process of its own.

use std::path::Path;
use std::process::{Command, Stdio};

/// `node` with these arguments in the folder of the JavaScript side. `None` without `node`, which must
/// be there if `CI` is set.
pub(crate) fn node(arguments: &str) -> Option<Command> {
    let found = Command::new("node").arg("--version").stdout(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        assert!(std::env::var_os("CI").is_none(), "CI must have `node` installed");
        println!("skipped: `node` is missing");
        return None;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/javascript");
    let mut node = Command::new("node");
    node.current_dir(folder).args(arguments.split(' '));
    Some(node)
}
