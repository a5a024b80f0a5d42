//! What a running run does now: the step, the attempt, since when, and what it sends. Computed from the stored rule, event
//! and log, as the worker does it; an attempt itself is stored when it ends.

use std::io::{self, Write};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::report::daemon_state::DaemonState;
use crate::report::output::Output;
use crate::report::render::call;
use crate::report::render::escape::plain;
use crate::report::rule_test::step_names::FlowSteps;
use crate::report::time_argument::seconds;
use crate::store::history::RunDetail;
use flowtrigger_core::flow::decide::{Decision, RunInput, StepCall, claimed_entry, decide};
use flowtrigger_core::flow::step::Step;
use flowtrigger_core::run::answer_link::AnswerLinks;
use flowtrigger_core::run::{LogEntry, RunState};

/// Log entries that are added before a call is found: conditions and waits between two steps.
const MAX_RECORDED: usize = 1_000;

/// An attempt that has not ended.
#[derive(Debug)]
pub struct CallInProgress<'d> {
    task: StepCall,
    step: Option<&'d Step>,
    since: Timestamp,
}

/// The attempts in progress of a run. Empty if it is not running, or if this version cannot load its rule.
pub fn calls(detail: &RunDetail) -> Vec<CallInProgress<'_>> {
    let (RunState::Running, Ok(rule), Some(flow)) =
        (&detail.row.state, &detail.rule.rule, detail.flow())
    else {
        return Vec::new();
    };
    let input = RunInput {
        event: &detail.arrived.event,
        vars: &rule.vars,
        error: &detail.error,
        locals: &rule.locals_of(&detail.arrived.event),
        seed: "",
        links: AnswerLinks::Hidden,
    };
    let mut log = detail.log.clone();
    // What was logged before the run was claimed is over.
    let is_later = |entry: &LogEntry| begun(entry).is_some_and(|at| at >= detail.row.changed);
    let claimed = log.iter().position(is_later).unwrap_or(log.len());
    log.insert(claimed, claimed_entry(flow, &input, &log[..claimed]));
    let now = Timestamp::now();
    for _ in 0..MAX_RECORDED {
        match decide(flow, &input, &log, now) {
            Decision::Perform { tasks, wake: _ } => {
                let steps = FlowSteps::new(flow);
                let calls = tasks.into_iter().map(|task| CallInProgress {
                    step: steps.named(&task.step).first().copied(),
                    since: since(detail, &task),
                    task,
                });
                return calls.collect();
            }
            Decision::Record(entry) => log.push(entry),
            Decision::Retry { .. }
            | Decision::Wait { .. }
            | Decision::Await { .. }
            | Decision::Skipped { .. }
            | Decision::Done { .. }
            | Decision::Dead { .. }
            | Decision::Hold { .. } => return Vec::new(),
        }
    }
    Vec::new()
}

/// When an attempt began: when its start was logged, or else after everything that was logged before it.
fn since(detail: &RunDetail, task: &StepCall) -> Timestamp {
    let announced = detail.log.iter().rev().find_map(|entry| match entry {
        LogEntry::Started { step, number, at } => {
            (*step == task.step && *number == task.number).then_some(*at)
        }
        LogEntry::Attempt(_)
        | LogEntry::Waiting { .. }
        | LogEntry::Arrived { .. }
        | LogEntry::Answered { .. }
        | LogEntry::Expired { .. }
        | LogEntry::Caught { .. }
        | LogEntry::Claimed { .. }
        | LogEntry::Revived { .. } => None,
    });
    let last = detail.log.iter().filter_map(ended).max();
    announced.unwrap_or(detail.row.changed.max(last.unwrap_or(Timestamp::MIN)))
}

/// When what an entry is about began.
fn begun(entry: &LogEntry) -> Option<Timestamp> {
    match entry {
        LogEntry::Attempt(attempt) => Some(attempt.started),
        LogEntry::Started { at, .. }
        | LogEntry::Waiting { at, .. }
        | LogEntry::Arrived { at, .. }
        | LogEntry::Answered { at, .. }
        | LogEntry::Expired { at, .. }
        | LogEntry::Caught { at, .. }
        | LogEntry::Revived { at } => Some(*at),
        LogEntry::Claimed { .. } => None,
    }
}

/// When what an entry is about was over.
fn ended(entry: &LogEntry) -> Option<Timestamp> {
    match entry {
        LogEntry::Attempt(attempt) => attempt.started.checked_add(attempt.took).ok(),
        LogEntry::Started { .. }
        | LogEntry::Waiting { .. }
        | LogEntry::Arrived { .. }
        | LogEntry::Answered { .. }
        | LogEntry::Expired { .. }
        | LogEntry::Caught { .. }
        | LogEntry::Revived { .. }
        | LogEntry::Claimed { .. } => begun(entry),
    }
}

/// Whether what it sends depends on events that are not read here: a debounce has collected several.
fn depends_on_others(detail: &RunDetail) -> bool {
    let reads = detail
        .rule
        .rule
        .as_ref()
        .is_ok_and(|rule| rule.reads_events());
    let events = detail.window.as_ref().map_or(0, |window| window.events);
    reads && events > 1
}

/// Prints each attempt below the log, with what it sends.
pub fn text(out: &mut Output, detail: &RunDetail, daemon: &DaemonState) -> io::Result<()> {
    if detail.row.state != RunState::Running {
        return Ok(());
    }
    let calls = calls(detail);
    if calls.is_empty() {
        return writeln!(
            out,
            "    an attempt may be in progress; it is listed when it ends"
        );
    }
    let config = detail.rule.version.config().compile();
    for CallInProgress { task, step, since } in &calls {
        let progress = match daemon {
            DaemonState::Ready | DaemonState::NotReady(_) | DaemonState::Unknown(_) => {
                "in progress since"
            }
            DaemonState::Absent => "in progress when the daemon ended, since",
        };
        writeln!(
            out,
            "    {}  attempt {}  {progress} {}",
            plain(&task.step),
            task.number,
            seconds(*since)
        )?;
        match step {
            _ if depends_on_others(detail) => {
                writeln!(out, "       what it sends depends on the collected events")?;
            }
            Some(step) => {
                write!(out, "       ")?;
                call::text(out, &task.call, step, &config.outgoing)?;
            }
            None => {}
        }
    }
    Ok(())
}

/// Each attempt as JSON; `call` is as in the plan of `dry-run`.
pub fn json(detail: &RunDetail) -> Value {
    let calls = calls(detail);
    let config = (!calls.is_empty()).then(|| detail.rule.version.config().compile());
    let calls = calls.iter().map(|CallInProgress { task, step, since }| {
        let known = config.as_ref().zip(*step);
        let known = known.filter(|_| !depends_on_others(detail));
        let call = known.map(|(config, step)| call::json_of(&task.call, step, &config.outgoing));
        json!({
            "step": task.step,
            "attempt": task.number,
            "since": since.to_string(),
            "call": call,
        })
    });
    calls.collect()
}
