//! Holds the named flows of a rule set, which rules and steps run by name.
//! All are known before the first rule is lowered. Names are unique in the set.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Files, Report, Span};
use crate::document::decode::Decode;
use crate::document::split::DocumentText;
use crate::document::suggest;
use crate::document::{Entry, Node, Yaml};
use crate::flow::step::Flow;
use crate::flow::vocabulary::FLOWS;
use crate::rule::version::IncludedDocument;

#[derive(Debug, Clone, Default)]
pub struct NamedFlows {
    by_name: BTreeMap<Arc<str>, NamedFlow>,
}

/// A flow and the document that defines it.
#[derive(Debug, Clone)]
pub struct NamedFlow {
    pub name: Arc<str>,
    /// The location of its name.
    pub at: Span,
    /// Its document, which a rule that runs it includes.
    pub part: IncludedDocument,
    pub body: NamedFlowBody,
}

#[derive(Debug, Clone)]
pub enum NamedFlowBody {
    /// From `flows:`. What its steps can read depends on the rule that runs it, so it is lowered there.
    Steps(Node),
    /// From a bundle. It reads only its own document, so it is lowered once.
    Compiled(Arc<Flow>),
}

static NONE: NamedFlows = NamedFlows {
    by_name: BTreeMap::new(),
};

impl NamedFlows {
    pub fn none() -> &'static Self {
        &NONE
    }

    /// Adds a flow, or reports that its name is taken.
    pub fn add(&mut self, named: NamedFlow, files: &Files, diagnostics: &mut Diagnostics) {
        if let Some(first) = self.by_name.get(&named.name) {
            let message = format!("duplicate flow name `{}`", named.name);
            let help = format!(
                "the first one is at {}; names are unique across all files",
                files.location(first.at)
            );
            let error = Diagnostic::error(Code::DuplicateName, named.at, message);
            diagnostics.push(error.help(help));
            return;
        }
        self.by_name.insert(Arc::clone(&named.name), named);
    }

    pub fn get(&self, name: &str) -> Option<&NamedFlow> {
        self.by_name.get(name)
    }

    /// Returns the same flows, one of them with other steps.
    pub fn with_body(&self, name: &str, body: NamedFlowBody) -> Self {
        let mut changed = self.clone();
        if let Some(named) = changed.by_name.get_mut(name) {
            named.body = body;
        }
        changed
    }

    pub fn iter(&self) -> impl Iterator<Item = &NamedFlow> {
        self.by_name.values()
    }

    /// Returns the most similar name.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        suggest::nearest(name, self.by_name.keys().map(|name| &**name))
    }
}

impl NamedFlow {
    /// Returns the variables that it declares, each with its default value.
    pub fn vars(&self) -> &[Entry] {
        match &self.body {
            NamedFlowBody::Steps(node) => {
                node.get("vars").and_then(Node::as_map).unwrap_or_default()
            }
            NamedFlowBody::Compiled(_) => &[],
        }
    }

    /// Returns `vars`, overridden by its own variables.
    pub fn vars_over(&self, vars: &Arc<Value>) -> Arc<Value> {
        if self.vars().is_empty() {
            return Arc::clone(vars);
        }
        let mut all = vars.as_object().expect("variables are an object").clone();
        for entry in self.vars() {
            all.insert(entry.key.clone(), entry.value.to_json());
        }
        Arc::new(Value::Object(all))
    }

    /// Returns the folder in which its relative programs and files start.
    pub fn folder(&self) -> &str {
        let folder = self.part.file.rsplit_once('/');
        folder.map_or(".", |(folder, _)| folder)
    }
}

/// Whether a document contains named flows and not a rule.
pub fn is_document(node: &Node) -> bool {
    let Yaml::Map(entries) = &node.value else {
        return false;
    };
    let has = |key: &str| entries.iter().any(|entry| entry.key == key);
    has("flows")
        && !["event_source", "event_type", "flow", "name"]
            .into_iter()
            .any(has)
}

/// Returns the flows of a `flows:` document. `part` is that document, which rules that run a flow include.
pub fn from_document(document: &Node, part: &IncludedDocument) -> Vec<NamedFlow> {
    let flows = document.get("flows").and_then(Node::as_map);
    let flows = flows.unwrap_or_default().iter().map(|entry| NamedFlow {
        name: entry.key.as_str().into(),
        at: entry.key_at,
        part: part.clone(),
        body: NamedFlowBody::Steps(entry.value.clone()),
    });
    flows.collect()
}

/// Returns the text of a document with its file and line.
pub fn part(file: &Arc<str>, chunk: &DocumentText<'_>) -> IncludedDocument {
    IncludedDocument {
        file: Arc::clone(file),
        line: chunk.line,
        text: chunk.text.into(),
    }
}

/// Checks the keys and names of a document of flows. The flows are checked where they are run.
pub fn lower_document(node: &Node, diagnostics: &mut Diagnostics) {
    if diagnostics.entries(node, &FLOWS).is_none() {
        return;
    }
    let Some(flows) = node.get("flows") else {
        return;
    };
    match flows.as_map() {
        Some([]) | None => {
            let help = "write each flow under its name: `page-oncall: { flow: [ … ] }`";
            let found = match &flows.value {
                Yaml::Map(_) | Yaml::Null => "none",
                Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) | Yaml::List(_) => flows.kind(),
            };
            let message = format!("`flows` takes flows by name, found {found}");
            diagnostics.error(Code::WrongType, flows.at, message, help);
        }
        Some(entries) => entries
            .iter()
            .for_each(|entry| check_name(entry, diagnostics)),
    }
}

fn check_name(entry: &Entry, diagnostics: &mut Diagnostics) {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let name = &entry.key;
    let starts = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !starts || !name.chars().all(plain) || name.len() > 100 {
        let message = format!("invalid flow name `{name}`");
        let help = "use letters, digits, `.`, `_` and `-`, at most 100";
        diagnostics.invalid(entry.key_at, message, help);
    }
}
