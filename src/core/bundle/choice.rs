//! One way out of a `Choice` state: the tests that ZIS has, over values of the document.
//! It refuses the tests that Amazon's language has and ZIS has not, with the list of those it has.

use serde_json::Value;

use crate::core::bundle::Word;
use crate::core::bundle::keys::{CHOICE, TEST};
use crate::core::bundle::read::{check_keys, map, word};
use crate::core::diagnostic::{Code, Position};
use crate::core::rule::document::{Entry, Node};
use crate::core::rule::lowering::Lowering;
use crate::core::rule::synonyms;

#[derive(Debug, Clone)]
pub struct Choice {
    pub at: Position,
    pub test: Test,
    pub next: Word,
}

#[derive(Debug, Clone)]
pub enum Test {
    And(Vec<Test>),
    Or(Vec<Test>),
    Not(Box<Test>),
    One {
        variable: Word,
        comparison: Comparison,
        /// Where what it is compared with stands.
        at: Position,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub enum Comparison {
    Text(Relation, Operand),
    Number(Relation, Operand),
    Time(Relation, Operand),
    Boolean(Operand),
    IsPresent(bool),
    IsNull(bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    Equals,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What a value is compared with: a value of the right kind, or a path into the document.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    Value(Value),
    Path(String),
}

/// The names of all comparisons, for messages.
pub const COMPARISONS: &str = "StringEquals, StringLessThan, StringGreaterThan, StringLessThanEquals, \
    StringGreaterThanEquals, the same with Numeric and Timestamp, BooleanEquals, IsPresent, IsNull, \
    and StringEqualsPath, BooleanEqualsPath and the five Numeric…Path";

/// One of `Choices`.
pub fn read(node: &Node, cx: &mut Lowering<'_>) -> Option<Choice> {
    let entries = map(node, "a choice", cx)?;
    let next = match node.get("Next") {
        Some(next) => word(next, "Next", cx),
        None => {
            let help = "add `Next` with the state that follows where this holds";
            cx.error(Code::MissingKey, node.at, "this choice has no `Next`", help);
            None
        }
    };
    let test = read_test(node, entries, Place::Top, cx);
    Some(Choice {
        at: node.at,
        test: test?,
        next: next?,
    })
}

/// Whether a test is a choice itself, which leads on, or stands within one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Top,
    Within,
}

fn read_test(node: &Node, entries: &[Entry], place: Place, cx: &mut Lowering<'_>) -> Option<Test> {
    let tests: Vec<&Entry> = entries.iter().filter(|entry| is_test(&entry.key)).collect();
    let sound = check_others(entries, place, cx);
    match tests.as_slice() {
        [] => {
            // What an unknown key was meant as is told already.
            if sound {
                let help = format!("compare it: {COMPARISONS}; or join tests by And, Or, Not");
                cx.error(
                    Code::MissingKey,
                    node.at,
                    "this choice tests nothing",
                    &help,
                );
            }
            None
        }
        [test] => {
            let test = read_one(node, test, cx);
            test.filter(|_| sound)
        }
        [first, second, ..] => {
            let message = format!(
                "a choice makes one test, this one has `{}` and `{}`",
                first.key, second.key
            );
            let help = "join them: `And: [{ Variable: …, … }, { Variable: …, … }]`";
            cx.error(Code::InvalidValue, second.key_at, message, help);
            None
        }
    }
}

fn is_test(key: &str) -> bool {
    matches!(key, "And" | "Or" | "Not") || Comparator::parse(key).is_some()
}

/// Reports keys that are no part of a choice.
fn check_others(entries: &[Entry], place: Place, cx: &mut Lowering<'_>) -> bool {
    let mut sound = true;
    for entry in entries.iter().filter(|entry| !is_test(&entry.key)) {
        let key = entry.key.as_str();
        match (key, place) {
            ("Variable" | "Comment", _) | ("Next", Place::Top) => continue,
            ("Next", Place::Within) => {
                let help = "take it out: the `Next` of the whole choice counts";
                cx.error(
                    Code::UnknownKey,
                    entry.key_at,
                    "`Next` cannot stand inside of a test",
                    help,
                );
            }
            _ => unknown(entry, place, cx),
        }
        sound = false;
    }
    sound
}

fn unknown(entry: &Entry, place: Place, cx: &mut Lowering<'_>) {
    let key = entry.key.as_str();
    let comparing = ["String", "Numeric", "Timestamp", "Boolean", "Is"];
    if comparing.iter().any(|start| key.starts_with(start)) {
        let message = format!("ZIS has no comparison `{key}`");
        if let Some(help) = foreign(key) {
            cx.error(Code::UnknownOperator, entry.key_at, message, help);
            return;
        }
        let near = synonyms::nearest(key, NAMES.into_iter());
        let near = near
            .map(|near| format!("did you mean `{near}`? "))
            .unwrap_or_default();
        let help = format!("{near}it has {COMPARISONS}");
        cx.error(Code::UnknownOperator, entry.key_at, message, &help);
        return;
    }
    let words = match place {
        Place::Top => &CHOICE,
        Place::Within => &TEST,
    };
    check_keys(std::slice::from_ref(entry), words, cx);
}

/// What to do where Amazon's language has a comparison that ZIS has not.
fn foreign(key: &str) -> Option<&'static str> {
    Some(match key {
        "StringMatches" => {
            "it has no patterns: join a `StringEquals` for each spelling by `Or`, or let a jq transform `test` it before"
        }
        "IsString" | "IsNumeric" | "IsBoolean" | "IsTimestamp" => {
            "let a jq transform give the type before: `.value | type`"
        }
        _ if key.ends_with("Path") && NAMES.contains(&key.trim_end_matches("Path")) => {
            "of those with a path it has StringEqualsPath, BooleanEqualsPath and the five Numeric…Path; let a jq transform compare before"
        }
        _ => return None,
    })
}

fn read_one(node: &Node, entry: &Entry, cx: &mut Lowering<'_>) -> Option<Test> {
    match entry.key.as_str() {
        "And" => read_several(&entry.value, "And", cx).map(Test::And),
        "Or" => read_several(&entry.value, "Or", cx).map(Test::Or),
        "Not" => {
            let entries = map(&entry.value, "`Not`", cx)?;
            let test = read_test(&entry.value, entries, Place::Within, cx)?;
            Some(Test::Not(Box::new(test)))
        }
        _ => read_comparison(node, entry, cx),
    }
}

fn read_several(node: &Node, key: &str, cx: &mut Lowering<'_>) -> Option<Vec<Test>> {
    let Some(items) = node.as_list().filter(|items| !items.is_empty()) else {
        let message = format!("`{key}` takes a list of tests, found {}", node.kind());
        cx.error(
            Code::WrongType,
            node.at,
            message,
            "write at least one test into it",
        );
        return None;
    };
    let tests: Vec<Option<Test>> = items
        .iter()
        .map(|item| {
            let entries = map(item, "a test", cx)?;
            read_test(item, entries, Place::Within, cx)
        })
        .collect();
    tests.into_iter().collect()
}

fn read_comparison(node: &Node, entry: &Entry, cx: &mut Lowering<'_>) -> Option<Test> {
    let comparator = Comparator::parse(&entry.key)?;
    let variable = match node.get("Variable") {
        Some(variable) => word(variable, "Variable", cx),
        None => {
            let message = format!("`{}` stands without a `Variable`", entry.key);
            let help = "add `Variable` with the path to compare: `$.input.ticket_event.current`";
            cx.error(Code::MissingKey, node.at, message, help);
            None
        }
    };
    let comparison = comparator.read(entry, cx);
    Some(Test::One {
        variable: variable?,
        comparison: comparison?,
        at: entry.value.at,
    })
}

/// A comparison's name in its parts.
#[derive(Debug, Clone, Copy)]
enum Comparator {
    Of(Sort, Relation, Against),
    IsPresent,
    IsNull,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Text,
    Number,
    Time,
    Boolean,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Against {
    Value,
    Path,
}

impl Comparator {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "IsPresent" => return Some(Self::IsPresent),
            "IsNull" => return Some(Self::IsNull),
            _ => {}
        }
        let (stem, against) = match name.strip_suffix("Path") {
            Some(stem) => (stem, Against::Path),
            None => (name, Against::Value),
        };
        let sorts = [
            ("String", Sort::Text),
            ("Numeric", Sort::Number),
            ("Timestamp", Sort::Time),
            ("Boolean", Sort::Boolean),
        ];
        let (relation, sort) = sorts
            .into_iter()
            .find_map(|(start, sort)| Some((stem.strip_prefix(start)?, sort)))?;
        let relation = match relation {
            "Equals" => Relation::Equals,
            "LessThan" => Relation::Less,
            "LessThanEquals" => Relation::LessOrEqual,
            "GreaterThan" => Relation::Greater,
            "GreaterThanEquals" => Relation::GreaterOrEqual,
            _ => return None,
        };
        let known = match (sort, relation, against) {
            (Sort::Boolean, relation, _) => relation == Relation::Equals,
            (Sort::Number, _, _) | (_, _, Against::Value) => true,
            (Sort::Text, relation, Against::Path) => relation == Relation::Equals,
            (Sort::Time, _, Against::Path) => false,
        };
        known.then_some(Self::Of(sort, relation, against))
    }

