//! Decides statements about conditions for all events: whether one can be true, whether one implies another, and why
//! not. Every "yes, there is such an event" comes with an event that the evaluator confirmed.
//!
//! The values of each field are divided into cells, on which every test has the same verdict: the constants of the
//! tests, the intervals between them, every type, and an absent field. Tests of texts are divided by the product of
//! their automata. A condition becomes a formula over these cells. A statement that no event refutes is claimed only
//! if every cell was searched. Comparisons of two fields, times relative to the event, schedules, and conditions of
//! elements are not divided: they count as possible, so that nothing is claimed that depends on them.
//!
//! ```text
//! let mut analyzer = Analyzer::new(&config);
//! analyzer.satisfiable(Subject::of_rule(&rule));
//! analyzer.implies(Subject::of_rule(&narrow), Subject::of_rule(&wide));
//! analyzer.relation(Subject::of_rule(&old), Subject::of_rule(&new));
//! ```

mod automaton;
mod cell_set;
pub mod changed_types;
mod comparands;
pub mod comparison;
mod domain;
mod elements;
mod event_types;
mod field_types;
pub mod findings;
mod formula;
mod numbers;
mod payload;
mod problem;
mod samples;
mod spelling;
pub mod subject;
mod tested_fields;
#[cfg(test)]
mod tests;
mod texts;
pub mod witness;

use std::fmt;
use std::sync::Arc;

use crate::analysis::cell_set::CellSet;
use crate::analysis::formula::{CellSearch, Formula, SearchEnd};
use crate::analysis::problem::{DecisionProblem, ProblemCache};
use crate::config::Config;
use crate::diagnostic::Span;
use crate::event::Event;
use crate::language::condition::{Condition, Predicate};

pub use crate::analysis::subject::Subject;
pub use crate::analysis::witness::{Witness, WitnessValue};

/// Decides statements about conditions. Keeps what several conditions share.
#[derive(Debug)]
pub struct Analyzer<'c> {
    config: &'c Config,
    cache: ProblemCache,
}

/// Whether some event makes a condition true.
#[derive(Debug, Clone)]
pub enum Satisfiability {
    Yes(Box<Witness>),
    /// No event does. The locations are those of the predicates that exclude each other.
    No(Vec<Span>),
    Unknown(Unproven),
}

/// Whether every event that one condition matches is matched by another.
#[derive(Debug, Clone)]
pub enum Implication {
    Yes,
    /// The event is matched by the first condition alone.
    No(Box<Witness>),
    Unknown(Unproven),
}

/// How the events that a condition matches relate to those of an earlier one.
#[derive(Debug, Clone)]
pub enum ConditionRelation {
    /// Both match the same events.
    Equal,
    /// The later condition also matches this event.
    Wider(Box<Witness>),
    /// The earlier condition also matches this event.
    Narrower(Box<Witness>),
    Different {
        only_before: Box<Witness>,
        only_after: Box<Witness>,
    },
    /// What is known of the events that only one of them matches.
    Unknown {
        only_before: Option<Box<Witness>>,
        only_after: Option<Box<Witness>>,
        why: Unproven,
    },
}

/// Why a statement is neither proven nor refuted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unproven {
    /// The verdict of this test depends on more than the value of its field.
    Test {
        path: String,
        operator: &'static str,
    },
    /// Not all values of this field are known: a pattern or a comparison of its texts has too many cases.
    Values { path: String },
    /// One of the rules waits for a sequence of events.
    Sequence,
    /// The alternatives of the conditions are too many.
    TooManyAlternatives,
    /// No event with the needed values could be built, such as a field inside of a text.
    NoEventBuilt,
}

