//! Counts the log lines that could not be written. Logging belongs to the process, and so does this counter.

use std::sync::LazyLock;

use prometheus_client::metrics::counter::Counter;

static LOST: LazyLock<Counter> = LazyLock::new(Counter::default);

pub fn count() {
    LOST.inc();
}

pub fn counter() -> &'static Counter {
    &LOST
}
