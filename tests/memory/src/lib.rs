//! An allocator that looks into every block that is given back, for pieces of secrets.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

/// Half a key. Fewer bytes in a row may be a register that the compiler has spilled, which the library
/// does not promise to wipe (`docs/security.md`).
const PIECE: usize = 16;
const MAX_SECRETS: usize = 32;

/// What is searched, kept without any allocation.
#[derive(Clone, Copy)]
struct Secret {
    name: &'static str,
    bytes: [u8; 64],
    len: usize,
}

struct Secrets {
    all: [Secret; MAX_SECRETS],
    count: usize,
}

static SECRETS: RwLock<Secrets> = RwLock::new(Secrets {
    all: [Secret { name: "", bytes: [0; 64], len: 0 }; MAX_SECRETS],
    count: 0,
});
static SEARCHING: AtomicBool = AtomicBool::new(false);
/// How many blocks with a secret were given back, by its place in `SECRETS`.
static FOUND: [AtomicUsize; MAX_SECRETS] = [const { AtomicUsize::new(0) }; MAX_SECRETS];
static BLOCKS: AtomicUsize = AtomicUsize::new(0);

/// One test at a time.
static TURN: Mutex<()> = Mutex::new(());

pub struct Scanning;

// SAFETY: all memory is the system's. `realloc` is the one of the trait, which copies to a new block
// and gives the old one back through `dealloc`, so that what a growing vector leaves is seen.
unsafe impl GlobalAlloc for Scanning {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are the system's. Zeroed, so that every byte can be read.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if SEARCHING.load(Ordering::Acquire) && layout.size() >= PIECE {
            // SAFETY: the block is the caller's until the end of this function, and was zeroed.
            search(unsafe { std::slice::from_raw_parts(block, layout.size()) });
        }
        // SAFETY: the caller's promises are the system's.
        unsafe { System.dealloc(block, layout) }
    }
}

/// Marks each secret of which some aligned piece is in the block.
fn search(block: &[u8]) {
    BLOCKS.fetch_add(1, Ordering::Relaxed);
    let secrets = SECRETS.read().unwrap_or_else(PoisonError::into_inner);
    for (place, secret) in secrets.all[..secrets.count].iter().enumerate() {
        for piece in secret.bytes[..secret.len].chunks_exact(PIECE) {
            if contains(block, piece) {
                FOUND[place].fetch_add(1, Ordering::Relaxed);
                break;
            }
        }
    }
}

fn contains(block: &[u8], piece: &[u8]) -> bool {
    let first = piece[0];
    block.windows(PIECE).any(|window| window[0] == first && window == piece)
}

/// A search that is under way, and others wait for its end.
pub struct Search {
    _turn: MutexGuard<'static, ()>,
}

impl Search {
    /// Searches for these from now on.
    pub fn start(secrets: &[(&'static str, &[u8])]) -> Search {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut kept = SECRETS.write().unwrap_or_else(PoisonError::into_inner);
            kept.count = secrets.len();
            for (secret, (name, bytes)) in kept.all.iter_mut().zip(secrets) {
                secret.name = name;
                secret.bytes[..bytes.len()].copy_from_slice(bytes);
                secret.len = bytes.len();
            }
        }
        FOUND.iter().for_each(|count| count.store(0, Ordering::Relaxed));
        BLOCKS.store(0, Ordering::Relaxed);
        SEARCHING.store(true, Ordering::Release);
        Search { _turn: turn }
    }

    /// Stops, and returns the names of what was found and how many blocks were looked at.
    pub fn stop(self) -> (Vec<&'static str>, usize) {
        SEARCHING.store(false, Ordering::Release);
        let secrets = SECRETS.read().unwrap_or_else(PoisonError::into_inner);
        let found = secrets.all[..secrets.count].iter().enumerate();
        let found = found.filter(|(place, _)| FOUND[*place].load(Ordering::Relaxed) > 0);
        (found.map(|(_, secret)| secret.name).collect(), BLOCKS.load(Ordering::Relaxed))
    }
}
