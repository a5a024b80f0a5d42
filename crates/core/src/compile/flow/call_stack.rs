//! Tracks the named flows around the steps being lowered, and the documents a rule includes.
//! Recursive calls are detected in `flow_call`.

use std::sync::Arc;

use serde_json::Value;

use crate::rule::version::IncludedDocument;

#[derive(Debug, Clone, Default)]
pub struct FlowStack {
    /// Outermost first.
    pub flows: Vec<Arc<str>>,
    /// The documents of all flows that the rule runs, without duplicates.
    pub parts: Vec<IncludedDocument>,
    /// The rule's own variables, which each flow overrides with its own; None outside of named flows.
    pub vars: Option<Arc<Value>>,
}

impl FlowStack {
    pub fn include(&mut self, part: &IncludedDocument) {
        if !self.parts.contains(part) {
            self.parts.push(part.clone());
        }
    }
}
