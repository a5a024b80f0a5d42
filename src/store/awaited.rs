//! What runs wait for: event types with the path whose value says which runs an event is for. Tells whether an event has to
//! be compared with waiting runs, and under which values.

use std::collections::HashMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use flowtrigger_core::event::Event;
use flowtrigger_core::event::type_pattern::TypePattern;
use flowtrigger_core::flow::wait_for::awaited_values;
use flowtrigger_core::flow::waiters::PlannedWaiter;
use flowtrigger_core::path::Path;
use flowtrigger_core::rule::Rule;

/// Values that are longer are kept as a hash, so that an index can hold them.
const MAX_VALUE: usize = 200;

/// An event type or a family of a source, and a path in its events.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AwaitedSubject {
    pub source: String,
    /// As in rules: `ticket.Created`, `ticket.*`.
    pub event_type: String,
    pub path: String,
}

impl AwaitedSubject {
    /// The subjects of a waiter: one for each of its event types.
    pub fn of_waiter(waiter: &PlannedWaiter) -> impl Iterator<Item = Self> {
        let patterns = waiter.event_types.iter();
        patterns.map(|pattern| Self {
            source: waiter.event_source.clone(),
            event_type: pattern.text(),
            path: waiter.path.clone(),
        })
    }

    /// Everything that runs of some rules may wait for, each once.
    pub fn of_rules<'r>(rules: impl IntoIterator<Item = &'r Rule>) -> Vec<Self> {
        let mut subjects = Vec::new();
        for rule in rules.into_iter().filter(|rule| rule.awaits_events) {
            for located in rule.flow.waits_for() {
                for awaited in located.wait.events() {
                    subjects.extend(awaited.event_types.iter().map(|pattern| Self {
                        source: awaited.event_source.clone(),
                        event_type: pattern.text(),
                        path: awaited.same.this.text.clone(),
                    }));
                }
            }
        }
        subjects.sort_unstable();
        subjects.dedup();
        subjects
    }
}

/// A subject with its row, and a value at its path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AwaitedValue {
    pub subject: i64,
    pub value: String,
}

/// All subjects, by what an event has.
#[derive(Debug, Default)]
pub struct AwaitedTypes {
    sources: HashMap<String, AwaitedOfSource>,
    rows: HashMap<AwaitedSubject, i64>,
    /// How many subjects there are, and the greatest row: other subjects have others.
    pub version: (i64, i64),
}

#[derive(Debug, Default)]
struct AwaitedOfSource {
    names: HashMap<String, Vec<SubjectPath>>,
    families: Vec<(String, SubjectPath)>,
}

#[derive(Debug, Clone)]
struct SubjectPath {
    subject: i64,
    path: Arc<Path>,
}

impl AwaitedTypes {
    pub fn new(rows: impl IntoIterator<Item = (i64, AwaitedSubject)>) -> Self {
        let mut types = Self::default();
        for (row, subject) in rows {
            types.version = (types.version.0 + 1, types.version.1.max(row));
            if let Ok(path) = Path::parse(&subject.path) {
                let path = Arc::new(path);
                types.add(&subject, SubjectPath { subject: row, path });
            }
            types.rows.insert(subject, row);
        }
        types
    }

    fn add(&mut self, subject: &AwaitedSubject, path: SubjectPath) {
        let of_source = self.sources.entry(subject.source.clone()).or_default();
        match TypePattern::from_text(&subject.event_type) {
            TypePattern::Name(name) => of_source.names.entry(name).or_default().push(path),
            TypePattern::Family(prefix) => of_source.families.push((prefix, path)),
        }
    }

    /// The row of a subject.
    pub fn row(&self, subject: &AwaitedSubject) -> Option<i64> {
        self.rows.get(subject).copied()
    }

    /// Whether runs may wait for events of a type.
    pub fn covers(&self, source: &str, event_type: &str) -> bool {
        let Some(of_source) = self.sources.get(source) else {
            return false;
        };
        let mut families = of_source.families.iter();
        of_source.names.contains_key(event_type)
            || families.any(|(prefix, _)| event_type.starts_with(prefix.as_str()))
    }

    /// The subjects of an event with its values at their paths, in ascending order.
    pub fn values_of(&self, event: &Event) -> Vec<AwaitedValue> {
        let Some(of_source) = self.sources.get(&event.source) else {
            return Vec::new();
        };
        let named = of_source.names.get(&event.event_type);
        let families = of_source.families.iter();
        let families = families.filter(|(prefix, _)| event.event_type.starts_with(prefix.as_str()));
        let paths = named.into_iter().flatten();
        let mut values = Vec::new();
        for SubjectPath { subject, path } in paths.chain(families.map(|(_, path)| path)) {
            values.extend(
                awaited_values(path, event)
                    .iter()
                    .map(|value| AwaitedValue {
                        subject: *subject,
                        value: indexed_value(value),
                    }),
            );
        }
        values.sort_unstable();
        values.dedup();
        values
    }
}

/// A value as rows have it: a hash of one that is too long for an index.
pub fn indexed_value(value: &str) -> String {
    if value.len() <= MAX_VALUE {
        return value.to_owned();
    }
    let digest = Sha256::digest(value.as_bytes());
    let digits = digest.iter().map(|byte| format!("{byte:02x}"));
    format!("sha256-{}", digits.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::{arrival, live_rule};

    fn subject(source: &str, event_type: &str, path: &str) -> AwaitedSubject {
        AwaitedSubject {
            source: source.into(),
            event_type: event_type.into(),
            path: path.into(),
        }
    }

    #[test]
    fn types_and_families_of_a_source_are_covered() {
        let types = AwaitedTypes::new([
            (3, subject("support", "ticket.TicketCreated", "event.id")),
            (7, subject("support", "ticket.*", "event.id")),
            (9, subject("upmind", "*", "event.id")),
        ]);
        assert_eq!(types.version, (3, 9));
        for (source, event_type, covered) in [
            ("support", "ticket.TicketCreated", true),
            ("support", "ticket.Other", true),
            ("support", "user.Created", false),
            ("upmind", "anything", true),
            ("other", "ticket.TicketCreated", false),
        ] {
            assert_eq!(
                types.covers(source, event_type),
                covered,
                "{source} {event_type}"
            );
        }
        assert!(!AwaitedTypes::default().covers("support", "ticket.TicketCreated"));
    }

    #[test]
    fn an_event_has_a_value_for_each_subject_that_it_is_of() {
        let types = AwaitedTypes::new([
            (3, subject("support", "ticket.TicketCreated", "event.id")),
            (7, subject("support", "ticket.*", "event.id")),
            (8, subject("support", "ticket.*", "ticket.id")),
        ]);
        let mut event = (*arrival("e", &live_rule("a")).event).clone();
        event.about = serde_json::json!({"id": "e"});
        let subjects: Vec<i64> = types
            .values_of(&event)
            .iter()
            .map(|value| value.subject)
            .collect();
        assert_eq!(subjects, [3, 3, 7, 7], "{:?}", types.values_of(&event));
        event.event_type = "user.Created".into();
        assert!(types.values_of(&event).is_empty());
    }

    #[test]
    fn a_long_value_is_a_hash_of_bounded_length() {
        assert_eq!(indexed_value("7"), "7");
        let (one, two) = ("a".repeat(300), "b".repeat(300));
        assert_ne!(indexed_value(&one), indexed_value(&two));
        assert_eq!(indexed_value(&one), indexed_value(&one));
        assert!(indexed_value(&one).len() < MAX_VALUE);
    }
}
