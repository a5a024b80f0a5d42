//! Finds candidate rules by equality with the value at a path or an element of its list. Lists and objects are
//! not distinguished.

use rustc_hash::FxHashMap;

use crate::matching::index::posting::{Posting, Postings, Span};
use crate::event::json::value_ref::Datum;
use crate::event::json::tape::Kind;
use crate::language::operator::equality::fold_into;
use crate::language::operator::index_condition::{Point, key_of};

#[derive(Debug, Default)]
pub struct Values {
    null: Span,
    no: Span,
    yes: Span,
    list: Span,
    object: Span,
    numbers: FxHashMap<u64, Span>,
    texts: FxHashMap<Box<str>, Span>,
    folded: FxHashMap<Box<str>, Span>,
}

impl Values {
    pub fn new(lists: FxHashMap<Point, Vec<Posting>>, postings: &mut Postings) -> Self {
        let mut values = Self::default();
        for (point, list) in lists {
            let span = postings.add(list);
            match point {
                Point::Null => values.null = span,
                Point::Bool(false) => values.no = span,
                Point::Bool(true) => values.yes = span,
                Point::List => values.list = span,
                Point::Object => values.object = span,
                Point::Number(key) => {
                    values.numbers.insert(key, span);
                }
                Point::Text(text) => {
                    values.texts.insert(text, span);
                }
                Point::Folded(text) => {
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

    pub fn find(&self, datum: Datum<'_>, buffer: &mut String, found: &mut Vec<Span>) {
        let span = match datum.kind() {
            Kind::Null => self.null,
            Kind::Bool if datum.bool() == Some(true) => self.yes,
            Kind::Bool => self.no,
            Kind::List => self.list,
            Kind::Object => self.object,
            Kind::Number => self.find_number(datum),
            Kind::Text => {
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

    pub fn find_text(&self, text: &str) -> Span {
        self.texts.get(text).copied().unwrap_or_default()
    }

    pub fn find_folded(&self, text: &str) -> Span {
        self.folded.get(text).copied().unwrap_or_default()
    }

    fn find_number(&self, datum: Datum<'_>) -> Span {
        if self.numbers.is_empty() {
            return Span::default();
        }
        let span = datum
            .number()
            .and_then(|number| self.numbers.get(&key_of(&number)));
        span.copied().unwrap_or_default()
    }
}

pub fn push(span: Span, found: &mut Vec<Span>) {
    if !span.is_empty() {
        found.push(span);
    }
}
