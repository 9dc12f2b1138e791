//! A key file that is read again and again, and the `Sessions` that get what it says.

use super::error::KeyFileError;
use super::pace::Pace;
use super::reloader::{Health, Polled, Reloader};
use super::rotation::CLOCK_SKEW;
use crate::keys::id::KeyId;
use crate::keys::ring::KeyRing;
use crate::sessions::Sessions;
use crate::telemetry::{self, OncePerMinute};
use serde::{Serialize, de::DeserializeOwned};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration as StdDuration;
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

/// How often the thread looks whether a cookie named an unknown key.
const MAX_NAP: StdDuration = StdDuration::from_secs(1);
/// A file that is read more often keeps a processor busy and helps nobody.
const MIN_EVERY: Duration = Duration::milliseconds(100);

/// A key file that is being watched, from [`KeyFile::watch`](crate::KeyFile::watch), until this is
/// dropped.
///
/// Requests do not wait for it: its thread swaps a pointer in each `Sessions`, and a cookie with an
/// unknown key leaves a mark that the thread finds within a second (and reads the file early for,
/// at most once a minute).
#[must_use = "the file is watched until this is dropped"]
pub struct KeyWatch {
    state: Arc<Mutex<State>>,
    clock: Clock,
    /// Dropped to wake the thread and end it.
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

type Clock = Arc<dyn Fn() -> OffsetDateTime + Send + Sync>;

struct State {
    path: PathBuf,
    reloader: Reloader,
    pace: Pace,
    attached: Vec<Box<dyn Attached>>,
    /// A key that a cookie named and the ring did not have, until the file was read again.
    asked_for: Option<KeyId>,
    warned: OncePerMinute,
}

/// A `Sessions` of any type.
trait Attached: Send {
    fn set_key_ring(&self, ring: KeyRing);
    fn take_unknown_key(&self) -> Option<KeyId>;
    fn longest_life(&self) -> Duration;
}

impl<T: Serialize + DeserializeOwned> Attached for Sessions<T> {
    fn set_key_ring(&self, ring: KeyRing) {
        Sessions::set_key_ring(self, ring);
    }

    fn take_unknown_key(&self) -> Option<KeyId> {
        Sessions::take_unknown_key(self)
    }

    fn longest_life(&self) -> Duration {
        Sessions::longest_life(self)
    }
}

type Read = Result<Zeroizing<Vec<u8>>, KeyFileError>;

impl State {
    fn is_due(&mut self, now: OffsetDateTime) -> bool {
        for sessions in &self.attached {
            // Each is asked, for asking takes the mark away.
            self.asked_for = sessions.take_unknown_key().or(self.asked_for);
        }
        self.pace.is_due(self.asked_for.is_some(), now)
    }

    fn take_in(&mut self, read: &Read, now: OffsetDateTime) {
        let content = read.as_ref().map(|content| &content[..]).map_err(Clone::clone);
        let polled = self.reloader.poll(content, now);
        if let Some(key_id) = self.asked_for.take()
            && !self.reloader.key_ring().states_at(now).iter().any(|(id, _)| *id == key_id)
        {
            telemetry::key_file::key_stays_unknown(&self.path, key_id, &self.warned, now);
        }
        if polled != Polled::Reloaded {
            return;
        }
        for sessions in &self.attached {
            sessions.set_key_ring(self.reloader.key_ring().clone());
        }
        match self.attached.iter().map(|sessions| sessions.longest_life()).max() {
            Some(longest) => self.compare_drain(longest, now),
            None => telemetry::key_file::nothing_attached(&self.path),
        }
    }

    /// Warns if a key ends before the sessions that it sealed. (How wrong the clocks are, nobody
    /// knows here.)
    fn compare_drain(&self, longest_life: Duration, now: OffsetDateTime) {
        let needed = longest_life + CLOCK_SKEW;
        if let Some(drain) = self.reloader.shortest_drain(now)
            && drain.length < needed
        {
            telemetry::key_file::drain_too_short(&self.path, drain.key, drain.length, needed);
        }
    }
}

impl KeyWatch {
    pub(super) fn start(
        path: PathBuf,
        every: Duration,
        clock: impl Fn() -> OffsetDateTime + Send + Sync + 'static,
        read: impl Fn(&Path) -> Read + Send + 'static,
    ) -> Result<KeyWatch, KeyFileError> {
        if every < MIN_EVERY {
            let problem = format!("`every` is {every}: make it at least {MIN_EVERY}");
            return Err(KeyFileError::new(problem).in_file(&path));
        }
        let nap = StdDuration::try_from(every).unwrap_or(MAX_NAP).min(MAX_NAP);
        let clock: Clock = Arc::new(clock);
        let now = clock();
        let content = read(&path)?;
        let reloader = Reloader::started(&content, Some(&path), now);
        let reloader = reloader.map_err(|error| error.in_file(&path))?;
        let state = Arc::new(Mutex::new(State {
            path: path.clone(),
            reloader,
            pace: Pace::new(every, now),
            attached: Vec::new(),
            asked_for: None,
            warned: OncePerMinute::default(),
        }));

        let (stop, stopped) = mpsc::channel();
        let (shared, time) = (Arc::clone(&state), Arc::clone(&clock));
        let run = move || {
            while stopped.recv_timeout(nap) == Err(RecvTimeoutError::Timeout) {
                let now = time();
                if lock(&shared).is_due(now) {
                    // Not under the lock: a disk that hangs must not silence `health`.
                    let content = read(&path);
                    lock(&shared).take_in(&content, now);
                }
            }
        };
        let thread = thread::Builder::new().name("key-file".to_owned()).spawn(run);
        let thread = thread.map_err(|error| {
            KeyFileError::new(format!("no thread to watch the key file: {error}"))
        })?;
        Ok(KeyWatch { state, clock, stop: Some(stop), thread: Some(thread) })
    }

