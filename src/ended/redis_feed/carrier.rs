//! What the feed's task does: reads all the time, sends when there is something, and looks whether
//! the stream is still the one it knows.

use super::engine::{self, Engine, Keys, READ_BATCH};
use super::history::{History, StreamId, must_hold};
use super::sent::Sent;
use super::trim;
use crate::ended::clock::ClockWatch;
use crate::ended::entry::Entry;
use crate::ended::events;
use crate::ended::health::HealthCell;
use crate::ended::list::EndedSessions;
use crate::random;
use crate::telemetry::OncePerMinute;
use crate::timestamp::Timestamp;
use redis::{Client, RedisError, RedisResult};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// So many entries are sent in one step.
const SEND_BATCH: usize = 500;

/// How often the sender looks around when nobody wakes it.
const IDLE: Duration = Duration::from_millis(250);

/// How often the stream is looked at for being the one that was read.
const BETWEEN_CHECKS: Duration = Duration::from_secs(2);

const BETWEEN_TRIMS: Duration = Duration::from_secs(60);

/// The servers that miss something in the stream do not all send it at once: each waits up to this
/// long and reads what the others send.
const MAX_WAIT_BEFORE_SENDING_ALL: Duration = Duration::from_secs(10);

const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// An engine that only refuses may be a replica by now: then the address leads to another one.
const MAX_REFUSALS: u32 = 10;

pub(super) struct Carrier {
    pub(super) client: Client,
    pub(super) keys: Keys,
    pub(super) ended: EndedSessions,
    pub(super) health: HealthCell,
    /// Told when something was ended here.
    pub(super) wake: Notify,
    /// Somebody flushes: nothing is put off.
    pub(super) hurry: AtomicBool,
    pub(super) state: Mutex<State>,
    pub(super) clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    pub(super) start: Instant,
}

#[derive(Default)]
pub(super) struct State {
    history: History,
    /// Grows when reading begins at the start again: what was asked before does not move the place
    /// read to.
    epoch: u64,
    comparison: Comparison,
    sent: Sent,
    connected_before: bool,
    refused_told: OncePerMinute,
}

/// Whether the list is being compared with the stream, to send what that does not hold.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    #[default]
    No,
    /// The stream is read from the start.
    Reading,
    /// It was read; at this time what is missing is sent.
    SendAt(Instant),
}

impl State {
    fn begin_at_the_start(&mut self) {
        self.history = History::default();
        self.epoch += 1;
    }
}

impl Carrier {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Connects, compares, and reads until there is nothing left to read.
    pub(super) async fn connect(&self) -> RedisResult<Engine> {
        let mut engine = engine::connect(&self.client).await?;
        self.check(&mut engine).await?;
        self.send_lately_again();
        loop {
            let (epoch, after) = self.place();
            let read = engine::read(&mut engine.plain, &self.keys, after, false).await?;
            let len = read.len();
            self.take_in(epoch, read);
            if len < READ_BATCH {
                break;
            }
            tokio::task::yield_now().await;
        }
        self.health.well();
        self.tell_gauges();
        Ok(engine)
    }

    fn send_lately_again(&self) {
        let mut state = self.state();
        if std::mem::replace(&mut state.connected_before, true) {
            match state.sent.lately(Instant::now()) {
                Some(entries) => self.ended.mark_unsent(&entries),
                None => self.compare(&mut state),
            }
        }
    }

    /// Reads the stream from the start, and then sends what is not in it.
    fn compare(&self, state: &mut State) {
        state.begin_at_the_start();
        state.comparison = Comparison::Reading;
        self.ended.mark_all_unsent();
    }

    /// Returns when the connection is lost, and why.
    pub(super) async fn run(&self, engine: Engine) -> RedisError {
        let reader = engine.waiting.clone();
        tokio::select! {
            error = self.read(reader) => error,
            error = self.send(engine) => error,
        }
    }

    /// Connects until it is connected.
    pub(super) async fn reconnect(&self, mut error: RedisError) -> Engine {
        let mut backoff = Duration::from_millis(100);
        loop {
            self.health.failed(problem_of(&error), self.now());
            self.tell_gauges();
            tokio::time::sleep(backoff + backoff.mul_f32(random_part())).await;
            backoff = (backoff * 2).min(MAX_BACKOFF);
            match self.connect().await {
                Ok(engine) => return engine,
                Err(again) => error = again,
            }
        }
    }

    async fn read(&self, mut connection: redis::aio::MultiplexedConnection) -> RedisError {
        loop {
            let (epoch, after) = self.place();
            match engine::read(&mut connection, &self.keys, after, true).await {
                Ok(read) => self.take_in(epoch, read),
                Err(error) => return error,
            }
        }
    }

    fn tell_gauges(&self) {
        self.health.tell(self.ended.list.unsent());
    }

    fn place(&self) -> (u64, StreamId) {
        let state = self.state();
        (state.epoch, state.history.read_to)
    }

    fn take_in(&self, epoch: u64, read: Vec<engine::Read>) {
        let now = self.now();
        let mut state = self.state();
        let all_read = read.len() < READ_BATCH;
        for read in read {
            if let Err(error) = self.ended.apply_bytes(&read.entry, now)
                && state.refused_told.may(now)
            {
                events::feed_entry_refused(&error);
            }
            if epoch == state.epoch {
                state.history.read(read.id);
            }
        }
        if epoch == state.epoch && all_read && state.comparison == Comparison::Reading {
            let wait = MAX_WAIT_BEFORE_SENDING_ALL.mul_f32(random_part());
            state.comparison = Comparison::SendAt(Instant::now() + wait);
        }
    }

