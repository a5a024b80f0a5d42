//! Plans a flow for an event without executing it.
//! A plan has the steps in order, the rendered calls with secrets as names, and the conditions with their
//! verdicts. Results of calls come from the caller's oracle; without
//! an answer, steps that depend on them are shown as not known yet.

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::diagnostic::Span;
use crate::flow::call::Call;
use crate::flow::decide::{RunInput, StepCall};
use crate::flow::step::{Flow, Step};
use crate::flow::wait_for::AwaitedOutcome;
use crate::flow::walk::recorder::PlanRecorder;
use crate::flow::walk::{Interrupt, Walk};
use crate::language::condition::evaluate::Truth;
use crate::language::condition::trace::Trace;
use crate::run::call_result::CallResult;
use crate::run::{Attempt, LogEntry};

/// The maximum number of calls whose results the oracle gives. The results of further calls count as unknown.
const MAX_ORACLE_CALLS: usize = 200;
/// The most steps of a plan. Further steps are not shown.
pub const MAX_PLANNED_STEPS: usize = 1_000;

/// One step of a plan.
#[derive(Debug, Clone)]
pub struct PlanStep<'f> {
    pub step: &'f Step,
    /// The step's path in the flow.
    pub step_path: String,
    /// The nesting depth of the flow.
    pub depth: usize,
    pub what: PlanStepKind,
}

#[derive(Debug, Clone)]
pub enum PlanStepKind {
    /// A call, with the outcome from the oracle.
    Call(Box<Call>, Option<Box<Attempt>>),
    /// A guard that can be evaluated now.
    Guard {
        truth: Truth,
        trace: Trace,
    },
    /// The evaluated branches, and the index of the chosen one, from 0; `None` if no branch is true.
    Choice {
        branches: Vec<PlanBranch>,
        taken: Option<usize>,
    },
    /// A branch reads the result of an earlier call; the branches before it are not true.
    Undecided(Vec<PlanBranch>),
    /// A value for later steps.
    Set(serde_json::Value),
    /// The number of items. The first of them follow.
    Items(usize),
    /// The other items do the same.
    More,
    Wait {
        until: Timestamp,
    },
    /// Waits at the most until this time for an event or an answer.
    WaitFor {
        until: Timestamp,
        /// The value in the event of the run that each awaited event must have; `None` if it has none.
        same: Vec<Option<serde_json::Value>>,
    },
    /// The steps that run if nothing comes follow.
    Otherwise,
    /// In a run that has happened: what decided a `wait_for`.
    Decided(AwaitedOutcome),
    /// The steps of this named flow follow.
    Enters(String),
    /// The failure before is caught.
    Caught(String),
    /// The flow ends here, with an optional message.
    End(Option<String>),
    /// The step reads the result of an earlier call, which is not known yet.
    Later,
    /// The step would fail for this event.
    Fails(String),
    /// A limit is reached, or the plan is too long.
    Stops(String),
}

impl PlanStepKind {
    /// Whether this adds to the entry before it.
    pub fn continues_previous(&self) -> bool {
        match self {
            PlanStepKind::More
            | PlanStepKind::Otherwise
            | PlanStepKind::Caught(_)
            | PlanStepKind::Stops(_) => true,
            PlanStepKind::Call(..)
            | PlanStepKind::Guard { .. }
            | PlanStepKind::Choice { .. }
            | PlanStepKind::Undecided(_)
            | PlanStepKind::Set(_)
            | PlanStepKind::Items(_)
            | PlanStepKind::Wait { .. }
            | PlanStepKind::WaitFor { .. }
            | PlanStepKind::Decided(_)
            | PlanStepKind::Enters(_)
            | PlanStepKind::End(_)
            | PlanStepKind::Later
            | PlanStepKind::Fails(_) => false,
        }
    }
}

/// An evaluated branch of a choice.
#[derive(Debug, Clone)]
pub struct PlanBranch {
    pub at: Span,
    pub truth: Truth,
    pub trace: Trace,
}

/// Plans the steps in order, up to the end of the run. `oracle` returns the outcome of a call, if it is
/// known.
pub fn plan<'f>(
    flow: &'f Flow,
    subject: &RunInput<'f>,
    now: Timestamp,
    oracle: &mut dyn FnMut(&StepCall) -> Option<CallResult>,
) -> Vec<PlanStep<'f>> {
    let (mut log, mut unknown) = (Vec::new(), HashSet::new());
    let mut answered = 0;
    loop {
        let mut walk = Walk::new(*subject, &log, now);
        walk.recorder = Some(PlanRecorder::forecast(unknown.clone()));
        let end = walk.plan(flow);
        let Err(Interrupt::Asks(task)) = end else {
            let mut planned = walk.recorder.expect("a plan is recorded").planned;
            if let (Err(Interrupt::Exceeded { why } | Interrupt::Hold { why }), Some(last)) =
                (end, planned.last().cloned())
            {
                planned.truncate(MAX_PLANNED_STEPS - 1);
                planned.push(PlanStep {
                    what: PlanStepKind::Stops(why),
                    ..last
                });
            }
            return planned;
        };
        answered += 1;
        let known = (answered <= MAX_ORACLE_CALLS)
            .then(|| oracle(&task))
            .flatten();
        match known {
            Some(outcome) => log.push(LogEntry::Attempt(Attempt {
                step: task.step,
                number: task.number,
                started: now,
                took: Duration::ZERO,
                outcome,
            })),
            None => drop(unknown.insert(task.step)),
        }
    }
}

/// The steps that a run took, with the verdicts of its conditions, from its log. Every item of a list and every
/// handled failure is walked again, so the log entries that summarise them are left out.
pub fn review<'f>(
    flow: &'f Flow,
    subject: &RunInput<'f>,
    log: &[LogEntry],
    now: Timestamp,
) -> Vec<PlanStep<'f>> {
    let is_detail = |entry: &&LogEntry| match entry {
        LogEntry::Caught { .. } => false,
        LogEntry::Attempt(attempt) => !attempt.ends_an_item(),
        LogEntry::Started { .. }
        | LogEntry::Waiting { .. }
        | LogEntry::Arrived { .. }
        | LogEntry::Answered { .. }
        | LogEntry::Expired { .. }
        | LogEntry::Revived { .. }
        | LogEntry::Claimed { .. } => true,
    };
    let details: Vec<LogEntry> = log.iter().filter(is_detail).cloned().collect();
    let mut walk = Walk::new(*subject, &details, now);
    walk.recorder = Some(PlanRecorder::review());
    // How the run ended is known; what was recorded until then counts.
    let _ = walk.plan(flow);
    walk.recorder.expect("the walk is recorded").planned
}
