//! The run of one seed, and what must hold in it.

use crate::operator::Operator;
use crate::random::Random;
use crate::server::{Server, Tally};
use crate::visitors::{Cookie, Visitor, forge};
use crate::{Broken, LENGTH, MAX_LIFE, MAX_SKEW, SERVERS};
use sealed_session::{KeyId, KeyState};
use time::OffsetDateTime;

const VISITORS: usize = 40;
/// So many of them have real cookies.
const REAL_VISITORS: usize = 4;

pub(crate) struct Fleet {
    broken: Broken,
    random: Random,
    operator: Operator,
    servers: Vec<Server>,
    visitors: Vec<Visitor>,
    /// Until when each key must open, for what was sealed with it.
    needed: Vec<(KeyId, i64)>,
    /// Until when somebody sends forged cookies every second.
    flood_until: i64,
    outcome: Outcome,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) violation: Option<String>,
    pub(crate) seals: usize,
    pub(crate) real_seals: usize,
    pub(crate) resealed: usize,
    pub(crate) forged: usize,
    pub(crate) rotations: usize,
    pub(crate) revocations: usize,
    pub(crate) mistakes: usize,
    pub(crate) prunes: usize,
    pub(crate) cancellations: usize,
    pub(crate) servers: Tally,
}

impl Fleet {
    pub(crate) fn new(seed: u64, broken: Broken) -> Fleet {
        let mut random = Random::new(seed);
        let operator = Operator::new(broken, &mut random);
        let servers = (0..SERVERS).map(|place| Server::new(place, &mut random)).collect();
        let visitor =
            |place| Visitor { cookie: None, real: (place < REAL_VISITORS).then_some(None) };
        let visitors = (0..VISITORS).map(visitor).collect();
        let outcome = Outcome::default();
        Fleet {
            broken,
            random,
            operator,
            servers,
            visitors,
            needed: Vec::new(),
            flood_until: 0,
            outcome,
        }
    }

    pub(crate) fn run(mut self) -> Outcome {
        self.outcome.violation = (0..LENGTH.whole_seconds())
            .map(|second| second * 1000)
            .find_map(|now| self.second(now).err().map(|what| format!("after {now} ms: {what}")));
        for server in &self.servers {
            add(&mut self.outcome.servers, server.tally);
        }
        self.outcome.rotations = self.operator.rotations;
        self.outcome.revocations = self.operator.revocations;
        self.outcome.mistakes = self.operator.mistakes;
        self.outcome.prunes = self.operator.prunes;
        self.outcome.cancellations = self.operator.cancellations;
        self.outcome
    }

    fn second(&mut self, now: i64) -> Result<(), String> {
        // 1. The operator.
        if let Some(revoked) = self.operator.act(now, &mut self.random) {
            self.needed.retain(|(key, _)| *key != revoked);
        }
        // 2. The servers.
        for server in &mut self.servers {
            server.tick(&self.operator, self.broken, now, &mut self.random)?;
        }
        if now == LENGTH.whole_milliseconds() as i64 - 1000 {
            for server in &mut self.servers {
                server.stop(now)?;
            }
        }
        // 3. The visitors.
        if self.random.once_in(3) {
            self.visit(now)?;
        }
        if self.random.once_in(6000) {
            self.flood_until = now + self.random.between(30_000, 150_000);
        }
        if self.random.once_in(if now < self.flood_until { 1 } else { 100 }) {
            self.forged_cookies(now)?;
        }
        // 4. What must hold.
        if now % 5_000 == 0 { self.check(now) } else { Ok(()) }
    }

    fn ready(&self, now: i64) -> Vec<usize> {
        (0..SERVERS).filter(|place| self.servers[*place].is_ready(&self.operator, now)).collect()
    }

    /// What was ended by a revocation, or will be.
    fn is_ended(&self, created: OffsetDateTime) -> bool {
        self.operator.schedule.reject_created_before().is_some_and(|time| created < time)
    }

