//! The operator `present`: the field is in the event, and its value is neither null, "" nor [].
//! Its verdict is never `Missing`. Accepts only true or false.

use serde_json::{Value, json};

use crate::document::Node;
use crate::language::operator::index_condition::{EqualityKey, IndexCondition, IndexKey};
use crate::language::operator::operand::boolean;
use crate::language::operator::{
    Example, OperandContext, Operator, OperatorImpl, OperatorSpec, Verdict, examples,
};
use crate::path::Resolved;
use crate::path::scope::Scope;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Present {
    pub wanted: bool,
}

pub const SPEC: OperatorSpec = OperatorSpec {
    name: "present",
    summary: "The field has a value (`true`) or not (`false`). null, \"\" and [] are no value.",
    compares_text: false,
    parse,
    schema: || json!({"type": "boolean"}),
    examples: EXAMPLES,
};

const EXAMPLES: &[Example] = examples! {
    "field", "{ present: true }", "0" => Match;
    "field", "{ present: true }", "null" => NoMatch;
    "field", "{ present: true }", r#""""# => NoMatch;
    "field", "{ present: false }", "[]" => Match;
    "field", "{ present: true }", "false" => Match;
    "field", "{ present: false }", absent => Match;
    "field", "{ present: true }", absent => NoMatch;
};

fn parse(node: &Node, context: &mut OperandContext<'_, '_>) -> Option<Operator> {
    let wanted = boolean(node, SPEC.name, context)?;
    Some(Operator::Present(Present { wanted }))
}

fn holds_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => true,
    }
}

impl Present {
    fn index_conditions_if(wanted: bool) -> Vec<IndexCondition> {
        if wanted {
            return vec![IndexCondition::exactly(IndexKey::Present)];
        }
        let nothing = [
            EqualityKey::Null,
            EqualityKey::Text("".into()),
            EqualityKey::List,
        ];
        let clues = nothing.map(IndexKey::Equal).into_iter();
        vec![IndexCondition {
            clues: clues.chain([IndexKey::Absent]).collect(),
            exact: false,
        }]
    }
}

impl OperatorImpl for Present {
    fn test(&self, value: &Value, _: &Scope<'_>) -> Verdict {
        Verdict::from_bool(holds_something(value) == self.wanted)
    }

    fn evaluate(&self, found: &Resolved<'_>, _: &Scope<'_>) -> Verdict {
        Verdict::from_bool(found.values().iter().any(holds_something) == self.wanted)
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
        (!self.wanted).then_some(Value::Null).into_iter().collect()
    }

    fn violating_value(&self, _: &Resolved<'_>, _: &Scope<'_>) -> Option<Value> {
        self.wanted.then_some(Value::Null)
    }
}
