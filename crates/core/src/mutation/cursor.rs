//! A position in a document, from which the document is copied with one change.

use crate::diagnostic::Span;
use crate::document::{Entry, Node, Yaml};
use crate::mutation::{Mutant, MutationKind};

/// A node of a document and the way to it.
#[derive(Debug, Clone)]
pub struct NodeCursor<'n> {
    root: &'n Node,
    pub node: &'n Node,
    /// The entry that holds the node, if it is the value of a key.
    entry: Option<&'n Entry>,
    /// The numbers of the children from the root to the node.
    trail: Vec<usize>,
    /// The same as text: `when.any[0].previous`.
    name: String,
}

/// What replaces a node.
enum Edit {
    Remove,
    Value(Node),
    /// The key of a mapping, with a value.
    Entry(String, Node),
}

impl<'n> NodeCursor<'n> {
    pub fn root(root: &'n Node) -> Self {
        Self {
            root,
            node: root,
            entry: None,
            trail: Vec::new(),
            name: String::new(),
        }
    }

    /// The key of the node; empty for an element of a list.
    pub fn key(&self) -> &'n str {
        self.entry.map_or("", |entry| entry.key.as_str())
    }

    /// The location of the node with its key.
    pub fn at(&self) -> Span {
        self.entry.map_or(self.node.at, |entry| entry.key_at)
    }

    /// The entries of a mapping.
    pub fn entries(&self) -> Vec<NodeCursor<'n>> {
        let entries = self.node.as_map().unwrap_or_default().iter().enumerate();
        let cursor = |(number, entry): (usize, &'n Entry)| {
            let name = match self.name.as_str() {
                "" => entry.key.clone(),
                name => format!("{name}.{}", entry.key),
            };
            self.child(number, &entry.value, Some(entry), name)
        };
        entries.map(cursor).collect()
    }

    /// The elements of a list. An element with a `name` is called by it.
    pub fn items(&self) -> Vec<NodeCursor<'n>> {
        let items = self.node.as_list().unwrap_or_default().iter().enumerate();
        let cursor = |(number, item): (usize, &'n Node)| {
            let name = match item.get("name").and_then(Node::as_text) {
                Some(name) => format!("{}.{name}", self.name),
                None => format!("{}[{number}]", self.name),
            };
            self.child(number, item, None, name)
        };
        items.map(cursor).collect()
    }

    /// The value under a key of the mapping.
    pub fn get(&self, key: &str) -> Option<NodeCursor<'n>> {
        let mut entries = self.entries().into_iter();
        entries.find(|entry| entry.key() == key)
    }

    fn child(
        &self,
        number: usize,
        node: &'n Node,
        entry: Option<&'n Entry>,
        name: String,
    ) -> NodeCursor<'n> {
        let mut trail = self.trail.clone();
        trail.push(number);
        NodeCursor {
            root: self.root,
            node,
            entry,
            trail,
            name,
        }
    }

    /// The mutant without this node, and without its key.
    pub fn removed(&self, kind: MutationKind, change: String) -> Mutant {
        self.mutant(kind, change, &Edit::Remove)
    }

    /// The mutant with another value.
    pub fn replaced(&self, kind: MutationKind, change: String, value: Yaml) -> Mutant {
        let at = self.node.at;
        self.mutant(kind, change, &Edit::Value(Node { value, at }))
    }

    /// The mutant with another key and value.
    pub fn rewritten(&self, kind: MutationKind, change: String, key: &str, value: Yaml) -> Mutant {
        let at = self.node.at;
        let edit = Edit::Entry(key.to_owned(), Node { value, at });
        self.mutant(kind, change, &edit)
    }

    fn mutant(&self, kind: MutationKind, change: String, edit: &Edit) -> Mutant {
        Mutant {
            kind,
            key: self.name.clone(),
            at: self.at(),
            change,
            document: edited(self.root, &self.trail, edit).unwrap_or_else(|| self.root.clone()),
        }
    }
}

/// A copy of a node with a change at the end of a trail; none if the node itself is removed.
fn edited(node: &Node, trail: &[usize], edit: &Edit) -> Option<Node> {
    let Some((first, rest)) = trail.split_first() else {
        return match edit {
            Edit::Remove => None,
            Edit::Value(value) | Edit::Entry(_, value) => Some(value.clone()),
        };
    };
    let value = match &node.value {
        Yaml::List(items) => {
            let items = items.iter().enumerate();
            let items = items.filter_map(|(number, item)| match number == *first {
                true => edited(item, rest, edit),
                false => Some(item.clone()),
            });
            Yaml::List(items.collect())
        }
        Yaml::Map(entries) => {
            let entries = entries.iter().enumerate();
            let entries = entries.filter_map(|(number, entry)| match number == *first {
                true => edited_entry(entry, rest, edit),
                false => Some(entry.clone()),
            });
            Yaml::Map(entries.collect())
        }
        scalar @ (Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_)) => scalar.clone(),
    };
    Some(Node { value, at: node.at })
}

fn edited_entry(entry: &Entry, rest: &[usize], edit: &Edit) -> Option<Entry> {
    let value = edited(&entry.value, rest, edit)?;
    let key = match edit {
        Edit::Entry(key, _) if rest.is_empty() => key.clone(),
        Edit::Entry(..) | Edit::Remove | Edit::Value(_) => entry.key.clone(),
    };
    Some(Entry {
        key,
        key_at: entry.key_at,
        value,
    })
}
