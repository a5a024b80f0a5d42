//! Statements about random conditions, against the evaluator: every event that is found does what was asked, and no
//! event refutes a statement. `PROOF_PAIRS=10000000` compares so many pairs of rules.

use std::env;
use std::ops::Range;
use std::sync::Arc;

use flowtrigger_core::analysis::{
    Analyzer, FoundEvent, Goal, Implication, Satisfiability, Subject,
};
use flowtrigger_core::config::Config;
use flowtrigger_core::config::source::EventSource;
use flowtrigger_core::event::Event;
use flowtrigger_core::event::format::custom::{CustomFormat, ValueLocations};
use flowtrigger_core::event::type_pattern::TypePattern;
use flowtrigger_core::path::{PathKind, Root};
use flowtrigger_core::rule::Rule;
use flowtrigger_testing::rules;
use flowtrigger_testing::strategy::{self, Parts, parts};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

/// The pairs of an ordinary run.
const PAIRS: usize = 2_000;

/// How many rules are compared with each other: more of them give more pairs for the same events.
const RULES: Range<usize> = 2..6;
const TESTS: Range<usize> = 3..7;
const MANY_RULES: Range<usize> = 8..16;
const MANY_TESTS: Range<usize> = 10..20;

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
    let mut config = rules::config(strategy::SCHEDULES);
    config
        .sources
        .insert("shop".into(), EventSource::described(shop));
    config
}

/// An event of the type of a rule.
fn event(parts: &Parts, rule: &Rule, zone: Option<&str>) -> Event {
    let time = parts.time.and_then(|time| time.parse().ok());
    let event_type = rule.event_types.first().map(TypePattern::text);
    let event_type = event_type.unwrap_or_default();
    let source = &rule.event_source;
    let mut about =
        json!({"source": source, "endpoint": source, "type": event_type, "id": "e1", "key": "7"});
    if let Some(time) = time {
        let time: jiff::Timestamp = time;
        about["time"] = json!(time.to_string());
    }
    if let Some(zone) = zone {
        about["time_zone"] = json!(zone);
    }
    Event {
        source: source.clone(),
        endpoint: source.clone(),
        event_type,
        id: "e1".into(),
        key: Some("7".into()),
        time,
        envelope: parts.envelope.clone(),
        body: parts.body.clone(),
        raw: parts.raw.clone().into(),
        about,
        format: if source == "support" { "zis" } else { "" },
        warnings: Vec::new(),
        trace: None,
    }
}

/// The values that a rule names, and values near them.
fn named_values(rule: &Rule) -> Vec<Value> {
    let mut values = vec![
        json!(null),
        json!([]),
        json!(""),
        json!("\u{212a}"),
        json!({}),
    ];
    for predicate in rule.when.predicates() {
        let operator = predicate.operator.settled(&rule.vars);
        let scope = flowtrigger_core::path::scope::Scope::new(
            &flowtrigger_core::event::EMPTY_EVENT,
            &rule.vars,
        );
        for constant in operator.constants(&scope) {
            match &constant {
                Value::String(text) => {
                    values.push(json!(text.to_uppercase()));
                    values.push(json!(text.to_lowercase()));
                    values.push(json!(format!("{text}a")));
                    values.push(json!(format!("a{text} {text}")));
                }
                Value::Number(number) => {
                    let near = number.as_f64().unwrap_or_default();
                    values.extend([
                        json!(near + 1.0),
                        json!(near - 0.5),
                        json!(number.to_string()),
                    ]);
                }
                _ => {}
            }
            values.push(json!([constant]));
            values.push(json!([constant, "other"]));
            values.push(json!([constant, {}]));
            values.push(constant);
        }
    }
    values
}

/// Puts values at the fields that a rule reads, by the digits of a number.
fn with_named_values(mut event: Event, rules: &[&Rule], mut choice: u64) -> Event {
    let mut take = |count: usize| {
        choice = choice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(choice >> 33).unwrap_or(0) % count
    };
    let values: Vec<Value> = rules.iter().flat_map(|rule| named_values(rule)).collect();
    for rule in rules {
        for predicate in rule.when.predicates() {
            let PathKind::Plain { root, keys } = &predicate.path.route else {
                continue;
            };
            let target = match root.in_event(&event, keys) {
                Root::Body => &mut event.body,
                Root::Envelope => &mut event.envelope,
                Root::Raw => &mut event.raw,
                _ => continue,
            };
            if take(4) > 0 {
                let value = values[take(values.len())].clone();
                let _ = flowtrigger_core::path::set::put(target, keys, value);
            }
        }
    }
    event
}

