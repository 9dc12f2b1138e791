//! One server: its clock, its key file as it sees it, and the real reloader, pace and sessions.

use crate::operator::Operator;
use crate::random::Random;
use crate::{Broken, EVERY, IDLE, LIMIT, SERVER_SKEW, at};
use sealed_session::key_file::tools::KeySchedule;
use sealed_session::key_file::{KeyFileError, Pace, Polled, Reloader};
use sealed_session::{KeyId, KeyState, Sessions};
use time::{Duration, OffsetDateTime};

pub(crate) struct Server {
    place: usize,
    /// Milliseconds that its clock is ahead of the true time.
    skew: i64,
    /// `None` while it is down.
    pub(crate) process: Option<Process>,
    start_at: i64,
    pub(crate) tally: Tally,
}

pub(crate) struct Process {
    reloader: Reloader,
    pace: Pace,
    pub(crate) sessions: Sessions<u32>,
    pub(crate) unknown_key_met: bool,
    stuck_until: i64,
    /// Only where a reload that fails throws the ring away.
    lost_its_ring: bool,
    started: i64,
    reads: i64,
    steps: i64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) starts: usize,
    pub(crate) failed_starts: usize,
    pub(crate) reloads: usize,
    pub(crate) refusals: usize,
    pub(crate) early_reads: usize,
    pub(crate) stuck: usize,
    pub(crate) steps: usize,
}

impl Server {
    pub(crate) fn new(place: usize, random: &mut Random) -> Server {
        let skew = random_skew(random);
        Server { place, skew, process: None, start_at: 0, tally: Tally::default() }
    }

    /// What its clock shows.
    pub(crate) fn clock(&self, now: i64) -> OffsetDateTime {
        at(now + self.skew)
    }

    /// One second of its life.
    pub(crate) fn tick(
        &mut self,
        operator: &Operator,
        broken: Broken,
        now: i64,
        random: &mut Random,
    ) -> Result<(), String> {
        if self.process.is_none() {
            self.start(operator, now);
            return Ok(());
        }
        let healthy = operator.file_is_right(self.place, now);
        self.perhaps_stuck(operator, now, random);
        let stepped = healthy && self.perhaps_step(now, random);
        self.read(operator, broken, stepped, now, random)?;
        // Killed, perhaps in the middle of a rotation, and started again.
        if random.once_in(2000) {
            self.stop(now)?;
            self.start_at = now + random.between(1_000, 20_000);
        }
        Ok(())
    }

    fn start(&mut self, operator: &Operator, now: i64) {
        if now < self.start_at {
            return;
        }
        let clock = self.clock(now);
        match Reloader::new(operator.file(self.place, now), clock) {
            Ok(reloader) => {
                let keys = reloader.key_ring().clone();
                let sessions = Sessions::builder("simulation", keys).idle_timeout(IDLE).build();
                self.process = Some(Process {
                    reloader,
                    pace: Pace::new(EVERY, clock),
                    sessions: sessions.unwrap(),
                    unknown_key_met: false,
                    stuck_until: 0,
                    lost_its_ring: false,
                    started: now,
                    reads: 0,
                    steps: 0,
                });
                self.tally.starts += 1;
            }
            Err(_) => {
                self.start_at = now + 5_000;
                self.tally.failed_starts += 1;
            }
        }
    }

    /// Reads are bounded, however many cookies were forged.
    pub(crate) fn stop(&mut self, now: i64) -> Result<(), String> {
        let Some(process) = self.process.take() else { return Ok(()) };
        let seconds = (now - process.started) / 1000;
        let most = seconds / EVERY.whole_seconds() + seconds / 60 + process.steps + 2;
        if process.reads > most {
            return Err(format!("{} reads in {seconds} s", process.reads));
        }
        Ok(())
    }

