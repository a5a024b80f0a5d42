//! Checks the paths that states read against what the document can contain when each state starts.
//! Follows `InputPath`, `Parameters`, `ResultPath` and `OutputPath` as the runtime does, on every route to a
//! state. Reports paths that are absent on all of them. Replies may contain anything.

use std::collections::BTreeSet;

use crate::bundle::state::{BundleState, Definition, StateKind};
use crate::bundle::{Bundle, SpannedText};
use crate::compile::bundle::check::accounts::AccountGaps;
use crate::compile::bundle::check::never_written::AbsentPath;
use crate::compile::bundle::check::path_reads::{PathRead, of_action, of_state};
use crate::compile::bundle::check::possible_documents::{
    PossibleDocuments, documents_before, inputs, written_keys,
};
use crate::compile::bundle::check::replacing_states::ReplacingStates;
use crate::compile::bundle::check::shape::{DOCUMENT_KEYS, Presence, Shape};
use crate::compile::bundle::check::{event_reads, never_written, unsatisfiable};
use crate::compile::bundle::token;
use crate::diagnostic::{Code, Report, Span};
use crate::event::catalogue::field_type::FieldType;
use crate::language::resolver::NameResolver;
use crate::path::{Path, PathKind};

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
    /// Reads of a document that earlier states have replaced, reported together.
    pub replaced: Vec<ReplacedRead>,
    pub names: &'c mut NameResolver<'n>,
}

/// A read of what is no longer in the document.
#[derive(Debug)]
pub struct ReplacedRead {
    path: String,
    at: Span,
    state: String,
    /// What replaced the document, and how to keep it.
    cause: String,
    help: String,
}

impl DocumentCheck<'_, '_> {
    pub fn check(&mut self, definition: &Definition, start: InitialDocument) {
        let before = documents_before(definition, start);
        let written = written_keys(&before);
        for state in &definition.states {
            if let Some(documents) = before.get(state.name.text.as_str()) {
                let place = StateContext {
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
        self.report_replaced();
    }

    /// Reports one missing `ResultPath` once, with every state that reads the document after it.
    fn report_replaced(&mut self) {
        let mut reads = std::mem::take(&mut self.replaced);
        while !reads.is_empty() {
            let cause = reads[0].cause.clone();
            let (same, others): (Vec<_>, Vec<_>) =
                reads.into_iter().partition(|read| read.cause == cause);
            reads = others;
            let first = &same[0];
            let mut states: Vec<String> = Vec::new();
            for read in &same {
                let state = format!("`{}`", read.state);
                if !states.contains(&state) {
                    states.push(state);
                }
            }
            let paths: BTreeSet<&str> = same.iter().map(|read| read.path.as_str()).collect();
            let others = match paths.len() {
                1 => String::new(),
                2 => " and 1 more path".to_owned(),
                paths => format!(" and {} more paths", paths - 1),
            };
            let verb = if paths.len() == 1 { "exists" } else { "exist" };
            let message = format!(
                "`{}`{others} no longer {verb}: {cause} the whole document before {}",
                first.path,
                states.join(", ")
            );
            let help = first.help.clone();
            self.names.warning(Code::BadPath, first.at, message, help);
        }
    }

    fn state(&mut self, place: &StateContext<'_>, documents: &PossibleDocuments) {
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
            && let Some(action) = self.bundle.meant_action(&name.text)
        {
            reads.extend(of_action(action));
        }
        for read in reads {
            let is_new = self.seen.insert((read.at, read.path.clone()));
            let parameters = match &state.does {
                StateKind::Action { parameters, .. } => parameters.as_ref(),
                StateKind::Choice { .. }
                | StateKind::Map { .. }
                | StateKind::Wait { .. }
                | StateKind::Pass { .. }
                | StateKind::Succeed { .. }
                | StateKind::Fail { .. } => None,
            };
            let is_passed = token::passed_at(parameters).contains(&read.at);
            match token::connection_of(&read.path) {
                _ if !is_new => {}
                Some(connection) if !takes_tokens(state, self.bundle) => {
                    token::report_outside_request(&read, &connection, self.names);
                }
                connection if connection.is_some() || is_passed => {
                    if inputs.iter().any(overwrites_tokens) {
                        token::report_overwritten(&read, self.names);
                    } else if parameters.is_some() && !is_passed {
                        token::report_inside_parameter(&read, self.names);
                    }
                }
                // Checked when the request is lowered.
                Some(_) => {}
                None => self.read(&read, &inputs, &base, place),
            }
        }
        self.check_tokens_beside_parameters(state, &inputs);
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

    /// Checks the tokens that an action reads although the state passes parameters.
    fn check_tokens_beside_parameters(&mut self, state: &BundleState, inputs: &[Shape]) {
        let StateKind::Action {
            name,
            parameters: Some(_),
            ..
        } = &state.does
        else {
            return;
        };
        let action = self.bundle.meant_action(&name.text);
        for read in action.map(of_action).unwrap_or_default() {
            if token::connection_of(&read.path).is_some()
                && inputs.iter().any(overwrites_tokens)
                && self.seen.insert((read.at, read.path.clone()))
            {
                token::report_overwritten(&read, self.names);
            }
        }
    }

    fn read(
        &mut self,
        read: &PathRead,
        inputs: &[Shape],
        base: &[String],
        place: &StateContext<'_>,
    ) {
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

    fn warn_about_replaced(&mut self, read: &PathRead, place: &StateContext<'_>) {
        let (message, help) = match place.start {
            InitialDocument::Item => (
                format!(
                    "inside a `Map`, `$` is the item: `{}` is not the event",
                    read.path
                ),
                "add what the items need to the list in an earlier jq transform".to_owned(),
            ),
            InitialDocument::Event => {
                let causes = ReplacingStates::before(place.state, place.definition);
                self.replaced.push(ReplacedRead {
                    path: read.path.clone(),
                    at: read.at,
                    state: place.state.name.text.clone(),
                    cause: causes.describe(),
                    help: causes.help(),
                });
                return;
            }
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
pub struct StateContext<'s> {
    pub state: &'s BundleState,
    pub definition: &'s Definition,
    pub start: InitialDocument,
    /// The top-level keys that any state writes.
    pub written: &'s BTreeSet<String>,
}

/// Whether the state calls an action of the bundle, whose request can contain access tokens.
fn takes_tokens(state: &BundleState, bundle: &Bundle) -> bool {
    let own = |name: &SpannedText| bundle.meant_action(&name.text).is_some();
    state.action().is_some_and(own)
}

/// Whether a state wrote a value to the key that leads to access tokens.
fn overwrites_tokens(document: &Shape) -> bool {
    match document.at_path("$.connections") {
        Presence::Present(Shape::Event(_)) | Presence::Possible | Presence::Absent => false,
        Presence::Present(_) => true,
    }
}

/// Whether the state sees the whole document.
fn sees_whole_document(place: &StateContext<'_>) -> bool {
    let path = place
        .state
        .input
        .as_ref()
        .and_then(|input| input.path.as_deref());
    path.is_none_or(|path| path.trim() == "$")
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
