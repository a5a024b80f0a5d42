//! Mutants of random rules: those that are called equal match the same events, and a change of an event that is said to
//! make a difference does so.

use std::sync::Arc;

use flowtrigger_core::config::Config;
use flowtrigger_core::config::source::EventSource;
use flowtrigger_core::diagnostic::{Diagnostics, Files};
use flowtrigger_core::event::Event;
use flowtrigger_core::event::catalogue::field_type::FieldType;
use flowtrigger_core::event::format::custom::{CustomFormat, ValueLocations};
use flowtrigger_core::language::condition::candidates::Candidates;
use flowtrigger_core::matching::explain::is_match;
use flowtrigger_core::mutation::difference::DifferenceSearch;
use flowtrigger_core::mutation::equivalence::Equivalence;
use flowtrigger_core::mutation::{MutantCompiler, MutatedPart, mutants};
use flowtrigger_core::path::scope::Scope;
use flowtrigger_core::path::{Path, set};
use flowtrigger_core::rule::Rule;
use flowtrigger_testing::strategy::{self, Parts, parts, rules};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

/// A configuration with a source whose fields are unknown.
fn config() -> Config {
    let shop = CustomFormat {
        name: "shop".into(),
        source: "shop".into(),
        event_type: ValueLocations::constant("order"),
        id: ValueLocations::default(),
        key: ValueLocations::default(),
        time: ValueLocations::default(),
        time_zone: None,
    };
    let mut config = flowtrigger_testing::rules::config(strategy::SCHEDULES);
    let source = EventSource::described(shop);
    config.sources.insert("shop".into(), source);
    config
}

/// The mutants of a rule that change which events match, and that load.
struct MutatedRule {
    rule: Arc<Rule>,
    mutants: Vec<(String, Arc<Rule>)>,
}

fn mutated(text: &str, config: &Config) -> Vec<MutatedRule> {
    let mut files = Files::default();
    let file = files.add("r.yaml", text);
    let files = Arc::new(files);
    let ignored = &mut Diagnostics::default();
    let set = flowtrigger_core::compile::rule_set::rule_set(&files, &[file], config, ignored);
    let mut compiler = MutantCompiler::new(&files, &[file], config);
    let rules = set.rules.iter().filter_map(|rule| {
        let document = compiler.document(rule)?;
        let found = mutants(&document).into_iter();
        let found = found.filter(|mutant| mutant.part() == MutatedPart::Match);
        let mutants = found.filter_map(|mutant| {
            let compiled = compiler.compile(rule, &mutant.document)?;
            Some((mutant.name(), compiled))
        });
        Some(MutatedRule {
            rule: Arc::clone(rule),
            mutants: mutants.collect(),
        })
    });
    rules.collect()
}

fn event(parts: &Parts, rule: &Rule) -> Event {
    let time = parts.time.and_then(|time| time.parse().ok());
    let source = rule.event_source.as_str();
    Event {
        source: source.into(),
        endpoint: source.into(),
        event_type: "ticket.Anything".into(),
        id: "e1".into(),
        key: Some("7".into()),
        time,
        envelope: parts.envelope.clone(),
        body: parts.body.clone(),
        raw: parts.raw.clone().into(),
        about: json!({"source": source, "endpoint": source, "type": "ticket.Anything", "id": "e1", "key": "7", "time": time.map(|time: jiff::Timestamp| time.to_string())}),
        format: "zis",
        warnings: Vec::new(),
        trace: None,
    }
}

/// The events, and each of them with every representative value at each field that the rule tests.
fn representatives(events: &[Event], rule: &Rule) -> Vec<Event> {
    let mut all = events.to_vec();
    let predicates = rule.when.predicates();
    for event in events {
        let scope = Scope::new(event, &rule.vars);
        for predicate in &predicates {
            let same = predicates.iter().copied();
            let same: Vec<_> = same
                .filter(|other| other.path.route == predicate.path.route)
                .collect();
            let Some(candidates) = Candidates::of(&same, &[], &scope) else {
                continue;
            };
            for value in candidates.iter().flatten() {
                let mut changed = event.clone();
                if set(&mut changed, &predicate.path, value.clone()).is_ok() {
                    all.push(changed);
                }
            }
        }
    }
    all
}

/// Fewer rules than usual, because each has many mutants; `PROPTEST_CASES` sets another number.
fn random_cases() -> ProptestConfig {
    let usual = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => usual,
        None => ProptestConfig { cases: 32, ..usual },
    }
}

proptest! {
    #![proptest_config(random_cases())]

    #[test]
    fn mutants_that_are_called_equal_match_the_same_events(
        text in rules(1..3),
        parts in vec(parts(), 1..4),
    ) {
        let config = config();
        let mut equivalence = Equivalence::new(&config);
        for MutatedRule { rule, mutants } in mutated(&text, &config) {
            let events: Vec<Event> = parts.iter().map(|parts| event(parts, &rule)).collect();
            let events = representatives(&events, &rule);
            for (name, mutant) in mutants {
                let differs = |event: &&Event| is_match(&rule, event) != is_match(&mutant, event);
                let Some(event) = events.iter().find(differs) else { continue };
                // A proof takes longer than an evaluation, so it is only asked where it would be wrong.
                let proven = equivalence.is_proven(&rule, &mutant, MutatedPart::Match);
                prop_assert!(!proven, "{} of {} on {}", name, text, event.body);
            }
        }
    }

    #[test]
    fn the_changes_of_an_event_make_the_difference(text in rules(1..3), parts in parts()) {
        let config = config();
        for MutatedRule { rule, mutants } in mutated(&text, &config) {
            let event = event(&parts, &rule);
            for (name, mutant) in mutants {
                let types = |_: &Path| -> Vec<FieldType> { Vec::new() };
                let search = DifferenceSearch {
                    one: &rule.when,
                    other: &mutant.when,
                    event: &event,
                    vars: &rule.vars,
                    types: &types,
                    description: None,
                };
                let Some(changes) = search.changes() else { continue };
                let mut changed = event.clone();
                for change in changes {
                    set(&mut changed, &change.path, change.value).expect("a change that was tried");
                }
                let differs = is_match(&rule, &changed) != is_match(&mutant, &changed);
                prop_assert!(differs, "{} of {} on {}", name, text, changed.body);
            }
        }
    }
}

/// Without such a mutant the first property would hold for nothing.
#[test]
fn a_mutant_that_matches_the_same_events_is_proven_equal() {
    let text = "name: r\nevent_source: support\nevent_type: ticket.PriorityChanged\nwhen:\n  any:\n    - ticket.id: { gte: 7 }\n    - ticket.id: { gte: 10 }\nflow: [{ succeed: ok }]\n";
    let config = config();
    let mut equivalence = Equivalence::new(&config);
    let mut equal = Vec::new();
    for MutatedRule { rule, mutants } in mutated(text, &config) {
        for (name, mutant) in mutants {
            if equivalence.is_proven(&rule, &mutant, MutatedPart::Match) {
                equal.push(name);
            }
        }
    }
    assert_eq!(
        equal,
        [
            "drop_predicate when.any[1]",
            "raise when.any[1].ticket.id.gte",
            "lower when.any[1].ticket.id.gte",
        ]
    );
}
