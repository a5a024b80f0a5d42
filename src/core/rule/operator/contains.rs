//! `contains`: the text has the operand somewhere, or one of a list.
//! It refuses fields that are lists: `has` looks into those.

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
pub struct Contains(pub Textual);

pub const SPEC: Spec = Spec {
    name: "contains",
    summary: "The text has this somewhere in it, or one of a list.",
    compares_text: true,
    parse,
    schema: || json!({"description": "Text, or a list of texts of which one must be found."}),
    examples: EXAMPLES,
};

const EXAMPLES: &[Example] = &[
    example(
        "ticket.subject",
        "{ contains: outage }",
        r#""EU outage since 9""#,
        Verdict::Match,
    ),
    example(
        "ticket.subject",
        "{ contains: [down, outage] }",
        r#""EU outage""#,
        Verdict::Match,
    ),
    example(
        "ticket.subject",
        "{ contains: OUTAGE }",
        r#""EU outage""#,
        Verdict::NoMatch,
    ),
    example(
        "ticket.subject",
        "{ contains: OUTAGE, ignore_case: true }",
        r#""EU outage""#,
        Verdict::Match,
    ),
    example(
        "ticket.subject",
        "{ contains: outage }",
        "null",
        Verdict::NoMatch,
    ),
    example("field", "{ contains: a }", r#"["a"]"#, Verdict::WrongType),
    example("field", "{ not: { contains: a } }", "7", Verdict::WrongType),
    absent("field", "{ contains: a }", Verdict::Missing),
];

fn parse(node: &Node, parsing: &mut Parsing<'_, '_>) -> Option<Operator> {
    Textual::parse(node, SPEC.name, parsing).map(|t| Operator::Contains(Contains(t)))
}

fn holds(text: &str, part: &str) -> bool {
    text.contains(part)
}

impl Compare for Contains {
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
