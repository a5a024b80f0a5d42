//! Finds the stored events that decide with another one on what a rule does: the earlier ones that its count or sequence
//! keeps, and those for which its flow waits. The search is bounded.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::report::error::CommandError;
use crate::store::History;
use crate::store::history::{ArchiveFilter, ArchivePosition, ArchivedEvent, EventRecord};
use flowtrigger_core::event::Event;
use flowtrigger_core::flow::wait_for::{ArrivalTimes, ArrivalVerdict, WaitFor, awaited_values};
use flowtrigger_core::gate::{Gate, GateKind};
use flowtrigger_core::matching::explain;
use flowtrigger_core::path::redact::is_redacted;
use flowtrigger_core::path::scope::Scope;
use flowtrigger_core::path::{Path, Resolved};
use flowtrigger_core::rule::Rule;

/// Earlier events that are kept: the newest.
const MAX_EARLIER: usize = 20;
/// Stored events that are looked through in each direction.
const MAX_SEARCHED: usize = 20_000;
const PAGE: usize = 500;
/// An event that arrives later than this after the end of a wait is not searched.
const LATE: Duration = Duration::from_secs(3_600);

/// Events in the order of their receipt.
pub struct NearbyEvents {
    pub events: Vec<EventRecord>,
    /// Which of them is the event that was asked for.
    pub own: usize,
}

impl NearbyEvents {
    pub fn find(
        rule: &Rule,
        arrived: &EventRecord,
        history: &dyn History,
    ) -> Result<Self, CommandError> {
        let mut events: Vec<EventRecord> = match series_gate(rule) {
            Some(gate) => earlier(rule, gate, arrived, history)?.into(),
            None => Vec::new(),
        };
        let own = events.len();
        events.push(arrived.clone());
        events.extend(awaited(rule, arrived, history)?);
        Ok(Self { events, own })
    }
}

/// The `count` or `sequence` of a rule.
pub fn series_gate(rule: &Rule) -> Option<&Gate> {
    let mut gates = rule.gates.iter();
    gates.find(|gate| matches!(gate.kind, GateKind::Series(_)))
}

/// The events that the gate counts with this one.
fn earlier(
    rule: &Rule,
    gate: &Gate,
    arrived: &EventRecord,
    history: &dyn History,
) -> Result<VecDeque<EventRecord>, CommandError> {
    let mut found = VecDeque::new();
    let value = rule.ask_of(gate, &arrived.event).map(|check| check.value);
    let Some(value) = value else {
        return Ok(found);
    };
    let received = arrived.head.received;
    let window = SignedDuration::try_from(gate.window.time).unwrap_or(SignedDuration::MAX);
    let filter = ArchiveFilter {
        since: received.checked_sub(window).ok(),
        until: Some(later(received, Duration::from_micros(1))),
        key: gate
            .per
            .as_ref()
            .and_then(|per| key_at([&**per], &arrived.event)),
        source: Some(rule.event_source.clone()),
        ..ArchiveFilter::default()
    };
    let own = ArchivePosition {
        received,
        row: arrived.head.row,
    };
    search(&filter, None, history, |head, history| {
        if head.position >= own || !rule.listens_to(&head.source, &head.event_type) {
            return Ok(Search::Continue);
        }
        if let Some(record) = history.event(head.position.row)?
            && is_counted(rule, gate, &value, &record.event)
        {
            if found.len() == MAX_EARLIER {
                found.pop_front();
            }
            found.push_back(record);
        }
        Ok(Search::Continue)
    })?;
    Ok(found)
}

fn is_counted(rule: &Rule, gate: &Gate, value: &str, event: &Event) -> bool {
    let check = rule.ask_of(gate, event);
    check.is_some_and(|check| check.value == value)
        && !is_redacted(event)
        && explain::is_match(rule, event)
}

