//! What is wrong with a key file, and where.

use std::fmt;
use std::path::{Path, PathBuf};

/// A key file, or a change of one, that is refused. The message names the file and the line where
/// there is one, and the fix; it never repeats any part of a secret. `Debug` prints the same as
/// `Display`, because `main` returns it.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyFileError {
    path: Option<PathBuf>,
    line: Option<usize>,
    problem: String,
    was_written: bool,
}

impl KeyFileError {
    pub(crate) fn new(problem: impl Into<String>) -> KeyFileError {
        KeyFileError { path: None, line: None, problem: problem.into(), was_written: false }
    }

    pub(crate) fn on_line(line: usize, problem: impl Into<String>) -> KeyFileError {
        KeyFileError { line: Some(line), ..KeyFileError::new(problem) }
    }

    pub(crate) fn in_file(self, path: &Path) -> KeyFileError {
        KeyFileError { path: Some(path.to_owned()), ..self }
    }

    pub(crate) fn though_written(self) -> KeyFileError {
        KeyFileError { was_written: true, ..self }
    }

    /// Returns whether the file was written all the same, and servers use it: only its folder could not
    /// be synchronised with the disk.
    pub fn was_written(&self) -> bool {
        self.was_written
    }

    /// Returns the line of the file to fix, from 1.
    pub fn line(&self) -> Option<usize> {
        self.line
    }
}

impl fmt::Display for KeyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{}: ", path.display())?;
        }
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        f.write_str(&self.problem)
    }
}

impl fmt::Debug for KeyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for KeyFileError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_told_in_the_message_and_alone() {
        let error = KeyFileError::on_line(7, "`key` is not a list").in_file(Path::new("keys.toml"));
        assert_eq!(error.line(), Some(7));
        assert_eq!(error.to_string(), "keys.toml: line 7: `key` is not a list");
        assert_eq!(format!("{error:?}"), error.to_string());
        assert_eq!(KeyFileError::new("is not a file").line(), None);
    }
}
