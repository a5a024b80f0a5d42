//! Finds many places of a document in one walk. An absent place has no entry.

use crate::event::json::tape;
use crate::event::json::tape::{JsonKind, TapeValue};
use crate::path::PathSegment;

/// The number of a place in the trie.
pub type TrieSlot = usize;

#[derive(Debug)]
pub struct Trie {
    nodes: Vec<TrieNode>,
    spots: usize,
}

#[derive(Debug, Default)]
struct TrieNode {
    spot: Option<TrieSlot>,
    below: Vec<TrieEdge>,
}

#[derive(Debug)]
struct TrieEdge {
    key: tape::HashedKey,
    index: Option<usize>,
    node: usize,
}

/// The tape entries at the places of a trie.
#[derive(Debug, Default)]
pub struct TrieValues(Vec<u32>);

const NOTHING: u32 = u32::MAX;

/// Up to this many keys are looked up one by one; for more, the object is walked.
const MAX_LOOKUPS: usize = 2;

impl Default for Trie {
    fn default() -> Self {
        Self {
            nodes: vec![TrieNode::default()],
            spots: 0,
        }
    }
}

impl Trie {
    /// The number of a place; a new place is added.
    pub fn spot(&mut self, keys: &[PathSegment]) -> TrieSlot {
        let node = keys.iter().fold(0, |node, key| self.below(node, key));
        let spots = &mut self.spots;
        *self.nodes[node].spot.get_or_insert_with(|| {
            *spots += 1;
            *spots - 1
        })
    }

    fn below(&mut self, node: usize, key: &PathSegment) -> usize {
        let mut below = self.nodes[node].below.iter();
        if let Some(known) = below.find(|below| *below.key.name == *key.name) {
            return known.node;
        }
        let new = self.nodes.len();
        self.nodes.push(TrieNode::default());
        self.nodes[node].below.push(TrieEdge {
            key: tape::HashedKey::new(&key.name),
            index: key.index,
            node: new,
        });
        new
    }

    pub fn walk(&self, root: TapeValue<'_>, spots: &mut TrieValues) {
        spots.0.clear();
        spots.0.resize(self.spots, NOTHING);
        self.visit(0, root, spots);
    }

    fn visit(&self, node: usize, item: TapeValue<'_>, spots: &mut TrieValues) {
        let node = &self.nodes[node];
        if let Some(spot) = node.spot {
            spots.0[spot] = item.number_on_tape();
        }
        if node.below.is_empty() {
            return;
        }
        match item.kind() {
            JsonKind::Object if node.below.len() <= MAX_LOOKUPS => self.look_up(node, item, spots),
            JsonKind::Object => self.pass(node, item, spots),
            JsonKind::List => self.pick(node, item, spots),
            JsonKind::Null | JsonKind::Bool | JsonKind::Number | JsonKind::Text => {}
        }
    }

    fn look_up(&self, node: &TrieNode, item: TapeValue<'_>, spots: &mut TrieValues) {
        for below in &node.below {
            if let Some(found) = item.find(&below.key.name, below.key.hash) {
                self.visit(below.node, found, spots);
            }
        }
    }

    fn pass(&self, node: &TrieNode, item: TapeValue<'_>, spots: &mut TrieValues) {
        let mut left = node.below.len();
        for (hash, name, value) in item.keys() {
            let mut below = node.below.iter();
            let is_it = |below: &&TrieEdge| below.key.hash == hash && *below.key.name == *name;
            if let Some(below) = below.find(is_it) {
                self.visit(below.node, value, spots);
                left -= 1;
                if left == 0 {
                    return;
                }
            }
        }
    }

    fn pick(&self, node: &TrieNode, item: TapeValue<'_>, spots: &mut TrieValues) {
        for below in &node.below {
            let element = below.index.and_then(|index| item.elements().nth(index));
            if let Some(element) = element {
                self.visit(below.node, element, spots);
            }
        }
    }
}

impl TrieValues {
    /// The tape entry at a place.
    pub fn get(&self, spot: TrieSlot) -> Option<u32> {
        let entry = *self.0.get(spot)?;
        (entry != NOTHING).then_some(entry)
    }
}
