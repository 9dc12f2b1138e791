//! The command `sealed-session`, run as it is: what it writes, what it says, and that bad input
//! ends with code 2 and nothing written.

mod key_files;

use key_files::*;
use sealed_session::key_file::tools::KeySchedule;
use sealed_session::{Key, KeyFile, KeyState, Session, Sessions};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
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
    let text = folder.says(&["keys", "new", "keys.toml"]);
    let schedule = folder.keys();
    let id = schedule.keys()[0].id();
    assert_eq!(text, format!("keys.toml: made, with the key {id}, which seals at once.\n"));
    assert_eq!(state(&schedule, 0, NOW), KeyState::Active);
    assert!(folder.refuses(&["keys", "new", "keys.toml"]).contains("is there already"));
}

#[test]
fn rotate_writes_both_dates() {
    let folder = Folder::with_keys();
    let text = folder.says(&[
        "keys",
        "rotate",
        "keys.toml",
        "--after",
        "10m",
        "--max-session",
        "8h",
        "--skew",
        "30s",
    ]);
    let schedule = folder.keys();
    let [old, new] = schedule.keys() else { panic!("two keys") };
    let (old_id, new_id) = (old.id(), new.id());
    assert_eq!(
        text,
        format!(
            "keys.toml: generation 2\n\
             The new key {new_id} seals from 2026-11-21T12:10:00Z. Every server must have this file by 2026-11-21T12:09:30Z.\n\
             The key {old_id} opens until 2026-11-21T20:12:00Z; `keys prune` removes it after that.\n"
        )
    );
    assert_eq!(new.seal_from(), NOW + Duration::minutes(10));
    let drain = Duration::hours(8) + Duration::seconds(60) + Duration::seconds(30) * 2;
    assert_eq!(old.open_until(), Some(new.seal_from() + drain));
    assert_eq!(schedule.generation(), 2);
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
fn rotations_at_once_are_all_kept() {
    const AT_ONCE: usize = 8;
    let folder = Folder::with_keys();
    let start = |_| {
        let mut command = folder.command(&["keys", "rotate", "keys.toml"], NOW);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let running: Vec<_> = (0..AT_ONCE).map(start).collect();
    for child in running {
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    assert_eq!(folder.keys().keys().len(), 1 + AT_ONCE);
    assert_eq!(folder.keys().generation(), 1 + AT_ONCE as u64);
}

#[test]
fn revoke_replaces_an_active_key_at_once_and_says_when_sign_ins_hold() {
    let folder = Folder::with_keys();
    let id = key(1).id().to_string();
    let text = folder.says(&["keys", "revoke", "keys.toml", &id, "--after", "10m"]);
    let schedule = folder.keys();
    let new = schedule.keys()[1].id();
    assert_eq!(
        text,
        format!(
            "keys.toml: generation 2\n\
             The key {id} is revoked. The new key {new} takes its place at once. Bring this file to every server now.\n\
             Every session created before 2026-11-21T12:11:00Z is refused: everybody is signed out, and sign-ins hold from then on.\n"
        )
    );
    assert_eq!(state(&schedule, 0, NOW), KeyState::Revoked);
    assert_eq!(state(&schedule, 1, NOW), KeyState::Active);
    assert_eq!(schedule.reject_created_before(), Some(NOW + Duration::minutes(11)));
    let upper = id.to_uppercase();
    assert_eq!(
        folder.refuses(&["keys", "revoke", "keys.toml", &upper]),
        format!("sealed-session: keys.toml: the key {id} is revoked already\n")
    );
}

#[test]
fn revoke_does_not_repeat_what_is_no_id() {
    let folder = Folder::with_keys();
    for id in [&secret(1)[..], "", "123", "0x1234567", "+1234567", "zzzzzzzz"] {
        let message = folder.refuses(&["keys", "revoke", "keys.toml", id]);
        let expected = "sealed-session: a key's id has 8 hex digits: `keys list` shows them\n";
        assert_eq!(message, expected);
    }
    let message = folder.refuses(&["keys", "revoke", "keys.toml", "00000000"]);
    assert_eq!(message, "sealed-session: keys.toml: there is no key 00000000 in the file\n");
}

#[test]
fn prune_removes_what_is_retired() {
    let folder = Folder::with_keys();
    folder.says(&["keys", "rotate", "keys.toml"]);
    let before = folder.contents();
    let text = folder.says(&["keys", "prune", "keys.toml"]);
    assert_eq!(text, "keys.toml: every key is still needed; nothing was written.\n");
    assert_eq!(folder.contents(), before);
    let text = folder.says_at(NOW + Duration::DAY, &["keys", "prune", "keys.toml"]);
    let id = key(1).id();
    assert_eq!(
        text,
        format!("keys.toml: generation 3\nRemoved {id}, which no longer opened anything.\n")
    );
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
    assert_eq!(revoked["reject_created_before"], "2026-11-21T12:11:00Z");
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
    for len in (0..text.len()).step_by(23).chain([text.len() - 1]) {
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
    begins(refused("hello", NOW, &[]), "malformed: ");
    begins(refused("-AAAA", NOW, &[]), "malformed: ");
    begins(refused(&"A".repeat(5000), NOW, &[]), "too_long: ");
    begins(refused("AgAA", NOW, &[]), "unknown_version: ");
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
