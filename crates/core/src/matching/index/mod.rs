//! Index over the rules of one event type or family. An access path finds the rules that one value can match,
//! and the residual condition of each is evaluated by its own predicates, so the cost grows with the rules that
//! can match, not with all. The caller provides the values at the index's paths.

pub mod access_path;
pub mod check_program;
pub mod condition;
pub mod fast_check;
pub mod interval_tree;
pub mod path_table;
pub mod posting;
pub mod predicates;
pub mod prefix_table;
pub mod scratch;
pub mod selectivity;
pub mod substring_table;
#[cfg(test)]
mod tests;
pub mod value_table;

use serde_json::Value;

use crate::event::Event;
use crate::event::json::value_ref::Datum;
use crate::language::condition::Predicate;
use crate::rule::Rule;
use crate::language::operator::{Operator, Verdict};
use crate::path::{Found, Path};
use crate::path::scope::Scope;
use crate::matching::index::check_program::{Check, Judge, holds};
use crate::matching::index::predicates::{Leaf, Leaves, Reads};
use crate::matching::index::posting::{Posting, Postings, Rest, Span, number};
use crate::matching::index::fast_check::{Quick, Words};
pub use crate::matching::index::scratch::Scratch;
use crate::matching::index::selectivity::Shares;
use crate::matching::index::path_table::{Filling, Table};
use crate::matching::index::condition::Tree;
use crate::matching::index::access_path::Ways;

/// The values at the paths of an index, for one event.
pub trait Slots {
    /// None if the path is absent.
    fn slot(&self, number: usize) -> Option<Datum<'_>>;
}

/// The indexed rules of one event type or family.
#[derive(Debug, Default)]
pub struct Index {
    paths: Box<[Path]>,
    /// Each with its slot.
    tables: Box<[(u32, Table)]>,
    /// Rules without an access path: they are tested for every event.
    always: Span,
    postings: Box<[Posting]>,
    code: Box<[u32]>,
    leaves: Box<[Leaf]>,
    words: Words,
}

/// An empty event, for predicates that read one value only.
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

/// The scope of a predicate that reads one value only.
static ALONE: Scope<'static> = Scope::new(&BLANK, &Value::Null);

impl Index {
    /// Indexes rules, given with their numbers in the set.
    pub fn new(rules: &[(u32, &Rule)]) -> Self {
        let mut leaves = Leaves::default();
        let trees = rules
            .iter()
            .map(|(number, rule)| (*number, leaves.index_condition(*number, rule)));
        let trees: Vec<(u32, Tree)> = trees.collect();
        let shares = Shares::new(&leaves.facts, leaves.paths.len());
        let mut building = Building::new(&leaves, &shares);
        for (rule, tree) in trees {
            building.add(rule, tree);
        }
        let mut index = building.finish();
        index.paths = leaves.paths.into();
        index.leaves = leaves.leaves.into();
        index
    }

    /// The paths that it reads, by slot: plain paths into body, envelope, `event` and `$.raw`, each with at
    /// least one key.
    pub fn paths(&self) -> &[Path] {
        &self.paths
    }

    /// Collects the numbers of the matching rules, ascending. `whole` evaluates a predicate that reads the
    /// whole event, with the number of the rule whose variables it may read.
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
        value_table::push(self.always, &mut scratch.spans);
        let spans = std::mem::take(&mut scratch.spans);
        let mut judge = Judging {
            index: self,
            slots,
            whole,
            scratch,
        };
        for span in &spans {
            for posting in span.slice(&self.postings) {
                if holds(posting.check, &self.code, &mut judge) {
                    matches.push(posting.rule);
                }
            }
        }
        scratch.spans = spans;
        matches.sort_unstable();
        matches.dedup();
    }
}

/// The evaluation of an index's predicates for one event.
struct Judging<'a, S, W> {
    index: &'a Index,
    slots: &'a S,
    whole: &'a mut W,
    scratch: &'a mut Scratch,
}

