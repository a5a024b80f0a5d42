//! The file of expectations of a backtest: how many runs each rule has, exactly or within limits.

use serde_json::{Value, json};

use crate::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Report, Span};
use crate::document::decode::Decode;
use crate::document::vocabulary::{Vocabulary, words};
use crate::document::{self, Node, Yaml};

/// The expectations of a file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunExpectations {
    pub rules: Vec<ExpectedRule>,
    pub others: OtherRules,
}

/// What one rule is expected to do.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpectedRule {
    pub name: String,
    /// The location of the name.
    pub at: Span,
    pub counts: Vec<ExpectedCount>,
}

/// An expected number of runs.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpectedCount {
    pub counted: CountedRuns,
    pub range: CountRange,
    pub at: Span,
}

/// What is counted of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountedRuns {
    Runs,
    New,
    Gone,
    Same,
    KeptBack,
}

/// From the least to the most number, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountRange {
    pub at_least: u64,
    /// `None` if there is no limit.
    pub at_most: Option<u64>,
}

/// What is expected of rules that the file does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OtherRules {
    #[default]
    Any,
    /// No new and no gone runs.
    Unchanged,
}

pub const EXPECTED_RUNS: Vocabulary = Vocabulary {
    name: "the expectations of a backtest",
    words: words! {
        "rules" rules => "The expectation of each rule, by its name: the number of its runs, or a mapping.";
        "others" others => "What is expected of all other rules: `any`, or `unchanged` for no new and no gone runs. Default: `any`.";
    },
};

pub const EXPECTED_RULE: Vocabulary = Vocabulary {
    name: "the expectation of a rule",
    words: words! {
        "runs" count => "The number of runs: a number, or `at_least` and `at_most`.";
        "new" count => "The number of runs that there were not before.";
        "gone" count => "The number of runs that there are no more.";
        "same" count => "The number of runs that there were before, too.";
        "kept_back" count => "The number of matches that gates stop.";
    },
};

pub const EXPECTED_COUNT: Vocabulary = Vocabulary {
    name: "an expected number",
    words: words! {
        "at_least" number => "The least number, included.";
        "at_most" number => "The most number, included.";
    },
};

const MOST: u64 = 1 << 40;

fn number() -> Value {
    json!({"type": "integer", "minimum": 0})
}

fn count() -> Value {
    json!({"oneOf": [number(), EXPECTED_COUNT.schema(&[])]})
}

fn rules() -> Value {
    let rule = json!({"oneOf": [number(), EXPECTED_RULE.schema(&[])]});
    json!({"type": "object", "additionalProperties": rule})
}

fn others() -> Value {
    json!({"enum": ["any", "unchanged"]})
}

impl CountedRuns {
    pub const ALL: [CountedRuns; 5] = [
        CountedRuns::Runs,
        CountedRuns::New,
        CountedRuns::Gone,
        CountedRuns::Same,
        CountedRuns::KeptBack,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            CountedRuns::Runs => "runs",
            CountedRuns::New => "new",
            CountedRuns::Gone => "gone",
            CountedRuns::Same => "same",
            CountedRuns::KeptBack => "kept_back",
        }
    }
}

impl CountRange {
    pub fn contains(&self, count: u64) -> bool {
        count >= self.at_least && self.at_most.is_none_or(|most| count <= most)
    }

    /// As a person says it: `3`, `at least 3`, `3 to 5`.
    pub fn describe(&self) -> String {
        match (self.at_least, self.at_most) {
            (least, Some(most)) if least == most => least.to_string(),
            (0, Some(most)) => format!("at most {most}"),
            (least, Some(most)) => format!("{least} to {most}"),
            (least, None) => format!("at least {least}"),
        }
    }
}

impl RunExpectations {
    /// Reads a file. Mistakes are reported.
    pub fn read(file: FileId, text: &str, diagnostics: &mut Diagnostics) -> Self {
        let mut expected = Self::default();
        let documents = document::read(file, text, diagnostics);
        let Some(node) = documents.first() else {
            if !diagnostics.has_errors() {
                let at = Span {
                    file,
                    line: 1,
                    column: 1,
                    ..Span::default()
                };
                let empty = Diagnostic::error(Code::MissingKey, at, "the file expects nothing");
                diagnostics.push(empty.help("write `rules:` with the number of runs of each rule"));
            }
            return expected;
        };
        if diagnostics.entries(node, &EXPECTED_RUNS).is_none() {
            return expected;
        }
        expected.others = node
            .get("others")
            .and_then(|node| others_of(node, diagnostics))
            .unwrap_or_default();
        let Some(rules) = node.get("rules") else {
            return expected;
        };
        let Some(entries) = rules.as_map() else {
            diagnostics.wrong_type(rules, "rules", "a mapping of rules");
            return expected;
        };
        for entry in entries {
            expected.rules.push(ExpectedRule {
                name: entry.key.clone(),
                at: entry.key_at,
                counts: counts(&entry.key, &entry.value, diagnostics),
            });
        }
        expected
    }
}

