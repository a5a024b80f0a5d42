//! Chooses the access path of a condition: the index keys whose lookup finds every event that the condition can
//! match, and few others. A condition without one is tested for every event of its type.

use std::borrow::Cow;

use crate::language::operator::index_condition::{IndexCondition, IndexKey, Interval};
use crate::matching::index::condition::IndexedCondition;
use crate::matching::index::predicates::PredicateInfo;
use crate::matching::index::selectivity::Selectivity;

/// Index keys at one path; if one is true, so are the proven predicates.
#[derive(Debug, Clone, PartialEq)]
pub struct AccessPath<'f> {
    pub slot: u32,
    pub clues: Cow<'f, [IndexKey]>,
    pub proven: Vec<u32>,
    share: f32,
}

/// Chooses access paths by what is known of the predicates.
#[derive(Debug, Clone, Copy)]
pub struct AccessPlanner<'f> {
    pub facts: &'f [PredicateInfo],
    pub shares: &'f Selectivity,
}

/// Above this share of all events, a lookup saves nothing.
const MAX_USEFUL_SHARE: f32 = 0.95;

type AccessPlan<'f> = Vec<AccessPath<'f>>;

impl<'f> AccessPlanner<'f> {
    /// The condition can only be true if a key of one of these is.
    pub fn plan(self, tree: &IndexedCondition) -> Option<AccessPlan<'f>> {
        self.way(tree).filter(|way| share(way) < MAX_USEFUL_SHARE)
    }

    fn way(self, tree: &IndexedCondition) -> Option<AccessPlan<'f>> {
        match tree {
            IndexedCondition::Leaf(leaf) => self.plan_predicate(*leaf),
            IndexedCondition::Any(parts) => {
                let ways: Option<Vec<_>> = parts.iter().map(|part| self.way(part)).collect();
                Some(ways?.concat())
            }
            IndexedCondition::All(parts) => {
                let ways = parts.iter().filter_map(|part| self.way(part));
                let ways = ways.chain(self.plan_bounds(parts));
                ways.min_by(|a, b| share(a).total_cmp(&share(b)))
            }
            IndexedCondition::False => Some(Vec::new()),
            IndexedCondition::True => None,
        }
    }

    fn plan_predicate(self, leaf: u32) -> Option<AccessPlan<'f>> {
        let facts = &self.facts[leaf as usize];
        let slot = facts.slot?;
        let access = |narrowing: &'f IndexCondition| AccessPath {
            slot,
            clues: Cow::Borrowed(narrowing.clues.as_slice()),
            proven: if narrowing.exact {
                vec![leaf]
            } else {
                Vec::new()
            },
            share: self.shares.estimate(slot, narrowing),
        };
        let accesses = facts.narrowings.iter().map(access);
        let best = accesses.min_by(|a, b| a.share.total_cmp(&b.share))?;
        Some(vec![best])
    }

    /// Two bounds of one path that must both hold are one interval.
    fn plan_bounds(self, parts: &[IndexedCondition]) -> Vec<AccessPlan<'f>> {
        let bounds: Vec<Bound> = parts.iter().filter_map(|part| self.bound(part)).collect();
        let mut slots: Vec<u32> = bounds.iter().map(|bound| bound.slot).collect();
        slots.sort_unstable();
        let several = slots.chunk_by(|a, b| a == b).filter(|same| same.len() > 1);
        let meet = |slot: u32| {
            let here = bounds.iter().filter(|bound| bound.slot == slot);
            let interval = here
                .clone()
                .map(|bound| bound.interval)
                .reduce(Interval::meet)?;
            let clue = IndexKey::Number(interval);
            let exact = here.filter(|bound| bound.exact);
            Some(vec![AccessPath {
                slot,
                share: self.shares.estimate_key(slot, &clue),
                clues: Cow::Owned(vec![clue]),
                proven: exact.map(|bound| bound.leaf).collect(),
            }])
        };
        several.filter_map(|same| meet(same[0])).collect()
    }

    fn bound(self, part: &IndexedCondition) -> Option<Bound> {
        let IndexedCondition::Leaf(leaf) = part else {
            return None;
        };
        let facts = &self.facts[*leaf as usize];
        let [IndexCondition { clues, exact }] = facts.narrowings.as_slice() else {
            return None;
        };
        let [IndexKey::Number(interval)] = clues.as_slice() else {
            return None;
        };
        Some(Bound {
            leaf: *leaf,
            slot: facts.slot?,
            interval: *interval,
            exact: *exact,
        })
    }
}

