//! Fast checks: predicates that their index keys describe exactly. They compare a digest of the value at their
//! path, which is sequential in memory, instead of calling the operator. A predicate whose keys admit more than
//! its operator has no fast check.

use rustc_hash::FxHashMap;

use crate::matching::index::predicates::Facts;
use crate::matching::index::posting::{Span, number};
use crate::event::json::value_ref::Datum;
use crate::event::json::tape::Kind;
use crate::language::operator::index_condition::{Clue, Interval, Narrowing, Point, key_of, nearest};
use crate::language::operator::order;

/// How a predicate is evaluated on the digest of its slot.
#[derive(Debug, Clone, Copy)]
pub enum Quick {
    /// Not possible: the operator is called.
    Asked,
    Absent(u32),
    Standing(u32),
    Present(u32),
    Number(u32, Interval),
    Equal(u32, Span),
    Element(u32, Span),
}

/// Interns the values that rules compare with, so that comparing means comparing numbers.
#[derive(Debug, Default)]
pub struct Words {
    numbers: FxHashMap<u64, u32>,
    texts: FxHashMap<Box<str>, u32>,
    /// The words of each predicate, until they are written into conditions.
    asked: Vec<u32>,
}

const NULL: u32 = 0;
const NO: u32 = 1;
const YES: u32 = 2;
const FIRST: usize = 3;
/// No rule compares with this value.
const UNKNOWN: u32 = u32::MAX;

/// The value at a slot, as far as index keys distinguish values.
#[derive(Debug)]
pub struct Digest {
    kind: Option<Kind>,
    empty: bool,
    /// NaN if the value is not a number and is not read as one.
    number: f64,
    word: u32,
    elements: Vec<u32>,
}

impl Words {
    pub fn take_asked(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.asked)
    }

    pub fn quick(&mut self, facts: &Facts) -> Quick {
        let exact = facts.narrowings.iter().find(|narrowing| narrowing.exact);
        let (Some(slot), Some(Narrowing { clues, .. })) = (facts.slot, exact) else {
            return Quick::Asked;
        };
        match clues.as_slice() {
            [Clue::Absent] => Quick::Absent(slot),
            [Clue::Standing] => Quick::Standing(slot),
            [Clue::Present] => Quick::Present(slot),
            [Clue::Number(interval)] => Quick::Number(slot, *interval),
            clues => {
                let equal = clues.iter().map(|clue| match clue {
                    Clue::Equal(point) => Some(point),
                    _ => None,
                });
                if let Some(points) = equal.collect::<Option<Vec<_>>>() {
                    return self.intern(&points, |span| Quick::Equal(slot, span));
                }
                let elements = clues.iter().map(|clue| match clue {
                    Clue::Element(point) => Some(point),
                    _ => None,
                });
                match elements.collect::<Option<Vec<_>>>() {
                    Some(points) => self.intern(&points, |span| Quick::Element(slot, span)),
                    None => Quick::Asked,
                }
            }
        }
    }

    fn intern(&mut self, points: &[&Point], quick: impl FnOnce(Span) -> Quick) -> Quick {
        let told =
            |point: &&&Point| matches!(point, Point::Folded(_) | Point::List | Point::Object);
        if points.iter().any(|point| told(&point)) {
            return Quick::Asked;
        }
        let start = number(self.asked.len());
        for point in points {
            let word = self.word(point);
            self.asked.push(word);
        }
        let length = number(points.len());
        quick(Span { start, length })
    }

    fn word(&mut self, point: &Point) -> u32 {
        let next = number(FIRST + self.numbers.len() + self.texts.len());
        match point {
            Point::Null => NULL,
            Point::Bool(false) => NO,
            Point::Bool(true) => YES,
            Point::Number(key) => *self.numbers.entry(*key).or_insert(next),
            Point::Text(text) => match self.texts.get(text) {
                Some(word) => *word,
                None => {
                    self.texts.insert(text.clone(), next);
                    next
                }
            },
            Point::Folded(_) | Point::List | Point::Object => UNKNOWN,
        }
    }

    fn of(&self, datum: Datum<'_>) -> u32 {
        let word = match datum.kind() {
            Kind::Null => return NULL,
            Kind::Bool if datum.bool() == Some(true) => return YES,
            Kind::Bool => return NO,
            Kind::Number => datum.number().and_then(|n| self.numbers.get(&key_of(&n))),
            Kind::Text => datum.text().and_then(|text| self.texts.get(&*text)),
            Kind::List | Kind::Object => None,
        };
        word.copied().unwrap_or(UNKNOWN)
    }
}

