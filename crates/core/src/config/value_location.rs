//! Reads where a source finds a value: a constant, a path in the body, a header or a value of the query, or a list of
//! these, of which the first that is there counts.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::config::verification::Scheme;
use crate::config::verification::token::TokenLocation;
use crate::diagnostic::{Code, Diagnostics, Report, Span};
use crate::document::decode::Decode;
use crate::document::suggest;
use crate::document::{Node, Yaml};
use crate::event::format::custom::{ValueLocation, ValueLocations};
use crate::event::request_values::{header_path, id_path, query_path};
use crate::path::dotted::check_in_body;

/// What a source reads of its requests beside their bodies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestNeeds {
    /// The names of headers, in lower case.
    pub headers: BTreeSet<String>,
    /// The names of values of the query.
    pub query: BTreeSet<String>,
    /// Where the id is, if a list of locations has some outside of the body.
    pub ids: Vec<RequestLocation>,
}

/// A location of a value outside of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestLocation {
    /// The name is in lower case.
    Header(String),
    Query(String),
}

impl RequestNeeds {
    pub fn is_empty(&self) -> bool {
        self.headers.is_empty() && self.query.is_empty()
    }

    /// Adds a location, and returns its path in the document.
    pub fn add(&mut self, location: &RequestLocation) -> String {
        match location {
            RequestLocation::Header(name) => {
                self.headers.insert(name.clone());
                header_path(name)
            }
            RequestLocation::Query(name) => {
                self.query.insert(name.clone());
                query_path(name)
            }
        }
    }
}

/// What a text without a mapping is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BareText {
    Constant,
    Path,
}

pub fn schema() -> Value {
    let one = |key: &str| json!({"type": "object", "properties": {key: {"type": "string"}}, "required": [key], "additionalProperties": false});
    let location = json!({"oneOf": [{"type": "string"}, one("path"), one("header"), one("query")]});
    json!({"oneOf": [location, {"type": "array", "minItems": 1, "items": location}]})
}

/// Reads the locations of a value; `None` after an error was reported.
pub fn lower(
    node: &Node,
    key: &str,
    bare: BareText,
    needs: &mut RequestNeeds,
    diagnostics: &mut Diagnostics,
) -> Option<ValueLocations> {
    let nodes = match &node.value {
        Yaml::List(items) if items.is_empty() => {
            let message = format!("`{key}` is an empty list");
            return diagnostics.reject_value(
                node.at,
                message,
                "write `{ path: … }` or `{ header: … }`",
            );
        }
        Yaml::List(items) => items.as_slice(),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) | Yaml::Map(_) => {
            std::slice::from_ref(node)
        }
    };
    let mut locations = Vec::with_capacity(nodes.len());
    for node in nodes {
        locations.push(lower_one(node, key, bare, needs, diagnostics)?);
    }
    Some(ValueLocations(locations))
}

fn lower_one(
    node: &Node,
    key: &str,
    bare: BareText,
    needs: &mut RequestNeeds,
    diagnostics: &mut Diagnostics,
) -> Option<ValueLocation> {
    let Some(entries) = node.as_map() else {
        return match bare {
            BareText::Constant => diagnostics.text(node, key).map(ValueLocation::Constant),
            BareText::Path => body_path(node, key, diagnostics).map(ValueLocation::Path),
        };
    };
    match entries {
        [entry] if entry.key == "path" => {
            body_path(&entry.value, "path", diagnostics).map(ValueLocation::Path)
        }
        [entry] => {
            let Some(location) = request_location(&entry.key, &entry.value, diagnostics)? else {
                return wrong_location(node, key, diagnostics);
            };
            let path = needs.add(&location);
            if key != "id" {
                return Some(ValueLocation::Path(path));
            }
            needs.ids.push(location);
            Some(ValueLocation::Path(id_path()))
        }
        _ => wrong_location(node, key, diagnostics),
    }
}

