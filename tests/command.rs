//! The command `sealed-session`, run as it is: what it writes, what it says, and that bad input
//! ends with code 2 and nothing written.

mod support;

use sealed_session::key_file::tools::KeySchedule;
use sealed_session::{Key, KeyFile, KeyState, Session, Sessions};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use support::key_files::*;
use time::{Duration, OffsetDateTime};

/// A folder with one key file, `keys.toml`.
struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    fn empty() -> Folder {
        Folder { folder: tempfile::tempdir().unwrap() }
    }

    /// With a file of one key, made a month ago.
    fn with_keys() -> Folder {
        let folder = Folder::empty();
        folder.put(&KeySchedule::new(key(1), NOW - Duration::days(30)).unwrap().to_text());
        folder
    }

    fn put(&self, text: &str) {
        fs::write(self.path(), text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(self.path(), fs::Permissions::from_mode(0o600)).unwrap();
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("keys.toml")
    }

    fn keys(&self) -> KeySchedule {
        KeyFile::open(self.path()).unwrap().schedule().clone()
    }

    /// Every name in the folder with its content.
    fn contents(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let entries = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut contents: Vec<_> =
            entries.map(|path| (path.clone(), fs::read(&path).unwrap_or_default())).collect();
        contents.sort();
        contents
    }

    fn command(&self, arguments: &[&str], now: OffsetDateTime) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sealed-session"));
        let now = now.format(&time::format_description::well_known::Rfc3339).unwrap();
        command.args(["--now", &now]).args(arguments).current_dir(self.folder.path());
        command
    }

    fn run_at(&self, now: OffsetDateTime, arguments: &[&str]) -> Output {
        self.command(arguments, now).stdin(Stdio::null()).output().unwrap()
    }

    #[track_caller]
    fn says_at(&self, now: OffsetDateTime, arguments: &[&str]) -> String {
        let output = self.run_at(now, arguments);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_no_secret(&output, self);
        String::from_utf8(output.stdout).unwrap()
    }

    /// What is said after the first line, which is the same for every change.
    #[track_caller]
    fn changes(&self, arguments: &[&str], generation: u64) -> String {
        let text = self.says(arguments);
        let first = format!(
            "keys.toml: generation {generation}, at 2026-11-21T12:00:00Z by this machine's clock\n"
        );
        text.strip_prefix(&first).unwrap_or_else(|| panic!("{text}")).to_owned()
    }

    #[track_caller]
    fn says(&self, arguments: &[&str]) -> String {
        self.says_at(NOW, arguments)
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.says(&[arguments, &["--json"]].concat())).unwrap()
    }

    /// The message; the folder is as it was.
    #[track_caller]
    fn refuses(&self, arguments: &[&str]) -> String {
        let before = self.contents();
        let output = self.run_at(NOW, arguments);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        assert_eq!(self.contents(), before, "nothing is written");
        assert_no_secret(&output, self);
        String::from_utf8(output.stderr).unwrap()
    }
}

/// No piece of any secret in the folder.
#[track_caller]
fn assert_no_secret(output: &Output, folder: &Folder) {
    let shown =
        String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
    assert!(!shown.contains("ssk1_") || shown.contains("begins with `ssk1_`"), "{shown}");
    for (_, content) in folder.contents() {
        for (at, _) in String::from_utf8_lossy(&content).match_indices("ssk1_") {
            let secret = &content[at + 5..content.len().min(at + 17)];
            let secret = String::from_utf8_lossy(secret).into_owned();
            assert!(secret.len() < 12 || !shown.contains(&secret), "{shown}");
        }
    }
}

fn state(schedule: &KeySchedule, place: usize, now: OffsetDateTime) -> KeyState {
    let id = schedule.keys()[place].id();
    let states = schedule.key_ring().states_at(now);
    states.into_iter().find(|(other, _)| *other == id).unwrap().1
}

#[test]
fn new_makes_a_file_with_one_active_key() {
    let folder = Folder::empty();
    let text = folder.changes(&["keys", "new", "keys.toml"], 1);
    let schedule = folder.keys();
    let id = schedule.keys()[0].id();
    assert_eq!(text, format!("The key {id} seals at once.\n"));
    assert_eq!(state(&schedule, 0, NOW), KeyState::Active);
    let message = folder.refuses(&["keys", "new", "keys.toml"]);
    assert!(message.contains("already exists; overwriting it would lose its keys"), "{message}");
}

/// `rotate` said "use `new`", `new` said "use `rotate`", and whoever followed lost the fleet's keys.
#[test]
fn an_emptied_file_is_to_be_put_back_and_no_command_says_otherwise() {
    let folder = Folder::empty();
    folder.put("");
    for command in ["rotate", "prune", "list"] {
        let message = folder.refuses(&["keys", command, "keys.toml"]);
        assert!(message.contains("put it back from another server or a backup"), "{message}");
    }
    let message = folder.refuses(&["keys", "new", "keys.toml"]);
    assert!(message.contains("put it back from one of them or a backup"), "{message}");
    assert!(!message.contains("keys rotate"), "{message}");
}

