//! How are many contestants timed so that they can be compared?
//!
//! In rounds: each round gives every contestant one batch, so that whatever slows the
//! machine for a while slows all of them alike. What counts is the median over the rounds.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use crate::alloc;

/// What a figure belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id {
    /// At which level it is measured.
    pub level: Level,
    /// Who is measured.
    pub peer: &'static str,
    /// Which session it carries ([`crate::records::Record::NAME`]).
    pub record: &'static str,
    /// What it does: `encode`, `decode`, `read`, `change`…
    pub operation: &'static str,
}

/// How much of a request's way a contestant covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// The parts of which the floor is made.
    Part,
    /// The cookie's value alone.
    Value,
    /// `Cookie` headers in, `Set-Cookie` header out.
    Headers,
    /// A whole request through axum.
    Axum,
    /// A whole request through actix-web.
    Actix,
    /// Opening with the oldest of many keys.
    Ring,
}

/// One operation of one peer, ready to be repeated.
pub struct Contestant {
    id: Id,
    run: Box<dyn FnMut()>,
}

impl Contestant {
    /// `run` must do the whole operation, and hide its result in `black_box`.
    pub fn new(id: Id, run: impl FnMut() + 'static) -> Self {
        Self { id, run: Box::new(run) }
    }

    fn batch(&mut self, length: u32) -> Duration {
        let start = Instant::now();
        for _ in 0..length {
            (self.run)();
        }
        start.elapsed()
    }

    /// Doubles the batch until it lasts long enough for the clock not to matter.
    fn batch_length(&mut self, at_least: Duration) -> u32 {
        let mut length = 1;
        while self.batch(length) < at_least {
            length *= 2;
        }
        length
    }
}

/// What one operation costs.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Median time in nanoseconds.
    pub nanos: f64,
    /// Heap allocations.
    pub allocations: f64,
    /// Bytes asked of the heap.
    pub bytes: f64,
}

impl Cost {
    /// What is left of this cost beside that of `bare`.
    pub fn net_of(self, bare: Cost) -> Cost {
        Cost {
            nanos: self.nanos - bare.nanos,
            allocations: self.allocations - bare.allocations,
            bytes: self.bytes - bare.bytes,
        }
    }
}

/// All figures of one run.
pub type Costs = HashMap<Id, Cost>;

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many batches each contestant gets.
    pub rounds: usize,
    /// How long a batch lasts at least.
    pub batch: Duration,
}

impl Plan {
    /// For figures to quote.
    pub const FULL: Plan = Plan { rounds: 41, batch: Duration::from_millis(2) };
    /// For a look whether everything runs.
    pub const QUICK: Plan = Plan { rounds: 3, batch: Duration::from_micros(200) };
}

/// Times all `contestants` in turn, and counts their allocations.
pub fn measure(mut contestants: Vec<Contestant>, plan: Plan) -> Costs {
    let lengths: Vec<u32> =
        contestants.iter_mut().map(|contestant| contestant.batch_length(plan.batch)).collect();
    let mut times = vec![Vec::with_capacity(plan.rounds); contestants.len()];
    for round in 0..plan.rounds {
        for turn in 0..contestants.len() {
            // Every other round goes backwards: nobody always runs after the same neighbour.
            let index = match round % 2 {
                0 => turn,
                _ => contestants.len() - 1 - turn,
            };
            let elapsed = contestants[index].batch(lengths[index]);
            times[index].push(elapsed.as_nanos() as f64 / f64::from(lengths[index]));
        }
    }
    contestants
        .iter_mut()
        .zip(times)
        .map(|(contestant, times)| {
            let (allocations, bytes) = alloc::count(&mut contestant.run);
            let nanos = median(times);
            let cost = Cost { nanos, allocations, bytes };
            (contestant.id, cost)
        })
        .collect()
}

/// The middle of `figures`; of an even number, the mean of the two in the middle.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures.len() % 2 {
        1 => figures[middle],
        _ => (figures[middle - 1] + figures[middle]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
    }
}
