//! One answer in two forms: for people, and as JSON for programs.

use serde_json::Value;
use std::io::{self, Write};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

/// An answer.
pub(crate) struct Output {
    /// For people, with the last line's end. (It can be a new key.)
    pub(crate) text: Zeroizing<String>,
    /// For programs.
    pub(crate) json: Value,
}

impl Output {
    pub(crate) fn new(text: String, json: Value) -> Output {
        Output { text: Zeroizing::new(text), json }
    }

    /// All at once: not every reader waits for the end, and a closed pipe is no reason to panic.
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

/// As the key file has it, to the second where that is exact.
pub(crate) fn date(moment: OffsetDateTime) -> String {
    moment.format(&Rfc3339).unwrap_or_else(|_| moment.to_string())
}

/// Columns as wide as their widest cell; the last row's end included.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().enumerate();
        let line: Vec<String> = cells
            .map(|(column, cell)| match column + 1 < columns {
                true => format!("{cell:<width$}", width = width(column)),
                false => cell.clone(),
            })
            .collect();
        text += line.join("  ").trim_end();
        text.push('\n');
    }
    text
}
