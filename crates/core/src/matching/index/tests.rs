//! What a lookup costs: which predicates are evaluated, how often, and which values are not read.

use std::cell::RefCell;

use serde_json::json;

use super::*;
use crate::matching::rule_set::RuleSet;

/// Values by path, with a record of every read.
struct RecordingSlots<'i> {
    paths: &'i [Path],
    body: Value,
    lookups: RefCell<Vec<String>>,
}

impl SlotValues for RecordingSlots<'_> {
    fn slot(&self, number: usize) -> Option<ValueRef<'_>> {
        let name = &self.paths[number].text;
        self.lookups.borrow_mut().push(name.clone());
        self.body.get(name).map(ValueRef::Built)
    }
}

fn index(whens: &[&str]) -> RuleIndex {
    let documents = whens.iter().enumerate().map(|(number, when)| {
        format!(
            "name: r{number}\nevent_source: support\nevent_type: ticket.PriorityChanged\n\
             vars: {{ word: low, words: [low, high], rank: 3 }}\nwhen: {when}\nflow: [{{ succeed: ok }}]\n"
        )
    });
    let set = RuleSet::of_text(&documents.collect::<Vec<_>>().join("---\n"));
    let rules = (0..)
        .zip(&set.rules)
        .map(|(number, rule)| (number, rule.as_ref()));
    RuleIndex::new(&rules.collect::<Vec<_>>())
}

/// The rules found, the predicates evaluated on the whole event, and the values read.
fn find(index: &RuleIndex, body: Value) -> (Vec<u32>, Vec<String>, Vec<String>) {
    let slots = RecordingSlots {
        paths: index.paths(),
        body,
        lookups: RefCell::default(),
    };
    let (mut matches, mut evaluated) = (Vec::new(), Vec::new());
    let mut whole = |_: u32, predicate: &Predicate| {
        evaluated.push(predicate.path.text.clone());
        true
    };
    index.find(
        &slots,
        &mut whole,
        &mut IndexScratch::default(),
        &mut matches,
    );
    (matches, evaluated, slots.lookups.into_inner())
}

#[test]
fn a_rule_whose_way_in_is_exact_needs_no_further_look() {
    let index = index(&["{ current: urgent }", "{ current: [low, high] }"]);
    let (matches, evaluated, lookups) = find(&index, json!({"current": "high"}));
    assert_eq!((matches, lookups), (vec![1], vec!["current".to_owned()]));
    assert!(evaluated.is_empty());
}

#[test]
fn equal_predicates_are_judged_once() {
    let rest = "ticket.subject: { contains: { path: previous } }";
    let index = index(&[
        &format!("{{ current: low, {rest} }}"),
        &format!("{{ current: [low, high], {rest} }}"),
        &format!("{{ any: [{{ current: low, {rest} }}, {{ previous: low, {rest} }}] }}"),
    ]);
    let body = json!({"current": "low", "previous": "low", "ticket.subject": "slow"});
    let (matches, evaluated, _) = find(&index, body);
    assert_eq!(matches, [0, 1, 2]);
    assert_eq!(evaluated, ["ticket.subject"]);
}

#[test]
fn what_can_not_match_is_not_judged() {
    let index = index(&["{ current: low, ticket.subject: { contains: { path: previous } } }"]);
    let (matches, evaluated, _) = find(&index, json!({"current": "high", "ticket.subject": "x"}));
    assert!(matches.is_empty() && evaluated.is_empty());
}

#[test]
fn a_variable_is_as_good_as_its_value() {
    let index = index(&[
        "{ current: { path: vars.word } }",
        "{ current: { path: vars.words } }",
        "{ current: low }",
        "{ vars.word: low, current: low }",
        "{ vars.rank: { gt: 3 }, current: low }",
    ]);
    assert_eq!(index.leaves.len(), 2, "{:?}", index.leaves);
    assert!(index.always.is_empty());
    let (matches, evaluated, _) = find(&index, json!({"current": "low"}));
    assert_eq!((matches, evaluated), (vec![0, 1, 2, 3], vec![]));
}

#[test]
fn a_rule_without_a_way_in_is_tried_for_every_event() {
    let index = index(&[
        "{ '$.input.ticket_event.ticket.tags[*]': vip }",
        "{ any: [{ ticket.id: { gt: 7 } }, { '$.input.ticket_event.ticket.tags[*]': vip }] }",
    ]);
    assert_eq!(index.always.length, 2);
    let (matches, evaluated, _) = find(&index, json!({"ticket.id": 3}));
    assert_eq!((matches, evaluated.len()), (vec![0, 1], 1));
}
