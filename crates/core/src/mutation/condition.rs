//! Mutants of conditions: predicates dropped and negated, bounds shifted, elements dropped, `any` and `all` swapped.

use crate::document::{Entry, Node, Yaml};
use crate::language::operator;
use crate::language::operator::operand::is_path;
use crate::mutation::bound::shifted;
use crate::mutation::cursor::NodeCursor;
use crate::mutation::shown::{shown, shown_entry};
use crate::mutation::{Mutant, MutationKind};

/// The `when` of a rule or of an awaited event, which may be left out.
pub fn of_rule(when: &NodeCursor<'_>, found: &mut Vec<Mutant>) {
    if let [only] = when.entries().as_slice() {
        let change = dropped(&shown_entry(only.key(), only.node));
        found.push(when.removed(MutationKind::DropPredicate, change));
    }
    condition(when, found);
}

/// A condition that must stay: that of a guard or a branch.
pub fn condition(mapping: &NodeCursor<'_>, found: &mut Vec<Mutant>) {
    let entries = mapping.entries();
    for entry in &entries {
        let is_alone = entries.len() == 1;
        match (entry.key(), &entry.node.value) {
            ("all" | "any" | "none", Yaml::List(_)) => group(entry, is_alone, found),
            ("any_of", Yaml::Map(_)) => {
                if !is_alone {
                    found.push(drop_predicate(entry));
                }
                if let Some(when) = entry.get("when") {
                    condition(&when, found);
                }
            }
            // The element of a list is tested without a path.
            (key, _) if key == "not" || operator::find(key).is_some() => {
                if !is_alone {
                    found.push(drop_predicate(entry));
                }
                found.push(negated_operator(entry));
                operand(entry, found);
            }
            ("ignore_case", _) => {}
            (_, _) => {
                if !is_alone {
                    found.push(drop_predicate(entry));
                }
                found.push(negated(entry));
                test(entry, found);
            }
        }
    }
}

fn group(entry: &NodeCursor<'_>, is_alone: bool, found: &mut Vec<Mutant>) {
    let items = entry.items();
    let key = entry.key();
    if items.len() > 1 {
        let other = match key {
            "any" => Some("all"),
            "all" => Some("any"),
            _ => None,
        };
        if let Some(other) = other {
            let change = format!("`{key}` becomes `{other}`");
            let value = entry.node.value.clone();
            found.push(entry.rewritten(MutationKind::Swap, change, other, value));
        }
    } else if !is_alone {
        found.push(drop_predicate(entry));
    }
    for item in &items {
        if items.len() > 1 {
            let change = dropped(&shown_item(item.node));
            found.push(item.removed(MutationKind::DropPredicate, change));
        }
        condition(item, found);
    }
}

/// The test of a field: a value, a list of values, or operators.
fn test(value: &NodeCursor<'_>, found: &mut Vec<Mutant>) {
    let operators = value.node.as_map().filter(|entries| !is_path(entries));
    if operators.is_none() {
        elements(value, found);
        return;
    }
    let all = value.entries();
    let tests = || all.iter().filter(|entry| entry.key() != "ignore_case");
    let several = tests().count() > 1;
    for entry in tests() {
        if several {
            found.push(drop_predicate(entry));
        }
        operand(entry, found);
    }
}

/// The operand of an operator.
fn operand(entry: &NodeCursor<'_>, found: &mut Vec<Mutant>) {
    match entry.key() {
        "not" => test(entry, found),
        "gt" | "gte" | "lt" | "lte" | "before" | "after" => bound_mutants(entry, found),
        "between" => {
            for end in entry.items() {
                bound_mutants(&end, found);
            }
        }
        "any_of" => condition(entry, found),
        key @ ("has" | "has_all") => {
            if entry.items().len() > 1 {
                let other = if key == "has" { "has_all" } else { "has" };
                let change = format!("`{key}` becomes `{other}`");
                let value = entry.node.value.clone();
                found.push(entry.rewritten(MutationKind::Swap, change, other, value));
            }
            elements(entry, found);
        }
        _ => elements(entry, found),
    }
}

/// The mutants with a list that lacks one element.
pub fn elements(list: &NodeCursor<'_>, found: &mut Vec<Mutant>) {
    let items = list.items();
    if items.len() < 2 {
        return;
    }
    for item in items {
        let of = list.key();
        let change = match of {
            "" => dropped(&shown(item.node)),
            of => format!("drop `{}` of `{of}`", shown(item.node)),
        };
        found.push(item.removed(MutationKind::DropElement, change));
    }
}

/// The mutants with a value one unit higher and one unit lower.
pub fn bound_mutants(value: &NodeCursor<'_>, found: &mut Vec<Mutant>) {
    for bound in shifted(value.node) {
        let (from, to) = (
            shown(value.node),
            Node {
                value: bound.value.clone(),
                at: value.node.at,
            },
        );
        let to = shown(&to);
        let change = match value.key() {
            "" => format!("`{from}` becomes `{to}`"),
            key => format!("`{key}: {from}` becomes `{key}: {to}`"),
        };
        found.push(value.replaced(bound.kind, change, bound.value));
    }
}

fn drop_predicate(entry: &NodeCursor<'_>) -> Mutant {
    let change = dropped(&shown_entry(entry.key(), entry.node));
    entry.removed(MutationKind::DropPredicate, change)
}

/// A field with the opposite test.
fn negated(entry: &NodeCursor<'_>) -> Mutant {
    let value = opposite(entry.node);
    let node = Node {
        value: value.clone(),
        at: entry.node.at,
    };
    let change = becomes(
        &shown_entry(entry.key(), entry.node),
        &shown_entry(entry.key(), &node),
    );
    entry.replaced(MutationKind::Negate, change, value)
}

/// An operator without a field, negated.
fn negated_operator(entry: &NodeCursor<'_>) -> Mutant {
    let from = shown_entry(entry.key(), entry.node);
    if entry.key() == "not" {
        // `not: X` is `X`, which is written as `not: { not: X }` where no operator may stand alone.
        let value = Yaml::Map(vec![named("not", entry.node.value.clone(), entry)]);
        return entry.replaced(MutationKind::Negate, format!("negate `{from}`"), value);
    }
    let value = Yaml::Map(vec![named(entry.key(), entry.node.value.clone(), entry)]);
    entry.rewritten(
        MutationKind::Negate,
        format!("negate `{from}`"),
        "not",
        value,
    )
}

/// The test that holds where this one does not.
fn opposite(test: &Node) -> Yaml {
    if let Some([only]) = test.as_map() {
        match (only.key.as_str(), &only.value.value) {
            ("not", value) => return value.clone(),
            ("exists" | "present", Yaml::Bool(holds)) => {
                let mut only = only.clone();
                only.value.value = Yaml::Bool(!holds);
                return Yaml::Map(vec![only]);
            }
            _ => {}
        }
    }
    Yaml::Map(vec![Entry {
        key: "not".to_owned(),
        key_at: test.at,
        value: test.clone(),
    }])
}

fn named(key: &str, value: Yaml, at: &NodeCursor<'_>) -> Entry {
    Entry {
        key: key.to_owned(),
        key_at: at.at(),
        value: Node {
            value,
            at: at.node.at,
        },
    }
}

/// The predicates of an item of a group: without the braces if there is only one.
fn shown_item(item: &Node) -> String {
    match item.as_map() {
        Some([only]) => shown_entry(&only.key, &only.value),
        Some(_) | None => shown(item),
    }
}

fn dropped(what: &str) -> String {
    format!("drop `{what}`")
}

fn becomes(from: &str, to: &str) -> String {
    format!("`{from}` becomes `{to}`")
}
