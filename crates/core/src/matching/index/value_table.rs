//! The values that rules compare with for equality, at all paths of an index: in access paths and in residual
//! conditions. Each has a number, so that comparing means comparing numbers. A value is read once for an event.

use crate::event::json::tape::JsonKind;
use crate::event::json::value_ref::ValueRef;
use crate::language::operator::index_condition::{EqualityKey, key_of};
use crate::language::operator::value_kind;
use crate::matching::index::fast_check::ValueDigest;
use crate::matching::index::path_table_builder::PathTableBuilder;
use crate::matching::index::posting::{PostingRange, number};
use crate::matching::index::value_map::{MapKey, ValueColumn, ValueHead, ValueMap};

#[derive(Debug, Default)]
pub struct ValueTable {
    map: ValueMap,
    /// By slot.
    columns: Box<[SlotColumns]>,
}

/// What has to be known to look up the value of a slot.
#[derive(Debug, Clone, Copy)]
struct SlotColumns {
    /// The length of the longest text that a rule compares with the value: a longer one is not looked up.
    longest: u32,
    /// The same for elements.
    longest_element: u32,
    /// Whether a rule compares with the elements of a list.
    has_elements: bool,
    /// Whether a rule compares with numbers by size; a text that is a number counts as one then.
    reads_numbers: bool,
}

/// Which values of a slot are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComparedPart {
    Value,
    /// The elements of a list.
    Element,
}

/// The number of a value that a rule compares with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValueNumber(pub u32);

impl ValueNumber {
    /// No rule compares with this value.
    pub const UNKNOWN: Self = Self(u32::MAX);
}

fn column(slot: u32, part: ComparedPart) -> ValueColumn {
    match part {
        ComparedPart::Value => 2 * slot,
        ComparedPart::Element => 2 * slot + 1,
    }
}

impl ValueTable {
    /// The values of the tables under construction, by slot. Their rules follow in [`ValueTable::set`].
    pub fn new(tables: &[PathTableBuilder]) -> Self {
        let (mut keys, mut columns) = (Vec::new(), Vec::with_capacity(tables.len()));
        for (slot, table) in (0..).zip(tables) {
            columns.push(SlotColumns {
                longest: longest(table.compared(ComparedPart::Value)),
                longest_element: longest(table.compared(ComparedPart::Element)),
                has_elements: table.compared(ComparedPart::Element).next().is_some(),
                reads_numbers: table.reads_numbers,
            });
            for part in [ComparedPart::Value, ComparedPart::Element] {
                let points = table.compared(part).filter_map(map_key);
                keys.extend(points.map(|key| (column(slot, part), key)));
            }
        }
        Self {
            map: ValueMap::new(keys),
            columns: columns.into(),
        }
    }

    /// Sets the rules of a value of the map.
    pub fn set(&mut self, slot: u32, part: ComparedPart, point: &EqualityKey, span: PostingRange) {
        let found = map_key(point).and_then(|key| self.map.find_key(column(slot, part), key));
        let (number, _) = found.expect("the table has the value");
        self.map.set(number, span);
    }

    /// The number of a value; unknown for those that an operator has to compare.
    pub fn number_of_key(&self, slot: u32, part: ComparedPart, point: &EqualityKey) -> ValueNumber {
        let found = map_key(point).and_then(|key| self.map.find_key(column(slot, part), key));
        found.map_or(ValueNumber::UNKNOWN, |(number, _)| ValueNumber(number))
    }

    /// The rules of a value by its number.
    #[inline]
    pub fn span(&self, value: ValueNumber) -> PostingRange {
        self.map.span(value.0)
    }

    /// Whether a rule compares with the elements of a list.
    pub fn has_elements(&self, slot: u32) -> bool {
        self.columns[slot as usize].has_elements
    }

    /// Writes the digest of the value of a slot, and adds the numbers of a list's elements to those of other slots.
    /// Returns the rules of the value, which is the same as [`ValueTable::span`] of its number.
    #[inline]
    pub fn read(
        &self,
        slot: u32,
        datum: Option<ValueRef<'_>>,
        digest: &mut ValueDigest,
        elements: &mut Vec<ValueNumber>,
    ) -> PostingRange {
        let Some(datum) = datum else {
            *digest = ValueDigest::ABSENT;
            return PostingRange::default();
        };
        let own = &self.columns[slot as usize];
        let column = column(slot, ComparedPart::Value);
        // Most values are read here, with few branches.
        if let ValueRef::Taped(item) = datum
            && let Some((kind, bytes, length)) = item.short(ValueHead::SHORT)
            && !own.reads_numbers
        {
            let head = ValueHead::of_short(kind, bytes, length);
            let (value, span) = numbered(self.map.find(column, head, &[]));
            *digest = ValueDigest {
                kind: Some(kind),
                empty: length == 0 || kind == JsonKind::Null,
                value,
                ..ValueDigest::ABSENT
            };
            return span;
        }
        self.read_any(slot, datum, digest, elements)
    }

