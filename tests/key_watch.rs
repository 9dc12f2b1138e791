//! The thread that watches a key file, with real files and real `Sessions`. The tests wait for it,
//! and for nothing else.

mod support;

use sealed_session::key_file::{KeyFileError, KeySchedule, KeyWatch};
use sealed_session::{KeyFile, KeyRing, Reason, Session, Sessions};
use std::fs;
use std::path::Path;
use std::time::Instant;
use support::key_files::*;
use time::Duration;

fn sessions(ring: KeyRing) -> Sessions<u32> {
    Sessions::builder("shop", ring).build().unwrap()
}

const OFTEN: Duration = Duration::milliseconds(10);

fn wait_until(what: &str, mut true_now: impl FnMut() -> bool) {
    let started = Instant::now();
    while !true_now() {
        assert!(started.elapsed().as_secs() < 60, "waited in vain until {what}");
        std::thread::yield_now();
    }
}

fn generation(watch: &KeyWatch) -> u64 {
    watch.health().generation
}

fn folder_with_keys() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    KeyFile::options().create(&path, &one_key()).unwrap();
    (folder, path)
}

fn rotate(path: &Path) {
    KeyFile::options().change(path, |schedule| schedule.rotate(key(2), &ROTATION, NOW)).unwrap();
}

#[test]
fn a_rename_reaches_every_attached_sessions() {
    let (_folder, path) = folder_with_keys();
    let watch = KeyFile::watch(&path, OFTEN).unwrap();
    let (first, second) = (sessions(watch.key_ring()), sessions(watch.key_ring()));
    watch.attach(&first);
    watch.attach(&second);
    rotate(&path);
    wait_until("both have the new ring", || {
        let seals = |sessions: &Sessions<u32>| sessions.sealing_key_at(NOW + ROTATION.after);
        seals(&first) == Some(key(2).id()) && seals(&second) == Some(key(2).id())
    });
    assert_eq!(generation(&watch), 2);
}

#[test]
fn a_sessions_that_is_attached_late_gets_the_ring_of_today() {
    let (_folder, path) = folder_with_keys();
    let watch = KeyFile::watch(&path, OFTEN).unwrap();
    let late = sessions(watch.key_ring());
    rotate(&path);
    wait_until("the file is reloaded", || generation(&watch) == 2);
    watch.attach(&late);
    assert_eq!(late.sealing_key_at(NOW + ROTATION.after), Some(key(2).id()));
}

#[test]
fn a_plain_file_that_is_written_over_is_reloaded() {
    let (_folder, path) = folder_with_keys();
    let watch = KeyFile::watch(&path, OFTEN).unwrap();
    fs::write(&path, rotated().to_text().as_bytes()).unwrap();
    wait_until("the file is reloaded", || generation(&watch) == 2);
}

#[cfg(unix)]
#[test]
fn a_swap_of_the_symbolic_link_of_a_kubernetes_mount_is_reloaded() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = tempfile::tempdir().unwrap();
    let version = |name: &str, schedule: &KeySchedule| {
        let version = folder.path().join(name);
        fs::create_dir(&version).unwrap();
        fs::write(version.join("keys.toml"), schedule.to_text().as_bytes()).unwrap();
        fs::set_permissions(version.join("keys.toml"), fs::Permissions::from_mode(0o644)).unwrap();
        symlink(name, folder.path().join("..data_tmp")).unwrap();
        fs::rename(folder.path().join("..data_tmp"), folder.path().join("..data")).unwrap();
    };
    version("..2026_11_21_12_00_00.1", &one_key());
    let path = folder.path().join("keys.toml");
    symlink("..data/keys.toml", &path).unwrap();

    let watch = KeyFile::options().allow_readable_by_others().watch(&path, OFTEN).unwrap();
    version("..2026_11_21_12_10_00.2", &rotated());
    fs::remove_dir_all(folder.path().join("..2026_11_21_12_00_00.1")).unwrap();
    wait_until("the file is reloaded", || generation(&watch) == 2);
}

#[test]
fn a_file_that_breaks_and_is_mended_leaves_the_ring_alone_meanwhile() {
    let (_folder, path) = folder_with_keys();
    let watch = KeyFile::watch(&path, OFTEN).unwrap();
    let error =
        |watch: &KeyWatch| watch.health().last_error.map(|error: KeyFileError| error.to_string());
    fs::write(&path, "generation = 2\n").unwrap();
    let expected = format!("{}: line 1: it has no key", path.display());
    wait_until("it is refused", || error(&watch).as_deref() == Some(&expected));
    fs::remove_file(&path).unwrap();
    wait_until("it is missing", || error(&watch).is_some_and(|error| error != expected));
    assert_eq!(generation(&watch), 1);
    KeyFile::options().create(&path, &rotated()).unwrap();
    wait_until("it is back", || generation(&watch) == 2);
    assert_eq!(error(&watch), None);
}

#[test]
fn a_cookie_with_an_unknown_key_leads_to_an_early_read() {
    let (_folder, path) = folder_with_keys();
    let watch = KeyFile::watch(&path, Duration::DAY).unwrap();
    let sessions = sessions(watch.key_ring());
    watch.attach(&sessions);
    rotate(&path);
    assert_eq!(generation(&watch), 1, "the day is not over");
    let later = NOW + ROTATION.after;
    let value = Sessions::<u32>::builder("shop", rotated().key_ring()).build().unwrap();
    let value = value.encode_at(&Session::new_at(7, later), later).unwrap();
    let reason = sessions.decode_at(&value, later).unwrap_err().reason();
    assert_eq!(reason, Reason::UnknownKey);
    wait_until("the file is read early", || generation(&watch) == 2);
    assert_eq!(*sessions.decode_at(&value, later).unwrap(), 7);
}

#[test]
fn nothing_is_reloaded_after_the_watch_is_dropped() {
    let (_folder, path) = folder_with_keys();
    let watch = KeyFile::watch(&path, OFTEN).unwrap();
    let sessions = sessions(watch.key_ring());
    watch.attach(&sessions);
    drop(watch); // waits for the thread
    rotate(&path);
    assert_eq!(sessions.sealing_key_at(NOW + ROTATION.after), Some(key(1).id()));
}

#[test]
fn a_pace_of_zero_and_a_missing_file_are_refused_at_the_start() {
    let (_folder, path) = folder_with_keys();
    for every in [Duration::ZERO, Duration::seconds(-1)] {
        let error = KeyFile::watch(&path, every).unwrap_err().to_string();
        assert!(error.ends_with("`every` must be longer than zero"), "{error}");
    }
    assert!(KeyFile::watch(path.with_file_name("missing.toml"), OFTEN).is_err());
}
