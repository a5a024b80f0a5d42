//! The operator `contains`: the text contains the operand, or one operand of a list.
//! Reports fields that are not text; `has` tests lists.

use serde_json::json;

use crate::document::Node;
use crate::language::operator::index_condition::TextPosition;
use crate::language::operator::text::TextComparison;
use crate::language::operator::{Example, OperandContext, Operator, OperatorSpec, examples};

pub const SPEC: OperatorSpec = OperatorSpec {
    name: "contains",
    summary: "The text contains this text, or one of a list.",
    compares_text: true,
    parse,
    schema: || json!({"description": "Text, or a list of texts of which one must be found."}),
    examples: EXAMPLES,
};

const EXAMPLES: &[Example] = examples! {
    "ticket.subject", "{ contains: outage }", r#""EU outage since 9""# => Match;
    "ticket.subject", "{ contains: [down, outage] }", r#""EU outage""# => Match;
    "ticket.subject", "{ contains: OUTAGE }", r#""EU outage""# => NoMatch;
    "ticket.subject", "{ contains: OUTAGE, ignore_case: true }", r#""EU outage""# => Match;
    "ticket.subject", "{ contains: outage }", "null" => NoMatch;
    "field", "{ contains: a }", r#"["a"]"# => WrongType;
    "field", "{ not: { contains: a } }", "7" => WrongType;
    "field", "{ contains: a }", absent => Missing;
};

fn parse(node: &Node, context: &mut OperandContext<'_, '_>) -> Option<Operator> {
    TextComparison::parse(node, SPEC.name, TextPosition::Anywhere, context).map(Operator::Contains)
}