#[test]
fn rotate_writes_both_dates() {
    let folder = Folder::with_keys();
    let lengths = ["--after", "10m", "--max-session", "8h", "--skew", "30s"];
    let text = folder.changes(&[&["keys", "rotate", "keys.toml"], &lengths[..]].concat(), 2);
    let schedule = folder.keys();
    let [old, new] = schedule.keys() else { panic!("two keys") };
    let (old_id, new_id) = (old.id(), new.id());
    assert_eq!(
        text,
        format!(
            "The new key {new_id} seals from 2026-11-21T12:10:00Z. Every server must have this file by 2026-11-21T12:09:30Z.\n\
             The key {old_id} opens until 2026-11-21T20:12:00Z; `keys prune` removes it a day after that.\n"
        )
    );
    assert_eq!(new.seal_from(), NOW + Duration::minutes(10));
    let drain = Duration::hours(8) + Duration::seconds(60) + Duration::seconds(30) * 2;
    assert_eq!(old.open_until(), Some(new.seal_from() + drain));
    assert_eq!(schedule.generation(), 2);
}

#[test]
fn a_second_rotation_needs_to_be_asked_for() {
    let folder = Folder::with_keys();
    folder.says(&["keys", "rotate", "keys.toml", "--after", "100d"]);
    let message = folder.refuses(&["keys", "rotate", "keys.toml", "--after", "10m"]);
    assert!(
        message.contains("is published already and seals from 2027-03-01T12:00:00Z"),
        "{message}"
    );
    let message = folder.refuses(&["keys", "rotate", "keys.toml", "--after", "10m", "--again"]);
    assert!(message.contains("only begins at 2027-03-01T12:00:00Z: give a longer"), "{message}");
    folder.says(&["keys", "rotate", "keys.toml", "--after", "101d", "--again"]);
    assert_eq!(folder.keys().keys()[2].seal_from(), NOW + Duration::days(101));
}

#[test]
fn cancel_takes_a_published_key_back() {
    let folder = Folder::with_keys();
    let before = folder.keys().to_text();
    folder.says(&["keys", "rotate", "keys.toml", "--after", "20m"]);
    let new = folder.keys().keys()[1].id().to_string();
    let late = ["keys", "cancel", "keys.toml", &new, "--propagation", "19m30s", "--skew", "30s"];
    let message = folder.refuses(&late);
    assert!(message.contains("that is too soon to take it back"), "{message}");
    let text = folder.changes(&["keys", "cancel", "keys.toml", &new], 3);
    let old = key(1).id();
    assert_eq!(
        text,
        format!(
            "The key {new} is taken back. The key {old} seals in its place; it has no end again. \
             Bring this file to every server.\n"
        )
    );
    assert_eq!(*folder.keys().to_text(), before.replace("generation = 1", "generation = 3"));
}

#[test]
fn a_dry_run_says_what_would_be_done_and_writes_nothing() {
    let folder = Folder::with_keys();
    folder.says(&["keys", "rotate", "keys.toml", "--after", "20m"]);
    let ids: Vec<String> =
        folder.keys().keys().iter().map(|dated| dated.id().to_string()).collect();
    let before = folder.contents();
    let log = folder.folder.path().join("audit.log");
    for (arguments, says) in [
        (&["keys", "new", "other.toml"][..], "seals at once"),
        (
            &["keys", "rotate", "keys.toml", "--again", "--after", "1h"],
            "seals from 2026-11-21T13:00:00Z",
        ),
        (&["keys", "cancel", "keys.toml", &ids[1]], "it has no end again"),
        (&["keys", "revoke", "keys.toml", &ids[0]], "is revoked"),
        (&["keys", "prune", "keys.toml"], "The next to go is"),
        (&["keys", "tend", "keys.toml", "--every", "30d"], "The next rotation is due from"),
    ] {
        let dry = ["--dry-run", "--audit-log", log.to_str().unwrap()];
        let text = folder.says(&[arguments, &dry[..]].concat());
        let first =
            ": a dry run at 2026-11-21T12:00:00Z by this machine's clock; nothing was written.";
        assert!(text.lines().next().unwrap().contains(first), "{text}");
        assert!(text.contains(says), "{text}");
        assert_eq!(folder.contents(), before, "{arguments:?}");
    }
    assert_eq!(folder.json(&["keys", "prune", "keys.toml", "--dry-run"])["dry_run"], true);
    folder.refuses(&["keys", "new", "keys.toml", "--dry-run"]);
}

// tend

const TEND: [&str; 5] = ["keys", "tend", "keys.toml", "--every", "30d"];

#[test]
fn tend_rotates_when_it_is_time_and_says_when_it_is() {
    let folder = Folder::with_keys();
    let text = folder.changes(&TEND, 2);
    let [old, new] = [0, 1].map(|place| folder.keys().keys()[place].id());
    assert_eq!(
        text,
        format!(
            "The new key {new} seals from 2026-11-21T12:10:00Z. Every server must have this file by 2026-11-21T12:09:30Z.\n\
             The key {old} opens until 2026-11-21T20:12:00Z; `keys prune` removes it a day after that.\n\
             The next rotation is due from 2026-12-21T12:10:00Z.\n\
             No key was removed. The next to go is {old}, from 2026-11-22T20:12:00Z.\n"
        )
    );
    let before = folder.contents();
    let text = folder.changes(&TEND, 2);
    assert!(text.starts_with("The next rotation is due from 2026-12-21T12:10:00Z.\n"), "{text}");
    assert_eq!(folder.contents(), before, "nothing is due");
    let later = NOW + Duration::days(2);
    let text = folder.says_at(later, &TEND);
    assert!(text.contains(&format!("Removed {old}, which no longer opened anything.")), "{text}");
    assert_eq!(folder.keys().keys().len(), 1);
}

