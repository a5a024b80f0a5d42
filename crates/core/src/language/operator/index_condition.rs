//! What a value must be so that an operator can hold for it: the ground on which rules are found.
//! It never leaves out a value for which the operator holds; whether it lets others in, it says.

use serde_json::{Number, Value};

use crate::language::operator::CaseSensitivity;
use crate::language::operator::equality::fold;

/// Any of these clues is true of every value for which the operator holds.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexCondition {
    pub clues: Vec<IndexKey>,
    /// Whether the operator holds wherever one of the clues is true.
    pub exact: bool,
}

/// Something about what stands at a path that can be looked up.
#[derive(Debug, Clone, PartialEq)]
pub enum IndexKey {
    Absent,
    /// Something stands there, null included.
    Standing,
    /// What `present` asks for.
    Present,
    Equal(EqualityKey),
    /// A list with such an element.
    Element(EqualityKey),
    /// A number, or text that is read as one.
    Number(Interval),
    /// Text that is a time, in milliseconds since 1970.
    Instant(Interval),
    Text(TextPosition, TextFragment),
}

/// Values that are looked up together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EqualityKey {
    Null,
    Bool(bool),
    /// The bits of [`key_of`].
    Number(u64),
    Text(Box<str>),
    /// Text without its case.
    Folded(Box<str>),
    /// Any list.
    List,
    /// Any object.
    Object,
}

/// Both ends are included; infinite where it is open.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

/// Where in a text a piece of it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TextPosition {
    Start,
    End,
    Anywhere,
}

/// A piece of text as bytes: of the text, or of the text without its case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TextFragment {
    pub bytes: Box<[u8]>,
    pub case: CaseSensitivity,
}

impl IndexCondition {
    pub fn exactly(clue: IndexKey) -> Self {
        Self {
            clues: vec![clue],
            exact: true,
        }
    }

    pub fn within(clue: IndexKey) -> Self {
        Self {
            clues: vec![clue],
            exact: false,
        }
    }

    /// What every operator has that is never true of an absent field.
    pub fn standing() -> Self {
        Self::within(IndexKey::Standing)
    }

    /// The operator holds for nothing.
    pub fn never() -> Self {
        Self {
            clues: Vec::new(),
            exact: true,
        }
    }

    /// For an operator that holds where one of several does.
    pub fn any(parts: impl Iterator<Item = IndexCondition>) -> Self {
        let mut any = Self::never();
        for part in parts {
            any.clues.extend(part.clues);
            any.exact &= part.exact;
        }
        if any.clues.contains(&IndexKey::Standing) {
            any.clues = vec![IndexKey::Standing];
        }
        any
    }
}

impl EqualityKey {
    /// The point of a value, and whether all that share it are equal to the value.
    pub fn of(value: &Value, case: CaseSensitivity) -> (Self, bool) {
        match value {
            Value::Null => (EqualityKey::Null, true),
            Value::Bool(value) => (EqualityKey::Bool(*value), true),
            Value::Number(number) => (EqualityKey::Number(key_of(number)), is_exact(number)),
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

    /// What lies in both.
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
    pub fn holds(self, text: &str, piece: &str) -> bool {
        match self {
            TextPosition::Start => text.starts_with(piece),
            TextPosition::End => text.ends_with(piece),
            TextPosition::Anywhere => text.contains(piece),
        }
    }
}

/// Equal for numbers that are equal, however they are written.
pub fn key_of(number: &Number) -> u64 {
    // Zero has two signs, and they are equal.
    (nearest(number) + 0.0).to_bits()
}

/// The number itself, or the nearest to it that has this form.
pub fn nearest(number: &Number) -> f64 {
    number.as_f64().expect("a JSON number has a nearest float")
}

/// Whether numbers compare with this one as their nearest forms do: from 2^53 on, whole numbers share
/// theirs with others.
pub fn is_exact(number: &Number) -> bool {
    const LIMIT: u64 = 1 << 53;
    if number.is_f64() {
        return true;
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
    fn equal_values_have_one_point_and_an_exact_point_one_value() {
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
                    (EqualityKey::of(a, case), EqualityKey::of(b, case));
                if equal(a, b, case) {
                    assert_eq!(left, right, "{a} {b}");
                } else if exact {
                    assert_ne!(left, right, "{a} {b}");
                }
            }
        }
    }
}
