//! Finds the candidate rules for the value at one path. A candidate is still to be tested; a rule that is not
//! found cannot match.

use jiff::tz::TimeZone;
use rustc_hash::FxHashMap;

use crate::event::json::tape::JsonKind;
use crate::event::json::value_ref::ValueRef;
use crate::event::time::{read_time, time_of};
use crate::language::operator::CaseSensitivity;
use crate::language::operator::equality::fold_into;
use crate::language::operator::index_condition::{
    EqualityKey, IndexKey, Interval, TextFragment, TextPosition,
};
use crate::language::operator::time::milliseconds;
use crate::matching::index::fast_check::{ComparedValues, ValueDigest};
use crate::matching::index::interval_tree::IntervalTree;
use crate::matching::index::posting::{Posting, PostingRange, Postings};
use crate::matching::index::predicates::PredicateInfo;
use crate::matching::index::prefix_table::PrefixTable;
use crate::matching::index::scratch::{Buffers, VisitedSet};
use crate::matching::index::substring_table::Substrings;
use crate::matching::index::value_table::{ValueNumber, ValueTable, push};

#[derive(Debug, Default)]
pub struct PathTable {
    /// Whether it has a rule, so that the value is looked up for every event.
    pub has_rules: bool,
    /// Whether a value can lead to rules other than by being equal to one.
    has_other_keys: bool,
    pub values: PathValues,
    absent: PostingRange,
    existing: PostingRange,
    present: PostingRange,
    numbers: IntervalTree,
    instants: Option<Box<IntervalTree>>,
    texts: Option<Box<TextTables>>,
    /// Of case-folded texts.
    folded: Option<Box<TextTables>>,
}

/// The values that rules compare with, in their access paths or in their residual conditions.
#[derive(Debug, Default)]
pub struct PathValues {
    pub equal: ValueTable,
    pub elements: Option<Box<ValueTable>>,
    /// Whether a text that is a number counts as a number.
    pub reads_numbers: bool,
}

/// By parts of a text.
#[derive(Debug, Default)]
struct TextTables {
    starts: PrefixTable,
    /// Reversed, for suffixes.
    ends: PrefixTable,
    anywhere: Substrings,
}

/// A table under construction.
#[derive(Debug, Default)]
pub struct PathTableBuilder {
    absent: Vec<Posting>,
    existing: Vec<Posting>,
    present: Vec<Posting>,
    equal: FxHashMap<EqualityKey, Vec<Posting>>,
    elements: FxHashMap<EqualityKey, Vec<Posting>>,
    numbers: Vec<(Interval, Posting)>,
    instants: Vec<(Interval, Posting)>,
    texts: TextTablesBuilder,
    folded: TextTablesBuilder,
    reads_numbers: bool,
}

#[derive(Debug, Default)]
struct TextTablesBuilder {
    starts: Vec<(Vec<u8>, Posting)>,
    ends: Vec<(Vec<u8>, Posting)>,
    anywhere: Vec<(Vec<u8>, Posting)>,
}

impl PathTableBuilder {
    pub fn add(&mut self, clue: &IndexKey, posting: Posting) {
        match clue {
            IndexKey::Absent => self.absent.push(posting),
            IndexKey::Exists => self.existing.push(posting),
            IndexKey::Present => self.present.push(posting),
            IndexKey::Equal(point) => self.equal.entry(point.clone()).or_default().push(posting),
            IndexKey::Element(point) => self
                .elements
                .entry(point.clone())
                .or_default()
                .push(posting),
            IndexKey::Number(interval) => self.numbers.push((*interval, posting)),
            IndexKey::Instant(interval) => self.instants.push((*interval, posting)),
            IndexKey::Text(position, piece) => match piece.case {
                CaseSensitivity::Exact => self.texts.add(*position, piece, posting),
                CaseSensitivity::Ignored => self.folded.add(*position, piece, posting),
            },
        }
    }

