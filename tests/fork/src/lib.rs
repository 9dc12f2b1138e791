//! A process that goes on as two.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::FromRawFd;

/// A copy of this process that is under way.
pub struct Child {
    id: libc::pid_t,
    output: File,
}

/// Runs `work` in a copy of this process, which ends with it.
pub fn fork(work: impl FnOnce() -> String) -> Child {
    let mut ends = [0; 2];
    // SAFETY: `ends` has room for the two numbers.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0, "the system gives no pipe");
    // SAFETY: the copy has one thread, this one; it computes, writes to its pipe and ends without
    // running what the other threads of this process have registered.
    let id = unsafe { libc::fork() };
    assert!(id >= 0, "the system gives no process");
    // SAFETY: nobody else has these numbers, and each process keeps one of the two.
    let [output, mut input] = ends.map(|end| unsafe { File::from_raw_fd(end) });
    if id == 0 {
        drop(output);
        let work = std::panic::AssertUnwindSafe(|| input.write_all(work().as_bytes()).is_ok());
        let code = match std::panic::catch_unwind(work) {
            Ok(true) => 0,
            _ => 1,
        };
        // SAFETY: it does not return, and nothing is left to be dropped.
        unsafe { libc::_exit(code) }
    }
    Child { id, output }
}

impl Child {
    /// Waits for the end and returns what `work` did.
    pub fn output(mut self) -> String {
        let mut text = String::new();
        self.output.read_to_string(&mut text).unwrap();
        let mut status = 0;
        // SAFETY: it is a child of this process that nobody has waited for.
        assert_eq!(unsafe { libc::waitpid(self.id, &mut status, 0) }, self.id);
        assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "the child failed");
        text
    }
}
