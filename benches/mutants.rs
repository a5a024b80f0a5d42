//! Measures the mutation score of many rules: `cargo bench --bench mutants`. Beside it the plain evaluation of as many
//! events by one rule each, so that machines can be compared.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::fmt::Write;
use std::fs;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use flowtrigger::engine::RulebookPaths;
use flowtrigger::report::rule_test::mutants::{MutationScore, score};
use flowtrigger::report::rule_test::run_test::TestRunner;
use flowtrigger::report::rule_test::suite::{MissingRulePolicy, gather};
use flowtrigger_core::matching::explain::is_match;

const RULES: usize = 1_000;
const ROUNDS: usize = 3;
/// Evaluations of the yardstick.
const EVALUATIONS: usize = 1_000_000;

/// A rule with three predicates, one step, and the tests that notice every mutant.
fn rule(number: usize) -> String {
    let event = format!(
        "{{ input: {{ ticket_event: {{ type: Priority Changed, previous: low, current: urgent, ticket: {{ id: 7, tags: [vip-{number}, gold], status: open }} }} }} }}"
    );
    format!(
        "name: rule-{number}
event_source: support
event_type: ticket.PriorityChanged
when:
  current: [high, urgent]
  ticket.tags: {{ has: vip-{number}, not: {{ has: test }} }}
  ticket.id: {{ gte: 7 }}
flow:
  - name: page
    exec: [page, \"{{{{ ticket.id }}}}\", \"{{{{ current }}}}\"]
tests:
  - {{ name: urgent, event: {event}, expect: match, steps: {{ page: {{ argv: [page, \"7\", urgent] }} }} }}
  - {{ name: high, event: {event}, set: {{ current: high }}, expect: match }}
  - {{ name: low, event: {event}, set: {{ current: low }}, expect: no match }}
  - {{ name: no vip, event: {event}, set: {{ ticket.tags: [] }}, expect: no match }}
  - {{ name: test, event: {event}, set: {{ ticket.tags: [vip-{number}, test] }}, expect: no match }}
  - {{ name: six, event: {event}, set: {{ ticket.id: 6 }}, expect: no match }}
---
"
    )
}

fn main() -> ExitCode {
    let folder = tempfile::tempdir().expect("a folder");
    let mut text = String::new();
    for number in 0..RULES {
        write!(text, "{}", rule(number)).expect("a text can be written");
    }
    let path = folder.path().join("rules.yaml");
    fs::write(&path, text).expect("a file");
    let loaded = RulebookPaths::new(&path).read();
    assert!(!loaded.diagnostics.has_errors(), "the rules load");
    let book = loaded.rulebook;
    let suite = gather(&book, MissingRulePolicy::Reported);
    assert!(!suite.diagnostics.has_errors(), "the tests load");
    let (mut best, mut scored) = (Duration::MAX, MutationScore::default());
    for _ in 0..ROUNDS {
        let started = Instant::now();
        scored = score(&book.rules.rules, &book, &suite).expect("a score");
        best = best.min(started.elapsed());
    }
    let count = scored.count();
    assert!(scored.is_valid(), "the tests pass");
    println!(
        "mutants of {RULES} rules with {} tests: {best:.2?}, {} mutants, {} %, {:.0} mutants per second",
        suite.cases.len(),
        count.total(),
        count.percent(),
        count.total() as f64 / best.as_secs_f64(),
    );
    let runner = TestRunner::new(&book, &suite.files).expect("a runner");
    let events = suite
        .cases
        .iter()
        .take(6)
        .map(|case| runner.read_events(case).expect("events"));
    let events: Vec<_> = events.flatten().collect();
    let started = Instant::now();
    for number in 0..EVALUATIONS {
        let rule = &book.rules.rules[number % RULES];
        black_box(is_match(rule, &events[number % events.len()]));
    }
    let plain = started.elapsed();
    println!(
        "plain evaluation of {EVALUATIONS} events by one rule each: {plain:.2?}, {:.0} per second",
        EVALUATIONS as f64 / plain.as_secs_f64(),
    );
    match count.percent() {
        100 => ExitCode::SUCCESS,
        _ => {
            eprintln!("some mutants survive");
            ExitCode::FAILURE
        }
    }
}
