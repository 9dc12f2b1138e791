//! One answer in two forms: for people, and as JSON for programs.

use crate::audit::Changed;
use serde_json::Value;
use std::io::{self, Write};
use zeroize::Zeroizing;

/// An answer.
pub(crate) struct Output {
    /// For people, with the last line's end. (It can be a new key.)
    pub(crate) text: Zeroizing<String>,
    /// For programs.
    pub(crate) json: Value,
    /// What was changed, if anything was.
    pub(crate) changed: Option<Changed>,
}

impl Output {
    pub(crate) fn new(text: String, json: Value) -> Output {
        Output { text: Zeroizing::new(text), json, changed: None }
    }

    /// Prints all at once: not every reader waits for the end, and a closed pipe is no reason to
    /// panic.
    pub(crate) fn print(self, as_json: bool) -> io::Result<()> {
        let text = match as_json {
            true => Zeroizing::new(format!("{:#}\n", self.json)),
            false => self.text,
        };
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}
