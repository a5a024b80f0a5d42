//! Finds the conditions that a rule tests in its flow, because only records of the help desk have their values.

use crate::convert::clause::Clause;
use crate::convert::triggers::fetched::{FetchScope, FetchedTest, FlowGuard};
use crate::convert::triggers::meaning::{COMMENT, Meaning};
use crate::convert::triggers::update_events::translate::ReadConditions;
use crate::convert::triggers::update_events::{UpdateEvent, update_events};

/// Removes the conditions that the flow must test, and returns them as guards.
pub(super) fn of_required(
    required: &mut ReadConditions<'_>,
    events: &[UpdateEvent],
) -> Vec<FlowGuard> {
    let mut guards = Vec::new();
    required.retain(|(_, meaning)| match fetched(meaning, events) {
        Some(test) => {
            guards.push(FlowGuard {
                clause: test.clause.clone(),
                tests: vec![test.clone()],
            });
            false
        }
        None => true,
    });
    guards
}

/// Removes the alternatives if the flow can test all of them and must test one, and returns the guard.
pub(super) fn of_alternatives(
    required: &ReadConditions<'_>,
    alternatives: &mut ReadConditions<'_>,
) -> Option<FlowGuard> {
    // Without the alternatives, the other conditions choose the events.
    let events = update_events(required, &Vec::new());
    let mut guard = FlowGuard {
        clause: Clause::Never,
        tests: Vec::new(),
    };
    let mut clauses = Vec::new();
    for (_, meaning) in alternatives.iter() {
        match (meaning, fetched(meaning, &events)) {
            (_, Some(test)) => {
                clauses.push(test.clause.clone());
                guard.tests.push(test.clone());
            }
            (Meaning::State(clause), None) => clauses.push(clause.clone()),
            (_, None) => return None,
        }
    }
    if guard.tests.is_empty() {
        return None;
    }
    alternatives.clear();
    guard.clause = Clause::any(clauses);
    Some(guard)
}

/// The test of a value that the events do not contain and a step can fetch.
fn fetched<'m>(meaning: &'m Meaning, events: &[UpdateEvent]) -> Option<&'m FetchedTest> {
    let test = match meaning {
        Meaning::Fetched(test) => test,
        Meaning::OnlyIn(change, Some(test)) => {
            let contained = events.iter().all(|event| event.is_of(change));
            (!contained).then_some(test)?
        }
        Meaning::OnlyIn(_, None)
        | Meaning::State(_)
        | Meaning::Change(_)
        | Meaning::Unchanged(_)
        | Meaning::Created
        | Meaning::Updated
        | Meaning::Unknown(_) => return None,
    };
    let covers = |event: &UpdateEvent| match (test.scope, event) {
        (FetchScope::EveryEvent, _) => true,
        (FetchScope::NewTickets, event) => *event == UpdateEvent::Created,
        (FetchScope::Comments, UpdateEvent::Changed { event_type, .. }) => *event_type == COMMENT,
        (FetchScope::Comments, UpdateEvent::Created | UpdateEvent::Every) => false,
    };
    events.iter().all(covers).then_some(test)
}
