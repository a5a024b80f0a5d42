//! Fast checks: predicates that their index keys describe exactly. They compare a digest of the value at their
//! path, which is sequential in memory, instead of calling the operator. A predicate whose keys admit more than
//! its operator has no fast check.

use crate::event::json::tape::JsonKind;
use crate::event::json::value_ref::ValueRef;
use crate::language::operator::index_condition::{EqualityKey, IndexCondition, IndexKey, Interval};
use crate::language::operator::value_kind;
use crate::matching::index::path_table::PathValues;
use crate::matching::index::posting::{PostingRange, number};
use crate::matching::index::predicates::PredicateInfo;
use crate::matching::index::value_map::TextHead;
use crate::matching::index::value_table::{ValueNumber, ValueTable};

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
    /// NaN if the value is not a number and is not read as one.
    pub number: f64,
    pub value: ValueNumber,
    /// The range of the elements of a list among those of all slots.
    elements: (u32, u32),
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
    pub fn new(facts: &PredicateInfo, tables: &[PathValues], operands: &mut Vec<u32>) -> Self {
        let (Some(slot), Some(exact)) = (facts.slot, exact(facts)) else {
            return FastCheck::None;
        };
        let values = &tables[slot as usize];
        let mut words = |table: &ValueTable, points: &[&EqualityKey]| {
            let start = number(operands.len());
            operands.extend(points.iter().map(|point| table.number_of_key(point).0));
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
                    FastCheck::Equal(slot, words(&values.equal, &points))
                }
                Some(ComparedValues::Element(points)) => match &values.elements {
                    Some(elements) => FastCheck::Element(slot, words(elements, &points)),
                    None => FastCheck::None,
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

impl PathValues {
    /// Writes the digest of the value at the path, and adds the numbers of a list's elements to those of other
    /// paths. Returns the rules of the value, which is the same as [`ValueTable::span`] of its number.
    #[inline]
    pub fn read(
        &self,
        datum: Option<ValueRef<'_>>,
        digest: &mut ValueDigest,
        elements: &mut Vec<ValueNumber>,
    ) -> PostingRange {
        *digest = ValueDigest::ABSENT;
        let Some(datum) = datum else {
            return PostingRange::default();
        };
        let kind = datum.kind();
        digest.kind = Some(kind);
        digest.empty = false;
        let (value, span) = match kind {
            JsonKind::Text => self.read_text(datum, digest),
            JsonKind::Number => {
                digest.number = datum.double().unwrap_or(f64::NAN);
                self.equal.find_number(digest.number)
            }
            JsonKind::Null => {
                digest.empty = true;
                self.equal.find_null()
            }
            JsonKind::Bool => self.equal.find_bool(datum.bool() == Some(true)),
            JsonKind::Object => return PostingRange::default(),
            JsonKind::List => {
                self.read_list(datum, digest, elements);
                return PostingRange::default();
            }
        };
        digest.value = value;
        span
    }

    #[inline(always)]
    fn read_text(
        &self,
        datum: ValueRef<'_>,
        digest: &mut ValueDigest,
    ) -> (ValueNumber, PostingRange) {
        let Some((text, head)) = unescaped(datum) else {
            return self.read_escaped(datum, digest);
        };
        digest.empty = text.is_empty();
        if self.reads_numbers {
            digest.number = double_of(text);
        }
        self.equal.find_text(text.as_bytes(), head)
    }

    /// A text with escapes is built.
    #[cold]
    fn read_escaped(
        &self,
        datum: ValueRef<'_>,
        digest: &mut ValueDigest,
    ) -> (ValueNumber, PostingRange) {
        let text = datum.text().expect("a text has its text");
        digest.empty = text.is_empty();
        if self.reads_numbers {
            digest.number = double_of(&text);
        }
        find_text(&self.equal, &text)
    }

    fn read_list(
        &self,
        datum: ValueRef<'_>,
        digest: &mut ValueDigest,
        elements: &mut Vec<ValueNumber>,
    ) {
        digest.empty = datum.elements().next().is_none();
        if let Some(table) = &self.elements {
            let start = number(elements.len());
            elements.extend(
                datum
                    .elements()
                    .map(|element| element_number(table, element)),
            );
            digest.elements = (start, number(elements.len()));
        }
    }
}

fn element_number(table: &ValueTable, element: ValueRef<'_>) -> ValueNumber {
    let (value, _) = match element.kind() {
        JsonKind::Null => table.find_null(),
        JsonKind::Bool => table.find_bool(element.bool() == Some(true)),
        JsonKind::Number => table.find_number(element.double().unwrap_or(f64::NAN)),
        JsonKind::Text => match unescaped(element) {
            Some((text, head)) => table.find_text(text.as_bytes(), head),
            None => find_text(table, &element.text().expect("a text has its text")),
        },
        JsonKind::List | JsonKind::Object => return ValueNumber::UNKNOWN,
    };
    value
}

/// Finds a text that is not on the tape as it is.
fn find_text(table: &ValueTable, text: &str) -> (ValueNumber, PostingRange) {
    table.find_text(text.as_bytes(), TextHead::new(text.as_bytes()))
}

/// A text with its head, if it has no escapes.
#[inline(always)]
fn unescaped(datum: ValueRef<'_>) -> Option<(&str, TextHead)> {
    match datum {
        ValueRef::Built(value) => {
            let text = value.as_str()?;
            Some((text, TextHead::new(text.as_bytes())))
        }
        ValueRef::Taped(item) => {
            let (text, after) = item.unescaped_text()?;
            Some((text, TextHead::of_start(after, text.len())))
        }
    }
}

fn double_of(text: &str) -> f64 {
    value_kind::double_of(text).unwrap_or(f64::NAN)
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
    match check & 7 {
        ABSENT => digest.kind.is_none(),
        EXISTS => digest.kind.is_some(),
        PRESENT => !digest.empty,
        NUMBER => is_within(digest.number, operands),
        EQUAL => is_one_of(digest.value, operands),
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
