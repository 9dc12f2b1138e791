//! A feed for one host: a file that several processes append to, and that outlives a restart.

mod disk;
mod lines;
mod log;

use crate::ended::clock::ClockWatch;
use crate::ended::feed_error::FeedError;
use crate::ended::health::{FeedHealth, HealthCell};
use crate::ended::list::EndedSessions;
use crate::timestamp::Timestamp;
use log::{Appended, Log};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration as StdDuration, Instant};
use time::{Duration, OffsetDateTime};

/// How often the file is looked at for what other processes appended.
const EVERY: StdDuration = StdDuration::from_millis(50);

/// For how long the lock is tried before it counts as a failure.
const LOCK_PATIENCE: StdDuration = StdDuration::from_secs(10);

/// After a failed append, for example on a full disk.
const AFTER_A_FAILURE: StdDuration = StdDuration::from_secs(1);

/// Carries ended sessions between the processes of one host, and over a restart, until it is
/// dropped. Requests never wait for it: its thread reads and writes the file.
///
/// The file belongs to the user that the servers run as, with mode 0600. It is cut to its last whole
/// line if a process was killed while it wrote, and written anew when most of it no longer
/// matters.
///
/// ```
/// use sealed_session::{EndedSessions, FileFeed};
/// use time::Duration;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("ended.log");
/// # /*
/// let path = "/var/lib/shop/ended.log";
/// # */
/// let ended = EndedSessions::new("shop", Duration::hours(8));
/// let feed = FileFeed::open(&path, &ended)?;
/// ended.end_all_of("user-17")?;
/// feed.flush(Duration::seconds(5))?; // before the process exits
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "ends are carried until this is dropped"]
pub struct FileFeed {
    path: PathBuf,
    ended: EndedSessions,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    health: HealthCell,
    turn: Mutex<Turn>,
    /// Told when there is something to do, and when a round is over.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Turn {
    asked: bool,
    stop: bool,
}

impl Turn {
    /// Whether the thread may sleep on.
    fn is_idle(&self) -> bool {
        !self.asked && !self.stop
    }
}

impl Shared {
    fn new(ended: &EndedSessions) -> Shared {
        let health = HealthCell::new(ended.namespace());
        Shared { health, turn: Mutex::default(), changed: Condvar::new() }
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self) {
        self.turn().asked = true;
        self.changed.notify_all();
    }
}

impl FileFeed {
    /// Opens the file, or makes it, and returns when everything in it was read. Its folder, if it is
    /// not there, is made with mode 0700.
    ///
    /// # Errors
    ///
    /// If the list has a feed, if the file or its folder can be used by others, if it cannot be read
    /// or written, or if another process holds its lock for ten seconds.
    pub fn open(path: impl AsRef<Path>, ended: &EndedSessions) -> Result<FileFeed, FeedError> {
        FileFeed::start(path.as_ref(), ended, Timestamp::now)
    }

    /// [`open`](FileFeed::open) with a clock as an argument.
    ///
    /// # Errors
    ///
    /// Those of [`open`](FileFeed::open).
    pub fn open_with_clock(
        path: impl AsRef<Path>,
        ended: &EndedSessions,
        clock: impl Fn() -> OffsetDateTime + Send + 'static,
    ) -> Result<FileFeed, FeedError> {
        FileFeed::start(path.as_ref(), ended, move || Timestamp::from_time(clock()))
    }

