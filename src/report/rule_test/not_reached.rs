//! Says why a simulated run did not come to a step: the branch that was not taken, the list without items, or the
//! failure that did not happen.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::report::render::wait_for::decided;
use crate::report::rule_test::expectation::why;
use crate::report::rule_test::step_names::{FlowSteps, without_numbers};
use flowtrigger_core::flow::decide::RunInput;
use flowtrigger_core::flow::plan::{PlanStepKind, review};
use flowtrigger_core::flow::simulate::Simulation;
use flowtrigger_core::flow::step::{Action, Step};
use flowtrigger_core::flow::wait_for::AwaitedOutcome;
use flowtrigger_core::rule::Rule;

/// A run with what it was simulated with.
#[derive(Clone, Copy)]
pub struct SimulatedRun<'r> {
    pub rule: &'r Rule,
    pub subject: RunInput<'r>,
    pub run: &'r Simulation,
    /// When it ended, or later.
    pub now: Timestamp,
}

/// What a run did with the steps of its flow, by their paths without the numbers of items.
#[derive(Default)]
struct Reached {
    steps: BTreeSet<String>,
    /// The branches that were taken: `way.1`.
    branches: BTreeSet<String>,
    /// The lists with items.
    lists: BTreeSet<String>,
    /// The catches that handled a failure, by the path of their step or flow.
    catches: BTreeSet<String>,
    /// What decided each `wait_for`.
    waits: BTreeMap<String, AwaitedOutcome>,
}

impl SimulatedRun<'_> {
    /// Why a step was not reached, as a clause.
    pub fn why_without(&self, name: &str) -> String {
        let steps = FlowSteps::new(&self.rule.flow);
        let path = without_numbers(name);
        let reached = self.reached();
        let meant = steps
            .all()
            .filter(|(known, step)| step.name == name || *known == path);
        let mut reasons = meant.filter_map(|(path, _)| reached.obstacle(path, &steps));
        reasons.next().unwrap_or_else(|| {
            let state = &self.run.state;
            let word = state.as_str();
            match word {
                "done" => format!("the run ended {word} without it"),
                word => format!("the run ended {word} before{}", why(state)),
            }
        })
    }

    fn reached(&self) -> Reached {
        let mut reached = Reached::default();
        for step in review(&self.rule.flow, &self.subject, &self.run.log, self.now) {
            let path = without_numbers(&step.step_path);
            match &step.what {
                PlanStepKind::Choice {
                    taken: Some(index), ..
                } => drop(reached.branches.insert(format!("{path}.{}", index + 1))),
                PlanStepKind::Items(count) if *count > 0 => {
                    reached.lists.insert(path.clone());
                }
                PlanStepKind::Caught(_) => drop(reached.catches.insert(path.clone())),
                PlanStepKind::Decided(outcome) => {
                    reached.waits.insert(path.clone(), outcome.clone());
                }
                PlanStepKind::Choice { taken: None, .. }
                | PlanStepKind::Items(_)
                | PlanStepKind::Call(..)
                | PlanStepKind::Guard { .. }
                | PlanStepKind::Undecided(_)
                | PlanStepKind::Set(_)
                | PlanStepKind::More
                | PlanStepKind::Wait { .. }
                | PlanStepKind::WaitFor { .. }
                | PlanStepKind::Otherwise
                | PlanStepKind::Enters(_)
                | PlanStepKind::End(_)
                | PlanStepKind::Later
                | PlanStepKind::Fails(_)
                | PlanStepKind::Stops(_) => {}
            }
            reached.steps.insert(path);
        }
        reached
    }
}

impl Reached {
    /// The outermost part of the flow around a step that the run did not enter. `None` if it entered all of them, or did
    /// not come as far.
    fn obstacle(&self, path: &str, steps: &FlowSteps<'_>) -> Option<String> {
        for (outer, step) in steps.all() {
            let Some(inner) = path.strip_prefix(outer).filter(|inner| !inner.is_empty()) else {
                continue;
            };
            if !self.steps.contains(outer) {
                continue;
            }
            if let Some(obstacle) = self.not_entered(outer, step, inner) {
                return Some(obstacle);
            }
        }
        let mut catches = steps.flow_catches().iter();
        let around = catches.find(|catch| {
            let inner = path.strip_prefix(&catch.path);
            inner.is_some_and(|inner| inner.starts_with('.'))
        })?;
        let is_used = self.catches.contains(&around.path);
        (!is_used).then(|| format!("`{}` did not run: no step before it failed", around.path))
    }

    /// Why the run did not enter the part of a step that has the rest of a path.
    fn not_entered(&self, outer: &str, step: &Step, inner: &str) -> Option<String> {
        if inner.starts_with(".catch.") && step.catch.is_some() {
            let is_used = self.catches.contains(outer);
            return (!is_used)
                .then(|| format!("the `catch` of `{outer}` did not run: the step did not fail"));
        }
        match &step.action {
            Action::Choose(_) => {
                let number = inner.strip_prefix('.')?.split('.').next()?;
                let branch = format!("{outer}.{number}");
                if self.branches.contains(&branch) {
                    return None;
                }
                let prefix = format!("{outer}.");
                let taken = self.branches.iter().filter_map(|taken| {
                    let other = taken.strip_prefix(&prefix)?;
                    (!other.contains('.')).then(|| format!("`{taken}`"))
                });
                let taken: Vec<String> = taken.collect();
                Some(match taken.as_slice() {
                    [] => format!("the branch `{branch}` was not taken, and no other one was"),
                    taken => format!(
                        "the branch `{branch}` was not taken, because {} was",
                        taken.join(" or ")
                    ),
                })
            }
            Action::Each(_) if inner.starts_with("[].") && !self.lists.contains(outer) => {
                Some(format!("the list of `{outer}` has no items"))
            }
            Action::WaitFor(_) if inner.starts_with(".otherwise.") => match self.waits.get(outer) {
                Some(AwaitedOutcome::Expired) => None,
                Some(came) => Some(format!(
                    "the `otherwise` of `{outer}` did not run: {}",
                    decided(came)
                )),
                None => Some(format!("`{outer}` still waits")),
            },
            Action::Each(_)
            | Action::Call(_)
            | Action::When(_)
            | Action::Set(_)
            | Action::Wait(_)
            | Action::WaitFor(_)
            | Action::Flow(_)
            | Action::Succeed(_)
            | Action::Fail(_) => None,
        }
    }
}
