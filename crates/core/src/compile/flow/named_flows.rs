//! The named flows of a rule set, which rules and steps run by name. They are known before any rule is
//! lowered; two of one name are an error.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Files, Span};
use crate::document::split::DocumentText;
use crate::document::suggest;
use crate::document::{Entry, Node, Yaml};
use crate::flow::step::Flow;
use crate::rule::version::IncludedDocument;

#[derive(Debug, Clone, Default)]
pub struct NamedFlows {
    by_name: BTreeMap<Arc<str>, NamedFlow>,
}

/// A flow and the document that it stands in.
#[derive(Debug, Clone)]
pub struct NamedFlow {
    pub name: Arc<str>,
    /// Where its name stands.
    pub at: Span,
    /// What a rule that runs it is made of too.
    pub part: IncludedDocument,
    pub body: NamedFlowBody,
}

#[derive(Debug, Clone)]
pub enum NamedFlowBody {
    /// Under `flows:`: what its steps may read hangs on the rule that runs it.
    Steps(Node),
    /// Of a bundle: it reads its own document, whoever runs it.
    Compiled(Arc<Flow>),
}

static NONE: NamedFlows = NamedFlows {
    by_name: BTreeMap::new(),
};

impl NamedFlows {
    pub fn none() -> &'static Self {
        &NONE
    }

    /// Adds one; reports it where another has the name.
    pub fn add(&mut self, named: NamedFlow, files: &Files, diagnostics: &mut Diagnostics) {
        if let Some(first) = self.by_name.get(&named.name) {
            let message = format!("another flow is called `{}`", named.name);
            let help = format!(
                "it stands at {}; names are unique across all files",
                files.place(first.at)
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

    pub fn iter(&self) -> impl Iterator<Item = &NamedFlow> {
        self.by_name.values()
    }

    /// The name that was probably meant.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        suggest::nearest(name, self.by_name.keys().map(|name| &**name))
    }
}

impl NamedFlow {
    /// The variables that it declares, each with what it is unless given.
    pub fn vars(&self) -> &[Entry] {
        match &self.body {
            NamedFlowBody::Steps(node) => {
                node.get("vars").and_then(Node::as_map).unwrap_or_default()
            }
            NamedFlowBody::Compiled(_) => &[],
        }
    }

    /// Variables with its own laid over them.
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

    /// The folder that its relative programs and files start in.
    pub fn folder(&self) -> &str {
        let folder = self.part.file.rsplit_once('/');
        folder.map_or(".", |(folder, _)| folder)
    }
}

/// Whether a document holds flows and no rule.
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

/// The flows of a `flows:` document, which is this part of the rules that run them.
pub fn of_document(document: &Node, part: &IncludedDocument) -> Vec<NamedFlow> {
    let flows = document.get("flows").and_then(Node::as_map);
    let flows = flows.unwrap_or_default().iter().map(|entry| NamedFlow {
        name: entry.key.as_str().into(),
        at: entry.key_at,
        part: part.clone(),
        body: NamedFlowBody::Steps(entry.value.clone()),
    });
    flows.collect()
}

/// The document that a chunk holds.
pub fn part(file: &Arc<str>, chunk: &DocumentText<'_>) -> IncludedDocument {
    IncludedDocument {
        file: Arc::clone(file),
        line: chunk.line,
        text: chunk.text.into(),
    }
}
