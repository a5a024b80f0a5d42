//! One evaluation for bytes and decoded events, and what happens where index and evaluator differ.

use std::sync::Arc;

use super::*;
use crate::event::catalogue::Catalogue;
use crate::event::format::decode;
use crate::language::condition::evaluate::Truth;

const BYTES: &str = r#"{"input":{"ticket_event":{"type":"Priority Changed","current":"high",
    "meta":{"sequence":{"id":"A","position":1}},"ticket":{"id":7}}}}"#;

fn rules(current: &str, mode: &str) -> RuleSet {
    RuleSet::of_text(&format!(
        "name: r\nevent_source: support\nevent_type: ticket.PriorityChanged\nmode: {mode}\nwhen: {{ current: {current} }}\nflow: [{{ succeed: ok }}]\n"
    ))
}

/// The rules of one set behind the index of another.
fn with_index_of(index: RuleSet, rules: RuleSet) -> RuleSet {
    let mut set = index;
    set.rules = rules.rules;
    set
}

fn event() -> Event {
    let value = parse::parse(BYTES.as_bytes()).expect("JSON").value;
    decode(value, Catalogue::built_in()).expect("an event")
}

#[test]
fn ordinary_bytes_are_matched_on_the_tape_and_decoded_when_asked_for() {
    let (rules, mut scratch) = (rules("high", "live"), MatchScratch::default());
    let input = EventInput::bytes(BYTES.as_bytes());
    let evaluation = rules.evaluate(input, &mut scratch).expect("an event");
    assert_eq!(evaluation.read(), ReadBy::Tape);
    assert_eq!(evaluation.source(), "support");
    assert_eq!(evaluation.matched().count(), 1);
    assert_eq!(evaluation.text(), Some(BYTES));
    assert_eq!(evaluation.brief(), EventSummary::from_event(&event()));
    assert_eq!(*evaluation.event(), event());
    assert_eq!(evaluation.into_event(), event());
}

#[test]
fn damaged_bytes_are_repaired_and_matched_on_the_decoded_event() {
    let (rules, mut scratch) = (rules("high", "live"), MatchScratch::default());
    let damaged = BYTES.replace("\"high\"", "\"high\",\"x\":\"\\ud800\"");
    let input = EventInput::bytes(damaged.as_bytes());
    let evaluation = rules.evaluate(input, &mut scratch).expect("an event");
    assert_eq!(evaluation.read(), ReadBy::Tree);
    assert_eq!((evaluation.has_match(), evaluation.text()), (true, None));
    assert_eq!(evaluation.event().warnings.len(), 1);
}

#[test]
fn what_is_not_one_event_is_an_error() {
    let (rules, mut scratch) = (rules("high", "live"), MatchScratch::default());
    let mut error = |text: &str| {
        let input = EventInput::bytes(text.as_bytes());
        rules.evaluate(input, &mut scratch).expect_err("no event")
    };
    assert!(matches!(error("{"), InputError::Json(_)));
    assert!(matches!(error("[]"), InputError::Event(_)));
    assert!(matches!(error("{}"), InputError::Event(_)));
}

#[test]
fn a_wrong_index_is_a_disagreement_in_either_direction() {
    for (index, rule, matched, evaluator) in [
        ("high", "low", true, Truth::False),
        ("low", "high", false, Truth::True),
    ] {
        let set = with_index_of(rules(index, "live"), rules(rule, "live"));
        let mut scratch = MatchScratch::default();
        let input = EventInput::bytes(BYTES.as_bytes());
        let evaluation = set.evaluate(input, &mut scratch).expect("an event");
        assert_eq!(evaluation.has_match(), matched);
        let disagreement = evaluation
            .explain(&set.rules[0])
            .expect_err("a disagreement");
        assert_eq!(
            (
                disagreement.index,
                disagreement.evaluator,
                disagreement.read
            ),
            (matched, evaluator, ReadBy::Tape)
        );
        assert_eq!(evaluation.verify(), Err(disagreement));
    }
}

#[test]
fn a_disagreement_names_rule_event_and_both_verdicts() {
    let set = with_index_of(rules("high", "live"), rules("low", "live"));
    let (event, mut scratch) = (event(), MatchScratch::default());
    let evaluation = set.evaluate_event(&event, &mut scratch);
    let disagreement = evaluation
        .explain(&set.rules[0])
        .expect_err("a disagreement");
    assert_eq!(
        disagreement.to_string(),
        format!(
            "internal error: index and evaluator disagree on rule `r` for event `{}` (index over decoded \
             event: match, evaluator: no match); this is a bug, please report it with this event",
            event.id
        )
    );
}

