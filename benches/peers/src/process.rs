//! What a running process has used so far, as Linux tells.

use std::fs;

/// Processor time in clock ticks, of user and system together.
pub fn cpu_ticks(pid: u32) -> u64 {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
    // The name before may hold spaces, and ends with a bracket. See proc(5).
    let (_name, fields) = line.rsplit_once(") ").expect("a name in brackets");
    let mut times = fields.split(' ').skip(11).take(2);
    let mut next = || times.next().and_then(|field| field.parse::<u64>().ok());
    next().zip(next()).map(|(user, system)| user + system).expect("two numbers")
}

/// Resident memory of this process in bytes.
pub fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("this process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
    let kibibytes = kibibytes.and_then(|digits| digits.trim().parse::<u64>().ok());
    kibibytes.expect("a number of kB") * 1024
}
