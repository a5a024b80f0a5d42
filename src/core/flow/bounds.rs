//! The limits of runs and of their steps. A run that reaches a limit of runs ends as dead, with the
//! limit as the reason; nothing catches that, since what follows would be as unlimited.

use std::time::Duration;

/// Steps on the way through a run, those that it takes again in a loop counted each time; items of a
/// list that are over do not count. Each look walks all of them again.
pub const MOST_TRANSITIONS: u32 = 1_000;
/// Items of one list.
pub const MOST_ITEMS: usize = 1_000;
/// Items of a list that are under way together.
pub const MOST_AT_ONCE: u32 = 32;
/// Flows within flows.
pub const MOST_NESTING: usize = 8;
/// Redirects of one request. Browsers follow 20; a receiver that needs more than a few is set up wrong.
pub const MOST_REDIRECTS: u8 = 10;
/// Processes that a confined command may start.
pub const MOST_PROCESSES: u64 = 100_000;
/// From a run's first step to its end, waits included.
pub const LONGEST: Duration = Duration::from_secs(90 * 86_400);

pub fn transitions() -> String {
    format!("the run took {MOST_TRANSITIONS} steps, as many as one may; it seems to go in circles")
}

pub fn items(place: &str, found: usize) -> String {
    format!(
        "the list of step `{place}` has {found} items, and {MOST_ITEMS} is the most; cut it down in a step before"
    )
}

pub fn nesting(place: &str) -> String {
    format!("step `{place}` stands more than {MOST_NESTING} flows deep; make it a rule of its own")
}

pub fn time() -> String {
    "the run is 90 days old, as old as one may get; let an event start a new one".into()
}
