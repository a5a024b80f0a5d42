//! Index over the rules of one event type or family. An access path finds the rules that one value can match,
//! and the residual condition of each is evaluated by its own predicates, so the cost grows with the rules that
//! can match, not with all. The caller provides the values at the index's paths.

pub(crate) mod access_path;
pub(crate) mod check_program;
pub(crate) mod condition;
pub(crate) mod fast_check;
pub(crate) mod interval_tree;
pub(crate) mod path_table;
pub(crate) mod path_table_builder;
pub(crate) mod posting;
pub(crate) mod predicates;
pub(crate) mod prefix_table;
pub mod scratch;
pub(crate) mod selectivity;
pub(crate) mod substring_table;
#[cfg(test)]
mod tests;
pub(crate) mod value_map;
pub(crate) mod value_table;

use serde_json::Value;

use crate::event::EMPTY_EVENT;
use crate::event::json::value_ref::ValueRef;
use crate::language::condition::Predicate;
use crate::language::operator::{Operator, Verdict};
use crate::matching::index::access_path::AccessPlanner;
use crate::matching::index::check_program::{CheckStart, PredicateEvaluator, holds};
use crate::matching::index::condition::IndexedCondition;
use crate::matching::index::fast_check::FastCheck;
use crate::matching::index::path_table::PathTable;
use crate::matching::index::path_table_builder::PathTableBuilder;
use crate::matching::index::posting::{Posting, PostingRange, Postings, ResidualCondition, number};
use crate::matching::index::predicates::{IndexedPredicate, PredicateInput, PredicateTable};
pub use crate::matching::index::scratch::IndexScratch;
use crate::matching::index::selectivity::Selectivity;
use crate::matching::index::value_table::ValueTable;
use crate::path::scope::Scope;
use crate::path::{Path, Resolved};
use crate::rule::Rule;

/// The values at the paths of an index, for one event.
pub trait SlotValues {
    /// None if the path is absent.
    fn slot(&self, number: usize) -> Option<ValueRef<'_>>;

    /// Whether the event's source has a time zone, in which times without one are read.
    fn has_time_zone(&self) -> bool {
        false
    }
}

/// The indexed rules of one event type or family.
#[derive(Debug, Default)]
pub struct RuleIndex {
    paths: Box<[Path]>,
    values: ValueTable,
    /// By slot.
    tables: Box<[PathTable]>,
    /// The slots whose values are looked up for every event.
    searched: Box<[SearchedSlot]>,
    /// Rules without an access path: they are tested for every event.
    always: PostingRange,
    postings: Box<[Posting]>,
    code: Box<[u32]>,
    leaves: Box<[IndexedPredicate]>,
    /// The number of one of the rules.
    any_rule: u32,
}

#[derive(Debug, Clone, Copy)]
struct SearchedSlot {
    slot: u32,
    /// Whether its value can lead to rules other than by being equal to one that they compare with.
    has_other_keys: bool,
}

/// The scope of a predicate that reads one value only.
static EMPTY_SCOPE: Scope<'static> = Scope::new(&EMPTY_EVENT, &Value::Null);

impl RuleIndex {
    /// Indexes rules, given with their numbers in the set.
    pub fn new(rules: &[(u32, &Rule)]) -> Self {
        let mut leaves = PredicateTable::default();
        let trees = rules
            .iter()
            .map(|(number, rule)| (*number, leaves.index_condition(*number, rule)));
        let trees: Vec<(u32, IndexedCondition)> = trees.collect();
        let shares = Selectivity::new(&leaves.facts, leaves.paths.len());
        let mut building = IndexBuilder::new(&leaves, &shares);
        for (rule, tree) in trees {
            building.add(rule, tree);
        }
        let mut index = building.finish();
        index.paths = leaves.paths.into();
        index.leaves = leaves.leaves.into();
        index.any_rule = rules.first().map_or(0, |(number, _)| *number);
        index
    }

    /// The paths that it reads, by slot: plain paths into body, envelope, `event` and `$.raw`, each with at
    /// least one key.
    pub fn paths(&self) -> &[Path] {
        &self.paths
    }

    /// Collects the numbers of the matching rules, ascending. `whole` evaluates a predicate that reads the
    /// whole event, with the number of the rule whose variables it may read.
    pub fn find<S: SlotValues, W: FnMut(u32, &Predicate) -> bool>(
        &self,
        slots: &S,
        whole: &mut W,
        scratch: &mut IndexScratch,
        matches: &mut Vec<u32>,
    ) {
        matches.clear();
        scratch.begin(self.leaves.len(), self.paths.len());
        for &SearchedSlot {
            slot,
            has_other_keys,
        } in &self.searched
        {
            let (digest, elements) = scratch.digests.start(slot);
            let (buffers, spans) = (&mut scratch.buffers, &mut scratch.spans);
            let (values, datum) = (&self.values, slots.slot(slot as usize));
            value_table::push(values.read(slot, datum, digest, elements), spans);
            if has_other_keys {
                let table = &self.tables[slot as usize];
                table.find(values, datum, digest, elements, buffers, spans);
            }
        }
        value_table::push(self.always, &mut scratch.spans);
        let spans = std::mem::take(&mut scratch.spans);
        let mut evaluation = IndexEvaluation {
            index: self,
            slots,
            whole,
            scratch,
        };
        for span in &spans {
            for posting in span.slice(&self.postings) {
                if holds(posting.check, &self.code, &mut evaluation) {
                    matches.push(posting.rule);
                }
            }
        }
        scratch.spans = spans;
        if matches.len() > 1 {
            matches.sort_unstable();
            matches.dedup();
        }
    }
}

