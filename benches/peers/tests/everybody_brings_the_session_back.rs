//! Each contestant proves on its way into the line-up that it stores and returns the
//! session; here they are all lined up, and each operation runs once more.

use std::time::Duration;

use peers::{
    harness::{Plan, measure},
    line_up,
};

#[test]
fn everybody_brings_the_session_back() {
    let once = Plan { rounds: 1, batch: Duration::ZERO };
    assert!(!measure(line_up::contestants(), once).is_empty());
}