    #[inline(never)]
    fn read_any(
        &self,
        slot: u32,
        datum: ValueRef<'_>,
        digest: &mut ValueDigest,
        elements: &mut Vec<ValueNumber>,
    ) -> PostingRange {
        let own = &self.columns[slot as usize];
        let column = column(slot, ComparedPart::Value);
        let (value, span) = numbered(self.find(column, own.longest, datum));
        *digest = ValueDigest {
            kind: Some(datum.kind()),
            empty: datum.is_empty(),
            number: number_of(own, datum),
            value,
            elements: self.read_elements(slot, datum, elements),
        };
        span
    }

    /// Adds the numbers of a list's elements, if a rule compares with them. Returns their range.
    #[inline(never)]
    fn read_elements(
        &self,
        slot: u32,
        datum: ValueRef<'_>,
        elements: &mut Vec<ValueNumber>,
    ) -> (u32, u32) {
        let own = &self.columns[slot as usize];
        if !own.has_elements || datum.kind() != JsonKind::List {
            return (0, 0);
        }
        let column = column(slot, ComparedPart::Element);
        let start = number(elements.len());
        let number_of = |element| self.element_number(column, own.longest_element, element);
        match datum {
            ValueRef::Taped(list) => {
                elements.extend(list.elements().map(ValueRef::Taped).map(number_of));
            }
            ValueRef::Built(_) => elements.extend(datum.elements().map(number_of)),
        }
        (start, number(elements.len()))
    }

    #[inline]
    fn element_number(
        &self,
        column: ValueColumn,
        longest: u32,
        element: ValueRef<'_>,
    ) -> ValueNumber {
        let found = match element {
            ValueRef::Taped(item) => match item.short(ValueHead::SHORT) {
                Some((kind, bytes, length)) => {
                    let head = ValueHead::of_short(kind, bytes, length);
                    self.map.find(column, head, &[])
                }
                None => self.find(column, longest, element),
            },
            ValueRef::Built(_) => self.find(column, longest, element),
        };
        numbered(found).0
    }

    /// Finds any value; a text only if it is not longer than the longest that a rule compares with.
    #[inline(never)]
    fn find(
        &self,
        column: ValueColumn,
        longest: u32,
        datum: ValueRef<'_>,
    ) -> Option<(u32, PostingRange)> {
        let longest = longest as usize;
        match datum.kind() {
            JsonKind::Null => self.map.find(column, ValueHead::null(), &[]),
            JsonKind::Bool => {
                let value = datum.bool() == Some(true);
                self.map.find(column, ValueHead::of_bool(value), &[])
            }
            JsonKind::Number => self.map.find(column, head_of_number(datum), &[]),
            JsonKind::Text if datum.least_length() > longest => None,
            // Escapes have to be read.
            JsonKind::Text => {
                let text = datum.text().filter(|text| text.len() <= longest)?;
                let head = ValueHead::of_text(text.as_bytes());
                self.map.find(column, head, text.as_bytes())
            }
            JsonKind::List | JsonKind::Object => None,
        }
    }
}

#[inline(always)]
fn numbered(found: Option<(u32, PostingRange)>) -> (ValueNumber, PostingRange) {
    match found {
        None => (ValueNumber::UNKNOWN, PostingRange::default()),
        Some((number, span)) => (ValueNumber(number), span),
    }
}

/// The number that a value is, or that its text is, if a rule compares it by size; else NaN.
fn number_of(own: &SlotColumns, datum: ValueRef<'_>) -> f64 {
    if !own.reads_numbers {
        return f64::NAN;
    }
    let number = match datum.text() {
        Some(text) => value_kind::double_of(&text),
        None => datum.double(),
    };
    number.unwrap_or(f64::NAN)
}

fn longest<'k>(points: impl Iterator<Item = &'k EqualityKey>) -> u32 {
    let lengths = points.map(|point| match point {
        EqualityKey::Text(text) => number(text.len()),
        _ => 0,
    });
    lengths.max().unwrap_or(0)
}

fn head_of_number(datum: ValueRef<'_>) -> ValueHead {
    if let ValueRef::Taped(item) = datum
        && let Some((after, length)) = item.integer()
        && let Some(head) = ValueHead::of_integer(after, length)
    {
        return head;
    }
    ValueHead::of_number(key_of(datum.double().unwrap_or(f64::NAN)))
}