/// For each step that waits, the first event that ends its wait.
fn awaited(
    rule: &Rule,
    arrived: &EventRecord,
    history: &dyn History,
) -> Result<Vec<EventRecord>, CommandError> {
    let own = &arrived.event;
    let waits = rule.flow.waits_for();
    let mut open: Vec<&WaitFor> = waits.iter().map(|located| located.wait).collect();
    open.retain(|wait| !wait.events().is_empty());
    let longest = open.iter().map(|wait| wait.within.time).max();
    let Some(longest) = longest else {
        return Ok(Vec::new());
    };
    let awaited = open.iter().flat_map(|wait| wait.events());
    let compared: Vec<&Arc<Path>> = awaited
        .flat_map(|awaited| [&awaited.same.this, &awaited.same.run])
        .collect();
    let received = arrived.head.received;
    let filter = ArchiveFilter {
        since: Some(received),
        // Closed hours do not count.
        until: Some(later(
            received,
            longest.saturating_mul(3).saturating_add(LATE),
        )),
        key: key_at(compared.iter().map(|path| &***path), own),
        ..ArchiveFilter::default()
    };
    let after = ArchivePosition {
        received,
        row: arrived.head.row,
    };
    let mut found = Vec::new();
    search(&filter, Some(after), history, |head, history| {
        let is_awaited = |wait: &&WaitFor| {
            wait.events().iter().any(|awaited| {
                let mut types = awaited.event_types.iter();
                awaited.event_source == head.source && types.any(|of| of.covers(&head.event_type))
            })
        };
        if !open.iter().any(is_awaited) {
            return Ok(Search::Continue);
        }
        let Some(record) = history.event(head.position.row)? else {
            return Ok(Search::Continue);
        };
        let before = open.len();
        open.retain(|wait| !ends(wait, own, &record));
        if open.len() < before {
            found.push(record);
        }
        Ok(match open.is_empty() {
            true => Search::End,
            false => Search::Continue,
        })
    })?;
    Ok(found)
}

/// The key of an event, if the values at these paths are the keys of all events: they are one path, whose value in this event
/// is its key.
fn key_at<'p>(paths: impl IntoIterator<Item = &'p Path>, event: &Event) -> Option<String> {
    let key = event.key.as_ref()?;
    let mut paths = paths.into_iter().peekable();
    let first = *paths.peek()?;
    let is_same = paths.all(|path| path.route == first.route);
    let value = match first.resolve(&Scope::new(event, &Value::Null)) {
        Resolved::One(Value::String(text)) => text.clone(),
        Resolved::One(value @ Value::Number(_)) => value.to_string(),
        Resolved::One(_) | Resolved::Many(_) | Resolved::Absent => return None,
    };
    (is_same && value == *key).then_some(value)
}

/// Whether an event ends the wait of a run, if it comes in time.
fn ends(wait: &WaitFor, own: &Arc<Event>, record: &EventRecord) -> bool {
    let event = &record.event;
    let times = ArrivalTimes {
        happened: event.time.unwrap_or(record.head.received),
        since: own.time.unwrap_or(Timestamp::MIN),
        deadline: None,
    };
    wait.events().iter().any(|awaited| {
        let value = awaited.value_of_run(own);
        awaited.covers(event)
            && value.is_some_and(|value| awaited_values(&awaited.same.this, event).contains(&value))
            && awaited.compare(event, times) == ArrivalVerdict::Match
    })
}

/// Whether the next event is looked at.
enum Search {
    Continue,
    End,
}

/// Looks at stored events in the order of their receipt.
fn search(
    filter: &ArchiveFilter,
    mut after: Option<ArchivePosition>,
    history: &dyn History,
    mut look: impl FnMut(&ArchivedEvent, &dyn History) -> Result<Search, CommandError>,
) -> Result<(), CommandError> {
    for _ in 0..MAX_SEARCHED / PAGE {
        let page = history.archive(filter, after, PAGE)?;
        for head in &page {
            match look(head, history)? {
                Search::Continue => {}
                Search::End => return Ok(()),
            }
        }
        after = page.last().map(|last| last.position);
        if page.len() < PAGE {
            break;
        }
    }
    Ok(())
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}
