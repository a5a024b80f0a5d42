//! The named flows that stand around what is lowered, and the documents that the rule is made of besides
//! its own. It refuses nothing: whether a flow runs itself is asked where it is run.

use std::sync::Arc;

use serde_json::Value;

use crate::rule::version::IncludedDocument;

#[derive(Debug, Clone, Default)]
pub struct FlowStack {
    /// Outermost first.
    pub flows: Vec<Arc<str>>,
    /// The documents of all flows that the rule runs, each once.
    pub parts: Vec<IncludedDocument>,
    /// The rule's own variables, over which each flow lays its own; None outside of any.
    pub vars: Option<Arc<Value>>,
}

impl FlowStack {
    pub fn is_made_of(&mut self, part: &IncludedDocument) {
        if !self.parts.contains(part) {
            self.parts.push(part.clone());
        }
    }
}
