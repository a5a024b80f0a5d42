//! Reads one entry of `Choices`: a test of values of the document, and the next state.
//! Reports tests of the Amazon States Language that ZIS does not have.

pub(crate) mod comparator;

use serde_json::Value;

use crate::bundle::SpannedText;
use crate::bundle::choice::comparator::{Comparator, NAMES};
use crate::bundle::read::{check_keys, map, non_empty_text};
use crate::bundle::vocabulary::{CHOICE, TEST};
use crate::diagnostic::{Code, Diagnostics, Report, Span};
use crate::document::suggest;
use crate::document::{Entry, Node};

#[derive(Debug, Clone)]
pub struct ChoiceRule {
    pub at: Span,
    pub test: ChoiceTest,
    pub next: SpannedText,
}

#[derive(Debug, Clone)]
pub enum ChoiceTest {
    And(Vec<ChoiceTest>),
    Or(Vec<ChoiceTest>),
    Not(Box<ChoiceTest>),
    One {
        variable: SpannedText,
        comparison: Comparison,
        /// The location of the value or path that it compares with.
        at: Span,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub enum Comparison {
    Text(Relation, ComparisonOperand),
    Number(Relation, ComparisonOperand),
    Time(Relation, ComparisonOperand),
    Boolean(ComparisonOperand),
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

/// The operand of a comparison: a value of the right kind, or a path into the document.
#[derive(Debug, Clone, PartialEq)]
pub enum ComparisonOperand {
    Value(Value),
    Path(String),
}

/// The names of all comparisons, for messages.
pub const COMPARISONS: &str = "StringEquals, StringLessThan, StringGreaterThan, StringLessThanEquals, \
    StringGreaterThanEquals, the same with Numeric and Timestamp, BooleanEquals, IsPresent, IsNull, \
    and StringEqualsPath, BooleanEqualsPath and the five Numeric…Path";

/// Reads one entry of `Choices`.
pub fn read(node: &Node, diagnostics: &mut Diagnostics) -> Option<ChoiceRule> {
    let entries = map(node, "a choice", diagnostics)?;
    let next = match node.get("Next") {
        Some(next) => non_empty_text(next, "Next", diagnostics),
        None => {
            let help = "add `Next` with the state to run if this test holds";
            diagnostics.error(Code::MissingKey, node.at, "this choice has no `Next`", help);
            None
        }
    };
    let test = read_test(node, entries, TestPosition::Top, diagnostics);
    Some(ChoiceRule {
        at: node.at,
        test: test?,
        next: next?,
    })
}

/// Whether a test is an entry of `Choices`, which has a `Next`, or nested in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TestPosition {
    Top,
    Nested,
}

fn read_test(
    node: &Node,
    entries: &[Entry],
    position: TestPosition,
    diagnostics: &mut Diagnostics,
) -> Option<ChoiceTest> {
    let tests: Vec<&Entry> = entries.iter().filter(|entry| is_test(&entry.key)).collect();
    let valid = check_others(entries, position, diagnostics);
    match tests.as_slice() {
        [] => {
            // An unknown key, which may be meant as a test, is already reported.
            if valid {
                let help = format!("compare it: {COMPARISONS}; or combine tests with And, Or, Not");
                diagnostics.error(Code::MissingKey, node.at, "this choice has no test", &help);
            }
            None
        }
        [test] => {
            let test = read_one(node, test, diagnostics);
            test.filter(|_| valid)
        }
        [first, second, ..] => {
            let message = format!(
                "a choice must have exactly one test, found `{}` and `{}`",
                first.key, second.key
            );
            let help = "combine them: `And: [{ Variable: …, … }, { Variable: …, … }]`";
            diagnostics.error(Code::InvalidValue, second.key_at, message, help);
            None
        }
    }
}

fn is_test(key: &str) -> bool {
    matches!(key, "And" | "Or" | "Not") || Comparator::parse(key).is_some()
}

/// Reports keys that a choice does not have. Returns whether there are none.
fn check_others(entries: &[Entry], position: TestPosition, diagnostics: &mut Diagnostics) -> bool {
    let mut valid = true;
    for entry in entries.iter().filter(|entry| !is_test(&entry.key)) {
        let key = entry.key.as_str();
        match (key, position) {
            ("Variable" | "Comment", _) | ("Next", TestPosition::Top) => continue,
            ("Next", TestPosition::Nested) => {
                let help = "remove it: the `Next` of the choice applies";
                diagnostics.error(
                    Code::UnknownKey,
                    entry.key_at,
                    "`Next` is not allowed in a nested test",
                    help,
                );
            }
            _ => report_unknown(entry, position, diagnostics),
        }
        valid = false;
    }
    valid
}

fn report_unknown(entry: &Entry, position: TestPosition, diagnostics: &mut Diagnostics) {
    let key = entry.key.as_str();
    let comparing = ["String", "Numeric", "Timestamp", "Boolean", "Is"];
    if comparing.iter().any(|start| key.starts_with(start)) {
        let message = format!("ZIS has no comparison `{key}`");
        if let Some(help) = replacement_help(key) {
            diagnostics.error(Code::UnknownOperator, entry.key_at, message, help);
            return;
        }
        let near = suggest::nearest(key, NAMES.into_iter());
        let near = near
            .map(|near| format!("did you mean `{near}`? "))
            .unwrap_or_default();
        let help = format!("{near}it has {COMPARISONS}");
        diagnostics.error(Code::UnknownOperator, entry.key_at, message, &help);
        return;
    }
    let keys = match position {
        TestPosition::Top => &CHOICE,
        TestPosition::Nested => &TEST,
    };
    check_keys(std::slice::from_ref(entry), keys, diagnostics);
}

/// Returns the help for a comparison of the Amazon States Language that ZIS does not have.
fn replacement_help(key: &str) -> Option<&'static str> {
    Some(match key {
        "StringMatches" => {
            "it has no patterns: combine `StringEquals` tests with `Or`, or use `test` in an earlier jq transform"
        }
        "IsString" | "IsNumeric" | "IsBoolean" | "IsTimestamp" => {
            "compute the type in an earlier jq transform: `.value | type`"
        }
        _ if key.ends_with("Path") && NAMES.contains(&key.trim_end_matches("Path")) => {
            "of those with a path it has StringEqualsPath, BooleanEqualsPath and the five Numeric…Path; compare in an earlier jq transform"
        }
        _ => return None,
    })
}

fn read_one(node: &Node, entry: &Entry, diagnostics: &mut Diagnostics) -> Option<ChoiceTest> {
    match entry.key.as_str() {
        "And" => read_several(&entry.value, "And", diagnostics).map(ChoiceTest::And),
        "Or" => read_several(&entry.value, "Or", diagnostics).map(ChoiceTest::Or),
        "Not" => {
            let entries = map(&entry.value, "`Not`", diagnostics)?;
            let test = read_test(&entry.value, entries, TestPosition::Nested, diagnostics)?;
            Some(ChoiceTest::Not(Box::new(test)))
        }
        _ => read_comparison(node, entry, diagnostics),
    }
}

fn read_several(node: &Node, key: &str, diagnostics: &mut Diagnostics) -> Option<Vec<ChoiceTest>> {
    let Some(items) = node.as_list().filter(|items| !items.is_empty()) else {
        let message = format!("`{key}` takes a list of tests, found {}", node.kind());
        diagnostics.error(
            Code::WrongType,
            node.at,
            message,
            "write at least one test into it",
        );
        return None;
    };
    let tests: Vec<Option<ChoiceTest>> = items
        .iter()
        .map(|item| {
            let entries = map(item, "a test", diagnostics)?;
            read_test(item, entries, TestPosition::Nested, diagnostics)
        })
        .collect();
    tests.into_iter().collect()
}

fn read_comparison(
    node: &Node,
    entry: &Entry,
    diagnostics: &mut Diagnostics,
) -> Option<ChoiceTest> {
    let comparator = Comparator::parse(&entry.key)?;
    let variable = match node.get("Variable") {
        Some(variable) => non_empty_text(variable, "Variable", diagnostics),
        None => {
            let message = format!("`{}` has no `Variable`", entry.key);
            let help = "add `Variable` with the path to compare: `$.input.ticket_event.current`";
            diagnostics.error(Code::MissingKey, node.at, message, help);
            None
        }
    };
    let comparison = comparator.read(entry, diagnostics);
    Some(ChoiceTest::One {
        variable: variable?,
        comparison: comparison?,
        at: entry.value.at,
    })
}
