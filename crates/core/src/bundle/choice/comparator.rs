//! Parses the name of a comparison, and reads its value.
//! Reports values of another kind.

use serde_json::Value;

use crate::bundle::choice::{Comparison, ComparisonOperand, Relation};
use crate::bundle::read::non_empty_text;
use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::decode::Decode;
use crate::document::{Entry, Node};
use crate::language::operator::time::instant;

/// A comparison's name, split into its parts.
#[derive(Debug, Clone, Copy)]
pub enum Comparator {
    Of(ComparedKind, Relation, Against),
    IsPresent,
    IsNull,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComparedKind {
    Text,
    Number,
    Time,
    Boolean,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Against {
    Value,
    Path,
}

impl Comparator {
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "IsPresent" => return Some(Self::IsPresent),
            "IsNull" => return Some(Self::IsNull),
            _ => {}
        }
        let (stem, against) = match name.strip_suffix("Path") {
            Some(stem) => (stem, Against::Path),
            None => (name, Against::Value),
        };
        let kinds = [
            ("String", ComparedKind::Text),
            ("Numeric", ComparedKind::Number),
            ("Timestamp", ComparedKind::Time),
            ("Boolean", ComparedKind::Boolean),
        ];
        let (relation, kind) = kinds
            .into_iter()
            .find_map(|(start, kind)| Some((stem.strip_prefix(start)?, kind)))?;
        let relation = match relation {
            "Equals" => Relation::Equals,
            "LessThan" => Relation::Less,
            "LessThanEquals" => Relation::LessOrEqual,
            "GreaterThan" => Relation::Greater,
            "GreaterThanEquals" => Relation::GreaterOrEqual,
            _ => return None,
        };
        let known = match (kind, relation, against) {
            (ComparedKind::Boolean, relation, _) => relation == Relation::Equals,
            (ComparedKind::Number, _, _) | (_, _, Against::Value) => true,
            (ComparedKind::Text, relation, Against::Path) => relation == Relation::Equals,
            (ComparedKind::Time, _, Against::Path) => false,
        };
        known.then_some(Self::Of(kind, relation, against))
    }

    pub fn read(self, entry: &Entry, diagnostics: &mut Diagnostics) -> Option<Comparison> {
        let (key, node) = (entry.key.as_str(), &entry.value);
        let (kind, relation, against) = match self {
            Self::IsPresent => return read_bool(node, key, diagnostics).map(Comparison::IsPresent),
            Self::IsNull => return read_bool(node, key, diagnostics).map(Comparison::IsNull),
            Self::Of(kind, relation, against) => (kind, relation, against),
        };
        let operand = match against {
            Against::Path => ComparisonOperand::Path(non_empty_text(node, key, diagnostics)?.text),
            Against::Value => ComparisonOperand::Value(value(node, key, kind, diagnostics)?),
        };
        Some(match kind {
            ComparedKind::Text => Comparison::Text(relation, operand),
            ComparedKind::Number => Comparison::Number(relation, operand),
            ComparedKind::Time => Comparison::Time(relation, operand),
            ComparedKind::Boolean => Comparison::Boolean(operand),
        })
    }
}

/// All comparisons, for suggestions.
pub const NAMES: [&str; 25] = [
    "StringEquals",
    "StringLessThan",
    "StringGreaterThan",
    "StringLessThanEquals",
    "StringGreaterThanEquals",
    "StringEqualsPath",
    "NumericEquals",
    "NumericLessThan",
    "NumericGreaterThan",
    "NumericLessThanEquals",
    "NumericGreaterThanEquals",
    "NumericEqualsPath",
    "NumericLessThanPath",
    "NumericGreaterThanPath",
    "NumericLessThanEqualsPath",
    "NumericGreaterThanEqualsPath",
    "TimestampEquals",
    "TimestampLessThan",
    "TimestampGreaterThan",
    "TimestampLessThanEquals",
    "TimestampGreaterThanEquals",
    "BooleanEquals",
    "BooleanEqualsPath",
    "IsPresent",
    "IsNull",
];

fn read_bool(node: &Node, key: &str, diagnostics: &mut Diagnostics) -> Option<bool> {
    let value = node.to_json();
    let truth = value.as_bool();
    if truth.is_none() {
        diagnostics.wrong_type(node, key, "true or false");
    }
    truth
}

/// Reads a value of the kind that the comparison takes.
fn value(
    node: &Node,
    key: &str,
    kind: ComparedKind,
    diagnostics: &mut Diagnostics,
) -> Option<Value> {
    let value = node.to_json();
    let (valid, expected, alternative) = match kind {
        ComparedKind::Text => (value.is_string(), "text", "Numeric"),
        ComparedKind::Number => (value.is_number(), "a number", "String"),
        ComparedKind::Boolean => (value.is_boolean(), "true or false", "String"),
        ComparedKind::Time => {
            let time = value.as_str().is_some_and(|text| instant(text).is_some());
            (time, "a time such as \"2026-03-02T09:41:30Z\"", "String")
        }
    };
    if valid {
        return Some(value);
    }
    let message = format!("`{key}` takes {expected}, found {}", node.kind());
    let help = match &value {
        Value::Number(_) | Value::String(_) => {
            format!("write {expected}, or compare by `{alternative}…`")
        }
        Value::Bool(_) => "to compare with true or false write `BooleanEquals`".into(),
        Value::Null => "to compare with null write `IsNull: true`".into(),
        Value::Array(_) => "ZIS compares with one value; write a choice for each".into(),
        Value::Object(_) => format!("write {expected}"),
    };
    diagnostics.error(Code::WrongType, node.at, message, &help);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suggested_name_can_be_parsed() {
        for name in NAMES {
            assert!(Comparator::parse(name).is_some(), "{name}");
        }
        for name in [
            "StringLessThanPath",
            "TimestampEqualsPath",
            "StringMatches",
            "IsString",
            "IsNumeric",
            "BooleanLessThan",
            "BooleanEqualsPathPath",
        ] {
            assert!(Comparator::parse(name).is_none(), "{name}");
        }
    }
}
