//! The configuration and sample events of the targets, and the oracle that compares the index with the
//! evaluator.

use std::sync::{Arc, LazyLock};

use flowtrigger_core::compile::rule_set;
use flowtrigger_core::config;
use flowtrigger_core::config::Config;
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::diagnostic::{Diagnostics, Files};
use flowtrigger_core::event::Event;
use flowtrigger_core::event::catalogue::sample::SAMPLES;
use flowtrigger_core::event::format::{FormatHint, read};
use flowtrigger_core::event::json::parse::parse;
use flowtrigger_core::language::condition::evaluate::{Truth, evaluate};
use flowtrigger_core::language::condition::trace::NoTrace;
use flowtrigger_core::matching::evaluation::Evaluation;
use flowtrigger_core::matching::find::MatchScratch;
use flowtrigger_core::matching::rule_set::RuleSet;
use flowtrigger_core::path::scope::Scope;
use flowtrigger_core::rule::Rule;

pub static CONFIG: LazyLock<Config> = LazyLock::new(|| {
    let text = include_str!("rulebook.yaml");
    let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
    let file = files.add("flowtrigger.yaml", text);
    let config = config::parse(file, text, &Default::default(), &mut diagnostics);
    assert!(!diagnostics.has_errors(), "{diagnostics:?}");
    config
});

/// Events of every source, with their bytes and the hint for their format.
pub static EVENTS: LazyLock<Vec<(Vec<u8>, FormatHint<'static>, Event)>> = LazyLock::new(|| {
    let by_content = SAMPLES
        .iter()
        .map(|sample| (sample.text, FormatHint::Detect));
    let shop = r#"{"kind":"order.paid","v":"urgent","at":"2026-05-01","n":7,"tags":["vip"],"o":{"a":null}}"#;
    let own = [
        ("shop", shop),
        (
            "monitoring",
            include_str!("../../examples/events/json/monitoring.json"),
        ),
        (
            "trigger",
            include_str!("../../examples/events/json/zendesk-trigger.json"),
        ),
    ];
    let own = own.map(|(source, text)| (text, described(source)));
    by_content
        .chain(own)
        .map(|(text, hint)| decoded(text, hint))
        .collect()
});

fn decoded(text: &str, hint: FormatHint<'static>) -> (Vec<u8>, FormatHint<'static>, Event) {
    let value = parse(text.as_bytes()).expect("JSON").value;
    let event = read(value, hint, &CONFIG.catalogue).expect("an event");
    (text.into(), hint, event)
}

/// Returns the format of a custom source.
pub fn described(source: &str) -> FormatHint<'static> {
    let source = &CONFIG.sources[source];
    FormatHint::Custom(source.description().expect("a custom source"))
}

/// Loads the rules of a text; returns them with the diagnostics.
pub fn load(text: &str) -> (RuleSet, Diagnostics) {
    let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
    let file = files.add("rules/r.yaml", text);
    let files = Arc::new(files);
    let set = rule_set::rule_set(&files, &[file], &CONFIG, &mut diagnostics);
    for diagnostic in diagnostics.iter() {
        assert!(
            diagnostic.at.line > 0 && diagnostic.at.column > 0,
            "{diagnostic:?}"
        );
        assert!(!diagnostic.message.is_empty());
    }
    (set, diagnostics)
}

/// Checks that the index over the event, the index over the bytes and the evaluator match the same rules.
pub fn agree(
    set: &RuleSet,
    bytes: &[u8],
    hint: FormatHint<'_>,
    event: &Event,
    scratch: &mut MatchScratch,
) {
    let expected: Vec<&str> = set
        .rules
        .iter()
        .filter(|rule| matches(rule, event))
        .map(|rule| &*rule.name)
        .collect();
    compare(&set.evaluate_event(event, scratch), &expected, bytes);
    if let Some(evaluation) = set.evaluate_scanned(bytes, hint, scratch) {
        compare(&evaluation, &expected, bytes);
    }
}

fn compare(evaluation: &Evaluation<'_>, expected: &[&str], bytes: &[u8]) {
    let matched: Vec<&str> = evaluation.matched().map(|rule| &*rule.name).collect();
    assert_eq!(
        matched,
        expected,
        "{} {}",
        evaluation.read().as_str(),
        String::from_utf8_lossy(bytes)
    );
    evaluation
        .verify()
        .unwrap_or_else(|error| panic!("{error}"));
    for rule in evaluation.subscribed() {
        // The near misses of a large condition take too long.
        if rule.when.predicates().len() <= 16 {
            let explanation = evaluation.explain(rule);
            explanation.unwrap_or_else(|error| panic!("{error}"));
        }
    }
}

fn matches(rule: &Rule, event: &Event) -> bool {
    rule.mode != Mode::Disabled
        && rule.listens_to(&event.source, &event.event_type)
        && evaluate(&rule.when, &Scope::new(event, &rule.vars), &mut NoTrace) == Truth::True
}

/// Returns the bytes as text if they are UTF-8.
pub fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}
