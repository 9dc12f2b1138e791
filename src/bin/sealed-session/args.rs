//! What can be asked of the command, and how lengths and dates are written.

use clap::{Args, Parser, Subcommand};
use sealed_session::KeyId;
use std::path::PathBuf;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

/// Makes and rotates the key files of sealed-session, and explains its cookies.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Answer in JSON, for programs (errors too, on standard error)
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Take a key file that group or others can read (a mount that is so by design)
    #[arg(long, global = true)]
    pub(crate) allow_readable_by_others: bool,
    /// Take this for the time, instead of the clock's (for tests)
    #[arg(long, global = true, hide = true, value_parser = moment)]
    pub(crate) now: Option<OffsetDateTime>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make, change and show key files
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Explain a cookie: what it says, and why it is refused
    Inspect(Inspect),
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key file with one key, which seals at once
    New(Change),
    /// Add a key that seals once every server has it, and give the one before it its end
    Rotate(Rotate),
    /// Take back a key that is published and does not seal yet
    Cancel(Cancel),
    /// End a key that leaked, now, with every session that its holder could have forged
    Revoke(Revoke),
    /// Remove the keys that have not opened anything for a day
    Prune(Prune),
    /// Rotate if it is time and prune: safe every hour from cron or a systemd timer
    Tend(Tend),
    /// Show ids, states and dates of the keys, and no secret
    List {
        /// The key file
        #[arg(value_parser = path)]
        file: PathBuf,
    },
    /// Print one new key, for SESSION_KEYS
    Generate,
}

/// What every change of a key file has.
#[derive(Debug, Args)]
pub(crate) struct Change {
    /// The key file
    #[arg(value_parser = path)]
    pub(crate) file: PathBuf,
    /// Say what would be done, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Add a line about the change to this file, too (time, user, host, command, generation)
    #[arg(long, value_name = "FILE", value_parser = path)]
    pub(crate) audit_log: Option<PathBuf>,
    /// How long to wait while another process has the file's folder locked
    #[arg(long, default_value = "10s", value_name = "LENGTH", value_parser = length)]
    pub(crate) lock_timeout: Duration,
}

