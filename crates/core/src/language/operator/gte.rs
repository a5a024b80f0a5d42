//! The operator `gte`: the value is greater than or equal to the operand, or to one of a list.
//! Reports fields and operands without an order.

use crate::document::Node;
use crate::language::operator::order;
use crate::language::operator::order::OrderComparison;
use crate::language::operator::relation::OrderRelation;
use crate::language::operator::{
    Example, OperandContext, Operator, OperatorSpec, Verdict, absent, example,
};

pub const SPEC: OperatorSpec = OperatorSpec {
    name: "gte",
    summary: "The value is greater than or equal to this one: a number, a time, a priority or a status.",
    compares_text: false,
    parse,
    schema: order::schema,
    examples: EXAMPLES,
};

const EXAMPLES: &[Example] = &[
    example("current", "{ gte: high }", r#""high""#, Verdict::Match),
    example("current", "{ gte: high }", r#""normal""#, Verdict::NoMatch),
    example("field", "{ gte: 10 }", "10", Verdict::Match),
    example("field", "{ gte: 10 }", "9", Verdict::NoMatch),
    example("field", "{ gte: 10 }", r#""10.00""#, Verdict::Match),
    example("field", "{ gte: 10 }", "null", Verdict::NoMatch),
    example("field", "{ gte: 10 }", r#""ten""#, Verdict::WrongType),
    example("field", "{ not: { gte: 10 } }", "true", Verdict::WrongType),
    absent("field", "{ not: { gte: 10 } }", Verdict::Missing),
];

fn parse(node: &Node, context: &mut OperandContext<'_, '_>) -> Option<Operator> {
    OrderComparison::parse(node, SPEC.name, OrderRelation::GreaterOrEqual, context)
        .map(Operator::Gte)
}
