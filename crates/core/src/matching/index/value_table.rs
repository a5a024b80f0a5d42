//! Finds candidate rules by equality with the value at a path or an element of its list. Lists and objects are
//! not distinguished.

use rustc_hash::FxHashMap;

use crate::event::json::tape::JsonKind;
use crate::event::json::value_ref::ValueRef;
use crate::language::operator::equality::fold_into;
use crate::language::operator::index_condition::{EqualityKey, key_of};
use crate::matching::index::posting::{Posting, PostingRange, Postings};

#[derive(Debug, Default)]
pub struct ValueTable {
    null: PostingRange,
    no: PostingRange,
    yes: PostingRange,
    list: PostingRange,
    object: PostingRange,
    numbers: FxHashMap<u64, PostingRange>,
    texts: FxHashMap<Box<str>, PostingRange>,
    folded: FxHashMap<Box<str>, PostingRange>,
}

impl ValueTable {
    pub fn new(lists: FxHashMap<EqualityKey, Vec<Posting>>, postings: &mut Postings) -> Self {
        let mut values = Self::default();
        for (point, list) in lists {
            let span = postings.add(list);
            match point {
                EqualityKey::Null => values.null = span,
                EqualityKey::Bool(false) => values.no = span,
                EqualityKey::Bool(true) => values.yes = span,
                EqualityKey::List => values.list = span,
                EqualityKey::Object => values.object = span,
                EqualityKey::Number(key) => {
                    values.numbers.insert(key, span);
                }
                EqualityKey::Text(text) => {
                    values.texts.insert(text, span);
                }
                EqualityKey::Folded(text) => {
                    values.folded.insert(text, span);
                }
            }
        }
        values.numbers.shrink_to_fit();
        values.texts.shrink_to_fit();
        values.folded.shrink_to_fit();
        values
    }

    pub fn folds(&self) -> bool {
        !self.folded.is_empty()
    }

    pub fn find(&self, datum: ValueRef<'_>, buffer: &mut String, found: &mut Vec<PostingRange>) {
        let span = match datum.kind() {
            JsonKind::Null => self.null,
            JsonKind::Bool if datum.bool() == Some(true) => self.yes,
            JsonKind::Bool => self.no,
            JsonKind::List => self.list,
            JsonKind::Object => self.object,
            JsonKind::Number => self.find_number(datum),
            JsonKind::Text => {
                let text = datum.text().expect("a text has its text");
                if self.folds() {
                    fold_into(&text, buffer);
                    push(self.find_folded(buffer), found);
                }
                self.find_text(&text)
            }
        };
        push(span, found);
    }

    pub fn find_text(&self, text: &str) -> PostingRange {
        self.texts.get(text).copied().unwrap_or_default()
    }

    pub fn find_folded(&self, text: &str) -> PostingRange {
        self.folded.get(text).copied().unwrap_or_default()
    }

    fn find_number(&self, datum: ValueRef<'_>) -> PostingRange {
        if self.numbers.is_empty() {
            return PostingRange::default();
        }
        let span = datum
            .double()
            .and_then(|number| self.numbers.get(&key_of(number)));
        span.copied().unwrap_or_default()
    }
}

pub fn push(span: PostingRange, found: &mut Vec<PostingRange>) {
    if !span.is_empty() {
        found.push(span);
    }
}