fn others_of(node: &Node, diagnostics: &mut Diagnostics) -> Option<OtherRules> {
    match node.as_text() {
        Some("any") => Some(OtherRules::Any),
        Some("unchanged") => Some(OtherRules::Unchanged),
        Some(_) | None => diagnostics.reject_type(node, "others", "`any` or `unchanged`"),
    }
}

fn counts(name: &str, node: &Node, diagnostics: &mut Diagnostics) -> Vec<ExpectedCount> {
    if let Yaml::Number(_) = node.value {
        let count = expected(name, CountedRuns::Runs, node, diagnostics);
        return count.into_iter().collect();
    }
    if diagnostics.entries(node, &EXPECTED_RULE).is_none() {
        return Vec::new();
    }
    let counts = CountedRuns::ALL.into_iter().filter_map(|counted| {
        let key = counted.as_str();
        expected(key, counted, node.get(key)?, diagnostics)
    });
    counts.collect()
}

fn expected(
    key: &str,
    counted: CountedRuns,
    node: &Node,
    diagnostics: &mut Diagnostics,
) -> Option<ExpectedCount> {
    let range = match &node.value {
        Yaml::Map(_) => {
            diagnostics.entries(node, &EXPECTED_COUNT)?;
            let mut limit = |key| diagnostics.whole_number(node.get(key)?, key, 0..=MOST);
            CountRange {
                at_least: limit("at_least").unwrap_or_default(),
                at_most: limit("at_most"),
            }
        }
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) | Yaml::List(_) => {
            let exactly = diagnostics.whole_number(node, key, 0..=MOST)?;
            CountRange {
                at_least: exactly,
                at_most: Some(exactly),
            }
        }
    };
    if range.at_most.is_some_and(|most| most < range.at_least) {
        let message = format!("no number is within the limits of `{key}`");
        let help = "write an `at_most` that is not less than `at_least`";
        return diagnostics.reject_value(node.at, message, help);
    }
    Some(ExpectedCount {
        counted,
        range,
        at: node.at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (RunExpectations, Vec<String>) {
        let mut diagnostics = Diagnostics::default();
        let expected = RunExpectations::read(FileId::default(), text, &mut diagnostics);
        let found = diagnostics.sorted().into_iter();
        let messages = found.map(|found| found.message.clone()).collect();
        (expected, messages)
    }

    #[test]
    fn counts_are_exact_or_within_limits() {
        let text = "rules:\n  page: 3\n  note: { runs: { at_least: 2 }, gone: 0, new: { at_most: 4 } }\nothers: unchanged\n";
        let (expected, messages) = read(text);
        assert!(messages.is_empty(), "{messages:?}");
        assert_eq!(expected.others, OtherRules::Unchanged);
        let described = |rule: &ExpectedRule| {
            let counts = rule.counts.iter();
            let counts = counts
                .map(|count| format!("{} {}", count.counted.as_str(), count.range.describe()));
            counts.collect::<Vec<_>>()
        };
        assert_eq!(described(&expected.rules[0]), ["runs 3"]);
        assert_eq!(
            described(&expected.rules[1]),
            ["runs at least 2", "new at most 4", "gone 0"]
        );
        let new = &expected.rules[1].counts[1].range;
        assert!(new.contains(0) && new.contains(4) && !new.contains(5));
    }

    #[test]
    fn mistakes_are_reported() {
        for (text, message) in [
            ("", "the file expects nothing"),
            (
                "rule: {}",
                "unknown key `rule` in the expectations of a backtest",
            ),
            (
                "rules: { page: -1 }",
                "`page` takes a whole number from 0 to 1099511627776",
            ),
            (
                "rules: { page: { runs: { at_least: 3, at_most: 2 } } }",
                "no number is within the limits of `runs`",
            ),
            (
                "rules: { page: few }",
                "the expectation of a rule takes a mapping, found text",
            ),
            (
                "others: none",
                "`others` takes `any` or `unchanged`, found text",
            ),
        ] {
            let (_, messages) = read(text);
            assert_eq!(messages, [message], "{text}");
        }
    }
}
