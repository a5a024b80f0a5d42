//! Checks the paths that states read against what the document can contain when each state starts.
//! Follows `InputPath`, `Parameters`, `ResultPath` and `OutputPath` as the runtime does, on every route to a
//! state. Reports paths that are absent on all of them. Replies may contain anything.

use std::collections::{BTreeSet, HashMap};

use crate::bundle::name::ResourceName;
use crate::bundle::state::{BundleState, Definition, NextState, PathField, StateKind};
use crate::bundle::{Bundle, SpannedText};
use crate::compile::bundle::builtin::is_known;
use crate::compile::bundle::check::accounts::AccountGaps;
use crate::compile::bundle::check::never_written::AbsentPath;
use crate::compile::bundle::check::path_reads::{PathRead, of_action, of_state};
use crate::compile::bundle::check::shape::{DOCUMENT_KEYS, Presence, Shape};
use crate::compile::bundle::check::{event_reads, never_written, unsatisfiable};
use crate::compile::bundle::flow::default_result_path;
use crate::compile::bundle::token;
use crate::diagnostic::{Code, Report, Span};
use crate::event::catalogue::field_type::FieldType;
use crate::flow::control::ResultPath;
use crate::language::resolver::NameResolver;
use crate::path::{Path, PathKind};

/// Beyond this number of possible documents, a state's document may be anything.
const MAX_DOCUMENTS: usize = 16;

/// The document before the first state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InitialDocument {
    Event,
    /// An item of a `Map`, with unknown fields.
    Item,
}

/// The check of one flow.
pub struct DocumentCheck<'c, 'n> {
    pub bundle: &'c Bundle,
    pub gaps: &'c AccountGaps,
    /// Reads that were checked before: several states can call one action.
    pub seen: BTreeSet<(Span, String)>,
    pub names: &'c mut NameResolver<'n>,
}

/// The possible documents before a state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Documents(Vec<Shape>);

impl Documents {
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

impl DocumentCheck<'_, '_> {
    pub fn check(&mut self, definition: &Definition, start: InitialDocument) {
        let before = documents_before(definition, start);
        let written = written_keys(&before);
        for state in &definition.states {
            if let Some(documents) = before.get(state.name.text.as_str()) {
                let place = StatePlace {
                    state,
                    definition,
                    start,
                    written: &written,
                };
                self.state(&place, documents);
            }
            if let StateKind::Map { each, .. } = &state.does {
                self.check(each, InitialDocument::Item);
            }
        }
    }

    fn state(&mut self, place: &StatePlace<'_>, documents: &Documents) {
        let state = place.state;
        let inputs = match state.input.as_ref().and_then(|input| input.path.as_ref()) {
            None => documents.0.clone(),
            Some(path) => {
                let read =
                    PathRead::new(path, state.input.as_ref().map_or(state.name.at, |i| i.at));
                self.read(&read, &documents.0, &[], place);
                inputs(&documents.0, path)
            }
        };
        let base = match inputs.as_slice() {
            [Shape::Event(route)] => route.clone(),
            _ => Vec::new(),
        };
        let mut reads = of_state(state);
        if let StateKind::Action {
            name,
            parameters: None,
            ..
        } = &state.does
            && let Some(action) = self.bundle.action(&name.text)
        {
            reads.extend(of_action(action));
        }
        for read in reads {
            let is_new = self.seen.insert((read.at, read.path.clone()));
            match token::connection_of(&read.path) {
                _ if !is_new => {}
                Some(connection) if !takes_tokens(state, self.bundle) => {
                    token::report_outside_request(&read, &connection, self.names);
                }
                // Checked when the request is lowered.
                Some(_) => {}
                None => self.read(&read, &inputs, &base, place),
            }
        }
        match &state.does {
            StateKind::Choice { choices, .. } => {
                let locate = |path: &str| event_route(&inputs, path);
                for choice in choices {
                    unsatisfiable::check(&choice.test, &locate, self.names);
                }
            }
            StateKind::Map { items, .. } => self.warn_about_scalar_items(items, &inputs),
            StateKind::Action { .. }
            | StateKind::Wait { .. }
            | StateKind::Pass { .. }
            | StateKind::Succeed { .. }
            | StateKind::Fail { .. } => {}
        }
    }

