//! What the feed's task does: reads all the time, sends when there is something, and looks whether
//! the stream is still the one it knows.

use super::engine::{self, Engine, Keys, READ_BATCH};
use super::history::{History, StreamId, must_hold};
use super::patience::{Every, Pauses, Refusals, is_refusal, random_part};
use super::sent::Sent;
use super::trim;
use crate::ended::clock::ClockWatch;
use crate::ended::entry::Entry;
use crate::ended::events;
use crate::ended::health::HealthCell;
use crate::ended::list::EndedSessions;
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

/// The first time comes soon, and not on all servers at once.
const MAX_WAIT_BEFORE_TRIM: Duration = Duration::from_secs(3);

/// The servers that miss something in the stream do not all send it at once: each waits up to this
/// long and reads what the others send.
const MAX_WAIT_BEFORE_SENDING_ALL: Duration = Duration::from_secs(10);

/// How long an engine that refuses is left alone.
const AFTER_REFUSAL: Duration = Duration::from_secs(1);

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
    untrimmed_told: OncePerMinute,
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
        // Whether it is well shows when what is unsent was sent: a replica can be read, too.
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
        let mut pauses = Pauses::new();
        loop {
            self.health.failed(error.to_string(), self.now());
            self.tell_gauges();
            tokio::time::sleep(pauses.next(random_part())).await;
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
        let first_trim = MAX_WAIT_BEFORE_TRIM.mul_f32(random_part());
        let mut checks = Every::new(BETWEEN_CHECKS, BETWEEN_CHECKS, Instant::now());
        let mut trims = Every::new(BETWEEN_TRIMS, first_trim, Instant::now());
        let mut refusals = Refusals::default();
        loop {
            let now = self.now();
            if clocks.stepped(now, self.start.elapsed()) {
                // What was judged by the other clock is judged again.
                self.state().begin_at_the_start();
            }
            self.ended.tidy(now);
            // 1. Ends. An engine that takes none may be a replica by now.
            match self.send_unsent(&mut engine).await {
                Ok(()) => refusals.forget(),
                Err(error) if refusals.bear(&error) => {
                    self.refused(&error).await;
                    continue;
                }
                Err(error) => return error,
            }
            // 2. Is the stream the one that was read? Until that is known the feed is not well.
            if checks.is_due(Instant::now()) {
                match self.check(&mut engine).await {
                    Ok(()) => checks.begin_again(Instant::now()),
                    Err(error) if is_refusal(&error) => {
                        self.refused(&error).await;
                        continue;
                    }
                    Err(error) => return error,
                }
            }
            self.health.well();
            self.tell_gauges();
            // 3. What is old. Ends are carried without it, and trying it often would append more than
            //    leaves.
            if trims.is_due(Instant::now()) {
                trims.begin_again(Instant::now());
                // A connection that is lost shows itself at the next question.
                if let Err(error) = self.trim(&mut engine).await
                    && self.state().untrimmed_told.may(self.now())
                {
                    events::feed_not_trimmed(&error);
                }
            }
            let _ = tokio::time::timeout(IDLE, self.wake.notified()).await;
        }
    }

    async fn refused(&self, error: &RedisError) {
        self.health.failed(error.to_string(), self.now());
        self.tell_gauges();
        tokio::time::sleep(AFTER_REFUSAL).await;
    }

    async fn trim(&self, engine: &mut Engine) -> RedisResult<()> {
        match engine::info(&mut engine.plain, &self.keys).await? {
            Some(info) => trim::trim(engine, &self.keys, &self.ended, &info, self.now()).await,
            None => Ok(()),
        }
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
                    is_missing(id, &engine::range(&mut engine.plain, &self.keys, id, 1).await?)
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

/// Whether the stream, read from `id` on, does not have it.
fn is_missing(id: StreamId, read: &[engine::Read]) -> bool {
    read.first().is_none_or(|first| first.id != id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ended::subject::Subject;

    const NOON: u64 = 1_795_262_400_000;

    /// One that is not connected.
    fn carrier() -> Carrier {
        Carrier {
            client: Client::open("redis://127.0.0.1/0").unwrap(),
            keys: Keys::of("shop"),
            ended: EndedSessions::new("shop", time::Duration::hours(8)),
            health: HealthCell::new("shop"),
            wake: Notify::new(),
            hurry: AtomicBool::new(false),
            state: Mutex::default(),
            clock: Box::new(|| Timestamp::from_millis(NOON)),
            start: Instant::now(),
        }
    }

    fn cut(number: u32) -> Entry {
        let time = Timestamp::from_millis(NOON);
        Entry::Cut { subject: Subject::of("shop", "17"), number, time }
    }

    impl Carrier {
        fn read_so_many(&self, epoch: u64, count: usize) {
            let id = StreamId::at(NOON);
            self.take_in(
                epoch,
                (0..count).map(|_| engine::Read { id, entry: Vec::new() }).collect(),
            );
        }

        /// Ends all of a subject, and returns what was to be sent for it.
        fn end_and_confirm(&self) -> Vec<Entry> {
            self.ended.end_all_of_at("17", self.now().to_time()).unwrap();
            let unsent = self.ended.unsent(1);
            self.ended.confirm(&unsent);
            unsent.entries
        }

        fn is_compared(&self, comparison: Comparison) -> bool {
            self.state().comparison = comparison;
            self.may_send_all()
        }
    }

    #[test]
    fn what_is_read_counts_whatever_is_between() {
        let carrier = carrier();
        let entries = [b"".to_vec(), carrier.ended.list.format.write(&cut(2)).as_ref().to_vec()];
        let read = [7, 8].map(StreamId::at).into_iter().zip(entries);
        carrier.take_in(0, read.map(|(id, entry)| engine::Read { id, entry }).collect());
        assert_eq!(carrier.place(), (0, StreamId::at(8)));
        assert_eq!(carrier.ended.status().subjects, 1);
    }

    #[test]
    fn an_answer_that_is_full_is_not_the_last() {
        let carrier = carrier();
        carrier.compare(&mut carrier.state());
        carrier.read_so_many(1, READ_BATCH);
        assert_eq!(carrier.state().comparison, Comparison::Reading);
        let before = Instant::now();
        carrier.read_so_many(1, READ_BATCH - 1);
        let Comparison::SendAt(at) = carrier.state().comparison else { panic!() };
        assert!(at >= before && at <= Instant::now() + MAX_WAIT_BEFORE_SENDING_ALL);
    }

    #[test]
    fn an_entry_is_missing_if_reading_from_it_on_begins_with_another() {
        let read =
            [7, 8].map(|millis| engine::Read { id: StreamId::at(millis), entry: Vec::new() });
        assert!(!is_missing(StreamId::at(7), &read));
        assert!(is_missing(StreamId::at(6), &read) && is_missing(StreamId::at(7), &[]));
    }

    #[test]
    fn only_what_is_being_compared_is_sent_later() {
        let carrier = carrier();
        carrier.read_so_many(0, 1);
        assert_eq!(carrier.state().comparison, Comparison::No);
    }

    #[test]
    fn an_answer_to_what_was_asked_before_reading_began_anew_moves_nothing() {
        let carrier = carrier();
        carrier.read_so_many(0, 1);
        carrier.compare(&mut carrier.state());
        carrier.read_so_many(0, 1);
        assert_eq!(carrier.place(), (1, StreamId::default()));
        assert_eq!(carrier.state().comparison, Comparison::Reading);
    }

    #[test]
    fn all_is_sent_when_it_was_compared_and_its_time_has_come() {
        let carrier = carrier();
        let now = Instant::now();
        assert!(carrier.is_compared(Comparison::No));
        assert!(!carrier.is_compared(Comparison::Reading));
        assert!(!carrier.is_compared(Comparison::SendAt(now + Duration::from_secs(3600))));
        assert!(carrier.is_compared(Comparison::SendAt(now)));
        assert_eq!(carrier.state().comparison, Comparison::No);
        carrier.hurry.store(true, Ordering::Relaxed);
        assert!(carrier.is_compared(Comparison::SendAt(now + Duration::from_secs(3600))));
        assert!(!carrier.is_compared(Comparison::Reading));
    }

    #[test]
    fn after_a_break_what_was_sent_lately_is_sent_again() {
        let carrier = carrier();
        let sent = carrier.end_and_confirm();
        carrier.state().sent.sent(&sent, Instant::now());
        carrier.send_lately_again();
        assert_eq!(carrier.ended.status().unsent, 0, "the first connection");
        carrier.send_lately_again();
        assert_eq!(carrier.ended.status().unsent, 1);
        assert_eq!(carrier.state().comparison, Comparison::No);
    }

    #[test]
    fn after_a_break_all_is_compared_if_too_much_was_sent_to_remember() {
        let carrier = carrier();
        carrier.end_and_confirm();
        let many: Vec<Entry> = (0..70_000).map(cut).collect();
        carrier.state().sent.sent(&many, Instant::now());
        carrier.send_lately_again();
        carrier.send_lately_again();
        assert_eq!(carrier.ended.status().unsent, 1);
        assert_eq!(carrier.state().comparison, Comparison::Reading);
    }
}
