//! What is logged on the thread of a test.
//!
//! One subscriber for the whole process, because `tracing` remembers for every place that logs
//! whether anybody listens: with a subscriber of each test's own, another thread where nobody does
//! could be first.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::Once;
use tracing_subscriber::filter::LevelFilter;

thread_local!(static LOGGED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });

struct OfThisThread;

impl Write for OfThisThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOGGED.with_borrow_mut(|logged| logged.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Forgets what this thread logged, and listens from now on, at every level.
pub(crate) fn listen() {
    static SUBSCRIBER: Once = Once::new();
    SUBSCRIBER.call_once(|| {
        tracing_subscriber::fmt()
            .with_max_level(LevelFilter::TRACE)
            .with_ansi(false)
            .without_time()
            .with_writer(|| OfThisThread)
            .init();
    });
    LOGGED.take();
}

/// What this thread has logged since.
pub(crate) fn heard() -> String {
    String::from_utf8(LOGGED.take()).expect("logs are UTF-8")
}
