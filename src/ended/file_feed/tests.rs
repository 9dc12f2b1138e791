//! The rounds of the thread, with instants as arguments. Real processes: `tests/ended_file.rs`.

use super::*;
use std::fs::OpenOptions;

const NOON: u64 = 1_795_262_400_000;

struct Host {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Host {
    fn new() -> Host {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ended.log");
        Host { _folder: folder, path }
    }

    /// A process: its list, and what its thread does.
    fn process(&self, keep: Duration) -> Process {
        let ended = EndedSessions::new("shop", keep);
        let mut log = Log::open(&self.path, &ended).unwrap();
        log.read_new(at(0)).unwrap();
        first_append(&mut log, &self.path, &|| at(0)).unwrap();
        let carrier = Carrier {
            log,
            ended: ended.clone(),
            clocks: ClockWatch::new(at(0), StdDuration::ZERO),
            locked_since: None,
            not_before: None,
            path: self.path.clone(),
        };
        let health = HealthCell::new(ended.namespace());
        Process { ended, carrier, health, start: Instant::now() }
    }

    /// Appends what a process or somebody else has written.
    fn append(&self, text: impl AsRef<[u8]>) {
        let mut file = OpenOptions::new().append(true).open(&self.path).unwrap();
        std::io::Write::write_all(&mut file, text.as_ref()).unwrap();
    }

    fn lines(&self) -> usize {
        std::fs::read_to_string(&self.path).unwrap().lines().count()
    }
}

struct Process {
    ended: EndedSessions,
    carrier: Carrier,
    health: HealthCell,
    start: Instant,
}

impl Process {
    fn round(&mut self, seconds: u64) {
        let ticks = StdDuration::from_secs(seconds);
        self.carrier.round(&self.health, at(seconds), self.start + ticks, ticks);
    }

    fn end(&self, subject: &str, seconds: u64) {
        self.ended.end_all_of_at(subject, at(seconds).to_time()).unwrap();
    }

    fn knows(&self, subject: &str) -> bool {
        self.ended.cut(self.ended.subject(subject)) > 1
    }

    fn health(&self) -> FeedHealth {
        self.health.get(self.ended.list.unsent())
    }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(NOON + seconds * 1000)
}

const KEEP: Duration = Duration::hours(8);

#[test]
fn an_end_reaches_another_process_and_one_that_starts_later() {
    let host = Host::new();
    let (mut one, mut two) = (host.process(KEEP), host.process(KEEP));
    one.end("17", 0);
    one.round(0);
    two.round(0);
    assert!(two.knows("17") && host.process(KEEP).knows("17"));
    assert_eq!((one.health().unsent, host.lines()), (0, 2), "one keep, one cut, no echo");
}

/// What a round sets the two gauges to.
fn gauges_after(one: &mut Process, seconds: u64) -> (f64, f64) {
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};
    let recorder = DebuggingRecorder::new();
    metrics::with_local_recorder(&recorder, || one.round(seconds));
    let mut gauges = std::collections::HashMap::new();
    for (key, _, _, value) in recorder.snapshotter().snapshot().into_vec() {
        let labels: Vec<_> = key.key().labels().map(|l| (l.key(), l.value())).collect();
        assert_eq!(labels, [("namespace", "shop")]);
        let DebugValue::Gauge(value) = value else { panic!("not a gauge: {value:?}") };
        gauges.insert(key.key().name().to_owned(), value.into_inner());
    }
    (gauges["sealed_session_ended_feed_behind"], gauges["sealed_session_ended_feed_unsent"])
}

#[test]
fn gauges_tell_whether_it_is_behind_and_how_much_is_unsent() {
    let host = Host::new();
    let mut one = host.process(KEEP);
    assert_eq!(gauges_after(&mut one, 0), (0.0, 0.0));
    let other = OpenOptions::new().append(true).open(&host.path).unwrap();
    other.lock().unwrap();
    one.end("17", 0);
    assert_eq!(gauges_after(&mut one, 1), (0.0, 1.0), "it is patient");
    assert_eq!(gauges_after(&mut one, 11), (1.0, 1.0));
    other.unlock().unwrap();
    assert_eq!(gauges_after(&mut one, 12), (0.0, 0.0));
}

