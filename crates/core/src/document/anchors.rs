//! The anchors of a document (`&name`) and the nodes that aliases (`*name`) repeat.
//! Limits how much aliases repeat. Reports anchors that no alias uses: `text: &urgent ticket` loses its first
//! word.

use std::collections::HashMap;

use crate::diagnostic::{Code, Diagnostic, Span};
use crate::document::syntax_errors::too_large;
use crate::document::{Node, Yaml};

/// The maximum number of aliases of a document.
const MAX_ALIASES: usize = 64;
/// The maximum number of nodes that all aliases of a document repeat, if the document is short.
const MAX_REPEATED_NODES: usize = 20_000;
/// The maximum size of the texts that all aliases of a document repeat, in bytes, if the document is short.
const MAX_REPEATED_BYTES: usize = 1 << 20;

/// The anchors that were read so far, by the number that the parser gives them.
#[derive(Default)]
pub struct Anchors {
    known: HashMap<usize, Anchor>,
    aliases: usize,
    repeated: TreeSize,
    /// The length of the document, which a document without aliases has at most as nodes.
    document: usize,
}

struct Anchor {
    name: String,
    at: Span,
    /// The anchored node. `None` while it is being read.
    node: Option<Node>,
    is_used: bool,
}

/// How much a node contains.
#[derive(Default)]
struct TreeSize {
    nodes: usize,
    bytes: usize,
}

impl Anchors {
    pub fn new(document: usize) -> Self {
        Self {
            document,
            ..Self::default()
        }
    }

    pub fn define(&mut self, number: usize, name: String, at: Span) {
        let anchor = Anchor {
            name,
            at,
            node: None,
            is_used: false,
        };
        self.known.insert(number, anchor);
    }

    pub fn complete(&mut self, number: usize, node: &Node) {
        if let Some(anchor) = self.known.get_mut(&number) {
            anchor.node = Some(node.clone());
        }
    }

    /// Returns a copy of the node that an alias repeats.
    pub fn repeat(&mut self, number: usize, at: Span) -> Result<Node, Diagnostic> {
        let anchor = self.known.get_mut(&number);
        let Some(anchor) = anchor else {
            return Err(too_large(at));
        };
        anchor.is_used = true;
        let Some(node) = &anchor.node else {
            let message = format!("the alias `*{}` is inside its own anchor", anchor.name);
            let help = "write the value out";
            return Err(Diagnostic::error(Code::Syntax, at, message).help(help));
        };
        self.aliases += 1;
        self.repeated.add(node);
        if self.aliases > MAX_ALIASES
            || self.repeated.nodes > MAX_REPEATED_NODES.max(self.document)
            || self.repeated.bytes > MAX_REPEATED_BYTES.max(self.document)
        {
            return Err(too_large(at));
        }
        Ok(Node { at, ..node.clone() })
    }

    /// Reports the anchors that no alias uses.
    pub fn report_unused(&self, found: &mut Vec<Diagnostic>) {
        let mut unused: Vec<&Anchor> = self.known.values().filter(|a| !a.is_used).collect();
        unused.sort_by_key(|anchor| anchor.at);
        for Anchor { name, at, .. } in unused {
            let message = format!("unused anchor `&{name}`, which is not part of the value");
            let help = format!(
                "put quotes around a text that starts with `&`: \"&{name} …\"; remove an anchor that no alias `*{name}` uses"
            );
            found.push(Diagnostic::warning(Code::Syntax, *at, message).help(help));
        }
    }
}

impl TreeSize {
    fn add(&mut self, node: &Node) {
        self.nodes += 1;
        match &node.value {
            Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) => {}
            Yaml::Text(text) => self.bytes += text.len(),
            Yaml::List(items) => items.iter().for_each(|item| self.add(item)),
            Yaml::Map(entries) => {
                for entry in entries {
                    self.bytes += entry.key.len();
                    self.add(&entry.value);
                }
            }
        }
    }
}
