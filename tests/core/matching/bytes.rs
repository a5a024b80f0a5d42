//! The evaluation of an event's bytes gives the event and the rules that the strict parser, the decoder and the
//! evaluator give, whatever happened to the text on its way. Several rule sets share one scratch buffer.

use std::cell::{Cell, RefCell};
use std::sync::LazyLock;

use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::event::Event;
use flowtrigger_core::event::format::{FormatHint, read};
use flowtrigger_core::event::json::parse::parse;
use flowtrigger_core::event::summary::EventSummary;
use flowtrigger_core::language::condition::evaluate::{Truth, evaluate};
use flowtrigger_core::language::condition::trace::NoTrace;
use flowtrigger_core::matching::evaluation::{Evaluation, EventInput, ReadBy};
use flowtrigger_core::matching::find::MatchScratch;
use flowtrigger_core::path::scope::Scope;
use flowtrigger_core::rule::Rule;
use flowtrigger_testing::mutate::{changed_values, texts};
use flowtrigger_testing::repository::SAMPLES;
use flowtrigger_testing::strategy;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Selector;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::readers::{Readers, config, extended, readers};

static READERS: LazyLock<Readers> =
    LazyLock::new(|| Readers::new(config(), &readers(&config(), 18)));

/// The same rules with a catalogue that knows other types.
static EXTENDED: LazyLock<Readers> =
    LazyLock::new(|| Readers::new(extended(), &readers(&extended(), 60)));

/// What was read of an event: its summary and all of it.
#[derive(Debug, PartialEq)]
struct Seen {
    brief: EventSummary,
    event: Event,
    /// As text, because `-0.0 == 0.0` and comparing values ignores the order of keys.
    written: String,
    matches: Vec<u32>,
}

impl Seen {
    fn new(brief: EventSummary, event: Event, matches: Vec<u32>) -> Self {
        let parts = [&event.envelope, &event.body, &event.raw, &event.about];
        let written = parts.map(ToString::to_string).concat();
        Self {
            brief,
            event,
            written,
            matches,
        }
    }

    fn from_evaluation(evaluation: Evaluation<'_>) -> Self {
        let (brief, matches) = (evaluation.brief(), evaluation.numbers().to_vec());
        Self::new(brief, evaluation.into_event(), matches)
    }
}

/// The event and the rules that match it by the strict parser, the decoder and the evaluator alone, with
/// whether the text needed repairs.
fn expected(bytes: &[u8], hint: FormatHint<'_>, loaded: &Readers) -> Option<(Seen, bool)> {
    let accepted = parse(bytes).ok()?;
    let mut event = read(accepted.value, hint, &loaded.config.catalogue).ok()?;
    let repaired = !accepted.repairs.is_empty();
    event.warnings.extend(accepted.repairs);
    let matches = |rule: &Rule| {
        rule.mode != Mode::Disabled
            && rule.listens_to(&event.source, &event.event_type)
            && evaluate(&rule.when, &Scope::new(&event, &rule.vars), &mut NoTrace) == Truth::True
    };
    let numbered = (0u32..).zip(&loaded.rules.rules);
    let matches = numbered.filter(|(_, rule)| matches(rule)).map(|(n, _)| n);
    let matches = matches.collect();
    Some((
        Seen::new(EventSummary::from_event(&event), event, matches),
        repaired,
    ))
}

/// Counts of texts by result.
#[derive(Debug, Default)]
struct Tally {
    /// Valid ones that were matched, and those that needed the full parser.
    found: Cell<usize>,
    left: Cell<usize>,
    unsound: Cell<usize>,
    matches: Cell<usize>,
}

fn add(count: &Cell<usize>, more: usize) {
    count.set(count.get() + more);
}

fn agree(
    bytes: &[u8],
    hint: FormatHint<'_>,
    loaded: &Readers,
    scratch: &mut MatchScratch,
    tally: &Tally,
) -> Result<(), TestCaseError> {
    let text = String::from_utf8_lossy(bytes);
    let input = EventInput::Bytes {
        bytes,
        format: hint,
    };
    let Some((expected, repaired)) = expected(bytes, hint, loaded) else {
        let evaluated = loaded.rules.evaluate(input, scratch).is_ok();
        prop_assert!(!evaluated, "evaluated, and no event: {text}");
        add(&tally.unsound, 1);
        return Ok(());
    };
    let evaluation = loaded.rules.evaluate(input, scratch);
    let evaluation = evaluation.map_err(|error| TestCaseError::fail(format!("{error}: {text}")))?;
    let count = match evaluation.read() {
        ReadBy::Tape => {
            prop_assert!(!repaired, "scanned, and damaged: {text}");
            prop_assert_eq!(evaluation.text().map(str::as_bytes), Some(bytes));
            &tally.found
        }
        ReadBy::Tree => &tally.left,
    };
    add(count, 1);
    add(&tally.matches, expected.matches.len());
    explained(&evaluation, bytes)?;
    let seen = Seen::from_evaluation(evaluation);
    let name = |numbers: &[u32]| {
        let rules = numbers.iter().map(|n| &loaded.rules.rules[*n as usize]);
        rules
            .map(|rule| rule.version.document().to_owned())
            .collect::<Vec<_>>()
    };
    let names = (name(&seen.matches), name(&expected.matches));
    prop_assert_eq!(names.0, names.1, "{:?} {}", hint, text);
    let decoded = loaded.rules.evaluate_event(&expected.event, scratch);
    prop_assert_eq!(decoded.numbers(), &expected.matches, "{:?} {}", hint, text);
    prop_assert_eq!(seen, expected, "{:?} {}", hint, text);
    Ok(())
}

