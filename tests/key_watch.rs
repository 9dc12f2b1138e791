//! The thread that watches a key file, with real files and real `Sessions`. The tests wait for it,
//! and for nothing else.

mod support;

use sealed_session::key_file::tools::KeySchedule;
use sealed_session::key_file::{KeyFileError, KeyWatch};
use sealed_session::{KeyFile, KeyRing, Reason, Session, Sessions};
use std::fs;
use std::path::Path;
use std::time::Instant;
use support::key_files::*;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

/// The thread has the system's clock, and whatever that shows, the keys of these tests seal.
const LONG_AGO: OffsetDateTime = datetime!(2001-01-01 00:00 UTC);

/// Key 1 alone.
fn one_key() -> KeySchedule {
    KeySchedule::new(key(1), LONG_AGO).unwrap()
}

/// Key 2 behind it.
fn rotated() -> KeySchedule {
    let mut schedule = one_key();
    schedule.rotate(key(2), &ROTATION, LONG_AGO).unwrap();
    schedule
}

/// What was logged, on whatever thread.
mod logged {
    use std::io::{self, Write};
    use std::sync::{Mutex, Once};

    static LOGGED: Mutex<Vec<u8>> = Mutex::new(Vec::new());

    struct Everywhere;

    impl Write for Everywhere {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            LOGGED.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    pub(super) fn listen() {
        static SUBSCRIBER: Once = Once::new();
        SUBSCRIBER.call_once(|| {
            let subscriber = tracing_subscriber::fmt().with_ansi(false).without_time();
            subscriber.with_writer(|| Everywhere).init();
        });
    }

    /// The lines that name this file.
    pub(super) fn about(path: &std::path::Path) -> String {
        let text = String::from_utf8(LOGGED.lock().unwrap().clone()).unwrap();
        let path = path.display().to_string();
        text.lines().filter(|line| line.contains(&path)).collect::<Vec<_>>().join("\n")
    }
}

fn sessions(ring: KeyRing) -> Sessions<u32> {
    Sessions::builder("shop", ring).build().unwrap()
}

const OFTEN: Duration = Duration::milliseconds(100);

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
    KeyFile::options()
        .change(path, |schedule| schedule.rotate(key(2), &ROTATION, LONG_AGO))
        .unwrap();
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
        let seals = |sessions: &Sessions<u32>| sessions.sealing_key_at(LONG_AGO + ROTATION.after);
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
    assert_eq!(late.sealing_key_at(LONG_AGO + ROTATION.after), Some(key(2).id()));
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
    let later = LONG_AGO + ROTATION.after;
    let value = Sessions::<u32>::builder("shop", rotated().key_ring()).build().unwrap();
    let value = value.encode_at(&Session::new_at(7, later), later).unwrap();
    let reason = sessions.decode_at(&value, later).unwrap_err().reason();
    assert_eq!(reason, Reason::UnknownKey);
    wait_until("the file is read early", || generation(&watch) == 2);
    assert_eq!(*sessions.decode_at(&value, later).unwrap(), 7);
}

/// A cookie sealed with a key that no file of these tests has.
fn value_of_another_key() -> String {
    let other = sessions(KeyRing::new(key(9)));
    other.encode_at(&Session::new_at(7, LONG_AGO), LONG_AGO).unwrap()
}

#[test]
fn a_key_that_stays_unknown_after_the_early_read_is_one_warning_a_minute() {
    logged::listen();
    let (_folder, path) = folder_with_keys();
    let watch = KeyFile::watch(&path, OFTEN).unwrap();
    let sessions = sessions(watch.key_ring());
    watch.attach(&sessions);
    let value = value_of_another_key();
    let meet = || assert!(sessions.decode_at(&value, LONG_AGO).is_err());
    meet();
    wait_until("it is told", || !logged::about(&path).is_empty());
    let told = logged::about(&path);
    assert!(told.starts_with(" WARN ") && told.contains("compare its generation"), "{told}");
    assert!(told.contains(&format!("key_id={}", key(9).id())), "{told}");

    // Every read after this one is for another such cookie, and all within the minute.
    for _ in 0..3 {
        let read = watch.health().confirmed_at;
        meet();
        wait_until("the file is read again", || watch.health().confirmed_at > read);
    }
    drop(watch); // waits for the thread
    assert_eq!(logged::about(&path).lines().count(), 1, "{}", logged::about(&path));
}

#[test]
fn a_key_that_the_early_read_brings_is_no_warning() {
    logged::listen();
    let (_folder, path) = folder_with_keys();
    let watch = KeyFile::watch(&path, Duration::DAY).unwrap();
    let sessions = sessions(watch.key_ring());
    watch.attach(&sessions);
    rotate(&path);
    let later = LONG_AGO + ROTATION.after;
    let others = Sessions::<u32>::builder("shop", rotated().key_ring()).build().unwrap();
    let value = others.encode_at(&Session::new_at(7, later), later).unwrap();
    assert!(sessions.decode_at(&value, later).is_err());
    wait_until("the file is read early", || generation(&watch) == 2);
    drop(watch); // waits for the thread
    assert!(!logged::about(&path).contains("WARN"), "{}", logged::about(&path));
}

