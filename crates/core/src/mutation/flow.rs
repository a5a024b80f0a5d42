//! Mutants of flows: a step, a guard, a branch, or a leaf of what a step sends is dropped, and conditions are changed.

use crate::diagnostic::Span;
use crate::document::{Entry, Node, Yaml};
use crate::mutation::condition::{condition, elements, of_rule};
use crate::mutation::cursor::NodeCursor;
use crate::mutation::shown::{shown, shown_entry};
use crate::mutation::{Mutant, MutationKind};

/// The steps of a flow.
pub fn steps(list: &NodeCursor<'_>, found: &mut Vec<Mutant>) {
    let steps = list.items();
    let is_only = steps.len() == 1;
    let last = steps.len().saturating_sub(1);
    for (number, step) in steps.iter().enumerate() {
        if let Some(when) = step.get("when") {
            found.push(without(step, is_only, MutationKind::DropGuard, "guard"));
            condition(&when, found);
            continue;
        }
        if is_noticed(step, number == last) {
            found.push(without(step, is_only, MutationKind::DropStep, "step"));
        }
        inside(step, found);
        if let Some(catch) = step.get("catch") {
            self::steps(&catch, found);
        }
    }
}

/// Whether it can be noticed that a step is missing. A value that a later step reads would be reported as undefined,
/// and the end of a flow is also the end without `succeed`.
fn is_noticed(step: &NodeCursor<'_>, is_last: bool) -> bool {
    step.get("set").is_none() && !(is_last && step.get("succeed").is_some())
}

/// The mutant without a step. A flow needs a step, so the only one is replaced by one without an effect.
fn without(step: &NodeCursor<'_>, is_only: bool, kind: MutationKind, word: &str) -> Mutant {
    let name = step.node.get("name").and_then(Node::as_text);
    let what = name.map_or_else(|| shown(step.node), str::to_owned);
    let change = format!("drop the {word} `{what}`");
    if !is_only {
        return step.removed(kind, change);
    }
    let at = step.node.at;
    let name = name.map(|name| entry("name", Yaml::Text(name.to_owned()), at));
    let nothing = entry("set", Yaml::Map(Vec::new()), at);
    step.replaced(
        kind,
        change,
        Yaml::Map(name.into_iter().chain([nothing]).collect()),
    )
}

pub fn entry(key: &str, value: Yaml, at: Span) -> Entry {
    Entry {
        key: key.to_owned(),
        key_at: at,
        value: Node { value, at },
    }
}

/// What is inside of a step.
fn inside(step: &NodeCursor<'_>, found: &mut Vec<Mutant>) {
    for action in step.entries() {
        match action.key() {
            "http" => http(&action, found),
            "exec" => exec(&action, found),
            "choose" => choose(&action, found),
            "wait_for" => wait_for(&action, found),
            // The steps of `for_each`; `flow` with a name has its arguments under `vars`.
            "flow" => steps(&action, found),
            "vars" => leaves_below(&action, found),
            _ => {}
        }
    }
}

fn http(http: &NodeCursor<'_>, found: &mut Vec<Mutant>) {
    for part in http.entries() {
        match part.key() {
            "json" => leaf(&part, found),
            "headers" | "query" | "form" => leaves_below(&part, found),
            "body" => found.push(drop_leaf(&part)),
            _ => {}
        }
    }
}

fn exec(exec: &NodeCursor<'_>, found: &mut Vec<Mutant>) {
    arguments(exec, found);
    for part in exec.entries() {
        match part.key() {
            "argv" => arguments(&part, found),
            "env" => leaves_below(&part, found),
            "stdin" => found.push(drop_leaf(&part)),
            _ => {}
        }
    }
}

/// The arguments of a program, without its name.
fn arguments(argv: &NodeCursor<'_>, found: &mut Vec<Mutant>) {
    for argument in argv.items().iter().skip(1) {
        found.push(drop_leaf(argument));
    }
}

fn choose(choose: &NodeCursor<'_>, found: &mut Vec<Mutant>) {
    let branches = choose.items();
    for (number, branch) in branches.iter().enumerate() {
        if branches.len() > 1 {
            let what = match branch.node.get("when") {
                Some(when) => format!("`{}`", shown(when)),
                None => "without `when`".to_owned(),
            };
            let change = format!("drop the branch {what}");
            found.push(branch.removed(MutationKind::DropBranch, change));
        }
        if let Some(when) = branch.get("when") {
            if let [only] = when.entries().as_slice() {
                let change = format!("drop `{}`", shown_entry(only.key(), only.node));
                let branches = always_taken(choose.node, number);
                let kind = MutationKind::DropPredicate;
                let mutant = choose.replaced(kind, change, branches);
                let key = format!("{}[{number}].when", mutant.key);
                let at = when.at();
                found.push(Mutant { key, at, ..mutant });
            }
            condition(&when, found);
        }
        if let Some(flow) = branch.get("flow") {
            steps(&flow, found);
        }
    }
}

/// The branches up to one that has no condition any more: only the last one may have none.
fn always_taken(choose: &Node, number: usize) -> Yaml {
    let mut branches = choose.as_list().unwrap_or_default().to_vec();
    branches.truncate(number + 1);
    if let Some(Yaml::Map(entries)) = branches.last_mut().map(|last| &mut last.value) {
        entries.retain(|entry| entry.key != "when");
    }
    Yaml::List(branches)
}

fn wait_for(wait: &NodeCursor<'_>, found: &mut Vec<Mutant>) {
    let any = wait.get("any");
    if let Some(any) = &any {
        elements(any, found);
    }
    let events = any.map(|any| any.items()).unwrap_or_default();
    for event in events.iter().chain([wait]) {
        if let Some(types) = event.get("event_type") {
            elements(&types, found);
        }
        if let Some(when) = event.get("when") {
            of_rule(&when, found);
        }
    }
    if let Some(otherwise) = wait.get("otherwise") {
        steps(&otherwise, found);
    }
}

/// The leaves of a mapping or a list; not the node itself.
pub fn leaves_below(node: &NodeCursor<'_>, found: &mut Vec<Mutant>) {
    for child in node.entries().iter().chain(&node.items()) {
        leaf(child, found);
    }
}

/// The leaves of a value: itself if it has no children.
pub fn leaf(node: &NodeCursor<'_>, found: &mut Vec<Mutant>) {
    let has_children = !node.entries().is_empty() || !node.items().is_empty();
    match has_children {
        true => leaves_below(node, found),
        false => found.push(drop_leaf(node)),
    }
}

pub fn drop_leaf(node: &NodeCursor<'_>) -> Mutant {
    let what = match node.key() {
        "" => shown(node.node),
        key => shown_entry(key, node.node),
    };
    node.removed(MutationKind::DropLeaf, format!("drop `{what}`"))
}
