//! What a key file may say: every way it can be wrong is refused with its line and the fix.

mod support;

use sealed_session::key_file::tools::KeySchedule;
use sealed_session::{KeyFile, KeyState};
use std::fs;
use std::path::PathBuf;
use support::key_files::*;
use time::Duration;
use time::macros::datetime;

#[test]
fn a_file_says_generation_keys_and_dates() {
    let schedule = parse(&two_keys());
    assert_eq!(schedule.generation(), 7);
    assert_eq!(schedule.reject_created_before(), Some(datetime!(2026-11-01 00:00 UTC)));
    let [first, second] = schedule.keys() else { panic!("two keys") };
    assert_eq!((first.id(), second.id()), (key(1).id(), key(2).id()));
    assert_eq!(first.seal_from(), datetime!(2026-10-21 00:00 UTC));
    assert_eq!(first.open_until(), Some(datetime!(2026-11-21 09:00 UTC)));
    assert_eq!(second.open_until(), None);
    assert!(!first.is_revoked());
    assert_eq!(
        schedule.key_ring().states_at(NOW),
        [(key(2).id(), KeyState::Active), (key(1).id(), KeyState::Retired)]
    );
}

#[test]
fn keys_may_stand_in_any_order() {
    let text = two_keys();
    let (head, keys) = text.split_once("[[key]]").unwrap();
    let (first, second) = keys.split_once("[[key]]").unwrap();
    let turned = format!("{head}[[key]]{second}[[key]]{first}");
    assert_eq!(parse(&turned).to_text(), parse(&text).to_text());
}

#[test]
fn what_is_written_reads_back() {
    let text = parse(&two_keys().replace("revoked = false", "revoked = true")).to_text();
    assert!(parse(&text).keys()[0].is_revoked());
    assert_eq!(parse(&text).to_text(), text);
}

/// Bad input 43, `key_file/schedule`.
#[test]
fn a_file_that_the_command_wrote_is_refused_wherever_it_was_cut() {
    let text = parse(&two_keys().replace("revoked = false", "revoked = true")).to_text();
    // Without the end of the last line it is whole.
    for len in 0..text.len() - 1 {
        let error = KeySchedule::parse(&text.as_bytes()[..len]).unwrap_err();
        assert!(error.line().is_some(), "cut to {len}: {error}");
    }
}

#[test]
fn a_file_written_by_hand_is_refused_wherever_it_was_cut_but_behind_a_whole_newest_key() {
    let text = two_keys();
    let accepted: Vec<&str> = (0..text.len())
        .map(|len| &text[..len])
        .filter(|text| KeySchedule::parse(text.as_bytes()).is_ok())
        .collect();
    // Whole files of their own, which only the last line that the command writes could tell.
    let end_of_first_key = text.find("\nopen_until").unwrap();
    let end = text.len();
    assert_eq!(accepted, [&text[..end_of_first_key], &text[..=end_of_first_key], &text[..end - 1]]);
}

/// Bad input 43, `key_file/schedule`.
#[test]
fn a_cut_file_is_told_as_such() {
    let text = parse(&two_keys()).to_text();
    let cut = text.strip_suffix("# end\n").unwrap();
    assert_eq!(
        refusal(cut),
        "line 12: the last line is not `# end`, so the file was cut short: put it back whole"
    );
}

/// Bad input 59: secret managers, here-documents and editors do this to a file.
#[test]
fn line_ends_and_white_space_around_the_file_are_no_cut() {
    let text = parse(&two_keys()).to_text();
    let bare = text.trim_end();
    for same in [
        bare.to_owned(),
        format!("{bare}\n\n"),
        format!("{bare} \n\t\n"),
        format!("\n{bare}\n"),
        text.replace('\n', "\r\n"),
        bare.replace('\n', "\r\n"),
        format!("{}\r\n\r\n", bare.replace('\n', "\r\n")),
    ] {
        assert_eq!(parse(&same).to_text(), text, "{same:?}");
    }
}

/// The check for a cut file looked at `\n` only.
#[test]
fn a_cut_file_with_crlf_is_told_as_such() {
    let text = parse(&two_keys()).to_text().replace('\n', "\r\n");
    let newest = text.rfind("[[key]]").unwrap();
    for cut in [text.find("revoked").unwrap_or(newest), newest, text.rfind("# end").unwrap()] {
        assert!(KeySchedule::parse(&text.as_bytes()[..cut]).is_err(), "{}", &text[..cut]);
    }
    let cut = text.strip_suffix("# end\r\n").unwrap();
    assert!(refusal(cut).ends_with("so the file was cut short: put it back whole"));
}

