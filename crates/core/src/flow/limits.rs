//! Defines the limits of a run. A run that exceeds one ends as dead, with the limit as its reason.
//! No `catch` handles that, because it could exceed the limit as well.

use std::time::Duration;

/// Steps that a run passes through; steps in a loop count each time, items of a list that have ended do
/// not count. Each decision walks all of them again.
pub const MAX_STEPS_PER_RUN: u32 = 1_000;
/// Items of a list.
pub const MAX_ITEMS: usize = 1_000;
/// Items of a list in progress at the same time.
pub const MAX_CONCURRENCY: u32 = 32;
/// Nested flows.
pub const MAX_NESTING: usize = 8;
/// Events that one step waits for.
pub const MAX_AWAITED_EVENTS: usize = 10;
/// Events that all steps of a rule wait for.
pub const MAX_AWAITED_EVENTS_PER_RULE: usize = 100;
/// Answers of one step.
pub const MAX_ANSWERS: usize = 10;
/// Redirects of one request. Browsers follow 20; a server that needs more than a few is misconfigured.
pub const MAX_REDIRECTS: u8 = 10;
/// Processes that a confined command may start.
pub const MAX_PROCESSES: u64 = 100_000;
/// The time from the first step of a run to its end, waits included.
pub const MAX_RUN_TIME: Duration = Duration::from_secs(90 * 86_400);

pub fn transitions() -> String {
    format!(
        "limit of {MAX_STEPS_PER_RUN} steps reached; the flow probably contains an endless loop"
    )
}

pub fn items(step: &str, found: usize) -> String {
    format!(
        "the list of step `{step}` has {found} items, more than {MAX_ITEMS}; shorten it in an earlier step"
    )
}

pub fn nesting(step: &str) -> String {
    format!("step `{step}` is nested in more than {MAX_NESTING} flows; move it to a separate rule")
}

pub fn time() -> String {
    "limit of 90 days reached; let an event start a new run".into()
}

pub fn time_of_flow(limit: Duration) -> String {
    format!(
        "limit of {} seconds reached, the `TimeoutSeconds` of the flow",
        limit.as_secs()
    )
}
