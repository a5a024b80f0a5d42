//! The baseline of the ratios: sequential commits of one row with an fsync.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;

/// Returns the median.
pub fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

pub fn percentile(all: &mut [Duration], part: f64) -> Duration {
    all.sort_unstable();
    all[((all.len() - 1) as f64 * part) as usize]
}

/// Opens a table in a separate file with the settings of the store.
pub fn single(folder: &Path) -> Connection {
    let connection = Connection::open(folder.join("yardstick.db")).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE IF NOT EXISTS kept (id INTEGER PRIMARY KEY, body TEXT);",
        )
        .unwrap();
    connection
}

/// Commits a number of rows of one kilobyte, and returns the time of each.
pub fn commits(connection: &Connection, count: usize) -> Vec<Duration> {
    let body = "x".repeat(1_000);
    let mut insert = connection
        .prepare("INSERT INTO kept (body) VALUES (?1)")
        .unwrap();
    (0..count)
        .map(|_| {
            let began = Instant::now();
            insert.execute([&body]).unwrap();
            began.elapsed()
        })
        .collect()
}

/// Returns commits per second.
pub fn rate(connection: &Connection) -> f64 {
    let took: Duration = commits(connection, 400).iter().sum();
    400.0 / took.as_secs_f64()
}
