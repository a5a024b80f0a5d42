//! Parses and evaluates JSONPath.
//! A singular query becomes a plain path; others run through the library. Queries outside of an event, and
//! queries that `cost` rejects, are errors.

use jsonpath_rust::parser::model::{JpQuery, Segment, Selector};
use jsonpath_rust::parser::parse_json_path;
use jsonpath_rust::query::js_path_process;
use serde_json::Value;

use crate::path::{ENVELOPE, PathError, PathKind, PathSegment, Resolved, Root, cost, syntax};

pub fn parse(text: &str) -> Result<PathKind, PathError> {
    let help = "for a plain field write it dotted from the event's body: `ticket.id`";
    let query = read(text, help)?;
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
    let query = parse_json_path(text).map_err(|error| PathError {
        message: syntax::message(text, &error.to_string()),
        help: Some(syntax::corrected(text).map_or_else(
            || help.to_owned(),
            |corrected| format!("did you mean `{corrected}`?"),
        )),
    })?;
    cost::check(text, &query)?;
    Ok(query)
}

/// Returns the keys before the first segment that can select several nodes.
fn start(query: &JpQuery) -> Vec<PathSegment> {
    query.segments.iter().map_while(singular_key).collect()
}

/// Returns what to write instead of a dotted path with brackets, such as `alerts[0].x`.
pub fn instead_of_brackets(text: &str) -> Option<String> {
    let query = format!("$.input.ticket_event.{text}");
    let query = match parse_json_path(&query) {
        Ok(_) => Some(query),
        Err(_) => syntax::corrected(&query),
    };
    let parsed = query
        .as_deref()
        .and_then(|query| parse_json_path(query).ok());
    let keys = parsed.as_ref().and_then(singular);
    let names = keys.iter().flatten().skip(2).map(|key| key.name.as_str());
    let dotted = names.collect::<Vec<_>>().join(".");
    match (query, dotted.is_empty()) {
        (Some(query), false) => Some(format!("write `{dotted}`, or JSONPath: `{query}`")),
        (Some(query), true) => Some(format!("write JSONPath: `{query}`")),
        (None, _) => Some("write an index between dots: `alerts.0.name`".into()),
    }
}

/// Returns the key below `$.input` that a query names.
pub fn body_key(text: &str) -> Option<String> {
    cost::check_text(text).ok()?;
    let keys = start(&parse_json_path(text).ok()?);
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
            name: unquote(name).to_owned(),
            index: None,
        }),
        Selector::Index(index) => usize::try_from(*index).ok().map(|index| PathSegment {
            name: index.to_string(),
            index: Some(index),
        }),
        Selector::Wildcard | Selector::Slice(..) | Selector::Filter(_) => None,
    }
}

fn unquote(name: &str) -> &str {
    for quote in ['\'', '"'] {
        if let Some(inner) = name.strip_prefix(quote).and_then(|n| n.strip_suffix(quote)) {
            return inner;
        }
    }
    name
}

/// Converts the keys of a singular query to a plain path into the part of the event that they name.
fn path_in_event(text: &str, mut keys: Vec<PathSegment>) -> Result<PathKind, PathError> {
    let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
    let (root, skip) = match names.as_slice() {
        ["input", event, ..] if event.ends_with("_event") => (Root::Body, 2),
        ["raw", ..] => (Root::Raw, 1),
        [name, ..] if ENVELOPE.contains(name) => (Root::Envelope, 0),
        ["input", rest @ ..] => {
            let meant = ["$.input.ticket_event", &rest.join(".")].join(".");
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
    let nodes = js_path_process(query, document).unwrap_or_default();
    if nodes.is_empty() {
        return Resolved::Absent;
    }
    Resolved::Many(nodes.into_iter().map(|node| node.val.clone()).collect())
}