/// A header or a value of the query; the inner `None` is another key.
fn request_location(
    key: &str,
    value: &Node,
    diagnostics: &mut Diagnostics,
) -> Option<Option<RequestLocation>> {
    Some(match key {
        "header" => {
            let name = diagnostics.text(value, "header")?;
            Some(RequestLocation::Header(header_name(
                &name,
                value.at,
                diagnostics,
            )?))
        }
        "query" => {
            let name = diagnostics.text(value, "query")?;
            Some(RequestLocation::Query(query_name(
                name,
                value.at,
                diagnostics,
            )?))
        }
        _ => None,
    })
}

fn wrong_location<T>(node: &Node, key: &str, diagnostics: &mut Diagnostics) -> Option<T> {
    let message = format!("`{key}` is not a location");
    let near = match node.as_map() {
        Some([entry]) => suggest::nearest(&entry.key, ["path", "header", "query"].into_iter()),
        Some(_) | None => None,
    };
    let help = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "write a path in the body, `{ path: … }`, `{ header: NAME }`, `{ query: NAME }`, or a list of these".to_owned(),
    };
    diagnostics.reject(Code::WrongType, node.at, message, &help)
}

/// Reads a path in the body. An invalid one is an error.
pub fn body_path(node: &Node, key: &str, diagnostics: &mut Diagnostics) -> Option<String> {
    let text = diagnostics.text(node, key)?;
    let Err(error) = check_in_body(&text) else {
        return Some(text);
    };
    let help = error.help.unwrap_or_default();
    diagnostics.error(Code::InvalidValue, node.at, error.message, &help);
    None
}

/// The name of a header in lower case.
pub fn header_name(name: &str, at: Span, diagnostics: &mut Diagnostics) -> Option<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if !name.is_empty() && name.chars().all(is_name) {
        return Some(name.to_ascii_lowercase());
    }
    let message = format!("`{name}` is not the name of a header");
    let help = "write the name of one header, as `header.webhook-id`; a path in the body that starts with `header` is written `$.header.…`";
    diagnostics.error(Code::InvalidValue, at, message, help);
    None
}

fn query_name(name: String, at: Span, diagnostics: &mut Diagnostics) -> Option<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if !name.is_empty() && name.chars().all(is_name) {
        return Some(name);
    }
    let message = format!("`{name}` is not the name of a value of the query");
    let help = "write letters, digits, `-` and `_`: `{ query: kind }` reads `?kind=…`";
    diagnostics.reject_value(at, message, help)
}

/// Reads `headers`: those that rules read as `event.headers.NAME`.
pub fn lower_headers(
    node: &Node,
    needs: &mut RequestNeeds,
    diagnostics: &mut Diagnostics,
) -> Option<()> {
    let nodes = node.as_list().unwrap_or(std::slice::from_ref(node));
    for node in nodes {
        let name = diagnostics.text(node, "headers")?;
        let name = header_name(&name, node.at, diagnostics)?;
        if SECRET_HEADERS.contains(&name.as_str()) {
            let message =
                format!("the header `{name}` has credentials, which events must not have");
            let help = "remove it; `verify` compares it with a secret";
            return diagnostics.reject_value(node.at, message, help);
        }
        needs.headers.insert(name);
    }
    Some(())
}

/// Reports a source whose events would have the token of its senders. None if they would.
pub fn check_no_token(
    needs: &RequestNeeds,
    scheme: Option<&Scheme>,
    at: Span,
    diagnostics: &mut Diagnostics,
) -> Option<()> {
    let Some(Scheme::Token(token)) = scheme else {
        return Some(());
    };
    let (what, name) = match &token.location {
        TokenLocation::Header(name) if needs.headers.contains(name) => ("header", name),
        TokenLocation::Query(name) if needs.query.contains(name) => ("value of the query", name),
        TokenLocation::Header(_) | TokenLocation::Query(_) => return Some(()),
    };
    let message =
        format!("the {what} `{name}` has the token of the sender, which events must not have");
    diagnostics.reject_value(
        at,
        message,
        "remove it from the source: `verify` compares it with the secret",
    )
}

/// Headers that no event may have.
const SECRET_HEADERS: [&str; 4] = [
    "authorization",
    "cookie",
    "proxy-authorization",
    "x-gitlab-token",
];
