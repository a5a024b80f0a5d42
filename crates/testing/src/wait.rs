//! Waiting for conditions, with one timeout for all tests.

use std::future::Future;
use std::time::{Duration, Instant};

/// Much longer than any step of a test takes: only a test that hangs reaches it.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// Waits until a condition holds; panics after [`TIMEOUT`].
#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < TIMEOUT, "this never happened: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Awaits a future; panics after [`TIMEOUT`].
pub async fn within_timeout<T>(what: &str, future: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(TIMEOUT, future).await;
    done.unwrap_or_else(|_| panic!("this never happened: {what}"))
}
