//! What texts are made of: dates and tables.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What went wrong, in words.
pub(crate) type Problem = Box<dyn std::error::Error>;

/// Writes a date as the key file has it, without what is finer than a millisecond.
pub(crate) fn date(moment: OffsetDateTime) -> String {
    let moment = moment.replace_millisecond(moment.millisecond()).unwrap_or(moment);
    moment.format(&Rfc3339).unwrap_or_else(|_| moment.to_string())
}

/// Columns as wide as their widest cell; the last row's end included.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().enumerate();
        let line: Vec<String> =
            cells.map(|(column, cell)| format!("{cell:<width$}", width = width(column))).collect();
        text += line.join("  ").trim_end();
        text.push('\n');
    }
    text
}
