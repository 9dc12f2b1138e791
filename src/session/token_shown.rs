//! Was a form token made for a request's session? Then the response is nobody else's.

#[cfg(feature = "_adapter")]
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set once a token was made, for the session and all views of one request. It has an allocation of its
/// own only if a view may come to need it, too.
pub(crate) enum TokenShown {
    Own(AtomicBool),
    #[cfg(feature = "_adapter")]
    Shared(Arc<AtomicBool>),
}

impl TokenShown {
    pub(crate) fn not_yet() -> TokenShown {
        TokenShown::Own(AtomicBool::new(false))
    }

    fn flag(&self) -> &AtomicBool {
        match self {
            TokenShown::Own(flag) => flag,
            #[cfg(feature = "_adapter")]
            TokenShown::Shared(flag) => flag,
        }
    }

    pub(crate) fn set(&self) {
        self.flag().store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.flag().load(Ordering::Relaxed)
    }

    /// Returns another handle of the same flag.
    #[cfg(feature = "_adapter")]
    pub(crate) fn share(&mut self) -> TokenShown {
        let shared = match self {
            TokenShown::Shared(shared) => Arc::clone(shared),
            TokenShown::Own(flag) => {
                let shared = Arc::new(AtomicBool::new(flag.load(Ordering::Relaxed)));
                *self = TokenShown::Shared(Arc::clone(&shared));
                shared
            }
        };
        TokenShown::Shared(shared)
    }
}
