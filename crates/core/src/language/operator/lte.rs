//! The operator `lte`: the value is less than or equal to the operand, or to one of a list.
//! Reports fields and operands without an order.

use crate::document::Node;
use crate::language::operator::order;
use crate::language::operator::order::OrderComparison;
use crate::language::operator::relation::OrderRelation;
use crate::language::operator::{Example, OperandContext, Operator, OperatorSpec, examples};

pub const SPEC: OperatorSpec = OperatorSpec {
    name: "lte",
    summary: "The value is less than or equal to this one: a number, a time, a priority or a status.",
    compares_text: false,
    parse,
    schema: order::schema,
    examples: EXAMPLES,
};

const EXAMPLES: &[Example] = examples! {
    "current", "{ lte: high }", r#""high""# => Match;
    "current", "{ lte: high }", r#""urgent""# => NoMatch;
    "field", "{ lte: 10 }", "10" => Match;
    "field", "{ lte: 10 }", "11" => NoMatch;
    "field", "{ lte: 10 }", r#""10.00""# => Match;
    "field", "{ lte: 10 }", "null" => NoMatch;
    "field", "{ lte: 10 }", r#""ten""# => WrongType;
    "field", "{ not: { lte: 10 } }", "true" => WrongType;
    "field", "{ not: { lte: 10 } }", absent => Missing;
};

fn parse(node: &Node, context: &mut OperandContext<'_, '_>) -> Option<Operator> {
    OrderComparison::parse(node, SPEC.name, OrderRelation::LessOrEqual, context).map(Operator::Lte)
}
