//! `matches`: the text matches a regular expression anywhere, or one of a list.
//! It refuses at load what does not compile or compiles too large; matching is linear in the text.

use std::hash::{Hash, Hasher};

use regex::RegexBuilder;
use serde_json::{Value, json};

use crate::diagnostic::{Code, Report};
use crate::document::decode::Decode;
use crate::document::{Node, Yaml};
use crate::event::catalogue::field_type::FieldType;
use crate::language::operator::index_condition::IndexCondition;
use crate::language::operator::pattern::Pattern;
use crate::language::operator::required_literals;
use crate::language::operator::text::instead;
use crate::language::operator::{
    CaseSensitivity, Example, OperandContext, Operator, OperatorImpl, OperatorSpec, Verdict,
    absent, example, words,
};
use crate::path::Resolved;
use crate::path::scope::Scope;

#[derive(Debug, Clone)]
pub struct Matches {
    pub patterns: Vec<Pattern>,
    pub case: CaseSensitivity,
}

pub const SPEC: OperatorSpec = OperatorSpec {
    name: "matches",
    summary: "The text contains a match of the regular expression, or of one in a list.",
    compares_text: true,
    parse,
    schema: || json!({"description": "A regular expression, or a list of which one must match."}),
    examples: EXAMPLES,
};

const EXAMPLES: &[Example] = &[
    example(
        "ticket.subject",
        r"{ matches: 'out(age)?\b' }",
        r#""EU outage""#,
        Verdict::Match,
    ),
    example(
        "ticket.subject",
        "{ matches: '^outage' }",
        r#""EU outage""#,
        Verdict::NoMatch,
    ),
    example(
        "ticket.subject",
        "{ matches: ['^x', 'OUTAGE$'], ignore_case: true }",
        r#""EU outage""#,
        Verdict::Match,
    ),
    example(
        "ticket.subject",
        "{ matches: '.' }",
        "null",
        Verdict::NoMatch,
    ),
    example("field", "{ matches: '7' }", "7", Verdict::WrongType),
    absent("field", "{ not: { matches: '7' } }", Verdict::Missing),
];

fn parse(node: &Node, parsing: &mut OperandContext<'_, '_>) -> Option<Operator> {
    if !parsing.applies(node, SPEC.name, FieldType::is_text, instead) {
        return None;
    }
    let nodes = match &node.value {
        Yaml::List(items) if !items.is_empty() => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut patterns = Vec::with_capacity(nodes.len());
    for node in nodes {
        patterns.push(parse_pattern(node, parsing));
    }
    let patterns = patterns.into_iter().collect::<Option<_>>()?;
    let case = parsing.case;
    Some(Operator::Matches(Matches { patterns, case }))
}

fn parse_pattern(node: &Node, parsing: &mut OperandContext<'_, '_>) -> Option<Pattern> {
    let Some(pattern) = node.as_text() else {
        parsing
            .names
            .wrong_type(node, SPEC.name, "a regular expression");
        return None;
    };
    if pattern.is_empty() {
        let help = "to test for any text write `present: true`";
        parsing.never_holds(node, "an empty pattern matches every text".into(), help);
        return None;
    }
    if pattern.contains("{{") {
        let message = format!("`{pattern}` is a template, which a condition does not render");
        let help = "write the pattern itself; to look for what another field holds write \
                    `contains: { path: ticket.id }`";
        parsing
            .names
            .error(Code::InvalidValue, node.at, message, help);
        return None;
    }
    match parsing.names.interner.patterns.share(pattern, parsing.case) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            let (message, help) = explain(pattern, &error);
            parsing.names.error(Code::BadRegex, node.at, message, help);
            None
        }
    }
}

fn explain(pattern: &str, error: &regex::Error) -> (String, &'static str) {
    if matches!(error, regex::Error::CompiledTooBig(_)) {
        let message = "this regular expression is too large when compiled".into();
        return (
            message,
            "lower the counts in `{…}`, or use `contains` with a list",
        );
    }
    let text = error.to_string();
    let reason = text.lines().last().unwrap_or_default();
    let reason = reason.trim().trim_start_matches("error: ");
    let help = if pattern.contains("(?=") || pattern.contains("(?!") || pattern.contains("(?<") {
        "look-around is not supported; use a second predicate, or `not: { matches: … }`"
    } else {
        "put the pattern in single quotes, and write `\\` before a literal . ( ) [ ] { } + * ? | ^ $"
    };
    (format!("not a regular expression: {reason}"), help)
}

/// Patterns are equal as they are written.
impl PartialEq for Matches {
    fn eq(&self, other: &Self) -> bool {
        self.case == other.case && self.written().eq(other.written())
    }
}

impl Eq for Matches {}

impl Hash for Matches {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.case.hash(state);
        self.written().for_each(|pattern| pattern.hash(state));
    }
}

impl Matches {
    fn written(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().map(Pattern::as_str)
    }

    fn narrowing_by(&self, pattern: &str) -> IndexCondition {
        match required_literals::clues(pattern, self.case) {
            Some(clues) => IndexCondition {
                clues,
                exact: false,
            },
            None => IndexCondition::standing(),
        }
    }
}

impl OperatorImpl for Matches {
    fn test(&self, value: &Value, _: &Scope<'_>) -> Verdict {
        match value {
            Value::String(text) => Verdict::of(self.patterns.iter().any(|p| p.is_match(text))),
            Value::Null => Verdict::NoMatch,
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                Verdict::WrongType
            }
        }
    }

    fn narrowings(&self) -> Vec<IndexCondition> {
        let parts = self.written();
        vec![IndexCondition::any(
            parts.map(|part| self.narrowing_by(part)),
        )]
    }

    fn want(&self, _: &Scope<'_>) -> String {
        let flag = match self.case {
            CaseSensitivity::Exact => "",
            CaseSensitivity::Ignored => "i",
        };
        let patterns = self
            .patterns
            .iter()
            .map(|p| format!("/{}/{flag}", p.as_str()));
        patterns.collect::<Vec<_>>().join(" | ")
    }

    fn hint(&self, found: &Resolved<'_>, _: &Scope<'_>) -> Option<String> {
        match found.values() {
            [Value::String(text)] => {
                let near = self.patterns.iter().any(|pattern| {
                    let loose = RegexBuilder::new(pattern.as_str())
                        .case_insensitive(true)
                        .build();
                    loose.is_ok_and(|loose| loose.is_match(text))
                });
                near.then(|| "differs only in letter case; `ignore_case: true` ignores it".into())
            }
            [Value::Null] | [] => None,
            [value] => Some(format!("the value is not text but {}", words(value))),
            _ => None,
        }
    }
}
