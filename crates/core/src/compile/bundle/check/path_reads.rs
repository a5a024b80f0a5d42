//! Collects the paths that a state or an action reads, with their locations.
//! Paths are the values of keys that end in `.$`, placeholders, and path keys of states.

use crate::bundle::choice::{ChoiceRule, ChoiceTest, Comparison, ComparisonOperand};
use crate::bundle::http::{HttpAction, RequestTarget, TemplatedValue};
use crate::bundle::state::{BundleState, StateKind};
use crate::diagnostic::Span;
use crate::document::{Node, Yaml};
use crate::language::template::placeholder::placeholders;

/// A path that is read.
#[derive(Debug, Clone, PartialEq)]
pub struct PathRead {
    pub path: String,
    pub at: Span,
    /// Whether the value may be absent, as in `IsPresent`.
    pub may_be_absent: bool,
}

impl PathRead {
    pub fn new(path: &str, at: Span) -> Self {
        Self {
            path: path.trim().to_owned(),
            at,
            may_be_absent: false,
        }
    }
}

/// Returns the paths that a state reads in its input.
pub fn of_state(state: &BundleState) -> Vec<PathRead> {
    let mut reads: Vec<PathRead> = Vec::new();
    match &state.does {
        StateKind::Action { parameters, .. } | StateKind::Pass { parameters, .. } => {
            parameters
                .iter()
                .for_each(|node| of_value(node, &mut reads));
        }
        StateKind::Choice { choices, .. } => choices
            .iter()
            .for_each(|choice| of_choice(choice, &mut reads)),
        StateKind::Map { items, .. } => reads.push(PathRead::new(&items.text, items.at)),
        StateKind::Wait { .. } => {}
        StateKind::Succeed { message } => {
            message.iter().for_each(|node| of_message(node, &mut reads))
        }
        StateKind::Fail { error, cause } => {
            error
                .iter()
                .chain(cause)
                .for_each(|node| of_message(node, &mut reads));
        }
    }
    reads
}

/// Returns the paths that an action reads in its parameters.
pub fn of_action(action: &HttpAction) -> Vec<PathRead> {
    let mut reads = Vec::new();
    let address = match &action.address {
        RequestTarget::Url(value) | RequestTarget::Path(value) => value,
    };
    let pairs = action
        .headers
        .iter()
        .chain(&action.query)
        .map(|pair| &pair.value);
    for value in std::iter::once(address).chain(pairs).chain(&action.body) {
        of_templated(value, &mut reads);
    }
    reads
}

fn of_templated(value: &TemplatedValue, reads: &mut Vec<PathRead>) {
    match value.reference {
        true => of_reference(&value.node, reads),
        false => of_value(&value.node, reads),
    }
}

fn of_value(node: &Node, reads: &mut Vec<PathRead>) {
    match &node.value {
        Yaml::Text(text) => of_text(text, node.at, reads),
        Yaml::List(items) => items.iter().for_each(|item| of_value(item, reads)),
        Yaml::Map(entries) => {
            for entry in entries {
                match entry.key.ends_with(".$") {
                    true => of_reference(&entry.value, reads),
                    false => of_value(&entry.value, reads),
                }
            }
        }
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) => {}
    }
}

fn of_reference(node: &Node, reads: &mut Vec<PathRead>) {
    match node.as_text() {
        Some(text) if text.starts_with('$') => reads.push(PathRead::new(text, node.at)),
        Some(_) | None => of_value(node, reads),
    }
}

/// Reads a text of `Succeed` or `Fail`, which may be a single path.
fn of_message(node: &Node, reads: &mut Vec<PathRead>) {
    let text = node.as_text().unwrap_or_default();
    match text.starts_with("$.") && !text.contains(' ') {
        true => reads.push(PathRead::new(text, node.at)),
        false => of_text(text, node.at, reads),
    }
}

fn of_text(text: &str, at: Span, reads: &mut Vec<PathRead>) {
    let found = placeholders(text).into_iter();
    reads.extend(found.map(|found| PathRead::new(&text[found.path], at)));
}

fn of_choice(choice: &ChoiceRule, reads: &mut Vec<PathRead>) {
    of_test(&choice.test, reads);
}

fn of_test(test: &ChoiceTest, reads: &mut Vec<PathRead>) {
    match test {
        ChoiceTest::And(parts) | ChoiceTest::Or(parts) => {
            parts.iter().for_each(|part| of_test(part, reads))
        }
        ChoiceTest::Not(part) => of_test(part, reads),
        ChoiceTest::One {
            variable,
            comparison,
            at,
        } => {
            reads.push(PathRead {
                may_be_absent: matches!(comparison, Comparison::IsPresent(_)),
                ..PathRead::new(&variable.text, variable.at)
            });
            let operand = match comparison {
                Comparison::Text(_, operand)
                | Comparison::Number(_, operand)
                | Comparison::Time(_, operand)
                | Comparison::Boolean(operand) => operand,
                Comparison::IsPresent(_) | Comparison::IsNull(_) => return,
            };
            if let ComparisonOperand::Path(path) = operand {
                reads.push(PathRead::new(path, *at));
            }
        }
    }
}