    fn read(self, entry: &Entry, cx: &mut Lowering<'_>) -> Option<Comparison> {
        let (key, node) = (entry.key.as_str(), &entry.value);
        let (sort, relation, against) = match self {
            Self::IsPresent => return truth(node, key, cx).map(Comparison::IsPresent),
            Self::IsNull => return truth(node, key, cx).map(Comparison::IsNull),
            Self::Of(sort, relation, against) => (sort, relation, against),
        };
        let operand = match against {
            Against::Path => Operand::Path(word(node, key, cx)?.text),
            Against::Value => Operand::Value(value(node, key, sort, cx)?),
        };
        Some(match sort {
            Sort::Text => Comparison::Text(relation, operand),
            Sort::Number => Comparison::Number(relation, operand),
            Sort::Time => Comparison::Time(relation, operand),
            Sort::Boolean => Comparison::Boolean(operand),
        })
    }
}

const NAMES: [&str; 25] = [
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

fn truth(node: &Node, key: &str, cx: &mut Lowering<'_>) -> Option<bool> {
    let value = node.to_json();
    let truth = value.as_bool();
    if truth.is_none() {
        cx.wrong_type(node, key, "true or false");
    }
    truth
}

/// A value of the kind that the comparison takes.
fn value(node: &Node, key: &str, sort: Sort, cx: &mut Lowering<'_>) -> Option<Value> {
    use crate::core::rule::operator::instant::instant;

    let value = node.to_json();
    let (fits, wanted, meant) = match sort {
        Sort::Text => (value.is_string(), "text", "Numeric"),
        Sort::Number => (value.is_number(), "a number", "String"),
        Sort::Boolean => (value.is_boolean(), "true or false", "String"),
        Sort::Time => {
            let time = value.as_str().is_some_and(|text| instant(text).is_some());
            (time, "a time such as \"2026-03-02T09:41:30Z\"", "String")
        }
    };
    if fits {
        return Some(value);
    }
    let message = format!("`{key}` takes {wanted}, found {}", node.kind());
    let help = match &value {
        Value::Number(_) | Value::String(_) => format!("write {wanted}, or compare by `{meant}…`"),
        Value::Bool(_) => "to compare with true or false write `BooleanEquals`".into(),
        Value::Null => "to compare with null write `IsNull: true`".into(),
        Value::Array(_) => "ZIS compares with one value; write a choice for each".into(),
        Value::Object(_) => format!("write {wanted}"),
    };
    cx.error(Code::WrongType, node.at, message, &help);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_for_messages_are_the_names_that_are_read() {
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
