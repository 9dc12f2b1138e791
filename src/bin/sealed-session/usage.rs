//! What is wrong with the arguments? Without repeating them: one could be a key in the wrong place.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::error::Error;

/// Returns the message in one line.
pub(crate) fn message(error: &clap::Error) -> String {
    let problem = match error.kind() {
        ErrorKind::ValueValidation | ErrorKind::InvalidValue => {
            let argument = ours(error, ContextKind::InvalidArg);
            match error.source() {
                Some(problem) => format!("{argument}: {problem}"),
                None => format!("{argument} needs a value"),
            }
        }
        ErrorKind::UnknownArgument => {
            format!("unexpected argument{}", typed(error, ContextKind::InvalidArg))
        }
        ErrorKind::InvalidSubcommand => {
            format!("unknown command{}", typed(error, ContextKind::InvalidSubcommand))
        }
        ErrorKind::MissingRequiredArgument => {
            format!("missing: {}", ours(error, ContextKind::InvalidArg))
        }
        ErrorKind::InvalidUtf8 => "an argument is not UTF-8".to_owned(),
        kind => kind.as_str().unwrap_or("the arguments are wrong").to_owned(),
    };
    format!("{problem} (`--help` shows what there is)")
}

/// Returns names that this program has given to its arguments.
fn ours(error: &clap::Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(name)) => format!("`{name}`"),
        Some(ContextValue::Strings(names)) => format!("`{}`", names.join("`, `")),
        _ => "an argument".to_owned(),
    }
}

/// Returns what was typed, if it looks like a mistyped word and not like a secret.
fn typed(error: &clap::Error, kind: ContextKind) -> String {
    let text = match error.get(kind) {
        Some(ContextValue::String(text)) => text,
        _ => return String::new(),
    };
    let a_word = text.len() <= 24 && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'-'));
    if a_word { format!(" `{text}`") } else { String::new() }
}