#[test]
fn a_lock_that_another_holds_is_tried_for_ten_seconds_while_reading_goes_on() {
    let host = Host::new();
    let (mut one, mut two) = (host.process(KEEP), host.process(KEEP));
    two.end("18", 0);
    two.round(0);
    let other = OpenOptions::new().append(true).open(&host.path).unwrap();
    other.lock().unwrap();
    one.end("17", 0);
    for seconds in 0..10 {
        one.round(seconds);
        assert_eq!(one.health().behind_since, None, "{seconds}");
    }
    assert!(one.knows("18"), "it reads without the lock");
    one.round(10);
    let health = one.health();
    assert_eq!(health.unsent, 1);
    assert!(health.behind_since.is_some());
    assert!(health.error.unwrap().contains("lslocks"), "names the fix");
    other.unlock().unwrap();
    one.round(11);
    assert_eq!((one.health().unsent, one.health().behind_since), (0, None));
}

#[test]
#[cfg(unix)]
fn an_append_that_failed_is_tried_again_after_a_second() {
    use std::os::unix::fs::PermissionsExt;
    let host = Host::new();
    let folder = host.path.parent().unwrap();
    let open_to = |mode| {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let mut one = host.process(KEEP);
    one.end("17", 0);
    std::fs::remove_file(&host.path).unwrap();
    open_to(0o777); // Here it makes no new one.
    one.round(0);
    assert!(one.health().error.unwrap().contains("chmod go-w"));
    open_to(0o700);
    one.round(0);
    assert!(!host.path.exists(), "not yet");
    one.round(1);
    assert_eq!((one.health().unsent, one.health().behind_since), (0, None));
}

#[test]
fn the_thread_sleeps_on_unless_it_is_asked_or_told_to_stop() {
    let is_idle = |asked, stop| Turn { asked, stop }.is_idle();
    assert!(is_idle(false, false));
    assert!(!is_idle(true, false) && !is_idle(false, true) && !is_idle(true, true));
}

#[test]
fn a_question_has_one_round_made() {
    let shared = Shared::new(&EndedSessions::new("shop", KEEP));
    shared.ask();
    assert!(!shared.turn().is_idle());
    assert!(!wait(&shared), "it is not the last round");
    assert!(shared.turn().is_idle());
}

#[test]
fn debug_shows_the_path_and_how_the_feed_is_doing() {
    let host = Host::new();
    let ended = EndedSessions::new("shop", KEEP);
    let feed = FileFeed::open_with_clock(&host.path, &ended, || at(0).to_time()).unwrap();
    let text = format!("{feed:?}");
    assert!(text.contains("ended.log") && text.contains("behind_since: None"), "{text}");
}

/// Bad input 58b, `ended/file_feed/log`: at every byte of a line.
#[test]
fn a_line_that_was_never_finished_is_cut_off_before_the_next() {
    let host = Host::new();
    let (mut one, mut two) = (host.process(KEEP), host.process(KEEP));
    one.end("17", 0);
    one.round(0);
    let whole = std::fs::read(&host.path).unwrap();
    for torn in 1..40 {
        // A process was killed after it wrote this much of its line.
        let line = whole.rsplit(|byte| *byte == b'\n').nth(1).unwrap();
        host.append(&line[..torn]);
        two.end(&torn.to_string(), 0);
        two.round(0);
        one.round(0);
        assert!(one.knows(&torn.to_string()), "{torn}");
    }
    assert_eq!(host.lines(), 41);
}

#[test]
fn a_lock_is_nothing_to_a_process_that_has_nothing_to_append() {
    let host = Host::new();
    let mut one = host.process(KEEP);
    let other = OpenOptions::new().append(true).open(&host.path).unwrap();
    other.lock().unwrap();
    for seconds in [0, 10, 20] {
        one.round(seconds);
        assert_eq!(one.health().behind_since, None, "{seconds}");
    }
}

#[test]
fn a_file_that_grew_is_not_taken_for_another() {
    let host = Host::new();
    let (mut one, mut two) = (host.process(KEEP), host.process(KEEP));
    // Told by somebody else. It would be in the file if that were another one.
    two.end("16", 0);
    let told = two.ended.unsent(1);
    told.entries().for_each(|entry| {
        one.ended.apply_at(entry.as_ref(), at(0).to_time()).unwrap();
    });
    two.ended.confirm(&told);
    one.round(0);
    two.end("17", 0);
    two.round(0);
    one.round(0);
    one.end("18", 0);
    one.round(0);
    one.round(0);
    assert!(one.knows("17"));
    assert_eq!(host.lines(), 3, "keep, 17 and 18");
}

#[test]
fn a_file_in_the_place_of_another_is_read_by_a_process_that_has_nothing_to_append() {
    let (host, other) = (Host::new(), Host::new());
    let (mut one, mut two) = (host.process(KEEP), other.process(KEEP));
    two.end("17", 0);
    two.round(0);
    std::fs::rename(&other.path, &host.path).unwrap();
    one.round(0);
    assert!(one.knows("17"));
}

#[test]
fn a_file_with_more_lines_of_later_versions_than_are_kept_is_not_written_anew() {
    for (count, is_rewritten) in [(65_536, true), (65_537, false)] {
        let host = Host::new();
        let mut one = host.process(KEEP);
        let later = base64_simd::URL_SAFE_NO_PAD.encode_to_string([2; 18]) + "\n";
        let text = later.repeat(count) + "of nobody\n";
        host.append(text);
        one.end("17", 0);
        one.round(0);
        assert_eq!(host.lines(), 2 + count + usize::from(!is_rewritten), "{count}");
    }
}

#[test]
fn ends_are_carried_though_the_file_cannot_be_written_anew() {
    let host = Host::new();
    let mut one = host.process(KEEP);
    host.append("of nobody\n".repeat(200_000));
    // It stands in the way of the new file, and cannot be removed as one.
    let in_the_way = host.path.with_file_name(".ended.log.new");
    std::fs::create_dir(&in_the_way).unwrap();
    for (seconds, tried_at) in [(0, 0), (1, 0), (59, 0), (60, 60)] {
        one.end("17", seconds);
        one.round(seconds);
        let health = one.health();
        assert_eq!((health.unsent, health.behind_since), (0, None), "{seconds}");
        assert_eq!(one.carrier.log.not_compacted(), Some(at(tried_at)), "{seconds}");
    }
    assert_eq!(host.lines(), 200_001 + 4);
    std::fs::remove_dir(&in_the_way).unwrap();
    one.end("17", 119);
    one.round(119);
    assert_eq!(host.lines(), 200_001 + 5, "not yet");
    one.end("17", 120);
    one.round(120);
    assert_eq!(host.lines(), 2, "keep and one cut");
}

#[test]
#[cfg(unix)]
fn a_link_that_others_can_lead_elsewhere_or_that_leads_to_itself_is_refused() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let (host, link) = (Host::new(), Host::new());
    drop(host.process(KEEP));
    symlink(&host.path, &link.path).unwrap();
    let folder = link.path.parent().unwrap();
    let open = || Log::open(&link.path, &EndedSessions::new("shop", KEEP)).err();
    assert!(open().is_none());
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o777)).unwrap();
    assert!(open().unwrap().to_string().contains("chmod go-w"));
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::remove_file(&link.path).unwrap();
    symlink(&link.path, &link.path).unwrap();
    assert!(open().unwrap().to_string().contains("more than 40"));
}

