//! One stack of `peers::with_redis`, listening on a loopback port that the system picks.
//!
//! Prints the port on its first line and serves until its standard input ends, so that it
//! never outlives who started it.

use std::{env, process::ExitCode};

use peers::with_redis::Stack;

fn main() -> ExitCode {
    let stack = env::args().nth(1).and_then(|word| Stack::named(&word));
    let (Some(stack), Some(redis)) = (stack, env::args().nth(2)) else {
        eprintln!("usage: redis_server axum|actix[-ours|-ours-ended|-redis] redis://…");
        return ExitCode::FAILURE;
    };
    stack.serve(&redis);
    ExitCode::SUCCESS
}