#[derive(Debug)]
struct Bound {
    leaf: u32,
    slot: u32,
    interval: Interval,
    exact: bool,
}

fn share(way: &[AccessPath<'_>]) -> f32 {
    way.iter().map(|access| access.share).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::operator::index_condition::EqualityKey;

    fn facts(slot: u32, narrowing: IndexCondition) -> PredicateInfo {
        PredicateInfo {
            slot: Some(slot),
            narrowings: vec![narrowing],
        }
    }

    fn at_least(low: f64) -> IndexCondition {
        let high = f64::INFINITY;
        IndexCondition::exactly(IndexKey::Number(Interval { low, high }))
    }

    fn at_most(high: f64) -> IndexCondition {
        let low = f64::NEG_INFINITY;
        IndexCondition::exactly(IndexKey::Number(Interval { low, high }))
    }

    fn all_facts() -> Vec<PredicateInfo> {
        let mut all = vec![
            facts(0, at_least(10.0)),
            facts(0, at_most(12.0)),
            facts(
                1,
                IndexCondition::exactly(IndexKey::Equal(EqualityKey::Bool(true))),
            ),
            facts(2, IndexCondition::exists()),
            PredicateInfo {
                slot: None,
                narrowings: vec![IndexCondition::exists()],
            },
        ];
        all.extend((0..40).map(|n| facts(0, at_least(f64::from(n)))));
        all
    }

    /// Slot, keys and the predicates that they prove.
    type Told = (u32, Vec<IndexKey>, Vec<u32>);

    fn way(tree: &IndexedCondition) -> Option<Vec<Told>> {
        let facts = all_facts();
        let shares = Selectivity::new(&facts, 3);
        let ways = AccessPlanner {
            facts: &facts,
            shares: &shares,
        };
        let way = ways.plan(tree)?.into_iter();
        Some(
            way.map(|a| (a.slot, a.clues.into_owned(), a.proven))
                .collect(),
        )
    }

    #[test]
    fn two_bounds_make_one_interval() {
        let leaf = IndexedCondition::Leaf;
        let way = way(&IndexedCondition::All(vec![
            leaf(0),
            leaf(1),
            leaf(2),
            leaf(4),
        ]));
        let interval = Interval {
            low: 10.0,
            high: 12.0,
        };
        assert_eq!(
            way,
            Some(vec![(0, vec![IndexKey::Number(interval)], vec![0, 1])])
        );
    }

    #[test]
    fn every_alternative_needs_a_way() {
        let leaf = IndexedCondition::Leaf;
        let alternatives = way(&IndexedCondition::Any(vec![leaf(1), leaf(2)])).expect("a way");
        let slots: Vec<u32> = alternatives.iter().map(|(slot, ..)| *slot).collect();
        assert_eq!(slots, [0, 1]);
        assert_eq!(way(&IndexedCondition::Any(vec![leaf(1), leaf(4)])), None);
        assert_eq!(way(&leaf(4)), None);
        assert_eq!(way(&IndexedCondition::True), None);
        let beside =
            IndexedCondition::Any(vec![leaf(1), IndexedCondition::All(vec![leaf(4), leaf(2)])]);
        assert!(way(&beside).is_some());
    }

    #[test]
    fn what_is_true_of_most_events_is_no_way() {
        let leaf = IndexedCondition::Leaf;
        assert_eq!(way(&IndexedCondition::Any(vec![leaf(3), leaf(2)])), None);
        assert!(way(&leaf(3)).is_some());
    }
}