    fn visit(&mut self, now: i64) -> Result<(), String> {
        let ready = self.ready(now);
        if ready.is_empty() {
            return Ok(());
        }
        let place = ready[self.random.below(ready.len())];
        let who = self.random.below(VISITORS);
        let writes = !self.random.once_in(3);
        let clock = self.servers[place].clock(now);
        let states = self.servers[place].states(now);

        // A session that is valid in true time opens on every ready server.
        let cookie = self.visitors[who].cookie.take();
        let kept = cookie.filter(|cookie| cookie.is_valid(now) && !self.is_ended(cookie.created));
        if let Some(cookie) = &kept {
            check_opens(cookie.key, place, &states)?;
        }
        let process = self.servers[place].process.as_mut().expect("it is ready");
        self.visitors[who].really_visit(process, clock, kept.is_some(), writes)?;
        let real = self.visitors[who].real.is_some();
        if !writes {
            self.visitors[who].cookie = kept;
            return Ok(());
        }

        // It is sealed with the key that is active there.
        let active = states.iter().find(|(_, state)| *state == KeyState::Active);
        let (key, _) = *active.ok_or_else(|| format!("server {place} has no key to seal with"))?;
        self.outcome.seals += 1;
        self.outcome.real_seals += usize::from(real);
        self.outcome.resealed += usize::from(kept.as_ref().is_some_and(|cookie| cookie.key != key));
        let created = kept.map_or(clock, |cookie| cookie.created);
        if !self.is_ended(created) {
            let end = now + MAX_LIFE.whole_milliseconds() as i64;
            match self.needed.iter_mut().find(|(other, _)| *other == key) {
                Some((_, needed)) => *needed = end,
                None => self.needed.push((key, end)),
            }
            // Nobody seals with a key that a ready server cannot open now …
            for place in ready {
                check_opens(key, place, &self.servers[place].states(now))?;
            }
        }
        self.visitors[who].cookie = Some(Cookie { key, sealed_at: now, created });
        Ok(())
    }

    /// One for each server.
    fn forged_cookies(&mut self, now: i64) -> Result<(), String> {
        for server in &mut self.servers {
            let clock = server.clock(now);
            let Some(process) = &mut server.process else { continue };
            self.outcome.forged += 1;
            forge(process, clock, &mut self.random)?;
        }
        Ok(())
    }

    fn check(&mut self, now: i64) -> Result<(), String> {
        self.needed.retain(|(_, end)| now < *end);
        for place in self.ready(now) {
            let states = self.servers[place].states(now);
            // … or for the rest of that cookie's life.
            for (key, _) in &self.needed {
                check_opens(*key, place, &states)?;
            }
            // No server opens after `open_until` and the skew.
            for dated in self.operator.schedule.keys() {
                let until = dated.open_until().map(|until| until + MAX_SKEW);
                let ended = until.is_some_and(|until| until <= crate::at(now));
                if ended && opens(dated.id(), &states) {
                    return Err(format!("server {place} opens {} after its end", dated.id()));
                }
            }
        }
        Ok(())
    }
}

fn opens(key: KeyId, states: &[(KeyId, KeyState)]) -> bool {
    let state = states.iter().find(|(id, _)| *id == key).map(|(_, state)| *state);
    matches!(state, Some(KeyState::Published | KeyState::Active | KeyState::Draining))
}

fn check_opens(key: KeyId, place: usize, states: &[(KeyId, KeyState)]) -> Result<(), String> {
    if opens(key, states) {
        return Ok(());
    }
    Err(format!("server {place} cannot open what {key} sealed; it has {states:?}"))
}

fn add(sum: &mut Tally, other: Tally) {
    sum.starts += other.starts;
    sum.failed_starts += other.failed_starts;
    sum.reloads += other.reloads;
    sum.refusals += other.refusals;
    sum.early_reads += other.early_reads;
    sum.stuck += other.stuck;
    sum.steps += other.steps;
}
