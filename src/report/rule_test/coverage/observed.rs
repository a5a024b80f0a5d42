//! Collects which points of a rule one test exercised, from the traces that explain matches, gates and runs.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::report::rule_test::coverage::point::{PointId, Side};
use crate::report::rule_test::step_names::{FlowSteps, without_numbers};
use flowtrigger_core::event::Event;
use flowtrigger_core::flow::decide::RunInput;
use flowtrigger_core::flow::plan::{PlanStep, PlanStepKind, review};
use flowtrigger_core::flow::step::Action;
use flowtrigger_core::flow::wait_for::AwaitedOutcome;
use flowtrigger_core::language::condition::evaluate::Truth;
use flowtrigger_core::language::condition::trace::Trace;
use flowtrigger_core::language::operator::Verdict;
use flowtrigger_core::matching::explain::Explanation;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::run::LogEntry;

/// The points that a test exercised.
#[derive(Debug, Default)]
pub struct Observed(BTreeSet<Observation>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Observation {
    pub point: PointId,
    pub side: Side,
}

/// What the gates of a rule did with an event.
#[derive(Debug, Clone, Copy)]
pub enum GateResult<'g> {
    Admitted,
    /// By the gate with this name.
    Suppressed(&'g str),
}

impl Observed {
    pub fn all(&self) -> impl Iterator<Item = &Observation> {
        self.0.iter()
    }

    fn add(&mut self, point: PointId, side: Side) {
        self.0.insert(Observation { point, side });
    }

    /// Every predicate of `when`, also after the result was decided. `None` if the rule does not listen to the event.
    pub fn evaluated(&mut self, explanation: Option<&Explanation>) {
        if let Some(explanation) = explanation {
            self.predicates("", &explanation.trace);
        }
    }

    fn predicates(&mut self, of: &str, trace: &Trace) {
        for (number, line) in trace.lines.iter().enumerate() {
            let point = PointId::Predicate {
                of: of.to_owned(),
                number,
            };
            self.add(point, Side::from_bool(line.verdict == Verdict::Match));
        }
    }

    /// The gates up to the one that suppressed the run. A gate whose `per` is absent decides nothing.
    pub fn gates(&mut self, rule: &Rule, event: &Event, result: GateResult<'_>) {
        let stopped_by = match result {
            GateResult::Admitted => None,
            GateResult::Suppressed(gate) => Some(gate),
        };
        if stopped_by.is_some_and(|name| !rule.gates.iter().any(|gate| gate.kind.as_str() == name))
        {
            // The loop guard decides before them.
            return;
        }
        for gate in &rule.gates {
            let kind = gate.kind.as_str();
            if rule.ask_of(gate, event).is_none() {
                continue;
            }
            let closed = stopped_by == Some(kind);
            self.add(PointId::Gate(kind), Side::from_bool(!closed));
            if closed {
                return;
            }
        }
    }

    /// An event without a run: no step sends anything.
    pub fn without_run(&mut self, rule: &Rule) {
        let steps = FlowSteps::new(&rule.flow);
        let senders = steps.all().filter(|(_, step)| step.action.sends());
        for (path, _) in senders {
            self.add(PointId::Step(path.to_owned()), Side::No);
        }
    }

    /// A run that ended, from its log.
    pub fn run(&mut self, rule: &Rule, subject: &RunInput<'_>, log: &[LogEntry], now: Timestamp) {
        let mut own = Self::default();
        let mut reached: BTreeSet<String> = log.iter().filter_map(step_of).collect();
        for step in review(&rule.flow, subject, log, now) {
            let path = without_numbers(&step.step_path);
            own.step(&step, &path);
            reached.insert(path);
        }
        own.not_exercised(rule, &reached);
        self.0.append(&mut own.0);
    }

    fn step(&mut self, step: &PlanStep<'_>, path: &str) {
        match &step.what {
            PlanStepKind::Guard { truth, trace } => {
                let held = Side::from_bool(*truth == Truth::True);
                self.add(PointId::Guard(path.to_owned()), held);
                self.predicates(path, trace);
            }
            PlanStepKind::Choice { branches, taken } => {
                for (evaluated, number) in branches.iter().zip(1..) {
                    self.predicates(&format!("{path}.{number}"), &evaluated.trace);
                }
                let Action::Choose(choose) = &step.step.action else {
                    return;
                };
                for index in 0..choose.branches.len() {
                    let point = PointId::Branch {
                        step: path.to_owned(),
                        number: index + 1,
                    };
                    self.add(point, Side::from_bool(*taken == Some(index)));
                }
            }
            PlanStepKind::Items(count) => {
                self.add(
                    PointId::ForEach(path.to_owned()),
                    Side::from_bool(*count > 0),
                );
            }
            PlanStepKind::Call(_, Some(_)) if step.step.action.sends() => {
                self.add(PointId::Step(path.to_owned()), Side::Yes);
            }
            PlanStepKind::Caught(_) => self.add(PointId::Catch(path.to_owned()), Side::Yes),
            PlanStepKind::Decided(outcome) => {
                let came = *outcome != AwaitedOutcome::Expired;
                self.add(PointId::WaitFor(path.to_owned()), Side::from_bool(came));
            }
            PlanStepKind::Call(..)
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
    }

    /// The steps that sent nothing, and the catches of the steps and flows that were reached without a failure.
    fn not_exercised(&mut self, rule: &Rule, reached: &BTreeSet<String>) {
        let steps = FlowSteps::new(&rule.flow);
        let mut unused = Vec::new();
        for (path, step) in steps.all() {
            if step.action.sends() {
                unused.push(PointId::Step(path.to_owned()));
            }
            if step.catch.is_some() && reached.contains(path) {
                unused.push(PointId::Catch(path.to_owned()));
            }
        }
        for catch in steps.flow_catches() {
            let prefix = catch.path.strip_suffix("catch").unwrap_or_default();
            if reached.iter().any(|path| path.starts_with(prefix)) {
                unused.push(PointId::Catch(catch.path.clone()));
            }
        }
        for point in unused {
            let used = Observation {
                point: point.clone(),
                side: Side::Yes,
            };
            if !self.0.contains(&used) {
                self.add(point, Side::No);
            }
        }
    }
}

/// The path of the step that an entry of a log is about.
fn step_of(entry: &LogEntry) -> Option<String> {
    match entry {
        LogEntry::Started { step, .. }
        | LogEntry::Waiting { step, .. }
        | LogEntry::Arrived { step, .. }
        | LogEntry::Answered { step, .. }
        | LogEntry::Expired { step, .. } => Some(without_numbers(step)),
        LogEntry::Attempt(attempt) => Some(without_numbers(&attempt.step)),
        LogEntry::Caught { .. } | LogEntry::Revived { .. } | LogEntry::Claimed { .. } => None,
    }
}