    /// Adds what a predicate reads beside the access paths, so that it can be evaluated on the digest.
    pub fn compare(&mut self, facts: &PredicateInfo) {
        let keys = facts
            .narrowings
            .iter()
            .flat_map(|narrowing| &narrowing.clues);
        self.reads_numbers |= keys.clone().any(|key| matches!(key, IndexKey::Number(_)));
        let (points, lists) = match ComparedValues::of(facts) {
            None => return,
            Some(ComparedValues::Equal(points)) => (points, &mut self.equal),
            Some(ComparedValues::Element(points)) => (points, &mut self.elements),
        };
        for point in points {
            lists.entry(point.clone()).or_default();
        }
    }

    /// The values with their numbers; the rules follow in [`PathTableBuilder::finish`].
    pub fn values(&self) -> PathValues {
        PathValues {
            equal: ValueTable::new(self.equal.keys()),
            elements: (!self.elements.is_empty())
                .then(|| Box::new(ValueTable::new(self.elements.keys()))),
            reads_numbers: self.reads_numbers,
        }
    }

    pub fn finish(self, mut values: PathValues, postings: &mut Postings) -> PathTable {
        let before = postings.add([]);
        let (absent, existing, present) = (
            postings.add(self.absent),
            postings.add(self.existing),
            postings.add(self.present),
        );
        values.equal.fill(self.equal, postings);
        if let Some(elements) = &mut values.elements {
            elements.fill(self.elements, postings);
        }
        let mut table = PathTable {
            has_rules: false,
            has_other_keys: false,
            values,
            absent,
            existing,
            present,
            numbers: IntervalTree::new(self.numbers, postings),
            instants: (!self.instants.is_empty())
                .then(|| Box::new(IntervalTree::new(self.instants, postings))),
            texts: self.texts.finish(postings),
            folded: self.folded.finish(postings),
        };
        table.has_rules = postings.add([]) != before;
        table.has_other_keys = table.finds_by_other_keys();
        table
    }
}

impl TextTablesBuilder {
    fn add(&mut self, position: TextPosition, piece: &TextFragment, posting: Posting) {
        let bytes = piece.bytes.iter().copied();
        match position {
            TextPosition::Start => self.starts.push((bytes.collect(), posting)),
            TextPosition::End => self.ends.push((bytes.rev().collect(), posting)),
            TextPosition::Anywhere => self.anywhere.push((bytes.collect(), posting)),
        }
    }

    fn finish(self, postings: &mut Postings) -> Option<Box<TextTables>> {
        let texts = TextTables {
            starts: PrefixTable::new(self.starts, postings),
            ends: PrefixTable::new(self.ends, postings),
            anywhere: Substrings::new(self.anywhere, postings),
        };
        (!texts.is_empty()).then(|| Box::new(texts))
    }
}

impl PathTable {
    /// Adds the rules that the value leads to, and writes its digest. `elements` are those of all digests.
    #[inline]
    pub fn find(
        &self,
        datum: Option<ValueRef<'_>>,
        digest: &mut ValueDigest,
        elements: &mut Vec<ValueNumber>,
        buffers: &mut Buffers,
        found: &mut Vec<PostingRange>,
    ) {
        push(self.values.read(datum, digest, elements), found);
        if self.has_other_keys {
            self.find_by_other_keys(datum, digest, elements, buffers, found);
        }
    }

