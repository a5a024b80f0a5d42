//! Reads the states of a flow.
//! Reports state types of the Amazon States Language that ZIS does not have.

use std::time::Duration;

use crate::bundle::read::{check_keys, map, non_empty_text, optional};
use crate::bundle::state::{BundleState, Catcher, Definition, NextState, PathField, StateKind};
use crate::bundle::vocabulary::{
    ACTION, CATCH, CHOICES, DEFINITION, FAIL, KeySet, MAP, PASS, SUCCEED, WAIT,
};
use crate::bundle::{SpannedText, choice};
use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::decode::Decode;
use crate::document::suggest;
use crate::document::{Entry, Node, Yaml};

/// The types of states, in the order of the documentation.
pub const TYPES: [&str; 7] = ["Action", "Choice", "Map", "Wait", "Pass", "Succeed", "Fail"];

pub fn read(node: &Node, diagnostics: &mut Diagnostics) -> Option<Definition> {
    let entries = map(node, "a flow's definition", diagnostics)?;
    check_keys(entries, &DEFINITION, diagnostics);
    let start_at = match node.get("StartAt") {
        Some(start) => non_empty_text(start, "StartAt", diagnostics),
        None => {
            let help = "add `StartAt` with the name of the first state";
            diagnostics.error(
                Code::MissingKey,
                node.at,
                "this flow has no `StartAt`",
                help,
            );
            None
        }
    };
    let states = node.get("States").and_then(Node::as_map);
    let Some(states) = states.filter(|states| !states.is_empty()) else {
        let help = "add `States`, a mapping from names to states";
        diagnostics.error(Code::MissingKey, node.at, "this flow has no `States`", help);
        return None;
    };
    let mut definition = Definition {
        at: node.at,
        start_at: start_at?,
        states: Vec::with_capacity(states.len()),
        broken: Vec::new(),
        timeout: read_timeout(node, diagnostics),
    };
    for entry in states {
        match read_state(entry, diagnostics) {
            Some(state) => definition.states.push(state),
            None => definition.broken.push(entry.key.clone()),
        }
    }
    Some(definition)
}

fn read_state(entry: &Entry, diagnostics: &mut Diagnostics) -> Option<BundleState> {
    let node = &entry.value;
    let entries = map(node, "a state", diagnostics)?;
    let kind = read_type(node, entry, diagnostics)?;
    check_keys(entries, keys(kind), diagnostics);
    let errors = diagnostics.errors();
    let does = read_kind(kind, node, entry, diagnostics);
    let then = match kind {
        "Choice" | "Succeed" | "Fail" => Some(NextState::End),
        _ => read_then(node, entry, diagnostics),
    };
    let (input, output) = (
        path_field(node, "InputPath", diagnostics),
        path_field(node, "OutputPath", diagnostics),
    );
    let result = path_field(node, "ResultPath", diagnostics);
    let (does, then) = (does?, then?);
    let valid = diagnostics.errors() == errors;
    let state = BundleState {
        name: SpannedText {
            text: entry.key.clone(),
            at: entry.key_at,
        },
        comment: optional(node, "Comment", diagnostics).map(|comment| comment.text),
        does,
        input,
        output,
        result,
        timeout: read_timeout(node, diagnostics),
        then,
    };
    valid.then_some(state)
}

/// Reads `TimeoutSeconds`.
fn read_timeout(node: &Node, diagnostics: &mut Diagnostics) -> Option<Duration> {
    let found = node.get("TimeoutSeconds")?;
    let seconds = whole_seconds(found, "TimeoutSeconds", diagnostics)?;
    if seconds == 0 {
        let help = "write how many seconds it may take, at least 1";
        let message = "`TimeoutSeconds` must be more than 0";
        diagnostics.error(Code::InvalidValue, found.at, message, help);
        return None;
    }
    Some(Duration::from_secs(seconds))
}

fn whole_seconds(node: &Node, key: &str, diagnostics: &mut Diagnostics) -> Option<u64> {
    let seconds = match &node.value {
        Yaml::Number(number) => number.as_u64(),
        Yaml::Null | Yaml::Bool(_) | Yaml::Text(_) | Yaml::List(_) | Yaml::Map(_) => None,
    };
    if seconds.is_none() {
        let message = format!("`{key}` takes a whole number, found {}", node.kind());
        let help = "write how many seconds, without quotes";
        diagnostics.error(Code::WrongType, node.at, message, help);
    }
    seconds
}

/// The keys of a state of a type.
pub fn keys(kind: &str) -> &'static KeySet {
    match kind {
        "Action" => &ACTION,
        "Choice" => &CHOICES,
        "Map" => &MAP,
        "Wait" => &WAIT,
        "Pass" => &PASS,
        "Succeed" => &SUCCEED,
        _ => &FAIL,
    }
}

