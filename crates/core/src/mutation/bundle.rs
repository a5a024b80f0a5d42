//! Mutants of the flows of ZIS bundles: choices are dropped, comparisons negated and shifted, `And` and `Or` swapped; a state, or
//! a value that a request sends, is dropped. Each is a copy of the whole bundle.

use crate::bundle::choice::Relation;
use crate::bundle::choice::comparator::{Against, Comparator, ComparedKind};
use crate::bundle::{ResourceKind, ResourceName};
use crate::document::{Entry, Node, Yaml};
use crate::mutation::condition::bound_mutants;
use crate::mutation::cursor::NodeCursor;
use crate::mutation::flow::{drop_leaf, entry, leaf, leaves_below};
use crate::mutation::shown::{shown, shown_entry};
use crate::mutation::{Mutant, MutationKind};

/// The mutants of a flow, with those of the actions that it calls.
pub fn flow(bundle: &NodeCursor<'_>, name: &str, found: &mut Vec<Mutant>) {
    let Some(definition) = definition(bundle, ResourceKind::Flow, name) else {
        return;
    };
    let mut called = Vec::new();
    states(&definition, &mut called, found);
    for action in called {
        if let Some(request) = definition_of_action(bundle, &action) {
            self::request(&request, found);
        }
    }
}

fn definition_of_action<'n>(bundle: &NodeCursor<'n>, name: &str) -> Option<NodeCursor<'n>> {
    definition(bundle, ResourceKind::Action, name)
}

/// The definition of the resource with this name.
fn definition<'n>(
    bundle: &NodeCursor<'n>,
    kind: ResourceKind,
    name: &str,
) -> Option<NodeCursor<'n>> {
    let resources = bundle.get("resources")?.entries().into_iter();
    let mut definitions = resources.filter_map(|resource| {
        let of_kind = resource.node.get("type").and_then(Node::as_text) == Some(kind.as_str());
        let properties = resource.get("properties").filter(|_| of_kind)?;
        let own = properties.node.get("name").and_then(Node::scalar_text);
        let is_named = own.as_deref().unwrap_or(resource.key()) == name;
        properties.get("definition").filter(|_| is_named)
    });
    definitions.next()
}

/// The states of a flow or of an iterator. Adds the names of the actions that they call.
fn states(definition: &NodeCursor<'_>, called: &mut Vec<String>, found: &mut Vec<Mutant>) {
    let states = definition.get("States");
    for state in states.map(|states| states.entries()).unwrap_or_default() {
        match state.node.get("Type").and_then(Node::as_text) {
            Some("Choice") => choices(&state, found),
            Some("Action") => action(&state, called, found),
            Some("Wait") => found.push(passed(&state)),
            Some("Map") => {
                found.push(passed(&state));
                if let Some(iterator) = state.get("Iterator") {
                    self::states(&iterator, called, found);
                }
            }
            Some("Fail") => {
                let succeed = vec![text("Type", "Succeed", &state)];
                let change = format!("drop the state `{}`", state.key());
                found.push(state.replaced(MutationKind::DropStep, change, Yaml::Map(succeed)));
            }
            // A state that only prepares the document of others, or ends the flow as its end does.
            Some(_) | None => {}
        }
    }
}

/// The mutant with a state that does nothing and leads to the same one.
fn passed(state: &NodeCursor<'_>) -> Mutant {
    let leads = |entry: &&Entry| matches!(entry.key.as_str(), "Next" | "End");
    let entries = state.node.as_map().unwrap_or_default();
    let next = entries.iter().filter(leads).cloned();
    let pass = [text("Type", "Pass", state)].into_iter().chain(next);
    let change = format!("drop the state `{}`", state.key());
    state.replaced(MutationKind::DropStep, change, Yaml::Map(pass.collect()))
}

fn text(key: &str, value: &str, at: &NodeCursor<'_>) -> Entry {
    entry(key, Yaml::Text(value.to_owned()), at.node.at)
}

fn action(state: &NodeCursor<'_>, called: &mut Vec<String>, found: &mut Vec<Mutant>) {
    let name = state.node.get("ActionName").and_then(Node::as_text);
    let Some(name) = name else {
        return;
    };
    // A built-in action sends nothing: it prepares the document of other states.
    if ResourceName::parse(name).is_some_and(|full| full.is_common()) {
        return;
    }
    found.push(passed(state));
    if let Some(parameters) = state.get("Parameters") {
        leaves_below(&parameters, found);
    }
    let name = ResourceName::short(name).to_owned();
    if !called.contains(&name) {
        called.push(name);
    }
}

/// What a request sends.
fn request(definition: &NodeCursor<'_>, found: &mut Vec<Mutant>) {
    for part in definition.entries() {
        match part.key() {
            "requestBody" | "requestBody.$" => leaf(&part, found),
            "headers" | "queryParams" => {
                for pair in part.items() {
                    found.push(drop_leaf(&pair));
                }
            }
            _ => {}
        }
    }
}

