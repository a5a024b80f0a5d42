//! `ends_with`: the text ends with the operand, or one of a list.
//! It refuses fields that are no text.

use serde_json::{Value, json};

use crate::core::rule::document::Node;
use crate::core::rule::operator::operand::Operand;
use crate::core::rule::operator::textual::Textual;
use crate::core::rule::operator::{
    Compare, Example, Operator, Parsing, Spec, Verdict, absent, example,
};
use crate::core::rule::path::Found;
use crate::core::scope::Scope;

#[derive(Debug, Clone)]
pub struct EndsWith(pub Textual);

pub const SPEC: Spec = Spec {
    name: "ends_with",
    summary: "The text ends with this, or with one of a list.",
    compares_text: true,
    parse,
    schema: || json!({"description": "Text, or a list of texts of which one must be the suffix."}),
    examples: EXAMPLES,
};

const EXAMPLES: &[Example] = &[
    example(
        "ticket.subject",
        "{ ends_with: 'since 9' }",
        r#""EU outage since 9""#,
        Verdict::Match,
    ),
    example(
        "ticket.subject",
        "{ ends_with: ['x', 'since 9'] }",
        r#""EU outage since 9""#,
        Verdict::Match,
    ),
    example(
        "ticket.subject",
        "{ ends_with: outage }",
        r#""EU outage since 9""#,
        Verdict::NoMatch,
    ),
    example(
        "ticket.subject",
        "{ ends_with: 'since 9', ignore_case: true }",
        r#""eu OUTAGE SINCE 9""#,
        Verdict::Match,
    ),
    example(
        "ticket.subject",
        "{ ends_with: x }",
        "null",
        Verdict::NoMatch,
    ),
    example("field", "{ ends_with: x }", "[]", Verdict::WrongType),
    absent("field", "{ not: { ends_with: x } }", Verdict::Missing),
];

fn parse(node: &Node, parsing: &mut Parsing<'_, '_>) -> Option<Operator> {
    Textual::parse(node, SPEC.name, parsing).map(|t| Operator::EndsWith(EndsWith(t)))
}

fn holds(text: &str, part: &str) -> bool {
    text.ends_with(part)
}

impl Compare for EndsWith {
    fn test(&self, value: &Value, scope: &Scope<'_>) -> Verdict {
        self.0.test(value, scope, holds)
    }

    fn operands(&self) -> Vec<&Operand> {
        self.0.operands.0.iter().collect()
    }

    fn want(&self, scope: &Scope<'_>) -> String {
        self.0.want(scope)
    }

    fn hint(&self, found: &Found<'_>, scope: &Scope<'_>) -> Option<String> {
        self.0.hint(found, scope, holds)
    }

    fn satisfying(&self, _: &Found<'_>, scope: &Scope<'_>) -> Option<Value> {
        self.0.operands.values(scope).next()
    }
}
