//! The runs that wait for such an event as the one that is explained, and why it is none that they wait for.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::report::error::CommandError;
use crate::report::render::diagnostics::number;
use crate::report::render::escape::plain;
use crate::report::render::explanation::predicate_text;
use crate::store::History;
use crate::store::history::{EventRecord, WaitingStep};
use flowtrigger_core::flow::wait_for::{ArrivalTimes, ArrivalVerdict};
use flowtrigger_core::language::operator::Verdict;
use flowtrigger_core::run::RunId;

/// Runs that are explained.
const MAX_RUNS: usize = 20;
/// An event that came longer before a run was not compared with it.
const LOOKBACK: SignedDuration = SignedDuration::from_mins(10);

/// A run that waits for such an event, at a step that this event did not decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwaitedBy {
    pub run: RunId,
    pub step: String,
    pub verdict: AwaitedVerdict,
}

/// Why the event does not decide the step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AwaitedVerdict {
    /// It is one, and another decided the step before, or the wait had ended.
    Match,
    TooEarly,
    TooLate,
    /// The predicates that failed.
    NoMatch(Vec<String>),
}

/// The runs that wait for events of this type and value, without those that the event continued.
pub fn awaited_by(
    arrived: &EventRecord,
    continued: &[(RunId, String)],
    history: &dyn History,
) -> Result<Vec<AwaitedBy>, CommandError> {
    let mut found = Vec::new();
    for waiting in history.waiting_for(&arrived.event)? {
        let WaitingStep {
            run, step, number, ..
        } = &waiting;
        let is_continued = continued
            .iter()
            .any(|(other, at)| (other, at) == (run, step));
        if is_continued || found.len() == MAX_RUNS {
            continue;
        }
        let Some(detail) = history.run(*run)? else {
            continue;
        };
        let latest = detail.row.planned.checked_sub(LOOKBACK);
        if arrived.head.received < latest.unwrap_or(Timestamp::MIN) {
            continue;
        }
        let awaited = detail
            .flow()
            .and_then(|flow| flow.awaited_event(step, *number));
        let Some(awaited) = awaited else { continue };
        let received = arrived.head.received;
        let times = ArrivalTimes {
            happened: arrived
                .event
                .time
                .map_or(received, |time| time.min(received)),
            since: waiting.since,
            deadline: waiting.deadline,
        };
        let verdict = match awaited.compare(&arrived.event, times) {
            ArrivalVerdict::Match => AwaitedVerdict::Match,
            ArrivalVerdict::TooEarly => AwaitedVerdict::TooEarly,
            ArrivalVerdict::TooLate => AwaitedVerdict::TooLate,
            ArrivalVerdict::NoMatch(trace) => {
                let failed = trace.lines.iter();
                let failed = failed.filter(|line| line.verdict != Verdict::Match);
                AwaitedVerdict::NoMatch(failed.map(predicate_text).collect())
            }
        };
        found.push(AwaitedBy {
            run: *run,
            step: step.clone(),
            verdict,
        });
    }
    Ok(found)
}

impl AwaitedBy {
    /// `run 7 waits for such an event in `reply`: FAIL comment.is_public is true`.
    pub fn sentence(&self) -> String {
        let (run, why) = (self.run.0, self.why());
        format!("run {run} waits for such an event {why}; `flowtrigger runs show {run}`")
    }

    /// At which step it waits, and why the event is not the one.
    pub fn why(&self) -> String {
        let step = plain(&self.step);
        let why = match &self.verdict {
            AwaitedVerdict::Match => {
                "it is one, but the step was decided before it came".to_owned()
            }
            AwaitedVerdict::TooEarly => "this one happened before the event of the run".to_owned(),
            AwaitedVerdict::TooLate => "this one happened after the end of the wait".to_owned(),
            AwaitedVerdict::NoMatch(failed) => format!("FAIL  {}", failed.join("; ")),
        };
        format!("in `{step}`: {why}")
    }

    pub fn json(&self) -> Value {
        let (verdict, failed) = match &self.verdict {
            AwaitedVerdict::Match => ("decided before", &[][..]),
            AwaitedVerdict::TooEarly => ("too early", &[][..]),
            AwaitedVerdict::TooLate => ("too late", &[][..]),
            AwaitedVerdict::NoMatch(failed) => ("no match", failed.as_slice()),
        };
        json!({
            "run": self.run.0,
            "step": self.step,
            "verdict": verdict,
            "failed": failed,
        })
    }
}

/// What the runs that wait add to the sentence that nothing happened.
pub fn summary(awaited: &[AwaitedBy]) -> Option<String> {
    let waits = match awaited.len() {
        0 => return None,
        1 => "waits",
        _ => "wait",
    };
    Some(format!(
        "{} {waits} for such an event, and this is none of those",
        number(awaited.len(), "run")
    ))
}
