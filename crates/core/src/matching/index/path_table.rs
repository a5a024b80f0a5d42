//! Finds the candidate rules for the value at one path. A candidate is still to be tested; a rule that is not
//! found cannot match.

use rustc_hash::FxHashMap;

use crate::matching::index::prefix_table::Affixes;
use crate::matching::index::interval_tree::Intervals;
use crate::matching::index::posting::{Posting, Postings, Span};
use crate::matching::index::scratch::{Buffers, Seen};
use crate::matching::index::substring_table::Substrings;
use crate::matching::index::value_table::{Values, push};
use crate::event::json::value_ref::Datum;
use crate::event::json::tape::Kind;
use crate::language::operator::Case;
use crate::language::operator::equality::fold_into;
use crate::language::operator::time::{instant, milliseconds};
use crate::language::operator::index_condition::{Clue, Interval, Piece, Point, Stand, nearest};
use crate::language::operator::value_kind::number;

#[derive(Debug, Default)]
pub struct Table {
    absent: Span,
    standing: Span,
    present: Span,
    equal: Values,
    elements: Option<Box<Values>>,
    numbers: Intervals,
    instants: Intervals,
    texts: Option<Box<Texts>>,
    /// Of case-folded texts.
    folded: Option<Box<Texts>>,
}

/// By parts of a text.
#[derive(Debug, Default)]
struct Texts {
    starts: Affixes,
    /// Reversed, for suffixes.
    ends: Affixes,
    anywhere: Substrings,
}

/// A table under construction.
#[derive(Debug, Default)]
pub struct Filling {
    absent: Vec<Posting>,
    standing: Vec<Posting>,
    present: Vec<Posting>,
    equal: FxHashMap<Point, Vec<Posting>>,
    elements: FxHashMap<Point, Vec<Posting>>,
    numbers: Vec<(Interval, Posting)>,
    instants: Vec<(Interval, Posting)>,
    texts: Pieces,
    folded: Pieces,
}

#[derive(Debug, Default)]
struct Pieces {
    starts: Vec<(Vec<u8>, Posting)>,
    ends: Vec<(Vec<u8>, Posting)>,
    anywhere: Vec<(Vec<u8>, Posting)>,
}

impl Filling {
    pub fn add(&mut self, clue: &Clue, posting: Posting) {
        match clue {
            Clue::Absent => self.absent.push(posting),
            Clue::Standing => self.standing.push(posting),
            Clue::Present => self.present.push(posting),
            Clue::Equal(point) => self.equal.entry(point.clone()).or_default().push(posting),
            Clue::Element(point) => self
                .elements
                .entry(point.clone())
                .or_default()
                .push(posting),
            Clue::Number(interval) => self.numbers.push((*interval, posting)),
            Clue::Instant(interval) => self.instants.push((*interval, posting)),
            Clue::Text(stand, piece) => match piece.case {
                Case::Exact => self.texts.add(*stand, piece, posting),
                Case::Ignored => self.folded.add(*stand, piece, posting),
            },
        }
    }

    /// None for an empty table.
    pub fn finish(self, postings: &mut Postings) -> Option<Table> {
        let before = postings.add([]);
        let table = Table {
            absent: postings.add(self.absent),
            standing: postings.add(self.standing),
            present: postings.add(self.present),
            equal: Values::new(self.equal, postings),
            elements: (!self.elements.is_empty())
                .then(|| Box::new(Values::new(self.elements, postings))),
            numbers: Intervals::new(self.numbers, postings),
            instants: Intervals::new(self.instants, postings),
            texts: self.texts.finish(postings),
            folded: self.folded.finish(postings),
        };
        (postings.add([]) != before).then_some(table)
    }
}

impl Pieces {
    fn add(&mut self, stand: Stand, piece: &Piece, posting: Posting) {
        let bytes = piece.bytes.iter().copied();
        match stand {
            Stand::Start => self.starts.push((bytes.collect(), posting)),
            Stand::End => self.ends.push((bytes.rev().collect(), posting)),
            Stand::Anywhere => self.anywhere.push((bytes.collect(), posting)),
        }
    }

    fn finish(self, postings: &mut Postings) -> Option<Box<Texts>> {
        let texts = Texts {
            starts: Affixes::new(self.starts, postings),
            ends: Affixes::new(self.ends, postings),
            anywhere: Substrings::new(self.anywhere, postings),
        };
        (!texts.is_empty()).then(|| Box::new(texts))
    }
}

