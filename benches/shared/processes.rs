//! Reads the CPU time of processes from `/proc`.

use std::fs;
use std::time::Duration;

/// The unit of times in `/proc`, on Linux always.
const TICKS_PER_SECOND: f64 = 100.0;

/// The fields of `/proc/PID/stat` behind the name of the program, from the state on.
fn fields(process: &str) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

fn ticks(fields: &[String], range: std::ops::Range<usize>) -> f64 {
    let numbers = fields[range]
        .iter()
        .filter_map(|text| text.parse::<f64>().ok());
    numbers.sum()
}

fn seconds(ticks: f64) -> Duration {
    Duration::from_secs_f64(ticks / TICKS_PER_SECOND)
}

/// Of this process.
pub fn own_cpu() -> Duration {
    let fields = fields("self").expect("this process");
    seconds(ticks(&fields, 11..13))
}

/// Of a process and its children, those that have ended as well.
pub fn cpu_with_children(parent: u32) -> Duration {
    let parent = parent.to_string();
    let own = fields(&parent).expect("the process runs");
    let mut sum = ticks(&own, 11..15);
    for entry in fs::read_dir("/proc").expect("procfs").flatten() {
        let name = entry.file_name();
        let Some(name) = name
            .to_str()
            .filter(|name| name.starts_with(|c: char| c.is_ascii_digit()))
        else {
            continue;
        };
        if let Some(child) = fields(name)
            && child[1] == parent
        {
            sum += ticks(&child, 11..13);
        }
    }
    seconds(sum)
}
