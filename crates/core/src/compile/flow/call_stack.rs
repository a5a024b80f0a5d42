//! The named flows that stand around what is lowered, and the documents that the rule is made of besides
//! its own. It refuses nothing: whether a flow runs itself is asked where it is run.

use std::sync::Arc;

use serde_json::Value;

use crate::rule::version::Part;

#[derive(Debug, Clone, Default)]
pub struct Running {
    /// Outermost first.
    pub flows: Vec<Arc<str>>,
    /// The documents of all flows that the rule runs, each once.
    pub parts: Vec<Part>,
    /// The rule's own variables, over which each flow lays its own; None outside of any.
    pub vars: Option<Arc<Value>>,
}

impl Running {
    pub fn is_made_of(&mut self, part: &Part) {
        if !self.parts.contains(part) {
            self.parts.push(part.clone());
        }
    }
}