    /// Returns the keys in use now, for [`Sessions::builder`]. Then [`attach`](KeyWatch::attach) what it
    /// builds.
    pub fn key_ring(&self) -> KeyRing {
        lock(&self.state).reloader.key_ring().clone()
    }

    /// Gives `sessions`, with all its clones, the keys in use now and every later ring. Several can
    /// be attached.
    ///
    /// Here and at every reload the dates of the keys are compared with the timeouts of what is
    /// attached: a WARN event says if a key ends before the sessions that it sealed.
    pub fn attach<T: Serialize + DeserializeOwned + 'static>(&self, sessions: &Sessions<T>) {
        let mut state = lock(&self.state);
        sessions.set_key_ring(state.reloader.key_ring().clone());
        state.attached.push(Box::new(sessions.clone()));
        state.compare_drain(sessions.longest_life(), (self.clock)());
    }

    /// Says how it goes: which generation is in use since when, and what is wrong with the file if it is
    /// not that one. [`Health::is_older_than`] is what a readiness probe asks.
    pub fn health(&self) -> Health {
        lock(&self.state).reloader.health().clone()
    }
}

/// A panic elsewhere cannot leave the state half changed: a new ring is made before it is stored.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the thread, having waited for a read that is under way.
impl Drop for KeyWatch {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It panics only where reading does, and then there is nothing left to end.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for KeyWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyWatch").field("health", &self.health()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_file::rotation::on_test::ROTATION;
    use crate::key_file::tools::KeySchedule;
    use crate::keys::key::Key;
    use std::cell::Cell;

    /// With a mark, or without.
    struct Marked(Cell<bool>);

    impl Attached for Marked {
        fn set_key_ring(&self, _: KeyRing) {}

        fn take_unknown_key(&self) -> Option<KeyId> {
            self.0.take().then(|| Key::generate().id())
        }

        fn longest_life(&self) -> Duration {
            Duration::HOUR
        }
    }

    /// Hands on what it is given.
    struct Given(mpsc::Sender<KeyRing>);

    impl Attached for Given {
        fn set_key_ring(&self, ring: KeyRing) {
            self.0.send(ring).unwrap();
        }

        fn take_unknown_key(&self) -> Option<KeyId> {
            None
        }

        fn longest_life(&self) -> Duration {
            Duration::HOUR
        }
    }

    fn state(
        schedule: &KeySchedule,
        attached: Vec<Box<dyn Attached>>,
        now: OffsetDateTime,
    ) -> State {
        State {
            path: PathBuf::new(),
            reloader: Reloader::new(schedule.to_text().as_bytes(), now).unwrap(),
            pace: Pace::new(Duration::HOUR, now),
            attached,
            asked_for: None,
            warned: OncePerMinute::default(),
        }
    }

    #[test]
    fn only_a_new_ring_is_given_and_to_all_that_is_attached() {
        let now = OffsetDateTime::UNIX_EPOCH + Duration::days(10_000);
        let mut schedule = KeySchedule::new(Key::generate(), now).unwrap();
        let (sender, given) = mpsc::channel();
        let attached = || Box::new(Given(sender.clone())) as Box<dyn Attached>;
        let mut state = state(&schedule, vec![attached(), attached()], now);
        let mut read = |schedule: &KeySchedule| {
            state.take_in(&Ok(Zeroizing::new(schedule.to_text().as_bytes().to_vec())), now);
            given.try_iter().map(|ring| ring.states_at(now).len()).collect::<Vec<_>>()
        };
        assert!(read(&schedule).is_empty());
        schedule.rotate(Key::generate(), &ROTATION, now).unwrap();
        assert_eq!(read(&schedule), [2, 2]);
        assert!(read(&schedule).is_empty());
    }

    /// Whether the file is read early if these `Sessions` have met unknown keys.
    fn is_due(marks: &[bool]) -> bool {
        let now = OffsetDateTime::UNIX_EPOCH + Duration::days(10_000);
        let schedule = KeySchedule::new(Key::generate(), now).unwrap();
        let attached = |met: &bool| Box::new(Marked(Cell::new(*met))) as Box<dyn Attached>;
        let mut state = state(&schedule, marks.iter().map(attached).collect(), now);
        let due = state.is_due(now + Duration::SECOND);
        // As reading does.
        assert_eq!(state.asked_for.take().is_some(), due);
        assert!(!state.is_due(now + Duration::minutes(2)), "a mark was left");
        due
    }

    #[test]
    fn once_a_watch_is_dropped_its_thread_is_gone() {
        let now = OffsetDateTime::UNIX_EPOCH + Duration::days(10_000);
        let text = KeySchedule::new(Key::generate(), now).unwrap().to_text();
        // The thread has this for as long as it runs.
        let content = Arc::new(text);
        let shared = Arc::clone(&content);
        let read = move |_: &Path| Ok(Zeroizing::new(shared.as_bytes().to_vec()));
        let watch = KeyWatch::start(PathBuf::new(), Duration::DAY, move || now, read).unwrap();
        assert_eq!(Arc::strong_count(&content), 2);
        drop(watch);
        assert_eq!(Arc::strong_count(&content), 1);
    }

    #[test]
    fn a_mark_of_any_of_several_is_enough_and_all_are_taken_away() {
        for marks in
            [&[true][..], &[true, false], &[false, true], &[true, true], &[true, true, true]]
        {
            assert!(is_due(marks), "{marks:?}");
        }
        assert!(!is_due(&[]) && !is_due(&[false, false]));
    }
}
