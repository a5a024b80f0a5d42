//! What is in a flow's document when each state begins: the event, and what the states before put there.
//! It says which paths lead to nothing on every way to a state, and guesses nothing about replies.

use std::collections::{BTreeSet, HashMap};

use crate::compile::bundle::check::unsatisfiable;
use crate::compile::bundle::check::path_reads::{Read, of_state};
use crate::bundle::name::FullName;
use crate::compile::bundle::builtin::is_known;
use crate::compile::bundle::flow::usual_landing;
use crate::bundle::state::{Definition, Does, Spot, State, Then};
use crate::diagnostic::{Code, Diagnostics, Report};
use crate::flow::control::Landing;
use crate::language::event_fields::FieldCheck;
use crate::language::resolver::NameResolver;
use crate::path::{Key, Path, Route};
use crate::document::suggest;

/// What a flow's document is before its first state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    Event,
    /// An item of a `Map`, whatever that is.
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

/// What a document may hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Held {
    /// The first keys of what was put there on some way.
    keys: BTreeSet<String>,
    /// The event may still be there.
    event: bool,
    /// Something of unknown shape may stand in the document's place.
    anything: bool,
}

impl Held {
    fn join(&mut self, other: &Held) -> bool {
        let before = self.clone();
        self.keys.extend(other.keys.iter().cloned());
        self.event |= other.event;
        self.anything |= other.anything;
        *self != before
    }

    /// With a value put somewhere.
    fn landed(mut self, landing: &Landing) -> Self {
        match landing {
            Landing::Nowhere => self,
            Landing::At(keys) => match keys.first() {
                Some(first) => {
                    self.keys.insert(first.name.clone());
                    self
                }
                None => Held {
                    anything: true,
                    ..Held::default()
                },
            },
        }
    }
}

pub fn check(definition: &Definition, start: Start, names: &mut NameResolver<'_>) {
    let held = held_before(definition, start);
    let written: BTreeSet<String> = held.values().flat_map(|held| held.keys.clone()).collect();
    for state in &definition.states {
        if let Some(held) = held.get(state.name.text.as_str()) {
            for read in of_state(state) {
                check_read(&read, state, held, &written, start, names);
            }
            if let Does::Choice { choices, .. } = &state.does
                && held.event
                && !held.keys.contains("input")
            {
                choices
                    .iter()
                    .for_each(|choice| unsatisfiable::check(&choice.test, names));
            }
        }
        if let Does::Map { each, .. } = &state.does {
            check(each, Start::Item, names);
        }
    }
}

/// What may be in the document before each state that a way leads to.
fn held_before(definition: &Definition, start: Start) -> HashMap<&str, Held> {
    let first = Held {
        event: start == Start::Event,
        anything: start == Start::Item,
        ..Held::default()
    };
    let mut before: HashMap<&str, Held> = HashMap::new();
    let mut open: Vec<(&str, Held)> = vec![(definition.start_at.text.as_str(), first)];
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

/// What the document is on each way on from a state.
fn after<'s>(state: &'s State, held: &Held) -> Vec<(&'s str, Held)> {
    let mut ways = Vec::new();
    if let Some(catch) = state.catch() {
        let landing = landing(catch.result.as_ref()).unwrap_or(Landing::At(Vec::new()));
        ways.push((catch.next.text.as_str(), held.clone().landed(&landing)));
    }
    let landing = landing(state.result.as_ref()).unwrap_or_else(|| usual_landing(state));
    let mut done = match shape(state, &landing) {
        Some(shape) => shape,
        None => held.clone().landed(&landing),
    };
    if is_refused(state) {
        done = Held {
            anything: true,
            ..held.clone()
        };
    }
    if state.output.is_some() {
        done = Held {
            anything: true,
            ..Held::default()
        };
    }
    match &state.does {
        Does::Choice { choices, default } => {
            let next = choices.iter().map(|choice| &choice.next).chain(default);
            ways.extend(next.map(|next| (next.text.as_str(), done.clone())));
        }
        Does::Action { .. } | Does::Map { .. } | Does::Wait { .. } | Does::Pass { .. } => {
            if let Then::Next(next) = &state.then {
                ways.push((next.text.as_str(), done));
            }
        }
        Does::Succeed { .. } | Does::Fail { .. } => {}
    }
    ways
}

