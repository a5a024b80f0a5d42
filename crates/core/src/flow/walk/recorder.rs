//! Records the steps of a walk for a plan.

use std::collections::HashSet;

use crate::flow::plan::{MAX_PLANNED_STEPS, PlanStep, PlanStepKind};
use crate::flow::step::Step;

pub struct PlanRecorder<'a> {
    purpose: RecordingPurpose,
    pub planned: Vec<PlanStep<'a>>,
    /// Paths of calls whose outcome is unknown.
    unknown_calls: HashSet<String>,
    /// The number of unknown results and conditions so far.
    pub unknown: usize,
    /// Whether the steps are not recorded.
    pub hidden: bool,
}

/// What a walk is recorded for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RecordingPurpose {
    /// A run that has not happened: results may be unknown, and long lists are shortened.
    Forecast,
    /// A run that has ended: its log has every result.
    Review,
}

impl<'a> PlanRecorder<'a> {
    pub fn forecast(unknown_calls: HashSet<String>) -> Self {
        Self::new(RecordingPurpose::Forecast, unknown_calls)
    }

    pub fn review() -> Self {
        Self::new(RecordingPurpose::Review, HashSet::new())
    }

    fn new(purpose: RecordingPurpose, unknown_calls: HashSet<String>) -> Self {
        Self {
            purpose,
            planned: Vec::new(),
            unknown_calls,
            unknown: 0,
            hidden: false,
        }
    }

    pub fn is_forecast(&self) -> bool {
        self.purpose == RecordingPurpose::Forecast
    }

    pub fn is_unknown(&self, step_path: &str) -> bool {
        self.unknown_calls.contains(step_path)
    }

    pub fn add(&mut self, step: &'a Step, step_path: &str, depth: usize, what: PlanStepKind) {
        if matches!(what, PlanStepKind::Later | PlanStepKind::Undecided(_)) {
            self.unknown += 1;
        }
        if self.hidden || self.planned.len() == MAX_PLANNED_STEPS {
            return;
        }
        self.planned.push(PlanStep {
            step,
            step_path: step_path.to_owned(),
            depth,
            what,
        });
    }

    /// Records that the failure of the last step is caught.
    pub fn caught(&mut self, step_path: &str, why: &str) {
        if let Some(last) = self.planned.last() {
            let (step, depth) = (last.step, last.depth);
            self.add(step, step_path, depth, PlanStepKind::Caught(why.to_owned()));
        }
    }
}
