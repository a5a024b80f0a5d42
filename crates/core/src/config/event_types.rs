//! Reads `event_types` of the configuration: event types to add to the built-in catalogue.
//! Reports and leaves out invalid ones.

use crate::diagnostic::{Diagnostics, Report};
use crate::document::Node;
use crate::document::decode::Decode;
use crate::event::catalogue::event_type::EventType;
use crate::event::format::clock::CLOCK;
use crate::event::format::type_name;

pub fn lower(node: &Node, diagnostics: &mut Diagnostics) -> Vec<EventType> {
    let Some(items) = node.as_list() else {
        diagnostics.wrong_type(node, "event_types", "a list of types");
        return Vec::new();
    };
    let mut types = Vec::new();
    for item in items {
        match serde_json::from_value::<EventType>(item.to_json()) {
            Ok(event_type) if event_type.source == CLOCK => {
                let source = item.get("source").unwrap_or(item);
                let message = "the source `clock` has only the ticks of rules with `every`";
                let help = "choose the name of another source";
                diagnostics.invalid(source.at, message, help);
            }
            Ok(event_type) => types.push(type_name::with_webhook(event_type)),
            Err(error) => {
                let message = format!("not an event type: {error}");
                let help = "a type has source, name, display, webhook, codes, groups, summary, fields, open";
                diagnostics.invalid(item.at, message, help);
            }
        }
    }
    types
}
