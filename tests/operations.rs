//! What `docs/operations.md` says, done as it stands there.

mod support;

use sealed_session::key_file::tools::KeySchedule;
use sealed_session::{KeyFile, KeyRing, KeyState, Session, Sessions};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use support::key_files::*;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

const PAGE: &str = include_str!("../docs/operations.md");

/// The parts of the page between "```LANGUAGE" and "```".
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    PAGE.split(&fence).skip(1).map(|rest| rest.split_once("```").unwrap().0).collect()
}

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    #[cfg(not(unix))]
    let _ = mode;
}

/// None is refused for what it looks like. (Its key may be missing here.)
#[test]
fn every_command_of_the_page_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let commands = blocks("sh").join("\n");
    let commands = commands.lines().map(str::trim).filter_map(|line| {
        let line = line.split_once(" #").map_or(line, |(line, _)| line);
        let line = line.split_once(" <").map_or(line, |(line, _)| line);
        line.strip_prefix("sealed-session ")
    });
    let mut count = 0;
    for line in commands {
        write(&folder.path().join("keys.toml"), &two_keys(), 0o600);
        let mut command = Command::new(env!("CARGO_BIN_EXE_sealed-session"));
        command.args(line.split(' ')).current_dir(folder.path()).stdin(Stdio::null());
        let output = command.output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!told.contains("--help"), "{line}: {told}");
        count += 1;
    }
    assert!(count >= 9, "only {count} commands are left on the page");
}

/// Behaves like the API server as far as the script needs it: what is put back must name the version
/// that it was made from. The first time it is disturbed by somebody who changes a label.
const KUBECTL: &str = r#"#!/bin/sh
set -eu
exec 9> "$STORE/lock"
flock 9
case "$1" in
get)
    cat "$STORE/secret.json"
    ;;
replace)
    if [ -e "$STORE/disturb" ]; then
        rm "$STORE/disturb"
        jq '.metadata.labels.team = "shop" | .metadata.resourceVersion = "101"' "$STORE/secret.json" > "$STORE/new"
        mv "$STORE/new" "$STORE/secret.json"
    fi
    if [ "$(jq -r .metadata.resourceVersion "$3")" != "$(jq -r .metadata.resourceVersion "$STORE/secret.json")" ]; then
        echo conflict >> "$STORE/conflicts"
        echo "Error from server (Conflict): the object has been modified" >&2
        exit 1
    fi
    jq '.metadata.resourceVersion |= (tonumber + 1 | tostring)' "$3" > "$STORE/new"
    mv "$STORE/new" "$STORE/secret.json"
    echo replaced >> "$STORE/replaced"
    ;;
*)
    exit 2
    ;;
esac
"#;

/// Skipped where there is no `jq`; with CI=true that is a failure.
#[cfg(target_os = "linux")]
#[test]
fn the_script_for_kubernetes_rotates_once_however_many_jobs_run_at_once() {
    if Command::new("jq").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "jq is missing");
        eprintln!("skipped: jq is missing");
        return;
    }
    const JOBS: usize = 4;
    let script = blocks("sh").into_iter().find(|block| block.contains("kubectl replace -f new"));
    let folder = tempfile::tempdir().unwrap();
    let (bin, store) = (folder.path().join("bin"), folder.path().join("store"));
    fs::create_dir(&bin).unwrap();
    fs::create_dir(&store).unwrap();
    write(&bin.join("kubectl"), KUBECTL, 0o755);
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_sealed-session"), bin.join("sealed-session"))
        .unwrap();
    write(&folder.path().join("tend.sh"), script.unwrap(), 0o644);
    write(&store.join("disturb"), "", 0o644);

    let old = KeySchedule::new(key(1), datetime!(2001-01-01 00:00 UTC)).unwrap();
    let encoded = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        old.to_text().as_bytes(),
    );
    let secret = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "name": "shop-keys", "resourceVersion": "100" },
        "data": { "keys.toml": encoded },
    });
    write(&store.join("secret.json"), &secret.to_string(), 0o600);

    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let run = |_| {
        let mut command = Command::new("sh");
        command.arg(folder.path().join("tend.sh")).env("PATH", &path).env("STORE", &store);
        command.env("TMPDIR", folder.path()).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let jobs: Vec<_> = (0..JOBS).map(run).collect();
    for job in jobs {
        let output = job.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!told.contains("ssk1_"), "{told}");
    }

    let lines =
        |name: &str| fs::read_to_string(store.join(name)).unwrap_or_default().lines().count();
    assert_eq!(lines("replaced"), 1, "one rotation");
    assert!(lines("conflicts") >= 1, "the disturbance was seen");
    let secret = fs::read(store.join("secret.json")).unwrap();
    let secret: serde_json::Value = serde_json::from_slice(&secret).unwrap();
    assert_eq!(secret["metadata"]["labels"]["team"], "shop", "the other's change is there");
    let content = base64::Engine::decode(
        &base64::engine::general_purpose::STANDARD,
        secret["data"]["keys.toml"].as_str().unwrap(),
    );
    let schedule = KeySchedule::parse(&content.unwrap()).unwrap();
    assert_eq!((schedule.generation(), schedule.keys().len()), (2, 2));
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 3, "no copy of the keys is left: {left:?}");
}

/// "From `SESSION_KEYS` to a key file": servers of both kinds side by side.
#[test]
fn from_session_keys_to_a_key_file_nobody_is_signed_out() {
    // `SESSION_KEYS=2,1`: key 2 seals, key 1 opens.
    let variable: KeyRing = format!("{},{}", secret(2), secret(1)).parse().unwrap();
    let text = format!(
        "generation = 1\n\
         [[key]]\n\
         secret = \"{}\"\n\
         seal_from = 2026-01-01T00:00:00Z\n\
         open_until = 2026-11-21T12:32:00Z\n\
         [[key]]\n\
         secret = \"{}\"\n\
         seal_from = 2026-01-02T00:00:00Z\n",
        secret(1),
        secret(2)
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    write(&path, &text, 0o600);
    let file = KeyFile::open(&path).unwrap();
    assert_eq!(
        file.key_ring().states_at(NOW),
        [(key(2).id(), KeyState::Active), (key(1).id(), KeyState::Draining)]
    );

    let sessions =
        |ring: KeyRing| -> Sessions<u32> { Sessions::builder("shop", ring).build().unwrap() };
    let old = sessions(KeyRing::new(key(1)));
    let (before, after) = (sessions(variable), sessions(file.key_ring()));
    let seal = |sessions: &Sessions<u32>, now: OffsetDateTime| {
        sessions.encode_at(&Session::new_at(7, now), now).unwrap()
    };
    let opens = |sessions: &Sessions<u32>, value: &str, now| {
        sessions.decode_at(value, now).map(|session| *session).ok() == Some(7)
    };
    // What was sealed with the second key of the list just before, until it is idle for too long.
    let value = seal(&old, NOW);
    assert!(opens(&after, &value, NOW + Duration::minutes(29)));
    // Either kind of server opens what the other has sealed.
    assert!(opens(&after, &seal(&before, NOW), NOW));
    assert!(opens(&before, &seal(&after, NOW), NOW));
    // And a rotation afterwards is like any other.
    let options = KeyFile::options();
    let rotated =
        options.change(&path, |schedule| schedule.rotate(key(3), &ROTATION, NOW)).unwrap();
    assert_eq!(rotated.old, key(2).id());
    after.set_key_ring(KeyFile::open(&path).unwrap().key_ring());
    let last = rotated.seal_from - Duration::SECOND;
    assert!(opens(&after, &seal(&before, last), rotated.seal_from + Duration::minutes(29)));
}
