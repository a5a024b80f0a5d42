//! Fast checks: predicates that their index keys describe exactly. They compare a digest of the value at their
//! path, which is sequential in memory, instead of calling the operator. A predicate whose keys admit more than
//! its operator has no fast check.

use rustc_hash::FxHashMap;

use crate::event::json::tape::JsonKind;
use crate::event::json::value_ref::ValueRef;
use crate::language::operator::index_condition::{
    EqualityKey, IndexCondition, IndexKey, Interval, key_of,
};
use crate::matching::index::posting::{PostingRange, number};
use crate::matching::index::predicates::PredicateInfo;
use crate::number::double;

/// How a predicate is evaluated on the digest of its slot.
#[derive(Debug, Clone, Copy)]
pub enum FastCheck {
    /// Not possible: the operator is called.
    None,
    Absent(u32),
    Exists(u32),
    Present(u32),
    Number(u32, Interval),
    Equal(u32, PostingRange),
    Element(u32, PostingRange),
}

/// Interns the values that rules compare with, so that comparing means comparing numbers.
#[derive(Debug, Default)]
pub struct ValueInterner {
    numbers: FxHashMap<u64, u32>,
    texts: FxHashMap<Box<str>, u32>,
    /// The words of each predicate, until they are written into conditions.
    operands: Vec<u32>,
}

const NULL: u32 = 0;
const NO: u32 = 1;
const YES: u32 = 2;
const FIRST: usize = 3;
/// No rule compares with this value.
const UNKNOWN: u32 = u32::MAX;

/// The value at a slot, as far as index keys distinguish values.
#[derive(Debug)]
pub struct ValueDigest {
    kind: Option<JsonKind>,
    empty: bool,
    /// NaN if the value is not a number and is not read as one.
    number: f64,
    word: u32,
    elements: Vec<u32>,
}

impl ValueInterner {
    pub fn take_operands(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.operands)
    }

    pub fn fast_check(&mut self, facts: &PredicateInfo) -> FastCheck {
        let exact = facts.narrowings.iter().find(|narrowing| narrowing.exact);
        let (Some(slot), Some(IndexCondition { clues, .. })) = (facts.slot, exact) else {
            return FastCheck::None;
        };
        match clues.as_slice() {
            [IndexKey::Absent] => FastCheck::Absent(slot),
            [IndexKey::Exists] => FastCheck::Exists(slot),
            [IndexKey::Present] => FastCheck::Present(slot),
            [IndexKey::Number(interval)] => FastCheck::Number(slot, *interval),
            clues => {
                let equal = clues.iter().map(|clue| match clue {
                    IndexKey::Equal(point) => Some(point),
                    _ => None,
                });
                if let Some(points) = equal.collect::<Option<Vec<_>>>() {
                    return self.intern(&points, |span| FastCheck::Equal(slot, span));
                }
                let elements = clues.iter().map(|clue| match clue {
                    IndexKey::Element(point) => Some(point),
                    _ => None,
                });
                match elements.collect::<Option<Vec<_>>>() {
                    Some(points) => self.intern(&points, |span| FastCheck::Element(slot, span)),
                    None => FastCheck::None,
                }
            }
        }
    }

    fn intern(
        &mut self,
        points: &[&EqualityKey],
        check: impl FnOnce(PostingRange) -> FastCheck,
    ) -> FastCheck {
        let needs_operator = |point: &&&EqualityKey| {
            matches!(
                point,
                EqualityKey::Folded(_) | EqualityKey::List | EqualityKey::Object
            )
        };
        if points.iter().any(|point| needs_operator(&point)) {
            return FastCheck::None;
        }
        let start = number(self.operands.len());
        for point in points {
            let word = self.word(point);
            self.operands.push(word);
        }
        let length = number(points.len());
        check(PostingRange { start, length })
    }

    fn word(&mut self, point: &EqualityKey) -> u32 {
        let next = number(FIRST + self.numbers.len() + self.texts.len());
        match point {
            EqualityKey::Null => NULL,
            EqualityKey::Bool(false) => NO,
            EqualityKey::Bool(true) => YES,
            EqualityKey::Number(key) => *self.numbers.entry(*key).or_insert(next),
            EqualityKey::Text(text) => match self.texts.get(text) {
                Some(word) => *word,
                None => {
                    self.texts.insert(text.clone(), next);
                    next
                }
            },
            EqualityKey::Folded(_) | EqualityKey::List | EqualityKey::Object => UNKNOWN,
        }
    }

    fn number_of(&self, datum: ValueRef<'_>) -> u32 {
        let word = match datum.kind() {
            JsonKind::Null => return NULL,
            JsonKind::Bool if datum.bool() == Some(true) => return YES,
            JsonKind::Bool => return NO,
            JsonKind::Number => datum.double().and_then(|n| self.numbers.get(&key_of(n))),
            JsonKind::Text => datum.text().and_then(|text| self.texts.get(&*text)),
            JsonKind::List | JsonKind::Object => None,
        };
        word.copied().unwrap_or(UNKNOWN)
    }
}

