//! Records the steps of a walk for a plan.

use std::collections::HashSet;

use crate::flow::plan::{MAX_PLANNED_STEPS, PlanStep, PlanStepKind};
use crate::flow::step::Step;

#[derive(Default)]
pub struct PlanRecorder<'a> {
    pub planned: Vec<PlanStep<'a>>,
    /// Paths of calls whose outcome is unknown.
    unknown_calls: HashSet<String>,
    /// The number of unknown results and conditions so far.
    pub unknown: usize,
    /// Whether the steps are not recorded.
    pub hidden: bool,
}

impl<'a> PlanRecorder<'a> {
    pub fn new(unknown_calls: HashSet<String>) -> Self {
        Self {
            unknown_calls,
            ..Self::default()
        }
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
