//! The resident memory of the process, from `/proc`; None on systems without it.

/// The resident bytes of this process.
pub fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    of_status(&status)
}

fn of_status(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read_in_bytes() {
        let status = "VmHWM:\t  700 kB\nVmRSS:\t  512 kB\nThreads:\t1\n";
        assert_eq!(of_status(status), Some(524_288));
        assert_eq!(of_status("VmRSS: many\n"), None);
        assert_eq!(of_status(""), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_holds_some() {
        assert!(resident().is_some_and(|bytes| bytes > 100_000));
    }
}