/// Bad input 43, `keys/key`.
#[test]
fn any_changed_character_of_a_secret_is_refused_on_its_line() {
    let text = two_keys();
    let secret = secret(1);
    let start = text.find(&secret).unwrap();
    for at in start..start + secret.len() {
        let mut changed = text.clone();
        let other = if &text[at..=at] == "A" { "B" } else { "A" };
        changed.replace_range(at..=at, other);
        assert!(refusal(&changed).starts_with("line 5: `secret`: "), "{at}");
    }
}

/// Bad input 43, `key_file/schedule`.
#[test]
fn an_empty_file_is_refused() {
    for text in ["", "\n", "  \r\n\t"] {
        assert_eq!(
            refusal(text),
            "line 1: the file is empty: put it back from another server or a backup (`keys new` would \
             make another key, and sign everybody out)"
        );
    }
}

/// Bad input 43, `key_file/schedule`.
#[test]
fn what_is_not_toml_is_refused_on_its_line_without_showing_it() {
    let text = two_keys().replacen("secret = \"", "secret = ", 1);
    assert!(refusal(&text).starts_with("line 5: this is not TOML: "), "{}", refusal(&text));
    let json = format!("{{\n\"secret\": \"{}\" }}", secret(1));
    assert!(refusal(&json).starts_with("line 1: this is not TOML: "), "{}", refusal(&json));
}

#[test]
fn what_is_not_text_is_refused_on_its_line() {
    let mut bytes = two_keys().into_bytes();
    let at = bytes.len() - 1;
    bytes[at] = 0xff;
    let error = KeySchedule::parse(&bytes).unwrap_err();
    assert_eq!(error.to_string(), "line 12: this is not UTF-8 text, so it is no TOML");
}

#[test]
fn a_field_given_twice_is_refused() {
    let text = two_keys().replacen("revoked = false", "seal_from = 2026-10-21T00:00:00Z", 1);
    assert_eq!(refusal(&text), "line 8: this is not TOML: duplicate key");
}

#[test]
fn an_unknown_field_is_refused_by_name() {
    assert_eq!(
        refusal(&two_keys().replace("generation", "generatoin")),
        "line 1: unknown field `generatoin`: a key file has `generation`, `reject_created_before` \
         and `[[key]]`"
    );
    assert_eq!(
        refusal(&two_keys().replacen("open_until", "opens_until", 1)),
        "line 7: unknown field `opens_until`: a key has `secret`, `seal_from`, `open_until` and \
         `revoked`"
    );
}