impl<S: Slots, W: FnMut(u32, &Predicate) -> bool> Judge for Judging<'_, S, W> {
    fn asked(&mut self, number: u32) -> bool {
        if let Some(holds) = self.scratch.verdicts.get(number) {
            return holds;
        }
        let leaf = &self.index.leaves[number as usize];
        let holds = match leaf.reads {
            Reads::Whole(rule) => (self.whole)(rule, &leaf.predicate),
            Reads::Slot(slot) => {
                let slot = slot as usize;
                let found = match self.slots.slot(slot) {
                    None => Found::Absent,
                    Some(datum) => Found::One(self.scratch.rooms.value(slot, datum)),
                };
                leaf.predicate.verdict(&found, &ALONE) == Verdict::Match
            }
        };
        self.scratch.verdicts.set(number, holds);
        holds
    }

    #[inline]
    fn quick(&mut self, looks: u32, wanted: &[u32]) -> bool {
        let (slot, words) = (fast_check::slot(looks), &self.index.words);
        let datum = || self.slots.slot(slot as usize);
        let digests = &mut self.scratch.digests;
        let digest = digests.get(slot, |digest| digest.compute(datum(), words));
        fast_check::holds(looks, wanted, digest)
    }
}

/// How often a residual condition that several values lead to is written in place; then it is shared.
const COPIES: u32 = 4;

/// An index under construction.
struct Building<'f> {
    ways: Ways<'f>,
    leaves: &'f [Leaf],
    tables: Vec<Filling>,
    always: Vec<Posting>,
    rests: Vec<Rest>,
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
            rests: Vec::new(),
        }
    }

    fn add(&mut self, rule: u32, mut tree: Tree) {
        tree.sort(&|leaf| self.order(leaf));
        let Some(way) = self.ways.plan(&tree) else {
            let check = self.rest(tree);
            self.always
                .extend(check.map(|check| Posting { rule, check }));
            return;
        };
        for access in way {
            let Some(check) = self.rest(tree.assuming(&access.proven)) else {
                continue;
            };
            for clue in access.clues.iter() {
                self.tables[access.slot as usize].add(clue, Posting { rule, check });
            }
        }
    }

    /// The number of a residual condition; None if it never holds.
    fn rest(&mut self, tree: Tree) -> Option<Check> {
        match tree {
            Tree::True => Some(Check::NOTHING),
            Tree::False => None,
            Tree::Leaf(_) | Tree::All(_) | Tree::Any(_) => {
                let check = Check(number(self.rests.len()));
                self.rests.push(Rest {
                    tree,
                    copies: COPIES,
                    written: Check::NOTHING,
                });
                Some(check)
            }
        }
    }

    /// Orders predicates: rarely true ones first, expensive ones last.
    fn order(&self, number: u32) -> f32 {
        let (leaf, facts) = (
            &self.leaves[number as usize],
            &self.ways.facts[number as usize],
        );
        let rarity = facts.slot.and_then(|slot| {
            let shares = facts
                .narrowings
                .iter()
                .map(|n| self.ways.shares.estimate(slot, n));
            shares.min_by(f32::total_cmp)
        });
        let cost = match (leaf.reads, &*leaf.predicate.operator) {
            (Reads::Whole(_), _) => 2.0,
            (Reads::Slot(_), Operator::Matches(_)) => 1.0,
            (Reads::Slot(_), _) => 0.0,
        };
        cost + rarity.unwrap_or(1.0)
    }

    fn finish(self) -> Index {
        let mut words = Words::default();
        let facts = self.ways.facts.iter();
        let quick: Vec<Quick> = facts.map(|facts| words.quick(facts)).collect();
        let mut postings = Postings::new(self.rests, quick, words.take_asked());
        let tables = self.tables.into_iter().enumerate();
        let tables = tables
            .filter_map(|(slot, filling)| Some((number(slot), filling.finish(&mut postings)?)));
        let tables: Box<[_]> = tables.collect();
        let always = postings.add(self.always);
        let (postings, code) = postings.finish();
        Index {
            tables,
            always,
            postings,
            code,
            words,
            ..Index::default()
        }
    }
}

