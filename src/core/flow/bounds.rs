//! How far a run may go. Reaching one of these ends it as dead, with the bound as the reason; nothing
//! catches that, since whatever would follow is as unbounded.

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