#[test]
fn a_proposed_change_on_which_the_index_disagrees_is_an_error_too() {
    // Both say that the event does not match, and differ on the change to `urgent`.
    let set = with_index_of(rules("low", "live"), rules("urgent", "live"));
    let (event, mut scratch) = (event(), MatchScratch::default());
    let evaluation = set.evaluate_event(&event, &mut scratch);
    assert_eq!(evaluation.verify(), Ok(()));
    let disagreement = evaluation
        .explain(&set.rules[0])
        .expect_err("a disagreement");
    assert_eq!(
        (disagreement.index, disagreement.evaluator),
        (false, Truth::True)
    );
}

#[test]
fn nothing_is_compared_for_disabled_rules_and_rules_of_other_sets() {
    let set = with_index_of(rules("low", "disabled"), rules("high", "disabled"));
    let (event, mut scratch) = (event(), MatchScratch::default());
    let evaluation = set.evaluate_event(&event, &mut scratch);
    assert!(!evaluation.has_match());
    let explanation = evaluation
        .explain(&set.rules[0])
        .expect("nothing to compare");
    assert_eq!(explanation.truth, Truth::True);
    let other = RuleSet::of_text(
        "name: other\nevent_source: support\nevent_type: '*'\nflow: [{ succeed: ok }]\n",
    );
    assert!(evaluation.explain(&other.rules[0]).is_ok());
}

#[test]
fn a_stored_rule_is_explained_alone() {
    let set = rules("urgent", "live");
    let rule: &Arc<Rule> = &set.rules[0];
    let explanation = explain_stored(rule, &set.files, &event()).expect("agreement");
    assert_eq!(explanation.truth, Truth::False);
    assert_eq!(explanation.near_misses.len(), 1);
}

#[test]
fn times_without_a_zone_are_read_in_the_zone_of_their_source() {
    use crate::event::format::custom::{CustomFormat, ValueLocations};

    let rule = |name: &str, when: &str| {
        format!(
            "---\nname: {name}\nevent_source: support\nevent_type: ticket.PriorityChanged\nwhen: {when}\nflow: [{{ succeed: ok }}]\n"
        )
    };
    let after = rule("r", "{ $.raw.at: { after: '2026-03-06T09:30:00Z' } }");
    let before = rule("s", "{ $.raw.at: { before: '2026-03-06T09:30:00Z' } }");
    let within = rule(
        "u",
        "{ any_of: { in: $.raw.l, when: { before: '2026-03-06T09:30:00Z' } } }",
    );
    let later = rule("gt", "{ $.raw.at: { gt: '2026-03-06T09:30:00Z' } }");
    let seconds = rule("lte", "{ $.raw.unix: { lte: { path: $.raw.at } } }");
    let unix = rule("number", "{ $.raw.at: { lt: 1772789400 } }");
    let rules = [after, before, within, later, seconds, unix];
    let rules = RuleSet::of_text(&rules.concat());
    let description = |zone: Option<&str>| CustomFormat {
        name: "desk".into(),
        source: "support".into(),
        event_type: ValueLocations::constant("ticket.PriorityChanged"),
        id: ValueLocations::default(),
        key: ValueLocations::default(),
        time: ValueLocations::path("at"),
        time_zone: zone.map(|name| jiff::tz::TimeZone::get(name).expect(name)),
    };
    let bytes = br#"{"at":"2026-03-06 10:00:00","unix":1772789400,"l":["2026-03-06 10:00:00"]}"#;
    for (zone, time, matching) in [
        (None, "2026-03-06T10:00:00Z", &["r", "gt", "lte"][..]),
        (
            Some("Europe/Berlin"),
            "2026-03-06T09:00:00Z",
            &["s", "u", "number"],
        ),
    ] {
        let (description, mut scratch) = (description(zone), MatchScratch::default());
        let format = FormatHint::Custom(&description);
        let input = EventInput::Bytes { bytes, format };
        let evaluation = rules.evaluate(input, &mut scratch).expect("an event");
        let names: Vec<&str> = evaluation
            .matched()
            .map(|rule| rule.name.as_str())
            .collect();
        assert_eq!(names, matching, "{zone:?}");
        assert_eq!(evaluation.read(), ReadBy::Tape);
        evaluation.verify().expect("index and evaluator agree");
        let event = evaluation.event().clone();
        assert_eq!(
            event.time.map(|time| time.to_string()).as_deref(),
            Some(time)
        );
        let mut scratch = MatchScratch::default();
        let again = rules.evaluate_event(&event, &mut scratch);
        let names: Vec<&str> = again.matched().map(|rule| rule.name.as_str()).collect();
        assert_eq!(names, matching, "{zone:?}");
    }
}
