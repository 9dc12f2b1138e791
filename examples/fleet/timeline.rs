//! What happened when: requests by server and by key, lost sessions, events.

use crate::processes::SERVERS;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A request that a server answered.
pub(crate) struct Answered {
    pub(crate) place: usize,
    /// The id of the key that the visitor's cookie is under afterwards.
    pub(crate) key: Option<String>,
}

/// The counts of one second.
#[derive(Clone, Default)]
pub(crate) struct Second {
    pub(crate) by_server: [u32; SERVERS],
    /// In the order of [`Seen::keys`]; it ends with the last that occurs.
    pub(crate) by_key: Vec<u32>,
    pub(crate) lost: u32,
}

#[derive(Clone, Default)]
pub(crate) struct Seen {
    pub(crate) seconds: Vec<Second>,
    /// The ids, in the order in which they appeared.
    pub(crate) keys: Vec<String>,
    pub(crate) events: Vec<(Duration, String)>,
    /// All requests so far, by server.
    pub(crate) by_server: [u64; SERVERS],
}

/// Visitors, the watchman and the story write into it.
pub(crate) struct Timeline {
    begun: Instant,
    seen: Mutex<Seen>,
}

impl Timeline {
    pub(crate) fn new() -> Timeline {
        Timeline { begun: Instant::now(), seen: Mutex::default() }
    }

    pub(crate) fn answered(&self, answered: &Answered) {
        let mut seen = self.lock();
        seen.by_server[answered.place] += 1;
        let key = answered.key.as_ref().map(|key| {
            seen.keys.iter().position(|known| known == key).unwrap_or_else(|| {
                seen.keys.push(key.clone());
                seen.keys.len() - 1
            })
        });
        let second = self.second(&mut seen);
        second.by_server[answered.place] += 1;
        if let Some(key) = key {
            if second.by_key.len() <= key {
                second.by_key.resize(key + 1, 0);
            }
            second.by_key[key] += 1;
        }
    }

    pub(crate) fn lost(&self) {
        self.second(&mut self.lock()).lost += 1;
    }

    /// Notes an event, and prints it.
    pub(crate) fn event(&self, what: impl Into<String>) {
        let (at, what) = (self.begun.elapsed(), what.into());
        println!("{:>6.1} s  {what}", at.as_secs_f64());
        self.lock().events.push((at, what));
    }

    pub(crate) fn requests_of(&self, place: usize) -> u64 {
        self.lock().by_server[place]
    }

    pub(crate) fn seen(&self) -> Seen {
        self.lock().clone()
    }

    fn second<'s>(&self, seen: &'s mut Seen) -> &'s mut Second {
        let now = self.begun.elapsed().as_secs() as usize;
        if seen.seconds.len() <= now {
            seen.seconds.resize(now + 1, Second::default());
        }
        &mut seen.seconds[now]
    }

    /// Nobody panics while it is locked.
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
