//! How much memory the servers use, once they are warm.

use crate::processes::SERVERS;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// A server in its first steady minute, and at its end.
#[derive(Clone)]
pub(crate) struct Life {
    pub(crate) place: usize,
    id: u32,
    begun: Instant,
    pub(crate) length: Duration,
    /// KiB (`VmRSS`) when it was steady, and when it was last seen.
    pub(crate) steady: Option<u64>,
    pub(crate) last: u64,
}

/// Looks every second.
pub(crate) struct Watch {
    lives: Arc<Mutex<Vec<Life>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Watch {
    /// A server is steady when it has been running for `steady_after`.
    pub(crate) fn start(ids: Arc<[AtomicU32; SERVERS]>, steady_after: Duration) -> Watch {
        let lives: Arc<Mutex<Vec<Life>>> = Arc::default();
        let shared = Arc::clone(&lives);
        let task = tokio::spawn(async move {
            loop {
                sleep(Duration::from_secs(1)).await;
                let mut lives = shared.lock().unwrap_or_else(PoisonError::into_inner);
                for (place, id) in ids.iter().enumerate() {
                    let id = id.load(Ordering::Relaxed);
                    let Some(kib) = memory(id) else { continue };
                    let at = lives.iter().position(|life| (life.place, life.id) == (place, id));
                    let at = at.unwrap_or_else(|| {
                        let (begun, length) = (Instant::now(), Duration::ZERO);
                        lives.push(Life { place, id, begun, length, steady: None, last: kib });
                        lives.len() - 1
                    });
                    let life = &mut lives[at];
                    life.length = life.begun.elapsed();
                    life.last = kib;
                    if life.steady.is_none() && life.length >= steady_after {
                        life.steady = Some(kib);
                    }
                }
            }
        });
        Watch { lives, task }
    }

    /// Those who were steady, server by server.
    pub(crate) fn steady(&self) -> Vec<Life> {
        let lives = self.lives.lock().unwrap_or_else(PoisonError::into_inner);
        let mut steady: Vec<Life> = lives.iter().filter(|l| l.steady.is_some()).cloned().collect();
        steady.sort_by_key(|life| life.place);
        steady
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Kilobytes that the process really uses.
fn memory(id: u32) -> Option<u64> {
    let status = fs::read_to_string(Path::new("/proc").join(id.to_string()).join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}
