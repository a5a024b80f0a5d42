//! Finds candidate rules by equality with the value at a path or an element of its list. Lists and objects are
//! not distinguished. The values that rules compare with have numbers, so that comparing means comparing numbers.

use rustc_hash::FxHashMap;

use crate::event::json::tape::JsonKind;
use crate::language::operator::index_condition::{EqualityKey, key_of};
use crate::matching::index::posting::{Posting, PostingRange, Postings};
use crate::matching::index::value_map::{MapKey, TextHead, ValueMap};

/// The number of a value that a rule compares with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValueNumber(pub u32);

#[derive(Debug, Default)]
pub struct ValueTable {
    null: PostingRange,
    no: PostingRange,
    yes: PostingRange,
    list: PostingRange,
    object: PostingRange,
    values: ValueMap,
    folded: Option<Box<FxHashMap<Box<str>, PostingRange>>>,
}

impl ValueNumber {
    const NULL: Self = Self(0);
    const NO: Self = Self(1);
    const YES: Self = Self(2);
    const FIRST: u32 = 3;
    /// No rule compares with this value.
    pub const UNKNOWN: Self = Self(u32::MAX);
}

impl ValueTable {
    /// A table of values without rules.
    pub fn new<'k>(keys: impl Iterator<Item = &'k EqualityKey>) -> Self {
        Self {
            values: ValueMap::new(keys.filter_map(map_key).collect()),
            ..Self::default()
        }
    }

    /// Adds the rules of each value.
    pub fn fill(&mut self, lists: FxHashMap<EqualityKey, Vec<Posting>>, postings: &mut Postings) {
        for (point, list) in lists {
            let span = postings.add(list);
            match point {
                EqualityKey::Null => self.null = span,
                EqualityKey::Bool(false) => self.no = span,
                EqualityKey::Bool(true) => self.yes = span,
                EqualityKey::List => self.list = span,
                EqualityKey::Object => self.object = span,
                EqualityKey::Number(_) | EqualityKey::Text(_) => {
                    let number = map_key(&point).and_then(|key| self.values.find(key));
                    self.values
                        .set(number.expect("the table has the value"), span);
                }
                EqualityKey::Folded(text) => {
                    self.folded.get_or_insert_default().insert(text, span);
                }
            }
        }
        if let Some(folded) = &mut self.folded {
            folded.shrink_to_fit();
        }
    }

    /// The number of a value; unknown for those that an operator has to compare.
    pub fn number_of_key(&self, point: &EqualityKey) -> ValueNumber {
        match point {
            EqualityKey::Null => ValueNumber::NULL,
            EqualityKey::Bool(false) => ValueNumber::NO,
            EqualityKey::Bool(true) => ValueNumber::YES,
            EqualityKey::Number(_)
            | EqualityKey::Text(_)
            | EqualityKey::Folded(_)
            | EqualityKey::List
            | EqualityKey::Object => {
                let number = map_key(point).and_then(|key| self.values.find(key));
                number.map_or(ValueNumber::UNKNOWN, |number| {
                    ValueNumber(ValueNumber::FIRST + number)
                })
            }
        }
    }

    /// The number of null and its rules.
    #[inline]
    pub fn find_null(&self) -> (ValueNumber, PostingRange) {
        (ValueNumber::NULL, self.null)
    }

    /// The same of a boolean.
    #[inline]
    pub fn find_bool(&self, value: bool) -> (ValueNumber, PostingRange) {
        match value {
            true => (ValueNumber::YES, self.yes),
            false => (ValueNumber::NO, self.no),
        }
    }

    /// The same of a number.
    #[inline(always)]
    pub fn find_number(&self, double: f64) -> (ValueNumber, PostingRange) {
        numbered(self.values.find_number(key_of(double)))
    }

    /// The same of a text, with its head.
    #[inline(always)]
    pub fn find_text(&self, text: &[u8], head: TextHead) -> (ValueNumber, PostingRange) {
        numbered(self.values.find_text(text, head))
    }

    /// The rules of a value by its number.
    #[inline]
    pub fn span(&self, value: ValueNumber) -> PostingRange {
        match value {
            ValueNumber::NULL => self.null,
            ValueNumber::NO => self.no,
            ValueNumber::YES => self.yes,
            ValueNumber::UNKNOWN => PostingRange::default(),
            ValueNumber(number) => self.values.span(number - ValueNumber::FIRST),
        }
    }

    /// The rules that compare with any list or with any object.
    pub fn container_span(&self, kind: JsonKind) -> PostingRange {
        match kind {
            JsonKind::List => self.list,
            JsonKind::Object => self.object,
            JsonKind::Null | JsonKind::Bool | JsonKind::Number | JsonKind::Text => {
                PostingRange::default()
            }
        }
    }

    pub fn has_containers(&self) -> bool {
        !self.list.is_empty() || !self.object.is_empty()
    }

    pub fn folds(&self) -> bool {
        self.folded.is_some()
    }

    pub fn find_folded(&self, text: &str) -> PostingRange {
        let span = self.folded.as_ref().and_then(|folded| folded.get(text));
        span.copied().unwrap_or_default()
    }
}

#[inline]
fn numbered(found: Option<(u32, PostingRange)>) -> (ValueNumber, PostingRange) {
    match found {
        None => (ValueNumber::UNKNOWN, PostingRange::default()),
        Some((number, span)) => (ValueNumber(ValueNumber::FIRST + number), span),
    }
}

fn map_key(point: &EqualityKey) -> Option<MapKey<'_>> {
    match point {
        EqualityKey::Number(bits) => Some(MapKey::Number(*bits)),
        EqualityKey::Text(text) => Some(MapKey::Text(text.as_bytes())),
        EqualityKey::Null
        | EqualityKey::Bool(_)
        | EqualityKey::Folded(_)
        | EqualityKey::List
        | EqualityKey::Object => None,
    }
}

pub fn push(span: PostingRange, found: &mut Vec<PostingRange>) {
    if !span.is_empty() {
        found.push(span);
    }
}