/// What an event must do.
#[derive(Debug, Clone, Copy)]
pub enum Goal<'r> {
    Matches(Subject<'r>),
    DoesNotMatch(Subject<'r>),
}

/// The result of a search for an event.
#[derive(Debug, Clone)]
pub enum FoundEvent {
    Found(Box<Witness>),
    /// There is no such event.
    None,
    Unknown(Unproven),
}

/// More solutions than this are not tried without an event that the evaluator confirms.
const MAX_UNCONFIRMED: usize = 12;
/// More events than this are not built for one question.
const MAX_EVENTS: usize = 400;

impl<'c> Analyzer<'c> {
    /// Creates an analyzer for rules that were compiled with this configuration.
    pub fn new(config: &'c Config) -> Self {
        Self {
            config,
            cache: ProblemCache::default(),
        }
    }

    /// Whether some event makes the condition true.
    pub fn satisfiable(&mut self, subject: Subject<'_>) -> Satisfiability {
        match self.find(&[Goal::Matches(subject)]) {
            FoundEvent::Found(witness) => Satisfiability::Yes(witness),
            FoundEvent::None => Satisfiability::No(self.conflict(subject)),
            FoundEvent::Unknown(why) => Satisfiability::Unknown(why),
        }
    }

    /// Whether every event that `narrow` matches is matched by `wide` too.
    pub fn implies(&mut self, narrow: Subject<'_>, wide: Subject<'_>) -> Implication {
        match self.find(&[Goal::Matches(narrow), Goal::DoesNotMatch(wide)]) {
            FoundEvent::Found(witness) => Implication::No(witness),
            FoundEvent::None => Implication::Yes,
            FoundEvent::Unknown(why) => Implication::Unknown(why),
        }
    }

    /// Compares the events that two conditions match.
    pub fn relation(&mut self, before: Subject<'_>, after: Subject<'_>) -> ConditionRelation {
        use Implication::{No, Unknown, Yes};
        match (self.implies(before, after), self.implies(after, before)) {
            (Yes, Yes) => ConditionRelation::Equal,
            (Yes, No(witness)) => ConditionRelation::Wider(witness),
            (No(witness), Yes) => ConditionRelation::Narrower(witness),
            (No(only_before), No(only_after)) => ConditionRelation::Different {
                only_before,
                only_after,
            },
            (Unknown(why), other) => ConditionRelation::Unknown {
                only_before: None,
                only_after: other.into_witness(),
                why,
            },
            (other, Unknown(why)) => ConditionRelation::Unknown {
                only_before: other.into_witness(),
                only_after: None,
                why,
            },
        }
    }

    /// Looks for an event that does all of this.
    pub fn find(&mut self, goals: &[Goal<'_>]) -> FoundEvent {
        let subjects: Vec<Subject<'_>> = goals.iter().map(|goal| goal.subject()).collect();
        let catalogue = &self.config.catalogue;
        let problem = DecisionProblem::new(&subjects, catalogue, &mut self.cache);
        let formulas: Vec<Formula> = goals.iter().map(|goal| goal.formula(&problem)).collect();
        let confirm = |event: &Event| goals.iter().all(|goal| goal.is_reached(event));
        let mut found = None;
        let mut unconfirmed = None;
        let mut count = 0;
        let mut left = MAX_EVENTS;
        let mut search = CellSearch::new(|cells: &[CellSet]| {
            found = witness::find(&problem, cells, self.config, &confirm, &mut left);
            if found.is_none() {
                count += 1;
                unconfirmed.get_or_insert_with(|| problem.why_unproven(cells));
            }
            found.is_some() || count >= MAX_UNCONFIRMED || left == 0
        });
        let end = search.run(&formulas, problem.domains());
        match (found, unconfirmed, end) {
            (Some(witness), _, _) => FoundEvent::Found(Box::new(witness)),
            (None, Some(why), _) => FoundEvent::Unknown(why),
            (None, None, SearchEnd::Limited) => FoundEvent::Unknown(Unproven::TooManyAlternatives),
            (None, None, SearchEnd::Exhausted | SearchEnd::Accepted) => FoundEvent::None,
        }
    }

    /// The predicates that exclude each other in a condition that is never true.
    fn conflict(&mut self, subject: Subject<'_>) -> Vec<Span> {
        let problem = DecisionProblem::new(&[subject], &self.config.catalogue, &mut self.cache);
        let receives = problem.receives(&subject);
        let can_hold = |condition: &Condition| {
            let formulas = [receives.clone(), problem.is_true(condition, &subject)];
            let mut search = CellSearch::new(|_: &[CellSet]| true);
            search.run(&formulas, problem.domains()) != SearchEnd::Exhausted
        };
        let mut needed = subject.condition.clone();
        let mut locations = Vec::new();
        for predicate in subject.condition.predicates() {
            let without = without(&needed, predicate);
            match can_hold(&without) {
                true => locations.push(predicate.at),
                false => needed = without,
            }
        }
        locations
    }
}

/// Returns the condition without a predicate, which then counts as true.
pub fn without(condition: &Condition, predicate: &Predicate) -> Condition {
    let parts = |parts: &[Condition]| parts.iter().map(|part| without(part, predicate)).collect();
    match condition {
        Condition::All(all) => Condition::All(parts(all)),
        Condition::Any(any) => Condition::Any(parts(any)),
        Condition::Predicate(own) if std::ptr::eq(Arc::as_ptr(own), predicate) => {
            Condition::always()
        }
        Condition::Predicate(own) => Condition::Predicate(Arc::clone(own)),
    }
}

impl<'r> Goal<'r> {
    fn subject(&self) -> Subject<'r> {
        match self {
            Goal::Matches(subject) | Goal::DoesNotMatch(subject) => *subject,
        }
    }

    fn formula(&self, problem: &DecisionProblem) -> Formula {
        match self {
            Goal::Matches(subject) => Formula::every(vec![
                problem.receives(subject),
                problem.is_true(subject.condition, subject),
            ]),
            Goal::DoesNotMatch(subject) => Formula::some(vec![
                problem.is_not_true(subject.condition, subject),
                problem.does_not_receive(subject),
            ]),
        }
    }

    fn is_reached(&self, event: &Event) -> bool {
        match self {
            Goal::Matches(subject) => subject.matches(event),
            Goal::DoesNotMatch(subject) => !subject.matches(event),
        }
    }
}

impl Implication {
    fn into_witness(self) -> Option<Box<Witness>> {
        match self {
            Implication::No(witness) => Some(witness),
            Implication::Yes | Implication::Unknown(_) => None,
        }
    }
}

impl fmt::Display for Unproven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unproven::Test { path, operator } => write!(
                f,
                "`{operator}` of `{path}` depends on more than the value of the field"
            ),
            Unproven::Values { path } => {
                write!(f, "the tests of `{path}` tell too many values apart")
            }
            Unproven::Sequence => f.write_str("the steps of a `sequence` are not compared"),
            Unproven::TooManyAlternatives => {
                f.write_str("the conditions have too many alternatives")
            }
            Unproven::NoEventBuilt => f.write_str("no event with the needed values could be built"),
        }
    }
}
