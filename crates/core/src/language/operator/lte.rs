//! The operator `lte`: the value is less than or equal to the operand, or to one of a list.
//! Reports fields and operands without an order.

use crate::document::Node;
use crate::language::operator::order;
use crate::language::operator::order::OrderComparison;
use crate::language::operator::relation::OrderRelation;
use crate::language::operator::{
    Example, OperandContext, Operator, OperatorSpec, Verdict, absent, example,
};

pub const SPEC: OperatorSpec = OperatorSpec {
    name: "lte",
    summary: "The value is less than or equal to this one: a number, a time, a priority or a status.",
    compares_text: false,
    parse,
    schema: order::schema,
    examples: EXAMPLES,
};

const EXAMPLES: &[Example] = &[
    example("current", "{ lte: high }", r#""high""#, Verdict::Match),
    example("current", "{ lte: high }", r#""urgent""#, Verdict::NoMatch),
    example("field", "{ lte: 10 }", "10", Verdict::Match),
    example("field", "{ lte: 10 }", "11", Verdict::NoMatch),
    example("field", "{ lte: 10 }", r#""10.00""#, Verdict::Match),
    example("field", "{ lte: 10 }", "null", Verdict::NoMatch),
    example("field", "{ lte: 10 }", r#""ten""#, Verdict::WrongType),
    example("field", "{ not: { lte: 10 } }", "true", Verdict::WrongType),
    absent("field", "{ not: { lte: 10 } }", Verdict::Missing),
];

fn parse(node: &Node, context: &mut OperandContext<'_, '_>) -> Option<Operator> {
    OrderComparison::parse(node, SPEC.name, OrderRelation::LessOrEqual, context).map(Operator::Lte)
}
