//! The operator `lt`: the value is less than the operand, or than one operand of a list.
//! Reports fields and operands without an order.

use crate::document::Node;
use crate::language::operator::order;
use crate::language::operator::order::OrderComparison;
use crate::language::operator::relation::OrderRelation;
use crate::language::operator::{
    Example, OperandContext, Operator, OperatorSpec, Verdict, absent, example,
};

pub const SPEC: OperatorSpec = OperatorSpec {
    name: "lt",
    summary: "The value is less than this one: a number, a time, a priority or a status.",
    compares_text: false,
    parse,
    schema: order::schema,
    examples: EXAMPLES,
};

const EXAMPLES: &[Example] = &[
    example("current", "{ lt: high }", r#""normal""#, Verdict::Match),
    example("current", "{ lt: high }", r#""urgent""#, Verdict::NoMatch),
    example("field", "{ lt: 10 }", "9", Verdict::Match),
    example("field", "{ lt: 10 }", "10", Verdict::NoMatch),
    example("field", "{ lt: 10 }", r#""9.00""#, Verdict::Match),
    example("field", "{ lt: 10 }", "null", Verdict::NoMatch),
    example("field", "{ lt: 10 }", r#""ten""#, Verdict::WrongType),
    example("field", "{ not: { lt: 10 } }", "true", Verdict::WrongType),
    absent("field", "{ not: { lt: 10 } }", Verdict::Missing),
];

fn parse(node: &Node, context: &mut OperandContext<'_, '_>) -> Option<Operator> {
    OrderComparison::parse(node, SPEC.name, OrderRelation::Less, context).map(Operator::Lt)
}