impl Default for ValueDigest {
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

impl ValueDigest {
    pub fn compute(&mut self, datum: Option<ValueRef<'_>>, interner: &ValueInterner) {
        self.kind = datum.map(ValueRef::kind);
        self.empty = true;
        self.number = f64::NAN;
        self.word = UNKNOWN;
        self.elements.clear();
        let Some(datum) = datum else {
            return;
        };
        self.word = interner.number_of(datum);
        match datum.kind() {
            JsonKind::Null => {}
            JsonKind::Bool | JsonKind::Object => self.empty = false,
            JsonKind::Number => {
                self.empty = false;
                self.number = datum.double().unwrap_or(f64::NAN);
            }
            JsonKind::Text => {
                let text = datum.text().expect("a text has its text");
                self.empty = text.is_empty();
                self.number = crate::language::operator::value_kind::number(&text)
                    .as_ref()
                    .map_or(f64::NAN, double);
            }
            JsonKind::List => {
                self.elements
                    .extend(datum.elements().map(|element| interner.number_of(element)));
                self.empty = self.elements.is_empty();
            }
        }
    }
}

const ABSENT: u32 = 0;
const EXISTS: u32 = 1;
const PRESENT: u32 = 2;
const NUMBER: u32 = 3;
const EQUAL: u32 = 4;
const ELEMENT: u32 = 5;

impl FastCheck {
    /// The slot and question of the check, and the words that it compares with.
    pub fn encode(self, operands: &[u32]) -> Option<(u32, Vec<u32>)> {
        let check = |slot: u32, question: u32| slot << 3 | question;
        Some(match self {
            FastCheck::None => return None,
            FastCheck::Absent(slot) => (check(slot, ABSENT), Vec::new()),
            FastCheck::Exists(slot) => (check(slot, EXISTS), Vec::new()),
            FastCheck::Present(slot) => (check(slot, PRESENT), Vec::new()),
            FastCheck::Number(slot, Interval { low, high }) => {
                let words = [low, high].map(f64::to_bits).map(halves);
                (check(slot, NUMBER), words.concat())
            }
            FastCheck::Equal(slot, span) => (check(slot, EQUAL), span.slice(operands).to_vec()),
            FastCheck::Element(slot, span) => (check(slot, ELEMENT), span.slice(operands).to_vec()),
        })
    }
}

/// The slot of an encoded check.
pub fn slot(check: u32) -> u32 {
    check >> 3
}

#[inline]
pub fn holds(check: u32, operands: &[u32], digest: &ValueDigest) -> bool {
    match check & 7 {
        ABSENT => digest.kind.is_none(),
        EXISTS => digest.kind.is_some(),
        PRESENT => !digest.empty,
        NUMBER => is_within(digest.number, operands),
        EQUAL => digest.word != UNKNOWN && operands.contains(&digest.word),
        _ => {
            let mut elements = digest.elements.iter();
            elements.any(|word| *word != UNKNOWN && operands.contains(word))
        }
    }
}

fn is_within(number: f64, ends: &[u32]) -> bool {
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
