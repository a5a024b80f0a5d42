//! Parses JSONPath.
//! A singular query becomes a plain path; others are evaluated by `query`. Queries outside of an event, queries
//! with a misused function, and queries that `cost` rejects, are errors.

use jsonpath_rust::parser::model::{JpQuery, Segment, Selector};
use jsonpath_rust::parser::parse_json_path;
use serde_json::Value;

use crate::path::dotted::{self, ENVELOPE};
use crate::path::exact_literals::mark;
use crate::path::jsonpath_error::{
    blank_in_name, error_position, of_blank, of_function, of_syntax,
};
use crate::path::query::select;
use crate::path::{PathError, PathKind, PathSegment, Resolved, Root, cost, well_typed};

pub fn parse(text: &str) -> Result<PathKind, PathError> {
    let help = "for a plain field write it dotted from the event's body: `ticket.id`";
    let query = read(text, help).map_err(|error| without_dollar(text).unwrap_or(error))?;
    match singular(&query) {
        Some(keys) => path_in_event(text, keys),
        None => {
            let start = start(&query);
            if start.len() > 1 || start.first().is_some_and(|key| key.name != "input") {
                path_in_event(text, start)?;
            }
            Ok(PathKind::Query(Box::new(query)))
        }
    }
}

/// The error of `$ticket.id` and `$body.list`, which are dotted paths after a `$`.
fn without_dollar(text: &str) -> Option<PathError> {
    let dotted = text.strip_prefix('$')?;
    let first = dotted.split(['.', '[']).next()?;
    let is_part = ["raw", "input"].contains(&first) || ENVELOPE.contains(&first);
    if is_part || !first.starts_with(char::is_alphabetic) || dotted::parse(dotted).is_err() {
        return None;
    }
    Some(PathError {
        message: format!(
            "`{text}` is not JSONPath: unexpected `{}` at character 2",
            first.chars().next()?
        ),
        help: Some(format!("did you mean `{dotted}`?")),
    })
}

/// Parses a query over the document of a bundle's flow.
pub fn parse_in_document(text: &str) -> Result<PathKind, PathError> {
    let help = "write it from the document down: `$.input.ticket_event.ticket.id`";
    let query = read(text, help)?;
    Ok(match singular(&query) {
        Some(keys) => PathKind::Plain {
            root: Root::Document,
            keys,
        },
        None => PathKind::Query(Box::new(query)),
    })
}

fn read(text: &str, help: &str) -> Result<JpQuery, PathError> {
    cost::check_text(text)?;
    if let Some(at) = blank_in_name(text) {
        return Err(of_blank(text, at, help));
    }
    let marked = mark(text);
    let query = parse_json_path(&marked.text)
        .map_err(|error| of_syntax(text, &marked, &error.to_string(), help))?;
    well_typed::check(&query).map_err(|misused| of_function(text, misused))?;
    cost::check(text, &query)?;
    Ok(query)
}

/// Whether a text has the syntax of JSONPath.
///
/// # Errors
/// The position of the mistake in characters, if the parser names one.
pub fn is_valid(text: &str) -> Result<(), Option<usize>> {
    cost::check_text(text).map_err(|_| None)?;
    if let Some(at) = blank_in_name(text) {
        return Err(Some(at));
    }
    let marked = mark(text);
    match parse_json_path(&marked.text) {
        Ok(_) => Ok(()),
        Err(error) => Err(error_position(&marked, &error.to_string())),
    }
}

/// Returns the keys before the first segment that can select several nodes.
fn start(query: &JpQuery) -> Vec<PathSegment> {
    query.segments.iter().map_while(singular_key).collect()
}

/// Returns the key below `$.input` that a query names.
pub fn body_key(text: &str) -> Option<String> {
    cost::check_text(text).ok()?;
    let keys = start(&parse_json_path(&mark(text).text).ok()?);
    match keys.as_slice() {
        [input, key, ..] if input.name == "input" => Some(key.name.clone()),
        _ => None,
    }
}

/// Returns the single location below which a query searches; `None` if it searches the whole event.
pub fn below(query: &JpQuery) -> Option<PathKind> {
    path_in_event("", start(query)).ok()
}

/// Returns the keys of a singular query.
fn singular(query: &JpQuery) -> Option<Vec<PathSegment>> {
    query.segments.iter().map(singular_key).collect()
}

fn singular_key(segment: &Segment) -> Option<PathSegment> {
    match segment {
        Segment::Selector(selector) => selector_key(selector),
        Segment::Selectors(selectors) => match selectors.as_slice() {
            [selector] => selector_key(selector),
            _ => None,
        },
        Segment::Descendant(_) => None,
    }
}

fn selector_key(selector: &Selector) -> Option<PathSegment> {
    match selector {
        Selector::Name(name) => Some(PathSegment {
            name: name.clone(),
            index: None,
        }),
        Selector::Index(index) => usize::try_from(*index).ok().map(|index| PathSegment {
            name: index.to_string(),
            index: Some(index),
        }),
        Selector::Wildcard | Selector::Slice(..) | Selector::Filter(_) => None,
    }
}

/// Converts the keys of a singular query to a plain path into the part of the event that they name.
fn path_in_event(text: &str, mut keys: Vec<PathSegment>) -> Result<PathKind, PathError> {
    let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
    let (root, skip) = match names.as_slice() {
        ["input", event, ..] if event.ends_with("_event") => (Root::Body, 2),
        ["raw", ..] => (Root::Raw, 1),
        [name, ..] if ENVELOPE.contains(name) => (Root::Envelope, 0),
        ["input", ..] => {
            let below = keys[1..].iter().map(PathSegment::in_query);
            let meant = format!("$.input.ticket_event{}", below.collect::<String>());
            return Err(PathError {
                message: format!("`{text}` leads nowhere: the event is `$.input.ticket_event`"),
                help: Some(format!("did you mean `{meant}`?")),
            });
        }
        _ => {
            return Err(PathError {
                message: format!("`{text}` leads nowhere"),
                help: Some(
                    "an event has `$.input.ticket_event`, `$.account_id`, `$.subdomain`, \
                     `$.integration_key`, `$.actor_id` and, as received, `$.raw`"
                        .into(),
                ),
            });
        }
    };
    keys.drain(..skip);
    Ok(PathKind::Plain { root, keys })
}

/// Evaluates a query.
pub fn many<'a>(query: &JpQuery, document: &Value) -> Resolved<'a> {
    let nodes = select(query, document);
    if nodes.is_empty() {
        return Resolved::Absent;
    }
    Resolved::Many(nodes.into_iter().cloned().collect())
}