/// The type of a state under a misspelt key, which is reported with the other keys.
fn misspelt_type(node: &Node) -> Option<&Node> {
    let is_type = |entry: &&Entry| {
        let key = entry.key.to_lowercase();
        let known = entry
            .value
            .as_text()
            .is_some_and(|text| TYPES.contains(&text));
        known && suggest::is_misspelt(&key, "type")
    };
    let entry = node.as_map()?.iter().find(is_type)?;
    Some(&entry.value)
}

fn read_type(node: &Node, entry: &Entry, diagnostics: &mut Diagnostics) -> Option<&'static str> {
    let Some(found) = node.get("Type").or_else(|| misspelt_type(node)) else {
        let message = format!("the state `{}` has no `Type`", entry.key);
        let help = format!("add `Type`: one of {}", TYPES.join(", "));
        diagnostics.error(Code::MissingKey, entry.key_at, message, &help);
        return None;
    };
    let text = diagnostics.text(found, "Type")?;
    if let Some(known) = TYPES.into_iter().find(|known| **known == *text) {
        return Some(known);
    }
    let help = match text.as_str() {
        "Task" => "ZIS calls it `Action`; what it does is its `ActionName`".into(),
        "Parallel" => "ZIS has none; put the states in sequence, or use `Map`".into(),
        _ => match suggest::nearest(&text, TYPES.into_iter()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the types are {}", TYPES.join(", ")),
        },
    };
    let message = format!("ZIS has no state of type `{text}`");
    diagnostics.error(Code::InvalidValue, found.at, message, &help);
    None
}

fn read_kind(
    kind: &str,
    node: &Node,
    entry: &Entry,
    diagnostics: &mut Diagnostics,
) -> Option<StateKind> {
    Some(match kind {
        "Action" => {
            let name = required(node, "ActionName", entry, diagnostics)
                .and_then(|n| non_empty_text(n, "ActionName", diagnostics));
            let parameters = read_parameters(node, diagnostics);
            let catch = read_catch(node, diagnostics);
            StateKind::Action {
                name: name?,
                parameters: parameters?,
                catch: catch?,
            }
        }
        "Choice" => read_choices(node, entry, diagnostics)?,
        "Map" => {
            let items = required(node, "ItemsPath", entry, diagnostics)
                .and_then(|n| non_empty_text(n, "ItemsPath", diagnostics));
            let each =
                required(node, "Iterator", entry, diagnostics).and_then(|n| read(n, diagnostics));
            let catch = read_catch(node, diagnostics);
            StateKind::Map {
                items: items?,
                each: each?,
                catch: catch?,
            }
        }
        "Wait" => read_wait(required(node, "Seconds", entry, diagnostics)?, diagnostics)?,
        "Pass" => StateKind::Pass {
            result: node.get("Result").cloned(),
            parameters: read_parameters(node, diagnostics)?,
        },
        "Succeed" => StateKind::Succeed {
            message: read_text(node, "Message", diagnostics)?,
        },
        _ => StateKind::Fail {
            error: read_text(node, "Error", diagnostics)?,
            cause: read_text(node, "Cause", diagnostics)?,
        },
    })
}

fn required<'n>(
    node: &'n Node,
    key: &str,
    entry: &Entry,
    diagnostics: &mut Diagnostics,
) -> Option<&'n Node> {
    let found = node.get(key);
    if found.is_none() {
        let message = format!("the state `{}` has no `{key}`", entry.key);
        let help = match key {
            "ActionName" => "add `ActionName`: zis:INTEGRATION:action:NAME",
            "ItemsPath" => "add `ItemsPath` with the path of a list: `$.orders`",
            "Iterator" => "add `Iterator` with the states of one round: `{ StartAt, States }`",
            _ => "add `Seconds`, a number",
        };
        diagnostics.error(Code::MissingKey, entry.key_at, message, help);
    }
    found
}

/// Reads `Parameters`. The outer None follows after an error.
fn read_parameters(node: &Node, diagnostics: &mut Diagnostics) -> Option<Option<Node>> {
    let Some(parameters) = node.get("Parameters") else {
        return Some(None);
    };
    map(parameters, "`Parameters`", diagnostics)?;
    Some(Some(parameters.clone()))
}

/// Reads a text under a key, or under the key with the suffix `.$`.
fn read_text(node: &Node, key: &str, diagnostics: &mut Diagnostics) -> Option<Option<Node>> {
    let found = node.get(key).or_else(|| node.get(&format!("{key}.$")));
    let Some(found) = found else {
        return Some(None);
    };
    diagnostics.text(found, key)?;
    Some(Some(found.clone()))
}

