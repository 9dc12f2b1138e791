//! Which errors a connection outlives, and how long the feed waits before it does something again.

use crate::random;
use redis::RedisError;
use std::time::{Duration, Instant};

/// An engine that only refuses may be a replica by now: then the address leads to another one.
const MAX_REFUSALS: u32 = 10;

const FIRST_PAUSE: Duration = Duration::from_millis(100);

const MAX_PAUSE: Duration = Duration::from_secs(5);

/// Refusals in a row over one connection.
#[derive(Debug, Default)]
pub(super) struct Refusals(u32);

impl Refusals {
    /// Whether the connection is kept after this error: the engine answered, and said no.
    pub(super) fn bear(&mut self, error: &RedisError) -> bool {
        self.0 += 1;
        self.0 <= MAX_REFUSALS && is_refusal(error)
    }

    pub(super) fn forget(&mut self) {
        self.0 = 0;
    }
}

/// The engine answered, and the answer was no (it is full, say): it can still be read.
pub(super) fn is_refusal(error: &RedisError) -> bool {
    !error.is_io_error() && !error.is_unrecoverable_error()
}

/// The pauses between attempts to connect: each is twice as long as the one before, up to five
/// seconds, and longer by a random part of itself, so that servers do not all come at once.
#[derive(Debug)]
pub(super) struct Pauses(Duration);

impl Pauses {
    pub(super) fn new() -> Pauses {
        Pauses(FIRST_PAUSE)
    }

    pub(super) fn next(&mut self, random_part: f32) -> Duration {
        let pause = self.0 + self.0.mul_f32(random_part);
        self.0 = (self.0 * 2).min(MAX_PAUSE);
        pause
    }
}

/// Something that is done from time to time.
#[derive(Debug)]
pub(super) struct Every {
    length: Duration,
    next: Instant,
}

impl Every {
    /// For what is done every `length`, for the first time after `first`.
    pub(super) fn new(length: Duration, first: Duration, now: Instant) -> Every {
        Every { length, next: now + first }
    }

    /// Whether it is to be done now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.next
    }

    /// Has the next time come when the length is over.
    pub(super) fn begin_again(&mut self, now: Instant) {
        self.next = now + self.length;
    }
}

/// A number from 0 to 1. It only spreads servers out, so any number will do if there is none.
pub(super) fn random_part() -> f32 {
    random::bytes::<1>().map_or(0.5, |[byte]| f32::from(byte) / 255.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use redis::{ErrorKind, ServerErrorKind};
    use std::io;

    fn full() -> RedisError {
        (ErrorKind::Server(ServerErrorKind::ResponseError), "OOM").into()
    }

    #[test]
    fn a_refusal_is_an_answer_and_no_broken_connection() {
        let replica = (ErrorKind::Server(ServerErrorKind::ReadOnly), "READONLY").into();
        for refused in [full(), replica] {
            assert!(is_refusal(&refused), "{refused}");
        }
        let io = |kind: io::ErrorKind| RedisError::from(io::Error::from(kind));
        for broken in [
            io(io::ErrorKind::TimedOut),
            io(io::ErrorKind::ConnectionRefused),
            io(io::ErrorKind::UnexpectedEof),
            io(io::ErrorKind::PermissionDenied),
            (ErrorKind::Parse, "no answer of Redis").into(),
            (ErrorKind::AuthenticationFailed, "another password").into(),
        ] {
            assert!(!is_refusal(&broken), "{broken}");
        }
    }

    #[test]
    fn a_connection_outlives_ten_refusals_in_a_row() {
        let mut refusals = Refusals::default();
        for _ in 0..2 {
            for n in 0..10 {
                assert!(refusals.bear(&full()), "{n}");
            }
            refusals.forget();
        }
        for n in 0..12 {
            assert_eq!(refusals.bear(&full()), n < 10, "{n}");
        }
    }

    #[test]
    fn a_broken_connection_is_not_kept() {
        assert!(!Refusals::default().bear(&io::Error::from(io::ErrorKind::BrokenPipe).into()));
    }

    #[test]
    fn pauses_double_up_to_five_seconds_and_a_random_part() {
        let millis = |random_part| {
            let mut pauses = Pauses::new();
            [(); 8].map(|()| pauses.next(random_part).as_millis())
        };
        assert_eq!(millis(0.0), [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(millis(0.5), [150, 300, 600, 1200, 2400, 4800, 7500, 7500]);
    }

    #[test]
    fn what_is_done_every_two_seconds_is_not_done_sooner() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut every = Every::new(Duration::from_secs(2), Duration::from_secs(1), start);
        let due = [0, 999, 1000, 1001, 2999, 3500, 5499, 5500].map(|millis| {
            let is_due = every.is_due(at(millis));
            if is_due {
                every.begin_again(at(millis));
            }
            is_due
        });
        assert_eq!(due, [false, false, true, false, false, true, false, true]);
        assert!(every.is_due(at(7500)) && every.is_due(at(7501)), "until it begins again");
    }

    #[test]
    fn a_random_part_is_from_0_to_1() {
        let parts = [(); 64].map(|()| random_part());
        assert!(parts.iter().all(|part| (0.0..=1.0).contains(part)), "{parts:?}");
        assert!(parts.iter().any(|part| *part != parts[0]), "{parts:?}");
    }
}
