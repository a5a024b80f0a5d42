//! Estimates the selectivity of an index key: the share of events for which it is true. The estimate comes from
//! the values that rules compare with, and never decides a match.

use rustc_hash::FxHashSet;

use crate::matching::index::predicates::Facts;
use crate::language::operator::index_condition::{Clue, Interval, Narrowing, Point, Stand};

/// The values that rules compare with, by path.
#[derive(Debug)]
pub struct Shares {
    slots: Vec<Asked>,
}

#[derive(Debug, Default)]
struct Asked {
    values: usize,
    elements: usize,
    pieces: usize,
    /// Sorted.
    numbers: Vec<f64>,
    instants: Vec<f64>,
}

impl Shares {
    pub fn new(facts: &[Facts], slots: usize) -> Self {
        let mut asked: Vec<Asked> = (0..slots).map(|_| Asked::default()).collect();
        let mut points: FxHashSet<(u32, bool, &Point)> = FxHashSet::default();
        for (slot, clue) in facts.iter().flat_map(clues) {
            let here = &mut asked[slot as usize];
            match clue {
                Clue::Equal(point) => {
                    here.values += usize::from(points.insert((slot, false, point)))
                }
                Clue::Element(point) => {
                    here.elements += usize::from(points.insert((slot, true, point)));
                }
                Clue::Text(..) => here.pieces += 1,
                Clue::Number(interval) => here.numbers.extend(ends(*interval)),
                Clue::Instant(interval) => here.instants.extend(ends(*interval)),
                Clue::Absent | Clue::Standing | Clue::Present => {}
            }
        }
        for here in &mut asked {
            here.numbers.sort_unstable_by(f64::total_cmp);
            here.instants.sort_unstable_by(f64::total_cmp);
        }
        Self { slots: asked }
    }

    pub fn estimate(&self, slot: u32, narrowing: &Narrowing) -> f32 {
        let shares = narrowing
            .clues
            .iter()
            .map(|clue| self.estimate_key(slot, clue));
        shares.sum::<f32>().min(1.0)
    }

    pub fn estimate_key(&self, slot: u32, clue: &Clue) -> f32 {
        let here = &self.slots[slot as usize];
        match clue {
            Clue::Absent => 0.4,
            Clue::Standing => 0.8,
            Clue::Present => 0.7,
            Clue::Equal(Point::Null) => 0.25,
            Clue::Equal(Point::Bool(_)) => 0.5,
            Clue::Equal(Point::List | Point::Object) => 0.6,
            Clue::Equal(Point::Number(_) | Point::Text(_) | Point::Folded(_)) => {
                one_of(here.values, 1.0, 3)
            }
            // A list is assumed to have a few elements.
            Clue::Element(_) => one_of(here.elements, 3.0, 9),
            Clue::Text(Stand::Start | Stand::End, _) => one_of(here.pieces, 1.0, 7),
            Clue::Text(Stand::Anywhere, _) => one_of(here.pieces, 2.0, 15),
            Clue::Number(interval) => rank(*interval, &here.numbers),
            Clue::Instant(interval) => rank(*interval, &here.instants),
        }
    }
}

fn clues(facts: &Facts) -> impl Iterator<Item = (u32, &Clue)> {
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

    fn facts(slot: u32, clue: Clue) -> Facts {
        Facts {
            slot: Some(slot),
            narrowings: vec![Narrowing::exactly(clue)],
        }
    }

    #[test]
    fn the_rarer_is_told_from_the_more_frequent() {
        let is = |text: &str| Clue::Equal(Point::Text(text.into()));
        let between = |low, high| Clue::Number(Interval { low, high });
        let mut all: Vec<Facts> = (0..50).map(|n| facts(0, is(&n.to_string()))).collect();
        all.extend(["low", "high"].map(|text| facts(1, is(text))));
        all.extend((0..20).map(|n| facts(2, between(f64::from(n), f64::INFINITY))));
        let shares = Shares::new(&all, 3);
        let share = |slot, clue| shares.estimate_key(slot, &clue);
        assert!(share(0, is("7")) < share(1, is("low")));
        assert!(share(1, is("low")) < share(1, Clue::Present));
        assert!(share(2, between(3.0, 4.0)) < share(2, between(3.0, 15.0)));
        assert!(share(2, between(18.0, f64::INFINITY)) < share(2, between(2.0, f64::INFINITY)));
        assert!(share(2, between(2.0, f64::INFINITY)) < share(2, Clue::Standing));
    }
}
