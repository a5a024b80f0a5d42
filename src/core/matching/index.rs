//! Which rules of one trigger match an event, at a cost that grows with those that can: each rule is found
//! by what it asks of one path, and the rest of its condition is judged by its very predicates.
//! It reads no event itself: what stands at its paths is brought to it.

mod affixes;
mod check;
mod intervals;
mod leaves;
mod posting;
mod quick;
mod scratch;
mod share;
mod substrings;
mod table;
mod tree;
mod values;
mod way;

use serde_json::Value;

use crate::core::event::Event;
use crate::core::event::datum::Datum;
use crate::core::rule::condition::Predicate;
use crate::core::rule::jobspec::Rule;
use crate::core::rule::operator::{Operator, Verdict};
use crate::core::rule::path::{Found, Path};
use crate::core::scope::Scope;
use check::{Code, holds};
use leaves::{Leaf, Leaves, Reads};
use posting::{Posting, Postings, Span, number};
use quick::{Quick, Words};
pub use scratch::Scratch;
use share::Shares;
use table::{Filling, Table};
use tree::Tree;
use way::Ways;

/// What stands at the paths that an index reads, for one event.
pub trait Slots {
    /// None where nothing does.
    fn slot(&self, number: usize) -> Option<Datum<'_>>;
}

/// The rules of one trigger.
#[derive(Debug, Default)]
pub struct Index {
    paths: Box<[Path]>,
    /// With the slot of each.
    tables: Box<[(u32, Table)]>,
    /// Rules that no table leads to.
    always: Span,
    postings: Box<[Posting]>,
    code: Box<[u32]>,
    leaves: Box<[Leaf]>,
    /// By the number of the predicate.
    quick: Box<[Quick]>,
    words: Words,
}

/// An event with nothing in it, for predicates that look at none.
static BLANK: Event = Event {
    source: String::new(),
    event_type: String::new(),
    id: String::new(),
    key: None,
    time: None,
    envelope: Value::Null,
    body: Value::Null,
    raw: Value::Null,
    about: Value::Null,
    shape: "",
    warnings: Vec::new(),
};

/// What a predicate reads that looks at one value alone.
static ALONE: Scope<'static> = Scope {
    event: &BLANK,
    vars: &Value::Null,
    steps: &Value::Null,
    error: &Value::Null,
};

impl Index {
    /// Of rules with their numbers in the set.
    pub fn new(rules: &[(u32, &Rule)]) -> Self {
        let mut leaves = Leaves::default();
        let trees = rules
            .iter()
            .map(|(number, rule)| (*number, leaves.tree(*number, rule)));
        let trees: Vec<(u32, Tree)> = trees.collect();
        let shares = Shares::new(&leaves.facts, leaves.paths.len());
        let mut building = Building::new(&leaves, &shares);
        for (rule, tree) in trees {
            building.add(rule, tree);
        }
        let mut index = building.finish();
        index.quick = leaves
            .facts
            .iter()
            .map(|facts| index.words.quick(facts))
            .collect();
        index.paths = leaves.paths.into();
        index.leaves = leaves.leaves.into();
        index
    }

    /// The plain paths that it reads, by the number of their slot: into body, envelope, `event` and
    /// `$.raw`, each with one key at least.
    pub fn paths(&self) -> &[Path] {
        &self.paths
    }

    /// The numbers of the rules that match, from low to high. `whole` judges a predicate that reads the
    /// event as a whole, with the number of a rule whose variables it may read.
    pub fn find<S: Slots, W: FnMut(u32, &Predicate) -> bool>(
        &self,
        slots: &S,
        whole: &mut W,
        scratch: &mut Scratch,
        matches: &mut Vec<u32>,
    ) {
        matches.clear();
        scratch.begin(self.leaves.len(), self.paths.len());
        for (slot, table) in &self.tables {
            let datum = slots.slot(*slot as usize);
            table.find(datum, &mut scratch.buffers, &mut scratch.spans);
        }
        values::push(self.always, &mut scratch.spans);
        let spans = std::mem::take(&mut scratch.spans);
        let mut leaf = |leaf| self.leaf_holds(leaf, slots, whole, scratch);
        for span in &spans {
            for posting in span.of(&self.postings) {
                if holds(posting.check, &self.code, &mut leaf) {
                    matches.push(posting.rule);
                }
            }
        }
        scratch.spans = spans;
        matches.sort_unstable();
        matches.dedup();
    }

