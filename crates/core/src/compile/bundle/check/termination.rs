//! Whether a way through a flow comes to an end, and what becomes of a `ChoiceRule` where no choice holds.
//! It refuses a circle without a way out; whether a way out is ever taken it does not ask.

use std::collections::HashSet;

use crate::bundle::choice::{ChoiceRule, ChoiceTest, Comparison, ComparisonOperand, Relation};
use crate::bundle::state::{BundleState, Definition, NextState, StateKind};
use crate::compile::bundle::check::reachability::reached;
use crate::diagnostic::{Code, Diagnostics, Report};

/// Judges states that all lead somewhere; `what` they make is a flow, or the items of a `Map`.
pub fn check(definition: &Definition, what: &str, diagnostics: &mut Diagnostics) {
    if let Some(circle) = circle(definition) {
        let at = definition
            .state(circle[0])
            .map_or(definition.at, |state| state.name.at);
        let message = format!("{what} never ends: {}", circle.join(" → "));
        let help =
            "give one of these states `End: true`, or lead out by a `Choice` to a state that ends";
        diagnostics.error(Code::RunsItself, at, message, help);
    }
    for state in &definition.states {
        warn_without_default(state, diagnostics);
    }
}

/// States that follow each other for ever, the first of them again at the end.
fn circle(definition: &Definition) -> Option<Vec<&str>> {
    let (ending, reached) = (ending(definition), reached(definition));
    let names = definition
        .states
        .iter()
        .map(|state| state.name.text.as_str());
    let mut stuck = names.filter(|name| reached.contains(name) && !ending.contains(name));
    let mut way: Vec<&str> = Vec::new();
    let mut name = stuck.next()?;
    while !way.contains(&name) {
        way.push(name);
        name = *next(definition.state(name)?).first()?;
    }
    let first = way.iter().position(|known| *known == name)?;
    let mut circle = way.split_off(first);
    circle.push(name);
    Some(circle)
}

fn next(state: &BundleState) -> Vec<&str> {
    let ways = state.ways().into_iter();
    ways.map(|way| way.text.as_str()).collect()
}

/// The states from which some way leads to an end.
fn ending(definition: &Definition) -> HashSet<&str> {
    let mut ending: HashSet<&str> = HashSet::new();
    loop {
        let before = ending.len();
        // Most flows are written from their begin to their end.
        for state in definition.states.iter().rev() {
            if ends(state) || next(state).iter().any(|next| ending.contains(next)) {
                ending.insert(state.name.text.as_str());
            }
        }
        if ending.len() == before {
            return ending;
        }
    }
}

fn ends(state: &BundleState) -> bool {
    match &state.does {
        StateKind::Succeed { .. } | StateKind::Fail { .. } => true,
        // Where no choice holds, the flow fails.
        StateKind::Choice { choices, default } => default.is_none() && !always(choices),
        StateKind::Action { .. }
        | StateKind::Map { .. }
        | StateKind::Wait { .. }
        | StateKind::Pass { .. } => state.then == NextState::End,
    }
}

fn warn_without_default(state: &BundleState, diagnostics: &mut Diagnostics) {
    let StateKind::Choice {
        choices,
        default: None,
    } = &state.does
    else {
        return;
    };
    if always(choices) {
        return;
    }
    let name = &state.name.text;
    let message = format!("`{name}` fails the flow where none of its choices holds");
    let help = "add `Default` with the state that follows then";
    diagnostics.warning(Code::MissingKey, state.name.at, message, help);
}

/// Whether one of two choices holds whatever comes.
fn always(choices: &[ChoiceRule]) -> bool {
    let pairs = choices
        .iter()
        .enumerate()
        .flat_map(|(place, first)| choices[place + 1..].iter().map(move |other| (first, other)));
    pairs.into_iter().any(|(first, other)| {
        opposed(&first.test, &other.test) || opposed(&other.test, &first.test)
    })
}

/// Whether one test holds where the other does not, as far as that can be seen.
fn opposed(test: &ChoiceTest, other: &ChoiceTest) -> bool {
    if let ChoiceTest::Not(inner) = test {
        return same(inner, other);
    }
    match (one(test), one(other)) {
        (Some((variable, comparison)), Some((its, compared))) => {
            variable == its && complete(comparison, compared)
        }
        (Some(_) | None, _) => false,
    }
}

/// The variable of a lone comparison, and what it is compared with.
fn one(test: &ChoiceTest) -> Option<(&str, &Comparison)> {
    match test {
        ChoiceTest::One {
            variable,
            comparison,
            ..
        } => Some((&variable.text, comparison)),
        ChoiceTest::And(_) | ChoiceTest::Or(_) | ChoiceTest::Not(_) => None,
    }
}

fn same(test: &ChoiceTest, other: &ChoiceTest) -> bool {
    match (test, other) {
        (ChoiceTest::And(parts), ChoiceTest::And(others))
        | (ChoiceTest::Or(parts), ChoiceTest::Or(others)) => {
            parts.len() == others.len() && parts.iter().zip(others).all(|(a, b)| same(a, b))
        }
        (ChoiceTest::Not(part), ChoiceTest::Not(other)) => same(part, other),
        (ChoiceTest::One { .. }, ChoiceTest::One { .. }) => one(test) == one(other),
        (
            ChoiceTest::And(_) | ChoiceTest::Or(_) | ChoiceTest::Not(_) | ChoiceTest::One { .. },
            _,
        ) => false,
    }
}

/// Whether every value of the right kind is one or the other.
fn complete(comparison: &Comparison, other: &Comparison) -> bool {
    match (comparison, other) {
        (Comparison::IsPresent(one), Comparison::IsPresent(two))
        | (Comparison::IsNull(one), Comparison::IsNull(two)) => one != two,
        (
            Comparison::Boolean(ComparisonOperand::Value(one)),
            Comparison::Boolean(ComparisonOperand::Value(two)),
        ) => one != two,
        (Comparison::Text(one, a), Comparison::Text(two, b))
        | (Comparison::Number(one, a), Comparison::Number(two, b))
        | (Comparison::Time(one, a), Comparison::Time(two, b)) => a == b && meet(*one, *two),
        (
            Comparison::Text(..)
            | Comparison::Number(..)
            | Comparison::Time(..)
            | Comparison::Boolean(_)
            | Comparison::IsPresent(_)
            | Comparison::IsNull(_),
            _,
        ) => false,
    }
}

fn meet(one: Relation, other: Relation) -> bool {
    use crate::bundle::choice::Relation::{Greater, GreaterOrEqual, Less, LessOrEqual};

    matches!(
        (one, other),
        (Less | LessOrEqual, GreaterOrEqual) | (LessOrEqual, Greater)
    )
}
