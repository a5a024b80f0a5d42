//! Describes the events that a run waits for, as text and as JSON: until when, how many came that did not match and why, and
//! how many came too late.

use serde_json::{Value, json};

use crate::report::render::diagnostics::number;
use crate::report::render::escape::plain;
use crate::report::time_argument::seconds;
use crate::store::history::{DecisionKind, FailedPredicate, RunDetail, RunWaiter};
use flowtrigger_core::path::scope::Scope;

/// One sentence for each event that the run waits for, and for those of which something came that did not count.
pub fn sentences(detail: &RunDetail) -> Vec<String> {
    let waiters = detail.waits.iter();
    let waiters = waiters.filter(|waiter| is_open(waiter) || waiter.came + waiter.late > 0);
    let is_over = detail.row.state.is_final();
    let waiters = waiters.filter(|waiter| !is_over || waiter.came + waiter.late > 0);
    waiters
        .map(|waiter| sentence(waiter, value(waiter, detail)))
        .collect()
}

fn is_open(waiter: &RunWaiter) -> bool {
    waiter.closed.is_none()
}

/// The value that the awaited event must have: `ticket.id 7`.
fn value(waiter: &RunWaiter, detail: &RunDetail) -> Option<String> {
    let awaited = detail.flow()?.awaited_event(&waiter.step, waiter.number)?;
    let scope = Scope::new(&detail.arrived.event, &Value::Null);
    let value = awaited.same.run.resolve(&scope).to_json()?.into_owned();
    Some(format!("{} {value}", awaited.same.this.text))
}

/// `reply waits for ticket.CommentAdded with ticket.id 7 until …; 3 came, FAIL comment.author.is_staff eq true`.
fn sentence(waiter: &RunWaiter, value: Option<String>) -> String {
    let types = waiter.event_types.join(" or ");
    let types = match value {
        Some(value) => format!("{types} with {value}"),
        None => types,
    };
    let (step, types) = (plain(&waiter.step), plain(&types));
    let waits = match is_open(waiter) {
        true => "waits for",
        false => "waited for",
    };
    let mut parts = vec![match waiter.deadline {
        Some(deadline) => format!("{step} {waits} {types} until {}", seconds(deadline)),
        None => format!("{step} {waits} {types} and has not begun"),
    }];
    if waiter.came > 0 {
        parts.push(came(waiter));
    }
    if waiter.late > 0 {
        parts.push(late(waiter));
    }
    parts.join("; ")
}

fn came(waiter: &RunWaiter) -> String {
    let failed = waiter.failed.iter().map(failed);
    let failed: Vec<String> = failed.collect();
    match failed.is_empty() {
        true => format!("{} came and did not match", waiter.came),
        false => format!("{} came, FAIL {}", waiter.came, failed.join(", ")),
    }
}

fn failed(predicate: &FailedPredicate) -> String {
    let FailedPredicate {
        path,
        operator,
        want,
    } = predicate;
    plain(format!("{path} {operator} {want}").trim_end()).into_owned()
}

fn late(waiter: &RunWaiter) -> String {
    let events = usize::try_from(waiter.late).unwrap_or(usize::MAX);
    let events = number(events, "event");
    match waiter.late_at {
        Some(at) => format!("{events} matched too late, the last at {}", seconds(at)),
        None => format!("{events} matched too late"),
    }
}

/// All events that the run waits for or has waited for.
pub fn json(detail: &RunDetail) -> Value {
    detail.waits.iter().map(waiter_json).collect()
}

fn waiter_json(waiter: &RunWaiter) -> Value {
    json!({
        "step": waiter.step,
        "number": waiter.number,
        "event_source": waiter.source,
        "event_types": waiter.event_types,
        "same": waiter.path,
        "until": waiter.deadline.map(|at| at.to_string()),
        "open": is_open(waiter),
        "decided": waiter.decided.map(DecisionKind::as_str),
        "came": waiter.came,
        "failed": waiter.failed,
        "late": waiter.late,
        "late_at": waiter.late_at.map(|at| at.to_string()),
    })
}
