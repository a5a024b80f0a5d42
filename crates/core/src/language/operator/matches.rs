//! The operator `matches`: the text contains a match of a regular expression, or of one of a list.
//! Reports expressions that are invalid or too large when compiled. Matching time is linear in the text.

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
    examples, format_value, one_or_list,
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

const EXAMPLES: &[Example] = examples! {
    "ticket.subject", r"{ matches: 'out(age)?\b' }", r#""EU outage""# => Match;
    "ticket.subject", "{ matches: '^outage' }", r#""EU outage""# => NoMatch;
    "ticket.subject", "{ matches: ['^x', 'OUTAGE$'], ignore_case: true }", r#""EU outage""# => Match;
    "ticket.subject", "{ matches: '.' }", "null" => NoMatch;
    "field", "{ matches: '7' }", "7" => WrongType;
    "field", "{ not: { matches: '7' } }", absent => Missing;
};

fn parse(node: &Node, context: &mut OperandContext<'_, '_>) -> Option<Operator> {
    if !context.applies(node, SPEC.name, FieldType::is_text, instead) {
        return None;
    }
    let nodes = match &node.value {
        Yaml::List(items) if !items.is_empty() => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut patterns = Vec::with_capacity(nodes.len());
    for node in nodes {
        patterns.push(parse_pattern(node, context));
    }
    let patterns = patterns.into_iter().collect::<Option<_>>()?;
    let case = context.case;
    Some(Operator::Matches(Matches { patterns, case }))
}

fn parse_pattern(node: &Node, context: &mut OperandContext<'_, '_>) -> Option<Pattern> {
    let Some(pattern) = node.as_text() else {
        return context
            .names
            .reject_type(node, SPEC.name, "a regular expression");
    };
    if pattern.is_empty() {
        let help = "to test for any text write `present: true`";
        if !context.never_holds(node, "an empty pattern matches every text".into(), help) {
            return None;
        }
    }
    if pattern.contains("{{") {
        let message = format!("`{pattern}` is a template, which a condition does not render");
        let help = "write the pattern itself; to look for what another field holds write \
                    `contains: { path: ticket.id }`";
        return context.names.reject_value(node.at, message, help);
    }
    match context.names.interner.patterns.share(pattern, context.case) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            let (message, help) = explain(pattern, &error);
            context.names.reject(Code::BadRegex, node.at, message, help)
        }
    }
}

/// What is wrong with a pattern, and what to do.
pub fn explain(pattern: &str, error: &regex::Error) -> (String, &'static str) {
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

/// Patterns are equal if their texts are equal.
impl PartialEq for Matches {
    fn eq(&self, other: &Self) -> bool {
        self.case == other.case && self.texts().eq(other.texts())
    }
}

impl Eq for Matches {}

impl Hash for Matches {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.case.hash(state);
        self.texts().for_each(|pattern| pattern.hash(state));
    }
}

impl Matches {
    fn texts(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().map(Pattern::as_str)
    }

    fn index_condition(&self, pattern: &str) -> IndexCondition {
        let literals = required_literals::index_condition(pattern, self.case);
        literals.unwrap_or_else(IndexCondition::exists)
    }
}

impl OperatorImpl for Matches {
    fn test(&self, value: &Value, _: &Scope<'_>) -> Verdict {
        match value {
            Value::String(text) => {
                Verdict::from_bool(self.patterns.iter().any(|p| p.is_match(text)))
            }
            Value::Null => Verdict::NoMatch,
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                Verdict::WrongType
            }
        }
    }

    fn index_conditions(&self) -> Vec<IndexCondition> {
        let patterns = self.texts();
        vec![IndexCondition::any(
            patterns.map(|pattern| self.index_condition(pattern)),
        )]
    }

    fn operand_json(&self, _: &Scope<'_>) -> Value {
        let patterns = self.patterns.iter();
        one_or_list(patterns.map(|pattern| pattern.as_str().into()).collect())
    }

    fn case(&self) -> CaseSensitivity {
        self.case
    }

    fn expected(&self, _: &Scope<'_>) -> String {
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
            [value] => Some(format!("the value is not text but {}", format_value(value))),
            _ => None,
        }
    }
}
