//! Matching the bytes of an event gives the same result as decoding it and evaluating rule by rule, for samples
//! and mutated texts. All matches use one scratch buffer and several rule sets.

use std::cell::{Cell, RefCell};
use std::sync::LazyLock;

use flowtrigger::core::event::decode::{Told, read};
use flowtrigger::core::event::json::accept;
use flowtrigger::core::event::{Brief, Event};
use flowtrigger::core::matching::evaluate::Truth;
use flowtrigger::core::matching::find::Scratch;
use flowtrigger::core::matching::ruleset::judge;
use flowtrigger::core::matching::trace::NoTrace;
use flowtrigger::core::rule::jobspec::{Mode, Rule};
use flowtrigger_testing::mutate::{changed_values, texts};
use flowtrigger_testing::repository::SAMPLES;
use flowtrigger_testing::strategy;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Selector;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::readers::{House, config, extended, readers};

static READERS: LazyLock<House> = LazyLock::new(|| House::new(config(), &readers(&config(), 18)));

/// The same rules with a catalogue that knows other types.
static EXTENDED: LazyLock<House> =
    LazyLock::new(|| House::new(extended(), &readers(&extended(), 60)));

/// What was read of an event: its summary and all of it.
#[derive(Debug, PartialEq)]
struct Seen {
    brief: Brief,
    event: Event,
    /// As text, because `-0.0 == 0.0` and comparing values ignores the order of keys.
    written: String,
    matches: Vec<u32>,
}

impl Seen {
    fn new(brief: Brief, event: Event, matches: Vec<u32>) -> Self {
        let parts = [&event.envelope, &event.body, &event.raw, &event.about];
        let written = parts.map(ToString::to_string).concat();
        Self {
            brief,
            event,
            written,
            matches,
        }
    }
}

fn found(bytes: &[u8], told: Told<'_>, house: &House, scratch: &mut Scratch) -> Option<Seen> {
    let catalogue = &house.config.catalogue;
    house
        .rules
        .find(bytes, told, catalogue, scratch, |sighting| {
            assert_eq!(sighting.text.as_bytes(), bytes);
            let (brief, matches) = (sighting.brief(), sighting.matches.to_vec());
            Seen::new(brief, sighting.event(), matches)
        })
}

/// The result of the parser, the decoder and the evaluator.
fn judged(bytes: &[u8], told: Told<'_>, house: &House) -> Option<Seen> {
    let accepted = accept(bytes).ok()?;
    let event = read(accepted.value, told, &house.config.catalogue).ok()?;
    if !accepted.repairs.is_empty() {
        return None;
    }
    let matches = |rule: &Rule| {
        rule.mode != Mode::Disabled
            && rule.listens_to(&event.source, &event.event_type)
            && judge(rule, &event, &mut NoTrace) == Truth::True
    };
    let numbered = (0u32..).zip(&house.rules.rules);
    let matches = numbered.filter(|(_, rule)| matches(rule)).map(|(n, _)| n);
    let matches = matches.collect();
    Some(Seen::new(Brief::of(&event), event, matches))
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
    told: Told<'_>,
    house: &House,
    scratch: &mut Scratch,
    tally: &Tally,
) -> Result<(), TestCaseError> {
    let text = String::from_utf8_lossy(bytes);
    let judged = judged(bytes, told, house);
    let Some(found) = found(bytes, told, house, scratch) else {
        add(
            if judged.is_some() {
                &tally.left
            } else {
                &tally.unsound
            },
            1,
        );
        return Ok(());
    };
    let Some(judged) = judged else {
        return Err(TestCaseError::fail(format!("found, and not sound: {text}")));
    };
    let name = |numbers: &[u32]| {
        let rules = numbers.iter().map(|n| &house.rules.rules[*n as usize]);
        rules
            .map(|rule| rule.version.document().to_owned())
            .collect::<Vec<_>>()
    };
    let names = (name(&found.matches), name(&judged.matches));
    prop_assert_eq!(names.0, names.1, "{:?} {}", told, text);
    let built = house.rules.matches(&judged.event);
    let built = built.into_iter().map(|rule| &rule.name);
    let wanted = judged
        .matches
        .iter()
        .map(|n| &house.rules.rules[*n as usize].name);
    prop_assert!(built.eq(wanted), "of the built event: {:?} {}", told, text);
    add(&tally.found, 1);
    add(&tally.matches, judged.matches.len());
    prop_assert_eq!(found, judged, "{:?} {}", told, text);
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
fn random_house(runner: &mut TestRunner) -> House {
    let rules = (strategy::rules(40..60), strategy::tests(40..60));
    let (whole, single) = rules.new_tree(runner).expect("rules").current();
    // Names are unique in a set.
    let single = single.replace("\"name\":\"r", "\"name\":\"s");
    House::new(config(), &format!("{whole}---\n{single}"))
}

/// Every sample is matched in its bytes, without the full parser.
#[test]
fn every_sample_is_matched_by_some_rule() {
    let rules = &READERS.rules.rules;
    assert!(rules.len() > 250, "{}", rules.len());
    let mut scratch = Scratch::default();
    for bytes in SAMPLES.iter() {
        let tally = Tally::default();
        for told in READERS.all_told() {
            agree(bytes, told, &READERS, &mut scratch, &tally).unwrap();
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
    let scratch = RefCell::new(Scratch::default());
    let random = random_house(&mut runner);
    let houses = [&*READERS, &random, &*EXTENDED];
    let strategy = (texts(), any::<Selector>());
    let result = runner.run(&strategy, |(bytes, described)| {
        let scratch = &mut scratch.borrow_mut();
        for house in houses {
            let described = described.select(house.config.descriptions());
            for told in [Told::ByContent, Told::Described(described)] {
                agree(&bytes, told, house, scratch, &tally)?;
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
    let scratch = RefCell::new(Scratch::default());
    let tally = Tally::default();
    let strategy = (
        strategy::rules(4..12),
        strategy::tests(4..12),
        vec(bodies(), EVENTS as usize),
    );
    let result = runner(EVENTS * 2).run(&strategy, |(whole, single, bodies)| {
        let houses = [whole, single].map(|text| House::new(config(), &text));
        let scratch = &mut scratch.borrow_mut();
        for body in &bodies {
            for house in &houses {
                for told in house.all_told() {
                    agree(body.as_bytes(), told, house, scratch, &tally)?;
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
    let mut scratch = Scratch::default();
    let tally = Tally::default();
    for _ in 0..200 {
        let bytes = changed_values()
            .new_tree(&mut runner)
            .expect("a text")
            .current();
        agree(&bytes, Told::ByContent, &READERS, &mut scratch, &tally).unwrap();
    }
    let (found, left) = (tally.found.get(), tally.left.get());
    // Half of the inserted values are unusual.
    assert!(found > 3 * left, "{tally:?}");
}
