//! The immutable set of all rules, indexed by event type. A reload replaces it as a whole.
//! `ruleset_compile` builds it from rule files; nothing here reads a document.

use std::sync::Arc;

use crate::config::Config;
use crate::diagnostic::Files;
use crate::event::Event;
use crate::event::catalogue::Catalogue;
use crate::language::condition::evaluate::{Truth, evaluate};
use crate::language::condition::trace::Tracer;
use crate::matching::subscriptions::Subscriptions;
use crate::path::scope::Scope;
use crate::rule::Rule;

#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    /// In the order of the files, and within a file in the order of its documents.
    pub rules: Vec<Arc<Rule>>,
    /// The texts that the rules' positions point into.
    pub files: Arc<Files>,
    pub(super) listeners: Arc<Subscriptions>,
    /// None for the built-in catalogue.
    catalogue: Option<Arc<Catalogue>>,
}

impl RuleSet {
    /// Indexes compiled rules.
    pub fn new(rules: Vec<Arc<Rule>>, files: Arc<Files>, config: &Config) -> Self {
        let catalogue = &config.catalogue;
        Self {
            listeners: Arc::new(Subscriptions::new(&rules, catalogue)),
            rules,
            files,
            catalogue: catalogue.is_extended().then(|| Arc::new(catalogue.clone())),
        }
    }

    /// The rule of this name.
    pub fn rule(&self, name: &str) -> Option<&Arc<Rule>> {
        self.rules.iter().find(|rule| rule.name == name)
    }

    /// The event types that events are read with.
    pub fn catalogue(&self) -> &Catalogue {
        self.catalogue.as_deref().unwrap_or(Catalogue::built_in())
    }

    /// The rules that listen to the event's type, disabled ones included, in the order of the files.
    pub fn subscribed(&self, event: &Event) -> Vec<&Arc<Rule>> {
        self.subscribed_to(&event.source, &event.event_type)
    }

    /// The rules that listen to a type of a source, in the order of the files.
    pub fn subscribed_to(&self, source: &str, event_type: &str) -> Vec<&Arc<Rule>> {
        let all = self.listeners.matching(source, event_type);
        let mut numbers: Vec<u32> = all
            .flat_map(|subscription| &subscription.rules)
            .copied()
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        let rules = numbers.into_iter();
        rules.map(|number| &self.rules[number as usize]).collect()
    }
}

/// Evaluates one rule's condition without an index.
pub(super) fn evaluate_rule<T: Tracer>(rule: &Rule, event: &Event, tracer: &mut T) -> Truth {
    evaluate(&rule.when, &Scope::new(event, &rule.vars), tracer)
}
