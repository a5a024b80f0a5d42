//! Finds the events of the rules that execute a named flow, also through other flows.

use std::collections::BTreeSet;

use super::file_view::FileView;
use super::known_event::texts;
use super::workspace_root::FileRole;
use flowtrigger_core::diagnostic::{Diagnostics, FileId};
use flowtrigger_core::document::{Entry, Node, Yaml, chunks, read_chunk};

/// The source and the event types that a rule names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerEvents {
    pub source: Option<String>,
    pub types: Vec<String>,
}

/// The events of the callers of a flow.
pub fn caller_events(view: &FileView<'_>, flow: &str) -> Vec<CallerEvents> {
    let mut found = Vec::new();
    let mut flows = vec![flow.to_owned()];
    let mut visited = BTreeSet::new();
    while let Some(flow) = flows.pop() {
        if !visited.insert(flow.clone()) {
            continue;
        }
        for document in documents_with(view, &flow) {
            let own = document.get("flows").and_then(Node::as_map);
            let callers = own.unwrap_or_default().iter();
            let callers = callers.filter(|entry| calls(&entry.value, &flow));
            flows.extend(callers.map(|entry| entry.key.clone()));
            add_events(&document, &flow, &mut found);
        }
    }
    found
}

/// The documents of rules in which a name occurs.
fn documents_with(view: &FileView<'_>, name: &str) -> Vec<Node> {
    let mut documents = Vec::new();
    for file in view.files() {
        if file.role != FileRole::Rules || !file.text.contains(name) {
            continue;
        }
        let chunks = chunks(&file.text).filter(|chunk| chunk.text.contains(name));
        let read = chunks
            .filter_map(|chunk| read_chunk(FileId::default(), &chunk, &mut Diagnostics::default()));
        documents.extend(read);
    }
    documents
}

/// Adds the events of the mappings that name events and call the flow: rules, and job specs of bundles.
fn add_events(node: &Node, flow: &str, found: &mut Vec<CallerEvents>) {
    match &node.value {
        Yaml::Map(entries) => {
            if let Some(types) = node.get("event_type")
                && calls(node, flow)
            {
                found.push(CallerEvents {
                    source: node.get("event_source").and_then(Node::scalar_text),
                    types: texts(types),
                });
            }
            entries
                .iter()
                .for_each(|entry| add_events(&entry.value, flow, found));
        }
        Yaml::List(_) | Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) => {}
    }
}

/// Whether a step or a key in a node names the flow.
fn calls(node: &Node, flow: &str) -> bool {
    let names_flow = |entry: &Entry| {
        let is_name = matches!(entry.key.as_str(), "flow" | "flow_name");
        let name = entry.value.as_text().filter(|_| is_name);
        name.is_some_and(|name| name == flow || name.ends_with(&format!(":flow:{flow}")))
    };
    match &node.value {
        Yaml::Map(entries) => entries
            .iter()
            .any(|entry| names_flow(entry) || calls(&entry.value, flow)),
        Yaml::List(items) => items.iter().any(|item| calls(item, flow)),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) => false,
    }
}
