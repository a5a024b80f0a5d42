//! Parses dotted paths, such as `ticket.via.channel`.
//! Names of the program never hide a field of the sender: `event.X` is the event's header only for the
//! documented names, and `body.…` always reads the body.

use crate::event::request_values::{HEADERS, REQUEST_KEY};
use crate::path::jsonpath::is_valid;
use crate::path::{PathError, PathKind, PathSegment, Root};

/// The names of the envelope.
pub const ENVELOPE: [&str; 4] = ["account_id", "subdomain", "integration_key", "actor_id"];

/// The names below `event` that are the event's header.
pub const HEADER: [&str; 6] = ["source", "endpoint", "type", "id", "key", "time"];

/// Whether the names below `event` are a field of the event's header.
fn is_of_header(names: &[&str]) -> bool {
    matches!(names, [name] if HEADER.contains(name))
}

/// Whether the names below `event` are a header of its request.
fn is_of_request(names: &[&str]) -> bool {
    matches!(names, [first, _] if *first == HEADERS)
}

/// Whether a path says that it starts at the body or at the whole event.
pub fn names_body(text: &str) -> bool {
    text.starts_with('$') || text.starts_with("body.")
}

/// Parses a path such as `ticket.via.channel`; its first name decides where it starts.
pub fn parse(text: &str) -> Result<PathKind, PathError> {
    check_spelling(text)?;
    let names: Vec<&str> = text.split('.').collect();
    let (root, skip) = match names[0] {
        "event" if is_of_header(&names[1..]) => (Root::Event, 1),
        "event" if is_of_request(&names[1..]) => {
            let name = names[2].to_ascii_lowercase();
            let keys = [REQUEST_KEY, HEADERS, &name].map(PathSegment::new);
            return Ok(PathKind::Plain {
                root: Root::Raw,
                keys: keys.to_vec(),
            });
        }
        "body" if names.len() > 1 => (Root::Body, 1),
        "vars" => (Root::Vars, 1),
        "steps" => (Root::Steps, 1),
        "secret" => {
            return Err(PathError {
                message: "a condition cannot read a secret".into(),
                help: Some(format!(
                    "secrets are for templates in steps: \"{{{{ secret.NAME }}}}\"; a field of the event is `body.{text}`"
                )),
            });
        }
        name if ENVELOPE.contains(&name) => (Root::Envelope, 0),
        _ => (Root::Body, 0),
    };
    let keys = names[skip..]
        .iter()
        .map(|name| PathSegment::new(name))
        .collect();
    Ok(PathKind::Plain { root, keys })
}

/// Checks a path of a source, which selects one value of the body: dotted, also after `$.`, with numbers as indexes.
pub fn check_in_body(text: &str) -> Result<(), PathError> {
    if let Some(below) = text.strip_prefix("$.raw.") {
        return Err(PathError {
            message: format!("`{text}` leads nowhere: the paths of a source start at the body"),
            help: Some(format!("write `{}`", of_one_value(below))),
        });
    }
    let dotted = text.strip_prefix("$.").unwrap_or(text);
    if dotted.contains('[') || dotted.split('.').any(|name| name == "*") {
        return Err(PathError {
            message: format!("`{text}` is not a dotted path"),
            help: Some(format!(
                "a source reads one value, by names and numbers: write `{}`",
                of_one_value(dotted)
            )),
        });
    }
    check_spelling(dotted)
}

/// The dotted path that is probably meant; the first element of a list for several or for the last.
fn of_one_value(text: &str) -> String {
    let is_name = |name: &&str| !name.is_empty() && *name != "$";
    let one = |name: &str| match name.trim().trim_matches(['"', '\'']) {
        "*" => "0".to_owned(),
        name if name.starts_with(['-', '?', ':']) => "0".to_owned(),
        name => name.to_owned(),
    };
    let names: Vec<String> = text
        .split(['.', '[', ']'])
        .filter(is_name)
        .map(one)
        .collect();
    names.join(".")
}

fn check_spelling(text: &str) -> Result<(), PathError> {
    let fail = |message: String, help: Option<String>| Err(PathError { message, help });
    if text.trim().is_empty() {
        let help = "write a field, such as `ticket.id`; `flowtrigger events TYPE` lists them";
        return fail("the path is empty".into(), Some(help.into()));
    }
    if text.contains("{{") {
        let help = "a path is written bare: `ticket.id`; templates belong in steps";
        return fail(
            format!("`{text}` is a template, not a path"),
            Some(help.into()),
        );
    }
    if text.contains('[') {
        let query = format!("$.input.ticket_event.{}", text.replace(".[", "["));
        let help = match (without_brackets(text), is_valid(&query)) {
            (Some(dotted), _) => format!("write `{dotted}`"),
            (None, Ok(())) => format!("write JSONPath: `{query}`"),
            (None, Err(_)) => {
                let name = text.split('[').next().unwrap_or_default();
                format!("write `{name}`, or with an index `{name}.0`")
            }
        };
        return fail(format!("`{text}` is not a dotted path"), Some(help));
    }
    if text
        .split('.')
        .any(|name| name.trim() != name || name.is_empty())
    {
        let dotted: Vec<_> = text
            .split('.')
            .map(str::trim)
            .filter(|n| !n.is_empty())
            .collect();
        return fail(
            format!("`{text}` has an empty or spaced part"),
            Some(format!("write `{}`", dotted.join("."))),
        );
    }
    Ok(())
}

/// Replaces brackets with an index or a name by dots: `alerts[0].x` is `alerts.0.x`.
fn without_brackets(text: &str) -> Option<String> {
    let mut parts = text.split('[');
    let mut dotted = parts.next()?.to_owned();
    for part in parts {
        let (inner, rest) = part.split_once(']')?;
        let name = inner.trim_matches(['"', '\'']);
        let is_name = |c: char| c.is_alphanumeric() || "_-".contains(c);
        // A negative index counts from the end, which only JSONPath can.
        let is_from_end = name.parse::<i64>().is_ok_and(|index| index < 0);
        if name.is_empty() || is_from_end || !name.chars().all(is_name) {
            return None;
        }
        dotted.truncate(dotted.trim_end_matches('.').len());
        for piece in [".", name, rest] {
            dotted.push_str(piece);
        }
    }
    Some(dotted.trim_start_matches('.').to_owned())
}