    /// A reloader that hangs, preferably just before a new file arrives.
    fn perhaps_stuck(&mut self, operator: &Operator, now: i64, random: &mut Random) {
        let arrival = operator.arrival(self.place);
        let soon = (0..=2_000).contains(&(arrival - now));
        if random.once_in(if soon { 10 } else { 3000 })
            && let Some(process) = &mut self.process
        {
            process.stuck_until = now + random.between(10_000, 400_000);
            self.tally.stuck += 1;
        }
    }

    /// The clock is set, to anything within the skew that the operator was told. A clock that is
    /// set while reading fails is two faults at once: the second would hide how old the first has
    /// made the ring.
    fn perhaps_step(&mut self, now: i64, random: &mut Random) -> bool {
        match &mut self.process {
            Some(process) if now >= process.stuck_until && random.once_in(1500) => {
                process.steps += 1;
                self.skew = random_skew(random);
                self.tally.steps += 1;
                true
            }
            _ => false,
        }
    }

    fn read(
        &mut self,
        operator: &Operator,
        broken: Broken,
        stepped: bool,
        now: i64,
        random: &mut Random,
    ) -> Result<(), String> {
        let (place, clock) = (self.place, self.clock(now));
        let Some(process) = &mut self.process else { return Ok(()) };
        if now < process.stuck_until {
            return Ok(());
        }
        let asked = std::mem::take(&mut process.unknown_key_met);
        if !process.pace.is_due(asked, clock) {
            return Ok(());
        }
        process.reads += 1;
        self.tally.early_reads += usize::from(asked);
        let content = operator.file(place, now);
        // A file that is being written over, or a disk that fails.
        let (part, failing) = match random.next() % 40 {
            0 if !stepped => (&content[..random.below(content.len().max(1))], false),
            1 if !stepped => (content, true),
            _ => (content, false),
        };
        let read = if failing { Err(read_error()) } else { Ok(part) };

        let before = (process.generation(), process.reloader.key_ring().states_at(clock));
        let polled = process.reloader.poll(read, clock);
        let after = (process.generation(), process.reloader.key_ring().states_at(clock));
        if after.0 < before.0 {
            return Err(format!("the generation fell from {} to {}", before.0, after.0));
        }
        if polled != Polled::Reloaded && before != after {
            return Err("a reload that failed changed something".to_owned());
        }
        // Without its last line end it is whole.
        if part.len() + 1 < content.len() && polled != Polled::Refused {
            return Err("a part of a file was taken for a file".to_owned());
        }
        match polled {
            Polled::Reloaded => {
                self.tally.reloads += 1;
                process.sessions.set_key_ring(process.reloader.key_ring().clone());
            }
            Polled::Refused => self.tally.refusals += 1,
            _ => {}
        }
        process.lost_its_ring = broken == Broken::KeepLastRing && polled == Polled::Refused;
        Ok(())
    }

    /// Whether the balancer sends it requests. Its health says whether its ring may be too old; and
    /// while an older file lies about, the operator's probe asks for the newest generation.
    pub(crate) fn is_ready(&self, operator: &Operator, now: i64) -> bool {
        self.process.as_ref().is_some_and(|process| {
            !process.reloader.health().is_older_than(LIMIT, self.clock(now))
                && operator.admits(process.generation(), now)
        })
    }

    /// What each of its keys does by its clock.
    pub(crate) fn states(&self, now: i64) -> Vec<(KeyId, KeyState)> {
        match &self.process {
            Some(process) if !process.lost_its_ring => {
                process.reloader.key_ring().states_at(self.clock(now))
            }
            _ => Vec::new(),
        }
    }
}

impl Process {
    fn generation(&self) -> u64 {
        self.reloader.health().generation
    }
}

/// Some error of reading.
fn read_error() -> KeyFileError {
    KeySchedule::parse(b"").unwrap_err()
}

fn random_skew(random: &mut Random) -> i64 {
    let most = Duration::whole_milliseconds(SERVER_SKEW) as i64;
    random.extreme(-most, most)
}
