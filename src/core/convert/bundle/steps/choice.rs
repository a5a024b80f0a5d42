//! Choices as steps: a guard or the rule's own condition where one only lets through, branches otherwise.
//! It refuses to turn a test round that may be missing: neither it nor its opposite holds then.

use serde_json::{Value, json};

use super::landing::plain_paths;
use super::{End, Filters, NO_RUN, Obstacle, Place, SKIPPED, Writer, obstacle};
use crate::core::bundle::Word;
use crate::core::bundle::choice::{Choice, Comparison, Relation, Test};
use crate::core::bundle::state::State;
use crate::core::convert::bundle::scene::Scene;
use crate::core::convert::bundle::test::{clause, negated};
use crate::core::convert::clause::Clause;

impl<'b> Writer<'b, '_> {
    /// A choice of ways; where it goes on behind them.
    #[expect(
        clippy::too_many_arguments,
        reason = "what a choice stands in is all of this"
    )]
    pub(super) fn choice(
        &mut self,
        state: &'b State,
        choices: &'b [Choice],
        default: Option<&'b Word>,
        stop: Option<&'b str>,
        scene: Scene,
        place: Place,
        list: &mut Vec<Value>,
    ) -> Result<Option<(&'b str, Scene)>, Obstacle> {
        plain_paths(state)?;
        let tests: Result<Vec<Clause>, String> = choices
            .iter()
            .map(|choice| clause(&choice.test, &scene))
            .collect();
        let tests = tests.map_err(|why| obstacle(state, why))?;
        self.note_of(choices);
        if let Some(next) = self.filter(state, choices, default, &tests, place, list) {
            return Ok(Some((next, scene)));
        }
        let mut ways: Vec<&'b str> = choices
            .iter()
            .map(|choice| choice.next.text.as_str())
            .collect();
        ways.extend(default.map(|default| default.text.as_str()));
        let join = self.graph.join(&ways, stop);
        let inner = match (join, place) {
            (None, Place::Outside) if stop.is_none() => Place::Outside,
            _ => Place::Inside,
        };
        let tests = tests.into_iter().map(Some).chain(default.map(|_| None));
        let mut branches = Vec::new();
        let before = (scene.clone(), self.names.clone());
        for (test, way) in tests.zip(ways) {
            let part = self.chain(way, join, scene.clone(), inner)?;
            branches.push((test, part));
        }
        if default.is_none() {
            let why = format!(
                "no choice of {} holds, and it has no default",
                state.name.text
            );
            branches.push((None, (vec![json!({ "fail": why })], End::Over)));
        }
        let name = self.name(&state.name.text);
        let (step, scene) = self.merged(&name, branches, join, before);
        list.push(step);
        Ok(join.map(|join| (join, scene)))
    }

    /// A choice that only lets through, as a guard or under the rule's `when`; where it goes on.
    fn filter(
        &mut self,
        state: &State,
        choices: &'b [Choice],
        default: Option<&'b Word>,
        tests: &[Clause],
        place: Place,
        list: &mut Vec<Value>,
    ) -> Option<&'b str> {
        let (first, default) = (choices.first()?, default?);
        let one_way = choices
            .iter()
            .all(|choice| choice.next.text == first.next.text);
        let any = Clause::any(tests.iter().cloned());
        let (clause, next) = match () {
            () if !one_way => return None,
            () if self.graph.ends_at_once(&default.text) => (any, &first.next.text),
            () if self.graph.ends_at_once(&first.next.text) && always_there(&any) => {
                (negated(any), &default.text)
            }
            () => return None,
        };
        let early =
            list.is_empty() && place == Place::Outside && self.filters == Filters::BeforeRun;
        if early && of_event(&clause) {
            self.whole.notes.insert(NO_RUN);
            self.when.push(clause);
        } else {
            self.whole.notes.insert(SKIPPED);
            let name = self.name(&state.name.text);
            list.push(json!({ "name": name, "when": clause.to_map() }));
        }
        // A guard ends the nearest flow, as the state did that it stands for.
        Some(next)
    }

    fn note_of(&mut self, choices: &[Choice]) {
        fn orders(test: &Test) -> bool {
            match test {
                Test::And(parts) | Test::Or(parts) => parts.iter().any(orders),
                Test::Not(part) => orders(part),
                Test::One { comparison, .. } => {
                    matches!(comparison, Comparison::Number(relation, _) if *relation != Relation::Equals)
                }
            }
        }
        if choices.iter().any(|choice| orders(&choice.test)) {
            let note =
                "a text that reads as a number is compared as one; ZIS compares numbers alone";
            self.whole.notes.insert(note);
        }
    }
}

/// Whether a clause reads the event alone.
fn of_event(clause: &Clause) -> bool {
    let event = |path: &str| !path.starts_with("steps.") && !path.starts_with("error.");
    match clause {
        Clause::Always | Clause::Never => true,
        Clause::Test(path, test) => {
            event(path) && test.to_string().split("\"path\":\"").skip(1).all(event)
        }
        Clause::All(parts) | Clause::Any(parts) | Clause::None(parts) => parts.iter().all(of_event),
    }
}

/// Whether every field of a clause is in every event of the ticket, so that it is never missing.
fn always_there(clause: &Clause) -> bool {
    const FIELDS: [&str; 16] = [
        "ticket.id",
        "ticket.created_at",
        "ticket.updated_at",
        "ticket.type",
        "ticket.priority",
        "ticket.status",
        "ticket.requester_id",
        "ticket.submitter_id",
        "ticket.assignee_id",
        "ticket.organization_id",
        "ticket.group_id",
        "ticket.brand_id",
        "ticket.form_id",
        "ticket.external_id",
        "ticket.tags",
        "ticket.via.channel",
    ];
    match clause {
        Clause::Always | Clause::Never => true,
        Clause::Test(path, test) => {
            FIELDS.contains(&path.as_str())
                && test.get("path").is_none()
                && !test.to_string().contains("\"path\"")
        }
        Clause::All(parts) | Clause::Any(parts) | Clause::None(parts) => {
            parts.iter().all(always_there)
        }
    }
}
