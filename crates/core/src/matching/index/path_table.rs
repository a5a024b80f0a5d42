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
use crate::matching::index::value_table::{ComparedPart, ValueNumber, ValueTable, push};

/// The rules that the value at a path can match other than by being equal to one that they compare with.
#[derive(Debug, Default)]
pub struct PathTable {
    /// Whether there are such rules.
    pub has_rules: bool,
    absent: PostingRange,
    existing: PostingRange,
    present: PostingRange,
    numbers: IntervalTree,
    instants: Option<Box<IntervalTree>>,
    texts: Option<Box<TextTables>>,
    /// Of case-folded texts.
    folded: Option<Box<TextTables>>,
    alike: AlikeValues,
    /// Of elements, if a rule compares with the elements of a list.
    alike_elements: Option<Box<AlikeValues>>,
}

/// The keys that several values share.
#[derive(Debug, Default)]
struct AlikeValues {
    list: PostingRange,
    object: PostingRange,
    /// By text in lower case.
    folded: Option<Box<FxHashMap<Box<str>, PostingRange>>>,
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
    /// Whether a rule compares with numbers by size; a text that is a number counts as one then.
    pub reads_numbers: bool,
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

    /// The keys of equality.
    pub fn compared(&self, part: ComparedPart) -> impl Iterator<Item = &EqualityKey> {
        match part {
            ComparedPart::Value => self.equal.keys(),
            ComparedPart::Element => self.elements.keys(),
        }
    }

    /// Whether there is a rule, so that the value is looked up for every event.
    pub fn has_rules(&self) -> bool {
        let mut lists = self.equal.values().chain(self.elements.values());
        let others = [&self.absent, &self.existing, &self.present];
        lists.any(|list| !list.is_empty())
            || others.iter().any(|list| !list.is_empty())
            || !self.numbers.is_empty()
            || !self.instants.is_empty()
            || self.texts.has_rules()
            || self.folded.has_rules()
    }

    /// Adds the rules to the postings, and those of values to the table of values, which has this path's as a slot.
    pub fn finish(self, slot: u32, values: &mut ValueTable, postings: &mut Postings) -> PathTable {
        let (absent, existing, present) = (
            postings.add(self.absent),
            postings.add(self.existing),
            postings.add(self.present),
        );
        let has_elements = !self.elements.is_empty();
        let mut alike = |part, lists: FxHashMap<EqualityKey, Vec<Posting>>| {
            let mut alike = AlikeValues::default();
            for (point, list) in lists {
                let span = postings.add(list);
                match point {
                    EqualityKey::List => alike.list = span,
                    EqualityKey::Object => alike.object = span,
                    EqualityKey::Folded(text) => {
                        alike.folded.get_or_insert_default().insert(text, span);
                    }
                    EqualityKey::Null
                    | EqualityKey::Bool(_)
                    | EqualityKey::Number(_)
                    | EqualityKey::Text(_) => values.set(slot, part, &point, span),
                }
            }
            if let Some(folded) = &mut alike.folded {
                folded.shrink_to_fit();
            }
            alike
        };
        let mut table = PathTable {
            has_rules: false,
            absent,
            existing,
            present,
            alike: alike(ComparedPart::Value, self.equal),
            alike_elements: {
                let alike = alike(ComparedPart::Element, self.elements);
                has_elements.then(|| Box::new(alike))
            },
            numbers: IntervalTree::new(self.numbers, postings),
            instants: (!self.instants.is_empty())
                .then(|| Box::new(IntervalTree::new(self.instants, postings))),
            texts: self.texts.finish(postings),
            folded: self.folded.finish(postings),
        };
        table.has_rules = table.finds_rules();
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

    fn has_rules(&self) -> bool {
        let lists = [&self.starts, &self.ends, &self.anywhere];
        lists.iter().any(|list| !list.is_empty())
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

impl AlikeValues {
    fn of_kind(&self, kind: JsonKind) -> PostingRange {
        match kind {
            JsonKind::List => self.list,
            JsonKind::Object => self.object,
            JsonKind::Null | JsonKind::Bool | JsonKind::Number | JsonKind::Text => {
                PostingRange::default()
            }
        }
    }

    fn has_containers(&self) -> bool {
        !self.list.is_empty() || !self.object.is_empty()
    }

    fn find_folded(&self, text: &str) -> PostingRange {
        let span = self.folded.as_ref().and_then(|folded| folded.get(text));
        span.copied().unwrap_or_default()
    }
}

impl PathTable {
    /// Adds the rules that the value leads to. `values` is where its digest comes from, and `elements` are those
    /// of all digests.
    pub fn find(
        &self,
        values: &ValueTable,
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
            JsonKind::Object => push(self.alike.object, found),
            JsonKind::List => {
                push(self.alike.list, found);
                let numbers = digest.elements(elements);
                self.find_elements(values, datum, numbers, buffers, found);
            }
        }
    }

    /// Whether a key looks into texts, or reads them as times.
    fn reads_texts(&self) -> bool {
        let has_parts = self.texts.is_some() || self.folded.is_some();
        has_parts || self.instants.is_some() || self.alike.folded.is_some()
    }

    /// The value of `has_rules`.
    fn finds_rules(&self) -> bool {
        let ranges = [self.absent, self.existing, self.present];
        ranges.iter().any(|range| !range.is_empty())
            || !self.numbers.is_empty()
            || self.reads_texts()
            || self.alike.has_containers()
            || self.alike_elements.is_some()
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
        if self.alike.folded.is_some() || self.folded.is_some() {
            fold_into(text, folded);
            push(self.alike.find_folded(folded), found);
            if let Some(texts) = &self.folded {
                texts.find(folded.as_bytes(), reversed, seen, found);
            }
        }
    }

    fn find_elements(
        &self,
        values: &ValueTable,
        datum: ValueRef<'_>,
        numbers: &[ValueNumber],
        buffers: &mut Buffers,
        found: &mut Vec<PostingRange>,
    ) {
        let Some(alike) = &self.alike_elements else {
            return;
        };
        let from = found.len();
        for value in numbers {
            push(values.span(*value), found);
        }
        if alike.has_containers() || alike.folded.is_some() {
            for element in datum.elements() {
                push(alike.of_kind(element.kind()), found);
                if let Some(text) = element.text().filter(|_| alike.folded.is_some()) {
                    fold_into(&text, &mut buffers.folded);
                    push(alike.find_folded(&buffers.folded), found);
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
        assert!(filling.has_rules());
        let mut values = ValueTable::new(std::slice::from_ref(&filling));
        let table = filling.finish(0, &mut values, &mut postings);
        assert!(table.has_rules);
        let (postings, mut spans) = (postings.finish().0, Vec::new());
        let datum = value.as_ref().map(ValueRef::Built);
        let mut elements = Vec::new();
        let mut digest = ValueDigest::ABSENT;
        push(
            values.read(0, datum, &mut digest, &mut elements),
            &mut spans,
        );
        let mut buffers = Buffers::default();
        table.find(&values, datum, &digest, &elements, &mut buffers, &mut spans);
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
        assert!(!filling.has_rules());
        let mut values = ValueTable::new(std::slice::from_ref(&filling));
        let table = filling.finish(0, &mut values, &mut Postings::default());
        assert!(!table.has_rules);
    }
}