    async fn send(&self, mut engine: Engine) -> RedisError {
        let mut clocks = ClockWatch::new(self.now(), self.start.elapsed());
        let mut next_check = Instant::now() + BETWEEN_CHECKS;
        let mut next_trim = Instant::now() + BETWEEN_TRIMS.mul_f32(random_part() / 20.0);
        let mut refusals = 0;
        loop {
            let now = self.now();
            if clocks.stepped(now, self.start.elapsed()) {
                // What was judged by the other clock is judged again.
                self.state().begin_at_the_start();
            }
            self.ended.tidy(now);
            match self.work(&mut engine, &mut next_check, &mut next_trim).await {
                Ok(()) => {
                    refusals = 0;
                    self.health.well();
                    self.tell_gauges();
                }
                // The engine said no (it is full, say) and can still be read.
                Err(error) if is_refusal(&error) && refusals < MAX_REFUSALS => {
                    refusals += 1;
                    self.health.failed(problem_of(&error), now);
                    self.tell_gauges();
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Err(error) => return error,
            }
            let _ = tokio::time::timeout(IDLE, self.wake.notified()).await;
        }
    }

    async fn work(
        &self,
        engine: &mut Engine,
        next_check: &mut Instant,
        next_trim: &mut Instant,
    ) -> RedisResult<()> {
        if Instant::now() >= *next_check {
            *next_check = Instant::now() + BETWEEN_CHECKS;
            self.check(engine).await?;
        }
        self.send_unsent(engine).await?;
        if Instant::now() >= *next_trim {
            *next_trim = Instant::now() + BETWEEN_TRIMS;
            if let Some(info) = engine::info(&mut engine.plain, &self.keys).await? {
                trim::trim(engine, &self.keys, &self.ended, &info, self.now()).await?;
            }
        }
        Ok(())
    }

    async fn send_unsent(&self, engine: &mut Engine) -> RedisResult<()> {
        loop {
            let mut unsent = if self.may_send_all() {
                self.ended.unsent(SEND_BATCH)
            } else {
                self.ended.unsent_lately(SEND_BATCH)
            };
            let now = Instant::now();
            if !self.hurry.load(Ordering::Relaxed) {
                let state = self.state();
                unsent.entries.retain(|entry| !state.sent.must_wait(entry, now));
            }
            if unsent.is_empty() {
                return Ok(());
            }
            engine::append(&mut engine.plain, &self.keys, unsent.entries()).await?;
            self.ended.confirm(&unsent);
            self.state().sent.sent(&unsent.entries, now);
        }
    }

    fn may_send_all(&self) -> bool {
        let mut state = self.state();
        let hurry = self.hurry.load(Ordering::Relaxed);
        if matches!(state.comparison, Comparison::SendAt(at) if hurry || Instant::now() >= at) {
            state.comparison = Comparison::No;
        }
        state.comparison == Comparison::No
    }

    /// Looks whether the stream is the one that was read, and whether it keeps long enough.
    async fn check(&self, engine: &mut Engine) -> RedisResult<()> {
        // Before the engine is asked: reading goes on meanwhile.
        let (_, read_to) = self.place();
        let info = engine::info(&mut engine.plain, &self.keys).await?;
        let horizon = info.as_ref().map(|info| trim::horizon(&self.ended, info, self.now()));
        let for_length = |info: &_| trim::may_be_for_length(&self.ended, info);
        let horizon = horizon.unwrap_or_default();
        let is_lost = self.state().history.is_lost(read_to, info.as_ref(), horizon, for_length);
        let ask_for = info.filter(|info| must_hold(read_to, info)).map(|_| read_to);
        let is_lost = is_lost
            || match ask_for {
                Some(id) => {
                    let found = engine::range(&mut engine.plain, &self.keys, id, 1).await?;
                    found.first().is_none_or(|found| found.id != id)
                }
                None => false,
            };
        if is_lost {
            events::feed_lost_entries();
            self.compare(&mut self.state());
        }
        self.raise_keep(engine).await
    }

    async fn raise_keep(&self, engine: &mut Engine) -> RedisResult<()> {
        loop {
            let stored = engine::stored_keep(&mut engine.plain, &self.keys).await?;
            let asked = self.ended.list.keep_seconds();
            if stored.is_some_and(|stored| stored >= asked) {
                self.ended.list.raise_keep_seconds(stored.unwrap_or_default());
                return Ok(());
            }
            let before = match stored {
                None => 0,
                Some(old) => {
                    let time = engine::time(&mut engine.plain).await?;
                    time.saturating_sub(u64::from(old) * 1000)
                }
            };
            let before = Timestamp::from_millis(before);
            let entry = self.ended.list.format.write(&Entry::Keep { seconds: asked, before });
            let entry = entry.as_ref();
            engine::raise_keep(&mut engine.plain, &self.keys, stored, asked, entry).await?;
        }
    }
}

/// The engine answered, and the answer was no.
fn is_refusal(error: &RedisError) -> bool {
    !(error.is_io_error()
        || error.is_timeout()
        || error.is_connection_dropped()
        || error.is_unrecoverable_error())
}

pub(super) fn problem_of(error: &RedisError) -> String {
    error.to_string()
}

/// A number from 0 to 1. It only spreads servers out, so any number will do if there is none.
fn random_part() -> f32 {
    random::bytes::<1>().map_or(0.5, |[byte]| f32::from(byte) / 255.0)
}
