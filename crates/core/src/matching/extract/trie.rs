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
    /// Whether a place may be an element of a list.
    has_elements: bool,
}

#[derive(Debug, Default)]
struct TrieNode {
    spot: Option<TrieSlot>,
    below: Vec<TrieEdge>,
    /// Finds an edge by the hash of its key: at the place that the hash has, or soon after it.
    table: Box<[EdgeBucket]>,
}

#[derive(Debug)]
struct TrieEdge {
    key: tape::HashedKey,
    index: Option<usize>,
    node: usize,
}

#[derive(Debug, Clone, Copy)]
enum EdgeBucket {
    Empty,
    Edge { hash: u32, number: u32 },
}

/// The tape entries at the places of a trie.
#[derive(Debug, Default)]
pub struct TrieValues(Vec<u32>);

const NOTHING: u32 = u32::MAX;

impl Default for Trie {
    fn default() -> Self {
        Self {
            nodes: vec![TrieNode::default()],
            spots: 0,
            has_elements: false,
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
        self.has_elements |= key.index.is_some();
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
        self.nodes[node].rebuild();
        new
    }

    /// The path to each place, if all lead through objects only.
    pub fn paths(&self) -> Option<Vec<Vec<Box<str>>>> {
        if self.has_elements {
            return None;
        }
        let mut paths = vec![Vec::new(); self.spots];
        let mut open = vec![(0, Vec::new())];
        while let Some((node, path)) = open.pop() {
            let TrieNode { spot, below, .. } = &self.nodes[node];
            for edge in below {
                let mut path: Vec<Box<str>> = path.clone();
                path.push(edge.key.name.clone());
                open.push((edge.node, path));
            }
            if let Some(spot) = spot {
                paths[*spot] = path;
            }
        }
        Some(paths)
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
            JsonKind::Object => self.pass(node, item, spots),
            JsonKind::List => self.pick(node, item, spots),
            JsonKind::Null | JsonKind::Bool | JsonKind::Number | JsonKind::Text => {}
        }
    }

    fn pass(&self, node: &TrieNode, item: TapeValue<'_>, spots: &mut TrieValues) {
        let mut left = node.below.len();
        for value in item.entries() {
            if let Some(below) = node.edge(value) {
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

impl TrieNode {
    /// Half of the places are empty, so that a search for an unknown key ends soon.
    fn rebuild(&mut self) {
        let length = (2 * self.below.len()).next_power_of_two();
        let mut table = vec![EdgeBucket::Empty; length];
        for (number, edge) in (0..).zip(&self.below) {
            let hash = edge.key.hash;
            let mut at = hash as usize % length;
            while let EdgeBucket::Edge { .. } = table[at] {
                at = (at + 1) % length;
            }
            table[at] = EdgeBucket::Edge { hash, number };
        }
        self.table = table.into();
    }

    /// The edge for the key of a value.
    #[inline]
    fn edge(&self, value: TapeValue<'_>) -> Option<&TrieEdge> {
        let (hash, last) = (value.key_hash(), self.table.len().wrapping_sub(1));
        let mut at = hash as usize & last;
        while let EdgeBucket::Edge { hash: here, number } = *self.table.get(at)? {
            let edge = &self.below[number as usize];
            if here == hash && value.has_key(&edge.key.name) {
                return Some(edge);
            }
            at = (at + 1) & last;
        }
        None
    }
}

impl TrieValues {
    /// The tape entry at a place.
    pub fn get(&self, spot: TrieSlot) -> Option<u32> {
        let entry = *self.0.get(spot)?;
        (entry != NOTHING).then_some(entry)
    }
}