/// The key of a value that the map has; None for a key that is true of several values.
fn map_key(point: &EqualityKey) -> Option<MapKey<'_>> {
    match point {
        EqualityKey::Null => Some(MapKey::Null),
        EqualityKey::Bool(value) => Some(MapKey::Bool(*value)),
        EqualityKey::Number(bits) => Some(MapKey::Number(*bits)),
        EqualityKey::Text(text) => Some(MapKey::Text(text.as_bytes())),
        EqualityKey::Folded(_) | EqualityKey::List | EqualityKey::Object => None,
    }
}

pub fn push(span: PostingRange, found: &mut Vec<PostingRange>) {
    if !span.is_empty() {
        found.push(span);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::event::json::parse::parse;
    use crate::event::json::tape::Tape;
    use crate::language::operator::CaseSensitivity;
    use crate::language::operator::index_condition::{IndexCondition, IndexKey};
    use crate::matching::index::predicates::PredicateInfo;

    fn compared() -> Vec<Value> {
        vec![
            json!(null),
            json!(true),
            json!(false),
            json!("null"),
            json!("true"),
            json!("1"),
            json!(""),
            json!("sixteen bytes in"),
            json!("seventeen bytes i"),
            json!("caf\u{e9}"),
            json!(0),
            json!(1),
            json!(-5),
            json!(0.5),
            json!(-99_999_999_999_999_i64),
            json!(999_999_999_999_999_i64),
            json!(1_000_000_000_000_000_i64),
            json!(9_007_199_254_740_991_i64),
        ]
    }

    /// The number of a text's value, and of the only element of a list with it.
    fn numbers_of(table: &ValueTable, datum: ValueRef<'_>) -> [u32; 2] {
        let (mut digest, mut elements) = (ValueDigest::ABSENT, Vec::new());
        let span = table.read(0, Some(datum), &mut digest, &mut elements);
        assert_eq!(span, table.span(digest.value));
        let list = datum.elements().next().is_some();
        let element = list.then(|| digest.elements(&elements)[0].0);
        [digest.value.0, element.unwrap_or(u32::MAX)]
    }

    #[test]
    fn a_value_has_the_same_number_on_the_tape_and_built() {
        let mut builder = PathTableBuilder::default();
        let point = |value: &Value| EqualityKey::new(value, CaseSensitivity::Exact).0;
        for value in &compared() {
            for key in [
                IndexKey::Equal(point(value)),
                IndexKey::Element(point(value)),
            ] {
                builder.compare(&PredicateInfo {
                    slot: Some(0),
                    narrowings: vec![IndexCondition::exactly(key)],
                });
            }
        }
        let table = ValueTable::new(std::slice::from_ref(&builder));
        let written = [
            "null",
            "true",
            "false",
            "0",
            "0.0",
            "1",
            "1.0",
            "1.50",
            "-5",
            "-5.0",
            "0.5",
            "0.50",
            "2",
            "-99999999999999",
            "999999999999999",
            "999999999999999.0",
            "1000000000000000",
            "9007199254740991",
            "9007199254740992",
            "1234567890123456",
            "123456789012345678",
            r#""null""#,
            r#""true""#,
            r#""1""#,
            r#""\u0031""#,
            r#""""#,
            r#""1.0""#,
            r#""sixteen bytes in""#,
            r#""seventeen bytes i""#,
            r#""seventeen bytes\u0020i""#,
            r#""caf\u00e9""#,
            "\"caf\u{e9}\"",
            r#""a text that is longer than all others""#,
            "{}",
            "[]",
        ];
        let mut found = 0;
        for text in written {
            for text in [text.to_owned(), format!("[{text}]")] {
                let (mut tape, built) = (Tape::default(), parse(text.as_bytes()).expect("JSON"));
                let scanned = tape.scan(text.as_bytes()).expect("plain JSON");
                let taped = numbers_of(&table, ValueRef::Taped(scanned.root()));
                assert_eq!(
                    taped,
                    numbers_of(&table, ValueRef::Built(&built.value)),
                    "{text}"
                );
                let known = compared().iter().any(|value| {
                    let number = |part| table.number_of_key(0, part, &point(value)).0;
                    taped == [number(ComparedPart::Value), u32::MAX]
                        || taped == [u32::MAX, number(ComparedPart::Element)]
                });
                let is_compared =
                    |value: &Value| compared().iter().any(|known| point(known) == point(value));
                let value = match &built.value {
                    Value::Array(list) => list.first(),
                    value => Some(value),
                };
                assert_eq!(known, value.is_some_and(is_compared), "{text}");
                found += usize::from(known);
            }
        }
        assert!(found > 30, "{found}");
    }
}
