//! `gt`: the value is greater than the operand, or one of a list.
//! It refuses fields and operands without an order.

use std::cmp::Ordering;

use serde_json::{Value, json};

use crate::core::rule::document::Node;
use crate::core::rule::operator::operand::Operand;
use crate::core::rule::operator::order::Ordered;
use crate::core::rule::operator::{
    Compare, Example, Operator, Parsing, Spec, Verdict, absent, example,
};
use crate::core::rule::path::Found;
use crate::core::scope::Scope;

#[derive(Debug, Clone)]
pub struct Gt(pub Ordered);

pub const SPEC: Spec = Spec {
    name: "gt",
    summary: "The value is greater than this: numbers, times, and priority and status in their own order.",
    compares_text: false,
    parse,
    schema: || json!({"description": "A number, a time, a priority or status, text, or { path: … }."}),
    examples: EXAMPLES,
};

const EXAMPLES: &[Example] = &[
    example("current", "{ gt: normal }", r#""high""#, Verdict::Match),
    example("current", "{ gt: normal }", r#""normal""#, Verdict::NoMatch),
    example("field", "{ gt: 10 }", "11", Verdict::Match),
    example("field", "{ gt: 10 }", "10", Verdict::NoMatch),
    example("field", "{ gt: 10 }", r#""11.00""#, Verdict::Match),
    example("field", "{ gt: 10 }", "null", Verdict::NoMatch),
    example("field", "{ gt: 10 }", r#""ten""#, Verdict::WrongType),
    example("field", "{ not: { gt: 10 } }", "true", Verdict::WrongType),
    absent("field", "{ not: { gt: 10 } }", Verdict::Missing),
];

fn parse(node: &Node, parsing: &mut Parsing<'_, '_>) -> Option<Operator> {
    Ordered::parse(node, SPEC.name, parsing).map(|o| Operator::Gt(Gt(o)))
}

impl Compare for Gt {
    fn test(&self, value: &Value, scope: &Scope<'_>) -> Verdict {
        self.0.test(value, scope, Ordering::is_gt)
    }

    fn operands(&self) -> Vec<&Operand> {
        self.0.operands.0.iter().collect()
    }

    fn want(&self, scope: &Scope<'_>) -> String {
        self.0.operands.words(" | ", scope)
    }

    fn hint(&self, found: &Found<'_>, scope: &Scope<'_>) -> Option<String> {
        self.0.hint(found, scope)
    }

    fn satisfying(&self, _: &Found<'_>, scope: &Scope<'_>) -> Option<Value> {
        self.0.beside(scope, 1)
    }

    fn violating(&self, _: &Found<'_>, scope: &Scope<'_>) -> Option<Value> {
        self.0.beside(scope, 0)
    }
}