    #[inline]
    fn leaf_holds<S: Slots, W: FnMut(u32, &Predicate) -> bool>(
        &self,
        number: u32,
        slots: &S,
        whole: &mut W,
        scratch: &mut Scratch,
    ) -> bool {
        let quick = self.quick[number as usize];
        if let Some(slot) = quick.slot() {
            let datum = || slots.slot(slot as usize);
            let digest = scratch
                .digests
                .get(slot, |digest| digest.fill(datum(), &self.words));
            return quick.holds(digest, &self.words);
        }
        if let Some(holds) = scratch.verdicts.get(number) {
            return holds;
        }
        let leaf = &self.leaves[number as usize];
        let holds = match leaf.reads {
            Reads::Whole(rule) => whole(rule, &leaf.predicate),
            Reads::Slot(slot) => {
                let slot = slot as usize;
                let found = match slots.slot(slot) {
                    None => Found::Absent,
                    Some(datum) => Found::One(scratch.rooms.value(slot, datum)),
                };
                leaf.predicate.verdict(&found, &ALONE) == Verdict::Match
            }
        };
        scratch.verdicts.set(number, holds);
        holds
    }
}

/// An index that is being filled.
struct Building<'f> {
    ways: Ways<'f>,
    leaves: &'f [Leaf],
    tables: Vec<Filling>,
    always: Vec<Posting>,
    code: Code,
}

impl<'f> Building<'f> {
    fn new(leaves: &'f Leaves<'_>, shares: &'f Shares) -> Self {
        Self {
            ways: Ways {
                facts: &leaves.facts,
                shares,
            },
            leaves: &leaves.leaves,
            tables: leaves.paths.iter().map(|_| Filling::default()).collect(),
            always: Vec::new(),
            code: Code::default(),
        }
    }

    fn add(&mut self, rule: u32, mut tree: Tree) {
        tree.sort(&|leaf| self.order(leaf));
        let Some(way) = self.ways.of(&tree) else {
            let check = self.code.add(&tree);
            self.always
                .extend(check.map(|check| Posting { rule, check }));
            return;
        };
        for access in way {
            let Some(check) = self.code.add(&tree.given(&access.proven)) else {
                continue;
            };
            for clue in access.clues.iter() {
                self.tables[access.slot as usize].add(clue, Posting { rule, check });
            }
        }
    }

    /// What is rarely true is asked first, what is dear last.
    fn order(&self, number: u32) -> f32 {
        let (leaf, facts) = (
            &self.leaves[number as usize],
            &self.ways.facts[number as usize],
        );
        let rarity = facts.slot.and_then(|slot| {
            let shares = facts
                .narrowings
                .iter()
                .map(|n| self.ways.shares.of(slot, n));
            shares.min_by(f32::total_cmp)
        });
        let cost = match (leaf.reads, &leaf.predicate.operator) {
            (Reads::Whole(_), _) => 2.0,
            (Reads::Slot(_), Operator::Matches(_)) => 1.0,
            (Reads::Slot(_), _) => 0.0,
        };
        cost + rarity.unwrap_or(1.0)
    }

    fn finish(self) -> Index {
        let mut postings = Postings::default();
        let tables = self.tables.into_iter().enumerate();
        let tables = tables
            .filter_map(|(slot, filling)| Some((number(slot), filling.finish(&mut postings)?)));
        Index {
            tables: tables.collect(),
            always: postings.add(self.always),
            postings: postings.finish(),
            code: self.code.finish(),
            ..Index::default()
        }
    }
}

#[cfg(test)]
mod tests;