/// The evaluation of an index's predicates for one event.
struct IndexEvaluation<'a, S, W> {
    index: &'a RuleIndex,
    slots: &'a S,
    whole: &'a mut W,
    scratch: &'a mut IndexScratch,
}

impl<S: SlotValues, W: FnMut(u32, &Predicate) -> bool> PredicateEvaluator
    for IndexEvaluation<'_, S, W>
{
    fn evaluate(&mut self, number: u32) -> bool {
        if let Some(holds) = self.scratch.verdicts.get(number) {
            return holds;
        }
        let leaf = &self.index.leaves[number as usize];
        let holds = match leaf.reads {
            PredicateInput::Whole(rule) => (self.whole)(rule, &leaf.predicate),
            // The zone of a time is the event's. No variable is read, so any rule will do.
            PredicateInput::Slot(_)
                if self.slots.has_time_zone() && leaf.predicate.operator.reads_times() =>
            {
                (self.whole)(self.index.any_rule, &leaf.predicate)
            }
            PredicateInput::Slot(slot) => {
                let slot = slot as usize;
                let found = match self.slots.slot(slot) {
                    None => Resolved::Absent,
                    Some(datum) => Resolved::One(self.scratch.rooms.value(slot, datum)),
                };
                leaf.predicate.verdict(&found, &EMPTY_SCOPE) == Verdict::Match
            }
        };
        self.scratch.verdicts.set(number, holds);
        holds
    }

    #[inline]
    fn fast_check(&mut self, check: u32, operands: &[u32]) -> bool {
        let slot = fast_check::slot(check);
        let (slots, values) = (self.slots, &self.index.values);
        let (digest, elements) = self.scratch.digests.get(slot, |digest, elements| {
            values.read(slot, slots.slot(slot as usize), digest, elements);
        });
        fast_check::holds(check, operands, digest, elements)
    }
}

/// How often a residual condition that several values lead to is copied; then it is shared.
const MAX_INLINE_COPIES: u32 = 4;

/// An index under construction.
struct IndexBuilder<'f> {
    ways: AccessPlanner<'f>,
    leaves: &'f [IndexedPredicate],
    tables: Vec<PathTableBuilder>,
    always: Vec<Posting>,
    rests: Vec<ResidualCondition>,
}

impl<'f> IndexBuilder<'f> {
    fn new(leaves: &'f PredicateTable<'_>, shares: &'f Selectivity) -> Self {
        Self {
            ways: AccessPlanner {
                facts: &leaves.facts,
                shares,
            },
            leaves: &leaves.leaves,
            tables: leaves
                .paths
                .iter()
                .map(|_| PathTableBuilder::default())
                .collect(),
            always: Vec::new(),
            rests: Vec::new(),
        }
    }

    fn add(&mut self, rule: u32, mut tree: IndexedCondition) {
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
    fn rest(&mut self, tree: IndexedCondition) -> Option<CheckStart> {
        match tree {
            IndexedCondition::True => Some(CheckStart::NOTHING),
            IndexedCondition::False => None,
            IndexedCondition::Leaf(_) | IndexedCondition::All(_) | IndexedCondition::Any(_) => {
                let check = CheckStart(number(self.rests.len()));
                self.rests.push(ResidualCondition {
                    tree,
                    copies: MAX_INLINE_COPIES,
                    written: CheckStart::NOTHING,
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
            (PredicateInput::Whole(_), _) => 2.0,
            (PredicateInput::Slot(_), Operator::Matches(_)) => 1.0,
            (PredicateInput::Slot(_), _) => 0.0,
        };
        cost + rarity.unwrap_or(1.0)
    }

    fn finish(mut self) -> RuleIndex {
        let facts = self.ways.facts;
        for facts in facts {
            if let Some(slot) = facts.slot {
                self.tables[slot as usize].compare(facts);
            }
        }
        let has_rules: Vec<bool> = self
            .tables
            .iter()
            .map(PathTableBuilder::has_rules)
            .collect();
        let mut values = ValueTable::new(&self.tables);
        let mut operands = Vec::new();
        let checks = facts
            .iter()
            .map(|facts| FastCheck::new(facts, &values, &mut operands));
        let checks: Vec<FastCheck> = checks.collect();
        let mut postings = Postings::new(self.rests, checks, operands);
        let tables = (0..).zip(self.tables);
        let tables = tables.map(|(slot, filling)| filling.finish(slot, &mut values, &mut postings));
        let tables: Box<[PathTable]> = tables.collect();
        let searched = (0..).zip(has_rules).filter(|(_, has_rules)| *has_rules);
        let searched = searched.map(|(slot, _)| SearchedSlot {
            slot,
            has_other_keys: tables[slot as usize].has_other_keys,
        });
        let searched = searched.collect();
        let always = postings.add(self.always);
        let (postings, code) = postings.finish();
        RuleIndex {
            values,
            tables,
            searched,
            always,
            postings,
            code,
            ..RuleIndex::default()
        }
    }
}