#[test]
fn a_secret_in_place_of_a_field_is_not_shown() {
    let text = two_keys().replacen("revoked", &secret(3), 1);
    assert_eq!(
        refusal(&text),
        "line 8: unknown field: a key has `secret`, `seal_from`, `open_until` and `revoked`"
    );
    for field in ["generation = 7", "seal_from = 2026-10-21T00:00:00Z", "revoked = false"] {
        let name = field.split(' ').next().unwrap();
        let changed = two_keys().replacen(field, &format!("{name} = \"{}\"", secret(3)), 1);
        assert!(refusal(&changed).contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn an_unknown_field_is_shown_only_if_it_looks_like_a_word() {
    let shown = |name: &str| refusal(&two_keys().replacen("revoked", name, 1)).contains(name);
    assert!(shown(&"a".repeat(24)) && shown("open_untill"));
    // What is long could be a secret, and so could what has digits in it.
    assert!(!shown(&"a".repeat(25)) && !shown("ssk1_abc"));
}

#[test]
fn a_secret_with_an_escape_is_refused() {
    let escaped = secret(1).replace("ssk1_", "ssk1\\u005f");
    assert_eq!(
        refusal(&two_keys().replace(&secret(1), &escaped)),
        "line 5: `secret` has a `\\` in it: write it without escapes"
    );
}

#[test]
fn missing_fields_are_refused() {
    let without = |line: &str| {
        let text = two_keys();
        let line = text.lines().find(|other| other.starts_with(line)).unwrap().to_owned();
        refusal(&text.replacen(&line, "", 1))
    };
    assert_eq!(without("generation"), "line 1: `generation` is missing: write `generation = 1`");
    assert_eq!(without("secret"), "line 4: this key has no `secret`");
    assert_eq!(without("seal_from"), "line 4: this key has no `seal_from`");
    assert_eq!(
        without("open_until"),
        format!("line 4: the key {} is not the newest and needs an `open_until`", key(1).id())
    );
}

#[test]
fn a_file_without_a_key_is_refused() {
    assert_eq!(refusal("generation = 7\n"), "line 1: it has no key");
    assert_eq!(refusal("generation = 7\n\nkey = []\n"), "line 3: it has no key");
}

#[test]
fn values_of_another_type_are_refused() {
    let text = two_keys();
    let changed = |from: &str, to: &str| refusal(&text.replacen(from, to, 1));
    let number = "line 1: `generation` is not a whole number from 0 to 2^63 - 1";
    for value in ["-1", "7.0", "\"7\"", "9223372036854775808", "true"] {
        assert_eq!(changed("generation = 7", &format!("generation = {value}")), number);
    }
    assert_eq!(
        changed("revoked = false", "revoked = 0"),
        "line 8: `revoked` is not `true` or `false`"
    );
    assert_eq!(
        refusal("generation = 7\nkey = 1\n"),
        "line 2: `key` is not a list: write `[[key]]`"
    );
    assert_eq!(
        refusal("generation = 7\nkey = [1]\n"),
        "line 2: this is not a table: write `[[key]]`"
    );
    assert_eq!(
        refusal("generation = 7\n[[key]]\nsecret = 5\n"),
        "line 3: `secret` is not a text: write it in quotes"
    );
}

#[test]
fn a_date_without_its_zone_is_refused() {
    let mend = "is not a moment in time: write it like 2026-11-21T00:00:00Z, with the Z";
    for date in ["2026-10-21T00:00:00", "2026-10-21", "\"2026-10-21T00:00:00Z\"", "1792540800"] {
        let text = two_keys().replacen(
            "seal_from = 2026-10-21T00:00:00Z",
            &format!("seal_from = {date}"),
            1,
        );
        assert_eq!(refusal(&text), format!("line 6: `seal_from` {mend}"), "{date}");
    }
}

#[test]
fn a_date_that_no_calendar_has_is_refused() {
    for date in ["2026-02-30T00:00:00Z", "2026-06-30T23:59:60Z"] {
        let message = refusal(&two_keys().replacen("2026-10-21T00:00:00Z", date, 1));
        assert!(message.starts_with("line 6: "), "{message}");
    }
}

/// Bad input 45, `key_file/schedule`.
#[test]
fn two_keys_of_one_id_are_refused() {
    let text = two_keys().replace(&secret(2), &secret(1));
    assert_eq!(
        refusal(&text),
        format!("line 10: this key and that of line 4 have the id {}: remove one", key(1).id())
    );
}

#[test]
fn two_keys_of_one_seal_from_are_refused() {
    let text = two_keys().replace("seal_from = 2026-11-21", "seal_from = 2026-10-21");
    let [a, b] = [key(1).id(), key(2).id()];
    assert_eq!(refusal(&text), format!("line 10: the keys {a} and {b} have the same `seal_from`"));
}

#[test]
fn an_open_until_on_the_newest_key_is_refused() {
    let text = two_keys() + "open_until = 2026-12-21T00:00:00Z\n";
    let id = key(2).id();
    assert_eq!(
        refusal(&text),
        format!("line 10: the newest key, {id}, has an `open_until`: remove it")
    );
}

#[test]
fn a_gap_between_two_keys_is_refused() {
    let text = two_keys().replace("open_until = 2026-11-21T09", "open_until = 2026-11-20T09");
    let [a, b] = [key(1).id(), key(2).id()];
    assert_eq!(refusal(&text), format!("line 4: the key {a} ends before {b} seals"));
}

#[test]
fn a_file_whose_keys_are_all_revoked_is_refused() {
    let text = two_keys().replace("revoked = false", "revoked = true") + "revoked = true\n";
    assert_eq!(refusal(&text), "line 13: every key is revoked: add a new one");
}

/// Bad input 45, `keys/key`.
#[test]
fn a_key_of_31_bytes_is_refused() {
    let text = two_keys().replace(&secret(1), &secret(1)[..52]);
    assert_eq!(
        refusal(&text),
        "line 5: `secret`: a key in text form has 53 characters, but this one has 52: was it cut short?"
    );
}

/// Bad input 45, `keys/key`.
#[test]
fn an_all_equal_key_is_refused() {
    // 32 zero bytes with their checksum: what a placeholder looks like.
    let zeros = "ssk1_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAACTYVcC";
    let message = refusal(&two_keys().replace(&secret(1), zeros));
    assert!(message.starts_with("line 5: `secret`: all bytes of the key are equal"), "{message}");
}

#[test]
fn no_key_is_active_yet() {
    let ring = parse(&two_keys()).key_ring();
    let states = ring.states_at(datetime!(2026-10-20 00:00 UTC));
    assert!(states.iter().all(|(_, state)| *state == KeyState::Published), "opens, does not seal");
}

/// Bad input 43, `key_file/disk`.
#[test]
fn a_missing_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    let error = KeyFile::open(&path).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}: cannot be read: ", path.display())), "{error}");
    let error = KeyFile::open(folder.path()).unwrap_err().to_string();
    assert_eq!(error, format!("{}: is not a file", folder.path().display()));
}

/// Opening it would wait for a writer; this test would not end.
#[cfg(unix)]
#[test]
fn a_pipe_is_no_key_file_and_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let error = KeyFile::open(&path).unwrap_err().to_string();
    assert!(error.ends_with("is not a file"), "{error}");
}

