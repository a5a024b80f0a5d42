//! The operator `before`: the time is earlier than the operand, or than one operand of a list.
//! Reports operands that are not times and fields without times.

use crate::document::Node;
use crate::language::operator::relation::OrderRelation;
use crate::language::operator::time;
use crate::language::operator::time::TimeComparison;
use crate::language::operator::{
    Example, OperandContext, Operator, OperatorSpec, Verdict, absent, example,
};

pub const SPEC: OperatorSpec = OperatorSpec {
    name: "before",
    summary: "The time is earlier than this one. `-2h` counts from the event's time.",
    compares_text: false,
    parse,
    schema: time::schema,
    examples: EXAMPLES,
};

const EXAMPLES: &[Example] = &[
    example(
        "ticket.created_at",
        "{ before: 2026-03-01 }",
        r#""2026-02-28T10:00:00Z""#,
        Verdict::Match,
    ),
    example(
        "ticket.created_at",
        "{ before: 2026-03-01 }",
        r#""2026-03-02T10:00:00Z""#,
        Verdict::NoMatch,
    ),
    example(
        "ticket.created_at",
        "{ before: 2026-03-01T00:00:00Z }",
        r#""2026-03-01T01:00:00+01:00""#,
        Verdict::NoMatch,
    ),
    example(
        "field",
        "{ before: 2026-03-01 }",
        r#""2026-02-28""#,
        Verdict::Match,
    ),
    example(
        "field",
        "{ before: 2026-03-01 }",
        r#""Mon, 02 Mar 2026 10:00:00 GMT""#,
        Verdict::NoMatch,
    ),
    example(
        "field",
        "{ before: 2026-03-01 }",
        "1772445600",
        Verdict::NoMatch,
    ),
    example("field", "{ before: 2026-03-01 }", "null", Verdict::NoMatch),
    example(
        "field",
        "{ before: 2026-03-01 }",
        r#""soon""#,
        Verdict::WrongType,
    ),
    example(
        "field",
        "{ not: { before: 2026-03-01 } }",
        "7",
        Verdict::WrongType,
    ),
    absent("field", "{ not: { before: 2026-03-01 } }", Verdict::Missing),
];

fn parse(node: &Node, context: &mut OperandContext<'_, '_>) -> Option<Operator> {
    TimeComparison::parse(node, SPEC.name, OrderRelation::Less, context).map(Operator::Before)
}
