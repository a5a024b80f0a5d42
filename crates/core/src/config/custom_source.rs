//! Reads the description of a custom source: the paths of event type, id, key and time in a body, or the header
//! that holds the id.

use crate::config::source::{DeliveryIdentity, EventSource};
use crate::diagnostic::{Code, Diagnostics, Report, Span};
use crate::document::decode::Decode;
use crate::document::{Entry, Node};
use crate::event::format::custom::{CustomFormat, TypeRule};
use crate::language::operator::operand::is_path;
use crate::path::dotted::check_in_body;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

/// Reads the description of an entry; `None` after an error was reported.
pub fn lower(entry: &Entry, diagnostics: &mut Diagnostics) -> Option<CustomFormat> {
    let node = &entry.value;
    let Some(event_type) = node.get("event_type") else {
        let message = format!("the source `{}` has no `event_type`", entry.key);
        return diagnostics.reject(
            Code::MissingKey,
            entry.key_at,
            message,
            "write a constant, or { path: … }; or name a built-in decoder: `decoder: support`",
        );
    };
    let event_type = match event_type.as_map() {
        Some(entries) if is_path(entries) => {
            TypeRule::Path(body_path(&entries[0].value, "path", diagnostics)?)
        }
        Some(_) => {
            return diagnostics.reject_type(event_type, "event_type", "a constant, or { path: … }");
        }
        None => TypeRule::Constant(diagnostics.text(event_type, "event_type")?),
    };
    let time_zone = match node.get("time_zone") {
        Some(zone) => Some(lower_time_zone(zone, diagnostics)?),
        None => None,
    };
    let id = match node.get("id") {
        Some(id) => match lower_id(id, diagnostics)? {
            IdSource::Path(path) => Some(path),
            IdSource::Header(_) | IdSource::None => None,
        },
        None => None,
    };
    let event_source = match node.get("event_source") {
        Some(name) => Some(diagnostics.text(name, "event_source")?),
        None => None,
    };
    let mut path = |key: &str| {
        let value = node.get(key)?;
        body_path(value, key, diagnostics)
    };
    Some(CustomFormat {
        name: entry.key.clone(),
        source: event_source.unwrap_or_else(|| entry.key.clone()),
        event_type,
        id,
        key: path("key"),
        time: path("time"),
        time_zone,
    })
}

/// Reads a path in the body. An invalid one is an error.
fn body_path(node: &Node, key: &str, diagnostics: &mut Diagnostics) -> Option<String> {
    let text = diagnostics.text(node, key)?;
    let Err(error) = check_in_body(&text) else {
        return Some(text);
    };
    let help = error.help.unwrap_or_default();
    diagnostics.error(Code::InvalidValue, node.at, error.message, &help);
    None
}

fn lower_time_zone(node: &Node, diagnostics: &mut Diagnostics) -> Option<TimeZone> {
    let name = diagnostics.text(node, "time_zone")?;
    let zone = TimeZone::get(&name).ok();
    if zone.is_none() {
        let message = format!("unknown time zone `{name}`");
        let help =
            "write the name of a zone of the IANA database, such as `Europe/Berlin` or `UTC`";
        diagnostics.error(Code::InvalidValue, node.at, message, help);
    }
    zone
}

/// The value of `id`.
enum IdSource {
    /// A path in the body.
    Path(String),
    Header(String),
    None,
}

/// What a path in the body may start with instead of a header.
const HEADER_PREFIX: &str = "header.";

pub fn id_schema() -> Value {
    let one = |key: &str| json!({"type": "object", "properties": {key: {"type": "string"}}, "required": [key], "additionalProperties": false});
    json!({"oneOf": [{"type": "string"}, one("path"), one("header")]})
}

fn lower_id(node: &Node, diagnostics: &mut Diagnostics) -> Option<IdSource> {
    let expected = "a path in the body, `header.NAME`, or `none`";
    let Some(entries) = node.as_map() else {
        let text = diagnostics.text(node, "id")?;
        return match (text.as_str(), text.strip_prefix(HEADER_PREFIX)) {
            ("none", _) => Some(IdSource::None),
            (_, Some(name)) => header(name, node.at, diagnostics),
            (_, None) => Some(IdSource::Path(body_path(node, "id", diagnostics)?)),
        };
    };
    match entries {
        [entry] if entry.key == "path" => {
            let path = body_path(&entry.value, "path", diagnostics)?;
            Some(IdSource::Path(path))
        }
        [entry] if entry.key == "header" => {
            let name = diagnostics.text(&entry.value, "header")?;
            header(&name, entry.value.at, diagnostics)
        }
        _ => {
            diagnostics.wrong_type(node, "id", expected);
            None
        }
    }
}

fn header(name: &str, at: Span, diagnostics: &mut Diagnostics) -> Option<IdSource> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if !name.is_empty() && name.chars().all(is_name) {
        return Some(IdSource::Header(name.to_ascii_lowercase()));
    }
    let message = format!("`{name}` is not the name of a header");
    let help = "write the name of one header, as `header.webhook-id`; a path in the body that starts with `header` is written `$.header.…`";
    diagnostics.error(Code::InvalidValue, at, message, help);
    None
}

/// What identifies the events of a source besides a path in their bodies; `None` after an error was reported.
pub fn identity(entry: &Entry, source: &EventSource) -> Option<DeliveryIdentity> {
    let scheme = source.verification.as_ref();
    let delivery = scheme.and_then(|verification| verification.scheme.delivery_id());
    if source.description().is_none() {
        return Some(delivery.map_or(DeliveryIdentity::Body, DeliveryIdentity::Delivery));
    }
    let id = match entry.value.get("id") {
        // Reported when the description was read.
        Some(id) => lower_id(id, &mut Diagnostics::default())?,
        None => match delivery {
            Some(header) => return Some(DeliveryIdentity::Delivery(header)),
            None => return Some(DeliveryIdentity::Body),
        },
    };
    Some(match id {
        IdSource::Path(_) => DeliveryIdentity::Body,
        IdSource::Header(name) => DeliveryIdentity::Header(name),
        IdSource::None => DeliveryIdentity::Request,
    })
}
