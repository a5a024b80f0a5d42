//! The operator `gte`: the value is greater than or equal to the operand, or to one of a list.
//! Reports fields and operands without an order.

use crate::document::Node;
use crate::language::operator::order;
use crate::language::operator::order::OrderComparison;
use crate::language::operator::relation::OrderRelation;
use crate::language::operator::{Example, OperandContext, Operator, OperatorSpec, examples};

pub const SPEC: OperatorSpec = OperatorSpec {
    name: "gte",
    summary: "The value is greater than or equal to this one: a number, a time, a priority or a status.",
    compares_text: false,
    parse,
    schema: order::schema,
    examples: EXAMPLES,
};

const EXAMPLES: &[Example] = examples! {
    "current", "{ gte: high }", r#""high""# => Match;
    "current", "{ gte: high }", r#""normal""# => NoMatch;
    "field", "{ gte: 10 }", "10" => Match;
    "field", "{ gte: 10 }", "9" => NoMatch;
    "field", "{ gte: 10 }", r#""10.00""# => Match;
    "field", "{ gte: 10 }", "null" => NoMatch;
    "field", "{ gte: 10 }", r#""ten""# => WrongType;
    "field", "{ not: { gte: 10 } }", "true" => WrongType;
    "field", "{ not: { gte: 10 } }", absent => Missing;
};

fn parse(node: &Node, context: &mut OperandContext<'_, '_>) -> Option<Operator> {
    OrderComparison::parse(node, SPEC.name, OrderRelation::GreaterOrEqual, context)
        .map(Operator::Gte)
}