impl Default for Digest {
    fn default() -> Self {
        Self {
            kind: None,
            empty: true,
            number: f64::NAN,
            word: UNKNOWN,
            elements: Vec::new(),
        }
    }
}

impl Digest {
    pub fn compute(&mut self, datum: Option<Datum<'_>>, words: &Words) {
        self.kind = datum.map(Datum::kind);
        self.empty = true;
        self.number = f64::NAN;
        self.word = UNKNOWN;
        self.elements.clear();
        let Some(datum) = datum else {
            return;
        };
        self.word = words.of(datum);
        match datum.kind() {
            Kind::Null => {}
            Kind::Bool | Kind::Object => self.empty = false,
            Kind::Number => {
                self.empty = false;
                self.number = datum.number().as_ref().map_or(f64::NAN, nearest);
            }
            Kind::Text => {
                let text = datum.text().expect("a text has its text");
                self.empty = text.is_empty();
                self.number = crate::language::operator::value_kind::number(&text).as_ref().map_or(f64::NAN, nearest);
            }
            Kind::List => {
                self.elements
                    .extend(datum.elements().map(|element| words.of(element)));
                self.empty = self.elements.is_empty();
            }
        }
    }
}

const ABSENT: u32 = 0;
const STANDING: u32 = 1;
const PRESENT: u32 = 2;
const NUMBER: u32 = 3;
const EQUAL: u32 = 4;
const ELEMENT: u32 = 5;

impl Quick {
    /// The slot and question of the check, and the words that it compares with.
    pub fn written(self, asked: &[u32]) -> Option<(u32, Vec<u32>)> {
        let looks = |slot: u32, question: u32| slot << 3 | question;
        Some(match self {
            Quick::Asked => return None,
            Quick::Absent(slot) => (looks(slot, ABSENT), Vec::new()),
            Quick::Standing(slot) => (looks(slot, STANDING), Vec::new()),
            Quick::Present(slot) => (looks(slot, PRESENT), Vec::new()),
            Quick::Number(slot, Interval { low, high }) => {
                let words = [low, high].map(f64::to_bits).map(halves);
                (looks(slot, NUMBER), words.concat())
            }
            Quick::Equal(slot, span) => (looks(slot, EQUAL), span.slice(asked).to_vec()),
            Quick::Element(slot, span) => (looks(slot, ELEMENT), span.slice(asked).to_vec()),
        })
    }
}

/// The slot of an encoded check.
pub fn slot(looks: u32) -> u32 {
    looks >> 3
}

#[inline]
pub fn holds(looks: u32, wanted: &[u32], digest: &Digest) -> bool {
    match looks & 7 {
        ABSENT => digest.kind.is_none(),
        STANDING => digest.kind.is_some(),
        PRESENT => !digest.empty,
        NUMBER => lies_within(digest.number, wanted),
        EQUAL => digest.word != UNKNOWN && wanted.contains(&digest.word),
        _ => {
            let mut elements = digest.elements.iter();
            elements.any(|word| *word != UNKNOWN && wanted.contains(word))
        }
    }
}

fn lies_within(number: f64, ends: &[u32]) -> bool {
    let end = |high: u32, low: u32| f64::from_bits(u64::from(high) << 32 | u64::from(low));
    match *ends {
        [a, b, c, d] => end(a, b) <= number && number <= end(c, d),
        _ => false,
    }
}

#[allow(clippy::cast_possible_truncation)]
fn halves(bits: u64) -> [u32; 2] {
    [(bits >> 32) as u32, bits as u32]
}
