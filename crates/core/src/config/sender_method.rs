//! Reads `methods`: the HTTP methods with which senders post events to a source.

use serde_json::{Value, json};

use crate::diagnostic::{Diagnostics, Report};
use crate::document::Node;

/// A method with which a sender posts events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SenderMethod {
    Post,
    Put,
    Patch,
}

impl SenderMethod {
    pub const ALL: [Self; 3] = [Self::Post, Self::Put, Self::Patch];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
        }
    }

    /// The method with this name, in letters of either case.
    pub fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|method| method.as_str().eq_ignore_ascii_case(name))
    }
}

pub fn schema() -> Value {
    let method = json!({"enum": SenderMethod::ALL.map(SenderMethod::as_str)});
    json!({"oneOf": [method, {"type": "array", "minItems": 1, "items": method}]})
}

/// Reads `methods`: a method or a list of them.
pub fn lower(node: &Node, diagnostics: &mut Diagnostics) -> Option<Vec<SenderMethod>> {
    let nodes = node.as_list().unwrap_or(std::slice::from_ref(node));
    let mut methods = Vec::new();
    for node in nodes {
        let word = node.as_text().unwrap_or_default();
        let known = SenderMethod::ALL.into_iter();
        let Some(method) = known.clone().find(|known| known.as_str() == word) else {
            let names: Vec<&str> = known.map(SenderMethod::as_str).collect();
            let message = format!("`methods` takes {}", names.join(", "));
            let help = "write `methods: [POST, PUT]`; GET and HEAD are only for a `handshake`";
            return diagnostics.reject_value(node.at, message, help);
        };
        methods.push(method);
    }
    if methods.is_empty() {
        let message = "`methods` has no method";
        return diagnostics.reject_value(node.at, message, "write `methods: [POST, PUT]`");
    }
    Some(methods)
}