    /// Adds the rules whose index key is not equality with the value.
    fn find_by_other_keys(
        &self,
        datum: Option<ValueRef<'_>>,
        digest: &ValueDigest,
        elements: &[ValueNumber],
        buffers: &mut Buffers,
        found: &mut Vec<PostingRange>,
    ) {
        let Some(datum) = datum else {
            return push(self.absent, found);
        };
        push(self.existing, found);
        if !digest.empty {
            push(self.present, found);
        }
        if !digest.number.is_nan() && !self.numbers.is_empty() {
            self.numbers.find(digest.number, found);
        }
        match datum.kind() {
            JsonKind::Null | JsonKind::Bool => {}
            JsonKind::Number => {
                if let Some(instants) = &self.instants
                    && let Some(at) = time_of(datum, &TimeZone::UTC)
                {
                    instants.find(milliseconds(at), found);
                }
            }
            JsonKind::Text if self.reads_texts() => {
                let text = datum.text().expect("a text has its text");
                self.find_text(&text, buffers, found);
            }
            JsonKind::Text => {}
            JsonKind::Object => push(self.values.equal.container_span(JsonKind::Object), found),
            JsonKind::List => {
                push(self.values.equal.container_span(JsonKind::List), found);
                self.find_elements(datum, digest.elements(elements), buffers, found);
            }
        }
    }

    /// Whether a key looks into texts, or reads them as times.
    fn reads_texts(&self) -> bool {
        let has_parts = self.texts.is_some() || self.folded.is_some();
        has_parts || self.instants.is_some() || self.values.equal.folds()
    }

    /// The value of `has_other_keys`.
    fn finds_by_other_keys(&self) -> bool {
        let ranges = [self.absent, self.existing, self.present];
        ranges.iter().any(|range| !range.is_empty())
            || !self.numbers.is_empty()
            || self.reads_texts()
            || self.values.equal.has_containers()
            || self.values.elements.is_some()
    }

    fn find_text(&self, text: &str, buffers: &mut Buffers, found: &mut Vec<PostingRange>) {
        if let Some(instants) = &self.instants
            && let Some(at) = read_time(text, &TimeZone::UTC)
        {
            instants.find(milliseconds(at), found);
        }
        let Buffers {
            folded,
            reversed,
            seen,
        } = buffers;
        if let Some(texts) = &self.texts {
            texts.find(text.as_bytes(), reversed, seen, found);
        }
        let equal = &self.values.equal;
        if equal.folds() || self.folded.is_some() {
            fold_into(text, folded);
            push(equal.find_folded(folded), found);
            if let Some(texts) = &self.folded {
                texts.find(folded.as_bytes(), reversed, seen, found);
            }
        }
    }

    fn find_elements(
        &self,
        datum: ValueRef<'_>,
        values: &[ValueNumber],
        buffers: &mut Buffers,
        found: &mut Vec<PostingRange>,
    ) {
        let Some(elements) = &self.values.elements else {
            return;
        };
        let from = found.len();
        for value in values {
            push(elements.span(*value), found);
        }
        if elements.has_containers() || elements.folds() {
            for element in datum.elements() {
                push(elements.container_span(element.kind()), found);
                if let Some(text) = element.text().filter(|_| elements.folds()) {
                    fold_into(&text, &mut buffers.folded);
                    push(elements.find_folded(&buffers.folded), found);
                }
            }
        }
        drop_repeats(from, found);
    }
}

/// Equal elements of a list lead to the same rules, so each is looked up once.
fn drop_repeats(from: usize, found: &mut Vec<PostingRange>) {
    if found.len() < from + 2 {
        return;
    }
    found[from..].sort_unstable_by_key(|span| span.start);
    let (mut kept, mut at) = (from + 1, from + 1);
    while at < found.len() {
        if found[at] != found[kept - 1] {
            found[kept] = found[at];
            kept += 1;
        }
        at += 1;
    }
    found.truncate(kept);
}

impl TextTables {
    fn is_empty(&self) -> bool {
        self.starts.is_empty() && self.ends.is_empty() && self.anywhere.is_empty()
    }

