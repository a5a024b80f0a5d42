//! The operator `exists`: the field is in the event, even if its value is null.
//! Its verdict is never `Missing`. Accepts only true or false.

use serde_json::{Value, json};

use crate::document::Node;
use crate::language::operator::index_condition::{IndexCondition, IndexKey};
use crate::language::operator::operand::boolean;
use crate::language::operator::{
    Example, OperandContext, Operator, OperatorImpl, OperatorSpec, Verdict, examples,
};
use crate::path::Resolved;
use crate::path::scope::Scope;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Exists {
    pub wanted: bool,
}

pub const SPEC: OperatorSpec = OperatorSpec {
    name: "exists",
    summary: "The field is in the event (`true`) or not (`false`). A field that is null exists.",
    compares_text: false,
    parse,
    schema: || json!({"type": "boolean"}),
    examples: EXAMPLES,
};

const EXAMPLES: &[Example] = examples! {
    "field", "{ exists: true }", "null" => Match;
    "field", "{ exists: false }", "0" => NoMatch;
    "field", "{ exists: false }", absent => Match;
    "field", "{ exists: true }", absent => NoMatch;
    "field", "{ not: { exists: true } }", absent => Match;
};

fn parse(node: &Node, context: &mut OperandContext<'_, '_>) -> Option<Operator> {
    let wanted = boolean(node, SPEC.name, context)?;
    Some(Operator::Exists(Exists { wanted }))
}

impl Exists {
    fn index_conditions_if(wanted: bool) -> Vec<IndexCondition> {
        vec![IndexCondition::exactly(match wanted {
            true => IndexKey::Exists,
            false => IndexKey::Absent,
        })]
    }
}

impl OperatorImpl for Exists {
    fn test(&self, _: &Value, _: &Scope<'_>) -> Verdict {
        Verdict::from_bool(self.wanted)
    }

    fn evaluate(&self, found: &Resolved<'_>, _: &Scope<'_>) -> Verdict {
        Verdict::from_bool((*found != Resolved::Absent) == self.wanted)
    }

    fn index_conditions(&self) -> Vec<IndexCondition> {
        Self::index_conditions_if(self.wanted)
    }

    fn negated_index_conditions(&self) -> Vec<IndexCondition> {
        Self::index_conditions_if(!self.wanted)
    }

    fn operand_json(&self, _: &Scope<'_>) -> Value {
        self.wanted.into()
    }

    fn expected(&self, _: &Scope<'_>) -> String {
        self.wanted.to_string()
    }

    fn satisfying_values(&self, _: &Resolved<'_>, _: &Scope<'_>) -> Vec<Value> {
        self.wanted.then_some(Value::Null).into_iter().collect()
    }

    fn violating_value(&self, _: &Resolved<'_>, _: &Scope<'_>) -> Option<Value> {
        (!self.wanted).then_some(Value::Null)
    }
}
