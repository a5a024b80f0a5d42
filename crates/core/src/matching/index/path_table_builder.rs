//! Collects the rules of one path by their index keys, and builds its tables.

use rustc_hash::FxHashMap;

use crate::language::operator::CaseSensitivity;
use crate::language::operator::index_condition::{
    EqualityKey, IndexKey, Interval, TextFragment, TextPosition,
};
use crate::matching::index::fast_check::ComparedValues;
use crate::matching::index::interval_tree::IntervalTree;
use crate::matching::index::path_table::{AlikeValues, PathTable, TextTables};
use crate::matching::index::posting::{Posting, Postings};
use crate::matching::index::predicates::PredicateInfo;
use crate::matching::index::prefix_table::PrefixTable;
use crate::matching::index::substring_table::Substrings;
use crate::matching::index::value_table::{ComparedPart, ValueTable};

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
            has_other_keys: false,
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
