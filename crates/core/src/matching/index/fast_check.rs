//! Fast checks: predicates that their index keys describe exactly. They compare a digest of the value at their
//! path, which is sequential in memory, instead of calling the operator. A predicate whose keys admit more than
//! its operator has no fast check.

use crate::event::json::tape::JsonKind;
use crate::language::operator::index_condition::{EqualityKey, IndexCondition, IndexKey, Interval};
use crate::matching::index::posting::{PostingRange, number};
use crate::matching::index::predicates::PredicateInfo;
use crate::matching::index::value_table::{ComparedPart, ValueNumber, ValueTable};

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

/// The values that a predicate compares with, if that is all that it does.
#[derive(Debug)]
pub enum ComparedValues<'f> {
    Equal(Vec<&'f EqualityKey>),
    Element(Vec<&'f EqualityKey>),
}

/// The value at a slot, as far as index keys distinguish values.
#[derive(Debug, Clone, Copy)]
pub struct ValueDigest {
    pub kind: Option<JsonKind>,
    pub empty: bool,
    /// NaN if no rule compares the value by size, or if it is neither a number nor read as one.
    pub number: f64,
    pub value: ValueNumber,
    /// The range of the elements of a list among those of all slots.
    pub elements: (u32, u32),
}

impl<'f> ComparedValues<'f> {
    pub fn of(facts: &'f PredicateInfo) -> Option<Self> {
        let clues = exact(facts)?.clues.as_slice();
        let equal = clues.iter().map(|clue| match clue {
            IndexKey::Equal(point) => Some(point),
            _ => None,
        });
        let elements = clues.iter().map(|clue| match clue {
            IndexKey::Element(point) => Some(point),
            _ => None,
        });
        let compared = match equal.collect() {
            Some(points) => Self::Equal(points),
            None => Self::Element(elements.collect::<Option<_>>()?),
        };
        let (Self::Equal(points) | Self::Element(points)) = &compared;
        let needs_operator = |point: &&EqualityKey| {
            matches!(
                point,
                EqualityKey::Folded(_) | EqualityKey::List | EqualityKey::Object
            )
        };
        (!points.iter().any(needs_operator)).then_some(compared)
    }
}

impl FastCheck {
    /// The check of a predicate. The words that it compares with are added to `operands`.
    pub fn new(facts: &PredicateInfo, values: &ValueTable, operands: &mut Vec<u32>) -> Self {
        let (Some(slot), Some(exact)) = (facts.slot, exact(facts)) else {
            return FastCheck::None;
        };
        let mut words = |part, points: &[&EqualityKey]| {
            let start = number(operands.len());
            let numbers = points
                .iter()
                .map(|point| values.number_of_key(slot, part, point).0);
            operands.extend(numbers);
            let length = number(points.len());
            PostingRange { start, length }
        };
        match exact.clues.as_slice() {
            [IndexKey::Absent] => FastCheck::Absent(slot),
            [IndexKey::Exists] => FastCheck::Exists(slot),
            [IndexKey::Present] => FastCheck::Present(slot),
            [IndexKey::Number(interval)] => FastCheck::Number(slot, *interval),
            _ => match ComparedValues::of(facts) {
                Some(ComparedValues::Equal(points)) => {
                    FastCheck::Equal(slot, words(ComparedPart::Value, &points))
                }
                Some(ComparedValues::Element(points)) => match values.has_elements(slot) {
                    true => FastCheck::Element(slot, words(ComparedPart::Element, &points)),
                    false => FastCheck::None,
                },
                None => FastCheck::None,
            },
        }
    }
}

fn exact(facts: &PredicateInfo) -> Option<&IndexCondition> {
    facts.narrowings.iter().find(|narrowing| narrowing.exact)
}

impl ValueDigest {
    pub const ABSENT: Self = Self {
        kind: None,
        empty: true,
        number: f64::NAN,
        value: ValueNumber::UNKNOWN,
        elements: (0, 0),
    };

    /// The numbers of the elements of a list.
    #[inline]
    pub fn elements<'e>(&self, all: &'e [ValueNumber]) -> &'e [ValueNumber] {
        let (start, end) = self.elements;
        &all[start as usize..end as usize]
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

/// Whether a check holds. `elements` are those of all slots. No operand is the unknown number.
#[inline]
pub fn holds(check: u32, operands: &[u32], digest: &ValueDigest, elements: &[ValueNumber]) -> bool {
    let question = check & 7;
    // Most checks are this one. The processor predicts a comparison better than a jump table.
    if question == EQUAL {
        return is_one_of(digest.value, operands);
    }
    match question {
        ABSENT => digest.kind.is_none(),
        EXISTS => digest.kind.is_some(),
        PRESENT => !digest.empty,
        NUMBER => is_within(digest.number, operands),
        _ => {
            let mut elements = digest.elements(elements).iter();
            elements.any(|value| is_one_of(*value, operands))
        }
    }
}

/// Most checks have one or two operands, for which a plain loop is faster than `contains`.
#[allow(clippy::manual_contains)]
#[inline]
fn is_one_of(value: ValueNumber, operands: &[u32]) -> bool {
    operands.iter().any(|operand| *operand == value.0)
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
