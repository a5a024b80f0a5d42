//! Finds the documents that are possible before each state of a flow, on every route to it.

use std::collections::{BTreeSet, HashMap};

use crate::bundle::name::ResourceName;
use crate::bundle::state::{BundleState, Definition, NextState, PathField, StateKind};
use crate::compile::bundle::builtin::is_known;
use crate::compile::bundle::check::document::InitialDocument;
use crate::compile::bundle::check::shape::{Presence, Shape};
use crate::compile::bundle::flow::default_result_path;
use crate::flow::control::ResultPath;
use crate::path::{Path, PathKind};

/// Beyond this number of possible documents, a state's document may be anything.
const MAX_DOCUMENTS: usize = 16;

/// The possible documents before a state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PossibleDocuments(pub Vec<Shape>);

impl PossibleDocuments {
    /// Adds a document. Returns whether it is new.
    fn add(&mut self, document: &Shape) -> bool {
        if self.0.contains(document) || self.0.as_slice() == [Shape::Any] {
            return false;
        }
        match self.0.len() < MAX_DOCUMENTS {
            true => self.0.push(document.clone()),
            false => self.0 = vec![Shape::Any],
        }
        true
    }
}

/// Returns the top-level keys that states write.
pub fn written_keys(before: &HashMap<&str, PossibleDocuments>) -> BTreeSet<String> {
    let documents = before.values().flat_map(|documents| &documents.0);
    let objects = documents.filter_map(|document| match document {
        Shape::Object(object) => Some(object.keys.keys().cloned()),
        Shape::Any | Shape::Event(_) | Shape::Scalar | Shape::List(_) => None,
    });
    objects.flatten().collect()
}

/// Returns the possible documents before each reachable state.
pub fn documents_before(
    definition: &Definition,
    start: InitialDocument,
) -> HashMap<&str, PossibleDocuments> {
    let first = match start {
        InitialDocument::Event => Shape::event(),
        InitialDocument::Item => Shape::Any,
    };
    let mut before: HashMap<&str, PossibleDocuments> = HashMap::new();
    let mut open: Vec<(&str, Shape)> = vec![(definition.start_at.text.as_str(), first)];
    while let Some((name, document)) = open.pop() {
        let Some(state) = definition.state(name) else {
            continue;
        };
        let documents = before.entry(name).or_default();
        if documents.add(&document) {
            let added = match documents.0.as_slice() {
                [Shape::Any] => Shape::Any,
                _ => document,
            };
            open.extend(after(state, &added));
        }
    }
    before
}

/// Returns the possible next states with the document that each receives.
fn after<'s>(state: &'s BundleState, document: &Shape) -> Vec<(&'s str, Shape)> {
    let mut next_states = Vec::new();
    if let Some(catch) = state.catch() {
        let keys = written_at(catch.result.as_ref(), ResultPath::At(Vec::new()));
        let error = ["Error", "Cause"].map(|key| (key.to_owned(), Shape::Scalar));
        let caught = match keys {
            ResultPath::At(keys) => document.clone().with_result(&keys, Shape::object(error)),
            ResultPath::Nowhere => document.clone(),
        };
        next_states.push((catch.next.text.as_str(), caught));
    }
    let mut done = match written_at(state.result.as_ref(), default_result_path(state)) {
        ResultPath::At(keys) => document.clone().with_result(&keys, result(state, document)),
        ResultPath::Nowhere => document.clone(),
    };
    if is_unsupported(state) {
        done = document.clone();
    }
    if let Some(path) = state
        .output
        .as_ref()
        .and_then(|output| output.path.as_ref())
    {
        done = match done.at_path(path) {
            Presence::Present(part) => part,
            Presence::Possible => Shape::Any,
            Presence::Absent => Shape::object([]),
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
                if is_unsupported(state) {
                    next_states.push((next.text.as_str(), Shape::Any));
                }
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

/// Returns the result of a state.
fn result(state: &BundleState, document: &Shape) -> Shape {
    let StateKind::Pass { result, parameters } = &state.does else {
        return Shape::Any;
    };
    let input = match state.input.as_ref().and_then(|input| input.path.as_ref()) {
        None => document.clone(),
        Some(path) => inputs(std::slice::from_ref(document), path)
            .pop()
            .unwrap_or(Shape::Any),
    };
    match (result, parameters) {
        (Some(result), _) => Shape::constant(result),
        (None, Some(parameters)) => Shape::rendered(parameters, &input),
        (None, None) => input,
    }
}

/// Where a result is written. An invalid path is reported when it is lowered, and counts as nowhere.
pub fn written_at(field: Option<&PathField>, default: ResultPath) -> ResultPath {
    let Some(field) = field else {
        return default;
    };
    let path = field
        .path
        .as_ref()
        .and_then(|path| Path::in_document(path).ok());
    match path.map(|path| path.route) {
        Some(PathKind::Plain { keys, .. }) => ResultPath::At(keys),
        Some(PathKind::Query(_)) | None => ResultPath::Nowhere,
    }
}

/// The parts of the documents that a state sees by its `InputPath`.
pub fn inputs(documents: &[Shape], path: &str) -> Vec<Shape> {
    let parts = documents
        .iter()
        .filter_map(|document| match document.at_path(path) {
            Presence::Present(part) => Some(part),
            Presence::Possible => Some(Shape::Any),
            Presence::Absent => None,
        });
    parts.collect()
}