#[test]
fn an_emptied_file_is_not_made_anew_and_the_message_does_not_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    fs::write(&path, "").unwrap();
    let error = KeyFile::options().create(&path, &one_key()).unwrap_err().to_string();
    assert!(error.contains("put it back from one of them or a backup"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"");
}

#[test]
fn a_dry_run_checks_all_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    let dry = KeyFile::options().dry_run();
    dry.create(&path, &one_key()).unwrap();
    assert!(!path.exists());
    KeyFile::options().create(&path, &one_key()).unwrap();
    assert!(dry.create(&path, &one_key()).is_err(), "there is a file");
    let before = fs::read(&path).unwrap();
    let rotated = dry.change(&path, |schedule| schedule.rotate(key(2), &ROTATION, NOW)).unwrap();
    assert_eq!(rotated.new, key(2).id());
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing lies about");
}

/// A new folder, and the key file in it.
fn folder_with_one_key() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    KeyFile::options().create(&path, &one_key()).unwrap();
    (folder, path)
}

#[test]
fn what_an_interrupted_change_left_behind_is_removed_by_the_next() {
    let (folder, path) = folder_with_one_key();
    let leftover = folder.path().join(".keys.toml.new");
    fs::write(&leftover, two_keys()).unwrap();
    // A change that writes nothing.
    KeyFile::options().change(&path, |schedule| schedule.prune(Duration::DAY, NOW)).unwrap();
    assert!(!leftover.exists());
}

#[test]
fn what_was_left_behind_and_cannot_be_removed_is_told() {
    let (folder, path) = folder_with_one_key();
    let leftover = folder.path().join(".keys.toml.new");
    fs::create_dir(&leftover).unwrap();
    let change = |schedule: &mut KeySchedule| schedule.prune(Duration::DAY, NOW);
    let error = KeyFile::options().change(&path, change).unwrap_err().to_string();
    assert!(error.contains(&format!("{} cannot be removed: ", leftover.display())), "{error}");
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_that_leads_to_itself_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    std::os::unix::fs::symlink(&path, &path).unwrap();
    let error = KeyFile::options().create(&path, &one_key()).unwrap_err().to_string();
    assert!(error.contains(": cannot be found: "), "{error}");
}

#[test]
fn a_lock_is_not_waited_for_without_an_end() {
    let (folder, path) = folder_with_one_key();
    // Anyone who can read the folder can do this.
    let other = fs::File::open(folder.path()).unwrap();
    other.lock_shared().unwrap();
    let options = KeyFile::options().lock_timeout(Duration::ZERO);
    let change = || options.change(&path, |schedule| schedule.rotate(key(2), &ROTATION, NOW));
    let error = change().unwrap_err().to_string();
    assert!(error.contains("is locked by "), "{error}");
    assert!(error.contains(", for longer than 0 s: "), "{error}");
    assert!(error.ends_with("keep others out of the folder (chmod 700)"), "{error}");
    // Closing it would not do while another test starts a process, which has a copy for a moment.
    other.unlock().unwrap();
    change().unwrap();
}