#[test]
#[cfg(unix)]
fn a_link_to_the_file_is_left_when_the_file_is_written_anew() {
    for is_there in [true, false] {
        let (host, link) = (Host::new(), Host::new());
        let mut two = is_there.then(|| host.process(KEEP));
        std::os::unix::fs::symlink(&host.path, &link.path).unwrap();
        let mut one = link.process(KEEP);
        let mut two = two.take().unwrap_or_else(|| host.process(KEEP));
        host.append("of nobody\n".repeat(200_000));
        one.end("17", 0);
        one.round(0);
        assert_eq!(host.lines(), 2, "it was written anew");
        assert!(std::fs::symlink_metadata(&link.path).unwrap().is_symlink());
        two.end("18", 0);
        two.round(0);
        one.round(0);
        assert!(two.knows("17") && one.knows("18"));
    }
}

/// Bad input 58d, `ended/file_feed/lines` and `ended/entry`.
#[test]
fn foreign_lines_are_skipped() {
    let host = Host::new();
    let (mut one, mut two) = (host.process(KEEP), host.process(KEEP));
    let other = EndedSessions::new("blog", KEEP);
    other.end_all_of("17").unwrap();
    let mut foreign = b"hello\n\n\xff\xfe\0\n".to_vec();
    other.unsent(1).entries().for_each(|entry| lines::write(&entry, &mut foreign));
    // Of ours, and changed on the way.
    let ours = EndedSessions::new("shop", KEEP);
    ours.end_all_of("18").unwrap();
    let mut forged = ours.unsent(1).entries().next().unwrap().as_ref().to_vec();
    forged[20] ^= 1;
    foreign.extend_from_slice(
        (base64_simd::URL_SAFE_NO_PAD.encode_to_string(forged) + "\n").as_bytes(),
    );
    foreign.extend_from_slice(&vec![b'A'; 100_000]);
    foreign.push(b'\n');
    host.append(&foreign);
    one.end("17", 0);
    one.round(0);
    two.round(0);
    assert!(two.knows("17"));
    assert_eq!(two.ended.len(), 1);
    assert_eq!(two.health().behind_since, None);
}

