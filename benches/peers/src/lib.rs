//! sealed-session side by side with what a user would pick instead, and with the floor.
//!
//! ```text
//! records → peers → level → line_up → harness → report, targets
//!           floor ↗
//!           ours  ↗
//! ```
//!
//! `RUST_BACKTRACE=0 cargo run --release` prints all tables; `-- --quick` only looks
//! whether everything runs. A server under load and the memory of a server that has seen
//! many sessions are programs of their own: `src/bin/load.rs` and `src/bin/memory.rs`. So are the
//! servers beside a Redis: `src/bin/redis.rs`.

pub mod alloc;
pub mod cookies;
pub mod engine;
pub mod floor;
pub mod harness;
pub mod level;
pub mod line_up;
pub mod now;
pub mod ours;
pub mod peers;
pub mod process;
pub mod records;
pub mod report;
pub mod targets;
pub mod variants;
pub mod versions;
pub mod with_redis;
pub mod wrk;
pub mod xaes;
