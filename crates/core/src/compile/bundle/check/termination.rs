//! Reports cycles of states without an exit, and `Choice` states that may match nothing.
//! Whether an exit of a cycle is ever taken is not checked.

use std::collections::HashSet;

use crate::bundle::choice::{ChoiceRule, ChoiceTest, Comparison, ComparisonOperand, Relation};
use crate::bundle::state::{BundleState, Definition, NextState, StateKind};
use crate::compile::bundle::check::reachability::reached;
use crate::diagnostic::{Code, Diagnostics, Report};

/// Checks states whose next states all exist: those of a flow, or of the iterator of a `Map`; `what`
/// describes which.
pub fn check(definition: &Definition, what: &str, diagnostics: &mut Diagnostics) {
    if let Some(cycle) = find_cycle(definition) {
        let at = definition
            .state(cycle[0])
            .map_or(definition.at, |state| state.name.at);
        let message = format!("{what} never ends: {}", cycle.join(" → "));
        let help = "give one of these states `End: true`, or leave the cycle with a `Choice`";
        diagnostics.error(Code::RunsItself, at, message, help);
    }
    for state in &definition.states {
        warn_without_default(state, diagnostics);
    }
}

/// Returns the states of a cycle without an exit. The first is repeated at the end.
fn find_cycle(definition: &Definition) -> Option<Vec<&str>> {
    let (ending, reached) = (states_that_end(definition), reached(definition));
    let names = definition
        .states
        .iter()
        .map(|state| state.name.text.as_str());
    let mut stuck = names.filter(|name| reached.contains(name) && !ending.contains(name));
    let mut path: Vec<&str> = Vec::new();
    let mut name = stuck.next()?;
    while !path.contains(&name) {
        path.push(name);
        name = *next(definition.state(name)?).first()?;
    }
    let first = path.iter().position(|known| *known == name)?;
    let mut cycle = path.split_off(first);
    cycle.push(name);
    Some(cycle)
}

fn next(state: &BundleState) -> Vec<&str> {
    let successors = state.successors().into_iter();
    successors.map(|next| next.text.as_str()).collect()
}

/// Returns the states from which an end is reachable.
fn states_that_end(definition: &Definition) -> HashSet<&str> {
    let mut ending: HashSet<&str> = HashSet::new();
    loop {
        let before = ending.len();
        // Most flows list their states in order, so that one backward pass is enough.
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
        // If no choice holds, the flow fails.
        StateKind::Choice { choices, default } => default.is_none() && !is_exhaustive(choices),
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
    if is_exhaustive(choices) {
        return;
    }
    let name = &state.name.text;
    let message = format!("`{name}` fails the flow if none of its choices holds");
    let help = "add `Default` with the state to run then";
    diagnostics.warning(Code::MissingKey, state.name.at, message, help);
}

/// Whether two of the choices are opposites, so that one of them always holds.
fn is_exhaustive(choices: &[ChoiceRule]) -> bool {
    let pairs = choices
        .iter()
        .enumerate()
        .flat_map(|(place, first)| choices[place + 1..].iter().map(move |other| (first, other)));
    pairs.into_iter().any(|(first, other)| {
        opposed(&first.test, &other.test) || opposed(&other.test, &first.test)
    })
}

/// Whether one test is known to hold if the other does not.
fn opposed(test: &ChoiceTest, other: &ChoiceTest) -> bool {
    if let ChoiceTest::Not(inner) = test {
        return same(inner, other);
    }
    match (one(test), one(other)) {
        (Some((variable, comparison)), Some((its, compared))) => {
            variable == its && covers_all(comparison, compared)
        }
        (Some(_) | None, _) => false,
    }
}

/// Returns the variable and the comparison of a test that is a single comparison.
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

/// Whether one of two comparisons holds for every value of the right kind.
fn covers_all(comparison: &Comparison, other: &Comparison) -> bool {
    match (comparison, other) {
        (Comparison::IsPresent(one), Comparison::IsPresent(two))
        | (Comparison::IsNull(one), Comparison::IsNull(two)) => one != two,
        (
            Comparison::Boolean(ComparisonOperand::Value(one)),
            Comparison::Boolean(ComparisonOperand::Value(two)),
        ) => one != two,
        (Comparison::Text(one, a), Comparison::Text(two, b))
        | (Comparison::Number(one, a), Comparison::Number(two, b))
        | (Comparison::Time(one, a), Comparison::Time(two, b)) => {
            a == b && covers_all_orders(*one, *two)
        }
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

fn covers_all_orders(one: Relation, other: Relation) -> bool {
    use crate::bundle::choice::Relation::{Greater, GreaterOrEqual, Less, LessOrEqual};

    matches!(
        (one, other),
        (Less | LessOrEqual, GreaterOrEqual) | (LessOrEqual, Greater)
    )
}
