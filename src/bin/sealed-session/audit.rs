//! Who changed a key file, and when? One line to standard error and, if asked, to a file.

use crate::words::{Problem, date};
use std::env;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use time::OffsetDateTime;

/// Where the line goes. It is opened before anything is changed, so that a change is not left
/// without its line.
#[derive(Clone)]
pub(crate) struct Audit {
    log: Option<Rc<(PathBuf, File)>>,
}

/// A change that was made, and whose line is still to be written.
pub(crate) struct Changed {
    pub(crate) audit: Audit,
    /// `keys rotate`, say.
    pub(crate) command: &'static str,
    pub(crate) file: PathBuf,
    pub(crate) generation: u64,
    pub(crate) now: OffsetDateTime,
}

impl Audit {
    pub(crate) fn open(path: Option<&Path>) -> Result<Audit, Problem> {
        let Some(path) = path else { return Ok(Audit { log: None }) };
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|error| {
            format!("the audit log {} cannot be opened: {error}", path.display())
        })?;
        Ok(Audit { log: Some(Rc::new((path.to_owned(), file))) })
    }
}

impl Changed {
    /// Writes the line.
    pub(crate) fn record(self) -> Result<(), Problem> {
        let line = line(&self);
        // Nobody may be there to read it; that is no reason to fail after the change.
        let _ = write!(std::io::stderr(), "audit: {line}");
        let Some((path, log)) = self.audit.log.as_deref() else { return Ok(()) };
        let mut log: &File = log;
        log.write_all(line.as_bytes()).and_then(|()| log.sync_all()).map_err(|error| {
            let (file, log) = (self.file.display(), path.display());
            format!("{file} was changed, but the audit log {log} cannot be written: {error}").into()
        })
    }
}

/// In one write, so that the lines of two commands do not mix. Every text is quoted: none can bring
/// a line of its own.
fn line(changed: &Changed) -> String {
    let mut line = date(changed.now);
    let mut add = |name: &str, value: String| {
        write!(line, " {name}={value}").expect("a string takes every text");
    };
    add("user", quoted(whoami::username().unwrap_or_else(|_| "?".to_owned())));
    if let Some(id) = user_id() {
        add("uid", id.to_string());
    }
    if let Ok(name) = env::var("SUDO_USER") {
        add("sudo_user", quoted(name));
    }
    add("host", quoted(whoami::hostname().unwrap_or_else(|_| "?".to_owned())));
    add("command", quoted(changed.command.to_owned()));
    let file = std::path::absolute(&changed.file).unwrap_or_else(|_| changed.file.clone());
    add("file", quoted(file.display().to_string()));
    add("generation", changed.generation.to_string());
    line.push('\n');
    line
}

fn quoted(text: String) -> String {
    format!("{text:?}")
}

/// The user that this process acts as; the environment could say anything.
#[cfg(target_os = "linux")]
fn user_id() -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    Some(std::fs::metadata("/proc/self").ok()?.uid())
}

#[cfg(not(target_os = "linux"))]
fn user_id() -> Option<u32> {
    None
}
