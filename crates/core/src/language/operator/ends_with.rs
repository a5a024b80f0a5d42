//! The operator `ends_with`: the text ends with the operand, or with one operand of a list.
//! Reports fields that are not text.

use serde_json::json;

use crate::document::Node;
use crate::language::operator::index_condition::TextPosition;
use crate::language::operator::text::TextComparison;
use crate::language::operator::{Example, OperandContext, Operator, OperatorSpec, examples};

pub const SPEC: OperatorSpec = OperatorSpec {
    name: "ends_with",
    summary: "The text ends with this text, or with one of a list.",
    compares_text: true,
    parse,
    schema: || json!({"description": "Text, or a list of texts of which one must be the suffix."}),
    examples: EXAMPLES,
};

const EXAMPLES: &[Example] = examples! {
    "ticket.subject", "{ ends_with: 'since 9' }", r#""EU outage since 9""# => Match;
    "ticket.subject", "{ ends_with: ['x', 'since 9'] }", r#""EU outage since 9""# => Match;
    "ticket.subject", "{ ends_with: outage }", r#""EU outage since 9""# => NoMatch;
    "ticket.subject", "{ ends_with: 'since 9', ignore_case: true }", r#""eu OUTAGE SINCE 9""# => Match;
    "ticket.subject", "{ ends_with: x }", "null" => NoMatch;
    "field", "{ ends_with: x }", "[]" => WrongType;
    "field", "{ not: { ends_with: x } }", absent => Missing;
};

fn parse(node: &Node, context: &mut OperandContext<'_, '_>) -> Option<Operator> {
    TextComparison::parse(node, SPEC.name, TextPosition::End, context).map(Operator::EndsWith)
}
