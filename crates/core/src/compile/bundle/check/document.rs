//! Checks the paths that states read against what the document can contain when each state starts.
//! Reports paths that are absent on every route to a state. Replies may contain anything.

use std::collections::{BTreeSet, HashMap};

use crate::bundle::name::ResourceName;
use crate::bundle::state::{BundleState, Definition, NextState, PathField, StateKind};
use crate::compile::bundle::builtin::is_known;
use crate::compile::bundle::check::path_reads::{PathRead, of_state};
use crate::compile::bundle::check::unsatisfiable;
use crate::compile::bundle::flow::default_result_path;
use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::suggest;
use crate::flow::control::ResultPath;
use crate::language::event_fields::FieldCheck;
use crate::language::resolver::NameResolver;
use crate::path::{Path, PathKind, PathSegment};

/// The document before the first state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InitialDocument {
    Event,
    /// An item of a `Map`, with unknown fields.
    Item,
}

/// The keys of an event in its envelope.
const ENVELOPE: [&str; 6] = [
    "input",
    "account_id",
    "subdomain",
    "integration_key",
    "actor_id",
    "raw",
];

/// What a document may contain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct DocumentShape {
    /// The top-level keys written on some route.
    keys: BTreeSet<String>,
    /// Whether it may still contain the event.
    event: bool,
    /// Whether it may have been replaced by an unknown value.
    anything: bool,
}

impl DocumentShape {
    fn join(&mut self, other: &DocumentShape) -> bool {
        let before = self.clone();
        self.keys.extend(other.keys.iter().cloned());
        self.event |= other.event;
        self.anything |= other.anything;
        *self != before
    }

    /// Returns the document after a result was written.
    fn with_result(mut self, result: &ResultPath) -> Self {
        match result {
            ResultPath::Nowhere => self,
            ResultPath::At(keys) => match keys.first() {
                Some(first) => {
                    self.keys.insert(first.name.clone());
                    self
                }
                None => DocumentShape {
                    anything: true,
                    ..DocumentShape::default()
                },
            },
        }
    }
}

pub fn check(definition: &Definition, start: InitialDocument, names: &mut NameResolver<'_>) {
    let before = documents_before(definition, start);
    let written: BTreeSet<String> = before.values().flat_map(|doc| doc.keys.clone()).collect();
    for state in &definition.states {
        if let Some(held) = before.get(state.name.text.as_str()) {
            for read in of_state(state) {
                check_read(&read, state, held, &written, start, names);
            }
            if let StateKind::Choice { choices, .. } = &state.does
                && held.event
                && !held.keys.contains("input")
            {
                choices
                    .iter()
                    .for_each(|choice| unsatisfiable::check(&choice.test, names));
            }
        }
        if let StateKind::Map { each, .. } = &state.does {
            check(each, InitialDocument::Item, names);
        }
    }
}

/// Returns what the document may contain before each reachable state.
fn documents_before(
    definition: &Definition,
    start: InitialDocument,
) -> HashMap<&str, DocumentShape> {
    let first = DocumentShape {
        event: start == InitialDocument::Event,
        anything: start == InitialDocument::Item,
        ..DocumentShape::default()
    };
    let mut before: HashMap<&str, DocumentShape> = HashMap::new();
    let mut open: Vec<(&str, DocumentShape)> = vec![(definition.start_at.text.as_str(), first)];
    while let Some((name, held)) = open.pop() {
        let Some(state) = definition.state(name) else {
            continue;
        };
        let known = before.contains_key(name);
        let joined = before.entry(name).or_default();
        if joined.join(&held) || !known {
            open.extend(after(state, joined));
        }
    }
    before
}

/// Returns the possible next states with the document that each receives.
fn after<'s>(state: &'s BundleState, held: &DocumentShape) -> Vec<(&'s str, DocumentShape)> {
    let mut next_states = Vec::new();
    if let Some(catch) = state.catch() {
        let result = result_path(catch.result.as_ref()).unwrap_or(ResultPath::At(Vec::new()));
        next_states.push((catch.next.text.as_str(), held.clone().with_result(&result)));
    }
    let result = result_path(state.result.as_ref()).unwrap_or_else(|| default_result_path(state));
    let mut done = match shape(state, &result) {
        Some(shape) => shape,
        None => held.clone().with_result(&result),
    };
    if is_unsupported(state) {
        done = DocumentShape {
            anything: true,
            ..held.clone()
        };
    }
    if state.output.is_some() {
        done = DocumentShape {
            anything: true,
            ..DocumentShape::default()
        };
    }
    match &state.does {
        StateKind::Choice { choices, default } => {
            let next = choices.iter().map(|choice| &choice.next).chain(default);
            next_states.extend(next.map(|next| (next.text.as_str(), done.clone())));
        }
        StateKind::Action { .. }
        | StateKind::Map { .. }
        | StateKind::Wait { .. }
        | StateKind::Pass { .. } => {
            if let NextState::Next(next) = &state.then {
                next_states.push((next.text.as_str(), done));
            }
        }
        StateKind::Succeed { .. } | StateKind::Fail { .. } => {}
    }
    next_states
}

/// Whether the state calls a built-in action that is not supported, so that its result is unknown.
fn is_unsupported(state: &BundleState) -> bool {
    state.action().is_some_and(|name| {
        let common = ResourceName::parse(&name.text).is_some_and(|full| full.is_common());
        common && !is_known(&name.text)
    })
}

