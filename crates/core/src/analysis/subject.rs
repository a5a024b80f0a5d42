//! A condition with the events that it is evaluated for: what is compared with other conditions.

use serde_json::Value;

use crate::event::Event;
use crate::event::type_pattern::TypePattern;
use crate::language::condition::Condition;
use crate::language::condition::evaluate::{Truth, evaluate};
use crate::language::condition::trace::NoTrace;
use crate::path::scope::Scope;
use crate::rule::Rule;

/// A condition, the events that it receives, and the variables that it reads.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'r> {
    pub source: &'r str,
    pub types: &'r [TypePattern],
    pub condition: &'r Condition,
    /// An object.
    pub vars: &'r Value,
}

impl<'r> Subject<'r> {
    /// Returns the condition of a rule. A disabled rule counts as if it were enabled. The steps of a `sequence` are
    /// not part of it.
    pub fn of_rule(rule: &'r Rule) -> Self {
        Self {
            source: &rule.event_source,
            types: &rule.event_types,
            condition: &rule.when,
            vars: &rule.vars,
        }
    }

    /// Returns the same with another condition.
    pub fn with(self, condition: &'r Condition) -> Self {
        Self { condition, ..self }
    }

    /// Whether events of this type are evaluated.
    pub fn receives(&self, source: &str, event_type: &str) -> bool {
        self.source == source && self.types.iter().any(|known| known.covers(event_type))
    }

    /// Whether the event is of one of the types and the condition is true. This is the evaluation of the daemon.
    pub fn matches(&self, event: &Event) -> bool {
        let scope = Scope::new(event, self.vars);
        self.receives(&event.source, &event.event_type)
            && evaluate(self.condition, &scope, &mut NoTrace) == Truth::True
    }
}