#[test]
fn twenty_runs_of_tend_at_once_rotate_once() {
    const AT_ONCE: usize = 20;
    let folder = Folder::with_keys();
    let log = folder.folder.path().join("audit.log");
    let start = |_| {
        let mut command = folder.command(
            &[&TEND[..], &["--audit-log", log.to_str().unwrap(), "--lock-timeout", "60s"]].concat(),
            NOW,
        );
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let running: Vec<_> = (0..AT_ONCE).map(start).collect();
    let done: Vec<Output> =
        running.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    for output in &done {
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    assert_eq!((folder.keys().keys().len(), folder.keys().generation()), (2, 2));
    assert_eq!(fs::read_to_string(log).unwrap().lines().count(), 1, "one change, one line");
}

/// A Secret of Kubernetes: everyone works on a copy, and what is put back must name the version
/// that it was made from.
struct Secret {
    content: String,
    version: u64,
}

impl Secret {
    fn put(&mut self, content: String, made_from: Option<u64>) -> Result<(), ()> {
        if made_from.is_some_and(|version| version != self.version) {
            return Err(());
        }
        *self = Secret { content, version: self.version + 1 };
        Ok(())
    }
}

/// Two jobs that run at one time, each on its copy: both fetch, then both put. Returns the secret
/// after that and what each server saw on the way.
fn two_jobs(conditional: bool) -> (Secret, Vec<String>) {
    let first = Folder::with_keys();
    let mut secret = Secret { content: first.keys().to_text().to_string(), version: 1 };
    let mut seen = vec![secret.content.clone()];
    let jobs = [first, Folder::empty()];
    let mut waiting: Vec<(&Folder, u64)> = Vec::new();
    for job in &jobs {
        job.put(&secret.content);
        job.says(&TEND);
        waiting.push((job, secret.version));
    }
    while let Some((job, version)) = waiting.pop() {
        let content = fs::read_to_string(job.path()).unwrap();
        if content == secret.content {
            continue; // nothing was due
        }
        match secret.put(content, conditional.then_some(version)) {
            Ok(()) => seen.push(secret.content.clone()),
            // A conflict: start again from what is there now.
            Err(()) => {
                job.put(&secret.content);
                job.says(&TEND);
                waiting.push((job, secret.version));
            }
        }
    }
    (secret, seen)
}

#[test]
fn two_copies_of_a_file_with_conditional_writes_rotate_once() {
    let (secret, seen) = two_jobs(true);
    let schedule = parse(&secret.content);
    assert_eq!((schedule.keys().len(), schedule.generation(), secret.version), (2, 2, 2));
    assert_eq!(seen.len(), 2);
    // Without the condition there are two files of one generation: servers that have read the first
    // refuse the second, and so they are split.
    let (_, seen) = two_jobs(false);
    assert_eq!(seen.len(), 3);
    let mut server = sealed_session::key_file::Reloader::new(seen[0].as_bytes(), NOW).unwrap();
    use sealed_session::key_file::Polled;
    assert_eq!(server.poll(Ok(seen[1].as_bytes()), NOW), Polled::Reloaded);
    assert_eq!(server.poll(Ok(seen[2].as_bytes()), NOW), Polled::Refused);
}

// the audit line

#[test]
fn every_change_leaves_a_line_with_time_user_host_command_and_generation() {
    let folder = Folder::empty();
    let log = folder.folder.path().join("audit.log");
    let path = log.to_str().unwrap();
    let run = |now, arguments: &[&str]| {
        let arguments = [arguments, &["--audit-log", path]].concat();
        let mut command = folder.command(&arguments, now);
        let output = command.env("SUDO_USER", "ann\nx").output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let told = run(NOW, &["keys", "new", "keys.toml"]);
    let first = folder.keys().keys()[0].id().to_string();
    run(NOW, &["keys", "rotate", "keys.toml", "--after", "1h"]);
    let second = folder.keys().keys()[1].id().to_string();
    run(NOW, &["keys", "cancel", "keys.toml", &second]);
    run(NOW, &["keys", "revoke", "keys.toml", &first]);
    assert_eq!(run(NOW, &["keys", "prune", "keys.toml"]), "", "nothing was changed");
    run(NOW + Duration::days(3), &["keys", "prune", "keys.toml"]);
    run(NOW + Duration::days(90), &["keys", "tend", "keys.toml", "--every", "30d"]);

    let text = fs::read_to_string(&log).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(told, format!("audit: {}\n", lines[0]));
    let commands = ["new", "rotate", "cancel", "revoke", "prune", "tend"];
    assert_eq!(lines.len(), commands.len(), "{text}");
    for (place, command) in commands.into_iter().enumerate() {
        let generation = place + 1;
        let line = lines[place];
        assert!(
            line.starts_with(if place < 4 { "2026-11-21T12:00:00Z user=\"" } else { "202" }),
            "{line}"
        );
        let ends = format!("generation={generation}");
        assert!(line.ends_with(&ends), "{line}");
        for part in [
            " host=\"",
            &format!(" command=\"keys {command}\""),
            "/keys.toml\"",
            " sudo_user=\"ann\\nx\"",
        ] {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
    assert!(!text.contains("ssk1_"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_line_has_the_number_of_the_user_that_the_command_acts_as() {
    use std::os::unix::fs::{MetadataExt, chown};
    use std::os::unix::process::CommandExt;

    let folder = Folder::empty();
    let own = fs::metadata(folder.folder.path()).unwrap().uid();
    // Root can act as somebody else, for whom the command is copied to where he may run it.
    let program = folder.folder.path().join("sealed-session");
    fs::copy(env!("CARGO_BIN_EXE_sealed-session"), &program).unwrap();
    let id = if own == 0 { 54_321 } else { own };
    chown(folder.folder.path(), Some(id), None).unwrap();
    chown(&program, Some(id), None).unwrap();
    let mut command = Command::new(&program);
    command.uid(id).args(["keys", "new", "keys.toml"]).current_dir(folder.folder.path());
    let output = command.output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains(&format!(" uid={id} ")), "{told}");
}

#[test]
fn a_change_whose_audit_log_cannot_be_opened_is_not_made() {
    let folder = Folder::with_keys();
    let message =
        folder.refuses(&["keys", "rotate", "keys.toml", "--audit-log", "missing/audit.log"]);
    assert!(message.contains("the audit log missing/audit.log cannot be opened"), "{message}");
}

#[cfg(target_os = "linux")]
#[test]
fn an_audit_log_that_is_full_is_told_and_the_file_is_changed() {
    let folder = Folder::with_keys();
    let output = folder.run_at(NOW, &["keys", "rotate", "keys.toml", "--audit-log", "/dev/full"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("keys.toml was changed, but the audit log /dev/full cannot be written"),
        "{told}"
    );
    assert_eq!(folder.keys().generation(), 2);
}

// what goes wrong

/// It was exit code 1 and a changed file.
#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_cannot_be_printed_says_that_the_file_was_changed() {
    let folder = Folder::with_keys();
    let full = || fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = folder.command(&["keys", "rotate", "keys.toml"], NOW);
    let output = command.stdout(full()).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    let expected = "sealed-session: keys.toml was changed, to generation 2 (`keys list` shows it), but \
                    the answer could not be printed: ";
    assert!(told.contains(expected), "{told}");
    assert_eq!(folder.keys().generation(), 2);
    let mut command = folder.command(&["keys", "list", "keys.toml"], NOW);
    let output = command.stdout(full()).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.starts_with("sealed-session: the answer could not be printed: "), "{told}");
    // Nobody hears anything, but the code tells.
    let mut command = folder.command(&["keys", "prune", "keys.toml"], NOW);
    let status = command.stdout(full()).stderr(full()).status().unwrap();
    assert_eq!(status.code(), Some(3));
}

#[test]
fn errors_are_json_where_answers_are() {
    let folder = Folder::with_keys();
    for (arguments, says) in [
        (&["keys", "list", "missing.toml"][..], "missing.toml: cannot be read"),
        (
            &["keys", "rotate", "keys.toml", "--after", "soon"],
            "`--after <LENGTH>`: write a length like 90s",
        ),
        (&["keys", "rotate"], "missing: `<FILE>`"),
        (&["keys", "rotate", "keys.toml", "--lead", "10m"], "unexpected argument `--lead`"),
        (&["keys", "rotat"], "unknown command `rotat`"),
    ] {
        let message = folder.refuses(&[arguments, &["--json"]].concat());
        let json: Value = serde_json::from_str(&message).unwrap_or_else(|_| panic!("{message}"));
        let error = json["error"].as_str().unwrap();
        assert!(error.contains(says), "{error}");
        let text = folder.refuses(arguments);
        assert!(text.starts_with("sealed-session: ") && text.contains(says), "{text}");
    }
}

#[test]
fn what_was_typed_is_repeated_only_if_it_is_a_short_word() {
    let folder = Folder::with_keys();
    for (typed, repeated) in [
        ("rotat", true),
        ("rotate-all", true),
        ("rotate7", false),
        ("a-word-of-more-than-twenty-four-letters", false),
    ] {
        let message = folder.refuses(&["keys", typed]);
        assert!(message.contains("unknown command"), "{message}");
        assert_eq!(message.contains(typed), repeated, "{message}");
    }
}

#[test]
fn a_secret_where_something_else_belongs_is_not_repeated() {
    let folder = Folder::with_keys();
    let stranger = secret(9);
    let bare = stranger.strip_prefix("ssk1_").unwrap();
    for arguments in [
        &["keys", "list", &stranger][..],
        &["keys", "new", &stranger],
        &["keys", "rotate", &format!("./{stranger}")],
        &["keys", "rotate", "keys.toml", "--after", &stranger],
        &["keys", "rotate", "keys.toml", "--after", bare],
        &["keys", "rotate", "keys.toml", "--audit-log", &stranger],
        &["keys", "rotate", "keys.toml", &stranger],
        &["keys", "rotate", "keys.toml", bare],
        &["keys", "rotate", "keys.toml", &format!("--{stranger}")],
        &["keys", "revoke", "keys.toml", &stranger],
        &["keys", "revoke", "keys.toml", bare],
        &["keys", &stranger],
        &[&stranger],
        &["inspect", "AAAA", "--keys", &stranger, "--app", "shop"],
        &["inspect", "AAAA", &stranger],
    ] {
        for json in [&[][..], &["--json"]] {
            let message = folder.refuses(&[arguments, json].concat());
            assert!(!message.contains(&bare[..8]), "{message}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = Folder::empty();
    let message = folder.refuses(&["keys", "new", "/sys/keys.toml"]);
    assert!(message.contains("/sys/keys.toml: its folder /sys cannot be written: "), "{message}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_another_has_locked_is_not_waited_for_in_silence() {
    use std::io::{BufRead, BufReader};
    let folder = Folder::with_keys();
    let other = fs::File::open(folder.folder.path()).unwrap();
    other.lock_shared().unwrap();
    let this = std::process::id();
    let message = folder.refuses(&[
        "keys",
        "revoke",
        "keys.toml",
        &key(1).id().to_string(),
        "--lock-timeout",
        "0s",
    ]);
    assert!(message.contains(&format!("is locked by the process {this} (")), "{message}");
    // Told while it waits, and done when the lock is free.
    let mut command =
        folder.command(&["keys", "rotate", "keys.toml", "--lock-timeout", "60s"], NOW);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = String::new();
    BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut told).unwrap();
    assert!(told.contains(&format!("is locked by the process {this} (")), "{told}");
    assert!(told.ends_with(": waiting\n"), "{told}");
    drop(other);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(folder.keys().generation(), 2);
}

#[cfg(unix)]
#[test]
fn a_change_keeps_mode_0600_and_follows_a_symbolic_link() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = Folder::with_keys();
    let link = folder.folder.path().join("link.toml");
    symlink("keys.toml", &link).unwrap();
    folder.says(&["keys", "rotate", "link.toml"]);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(folder.keys().generation(), 2);
    assert_eq!(fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(folder.contents().len(), 2, "nothing lies about");
}

/// Bad input 44, `key_file/disk`.
#[cfg(unix)]
#[test]
fn a_file_readable_by_others_is_refused_unless_allowed_by_name() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::with_keys();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o644)).unwrap();
    for command in ["rotate", "list", "prune"] {
        let message = folder.refuses(&["keys", command, "keys.toml"]);
        assert!(message.contains("keys.toml: can be read by group or others"), "{message}");
    }
    folder.says(&["keys", "list", "keys.toml", "--allow-readable-by-others"]);
}

#[test]
fn rotations_at_once_make_one_key() {
    const AT_ONCE: usize = 8;
    let folder = Folder::with_keys();
    let start = |_| {
        let mut command = folder.command(&["keys", "rotate", "keys.toml"], NOW);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let running: Vec<_> = (0..AT_ONCE).map(start).collect();
    let codes = running.into_iter().map(|child| child.wait_with_output().unwrap().status.code());
    assert_eq!(codes.filter(|code| *code == Some(0)).count(), 1);
    assert_eq!((folder.keys().keys().len(), folder.keys().generation()), (2, 2));
}

#[test]
fn revoke_replaces_an_active_key_at_once_and_says_when_sign_ins_hold() {
    let folder = Folder::with_keys();
    let id = key(1).id().to_string();
    let lengths = ["--propagation", "10m", "--skew", "15s"];
    let text = folder.changes(&[&["keys", "revoke", "keys.toml", &id], &lengths[..]].concat(), 2);
    let schedule = folder.keys();
    let new = schedule.keys()[1].id();
    assert_eq!(
        text,
        format!(
            "The key {id} is revoked. The new key {new} takes its place, and seals at once. Bring this file to every server now.\n\
             Every session created before 2026-11-21T12:11:30Z is refused: everybody is signed out, and sign-ins hold from then on.\n"
        )
    );
    assert_eq!(state(&schedule, 0, NOW), KeyState::Revoked);
    assert_eq!(state(&schedule, 1, NOW), KeyState::Active);
    let end = NOW + Duration::minutes(11) + Duration::seconds(30);
    assert_eq!(schedule.reject_created_before(), Some(end));
    let upper = id.to_uppercase();
    assert_eq!(
        folder.refuses(&["keys", "revoke", "keys.toml", &upper]),
        format!("sealed-session: keys.toml: the key {id} is revoked already\n")
    );
}

/// It said "at once".
#[test]
fn revoke_tells_when_the_replacement_of_a_published_key_seals() {
    let folder = Folder::with_keys();
    folder.says(&["keys", "rotate", "keys.toml"]);
    let published = folder.keys().keys()[1].id().to_string();
    let text = folder.changes(&["keys", "revoke", "keys.toml", &published], 3);
    let new = folder.keys().keys()[2].id();
    let expected = format!(
        "The key {published} is revoked. It did not seal yet. The new key {new} takes its place, and \
         seals from 2026-11-21T12:10:01Z."
    );
    assert!(text.starts_with(&expected), "{text}");
}

#[test]
fn revoke_does_not_repeat_what_is_no_id() {
    let folder = Folder::with_keys();
    for id in [&secret(1)[..], "", "123", "0x1234567", "+1234567", "zzzzzzzz"] {
        let message = folder.refuses(&["keys", "revoke", "keys.toml", id]);
        let expected = "a key's id has 8 hex digits: `keys list` shows them";
        assert!(message.contains(expected) || id.is_empty(), "{message}");
    }
    let message = folder.refuses(&["keys", "revoke", "keys.toml", "00000000"]);
    assert_eq!(message, "sealed-session: keys.toml: there is no key 00000000 in the file\n");
}

#[test]
fn prune_removes_what_has_been_retired_for_a_day_and_says_until_when_it_waits() {
    let folder = Folder::with_keys();
    folder.says(&["keys", "rotate", "keys.toml"]);
    let before = folder.contents();
    let id = key(1).id();
    let text = folder.changes(&["keys", "prune", "keys.toml"], 2);
    assert_eq!(
        text,
        format!("No key was removed. The next to go is {id}, from 2026-11-22T20:12:00Z.\n")
    );
    // Nine hours ahead, it removed the key in use.
    folder.says_at(NOW + Duration::hours(9), &["keys", "prune", "keys.toml"]);
    assert_eq!(folder.contents(), before);
    let text = folder.says_at(NOW + Duration::days(2), &["keys", "prune", "keys.toml"]);
    let expected =
        format!("Removed {id}, which no longer opened anything. No key that is left has an end.\n");
    assert!(text.ends_with(&expected), "{text}");
    assert_eq!(folder.keys().keys().len(), 1);
}

#[test]
fn list_shows_states_and_dates() {
    let folder = Folder::empty();
    folder.put(&two_keys());
    let (first, second) = (key(1).id(), key(2).id());
    assert_eq!(
        folder.says(&["keys", "list", "keys.toml"]),
        format!(
            "generation 7, at 2026-11-21T12:00:00Z\n\
             sessions created before 2026-11-01T00:00:00Z are refused\n\
             \n\
             id        state    seals from            opens until\n\
             {second}  active   2026-11-21T00:00:00Z  -\n\
             {first}  retired  2026-10-21T00:00:00Z  2026-11-21T09:00:00Z\n"
        )
    );
}

#[test]
fn generate_prints_a_key() {
    let output = Folder::empty().run_at(NOW, &["keys", "generate"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.trim_end().parse::<Key>().is_ok());
    let output = Folder::empty().run_at(NOW, &["keys", "generate", "--json"]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let key: Key = json["key"].as_str().unwrap().parse().unwrap();
    assert_eq!(json["id"], key.id().to_string());
}

#[test]
fn json_has_what_the_text_has() {
    let folder = Folder::with_keys();
    let rotated = folder.json(&["keys", "rotate", "keys.toml"]);
    assert_eq!(rotated["generation"], 2);
    assert_eq!(rotated["new"]["seal_from"], "2026-11-21T12:10:00Z");
    assert_eq!(rotated["old"]["open_until"], "2026-11-21T20:12:00Z");
    let new = rotated["new"]["id"].as_str().unwrap();
    let revoked = folder.json(&["keys", "revoke", "keys.toml", new]);
    assert_eq!(revoked["reject_created_before"], "2026-11-21T12:07:00Z");
    assert_eq!(revoked["replacement"]["seal_from"], "2026-11-21T12:10:01Z");
    assert_eq!(revoked["now"], "2026-11-21T12:00:00Z");
    let listed = folder.json(&["keys", "list", "keys.toml"]);
    let states: Vec<&Value> =
        listed["keys"].as_array().unwrap().iter().map(|key| &key["state"]).collect();
    assert_eq!(states, ["published", "revoked", "active"]);
    assert_eq!(folder.json(&["keys", "prune", "keys.toml"])["removed"], Value::Array(vec![]));
}

#[test]
fn every_file_that_is_wrong_is_refused_with_its_line() {
    let folder = Folder::empty();
    let text = two_keys();
    let changed = |from: &str, to: &str| text.replacen(from, to, 1);
    let wrong = [
        ("empty", String::new(), 1),
        ("not TOML", changed("secret = \"", "secret = "), 5),
        ("a character of a secret changed", changed(&secret(1)[30..], &secret(2)[30..]), 5),
        ("a key of 31 bytes", changed(&secret(1), &secret(1)[..52]), 5),
        ("two keys of one id", changed(&secret(2), &secret(1)), 10),
        ("an unknown field", changed("revoked", "revoket"), 8),
        ("a date without its zone", changed("2026-10-21T00:00:00Z", "2026-10-21T00:00:00"), 6),
        ("an open_until on the newest", text.clone() + "open_until = 2027-01-01T00:00:00Z\n", 10),
        ("no key", "generation = 7\n".to_owned(), 1),
    ];
    for (defect, text, line) in wrong {
        folder.put(&text);
        let id = key(1).id().to_string();
        for arguments in [
            &["keys", "rotate", "keys.toml"][..],
            &["keys", "revoke", "keys.toml", &id],
            &["keys", "prune", "keys.toml"],
            &["keys", "list", "keys.toml"],
            &["inspect", "AAAA", "--keys", "keys.toml", "--app", "shop"],
        ] {
            let message = folder.refuses(arguments);
            let place = format!("sealed-session: keys.toml: line {line}: ");
            assert!(message.starts_with(&place), "{defect}: {message}");
        }
    }
}

/// Each cut is tested in `tests/key_file.rs`; here that the command refuses such a file and leaves
/// it alone.
#[test]
fn a_file_cut_short_is_refused_and_left_alone() {
    let folder = Folder::empty();
    let text = parse(&two_keys()).to_text();
    for len in (0..text.len() - 1).step_by(23).chain([text.len() - 2]) {
        folder.put(&text[..len]);
        folder.refuses(&["keys", "rotate", "keys.toml"]);
    }
}

#[test]
fn a_missing_file_is_refused() {
    let folder = Folder::empty();
    for command in ["rotate", "prune", "list"] {
        let message = folder.refuses(&["keys", command, "keys.toml"]);
        assert!(message.starts_with("sealed-session: keys.toml: cannot be read: "), "{message}");
        folder.refuses(&["keys", command, "missing/keys.toml"]);
        folder.refuses(&["keys", command, "."]);
    }
    folder.refuses(&["keys", "new", "missing/keys.toml"]);
}

#[test]
fn a_lead_shorter_than_propagation_and_skew_is_refused() {
    let folder = Folder::with_keys();
    let short =
        &["keys", "rotate", "keys.toml", "--after", "5m", "--propagation", "5m", "--skew", "30s"];
    assert_eq!(
        folder.refuses(short),
        "sealed-session: keys.toml: `after` is 5m, and a server may not have the key before 5m30s \
         (`propagation` 5m + `skew` 30s): make it at least that\n"
    );
}

#[test]
fn lengths_that_are_none_are_refused() {
    let folder = Folder::with_keys();
    for length in [
        "",
        "10",
        "m",
        "10x",
        "-10m",
        "1.5h",
        "10 m",
        "99999999999999999999s",
        "9999999999999999d",
        "9223372036854775807s",
        "1h30",
    ] {
        folder.refuses(&["keys", "rotate", "keys.toml", &format!("--after={length}")]);
    }
    folder.says(&["keys", "rotate", "keys.toml", "--after", "1h30m"]);
    assert_eq!(folder.keys().keys()[1].seal_from(), NOW + Duration::minutes(90));
}

#[test]
fn arguments_that_are_none_are_refused() {
    let folder = Folder::with_keys();
    for arguments in [
        &[][..],
        &["keys"],
        &["keys", "rotate"],
        &["keys", "rotate", "keys.toml", "more"],
        &["keys", "rotate", "keys.toml", "--lead", "10m"],
        &["keys", "revoke", "keys.toml"],
        &["inspect"],
        &["inspect", "AAAA", "--keys", "keys.toml"],
        &["inspect", "AAAA", "--keys", "keys.toml", "--app", ""],
    ] {
        folder.refuses(arguments);
    }
}

// inspect

fn value(schedule: &KeySchedule) -> String {
    let sessions: Sessions<u32> = Sessions::builder("shop", schedule.key_ring()).build().unwrap();
    let session = Session::new_at(7, NOW - Duration::minutes(5));
    sessions.encode_at(&session, NOW - Duration::minutes(2)).unwrap()
}

fn inspected(folder: &Folder, now: OffsetDateTime, arguments: &[&str]) -> (Option<i32>, String) {
    let output = folder.run_at(now, &[&["inspect"], arguments].concat());
    assert_no_secret(&output, folder);
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn inspect_reads_the_envelope_without_keys() {
    let folder = Folder::with_keys();
    let value = value(&folder.keys());
    let len = "__Host-session=".len() + value.len();
    let id = key(1).id();
    assert_eq!(
        folder.says(&["inspect", &value]),
        format!(
            "cookie      {len} of 4096 bytes\n\
             envelope    version 1\n\
             key         {id}\n\
             sealed      give --keys and --app to open it\n"
        )
    );
}

#[test]
fn inspect_opens_with_keys_and_shows_no_data() {
    let folder = Folder::with_keys();
    let value = value(&folder.keys());
    let text = folder.says(&["inspect", &value, "--keys", "keys.toml", "--app", "shop"]);
    let id = key(1).id();
    for line in [
        &format!("key         {id}, active"),
        "created     2026-11-21T11:55:00Z (5m ago)",
        "renewed     2026-11-21T11:58:00Z (2m ago)",
        "idle until  2026-11-21T12:28:00Z (in 28m)",
        "ends at     2026-11-21T19:55:00Z (in 7h55m)",
        "schema      0",
        "data        1 bytes",
        "accepted    as far as can be told without the application",
    ] {
        assert!(text.lines().any(|other| other == line), "{line}: {text}");
    }
    let json = folder.json(&["inspect", &value, "--keys", "keys.toml", "--app", "shop"]);
    assert_eq!(json["session"]["created_at"], "2026-11-21T11:55:00Z");
    assert_eq!(json["refused"], Value::Null);
}

#[test]
fn inspect_reads_the_standard_input() {
    use std::io::Write;
    let folder = Folder::with_keys();
    let mut command = folder.command(&["inspect", "-"], NOW);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let line = value(&folder.keys()) + "\n";
    child.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().contains(&key(1).id().to_string()));
}

#[test]
fn inspect_says_that_there_is_nothing_on_the_standard_input() {
    let folder = Folder::with_keys();
    let message = folder.refuses(&["inspect", "-"]);
    assert!(message.starts_with("sealed-session: nothing on standard input: "), "{message}");
}

#[test]
fn inspect_takes_a_whole_line() {
    let folder = Folder::with_keys();
    let value = value(&folder.keys());
    let alone = folder.says(&["inspect", &value]);
    for line in [
        format!("__Host-session={value}"),
        format!("Cookie: a=b; __Host-session={value}; theme=dark"),
        format!("cookie:__Host-session={value}"),
        format!("a=b; __Host-session={value}"),
        format!("Set-Cookie: __Host-session={value}; Path=/; Secure; HttpOnly; SameSite=Lax"),
        format!("__Host-session={value}; Path=/; Secure; HttpOnly\r\n"),
    ] {
        assert_eq!(folder.says(&["inspect", &line]), alone, "{line}");
    }
    let two = format!("Cookie: __Host-session={value}; __Host-session=AAAA");
    let text = folder.says(&["inspect", &two]);
    assert_eq!(
        text,
        format!("2 cookies are called `__Host-session`; this is the first of them.\n{alone}")
    );
    for none in [
        format!("Cookie: session={value}"),
        format!("Set-Cookie: session={value}; __Host-session={value}"),
        "a=b; c=d".to_owned(),
    ] {
        let message = folder.refuses(&["inspect", &none]);
        assert!(message.contains("there is no cookie `__Host-session` in that line"), "{message}");
        assert!(!message.contains(&value[..12]));
    }
}

#[test]
fn names_that_no_cookie_can_have_been_sealed_with_are_refused() {
    let folder = Folder::with_keys();
    let long = "n".repeat(1 << 16);
    for arguments in [["inspect", "AAAA", "--name", &long], ["inspect", "AAAA", "--app", &long]] {
        let message = folder.refuses(&arguments);
        assert!(message.contains("have at most 65,535 bytes"), "{message}");
    }
}

#[test]
fn inspect_says_why_a_value_is_refused() {
    let folder = Folder::with_keys();
    let value = value(&folder.keys());
    let with = ["--keys", "keys.toml", "--app", "shop"];
    let refused = |value: &str, now: OffsetDateTime, arguments: &[&str]| {
        let (code, text) = inspected(&folder, now, &[&[value], arguments].concat());
        assert_eq!(code, Some(1), "{text}");
        text.lines().find_map(|line| line.strip_prefix("refused     ")).unwrap().to_owned()
    };
    let begins = |text: String, reason: &str| assert!(text.starts_with(reason), "{text}");
    begins(refused("", NOW, &[]), "malformed: ");
    begins(refused("AAAA==", NOW, &[]), "malformed: ");
    begins(refused("hello", NOW, &[]), "malformed: ");
    begins(refused("-AAAA", NOW, &[]), "malformed: ");
    begins(refused(&"A".repeat(5000), NOW, &[]), "too_long: ");
    begins(refused("AgAA", NOW, &[]), "malformed: ");
    begins(refused(&format!("Ag{}", "A".repeat(58)), NOW, &[]), "unknown_version: ");
    let mut forged = value.clone();
    let other = if &value[60..61] == "A" { "B" } else { "A" };
    forged.replace_range(60..61, other);
    begins(refused(&forged, NOW, &with), "forged: ");
    begins(refused(&value, NOW, &["--keys", "keys.toml", "--app", "blog"]), "forged: ");
    begins(refused(&value, NOW + Duration::hours(1), &with), "idle_timeout: ");
    begins(refused(&value, NOW + Duration::hours(9), &with), "absolute_timeout: ");
    begins(refused(&value, NOW - Duration::hours(1), &with), "not_yet_valid: ");
    folder.says(&["keys", "revoke", "keys.toml", &key(1).id().to_string()]);
    assert_eq!(refused(&value, NOW, &with), "retired_key: its key is revoked");
    folder.put(&KeySchedule::new(key(2), NOW).unwrap().to_text());
    begins(refused(&value, NOW, &with), "unknown_key: ");
    folder.put(&two_keys());
    assert_eq!(refused(&value, NOW, &with), "retired_key: its key is past its `open_until`");
}

#[test]
fn inspect_tells_a_session_that_the_file_has_ended() {
    let folder = Folder::with_keys();
    let value = value(&folder.keys());
    let text = folder
        .keys()
        .to_text()
        .replace("generation = 1", "generation = 2\nreject_created_before = 2026-11-21T12:00:00Z");
    folder.put(&text);
    let (code, text) = inspected(&folder, NOW, &[&value, "--keys", "keys.toml", "--app", "shop"]);
    assert_eq!(code, Some(1));
    assert!(text.contains("revoked: it was created before the key file's"), "{text}");
}

#[test]
fn help_and_version_are_there() {
    for arguments in [&["--help"][..], &["--version"], &["keys", "rotate", "--help"]] {
        let output = Folder::empty().run_at(NOW, arguments);
        assert_eq!(output.status.code(), Some(0));
        assert!(!String::from_utf8(output.stdout).unwrap().contains("--now"));
    }
    assert!(Path::new(env!("CARGO_BIN_EXE_sealed-session")).exists());
}