    fn start(
        path: &Path,
        ended: &EndedSessions,
        clock: impl Fn() -> Timestamp + Send + 'static,
    ) -> Result<FileFeed, FeedError> {
        let shared = Arc::new(Shared::new(ended));
        let woken = Arc::clone(&shared);
        if !ended.attach(Arc::new(move || woken.ask())) {
            return Err(FeedError::AnotherFeed);
        }
        // From here on dropping it detaches it.
        let mut feed = FileFeed {
            path: path.to_owned(),
            ended: ended.clone(),
            shared: Arc::clone(&shared),
            thread: None,
        };
        let mut log = Log::open(path, ended)?;
        log.read_new(clock())?;
        first_append(&mut log, path, &clock)?;

        let start = Instant::now();
        let mut carrier = Carrier {
            log,
            ended: ended.clone(),
            clocks: ClockWatch::new(clock(), start.elapsed()),
            locked_since: None,
            not_before: None,
            path: path.to_owned(),
        };
        let run = move || {
            loop {
                let stop = wait(&shared);
                if stop {
                    carrier.not_before = None; // The last attempt is made in any case.
                }
                carrier.round(&shared.health, clock(), Instant::now(), start.elapsed());
                shared.changed.notify_all();
                if stop {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("ended-sessions".to_owned()).spawn(run);
        feed.thread = Some(thread.map_err(FeedError::Thread)?);
        Ok(feed)
    }

    /// Waits until everything that was ended here is in the file. Call it before the process exits:
    /// an end that was not sent dies with its process. It blocks; in an asynchronous program call it
    /// where blocking is allowed.
    ///
    /// # Errors
    ///
    /// [`FeedError::Unsent`] if the time is over first.
    pub fn flush(&self, timeout: Duration) -> Result<(), FeedError> {
        // A time beyond all clocks has no deadline.
        let deadline =
            Instant::now().checked_add(StdDuration::try_from(timeout).unwrap_or_default());
        self.shared.ask();
        loop {
            let unsent = self.ended.list.unsent();
            if unsent == 0 {
                return Ok(());
            }
            let left = deadline
                .map_or(EVERY, |deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Err(FeedError::Unsent { unsent });
            }
            let turn = self.shared.turn();
            // Never long, because the round may have ended before this waits.
            let _ = self.shared.changed.wait_timeout(turn, left.min(EVERY));
        }
    }

    /// Returns how the feed is doing: for alerts, not for readiness.
    pub fn health(&self) -> FeedHealth {
        self.shared.health.get(self.ended.list.unsent())
    }
}

/// Sleeps until it is time or somebody asks; returns whether this is the last round.
fn wait(shared: &Shared) -> bool {
    let (mut turn, _) = shared
        .changed
        .wait_timeout_while(shared.turn(), EVERY, |turn| turn.is_idle())
        .unwrap_or_else(PoisonError::into_inner);
    turn.asked = false;
    turn.stop
}

fn first_append(
    log: &mut Log,
    path: &Path,
    clock: &impl Fn() -> Timestamp,
) -> Result<(), FeedError> {
    let start = Instant::now();
    while log.append(clock())? == Appended::Locked {
        if start.elapsed() >= LOCK_PATIENCE {
            return Err(locked(path));
        }
        thread::sleep(EVERY);
    }
    Ok(())
}

fn locked(path: &Path) -> FeedError {
    FeedError::File {
        path: path.display().to_string(),
        problem: "another process has held its lock for ten seconds: find it with `lslocks` or \
                  `fuser`, and end it if it hangs"
            .to_owned(),
    }
}

enum Carried {
    All,
    /// It is not time for another attempt, or another process has the lock.
    Nothing,
}

/// What the thread does every time.
struct Carrier {
    log: Log,
    ended: EndedSessions,
    clocks: ClockWatch,
    locked_since: Option<Instant>,
    not_before: Option<Instant>,
    path: PathBuf,
}

impl Carrier {
    fn round(&mut self, health: &HealthCell, now: Timestamp, instant: Instant, ticks: StdDuration) {
        if self.clocks.stepped(now, ticks) {
            // What was judged by the other clock is judged again.
            self.log.read_again();
        }
        match self.carry(now, instant) {
            Ok(Carried::All) => health.well(),
            // Neither better nor worse than it was.
            Ok(Carried::Nothing) => {}
            Err(error) => health.failed(error.told(), now),
        }
        health.tell(self.ended.list.unsent());
    }

    fn carry(&mut self, now: Timestamp, instant: Instant) -> Result<Carried, FeedError> {
        self.log.read_new(now)?;
        self.ended.tidy(now);
        if !self.log.has_to_append() {
            (self.locked_since, self.not_before) = (None, None);
            return Ok(Carried::All);
        }
        if self.not_before.is_some_and(|not_before| instant < not_before) {
            return Ok(Carried::Nothing);
        }
        match self.log.append(now) {
            Ok(Appended::All) => {
                (self.locked_since, self.not_before) = (None, None);
                Ok(Carried::All)
            }
            Ok(Appended::Locked) => {
                let since = *self.locked_since.get_or_insert(instant);
                let patient = instant.saturating_duration_since(since) < LOCK_PATIENCE;
                if patient { Ok(Carried::Nothing) } else { Err(locked(&self.path)) }
            }
            Err(error) => {
                self.not_before = Some(instant + AFTER_A_FAILURE);
                Err(error)
            }
        }
    }
}

/// Appends what is left, once, and ends the thread.
impl Drop for FileFeed {
    fn drop(&mut self) {
        self.shared.turn().stop = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.ended.detach();
    }
}

impl fmt::Debug for FileFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileFeed")
            .field("path", &self.path)
            .field("health", &self.health())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
