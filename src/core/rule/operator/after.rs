//! `after`: the time is later than the operand, or than one of a list.
//! It refuses operands that are no time, and fields that never hold one.

use serde_json::Value;

use crate::core::rule::document::Node;
use crate::core::rule::operator::instant::{self, Moment};
use crate::core::rule::operator::operand::Operand;
use crate::core::rule::operator::{
    Compare, Example, Operator, Parsing, Spec, Verdict, absent, example,
};
use crate::core::rule::path::Found;
use crate::core::scope::Scope;

#[derive(Debug, Clone)]
pub struct After(pub Vec<Moment>);

pub const SPEC: Spec = Spec {
    name: "after",
    summary: "The time is later than this one; `-2h` counts from the event's time.",
    compares_text: false,
    parse,
    schema: instant::schema,
    examples: EXAMPLES,
};

const EXAMPLES: &[Example] = &[
    example(
        "ticket.created_at",
        "{ after: 2026-03-01 }",
        r#""2026-03-02T10:00:00Z""#,
        Verdict::Match,
    ),
    example(
        "ticket.created_at",
        "{ after: 2026-03-01 }",
        r#""2026-02-28T10:00:00Z""#,
        Verdict::NoMatch,
    ),
    example(
        "ticket.created_at",
        "{ after: 2026-03-01T00:00:00Z }",
        r#""2026-03-01T01:00:00+01:00""#,
        Verdict::NoMatch,
    ),
    example(
        "field",
        "{ after: 2026-03-01 }",
        r#""2026-03-02""#,
        Verdict::Match,
    ),
    example("field", "{ after: 2026-03-01 }", "null", Verdict::NoMatch),
    example(
        "field",
        "{ after: 2026-03-01 }",
        r#""soon""#,
        Verdict::WrongType,
    ),
    example(
        "field",
        "{ not: { after: 2026-03-01 } }",
        "7",
        Verdict::WrongType,
    ),
    absent("field", "{ not: { after: 2026-03-01 } }", Verdict::Missing),
];

fn parse(node: &Node, parsing: &mut Parsing<'_, '_>) -> Option<Operator> {
    instant::parse_moments(node, SPEC.name, parsing).map(|m| Operator::After(After(m)))
}

impl Compare for After {
    fn test(&self, value: &Value, scope: &Scope<'_>) -> Verdict {
        instant::judge(value, &self.0, scope, |at, wanted| at > wanted)
    }

    fn operands(&self) -> Vec<&Operand> {
        instant::operands(&self.0)
    }

    fn want(&self, scope: &Scope<'_>) -> String {
        instant::want(&self.0, scope)
    }

    fn hint(&self, found: &Found<'_>, scope: &Scope<'_>) -> Option<String> {
        instant::hint(found, &self.0, scope)
    }

    fn satisfying(&self, _: &Found<'_>, scope: &Scope<'_>) -> Option<Value> {
        instant::beside(&self.0, scope, 1)
    }

    fn violating(&self, _: &Found<'_>, scope: &Scope<'_>) -> Option<Value> {
        instant::beside(&self.0, scope, 0)
    }
}
