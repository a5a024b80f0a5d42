//! Measures CPU time of this thread and memory of this process.
//! Rates use CPU time, because wall-clock time includes other load on the machine.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Returns the CPU time of this thread.
pub fn processor() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// Returns the resident memory of this process in bytes.
pub fn resident() -> u64 {
    status("VmRSS:")
}

/// Returns the peak resident memory of this process in bytes.
pub fn peak() -> u64 {
    status("VmHWM:")
}

/// Returns a value in kilobytes from the status of this process, in bytes; 0 if it is not available.
fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|line| line.trim().split(' ').next()?.parse().ok());
    kilobytes.unwrap_or(0) * 1024
}

pub fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}