/// What the fleet is like.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct FleetArgs {
    /// How long until every server that gets requests has read a new file
    #[arg(long, default_value = "5m", value_name = "LENGTH", value_parser = length)]
    pub(crate) propagation: Duration,
    /// How far a server's clock may be from this machine's
    #[arg(long, default_value = "30s", value_name = "LENGTH", value_parser = length)]
    pub(crate) skew: Duration,
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct RotationArgs {
    /// How long from now until the new key seals
    #[arg(long, default_value = "10m", value_name = "LENGTH", value_parser = length)]
    pub(crate) after: Duration,
    #[command(flatten)]
    pub(crate) fleet: FleetArgs,
    /// The longest idle timeout any session may have, but not past the longest absolute one
    #[arg(long, default_value = "8h", value_name = "LENGTH", value_parser = length)]
    pub(crate) max_session: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct Rotate {
    #[command(flatten)]
    pub(crate) change: Change,
    #[command(flatten)]
    pub(crate) rotation: RotationArgs,
    /// Add a key although another one is published and does not seal yet
    #[arg(long)]
    pub(crate) again: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Cancel {
    #[command(flatten)]
    pub(crate) change: Change,
    /// The key's id: 8 hex digits, as `keys list` shows them
    pub(crate) id: KeyId,
    #[command(flatten)]
    pub(crate) fleet: FleetArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    #[command(flatten)]
    pub(crate) change: Change,
    /// The key's id: 8 hex digits, as `keys list` shows them
    pub(crate) id: KeyId,
    #[command(flatten)]
    pub(crate) fleet: FleetArgs,
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct AfterEnd {
    /// How long after its end a key is removed; less than a day trusts this machine's clock
    #[arg(long, default_value = "1d", value_name = "LENGTH", value_parser = length)]
    pub(crate) after_end: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct Prune {
    #[command(flatten)]
    pub(crate) change: Change,
    #[command(flatten)]
    pub(crate) end: AfterEnd,
}

#[derive(Debug, Args)]
pub(crate) struct Tend {
    #[command(flatten)]
    pub(crate) change: Change,
    /// How long a key seals before the next one is published, like 30d
    #[arg(long, value_name = "LENGTH", value_parser = length)]
    pub(crate) every: Duration,
    #[command(flatten)]
    pub(crate) rotation: RotationArgs,
    #[command(flatten)]
    pub(crate) end: AfterEnd,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// The cookie's value, or a whole `Cookie` or `Set-Cookie` line; `-` reads it from the standard
    /// input
    #[arg(allow_hyphen_values = true)]
    pub(crate) value: String,
    /// The key file of the server that should open it
    #[arg(long, value_name = "FILE", requires = "app", value_parser = path)]
    pub(crate) keys: Option<PathBuf>,
    /// The application's name, the first argument of `Sessions::builder`
    #[arg(long, value_name = "NAME")]
    pub(crate) app: Option<String>,
    /// The cookie's name
    #[arg(long, default_value = "__Host-session")]
    pub(crate) name: String,
    /// The server's idle timeout
    #[arg(long, default_value = "30m", value_name = "LENGTH", value_parser = length)]
    pub(crate) idle_timeout: Duration,
    /// The server's absolute timeout
    #[arg(long, default_value = "8h", value_name = "LENGTH", value_parser = length)]
    pub(crate) absolute_timeout: Duration,
    /// What the server cuts a session's own idle timeout to [default: the idle timeout]
    #[arg(long, value_name = "LENGTH", value_parser = length)]
    pub(crate) longest_idle: Option<Duration>,
    /// What the server cuts a session's own absolute timeout to [default: the absolute timeout]
    #[arg(long, value_name = "LENGTH", value_parser = length)]
    pub(crate) longest_absolute: Option<Duration>,
}

/// `90s`, `10m`, `1h30m`, `30d`.
fn length(text: &str) -> Result<Duration, String> {
    const FORM: &str = "write a length like 90s, 10m, 1h30m or 30d";
    let mut rest = text;
    let mut sum: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number: u64 = rest[..digits].parse().map_err(|_| FORM)?;
        let mut units = rest[digits..].chars();
        let seconds = match units.next() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 60 * 60,
            Some('d') => 24 * 60 * 60,
            _ => return Err(FORM.to_owned()),
        };
        let part = number.checked_mul(seconds);
        sum = part.and_then(|part| sum.checked_add(part)).ok_or("that is too long")?;
        rest = units.as_str();
    }
    match i64::try_from(sum) {
        Ok(seconds) if !text.is_empty() => Ok(Duration::seconds(seconds)),
        Ok(_) => Err(FORM.to_owned()),
        Err(_) => Err("that is too long".to_owned()),
    }
}

/// What looks like a key is no path: it would be shown in messages, or become a file's name.
fn path(text: &str) -> Result<PathBuf, &'static str> {
    match text.contains("ssk1_") {
        true => {
            Err("this is a key where the name of a file belongs. A shell keeps what was typed: \
                     if the key is in use, revoke it")
        }
        false => Ok(PathBuf::from(text)),
    }
}

fn moment(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_length_add_up() {
        for (text, length_is) in [
            ("90s", Duration::seconds(90)),
            ("10m", Duration::minutes(10)),
            ("1h30m", Duration::minutes(90)),
            ("2d3h", Duration::hours(51)),
            ("0s", Duration::ZERO),
        ] {
            assert_eq!(length(text), Ok(length_is), "{text}");
        }
    }

    #[test]
    fn an_empty_length_is_none() {
        assert_eq!(length(""), Err("write a length like 90s, 10m, 1h30m or 30d".to_owned()));
    }
}
