//! Reads the description of a custom source: the paths of event type, id, key and time in a body.

use jiff::tz::TimeZone;

use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::decode::Decode;
use crate::document::{Entry, Node};
use crate::event::format::custom::{CustomFormat, TypeRule};
use crate::language::operator::operand::is_path;

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
            TypeRule::Path(diagnostics.text(&entries[0].value, "path")?)
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
    let mut path = |key: &str| node.get(key).and_then(|value| diagnostics.text(value, key));
    Some(CustomFormat {
        name: entry.key.clone(),
        source: path("event_source").unwrap_or_else(|| entry.key.clone()),
        event_type,
        id: path("id"),
        key: path("key"),
        time: path("time"),
        time_zone,
    })
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