/// Bad input 58c, `ended/put`: what is told again, later and in another order, brings nothing back.
#[test]
fn lines_that_are_appended_again_change_nothing() {
    let host = Host::new();
    let (mut one, mut two) = (host.process(KEEP), host.process(KEEP));
    let text = |host: &Host| std::fs::read_to_string(&host.path).unwrap();
    one.end("17", 0);
    one.round(0);
    let older = text(&host);
    one.end("17", 9);
    one.end("18", 9);
    one.round(9);
    two.round(9);
    let cuts = |of: &Process| ["17", "18"].map(|s| of.ended.cut(of.ended.subject(s)));
    let known = cuts(&one);
    let backwards: Vec<&str> = older.lines().rev().collect();
    let again = older.clone() + &text(&host) + &backwards.join("\n") + "\n";
    host.append(again);
    let lines = host.lines();
    one.round(10);
    two.round(10);
    assert_eq!([cuts(&one), cuts(&two), cuts(&host.process(KEEP))], [known; 3]);
    assert_eq!(host.lines(), lines, "and nobody repeats them");
}

/// Bad input 58e, `ended/file_feed/log`: who still remembers what the copy lacks appends it.
#[test]
fn a_file_that_is_replaced_gets_what_it_does_not_hold() {
    let host = Host::new();
    let mut one = host.process(KEEP);
    one.end("17", 0);
    one.round(0);
    let older = std::fs::read(&host.path).unwrap();
    one.end("18", 0);
    one.round(0);
    for replace in [restored, emptied, overwritten, removed] {
        replace(&host.path, &older);
        one.round(1);
        one.end("19", 1);
        one.round(1);
        let new = host.process(KEEP);
        assert!(new.knows("17") && new.knows("18") && new.knows("19"));
    }
}

fn restored(path: &Path, older: &[u8]) {
    let copy = path.with_extension("copy");
    std::fs::write(&copy, older).unwrap();
    private(&copy);
    std::fs::rename(copy, path).unwrap();
}

fn emptied(path: &Path, _: &[u8]) {
    std::fs::write(path, "").unwrap();
}

/// In place, and longer than what was read.
fn overwritten(path: &Path, older: &[u8]) {
    let foreign = "x".repeat(100) + "\n";
    std::fs::write(path, [foreign.repeat(50).as_bytes(), older].concat()).unwrap();
}

fn removed(path: &Path, _: &[u8]) {
    std::fs::remove_file(path).unwrap();
}

#[cfg(unix)]
fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[cfg(not(unix))]
fn private(_: &Path) {}

