//! Estimates the selectivity of an index key: the share of events for which it is true. The estimate comes from
//! the values that rules compare with, and never decides a match.

use rustc_hash::FxHashSet;

use crate::language::operator::index_condition::{
    EqualityKey, IndexCondition, IndexKey, Interval, TextPosition,
};
use crate::matching::index::predicates::PredicateInfo;

/// The values that rules compare with, by path.
#[derive(Debug)]
pub struct Selectivity {
    slots: Vec<PathUsage>,
}

#[derive(Debug, Default)]
struct PathUsage {
    values: usize,
    elements: usize,
    pieces: usize,
    /// Sorted.
    numbers: Vec<f64>,
    instants: Vec<f64>,
}

impl Selectivity {
    pub fn new(facts: &[PredicateInfo], slots: usize) -> Self {
        let mut usage: Vec<PathUsage> = (0..slots).map(|_| PathUsage::default()).collect();
        let mut points: FxHashSet<(u32, bool, &EqualityKey)> = FxHashSet::default();
        for (slot, clue) in facts.iter().flat_map(clues) {
            let here = &mut usage[slot as usize];
            match clue {
                IndexKey::Equal(point) => {
                    here.values += usize::from(points.insert((slot, false, point)))
                }
                IndexKey::Element(point) => {
                    here.elements += usize::from(points.insert((slot, true, point)));
                }
                IndexKey::Text(..) => here.pieces += 1,
                IndexKey::Number(interval) => here.numbers.extend(ends(*interval)),
                IndexKey::Instant(interval) => here.instants.extend(ends(*interval)),
                IndexKey::Absent | IndexKey::Exists | IndexKey::Present => {}
            }
        }
        for here in &mut usage {
            here.numbers.sort_unstable_by(f64::total_cmp);
            here.instants.sort_unstable_by(f64::total_cmp);
        }
        Self { slots: usage }
    }

    pub fn estimate(&self, slot: u32, narrowing: &IndexCondition) -> f32 {
        let shares = narrowing
            .clues
            .iter()
            .map(|clue| self.estimate_key(slot, clue));
        shares.sum::<f32>().min(1.0)
    }

    pub fn estimate_key(&self, slot: u32, clue: &IndexKey) -> f32 {
        let here = &self.slots[slot as usize];
        match clue {
            IndexKey::Absent => 0.4,
            IndexKey::Exists => 0.8,
            IndexKey::Present => 0.7,
            IndexKey::Equal(EqualityKey::Null) => 0.25,
            IndexKey::Equal(EqualityKey::Bool(_)) => 0.5,
            IndexKey::Equal(EqualityKey::List | EqualityKey::Object) => 0.6,
            IndexKey::Equal(
                EqualityKey::Number(_) | EqualityKey::Text(_) | EqualityKey::Folded(_),
            ) => one_of(here.values, 1.0, 3),
            // A list is assumed to have a few elements.
            IndexKey::Element(_) => one_of(here.elements, 3.0, 9),
            IndexKey::Text(TextPosition::Start | TextPosition::End, _) => {
                one_of(here.pieces, 1.0, 7)
            }
            IndexKey::Text(TextPosition::Anywhere, _) => one_of(here.pieces, 2.0, 15),
            IndexKey::Number(interval) => rank(*interval, &here.numbers),
            IndexKey::Instant(interval) => rank(*interval, &here.instants),
        }
    }
}

fn clues(facts: &PredicateInfo) -> impl Iterator<Item = (u32, &IndexKey)> {
    let clues = facts.narrowings.iter().flat_map(|n| &n.clues);
    facts
        .slot
        .into_iter()
        .flat_map(move |slot| clues.clone().map(move |clue| (slot, clue)))
}

fn ends(interval: Interval) -> impl Iterator<Item = f64> {
    [interval.low, interval.high]
        .into_iter()
        .filter(|end| end.is_finite())
}

/// The share of one value among so many, with some that no rule names.
#[allow(clippy::cast_precision_loss)]
fn one_of(values: usize, at_once: f32, unnamed: usize) -> f32 {
    at_once / (values + unnamed) as f32
}

/// The share of a path's interval ends that an interval contains.
#[allow(clippy::cast_precision_loss)]
fn rank(interval: Interval, ends: &[f64]) -> f32 {
    let before = ends.partition_point(|end| *end < interval.low);
    let until = ends.partition_point(|end| *end <= interval.high);
    let share = until.saturating_sub(before) as f32 / (ends.len() + 1) as f32;
    // The value may be no number, or of another kind than rules expect.
    share.clamp(0.02, 0.75)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(slot: u32, clue: IndexKey) -> PredicateInfo {
        PredicateInfo {
            slot: Some(slot),
            narrowings: vec![IndexCondition::exactly(clue)],
        }
    }

    #[test]
    fn a_rarer_value_has_a_smaller_share() {
        let is = |text: &str| IndexKey::Equal(EqualityKey::Text(text.into()));
        let between = |low, high| IndexKey::Number(Interval { low, high });
        let mut all: Vec<PredicateInfo> = (0..50).map(|n| facts(0, is(&n.to_string()))).collect();
        all.extend(["low", "high"].map(|text| facts(1, is(text))));
        all.extend((0..20).map(|n| facts(2, between(f64::from(n), f64::INFINITY))));
        let shares = Selectivity::new(&all, 3);
        let share = |slot, clue| shares.estimate_key(slot, &clue);
        assert!(share(0, is("7")) < share(1, is("low")));
        assert!(share(1, is("low")) < share(1, IndexKey::Present));
        assert!(share(2, between(3.0, 4.0)) < share(2, between(3.0, 15.0)));
        assert!(share(2, between(18.0, f64::INFINITY)) < share(2, between(2.0, f64::INFINITY)));
        assert!(share(2, between(2.0, f64::INFINITY)) < share(2, IndexKey::Exists));
    }
}
