//! How a feed is doing.

use crate::ended::events;
use crate::telemetry::OncePerMinute;
use crate::timestamp::Timestamp;
use std::sync::{Mutex, MutexGuard, PoisonError};
use time::{Duration, OffsetDateTime};

/// How a feed is doing. For alerts, **not** for readiness: a feed that is away must not take the
/// servers away, which go on with what they know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FeedHealth {
    /// Since when ends of this server do not reach others, or theirs do not reach it, if that is so.
    pub behind_since: Option<OffsetDateTime>,
    /// What went wrong last, while it is behind. Never a password.
    pub error: Option<String>,
    /// Ends of this server that the feed does not have yet.
    pub unsent: usize,
}

impl FeedHealth {
    /// Returns whether the feed has been behind for longer than this: what an alert asks.
    pub fn is_behind_longer_than(&self, length: Duration, now: OffsetDateTime) -> bool {
        self.behind_since.is_some_and(|since| now - since > length)
    }
}

/// The part that the feed's own thread or task writes.
#[derive(Debug)]
pub(crate) struct HealthCell {
    /// Of the list that is carried.
    namespace: Box<str>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    behind_since: Option<Timestamp>,
    error: Option<String>,
    told: OncePerMinute,
    /// That it is behind was told, so that it caught up is to be told, too.
    behind_told: bool,
}

impl HealthCell {
    pub(crate) fn new(namespace: &str) -> HealthCell {
        HealthCell { namespace: namespace.into(), state: Mutex::default() }
    }

    pub(crate) fn failed(&self, problem: String, now: Timestamp) {
        let mut state = self.lock();
        state.behind_since.get_or_insert(now);
        if state.told.may(now) {
            events::feed_behind(&problem);
            state.behind_told = true;
        }
        state.error = Some(problem);
    }

    pub(crate) fn well(&self) {
        let mut state = self.lock();
        if std::mem::take(&mut state.behind_told) {
            events::feed_caught_up();
        }
        // When it was told stays: a feed that stumbles all the time is told once a minute, too.
        (state.behind_since, state.error) = (None, None);
    }

    pub(crate) fn get(&self, unsent: usize) -> FeedHealth {
        let state = self.lock();
        FeedHealth {
            behind_since: state.behind_since.map(Timestamp::to_time),
            error: state.error.clone(),
            unsent,
        }
    }

    /// Sets the gauges. Told at every round, for a recorder may come late.
    pub(crate) fn tell(&self, unsent: usize) {
        events::feed_gauges(&self.namespace, self.lock().behind_since.is_some(), unsent);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_is_counted_from_the_first_failure_until_it_is_well() {
        let cell = HealthCell::new("shop");
        let at = |seconds: u64| Timestamp::from_millis(1_795_262_400_000 + seconds * 1000);
        cell.failed("first".into(), at(0));
        cell.failed("second".into(), at(100));
        let health = cell.get(3);
        assert_eq!(health.behind_since, Some(at(0).to_time()));
        assert_eq!((health.error.as_deref(), health.unsent), (Some("second"), 3));
        assert!(health.is_behind_longer_than(Duration::seconds(59), at(60).to_time()));
        assert!(!health.is_behind_longer_than(Duration::seconds(60), at(60).to_time()));
        cell.well();
        assert_eq!(cell.get(0).behind_since, None);
        assert_eq!(cell.get(0).error, None);
    }

    #[test]
    fn a_feed_that_stumbles_all_the_time_is_told_once_a_minute_and_so_is_that_it_caught_up() {
        let cell = HealthCell::new("shop");
        let told = [0, 10, 59, 60, 70].map(|seconds| {
            cell.failed("again".into(), Timestamp::from_millis(1_795_262_400_000 + seconds * 1000));
            let told = cell.lock().behind_told;
            cell.well();
            assert!(!cell.lock().behind_told);
            told
        });
        assert_eq!(told, [true, false, false, true, false]);
    }
}