fn read_choices(node: &Node, entry: &Entry, diagnostics: &mut Diagnostics) -> Option<StateKind> {
    let list = node.get("Choices").and_then(Node::as_list);
    let Some(items) = list.filter(|items| !items.is_empty()) else {
        let message = format!("the state `{}` has no `Choices`", entry.key);
        let help = "add `Choices`, a list: `{ Variable: …, StringEquals: …, Next: … }`";
        diagnostics.error(Code::MissingKey, entry.key_at, message, help);
        return None;
    };
    let choices: Vec<_> = items
        .iter()
        .map(|item| choice::read(item, diagnostics))
        .collect();
    let default = optional(node, "Default", diagnostics);
    Some(StateKind::Choice {
        choices: choices.into_iter().collect::<Option<_>>()?,
        default,
    })
}

fn read_wait(node: &Node, diagnostics: &mut Diagnostics) -> Option<StateKind> {
    Some(StateKind::Wait {
        seconds: whole_seconds(node, "Seconds", diagnostics)?,
        at: node.at,
    })
}

/// Reads exactly one of `Next` and `End`.
fn read_then(node: &Node, entry: &Entry, diagnostics: &mut Diagnostics) -> Option<NextState> {
    let name = &entry.key;
    match (node.get("Next"), node.get("End")) {
        (Some(next), None) => non_empty_text(next, "Next", diagnostics).map(NextState::Next),
        (None, Some(end)) if end.value == Yaml::Bool(true) => Some(NextState::End),
        (None, Some(end)) => {
            let message = format!("`End` of the state `{name}` must be true");
            diagnostics.error(
                Code::InvalidValue,
                end.at,
                message,
                "write `End: true`, or `Next` with the state that follows",
            );
            None
        }
        (Some(_), Some(end)) => {
            let message = format!("the state `{name}` has `Next` and `End`");
            diagnostics.error(Code::InvalidValue, end.at, message, "keep one of them");
            None
        }
        (None, None) => {
            let message = format!("the state `{name}` has neither `Next` nor `End`");
            let help = "add `Next` with the state that follows, or `End: true`";
            diagnostics.error(Code::MissingKey, entry.key_at, message, help);
            None
        }
    }
}

/// Reads a path key, which may be null.
fn path_field(node: &Node, key: &str, diagnostics: &mut Diagnostics) -> Option<PathField> {
    let found = node.get(key)?;
    let path = match &found.value {
        Yaml::Null => None,
        _ => Some(non_empty_text(found, key, diagnostics)?.text),
    };
    Some(PathField { path, at: found.at })
}

/// Reads `Catch`. The outer None follows after an error.
fn read_catch(node: &Node, diagnostics: &mut Diagnostics) -> Option<Option<Catcher>> {
    let Some(catch) = node.get("Catch") else {
        return Some(None);
    };
    let Some(items) = catch.as_list() else {
        let message = format!("`Catch` takes a list, found {}", catch.kind());
        let help = "write `[{ ErrorEquals: [States.ALL], Next: … }]`";
        diagnostics.error(Code::WrongType, catch.at, message, help);
        return None;
    };
    let Some((first, surplus)) = items.split_first() else {
        return Some(None);
    };
    if let Some(second) = surplus.first() {
        let message = "unreachable `Catch`: the first one handles every error";
        diagnostics.warning(
            Code::InvalidValue,
            second.at,
            message,
            "remove it: ZIS has only one kind of error, `States.ALL`",
        );
    }
    let entries = map(first, "`Catch`", diagnostics)?;
    check_keys(entries, &CATCH, diagnostics);
    check_errors(first, diagnostics);
    let Some(next) = first.get("Next") else {
        let help = "add `Next` with the state to run if this one fails";
        diagnostics.error(
            Code::MissingKey,
            first.at,
            "this `Catch` has no `Next`",
            help,
        );
        return None;
    };
    Some(Some(Catcher {
        at: first.at,
        next: non_empty_text(next, "Next", diagnostics)?,
        result: path_field(first, "ResultPath", diagnostics),
    }))
}

fn check_errors(node: &Node, diagnostics: &mut Diagnostics) {
    const HELP: &str = "write `ErrorEquals: [States.ALL]`; ZIS has no other error name";
    let Some(errors) = node.get("ErrorEquals") else {
        diagnostics.error(
            Code::MissingKey,
            node.at,
            "this `Catch` has no `ErrorEquals`",
            HELP,
        );
        return;
    };
    let named = errors.as_list().unwrap_or_default();
    let others: Vec<&Node> = named
        .iter()
        .filter(|name| name.as_text() != Some("States.ALL"))
        .collect();
    if named.is_empty() {
        diagnostics.error(
            Code::WrongType,
            errors.at,
            "`ErrorEquals` takes a list of names",
            HELP,
        );
    }
    for other in others {
        let name = other.as_text().unwrap_or("this");
        let message = format!("ZIS has no error `{name}`");
        diagnostics.error(Code::InvalidValue, other.at, message, HELP);
    }
}