/// The evaluator agrees on every subscribed rule, and the explanation of one of them, with all that it
/// proposes.
fn explained(evaluation: &Evaluation<'_>, bytes: &[u8]) -> Result<(), TestCaseError> {
    let failed = |error| TestCaseError::fail(format!("{error}"));
    evaluation.verify().map_err(failed)?;
    let rules = evaluation.subscribed();
    if let Some(rule) = rules.get(bytes.len() % rules.len().max(1)) {
        let explanation = evaluation.explain(rule).map_err(failed)?;
        let holds = explanation.truth == Truth::True;
        let matches = evaluation.matches(rule);
        prop_assert_eq!(holds && rule.mode != Mode::Disabled, matches);
    }
    Ok(())
}

/// Runs `per` texts in each case.
fn runner(per: u32) -> TestRunner {
    let default = ProptestConfig::default();
    TestRunner::new(ProptestConfig {
        cases: default.cases.div_ceil(per),
        failure_persistence: None,
        max_shrink_iters: 3_000,
        ..default
    })
}

/// A set of random rules.
fn random_readers(runner: &mut TestRunner) -> Readers {
    let rules = (strategy::rules(40..60), strategy::tests(40..60));
    let (whole, single) = rules.new_tree(runner).expect("rules").current();
    // Names are unique in a set.
    let single = single.replace("\"name\":\"r", "\"name\":\"s");
    Readers::new(config(), &format!("{whole}---\n{single}"))
}

/// Every sample is matched in its bytes, without the full parser.
#[test]
fn every_sample_is_matched_by_some_rule() {
    let rules = &READERS.rules.rules;
    assert!(rules.len() > 250, "{}", rules.len());
    let mut scratch = MatchScratch::default();
    for bytes in SAMPLES.iter() {
        let tally = Tally::default();
        for hint in READERS.all_hints() {
            agree(bytes, hint, &READERS, &mut scratch, &tally).unwrap();
        }
        let text = String::from_utf8_lossy(bytes);
        assert_eq!(tally.left.get(), 0, "needed the full parser: {text}");
        assert!(tally.found.get() > 0, "{text}");
        assert!(tally.matches.get() > 0, "{text}");
    }
}

#[test]
fn damaged_bytes_match_as_if_fully_decoded() {
    let (mut runner, tally) = (runner(4), Tally::default());
    let scratch = RefCell::new(MatchScratch::default());
    let random = random_readers(&mut runner);
    let all_readers = [&*READERS, &random, &*EXTENDED];
    let strategy = (texts(), any::<Selector>());
    let result = runner.run(&strategy, |(bytes, described)| {
        let scratch = &mut scratch.borrow_mut();
        for loaded in all_readers {
            let described = described.select(loaded.config.descriptions());
            for hint in [FormatHint::Detect, FormatHint::Custom(described)] {
                agree(&bytes, hint, loaded, scratch, &tally)?;
            }
        }
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}\n{tally:?}"));
    assert!(
        tally.found.get() > 0 && tally.left.get() > 0 && tally.unsound.get() > 0,
        "{tally:?}"
    );
}

/// Random rules and events that often match, as bytes.
#[test]
fn random_rules_match_random_events_in_their_bytes() {
    const EVENTS: u32 = 16;
    let scratch = RefCell::new(MatchScratch::default());
    let tally = Tally::default();
    let strategy = (
        strategy::rules(4..12),
        strategy::tests(4..12),
        vec(bodies(), EVENTS as usize),
    );
    let result = runner(EVENTS * 2).run(&strategy, |(whole, single, bodies)| {
        let all_readers = [whole, single].map(|text| Readers::new(config(), &text));
        let scratch = &mut scratch.borrow_mut();
        for body in &bodies {
            for loaded in &all_readers {
                for hint in loaded.all_hints() {
                    agree(body.as_bytes(), hint, loaded, scratch, &tally)?;
                }
            }
        }
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}\n{tally:?}"));
    assert!(tally.matches.get() > 0, "{tally:?}");
}

/// A random body, alone and as a ticket event of each format.
fn bodies() -> impl Strategy<Value = String> {
    (strategy::body(), strategy::value(), 0..5usize).prop_map(|(body, value, shape)| {
        let mut ticket = body["ticket"].clone();
        if ticket["id"].as_u64().is_none() {
            ticket["id"] = 7.into();
        }
        let types = ["Priority Changed", "Status Changed"];
        let mut event = body.clone();
        event["ticket"] = ticket.clone();
        event["type"] = types[shape % 2].into();
        let value = match shape {
            0 => body,
            1 | 2 => serde_json::json!({ "account_id": value, "input": { "ticket_event": event } }),
            3 => serde_json::json!({ "id": "w", "type": "zen:event-type:ticket.priority_changed",
                "account_id": value, "detail": ticket, "event": body }),
            _ => serde_json::json!({ "id": "e", "detail-type": "Support Ticket: Status Changed",
                "account": value, "detail": { "ticket_event": event } }),
        };
        value.to_string()
    })
}

/// A valid text in an ordinary form needs no full parser.
#[test]
fn most_events_with_replaced_values_are_matched() {
    let mut runner = TestRunner::deterministic();
    let mut scratch = MatchScratch::default();
    let tally = Tally::default();
    for _ in 0..200 {
        let bytes = changed_values()
            .new_tree(&mut runner)
            .expect("a text")
            .current();
        agree(&bytes, FormatHint::Detect, &READERS, &mut scratch, &tally).unwrap();
    }
    let (found, left) = (tally.found.get(), tally.left.get());
    // Half of the inserted values are unusual.
    assert!(found > 3 * left, "{tally:?}");
}