#[test]
fn a_file_of_more_than_a_mebibyte_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    let schedule = KeySchedule::new(key(1), NOW).unwrap();
    KeyFile::options().create(&path, &schedule).unwrap();
    let blanks = (1 << 20) - two_keys().len();
    fs::write(&path, two_keys() + &" ".repeat(blanks)).unwrap();
    assert_eq!(KeyFile::open(&path).unwrap().schedule().keys().len(), 2);
    fs::write(&path, two_keys() + &" ".repeat(blanks + 1)).unwrap();
    let error = KeyFile::open(&path).unwrap_err().to_string();
    assert!(error.ends_with("has more than 1 MiB: that is no key file"), "{error}");
}

#[cfg(unix)]
mod permissions {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn file_with_mode(mode: u32) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        fs::write(&path, two_keys()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    #[test]
    fn a_file_readable_by_its_owner_is_read() {
        for mode in [0o600, 0o400] {
            let (_folder, path) = file_with_mode(mode);
            assert!(KeyFile::open(&path).is_ok(), "{mode:o}");
        }
    }

    #[test]
    fn a_file_readable_by_others_is_refused_unless_allowed_by_name() {
        for mode in [0o640, 0o604, 0o644, 0o440, 0o444] {
            let (_folder, path) = file_with_mode(mode);
            let error = KeyFile::open(&path).unwrap_err().to_string();
            let expected = format!("can be read by group or others (mode {mode:04o})");
            assert!(error.contains(&expected), "{error}");
            assert!(KeyFile::options().allow_readable_by_others().open(&path).is_ok());
        }
    }

    #[test]
    fn a_file_writable_by_others_is_refused_always() {
        for mode in [0o620, 0o602, 0o666] {
            let (_folder, path) = file_with_mode(mode);
            let error = KeyFile::options().allow_readable_by_others().open(&path).unwrap_err();
            assert!(error.to_string().contains("can be written by group or others"), "{error}");
        }
    }

    #[test]
    fn a_new_file_is_readable_by_its_owner_only_and_a_change_keeps_the_mode() {
        let (_folder, path) = file_with_mode(0o600);
        let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let options = KeyFile::options().allow_readable_by_others();
        let new = path.with_file_name("new.toml");
        options.create(&new, &KeySchedule::new(key(1), NOW).unwrap()).unwrap();
        assert_eq!(mode(&new), 0o600);
        for wanted in [0o600, 0o640] {
            fs::set_permissions(&new, fs::Permissions::from_mode(wanted)).unwrap();
            options
                .change(&new, |schedule| {
                    schedule.revoke(
                        schedule.keys().last().unwrap().id(),
                        key(wanted as u8),
                        &AT_ONCE,
                        NOW,
                    )
                })
                .unwrap();
            assert_eq!(mode(&new), wanted);
        }
    }

    /// A server that runs as another user must still be able to read the file. Only root can give a
    /// file away, so there is nothing to keep for others.
    #[test]
    fn a_change_by_root_keeps_the_owner() {
        use std::os::unix::fs::{MetadataExt, chown};
        let (_folder, path) = folder_with_one_key();
        let (user, group) = (1234, 5678);
        if chown(&path, Some(user), Some(group)).is_err() {
            println!("skipped: this user cannot give a file away");
            return;
        }
        KeyFile::options()
            .change(&path, |schedule| schedule.rotate(key(2), &ROTATION, NOW))
            .unwrap();
        let after = fs::metadata(&path).unwrap();
        assert_eq!((after.uid(), after.gid()), (user, group));
    }
}

#[test]
fn a_change_that_fails_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    KeyFile::options().create(&path, &KeySchedule::new(key(1), NOW).unwrap()).unwrap();
    let before = fs::read(&path).unwrap();
    let error = KeyFile::options()
        .change(&path, |schedule| schedule.revoke(key(9).id(), key(2), &AT_ONCE, NOW))
        .unwrap_err();
    let id = key(9).id();
    assert_eq!(error.to_string(), format!("{}: there is no key {id} in the file", path.display()));
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing lies about");
}

#[test]
fn a_file_that_is_there_is_not_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    let schedule = KeySchedule::new(key(1), NOW).unwrap();
    KeyFile::options().create(&path, &schedule).unwrap();
    let error = KeyFile::options().create(&path, &schedule).unwrap_err().to_string();
    let told = "already exists; overwriting it would lose its keys: `keys rotate` adds a key to it";
    assert!(error.ends_with(told), "{error}");
}

#[test]
fn a_schedule_shows_no_secret_in_debug() {
    let shown = format!("{:?}", parse(&two_keys()));
    assert!(shown.contains(&key(1).id().to_string()));
    assert!(!shown.contains(&secret(1)[5..]));
}
