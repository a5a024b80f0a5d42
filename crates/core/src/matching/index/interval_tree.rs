//! Finds which of many intervals contain a number, in logarithmic time plus the matches. Empty intervals are
//! left out.

use crate::language::operator::index_condition::Interval;
use crate::matching::index::posting::{Posting, PostingRange, Postings};

#[derive(Debug, Default)]
pub struct IntervalTree {
    /// Unbounded above, by lower end ascending.
    from: SortedEnds,
    /// Unbounded below, by upper end descending.
    up_to: SortedEnds,
    /// Bounded on both sides; the first node is the root.
    nodes: Box<[IntervalNode]>,
}

/// A node of the interval tree: the intervals around its center, with the nodes entirely below and above.
#[derive(Debug)]
struct IntervalNode {
    center: f64,
    /// The intervals around the center by lower end, ascending.
    lows: SortedEnds,
    /// The same by upper end, descending.
    highs: SortedEnds,
    below: Option<u32>,
    above: Option<u32>,
}

/// Ends in sorted order, each with a posting.
#[derive(Debug, Default)]
struct SortedEnds {
    ends: Box<[f64]>,
    span: PostingRange,
}

type IntervalEntry = (Interval, Posting);

impl IntervalTree {
    pub fn new(entries: Vec<IntervalEntry>, postings: &mut Postings) -> Self {
        let (mut from, mut up_to, mut both) = (Vec::new(), Vec::new(), Vec::new());
        for entry in entries {
            match entry.0 {
                interval if interval.is_empty() => {}
                Interval { high, .. } if high == f64::INFINITY => from.push(entry),
                Interval { low, .. } if low == f64::NEG_INFINITY => up_to.push(entry),
                _ => both.push(entry),
            }
        }
        let mut nodes = Vec::new();
        grow(both, &mut nodes, postings);
        Self {
            from: SortedEnds::ascending(from, postings),
            up_to: SortedEnds::descending(up_to, postings),
            nodes: nodes.into(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.from.ends.is_empty() && self.up_to.ends.is_empty() && self.nodes.is_empty()
    }

    pub fn find(&self, number: f64, found: &mut Vec<PostingRange>) {
        self.from.find(|low| low <= number, found);
        self.up_to.find(|high| high >= number, found);
        let mut next = self.nodes.first();
        while let Some(node) = next {
            let child = if number < node.center {
                node.lows.find(|low| low <= number, found);
                node.below
            } else {
                node.highs.find(|high| high >= number, found);
                node.above
            };
            next = child.map(|child| &self.nodes[child as usize]);
        }
    }
}

impl SortedEnds {
    fn ascending(mut entries: Vec<IntervalEntry>, postings: &mut Postings) -> Self {
        entries.sort_by(|(a, _), (b, _)| a.low.total_cmp(&b.low));
        Self {
            ends: entries.iter().map(|(interval, _)| interval.low).collect(),
            span: postings.add(entries.into_iter().map(|(_, posting)| posting)),
        }
    }

    fn descending(mut entries: Vec<IntervalEntry>, postings: &mut Postings) -> Self {
        entries.sort_by(|(a, _), (b, _)| b.high.total_cmp(&a.high));
        Self {
            ends: entries.iter().map(|(interval, _)| interval.high).collect(),
            span: postings.add(entries.into_iter().map(|(_, posting)| posting)),
        }
    }

    fn find(&self, passed: impl Fn(f64) -> bool, found: &mut Vec<PostingRange>) {
        let length = self.ends.partition_point(|end| passed(*end));
        if length > 0 {
            found.push(self.span.take(length));
        }
    }
}

/// Half of all ends are on either side of a center, so the depth is logarithmic.
fn grow(
    entries: Vec<IntervalEntry>,
    nodes: &mut Vec<IntervalNode>,
    postings: &mut Postings,
) -> Option<u32> {
    if entries.is_empty() {
        return None;
    }
    let ends = entries.iter().flat_map(|(i, _)| [i.low, i.high]);
    let mut ends: Vec<f64> = ends.collect();
    let middle = ends.len() / 2;
    let (_, center, _) = ends.select_nth_unstable_by(middle, f64::total_cmp);
    let center = *center;
    let (below, rest): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(i, _)| i.high < center);
    let (above, around): (Vec<_>, Vec<_>) = rest.into_iter().partition(|(i, _)| i.low > center);
    let at = nodes.len();
    nodes.push(IntervalNode {
        center,
        lows: SortedEnds::ascending(around.clone(), postings),
        highs: SortedEnds::descending(around, postings),
        below: None,
        above: None,
    });
    nodes[at].below = grow(below, nodes, postings);
    nodes[at].above = grow(above, nodes, postings);
    Some(crate::matching::index::posting::number(at))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::matching::index::check_program::CheckStart;

    fn end() -> impl Strategy<Value = f64> {
        prop_oneof![
            Just(f64::NEG_INFINITY),
            Just(f64::INFINITY),
            (-6..6_i32).prop_map(f64::from),
        ]
    }

    proptest! {
        #[test]
        fn a_number_lies_in_what_is_found_and_in_nothing_else(
            ends in vec((end(), end()), 0..40),
            number in -7..7_i32,
        ) {
            let number = f64::from(number);
            let mut postings = Postings::default();
            let entry = |(rule, (low, high)): (usize, &(f64, f64))| {
                let rule = u32::try_from(rule).expect("few");
                let posting = Posting { rule, check: CheckStart::NOTHING };
                (Interval { low: *low, high: *high }, posting)
            };
            let entries: Vec<IntervalEntry> = ends.iter().enumerate().map(entry).collect();
            let intervals = IntervalTree::new(entries.clone(), &mut postings);
            let (mut spans, postings) = (Vec::new(), postings.finish().0);
            intervals.find(number, &mut spans);
            let found = spans.iter().flat_map(|span| span.slice(&postings));
            let mut found: Vec<u32> = found.map(|posting| posting.rule).collect();
            found.sort_unstable();
            let holds = |(interval, _): &&IntervalEntry| interval.low <= number && number <= interval.high;
            let expected: Vec<u32> =
                entries.iter().filter(holds).map(|(_, posting)| posting.rule).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
