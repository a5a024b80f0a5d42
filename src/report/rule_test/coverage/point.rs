//! What tests can exercise in a rule: its predicates, gates, guards, branches, catches, loops and steps, each in two
//! ways.

use serde_json::Value;

use crate::report::rule_test::step_names::FlowSteps;
use flowtrigger_core::diagnostic::Span;
use flowtrigger_core::event::Event;
use flowtrigger_core::flow::step::{Action, Step};
use flowtrigger_core::language::condition::{Condition, Polarity, Predicate};
use flowtrigger_core::path::scope::Scope;
use flowtrigger_core::rule::Rule;

/// Identifies a point of a rule. Paths of steps are without the numbers of items.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PointId {
    /// A predicate by its number in `when` (an empty path), in a guard or in a branch (`STEP.NUMBER`).
    Predicate {
        of: String,
        number: usize,
    },
    Gate(&'static str),
    Guard(String),
    /// A branch of a `choose`, by its number from 1.
    Branch {
        step: String,
        number: usize,
    },
    /// The catch of a step, or of a flow.
    Catch(String),
    ForEach(String),
    Step(String),
    /// A `wait_for`: that what it waits for came, or that nothing came.
    WaitFor(String),
}

/// One of the two ways in which a point can be exercised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    Yes,
    No,
}

impl Side {
    pub const BOTH: [Side; 2] = [Side::Yes, Side::No];

    pub fn from_bool(holds: bool) -> Self {
        match holds {
            true => Side::Yes,
            false => Side::No,
        }
    }
}

impl PointId {
    /// The kind in the output.
    pub fn kind(&self) -> &'static str {
        match self {
            PointId::Predicate { .. } => "predicate",
            PointId::Gate(_) => "gate",
            PointId::Guard(_) => "guard",
            PointId::Branch { .. } => "branch",
            PointId::Catch(_) => "catch",
            PointId::ForEach(_) => "for_each",
            PointId::Step(_) => "step",
            PointId::WaitFor(_) => "wait_for",
        }
    }

    /// The name of a side in the output.
    pub fn side(&self, side: Side) -> &'static str {
        let [yes, no] = match self {
            PointId::Predicate { .. } => ["true", "false"],
            PointId::Gate(_) => ["open", "closed"],
            PointId::Guard(_) => ["held", "not held"],
            PointId::Branch { .. } => ["taken", "not taken"],
            PointId::Catch(_) => ["used", "not used"],
            PointId::ForEach(_) => ["items", "no items"],
            PointId::Step(_) => ["sent", "not sent"],
            PointId::WaitFor(_) => ["came", "expired"],
        };
        match side {
            Side::Yes => yes,
            Side::No => no,
        }
    }
}

/// A point as written in a rule.
#[derive(Debug, Clone)]
pub struct WrittenPoint {
    pub id: PointId,
    pub name: String,
    pub at: Span,
}

/// All points of a rule, in the order in which they are evaluated.
pub fn points(rule: &Rule) -> Vec<WrittenPoint> {
    let mut points = PointList {
        rule,
        nothing: no_event(rule),
        found: Vec::new(),
    };
    points.condition("", "", &rule.when);
    if rule.every.is_some() {
        // The first predicate is not written: it lets only the rule's own ticks match.
        points.found.remove(0);
    }
    for gate in &rule.gates {
        let kind = gate.kind.as_str();
        let per = gate.per.as_ref();
        let per = per.map_or(String::new(), |per| format!(" per {}", per.text));
        points.add(
            PointId::Gate(kind),
            format!("{kind}{per}"),
            rule.location_of(kind),
        );
    }
    let steps = FlowSteps::new(&rule.flow);
    for (path, step) in steps.all() {
        points.step(path, step);
    }
    for catch in steps.flow_catches() {
        points.add(
            PointId::Catch(catch.path.clone()),
            catch.path.clone(),
            catch.at,
        );
    }
    points.found
}

struct PointList<'r> {
    rule: &'r Rule,
    nothing: Event,
    found: Vec<WrittenPoint>,
}

impl PointList<'_> {
    fn add(&mut self, id: PointId, name: String, at: Span) {
        self.found.push(WrittenPoint { id, name, at });
    }

    fn step(&mut self, path: &str, step: &Step) {
        match &step.action {
            Action::When(condition) => {
                self.add(PointId::Guard(path.to_owned()), path.to_owned(), step.at);
                self.condition(path, &format!("{path}: "), condition);
            }
            Action::Choose(choose) => {
                for (branch, number) in choose.branches.iter().zip(1..) {
                    let name = format!("{path}.{number}");
                    let id = PointId::Branch {
                        step: path.to_owned(),
                        number,
                    };
                    self.add(id, name.clone(), branch.at);
                    if let Some(condition) = &branch.when {
                        self.condition(&name, &format!("{name}: "), condition);
                    }
                }
            }
            Action::Each(_) => {
                self.add(PointId::ForEach(path.to_owned()), path.to_owned(), step.at);
            }
            Action::Call(_) if step.action.sends() => {
                self.add(PointId::Step(path.to_owned()), path.to_owned(), step.at);
            }
            Action::WaitFor(_) => {
                self.add(PointId::WaitFor(path.to_owned()), path.to_owned(), step.at);
            }
            Action::Call(_)
            | Action::Set(_)
            | Action::Wait(_)
            | Action::Flow(_)
            | Action::Succeed(_)
            | Action::Fail(_) => {}
        }
        if step.catch.is_some() {
            self.add(PointId::Catch(path.to_owned()), path.to_owned(), step.at);
        }
    }

    fn condition(&mut self, of: &str, prefix: &str, condition: &Condition) {
        for (number, predicate) in condition.predicates().into_iter().enumerate() {
            let id = PointId::Predicate {
                of: of.to_owned(),
                number,
            };
            let name = format!("{prefix}{}", self.describe(predicate));
            self.add(id, name, predicate.at);
        }
    }

    fn describe(&self, predicate: &Predicate) -> String {
        let not = match predicate.polarity {
            Polarity::Positive => "",
            Polarity::Negated => "not ",
        };
        let scope = Scope::new(&self.nothing, &self.rule.vars);
        let (path, operator) = (&predicate.path.text, predicate.operator.name());
        let mut want = predicate.operator.want(&scope);
        for other in predicate.operator.paths() {
            // There is no event whose value could be shown.
            want = want.replace(&format!("{} (absent)", other.text), &other.text);
        }
        format!("{path} {not}{operator} {want}")
    }
}

/// An event without fields, for the operands of predicates.
fn no_event(rule: &Rule) -> Event {
    Event {
        source: rule.event_source.clone(),
        endpoint: rule.event_source.clone(),
        event_type: String::new(),
        id: String::new(),
        key: None,
        time: None,
        envelope: Value::Null,
        body: Value::Null,
        raw: Value::Null.into(),
        about: Value::Null,
        format: "none",
        warnings: Vec::new(),
        trace: None,
    }
}
