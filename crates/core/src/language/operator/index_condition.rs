//! What must be true of a value for an operator to hold, in a form that the rule index can look up.
//! An index condition includes every value for which the operator holds; `exact` says whether it includes
//! no others.

use serde_json::{Number, Value};

use crate::language::operator::CaseSensitivity;
use crate::language::operator::equality::fold;
use crate::number::{double, is_integer};

/// For every value for which the operator holds, at least one of the keys is true.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexCondition {
    pub clues: Vec<IndexKey>,
    /// Whether the operator holds for every value for which one of the keys is true.
    pub exact: bool,
}

/// A property of the value at a path that an index table can look up.
#[derive(Debug, Clone, PartialEq)]
pub enum IndexKey {
    Absent,
    /// The field is in the event, null included.
    Exists,
    /// The operator `present` holds.
    Present,
    Equal(EqualityKey),
    /// A list with an element that has this key.
    Element(EqualityKey),
    /// A number, or text that is a number.
    Number(Interval),
    /// Text that is a time, in milliseconds since 1970-01-01.
    Instant(Interval),
    Text(TextPosition, TextFragment),
}

/// A key that all equal values share.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EqualityKey {
    Null,
    Bool(bool),
    /// The bits of [`key_of`].
    Number(u64),
    Text(Box<str>),
    /// Text in lower case.
    Folded(Box<str>),
    /// Any list.
    List,
    /// Any object.
    Object,
}

/// An interval of numbers that includes both ends; an open end is infinite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

/// Where a fragment must occur in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TextPosition {
    Start,
    End,
    Anywhere,
}

/// A part of a text, or of the text in lower case, as bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TextFragment {
    pub bytes: Box<[u8]>,
    pub case: CaseSensitivity,
}

impl IndexCondition {
    /// The operator holds exactly if `key` is true.
    pub fn exactly(key: IndexKey) -> Self {
        Self {
            clues: vec![key],
            exact: true,
        }
    }

    /// The operator holds only if `key` is true.
    pub fn within(key: IndexKey) -> Self {
        Self {
            clues: vec![key],
            exact: false,
        }
    }

    /// The condition of every operator that never holds for an absent field.
    pub fn exists() -> Self {
        Self::within(IndexKey::Exists)
    }

    /// The operator never holds.
    pub fn never() -> Self {
        Self {
            clues: Vec::new(),
            exact: true,
        }
    }

    /// The condition of an operator that holds if one of several conditions is true.
    pub fn any(mut parts: impl Iterator<Item = IndexCondition>) -> Self {
        let mut any = parts.next().unwrap_or_else(Self::never);
        for part in parts {
            any.clues.extend(part.clues);
            any.exact &= part.exact;
        }
        if any.clues.contains(&IndexKey::Exists) {
            any.clues = vec![IndexKey::Exists];
        }
        any
    }
}

impl EqualityKey {
    /// Returns the key of a value, and whether all values with this key are equal.
    pub fn new(value: &Value, case: CaseSensitivity) -> (Self, bool) {
        match value {
            Value::Null => (EqualityKey::Null, true),
            Value::Bool(value) => (EqualityKey::Bool(*value), true),
            Value::Number(number) => (
                EqualityKey::Number(key_of(double(number))),
                is_exact(number),
            ),
            Value::String(text) => match case {
                CaseSensitivity::Exact => (EqualityKey::Text(text.as_str().into()), true),
                CaseSensitivity::Ignored => (EqualityKey::Folded(fold(text).into()), true),
            },
            Value::Array(_) => (EqualityKey::List, false),
            Value::Object(_) => (EqualityKey::Object, false),
        }
    }
}

impl Interval {
    pub const ALL: Self = Self {
        low: f64::NEG_INFINITY,
        high: f64::INFINITY,
    };

    /// Returns the intersection of both intervals.
    pub fn meet(self, other: Self) -> Self {
        Self {
            low: self.low.max(other.low),
            high: self.high.min(other.high),
        }
    }

    pub fn is_empty(self) -> bool {
        self.low > self.high
    }
}

impl TextPosition {
    /// Returns whether the fragment occurs in the text at this position.
    pub fn holds(self, text: &str, fragment: &str) -> bool {
        match self {
            TextPosition::Start => text.starts_with(fragment),
            TextPosition::End => text.ends_with(fragment),
            TextPosition::Anywhere => text.contains(fragment),
        }
    }
}

/// Returns a key that is the same for equal numbers, such as `1` and `1.0`, given the nearest double.
pub fn key_of(double: f64) -> u64 {
    // Adding 0.0 turns -0.0 into 0.0.
    (double + 0.0).to_bits()
}

/// Returns whether comparing the nearest doubles gives the same result as comparing the numbers. Integers from
/// 2^53 on share their nearest double with others, as do numbers beyond the range of doubles.
pub fn is_exact(number: &Number) -> bool {
    const LIMIT: u64 = 1 << 53;
    if !is_integer(number) {
        return double(number).is_finite();
    }
    let size = number.as_u64().or(number.as_i64().map(i64::unsigned_abs));
    size.is_some_and(|size| size < LIMIT)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::language::operator::equality::equal;

    #[test]
    fn equal_values_share_a_key_and_an_exact_key_has_one_value() {
        let values = [
            json!(null),
            json!(0),
            json!(-0.0),
            json!(1),
            json!(1.0),
            json!(true),
            json!("1"),
            json!("A"),
            json!("a"),
            json!(9_007_199_254_740_991_u64),
            json!(9_007_199_254_740_992_u64),
            json!(9_007_199_254_740_993_u64),
            json!(9_007_199_254_740_992.0),
            json!(u64::MAX),
            json!(i64::MIN),
            serde_json::from_str("18446744073709551616").unwrap(),
            serde_json::from_str("18446744073709551617").unwrap(),
            serde_json::from_str("1e400").unwrap(),
            serde_json::from_str("1e401").unwrap(),
            json!([1]),
            json!([2]),
            json!({}),
        ];
        for case in [CaseSensitivity::Exact, CaseSensitivity::Ignored] {
            for (a, b) in values
                .iter()
                .flat_map(|a| values.iter().map(move |b| (a, b)))
            {
                let ((left, exact), (right, _)) =
                    (EqualityKey::new(a, case), EqualityKey::new(b, case));
                if equal(a, b, case) {
                    assert_eq!(left, right, "{a} {b}");
                } else if exact {
                    assert_ne!(left, right, "{a} {b}");
                }
            }
        }
    }
}
