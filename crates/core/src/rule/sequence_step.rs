//! A step of a rule's `sequence`: the events that match it.
//! Its condition is also a part of the condition of the rule.

use std::sync::Arc;

use crate::event::type_pattern::TypePattern;
use crate::language::condition::Condition;
use crate::language::condition::evaluate::{Truth, evaluate};
use crate::language::condition::trace::NoTrace;
use crate::path::scope::Scope;

#[derive(Debug, Clone)]
pub struct SequenceStep {
    pub types: Arc<[TypePattern]>,
    pub when: Condition,
}

impl SequenceStep {
    pub fn matches(&self, scope: &Scope<'_>) -> bool {
        let event_type = &scope.event.event_type;
        self.types.iter().any(|pattern| pattern.covers(event_type))
            && evaluate(&self.when, scope, &mut NoTrace) == Truth::True
    }
}
