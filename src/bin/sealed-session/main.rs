//! The command `sealed-session`: makes and rotates key files, and explains cookies.

mod args;
mod explain;
mod keys;
mod output;

use args::{Arguments, Command};
use clap::Parser;
use output::Output;
use std::process::ExitCode;
use time::OffsetDateTime;

/// What was asked for was done.
const DONE: u8 = 0;
/// The answer of `inspect` is no.
const REFUSED: u8 = 1;
/// Something is wrong with the arguments or a file, and nothing was written. (It is clap's code,
/// too.)
const BAD_INPUT: u8 = 2;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let now = arguments.now.unwrap_or_else(OffsetDateTime::now_utc);
    let answer = match &arguments.command {
        Command::Keys(command) => keys::run(command, &arguments, now).map(|output| (output, DONE)),
        Command::Inspect(question) => explain::run(question, &arguments, now)
            .map(|(output, accepted)| (output, if accepted { DONE } else { REFUSED })),
    };
    match answer {
        Ok((output, code)) => {
            if let Err(error) = Output::print(output, arguments.json) {
                eprintln!("sealed-session: the answer could not be printed: {error}");
                return ExitCode::FAILURE;
            }
            ExitCode::from(code)
        }
        Err(problem) => {
            eprintln!("sealed-session: {problem}");
            ExitCode::from(BAD_INPUT)
        }
    }
}
