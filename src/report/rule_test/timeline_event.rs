//! The events of a test in virtual time: which of them the store gets, under which id, and when they happened.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::report::rule_test::run_test::TestedEvent;
use flowtrigger_core::event::Event;
use flowtrigger_core::event::format::clock::CLOCK;
use flowtrigger_core::event::format::request::body_hash;
use flowtrigger_core::flow::step::Flow;
use flowtrigger_core::rule::test::entry::{Expected, TestEntry};

/// What happened to one event, as a test expects it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlayedEvent {
    pub happened: Expected,
    /// The gate that suppressed its run.
    pub gate: Option<String>,
    /// When its run started, counted from the start.
    pub started: Option<Duration>,
}

/// The events that match or that the flow waits for, each with an id of its own: the same file twice means two events.
pub fn distinct(events: &[TestedEvent], flow: &Flow) -> Vec<Option<Event>> {
    let waits = flow.waits_for();
    let is_awaited = |event: &Event| {
        let mut awaited = waits.iter().flat_map(|located| located.wait.events());
        awaited.any(|awaited| awaited.covers(event))
    };
    let mut ids: Vec<String> = Vec::new();
    let mut distinct = Vec::with_capacity(events.len());
    for (number, evaluated) in events.iter().enumerate() {
        let mut event = evaluated.event.clone();
        if ids.contains(&event.id) {
            event.id = match body_hash(&event.id) {
                // An id with the same hash is that of a repeat.
                Some(_) => format!("{}-{}", number + 1, event.id),
                None => format!("{}-{}", event.id, number + 1),
            };
            if let Some(id) = event.about.get_mut("id") {
                *id = event.id.clone().into();
            }
        }
        ids.push(event.id.clone());
        let is_used = evaluated.matches() || is_awaited(&event);
        distinct.push(is_used.then_some(event));
    }
    distinct
}

pub fn before(time: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    time.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// Whether a test says when its event happened.
pub fn sets_time(entry: &TestEntry) -> bool {
    entry.set.iter().any(|(path, _)| path.text == "event.time")
}

/// Lets an event that a flow waits for happen when it is received: files of several events have any times.
pub fn happens_at(time: Timestamp, event: &mut Event) {
    event.time = Some(time);
    if let Some(shown) = event.about.get_mut("time") {
        *shown = time.to_string().into();
    }
}

/// When an event of a test is received: a tick at its own time, another one at the time of its entry.
pub fn received_at(event: &Event, entry: Timestamp) -> Timestamp {
    match event.time {
        Some(time) if event.source == CLOCK => time,
        Some(_) | None => entry,
    }
}

pub fn after(time: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}
