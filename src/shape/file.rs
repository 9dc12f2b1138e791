//! The file that says what the sessions in the browsers look like, and what is said when the type
//! looks otherwise.

use super::diff;
use super::node::without_names;
use std::ffi::OsStr;
use std::path::Path;
use std::{fs, io};

const FIRST_LINE: &str =
    "# What the data of a session looks like, for `sealed_session::shape`. Commit this file.";
const VERSION: &str = "schema_version ";

/// What the environment allows the test to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Update {
    /// A missing file only.
    No,
    /// A shape under a new version.
    Raised,
    /// Other names for the same parts, under the same version.
    Renamed,
}

impl Update {
    pub(crate) fn parse(variable: Option<&OsStr>) -> Result<Update, String> {
        match variable.map(|text| text.to_str()) {
            None | Some(Some("" | "0")) => Ok(Update::No),
            Some(Some("1")) => Ok(Update::Raised),
            Some(Some("renamed")) => Ok(Update::Renamed),
            Some(_) => Err("`UPDATE_SHAPES` is `1`, after `schema_version` was raised, or \
                `renamed`, after a field or a variant got another name"
                .to_owned()),
        }
    }
}

/// Compares `shape`, and writes it if that is allowed.
pub(crate) fn check(path: &Path, version: u32, shape: &str, update: Update) -> Result<(), String> {
    let file = path.display();
    let write = || {
        let text = format!("{FIRST_LINE}\n{VERSION}{version}\n\n{shape}");
        fs::write(path, text).map_err(|error| format!("{file} cannot be written: {error}"))
    };
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            write()?;
            if update == Update::Raised {
                return Ok(());
            }
            return Err(format!(
                "{file} was missing and is written now. Commit it and run this test again. (If it \
                 should have been there: did somebody move it, or is the path another one?)"
            ));
        }
        Err(error) => return Err(format!("{file} cannot be read: {error}")),
    };
    let (known_version, known) = parse(&text).ok_or_else(|| {
        format!("{file} is not a file of `sealed_session::shape`: restore it from version control")
    })?;
    if known == shape && known_version == version {
        return Ok(());
    }
    if version < known_version {
        return Err(format!(
            "`schema_version` is {version} and {file} says {known_version}. A version never goes \
             back: sessions of {known_version} are in browsers, and a server of {version} does not \
             read them"
        ));
    }
    if version > known_version {
        if update == Update::Raised {
            return write();
        }
        return Err(format!(
            "`schema_version` was raised from {known_version} to {version}, and {file} is still of \
             {known_version}. If `.upgrade({known_version}, …)` has the old type, run this test \
             once with `UPDATE_SHAPES=1` in the environment and commit the file.{}",
            changes(&known, shape)
        ));
    }
    let names_only = without_names(&known) == without_names(shape);
    if names_only && !names_moved(&known, shape) {
        if update == Update::Renamed {
            return write();
        }
        return Err(format!(
            "names in the data of a session changed, and `schema_version` is still {version}. \
             Sessions that are in browsers now are read by place, not by name. If every value \
             means what it meant before, run this test once with `UPDATE_SHAPES=renamed` in the \
             environment. If not, {}{}",
            raise(version),
            changes(&known, shape)
        ));
    }
    let what = if names_only {
        "parts of the data of a session changed places, which `UPDATE_SHAPES` does not accept"
    } else {
        "the shape of the data of a session changed"
    };
    Err(format!(
        "{what}, and `schema_version` is still {version}: sessions that are in browsers now would \
         be refused, or read with another meaning. To fix it, {}{}",
        raise(version),
        changes(&known, shape)
    ))
}

fn raise(version: u32) -> String {
    let next = version.saturating_add(1);
    format!(
        "keep the old type, set `.schema_version({next}).upgrade({version}, |old: Old| …)`, and \
         run this test once with `UPDATE_SHAPES=1` in the environment."
    )
}

fn changes(known: &str, shape: &str) -> String {
    if known == shape {
        return " The shape itself did not change.".to_owned();
    }
    format!("\n\n{}", diff::lines(known, shape))
}

/// Whether a name that was there is there still, at another place: then it did not get another name.
fn names_moved(known: &str, shape: &str) -> bool {
    let changed = |lines: &str, others: &str| -> Vec<String> {
        let pairs = lines.lines().zip(others.lines());
        pairs.filter(|(a, b)| a != b).map(|(a, _)| a.trim().to_owned()).collect()
    };
    let (went, came) = (changed(known, shape), changed(shape, known));
    went.iter().any(|line| came.contains(line))
}

/// The version and the shape. Line ends may be those of another system.
fn parse(text: &str) -> Option<(u32, String)> {
    let mut lines = text.lines().skip_while(|line| line.starts_with('#'));
    let version = lines.next()?.strip_prefix(VERSION)?.trim().parse().ok()?;
    let shape = lines.skip_while(|line| line.is_empty());
    Some((version, shape.flat_map(|line| [line, "\n"]).collect()))
}
