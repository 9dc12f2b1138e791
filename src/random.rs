//! Where random bytes come from: the operating system's generator, and nothing else.
//!
//! One system call for every nonce, together with the id if that is new. No state is kept in the
//! process, so a fork or a restored snapshot of a virtual machine cannot make two seals share a
//! nonce.

/// The operating system gave no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoRandomness;

/// Returns `N` bytes from the operating system.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    #[cfg(test)]
    if on_test::fails() {
        return Err(NoRandomness);
    }
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

/// A generator that fails, or whose calls are counted, on one thread.
#[cfg(test)]
pub(crate) mod on_test {
    use std::cell::Cell;

    thread_local!(static FAILURES: Cell<usize> = const { Cell::new(0) });
    thread_local!(static CALLS: Cell<usize> = const { Cell::new(0) });

    pub(super) fn fails() -> bool {
        CALLS.set(CALLS.get() + 1);
        let left = FAILURES.get();
        FAILURES.set(left.saturating_sub(1));
        left > 0
    }

    /// Runs `f` with a generator that fails.
    pub(crate) fn without_randomness<R>(f: impl FnOnce() -> R) -> R {
        failing(usize::MAX, f)
    }

    /// Runs `f` with a generator that fails so many times, and then works.
    pub(crate) fn failing<R>(times: usize, f: impl FnOnce() -> R) -> R {
        FAILURES.set(times);
        let result = f();
        FAILURES.set(0);
        result
    }

    /// Returns how often `f` asks for random bytes.
    pub(crate) fn calls<R>(f: impl FnOnce() -> R) -> usize {
        let before = CALLS.get();
        f();
        CALLS.get() - before
    }
}
