//! The command `sealed-session`: makes and rotates key files, and explains cookies.

mod args;
mod audit;
mod cookie_line;
mod explain;
mod keys;
mod output;
mod usage;
mod words;

use args::{Arguments, Command};
use audit::Changed;
use clap::Parser;
use clap::error::ErrorKind;
use sealed_session::KeyFile;
use sealed_session::key_file::KeyFileError;
use serde_json::json;
use std::io::Write;
use std::process::ExitCode;
use time::OffsetDateTime;

/// What was asked for was done.
const DONE: u8 = 0;
/// The answer of `inspect` is no.
const REFUSED: u8 = 1;
/// Something is wrong with the arguments or a file, and nothing was written. (It is clap's code,
/// too.)
const BAD_INPUT: u8 = 2;
/// It was done, but the answer or the line of the audit log could not be written, or a loss of power may
/// undo it.
const NOT_TOLD: u8 = 3;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if shows_help(error.kind()) => error.exit(),
        Err(error) => {
            let as_json = std::env::args_os().any(|argument| argument == "--json");
            return fail(&usage::message(&error), as_json, BAD_INPUT);
        }
    };
    let now = arguments.now.unwrap_or_else(OffsetDateTime::now_utc);
    let mut files = KeyFile::options();
    if arguments.allow_readable_by_others {
        files = files.allow_readable_by_others();
    }
    let answer = match &arguments.command {
        Command::Keys(command) => keys::run(command, files, now).map(|output| (output, DONE)),
        Command::Inspect(question) => explain::run(question, &files, now)
            .map(|(output, accepted)| (output, if accepted { DONE } else { REFUSED })),
    };
    let (mut output, code) = match answer {
        Ok(answer) => answer,
        Err(problem) => {
            let error = problem.downcast_ref::<KeyFileError>();
            let code =
                if error.is_some_and(KeyFileError::was_written) { NOT_TOLD } else { BAD_INPUT };
            return fail(&problem.to_string(), arguments.json, code);
        }
    };
    // What fails from here on is told, and undoes nothing.
    let changed = output.changed.take();
    let done = changed.as_ref().map_or(String::new(), |changed| {
        let (file, generation) = (changed.file.display(), changed.generation);
        format!("{file} was changed, to generation {generation} (`keys list` shows it), but ")
    });
    let recorded = changed.map_or(Ok(()), Changed::record);
    let printed = output.print(arguments.json);
    match (printed, recorded) {
        (Err(error), _) => {
            let problem = format!("{done}the answer could not be printed: {error}");
            fail(&problem, arguments.json, NOT_TOLD)
        }
        (_, Err(problem)) => fail(&problem.to_string(), arguments.json, NOT_TOLD),
        (Ok(()), Ok(())) => ExitCode::from(code),
    }
}

fn shows_help(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    )
}

/// Says so on standard error, which nobody may read.
fn fail(problem: &str, as_json: bool, code: u8) -> ExitCode {
    let line = match as_json {
        true => json!({ "error": problem }).to_string(),
        false => format!("sealed-session: {problem}"),
    };
    let _ = writeln!(std::io::stderr(), "{line}");
    ExitCode::from(code)
}
