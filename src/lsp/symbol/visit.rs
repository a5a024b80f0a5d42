//! Finds the symbols of one document by the keys under which they are written.

use std::ops::Range;

use super::{Occurrence, Symbol, SymbolKind, range};
use crate::lsp::workspace_root::FileRole;
use flowtrigger_core::diagnostic::Span;
use flowtrigger_core::document::{Entry, Node, Yaml};

/// The sections of the configuration whose keys are names.
const SECTIONS: [(&str, SymbolKind); 5] = [
    ("connections", SymbolKind::Connection),
    ("vars", SymbolKind::Variable),
    ("schedules", SymbolKind::Schedule),
    ("secrets", SymbolKind::Secret),
    ("sources", SymbolKind::Source),
];

/// What paths and templates read by name.
const ROOTS: [(&str, SymbolKind); 3] = [
    ("vars.", SymbolKind::Variable),
    ("secret.", SymbolKind::Secret),
    ("steps.", SymbolKind::Step),
];

pub fn visit(
    document: &Node,
    text: &str,
    role: FileRole,
    start: usize,
    found: &mut Vec<Occurrence>,
) {
    let mut visitor = Visitor {
        text,
        document: start,
        found,
    };
    match role {
        FileRole::Config => visitor.config(document),
        FileRole::Rules => visitor.rules(document),
        FileRole::Tests => {
            for test in document.as_list().unwrap_or_default() {
                if let Some(rule) = test.get("rule") {
                    visitor.text_names(rule, SymbolKind::Rule, false);
                }
                visitor.node(test, "");
            }
        }
    }
}

struct Visitor<'v> {
    text: &'v str,
    document: usize,
    found: &'v mut Vec<Occurrence>,
}

impl Visitor<'_> {
    fn add(&mut self, kind: SymbolKind, name: &str, at: Range<usize>, defines: bool) {
        let name = name.to_owned();
        self.found.push(Occurrence {
            symbol: Symbol { kind, name },
            at,
            defines,
            document: self.document,
        });
    }

    fn config(&mut self, document: &Node) {
        for (section, kind) in SECTIONS {
            let entries = document.get(section).and_then(Node::as_map);
            for entry in entries.unwrap_or_default() {
                self.add(kind, &entry.key, range(entry.key_at), true);
            }
        }
        self.node(document, "");
    }

    fn rules(&mut self, document: &Node) {
        if let Some(resources) = document.get("resources").and_then(Node::as_map) {
            resources
                .iter()
                .for_each(|resource| self.resource(resource));
        }
        for flow in document
            .get("flows")
            .and_then(Node::as_map)
            .unwrap_or_default()
        {
            self.add(SymbolKind::Flow, &flow.key, range(flow.key_at), true);
            self.variables(flow.value.get("vars"), true);
        }
        if let Some(name) = document.get("name") {
            self.text_names(name, SymbolKind::Rule, true);
        }
        self.variables(document.get("vars"), true);
        self.node(document, "");
    }

    /// A flow, an action or a job of a bundle.
    fn resource(&mut self, resource: &Entry) {
        let value = &resource.value;
        let kind = match value.get("type").and_then(Node::as_text) {
            Some("ZIS::Flow") => SymbolKind::Flow,
            Some(text) if text.starts_with("ZIS::Action") => SymbolKind::BundleAction,
            Some("ZIS::JobSpec") => SymbolKind::Rule,
            Some(_) | None => return,
        };
        let properties = value.get("properties");
        if let Some(name) = properties.and_then(|properties| properties.get("name")) {
            self.text_names(name, kind, true);
        }
    }

    fn variables(&mut self, vars: Option<&Node>, defines: bool) {
        for entry in vars.and_then(Node::as_map).unwrap_or_default() {
            let at = range(entry.key_at);
            self.add(SymbolKind::Variable, &entry.key, at, defines);
        }
    }

    fn text_names(&mut self, node: &Node, kind: SymbolKind, defines: bool) {
        if let Some(name) = node.scalar_text() {
            self.add(kind, &name, range(node.at), defines);
        }
    }

    /// `parent` is the key of the node.
    fn node(&mut self, node: &Node, parent: &str) {
        match &node.value {
            Yaml::Map(entries) => {
                for entry in entries {
                    self.entry(entry, node, parent);
                }
            }
            Yaml::List(items) => {
                for item in items {
                    // A step has a name beside its action.
                    if let Some(name) = item.get("name").filter(|_| is_steps(parent)) {
                        self.text_names(name, SymbolKind::Step, true);
                    }
                    self.node(item, parent);
                }
            }
            Yaml::Text(text) => self.text(text, node.at),
            Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) => {}
        }
    }

    fn entry(&mut self, entry: &Entry, mapping: &Node, parent: &str) {
        let value = &entry.value;
        let kind = match (parent, entry.key.as_str()) {
            (_, "connection") => Some(SymbolKind::Connection),
            (_, "flow_name" | "flow") => Some(SymbolKind::Flow),
            (_, "during") | ("during", "not") => Some(SymbolKind::Schedule),
            (_, "event_source") => Some(SymbolKind::Source),
            _ => None,
        };
        match (kind, value.as_text()) {
            (Some(kind), Some(text)) if !text.starts_with("zis:") => {
                self.add(kind, text, range(value.at), false);
            }
            _ => {}
        }
        // Beside `flow: NAME`, variables are passed to that flow.
        let passes = mapping
            .get("flow")
            .is_some_and(|flow| flow.as_text().is_some());
        if entry.key == "vars" && passes {
            self.variables(Some(value), false);
        }
        self.text(&entry.key, entry.key_at);
        self.node(value, &entry.key);
    }

    /// The names in a path or in templates.
    fn text(&mut self, text: &str, at: Span) {
        if let Some(name) = text.strip_prefix("zis:") {
            self.bundle_name(name, at);
            return;
        }
        let slice = self.text.get(range(at)).unwrap_or_default();
        for (root, kind) in ROOTS {
            for (index, _) in slice.match_indices(root) {
                let before = slice[..index].chars().next_back();
                if before.is_some_and(|c| c.is_alphanumeric() || "_.".contains(c)) {
                    continue;
                }
                let rest = &slice[index + root.len()..];
                let is_name = |c: &char| c.is_alphanumeric() || *c == '_' || *c == '-';
                let length: usize = rest.chars().take_while(is_name).map(char::len_utf8).sum();
                if length > 0 {
                    let start = at.start as usize + index + root.len();
                    self.add(kind, &rest[..length], start..start + length, false);
                }
            }
        }
    }

    /// `zis:INTEGRATION:flow:NAME`.
    fn bundle_name(&mut self, name: &str, at: Span) {
        let mut parts = name.splitn(3, ':').skip(1);
        let kind = match parts.next() {
            Some("flow") => SymbolKind::Flow,
            Some("action") => SymbolKind::BundleAction,
            Some(_) | None => return,
        };
        if let Some(name) = parts.next() {
            self.add(kind, name, range(at), false);
        }
    }
}

/// Whether the items of a list under this key are steps.
fn is_steps(key: &str) -> bool {
    matches!(key, "flow" | "catch" | "on_dead" | "on_outage" | "default")
}
