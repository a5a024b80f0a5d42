//! The operator `gt`: the value is greater than the operand, or than one operand of a list.
//! Reports fields and operands without an order.

use crate::document::Node;
use crate::language::operator::order;
use crate::language::operator::order::OrderComparison;
use crate::language::operator::relation::OrderRelation;
use crate::language::operator::{Example, OperandContext, Operator, OperatorSpec, examples};

pub const SPEC: OperatorSpec = OperatorSpec {
    name: "gt",
    summary: "The value is greater than this one: a number, a time, a priority or a status.",
    compares_text: false,
    parse,
    schema: order::schema,
    examples: EXAMPLES,
};

const EXAMPLES: &[Example] = examples! {
    "current", "{ gt: normal }", r#""high""# => Match;
    "current", "{ gt: normal }", r#""normal""# => NoMatch;
    "field", "{ gt: 10 }", "11" => Match;
    "field", "{ gt: 10 }", "10" => NoMatch;
    "field", "{ gt: 10 }", r#""11.00""# => Match;
    "field", "{ gt: 10 }", "null" => NoMatch;
    "field", "{ gt: 10 }", r#""ten""# => WrongType;
    "field", "{ not: { gt: 10 } }", "true" => WrongType;
    "field", "{ not: { gt: 10 } }", absent => Missing;
};

fn parse(node: &Node, context: &mut OperandContext<'_, '_>) -> Option<Operator> {
    OrderComparison::parse(node, SPEC.name, OrderRelation::Greater, context).map(Operator::Gt)
}