fn choices(state: &NodeCursor<'_>, found: &mut Vec<Mutant>) {
    let list = state.get("Choices");
    let choices = list.map(|list| list.items()).unwrap_or_default();
    let default = state.get("Default");
    for choice in &choices {
        let change = format!("drop the choice `{}`", shown(choice.node));
        match (&default, choices.len()) {
            (_, 2..) => found.push(choice.removed(MutationKind::DropBranch, change)),
            // A list of choices is never empty.
            (Some(default), _) => {
                let next = entry("Next", default.node.value.clone(), default.node.at);
                let pass = Yaml::Map(vec![text("Type", "Pass", state), next]);
                let mutant = state.replaced(MutationKind::DropBranch, change, pass);
                let (key, at) = (format!("{}.Choices[0]", mutant.key), choice.at());
                found.push(Mutant { key, at, ..mutant });
            }
            (None, _) => {}
        }
        test(choice, found);
    }
    if let Some(default) = &default {
        let change = format!("drop `{}`", shown_entry(default.key(), default.node));
        found.push(default.removed(MutationKind::DropBranch, change));
    }
}

/// A choice, or a test in one.
fn test(mapping: &NodeCursor<'_>, found: &mut Vec<Mutant>) {
    for entry in mapping.entries() {
        match entry.key() {
            "And" | "Or" => group(&entry, found),
            "Not" => {
                let others = others(mapping, entry.key());
                let inner = entry.node.as_map().unwrap_or_default().iter().cloned();
                let value = Yaml::Map(inner.chain(others).collect());
                let change = format!("negate `{}`", shown_entry(entry.key(), entry.node));
                found.push(mapping.replaced(MutationKind::Negate, change, value));
                // The opposite of the one comparison in it is what was added.
                match comparison(&entry) {
                    Some((comparator, compared)) => bounds(comparator, &compared, found),
                    None => test(&entry, found),
                }
            }
            key => {
                if let Some(comparator) = Comparator::parse(key) {
                    found.push(negated(mapping, &entry));
                    bounds(comparator, &entry, found);
                }
            }
        }
    }
}

fn group(entry: &NodeCursor<'_>, found: &mut Vec<Mutant>) {
    let items = entry.items();
    if items.len() > 1 {
        let other = match entry.key() {
            "And" => "Or",
            _ => "And",
        };
        let change = format!("`{}` becomes `{other}`", entry.key());
        let value = entry.node.value.clone();
        found.push(entry.rewritten(MutationKind::Swap, change, other, value));
    }
    for item in &items {
        if items.len() > 1 {
            let change = format!("drop `{}`", shown(item.node));
            found.push(item.removed(MutationKind::DropPredicate, change));
        }
        test(item, found);
    }
}

/// The comparison of a mapping that has one.
fn comparison<'n>(mapping: &NodeCursor<'n>) -> Option<(Comparator, NodeCursor<'n>)> {
    let mut entries = mapping.entries().into_iter();
    entries.find_map(|entry| Some((Comparator::parse(entry.key())?, entry)))
}

/// The entries of a mapping but those of its test: `Next` of a choice.
fn others(mapping: &NodeCursor<'_>, test: &str) -> Vec<Entry> {
    let entries = mapping.node.as_map().unwrap_or_default().iter();
    let others = entries.filter(|entry| entry.key != test && entry.key != "Variable");
    others.cloned().collect()
}

/// A comparison that holds where the written one does not.
fn negated(mapping: &NodeCursor<'_>, compared: &NodeCursor<'_>) -> Mutant {
    if let Yaml::Bool(wanted) = compared.node.value {
        let (key, other) = (compared.key(), !wanted);
        let change = format!("`{key}: {wanted}` becomes `{key}: {other}`");
        return compared.replaced(MutationKind::Negate, change, Yaml::Bool(other));
    }
    let others = others(mapping, compared.key());
    let is_test = |entry: &&Entry| !others.contains(entry);
    let entries = mapping.node.as_map().unwrap_or_default().iter();
    let tested = Yaml::Map(entries.filter(is_test).cloned().collect());
    let not = entry("Not", tested, compared.at());
    let value = Yaml::Map([not].into_iter().chain(others).collect());
    let change = format!("negate `{}`", shown_entry(compared.key(), compared.node));
    Mutant {
        at: compared.at(),
        ..mapping.replaced(MutationKind::Negate, change, value)
    }
}

/// A limit that is compared with. An equality has none.
fn bounds(comparator: Comparator, compared: &NodeCursor<'_>, found: &mut Vec<Mutant>) {
    let Comparator::Of(kind, relation, Against::Value) = comparator else {
        return;
    };
    let is_ordered = match kind {
        ComparedKind::Number | ComparedKind::Time => relation != Relation::Equals,
        ComparedKind::Text | ComparedKind::Boolean => false,
    };
    if is_ordered {
        bound_mutants(compared, found);
    }
}