    fn find(
        &self,
        text: &[u8],
        reversed: &mut Vec<u8>,
        seen: &mut VisitedSet,
        found: &mut Vec<PostingRange>,
    ) {
        if !self.starts.is_empty() {
            self.starts.find(text, found);
        }
        if !self.ends.is_empty() {
            reversed.clear();
            reversed.extend(text.iter().rev().take(self.ends.longest() + 1));
            self.ends.find(reversed, found);
        }
        self.anywhere.find(text, seen, found);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::language::operator::index_condition::IndexCondition;
    use crate::matching::index::check_program::CheckStart;

    fn clues() -> Vec<IndexKey> {
        let is = |value: Value, case| IndexKey::Equal(EqualityKey::new(&value, case).0);
        let has = |value: Value, case| IndexKey::Element(EqualityKey::new(&value, case).0);
        let piece = |position, text: &str, case| {
            let bytes = text.as_bytes().into();
            IndexKey::Text(position, TextFragment { bytes, case })
        };
        let interval = |low, high| Interval { low, high };
        vec![
            IndexKey::Absent,
            IndexKey::Exists,
            IndexKey::Present,
            is(json!("vip"), CaseSensitivity::Exact),
            is(json!("VIP"), CaseSensitivity::Ignored),
            is(json!(1), CaseSensitivity::Exact),
            is(json!(null), CaseSensitivity::Exact),
            has(json!("vip"), CaseSensitivity::Exact),
            has(json!(1.0), CaseSensitivity::Exact),
            has(json!("Vip"), CaseSensitivity::Ignored),
            IndexKey::Number(interval(0.0, 5.0)),
            IndexKey::Instant(interval(0.0, f64::INFINITY)),
            piece(TextPosition::Start, "vi", CaseSensitivity::Exact),
            piece(TextPosition::End, "ip", CaseSensitivity::Exact),
            piece(TextPosition::Anywhere, "p e", CaseSensitivity::Exact),
            piece(TextPosition::Start, "vip", CaseSensitivity::Ignored),
        ]
    }

    fn found(value: Option<Value>) -> Vec<u32> {
        let (mut filling, mut postings) = (PathTableBuilder::default(), Postings::default());
        for (rule, clue) in (0..).zip(&clues()) {
            let check = CheckStart::NOTHING;
            filling.add(clue, Posting { rule, check });
            filling.compare(&PredicateInfo {
                slot: Some(0),
                narrowings: vec![IndexCondition::exactly(clue.clone())],
            });
        }
        let values = filling.values();
        let table = filling.finish(values, &mut postings);
        assert!(table.has_rules);
        let (postings, mut spans) = (postings.finish().0, Vec::new());
        let datum = value.as_ref().map(ValueRef::Built);
        let mut elements = Vec::new();
        let mut digest = ValueDigest::ABSENT;
        table.find(
            datum,
            &mut digest,
            &mut elements,
            &mut Buffers::default(),
            &mut spans,
        );
        let found = spans.iter().flat_map(|span| span.slice(&postings));
        let mut found: Vec<u32> = found.map(|posting| posting.rule).collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn a_value_leads_to_the_clues_that_are_true_of_it() {
        for (value, expected) in [
            (json!("vip"), &[1, 2, 3, 4, 12, 13, 15][..]),
            (json!("VIP emea"), &[1, 2, 15]),
            (json!("vip emea"), &[1, 2, 12, 14, 15]),
            (json!(1.0), &[1, 2, 5, 10]),
            (json!(5.5), &[1, 2]),
            (json!("4.5"), &[1, 2, 10]),
            (json!("1999-01-01"), &[1, 2, 11]),
            (json!(null), &[1, 6]),
            (json!(""), &[1]),
            (json!([]), &[1]),
            (json!(false), &[1, 2]),
            (json!(["VIP", "vip", "vip", 1, "x", 1]), &[1, 2, 7, 8, 9]),
        ] {
            assert_eq!(found(Some(value.clone())), expected, "{value}");
        }
        assert_eq!(found(None), [0]);
    }

    #[test]
    fn a_table_without_rules_says_so() {
        let mut filling = PathTableBuilder::default();
        filling.compare(&PredicateInfo {
            slot: Some(0),
            narrowings: vec![IndexCondition::exactly(clues()[3].clone())],
        });
        let values = filling.values();
        assert!(!filling.finish(values, &mut Postings::default()).has_rules);
    }
}