impl Table {
    pub fn find(&self, datum: Option<Datum<'_>>, buffers: &mut Buffers, found: &mut Vec<Span>) {
        let Some(datum) = datum else {
            return push(self.absent, found);
        };
        push(self.standing, found);
        match datum.kind() {
            Kind::Null => self.equal.find(datum, &mut buffers.folded, found),
            Kind::Text => {
                self.find_text(&datum.text().expect("a text has its text"), buffers, found)
            }
            Kind::List => self.find_list(datum, buffers, found),
            Kind::Number => {
                push(self.present, found);
                self.equal.find(datum, &mut buffers.folded, found);
                if !self.numbers.is_empty() {
                    let number = datum.number().as_ref().map(nearest);
                    let number = number.expect("a number has its number");
                    self.numbers.find(number, found);
                }
            }
            Kind::Bool | Kind::Object => {
                push(self.present, found);
                self.equal.find(datum, &mut buffers.folded, found);
            }
        }
    }

    fn find_text(&self, text: &str, buffers: &mut Buffers, found: &mut Vec<Span>) {
        if !text.is_empty() {
            push(self.present, found);
        }
        push(self.equal.find_text(text), found);
        if !self.numbers.is_empty()
            && let Some(number) = number(text)
        {
            self.numbers.find(nearest(&number), found);
        }
        if !self.instants.is_empty()
            && let Some(at) = instant(text)
        {
            self.instants.find(milliseconds(at), found);
        }
        let Buffers {
            folded,
            reversed,
            seen,
        } = buffers;
        if let Some(texts) = &self.texts {
            texts.find(text.as_bytes(), reversed, seen, found);
        }
        if self.equal.folds() || self.folded.is_some() {
            fold_into(text, folded);
            push(self.equal.find_folded(folded), found);
            if let Some(texts) = &self.folded {
                texts.find(folded.as_bytes(), reversed, seen, found);
            }
        }
    }

    fn find_list(&self, datum: Datum<'_>, buffers: &mut Buffers, found: &mut Vec<Span>) {
        let mut elements = datum.elements().peekable();
        if elements.peek().is_some() {
            push(self.present, found);
        }
        self.equal.find(datum, &mut buffers.folded, found);
        let Some(values) = &self.elements else {
            return;
        };
        let from = found.len();
        for element in elements {
            values.find(element, &mut buffers.folded, found);
        }
        drop_repeats(from, found);
    }
}

/// Equal elements of a list lead to the same rules, so each is looked up once.
fn drop_repeats(from: usize, found: &mut Vec<Span>) {
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

impl Texts {
    fn is_empty(&self) -> bool {
        self.starts.is_empty() && self.ends.is_empty() && self.anywhere.is_empty()
    }

    fn find(&self, text: &[u8], reversed: &mut Vec<u8>, seen: &mut Seen, found: &mut Vec<Span>) {
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
    use crate::matching::index::check_program::Check;

    fn clues() -> Vec<Clue> {
        let is = |value: Value, case| Clue::Equal(Point::of(&value, case).0);
        let has = |value: Value, case| Clue::Element(Point::of(&value, case).0);
        let piece = |stand, text: &str, case| {
            let bytes = text.as_bytes().into();
            Clue::Text(stand, Piece { bytes, case })
        };
        let interval = |low, high| Interval { low, high };
        vec![
            Clue::Absent,
            Clue::Standing,
            Clue::Present,
            is(json!("vip"), Case::Exact),
            is(json!("VIP"), Case::Ignored),
            is(json!(1), Case::Exact),
            is(json!(null), Case::Exact),
            has(json!("vip"), Case::Exact),
            has(json!(1.0), Case::Exact),
            has(json!("Vip"), Case::Ignored),
            Clue::Number(interval(0.0, 5.0)),
            Clue::Instant(interval(0.0, f64::INFINITY)),
            piece(Stand::Start, "vi", Case::Exact),
            piece(Stand::End, "ip", Case::Exact),
            piece(Stand::Anywhere, "p e", Case::Exact),
            piece(Stand::Start, "vip", Case::Ignored),
        ]
    }

    fn found(value: Option<Value>) -> Vec<u32> {
        let (mut filling, mut postings) = (Filling::default(), Postings::default());
        for (rule, clue) in (0..).zip(&clues()) {
            let check = Check::NOTHING;
            filling.add(clue, Posting { rule, check });
        }
        let table = filling.finish(&mut postings).expect("a table");
        let (postings, mut spans) = (postings.finish().0, Vec::new());
        let datum = value.as_ref().map(Datum::Built);
        table.find(datum, &mut Buffers::default(), &mut spans);
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
    fn a_table_without_rules_is_none() {
        assert!(
            Filling::default()
                .finish(&mut Postings::default())
                .is_none()
        );
    }
}
