//! The immutable set of all rules, indexed by event type. A reload replaces it as a whole.
//! `ruleset_compile` builds it from rule files; nothing here reads a document.

use std::sync::Arc;

use serde_json::Value;

use crate::core::config::Config;
use crate::core::diagnostic::Files;
use crate::core::event::Event;
use crate::core::matching::evaluate::{Truth, evaluate};
use crate::core::matching::listeners::Listeners;
use crate::core::matching::trace::Tracer;
use crate::core::rule::jobspec::Rule;
use crate::core::scope::Scope;

#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    /// In the order of the files.
    pub rules: Vec<Arc<Rule>>,
    /// The texts that the rules' positions point into.
    pub files: Arc<Files>,
    pub(super) listeners: Arc<Listeners>,
}

impl RuleSet {
    /// Rules that are compiled already, ready to be found.
    pub fn new(rules: Vec<Arc<Rule>>, files: Arc<Files>, config: &Config) -> Self {
        Self {
            listeners: Arc::new(Listeners::new(&rules, &config.catalogue)),
            rules,
            files,
        }
    }

    /// The rules that listen to the event's trigger, in the order of the files.
    pub fn listening(&self, event: &Event) -> Vec<&Arc<Rule>> {
        let all = self.listeners.of(&event.source, &event.event_type);
        let mut numbers: Vec<u32> = all
            .flat_map(|listening| &listening.rules)
            .copied()
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        let rules = numbers.into_iter();
        rules.map(|number| &self.rules[number as usize]).collect()
    }
}

/// Judges one rule's condition.
pub fn judge<T: Tracer>(rule: &Rule, event: &Event, tracer: &mut T) -> Truth {
    let steps = Value::Null;
    let scope = Scope {
        steps: &steps,
        ..Scope::new(event, &rule.vars)
    };
    evaluate(&rule.when, &scope, tracer)
}