#[test]
fn nothing_is_reloaded_after_the_watch_is_dropped() {
    let (_folder, path) = folder_with_keys();
    let watch = KeyFile::watch(&path, OFTEN).unwrap();
    let sessions = sessions(watch.key_ring());
    watch.attach(&sessions);
    drop(watch); // waits for the thread
    rotate(&path);
    assert_eq!(sessions.sealing_key_at(LONG_AGO + ROTATION.after), Some(key(1).id()));
}

#[test]
fn a_pace_under_100_ms_and_a_missing_file_are_refused_at_the_start() {
    let (_folder, path) = folder_with_keys();
    let short = [Duration::seconds(-1), Duration::ZERO, Duration::nanoseconds(1)];
    for every in [short[0], short[1], short[2], Duration::milliseconds(99)] {
        let error = KeyFile::watch(&path, every).unwrap_err().to_string();
        assert!(error.ends_with("make it at least 100ms"), "{error}");
    }
    assert!(KeyFile::watch(path.with_file_name("missing.toml"), OFTEN).is_err());
}

#[test]
fn debug_of_a_watch_shows_its_health() {
    let (_folder, path) = folder_with_keys();
    let watch = KeyFile::watch(&path, Duration::DAY).unwrap();
    assert_eq!(format!("{watch:?}"), format!("KeyWatch {{ health: {:?}, .. }}", watch.health()));
}

#[test]
fn a_reload_with_nothing_attached_is_a_warning() {
    logged::listen();
    let (_folder, path) = folder_with_keys();
    let watch = KeyFile::watch(&path, OFTEN).unwrap();
    rotate(&path);
    wait_until("the file is reloaded", || generation(&watch) == 2);
    let warned = || logged::about(&path).contains("no `Sessions` is attached to get its keys");
    wait_until("it is told", warned);
    assert!(logged::about(&path).starts_with(" WARN "), "{}", logged::about(&path));
}

/// A file with two keys that overlap for `drain`, now and for centuries.
fn overlapping_for(drain: Duration) -> KeySchedule {
    let far = datetime!(2900-01-01 00:00 UTC);
    let text = rotated().to_text().to_string();
    let old = rotated();
    let (from, until) = (old.keys()[1].seal_from(), old.keys()[0].open_until().unwrap());
    let write =
        |time: OffsetDateTime| time.format(&time::format_description::well_known::Rfc3339).unwrap();
    parse(&text.replace(&write(from), &write(far)).replace(&write(until), &write(far + drain)))
}

/// A file that was rotated for 8 hours, with sessions of 30 days, signed people out unseen.
#[test]
fn a_key_that_ends_before_the_sessions_it_sealed_is_a_warning() {
    logged::listen();
    let (_folder, path) = folder_with_keys();
    let month = Duration::days(30);
    let short = month + Duration::seconds(59);
    fs::write(&path, overlapping_for(short).to_text().as_bytes()).unwrap();
    let watch = KeyFile::watch(&path, OFTEN).unwrap();

    let of = |idle: Duration, longest: Option<Duration>| {
        let builder = Sessions::<u32>::builder("shop", watch.key_ring()).idle_timeout(idle);
        let builder = builder.absolute_timeout(Duration::days(365));
        match longest {
            Some(longest) => builder.longest_timeouts(longest, Duration::days(365)),
            None => builder,
        }
        .build()
        .unwrap()
    };
    watch.attach(&of(month - Duration::SECOND, None));
    assert_eq!(logged::about(&path), "", "as long as it needs to be");
    watch.attach(&of(Duration::HOUR, Some(month)));
    let told = logged::about(&path);
    let id = key(1).id();
    assert!(told.contains(&format!("key_id={id} drain=30d59s needed=30d1m")), "{told}");
    assert!(told.starts_with(" WARN ") && told.contains("--max-session"), "{told}");

    // And at every reload.
    let text = overlapping_for(short).to_text().replace("generation = 2", "generation = 3");
    fs::write(&path, text).unwrap();
    wait_until("it is told again", || logged::about(&path).lines().count() == 2);
}

/// The absolute timeout ends a session first, and a key that has ended drains no more.
#[test]
fn a_key_that_opens_long_enough_is_no_warning() {
    logged::listen();
    let (_folder, path) = folder_with_keys();
    fs::write(&path, overlapping_for(Duration::hours(9)).to_text().as_bytes()).unwrap();
    let watch = KeyFile::watch(&path, OFTEN).unwrap();
    let builder = Sessions::<u32>::builder("shop", watch.key_ring());
    let sessions = builder.idle_timeout(Duration::hours(8)).absolute_timeout(Duration::hours(8));
    watch.attach(&sessions.build().unwrap());
    assert_eq!(logged::about(&path), "");

    let (_folder, path) = folder_with_keys();
    fs::write(&path, rotated().to_text().as_bytes()).unwrap();
    let watch = KeyFile::watch(&path, OFTEN).unwrap();
    let builder = Sessions::<u32>::builder("shop", watch.key_ring());
    let sessions = builder.idle_timeout(Duration::days(30)).absolute_timeout(Duration::days(30));
    watch.attach(&sessions.build().unwrap());
    assert_eq!(logged::about(&path), "");
}