    fn read(&mut self, read: &PathRead, inputs: &[Shape], base: &[String], place: &StatePlace<'_>) {
        // An invalid path is reported when it is lowered.
        let Ok(Path {
            route: PathKind::Plain { keys, .. },
            ..
        }) = Path::in_document(&read.path)
        else {
            return;
        };
        let Some(first) = keys.first() else {
            return;
        };
        let found: Vec<Presence> = inputs.iter().map(|input| input.at(&keys)).collect();
        let event = found.iter().find_map(|presence| match presence {
            Presence::Present(Shape::Event(route)) => Some(route),
            Presence::Present(_) | Presence::Possible | Presence::Absent => None,
        });
        if let Some(route) = event {
            if let Some(key) = route.first() {
                self.gaps.check(read, key, self.names);
            }
            event_reads::check(read, route, base, self.names);
            return;
        }
        if found
            .iter()
            .any(|found| matches!(found, Presence::Present(_)))
            || found.is_empty()
        {
            return;
        }
        if found.contains(&Presence::Possible) {
            if DOCUMENT_KEYS.contains(&first.name.as_str()) && sees_whole_document(place) {
                self.warn_about_replaced(read, place);
            }
            return;
        }
        let depth = keys.iter().enumerate().find_map(|(depth, _)| {
            let reached = inputs
                .iter()
                .any(|input| input.at(&keys[..=depth]) != Presence::Absent);
            (!reached).then_some(depth)
        });
        let absent = AbsentPath {
            read,
            keys: &keys,
            depth: depth.unwrap_or_default(),
        };
        never_written::report(&absent, place, inputs, self.names.diagnostics);
    }

    fn warn_about_replaced(&mut self, read: &PathRead, place: &StatePlace<'_>) {
        let (message, help) = match place.start {
            InitialDocument::Item => (
                format!(
                    "inside a `Map`, `$` is the item: `{}` is not the event",
                    read.path
                ),
                "add what the items need to the list in an earlier jq transform",
            ),
            InitialDocument::Event => (
                format!(
                    "`{}` no longer exists: a result replaced the whole document before `{}`",
                    read.path, place.state.name.text
                ),
                "add a `ResultPath` to the earlier states, such as `$.result`",
            ),
        };
        self.names.warning(Code::BadPath, read.at, message, help);
    }

    /// ZIS accepts lists of objects only.
    fn warn_about_scalar_items(&mut self, items: &SpannedText, inputs: &[Shape]) {
        let scalar = inputs.iter().any(|input| match input.at_path(&items.text) {
            Presence::Present(Shape::List(items)) => items
                .iter()
                .any(|item| matches!(item, Shape::Scalar | Shape::List(_))),
            Presence::Present(Shape::Event(route)) => {
                let item = event_reads::item_type(&route, self.names);
                item.is_some_and(|item| !matches!(item, FieldType::Object | FieldType::Any))
            }
            Presence::Present(_) | Presence::Possible | Presence::Absent => false,
        });
        if scalar {
            let message = format!("the items of `{}` are not objects", items.text);
            let help = "it works here, but ZIS accepts only a list of objects; make objects in an earlier jq transform: `map({ value: . })`";
            self.names.warning(Code::WrongType, items.at, message, help);
        }
    }
}

/// A state with what its messages need.
pub struct StatePlace<'s> {
    pub state: &'s BundleState,
    pub definition: &'s Definition,
    pub start: InitialDocument,
    /// The top-level keys that any state writes.
    pub written: &'s BTreeSet<String>,
}

/// Whether the state calls an action of the bundle, whose request can contain access tokens.
fn takes_tokens(state: &BundleState, bundle: &Bundle) -> bool {
    let own = |name: &SpannedText| bundle.action(&name.text).is_some();
    state.action().is_some_and(own)
}

/// Whether the state sees the whole document.
fn sees_whole_document(place: &StatePlace<'_>) -> bool {
    let path = place
        .state
        .input
        .as_ref()
        .and_then(|input| input.path.as_deref());
    path.is_none_or(|path| path.trim() == "$")
}

/// The parts of the documents that a state sees by its `InputPath`.
fn inputs(documents: &[Shape], path: &str) -> Vec<Shape> {
    let parts = documents
        .iter()
        .filter_map(|document| match document.at_path(path) {
            Presence::Present(part) => Some(part),
            Presence::Possible => Some(Shape::Any),
            Presence::Absent => None,
        });
    parts.collect()
}

/// The place in the event that a path reads, if it can read nothing else.
fn event_route(inputs: &[Shape], path: &str) -> Option<Vec<String>> {
    let found: Vec<Presence> = inputs.iter().map(|input| input.at_path(path)).collect();
    match found.as_slice() {
        [Presence::Present(Shape::Event(route)), rest @ ..]
            if rest.iter().all(|other| *other == found[0]) =>
        {
            Some(route.clone())
        }
        _ => None,
    }
}

fn written_keys(before: &HashMap<&str, Documents>) -> BTreeSet<String> {
    let documents = before.values().flat_map(|documents| &documents.0);
    let objects = documents.filter_map(|document| match document {
        Shape::Object(object) => Some(object.keys.keys().cloned()),
        Shape::Any | Shape::Event(_) | Shape::Scalar | Shape::List(_) => None,
    });
    objects.flatten().collect()
}

/// Returns the possible documents before each reachable state.
fn documents_before(definition: &Definition, start: InitialDocument) -> HashMap<&str, Documents> {
    let first = match start {
        InitialDocument::Event => Shape::event(),
        InitialDocument::Item => Shape::Any,
    };
    let mut before: HashMap<&str, Documents> = HashMap::new();
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
fn written_at(field: Option<&PathField>, default: ResultPath) -> ResultPath {
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
