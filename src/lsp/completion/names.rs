//! The names that a document can use: flows, variables, steps and secrets. Values of secrets are never read.

use std::collections::BTreeSet;

use super::CompletionSite;
use crate::lsp::file_view::FileView;
use crate::lsp::symbol::{SymbolKind, occurrences_in};
use flowtrigger_core::compile::rule_files::may_define_flows;
use flowtrigger_core::document::{Node, Yaml};

/// The names of the flows of all files.
pub fn flows(view: &FileView<'_>) -> Vec<String> {
    let mut names = BTreeSet::new();
    for file in view.files() {
        let occurrences = occurrences_in(&file, may_define_flows).into_iter();
        let flows =
            occurrences.filter(|found| found.defines && found.symbol.kind == SymbolKind::Flow);
        names.extend(flows.map(|found| found.symbol.name));
    }
    names.into_iter().collect()
}

/// The variables that are in scope: those of the configuration, the document and the flows in it.
pub fn variables(site: &CompletionSite<'_>) -> Vec<String> {
    let mut names = BTreeSet::new();
    let config = site.view.config();
    names.extend(
        config
            .vars
            .as_object()
            .into_iter()
            .flat_map(|vars| vars.keys().cloned()),
    );
    if let Some(document) = &site.document {
        let mut collect = |node: &Node| {
            if let Some(vars) = node.get("vars").and_then(Node::as_map) {
                names.extend(vars.iter().map(|entry| entry.key.clone()));
            }
        };
        collect(document);
        for length in 1..=site.cursor.path.len() {
            if let Some(node) = crate::lsp::cursor::node_at(document, &site.cursor.path[..length]) {
                collect(node);
            }
        }
    }
    names.into_iter().collect()
}

/// The names of all steps of a document, in order.
pub fn steps(document: &Node) -> Vec<String> {
    let mut names = Vec::new();
    collect_steps(document, false, &mut names);
    names
}

fn collect_steps(node: &Node, is_step: bool, names: &mut Vec<String>) {
    match &node.value {
        Yaml::Map(entries) => {
            if is_step && let Some(name) = node.get("name").and_then(Node::scalar_text) {
                names.push(name);
            }
            for entry in entries {
                // What a request sends can have any keys.
                if !matches!(
                    entry.key.as_str(),
                    "json" | "form" | "tests" | "vars" | "when"
                ) {
                    collect_steps(&entry.value, false, names);
                }
            }
        }
        Yaml::List(items) => items
            .iter()
            .for_each(|item| collect_steps(item, true, names)),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) => {}
    }
}
