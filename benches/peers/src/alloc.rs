//! How often, and how much, does one operation ask of the heap?
//!
//! The ready-made counting allocators count all the time, with atomic additions that a
//! contestant of many small allocations would pay for in the timings. This one can be off.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

static COUNTING: AtomicBool = AtomicBool::new(false);
static CALLS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

/// The system's allocator, with a counter that is off unless [`count`] runs.
pub struct Counting;

fn note(bytes: usize) {
    if COUNTING.load(Relaxed) {
        CALLS.fetch_add(1, Relaxed);
        BYTES.fetch_add(bytes as u64, Relaxed);
    }
}

// SAFETY: every call goes on to `System` with the very arguments that came in.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    /// A growing buffer counts once more, with what it grew by.
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        note(new_size.saturating_sub(layout.size()));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(block, layout, new_size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(block, layout) }
    }
}

/// Heap allocations and bytes of one `operation`: the mean of a few, after a warm-up.
///
/// The program is single-threaded while this runs, so nobody else is counted. Both are
/// zero where [`Counting`] is not the global allocator.
pub fn count(operation: &mut dyn FnMut()) -> (f64, f64) {
    const TIMES: u32 = 64;
    operation();
    CALLS.store(0, Relaxed);
    BYTES.store(0, Relaxed);
    COUNTING.store(true, Relaxed);
    for _ in 0..TIMES {
        operation();
    }
    COUNTING.store(false, Relaxed);
    let mean = |total: &AtomicU64| total.load(Relaxed) as f64 / f64::from(TIMES);
    (mean(&CALLS), mean(&BYTES))
}