/// Returns the document after a `Pass` that replaces it. None if that is not known.
fn shape(state: &BundleState, written: &ResultPath) -> Option<DocumentShape> {
    let StateKind::Pass { result, parameters } = &state.does else {
        return None;
    };
    if *written != ResultPath::At(Vec::new()) {
        return None;
    }
    match (result, parameters) {
        (Some(result), _) => {
            let entries = result.as_map()?;
            Some(DocumentShape {
                keys: entries.iter().map(|entry| entry.key.clone()).collect(),
                ..DocumentShape::default()
            })
        }
        (None, Some(parameters)) => {
            let entries = parameters.as_map()?.iter();
            let keys = entries.map(|entry| {
                entry
                    .key
                    .strip_suffix(".$")
                    .unwrap_or(&entry.key)
                    .to_owned()
            });
            Some(DocumentShape {
                keys: keys.collect(),
                ..DocumentShape::default()
            })
        }
        (None, None) => None,
    }
}

fn result_path(field: Option<&PathField>) -> Option<ResultPath> {
    let Some(path) = &field?.path else {
        return Some(ResultPath::Nowhere);
    };
    match Path::in_document(path).ok()?.route {
        PathKind::Plain { keys, .. } => Some(ResultPath::At(keys)),
        PathKind::Query(_) => Some(ResultPath::Nowhere),
    }
}

fn check_read(
    read: &PathRead,
    state: &BundleState,
    held: &DocumentShape,
    written: &BTreeSet<String>,
    start: InitialDocument,
    names: &mut NameResolver<'_>,
) {
    // An invalid path is reported when it is lowered.
    let Ok(path) = Path::in_document(&read.path) else {
        return;
    };
    let PathKind::Plain { keys, .. } = &path.route else {
        return;
    };
    let Some(first) = keys.first() else {
        return;
    };
    if held.keys.contains(&first.name) {
        return;
    }
    let of_event = ENVELOPE.contains(&first.name.as_str());
    if of_event && held.event {
        check_event(read, keys, names);
    } else if of_event && start == InitialDocument::Item {
        let message = format!(
            "inside a `Map`, `$` is the item: `{}` is not the event",
            read.path
        );
        let help = "add what the items need to the list in an earlier jq transform";
        names.warning(Code::BadPath, read.at, message, help);
    } else if of_event && held.anything {
        let message = format!(
            "`{}` no longer exists: a result replaced the whole document before `{}`",
            read.path, state.name.text
        );
        let help = "add a `ResultPath` to the earlier states, such as `$.result`";
        names.warning(Code::BadPath, read.at, message, help);
    } else if !held.anything {
        report_never_written(read, first, state, written, names.diagnostics);
    }
}

fn report_never_written(
    read: &PathRead,
    first: &PathSegment,
    state: &BundleState,
    written: &BTreeSet<String>,
    diagnostics: &mut Diagnostics,
) {
    let name = &state.name.text;
    let message = format!("`{}` does not exist when `{name}` starts", read.path);
    let near = suggest::nearest(
        &first.name,
        written.iter().map(String::as_str).chain(ENVELOPE),
    );
    let help = match near {
        Some(near) if near == first.name => {
            "the state that writes it runs later; move it before this one".into()
        }
        Some(near) => format!(
            "did you mean `{}`?",
            read.path.replacen(&first.name, near, 1)
        ),
        None if matches!(
            first.name.as_str(),
            "ticket" | "ticket_event" | "comment" | "current" | "previous"
        ) =>
        {
            let rest = read.path.trim_start_matches("$.");
            let rest = rest.strip_prefix("ticket_event.").unwrap_or(rest);
            format!("did you mean `$.input.ticket_event.{rest}`?")
        }
        None => "no state writes it with `ResultPath`; the event is `$.input`".into(),
    };
    match read.may_be_absent {
        true => diagnostics.warning(Code::UndefinedName, read.at, message, help),
        false => diagnostics.error(Code::UndefinedName, read.at, message, &help),
    }
}

/// Checks a path into the event against the fields of the events that start the flow.
fn check_event(read: &PathRead, keys: &[PathSegment], names: &mut NameResolver<'_>) {
    let route: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
    let known = names.fields.body_keys();
    let ["input", key, rest @ ..] = route.as_slice() else {
        return;
    };
    let Some(body) = known.first() else {
        return;
    };
    if !known.contains(key) {
        let rest = match key.ends_with("_event") {
            true => rest,
            false => &route[1..],
        };
        let mut meant = vec!["$", "input", body];
        meant.extend(rest);
        let message = format!("{} has no `{}`", names.fields.describe(), read.path);
        let help = format!("did you mean `{}`?", meant.join("."));
        names.error(Code::BadPath, read.at, message, &help);
        return;
    }
    // Fields of list items are unknown.
    let rest: Vec<&str> = rest
        .iter()
        .copied()
        .take_while(|name| name.parse::<usize>().is_err())
        .collect();
    if rest.is_empty() {
        return;
    }
    let dotted = rest.join(".");
    if let FieldCheck::Unknown { nearest } = names.fields.check(&dotted) {
        let message = names.fields.unknown_field(&dotted);
        let help = match nearest {
            Some(near) => format!("did you mean `$.input.{body}.{near}`?"),
            None => suggest::for_field(&dotted).unwrap_or_else(|| names.fields.advice()),
        };
        match read.may_be_absent {
            true => names.warning(Code::UnknownField, read.at, message, help),
            false => names.error(Code::UnknownField, read.at, message, &help),
        }
    }
}