/// Whether the state calls what ZIS brings and is not here: what it would leave is not known.
fn is_refused(state: &State) -> bool {
    state.action().is_some_and(|name| {
        let common = FullName::parse(&name.text).is_some_and(|full| full.is_common());
        common && !is_known(&name.text)
    })
}

/// The document as a `Pass` leaves it whose result is the whole of it; None where that is not known.
fn shape(state: &State, landing: &Landing) -> Option<Held> {
    let Does::Pass { result, parameters } = &state.does else {
        return None;
    };
    if *landing != Landing::At(Vec::new()) {
        return None;
    }
    match (result, parameters) {
        (Some(result), _) => {
            let entries = result.as_map()?;
            Some(Held {
                keys: entries.iter().map(|entry| entry.key.clone()).collect(),
                ..Held::default()
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
            Some(Held {
                keys: keys.collect(),
                ..Held::default()
            })
        }
        (None, None) => None,
    }
}

fn landing(spot: Option<&Spot>) -> Option<Landing> {
    let Some(path) = &spot?.path else {
        return Some(Landing::Nowhere);
    };
    match Path::in_document(path).ok()?.route {
        Route::Plain { keys, .. } => Some(Landing::At(keys)),
        Route::Query(_) => Some(Landing::Nowhere),
    }
}

fn check_read(
    read: &Read,
    state: &State,
    held: &Held,
    written: &BTreeSet<String>,
    start: Start,
    names: &mut NameResolver<'_>,
) {
    // What is no path is told where it is lowered.
    let Ok(path) = Path::in_document(&read.path) else {
        return;
    };
    let Route::Plain { keys, .. } = &path.route else {
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
    } else if of_event && start == Start::Item {
        let message = format!(
            "inside of a `Map`, `$` is the item: `{}` is not the event",
            read.path
        );
        let help = "put what the items need into the list before, with a jq transform";
        names.warning(Code::BadPath, read.at, message, help);
    } else if of_event && held.anything {
        let message = format!(
            "`{}` is gone: a result took the place of the whole document before `{}`",
            read.path, state.name.text
        );
        let help = "give the states before a `ResultPath`, such as `$.result`";
        names.warning(Code::BadPath, read.at, message, help);
    } else if !held.anything {
        never_written(read, first, state, written, names.diagnostics);
    }
}

fn never_written(
    read: &Read,
    first: &Key,
    state: &State,
    written: &BTreeSet<String>,
    diagnostics: &mut Diagnostics,
) {
    let name = &state.name.text;
    let message = format!("nothing is at `{}` when `{name}` begins", read.path);
    let near = suggest::nearest(
        &first.name,
        written.iter().map(String::as_str).chain(ENVELOPE),
    );
    let help = match near {
        Some(near) if near == first.name => {
            "the state that puts it there comes later; let it run before".into()
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
        None => "no state has such a `ResultPath`; the event is `$.input`".into(),
    };
    match read.may_be_absent {
        true => diagnostics.warning(Code::UndefinedName, read.at, message, help),
        false => diagnostics.error(Code::UndefinedName, read.at, message, &help),
    }
}

/// A path into the event, held against what the events of the flow's job specs have.
fn check_event(read: &Read, keys: &[Key], names: &mut NameResolver<'_>) {
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
        let message = format!("{} has no `{}`", names.fields.words(), read.path);
        let help = format!("did you mean `{}`?", meant.join("."));
        names.error(Code::BadPath, read.at, message, &help);
        return;
    }
    // What is known of a list ends with it.
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
        let message = format!("{} has no field `{dotted}`", names.fields.words());
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
