//! Time on the processor and memory in use, of this thread and process alone.
//! It refuses wall clocks for rates: other work on the machine would count.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The processor time that this thread has had.
pub fn processor() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// Bytes of memory that stand behind this process now.
pub fn resident() -> u64 {
    status("VmRSS:")
}

/// The most that ever stood behind it.
pub fn peak() -> u64 {
    status("VmHWM:")
}

/// A figure in kilobytes that the system keeps about this process, in bytes; 0 where it keeps none.
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
