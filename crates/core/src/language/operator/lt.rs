//! The operator `lt`: the value is less than the operand, or than one operand of a list.
//! Reports fields and operands without an order.

use crate::document::Node;
use crate::language::operator::order;
use crate::language::operator::order::OrderComparison;
use crate::language::operator::relation::OrderRelation;
use crate::language::operator::{Example, OperandContext, Operator, OperatorSpec, examples};

pub const SPEC: OperatorSpec = OperatorSpec {
    name: "lt",
    summary: "The value is less than this one: a number, a time, a priority or a status.",
    compares_text: false,
    parse,
    schema: order::schema,
    examples: EXAMPLES,
};

const EXAMPLES: &[Example] = examples! {
    "current", "{ lt: high }", r#""normal""# => Match;
    "current", "{ lt: high }", r#""urgent""# => NoMatch;
    "field", "{ lt: 10 }", "9" => Match;
    "field", "{ lt: 10 }", "10" => NoMatch;
    "field", "{ lt: 10 }", r#""9.00""# => Match;
    "field", "{ lt: 10 }", "null" => NoMatch;
    "field", "{ lt: 10 }", r#""ten""# => WrongType;
    "field", "{ not: { lt: 10 } }", "true" => WrongType;
    "field", "{ not: { lt: 10 } }", absent => Missing;
};

fn parse(node: &Node, context: &mut OperandContext<'_, '_>) -> Option<Operator> {
    OrderComparison::parse(node, SPEC.name, OrderRelation::Less, context).map(Operator::Lt)
}
