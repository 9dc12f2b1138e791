//! Which locks and atomic numbers are used where several threads meet? The standard library's.
//!
//! `tests/interleavings` builds this library once more with those of `shuttle`, which run all threads of
//! a test in orders that it chooses. Only that crate has the feature.

#[cfg(feature = "_interleavings")]
pub(crate) use shuttle::sync::{
    Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, atomic,
};
#[cfg(not(feature = "_interleavings"))]
pub(crate) use std::sync::{
    Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, atomic,
};
