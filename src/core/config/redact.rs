//! Which fields of events are not kept: customers' text that runs may use and nobody may read later.
//! It refuses what is no field of an event.

use serde_json::{Value, json};

use crate::core::diagnostic::Code;
use crate::core::rule::document::Node;
use crate::core::rule::lowering::Lowering;
use crate::core::rule::path::Path;

pub fn schema() -> Value {
    json!({"type": "array", "items": {"type": "string"}, "examples": [["comment.body", "ticket.subject"]]})
}

/// The paths under `redact`. What is wrong in it is reported and left out.
pub fn lower(node: &Node, cx: &mut Lowering<'_>) -> Vec<Path> {
    let nodes: Vec<&Node> = match node.as_list() {
        Some(list) => list.iter().collect(),
        None => vec![node],
    };
    let lowered: Vec<_> = nodes.into_iter().map(|node| path(node, cx)).collect();
    lowered.into_iter().flatten().collect()
}

fn path(node: &Node, cx: &mut Lowering<'_>) -> Option<Path> {
    let text = cx.text(node, "redact")?;
    match Path::parse(&text) {
        Ok(path) => Some(path),
        Err(_) => {
            let message = format!("`{text}` is no field");
            let help = "write paths such as `comment.body`; `flowtrigger events TYPE` lists them";
            cx.error(Code::InvalidValue, node.at, message, help);
            None
        }
    }
}
