//! Where random bytes come from: the operating system's generator, and nothing else.
//!
//! One system call for every nonce and every id. No state is kept in the process, so a
//! fork or a restored snapshot of a virtual machine cannot make two seals share a nonce.

/// The operating system gave no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoRandomness;

/// `N` bytes from the operating system.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    #[cfg(test)]
    if failing::now() {
        return Err(NoRandomness);
    }
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

/// A generator that fails, for the tests of what happens then.
#[cfg(test)]
pub(crate) mod failing {
    use std::cell::Cell;

    thread_local!(static FAILING: Cell<bool> = const { Cell::new(false) });

    pub(super) fn now() -> bool {
        FAILING.get()
    }

    /// Runs `f` on this thread with a generator that fails.
    pub(crate) fn during<R>(f: impl FnOnce() -> R) -> R {
        FAILING.set(true);
        let result = f();
        FAILING.set(false);
        result
    }
}
