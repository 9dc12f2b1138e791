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
use yaml_rust2::{Yaml, YamlLoader};

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

#[test]
fn every_yaml_of_the_page_is_one_and_the_job_runs_alone() {
    let pages: Vec<Yaml> = blocks("yaml")
        .into_iter()
        .flat_map(|text| YamlLoader::load_from_str(text).expect(text))
        .collect();
    assert_eq!(pages.len(), 3, "the pod's spec, the external secret, the job");
    let of_kind = |kind: &str| {
        let is_it = |page: &&Yaml| page["kind"].as_str() == Some(kind);
        pages.iter().find(is_it).unwrap_or_else(|| panic!("no {kind}"))
    };
    let job = &of_kind("CronJob")["spec"];
    assert_eq!(job["concurrencyPolicy"].as_str(), Some("Forbid"));
    let pod = &job["jobTemplate"]["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let command: Vec<_> =
        container["command"].as_vec().unwrap().iter().filter_map(Yaml::as_str).collect();
    assert_eq!(command, ["sh", "/scripts/tend.sh"]);
    // What is mounted is what the pod has.
    let names = |list: &Yaml| -> Vec<String> {
        let names = list.as_vec().unwrap().iter().map(|item| item["name"].as_str().unwrap());
        names.map(str::to_owned).collect()
    };
    assert_eq!(names(&container["volumeMounts"]), names(&pod["volumes"]));
    assert_eq!(
        of_kind("ExternalSecret")["spec"]["data"][0]["secretKey"].as_str(),
        Some("keys.toml")
    );
}

/// The lines of a unit file: section, name, value.
fn unit_lines(text: &str) -> Vec<(&str, &str, &str)> {
    let mut section = "";
    let mut lines = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            Some(name) => section = name,
            None => {
                let (name, value) = line.split_once('=').unwrap_or_else(|| panic!("{line}"));
                lines.push((section, name, value));
            }
        }
    }
    lines
}

#[test]
fn the_timer_rotates_a_file_that_is_due_and_says_so() {
    let lines: Vec<_> = blocks("ini").into_iter().flat_map(unit_lines).collect();
    let sections = ["Service", "Timer", "Install"];
    assert!(lines.iter().all(|(section, ..)| sections.contains(section)), "{lines:?}");
    let starts: Vec<_> = lines.iter().filter(|(_, name, _)| *name == "ExecStart").collect();
    let [(_, _, command)] = starts[..] else { panic!("{starts:?}") };
    let arguments = command.strip_prefix("/usr/local/bin/sealed-session ").unwrap();

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    let old = KeySchedule::new(key(1), datetime!(2001-01-01 00:00 UTC)).unwrap();
    KeyFile::options().create(&path, &old).unwrap();
    let arguments = arguments.split(' ').map(|argument| {
        let name = argument.rsplit('/').next().unwrap();
        if argument.starts_with('/') { folder.path().join(name) } else { argument.into() }
    });
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealed-session"));
    let output = command.args(arguments).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let schedule = KeySchedule::parse(&fs::read(&path).unwrap()).unwrap();
    assert_eq!((schedule.generation(), schedule.keys().len()), (2, 2));
    let audited = fs::read_to_string(folder.path().join("keys.log")).unwrap();
    assert!(audited.contains("command=\"keys tend\""), "{audited}");
}

/// Skipped where there is no `age`; with CI=true that is a failure.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_age_has_encrypted_is_rotated_and_reaches_a_server() {
    if Command::new("age").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "age is missing");
        eprintln!("skipped: age is missing");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().join("bin");
    let etc = folder.path().join("etc");
    fs::create_dir(&bin).unwrap();
    fs::create_dir(&etc).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_sealed-session"), bin.join("sealed-session"))
        .unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let run = |script: &str| {
        let script = script.replace("/etc/shop", etc.to_str().unwrap());
        let mut command = Command::new("sh");
        command.args(["-c", &script]).env("PATH", &path).current_dir(folder.path());
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
        let told = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(!told.contains("ssk1_"), "{told}");
    };
    let scripts: Vec<_> =
        blocks("sh").into_iter().filter(|script| script.contains("age -d")).collect();
    let [change, deploy] = scripts[..] else { panic!("{scripts:?}") };

    let old = KeySchedule::new(key(1), datetime!(2001-01-01 00:00 UTC)).unwrap();
    write(&folder.path().join("keys.toml"), &old.to_text(), 0o600);
    run("umask 077
        age-keygen -o operator.key && age-keygen -o /etc/shop/age.key
        (age-keygen -y operator.key && age-keygen -y /etc/shop/age.key) > recipients.txt
        age -R recipients.txt -o keys.toml.age keys.toml && rm keys.toml");
    run(change);
    run(deploy);
    // The server takes it: only its owner can read it, and it says what was changed.
    let file = KeyFile::open(etc.join("keys.toml")).unwrap();
    assert_eq!(file.key_ring().states_at(NOW).len(), 2);
    let left: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(
        !left.iter().any(|name| name == "keys.toml" || name == "keys.toml.age.new"),
        "{left:?}"
    );
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