/// What was decided, to see that the test compares something.
#[derive(Debug, Default)]
struct Tally {
    pairs: usize,
    satisfiable: usize,
    never: usize,
    unknown: usize,
    implied: usize,
    not_implied: usize,
    unknown_pairs: usize,
}

impl Tally {
    fn compare(&mut self, loaded: &[Arc<Rule>], parts: &[Parts], choice: u64, config: &Config) {
        let mut analyzer = Analyzer::new(config);
        let zones = [None, None, Some("America/New_York"), Some("Asia/Kolkata")];
        let mut events = Vec::new();
        for (number, (parts, rule)) in parts.iter().zip(loaded.iter().cycle()).enumerate() {
            let event = event(parts, rule, zones[number % zones.len()]);
            let pair = [&**rule, &*loaded[(number + 1) % loaded.len()]];
            let choice = choice.wrapping_add(number as u64);
            events.push(with_named_values(event.clone(), &pair, choice));
            events.push(event);
        }
        for rule in loaded {
            let subject = Subject::of_rule(rule);
            match analyzer.satisfiable(subject) {
                Satisfiability::Yes(witness) => {
                    assert!(subject.matches(&witness.event), "{rule:?}");
                    events.push(witness.event);
                    self.satisfiable += 1;
                }
                Satisfiability::No(_) => {
                    let found = events.iter().find(|event| subject.matches(event));
                    assert!(found.is_none(), "{:#?}\n{}", found, text(rule));
                    self.never += 1;
                }
                Satisfiability::Unknown(_) => self.unknown += 1,
            }
            if let FoundEvent::Found(witness) = analyzer.find(&[Goal::DoesNotMatch(subject)]) {
                assert!(!subject.matches(&witness.event), "{rule:?}");
                events.push(witness.event);
            }
        }
        for (a, first) in loaded.iter().enumerate() {
            for second in loaded.iter().skip(a + 1) {
                self.pair(first, second, &events, &mut analyzer);
                self.pair(second, first, &events, &mut analyzer);
            }
        }
    }

    fn pair(&mut self, narrow: &Rule, wide: &Rule, events: &[Event], analyzer: &mut Analyzer<'_>) {
        self.pairs += 1;
        let (a, b) = (Subject::of_rule(narrow), Subject::of_rule(wide));
        match analyzer.implies(a, b) {
            Implication::Yes => {
                let refuting = |event: &&Event| a.matches(event) && !b.matches(event);
                let found = events.iter().find(refuting);
                assert!(
                    found.is_none(),
                    "{found:#?}\n{}\n{}",
                    text(narrow),
                    text(wide)
                );
                self.implied += 1;
            }
            Implication::No(witness) => {
                assert!(a.matches(&witness.event) && !b.matches(&witness.event));
                self.not_implied += 1;
            }
            Implication::Unknown(_) => self.unknown_pairs += 1,
        }
    }
}

fn text(rule: &Rule) -> String {
    rule.version.document().to_owned()
}

#[test]
#[allow(clippy::print_stdout)]
fn no_statement_about_random_rules_is_refuted() {
    let asked = env::var("PROOF_PAIRS").ok();
    let asked = asked.map(|pairs| pairs.parse().expect("a number of pairs"));
    let (pairs, rule_count, test_count) = match asked {
        None => (PAIRS, RULES, TESTS),
        Some(pairs) => (pairs, MANY_RULES, MANY_TESTS),
    };
    let config = config();
    let mut runner = TestRunner::new(ProptestConfig::default());
    // Whole conditions, single tests, and rules whose test is also that of another.
    let texts = (
        strategy::rules(rule_count),
        strategy::tests(test_count),
        vec(parts(), 24),
        any::<u64>(),
    );
    let mut tally = Tally::default();
    while tally.pairs < pairs {
        let (whole, single, parts, choice) = texts.new_tree(&mut runner).expect("rules").current();
        for text in [whole, single] {
            let loaded = rules::compile(&[("rules.yaml", &text)], &config).0.rules;
            if !loaded.is_empty() {
                tally.compare(&loaded, &parts, choice, &config);
            }
        }
    }
    println!("{tally:?}");
    assert!(tally.satisfiable > tally.unknown / 4, "{tally:?}");
    let decided = tally.implied + tally.not_implied;
    assert!(decided > tally.unknown_pairs, "{tally:?}");
    assert!(
        tally.never > 0 && tally.implied > 0 && tally.not_implied > 0,
        "{tally:?}"
    );
}
