//! The operator `starts_with`: the text starts with the operand, or with one operand of a list.
//! Reports fields that are not text.

use serde_json::json;

use crate::document::Node;
use crate::language::operator::index_condition::TextPosition;
use crate::language::operator::text::TextComparison;
use crate::language::operator::{Example, OperandContext, Operator, OperatorSpec, examples};

pub const SPEC: OperatorSpec = OperatorSpec {
    name: "starts_with",
    summary: "The text starts with this text, or with one of a list.",
    compares_text: true,
    parse,
    schema: || json!({"description": "Text, or a list of texts of which one must be the prefix."}),
    examples: EXAMPLES,
};

const EXAMPLES: &[Example] = examples! {
    "ticket.subject", "{ starts_with: 'EU out' }", r#""EU outage since 9""# => Match;
    "ticket.subject", "{ starts_with: ['x', 'EU out'] }", r#""EU outage since 9""# => Match;
    "ticket.subject", "{ starts_with: outage }", r#""EU outage since 9""# => NoMatch;
    "ticket.subject", "{ starts_with: 'EU out', ignore_case: true }", r#""eu OUTAGE SINCE 9""# => Match;
    "ticket.subject", "{ starts_with: x }", "null" => NoMatch;
    "field", "{ starts_with: x }", "[]" => WrongType;
    "field", "{ not: { starts_with: x } }", absent => Missing;
};

fn parse(node: &Node, context: &mut OperandContext<'_, '_>) -> Option<Operator> {
    TextComparison::parse(node, SPEC.name, TextPosition::Start, context).map(Operator::StartsWith)
}