#[test]
fn the_longest_keep_is_stored_and_covers_once_what_may_have_been_forgotten() {
    let host = Host::new();
    let mut short = host.process(KEEP);
    assert_eq!(short.ended.status().everyone, None, "the first keep covers nothing");
    let long = host.process(Duration::days(30));
    let before = at(0).to_time() - KEEP;
    assert_eq!(long.ended.status().everyone, Some(before));
    short.round(0);
    assert_eq!(short.ended.keep(), Duration::days(30), "all remember by it");
    assert_eq!(short.ended.status().everyone, Some(before));
    let lines = host.lines();
    for keep in [KEEP, Duration::days(30), Duration::days(7)] {
        let again = host.process(keep);
        assert_eq!(again.ended.keep(), Duration::days(30));
        assert_eq!(again.ended.status().everyone, Some(before));
    }
    assert_eq!(host.lines(), lines);
}

/// Bad input 58f, `ended/clock`: three days behind, until it is set right.
#[test]
fn a_step_of_the_clock_has_the_file_read_from_the_start() {
    let host = Host::new();
    // Its clock is three days behind, so what others ended lies ahead.
    let mut late = host.process(KEEP);
    let behind = at(0).millis() - 3 * 24 * 3600 * 1000;
    late.carrier.clocks = ClockWatch::new(Timestamp::from_millis(behind), StdDuration::ZERO);
    let mut one = host.process(KEEP);
    let id = uuid::Uuid::parse_str("01a1fdfa-4600-7abc-8def-123456789abc").unwrap();
    one.ended.end_at(id, at(0).to_time()).unwrap();
    one.round(0);
    let late_now = Timestamp::from_millis(behind);
    late.carrier.round(&late.health, late_now, late.start, StdDuration::ZERO);
    assert!(!late.ended.is_ended(id));
    // What it keeps aside is lost, as if there had been too many.
    late.ended.list.writer().aside = Default::default();
    let tick = StdDuration::from_millis(50);
    late.carrier.round(&late.health, at(0), late.start + tick, tick);
    assert!(late.ended.is_ended(id));
}

#[test]
fn a_file_of_superfluous_lines_is_written_anew_with_all_that_counts() {
    let host = Host::new();
    let (mut one, mut two) = (host.process(KEEP), host.process(KEEP));
    one.end("17", 0);
    one.round(0);
    let line = std::fs::read_to_string(&host.path).unwrap().lines().last().unwrap().to_owned();
    let later = base64_simd::URL_SAFE_NO_PAD.encode_to_string([2, 1, 2, 3]);
    let text = format!("{line}\n").repeat(30_000) + &later + "\nof nobody\n";
    host.append(text);
    // Somebody was killed while he wrote it anew.
    std::fs::write(host.path.with_file_name(".ended.log.new"), "rubbish").unwrap();
    one.end("18", 0);
    one.round(0);
    let text = std::fs::read_to_string(&host.path).unwrap();
    assert_eq!(text.lines().count(), 4, "keep, two cuts, a later version: {text}");
    assert!(text.contains(&later), "what a newer server wrote is not ours to remove");
    assert!(!host.path.with_file_name(".ended.log.new").exists());
    // The other still has the old file open.
    two.end("19", 0);
    two.round(0);
    two.round(0);
    one.round(0);
    assert!(two.knows("18") && one.knows("19") && host.process(KEEP).knows("19"));
}

#[test]
fn what_is_dropped_when_a_file_is_written_anew_is_covered_for_all() {
    let host = Host::new();
    let mut one = host.process(KEEP);
    let id = uuid::Uuid::parse_str("01a1fdfa-4600-7abc-8def-123456789abc").unwrap();
    one.ended.end_at(id, at(0).to_time()).unwrap();
    one.round(0);
    let later = 3 * 24 * 3600;
    one.ended.list.change(at(later), |list| list.sweep_all());
    let mut text = std::fs::read_to_string(&host.path).unwrap();
    text += &(text.lines().last().unwrap().to_owned() + "\n").repeat(30_000);
    std::fs::write(&host.path, text).unwrap();
    one.round(later);
    one.end("17", later);
    one.round(later);
    assert!(host.lines() < 10);
    // A list that would still remember it, because it keeps longer.
    let new = host.process(KEEP);
    assert!(new.ended.everyone() > at(0));
}
