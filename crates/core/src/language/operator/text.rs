//! Compares text with text, for `contains`, `starts_with` and `ends_with`.
//! Null never matches; any other value that is not text is a wrong type.

use serde_json::Value;

use crate::document::Node;
use crate::event::catalogue::field_type::FieldType;
use crate::language::operator::equality::fold;
use crate::language::operator::index_condition::{
    IndexCondition, IndexKey, TextFragment, TextPosition,
};
use crate::language::operator::operand::{Operand, Operands, text_only};
use crate::language::operator::unseen::part_difference;
use crate::language::operator::{
    CaseSensitivity, OperandContext, OperatorImpl, Verdict, format_value,
};
use crate::path::Resolved;
use crate::path::scope::Scope;

/// A substring operator: the texts, their required position, and the case sensitivity.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TextComparison {
    operands: Operands,
    case: CaseSensitivity,
    position: TextPosition,
}

impl TextComparison {
    /// Parses one text, or a list of which one must be found.
    pub fn parse(
        node: &Node,
        operator: &str,
        position: TextPosition,
        context: &mut OperandContext<'_, '_>,
    ) -> Option<Self> {
        if !context.applies(node, operator, FieldType::is_text, instead) {
            return None;
        }
        let operands = Operands::parse(node, context, text_only)?;
        let case = context.case;
        Some(Self {
            operands,
            case,
            position,
        })
    }
}

impl TextComparison {
    fn index_condition(&self, operand: &Operand) -> IndexCondition {
        let text = match operand {
            Operand::Literal(Value::String(text)) if !text.is_empty() => text,
            Operand::Literal(Value::String(_)) | Operand::Path(_) => {
                return IndexCondition::exists();
            }
            Operand::Literal(_) => return IndexCondition::never(),
        };
        let bytes = match self.case {
            CaseSensitivity::Exact => text.as_bytes().into(),
            CaseSensitivity::Ignored => fold(text).into_bytes().into(),
        };
        let fragment = TextFragment {
            bytes,
            case: self.case,
        };
        IndexCondition::exactly(IndexKey::Text(self.position, fragment))
    }
}

impl OperatorImpl for TextComparison {
    fn test(&self, value: &Value, scope: &Scope<'_>) -> Verdict {
        let holds = |text: &str, part: &str| self.position.holds(text, part);
        let text = match value {
            Value::String(text) => text,
            Value::Null => return Verdict::NoMatch,
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                return Verdict::WrongType;
            }
        };
        let folded = (self.case == CaseSensitivity::Ignored).then(|| fold(text));
        self.operands
            .any(scope, |operand| match (operand, &folded) {
                (Value::String(operand), None) => Verdict::from_bool(holds(text, operand)),
                (Value::String(operand), Some(text)) => {
                    Verdict::from_bool(holds(text, &fold(operand)))
                }
                (Value::Null, _) => Verdict::NoMatch,
                (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_), _) => {
                    Verdict::WrongType
                }
            })
    }

    fn operands(&self) -> Vec<&Operand> {
        self.operands.0.iter().collect()
    }

    fn operands_mut(&mut self) -> Vec<&mut Operand> {
        self.operands.0.iter_mut().collect()
    }

    fn index_conditions(&self) -> Vec<IndexCondition> {
        let parts = self.operands.0.iter();
        vec![IndexCondition::any(
            parts.map(|part| self.index_condition(part)),
        )]
    }

    fn case(&self) -> CaseSensitivity {
        self.case
    }

    fn expected(&self, scope: &Scope<'_>) -> String {
        let case = match self.case {
            CaseSensitivity::Exact => "",
            CaseSensitivity::Ignored => " in any case",
        };
        format!("{}{case}", self.operands.describe(" | ", scope))
    }

    fn hint(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Option<String> {
        match found.values() {
            [Value::String(text)] => {
                let folded = fold(text);
                let mut texts = self.operands.values(scope);
                let holds = |part: &str| self.position.holds(&folded, &fold(part));
                let near = texts.any(|part| part.as_str().is_some_and(holds));
                let mut parts = self.operands.values(scope);
                let unseen = parts.find_map(|part| {
                    let holds =
                        |text: &str, part: &str| self.position.holds(&fold(text), &fold(part));
                    part_difference(text, part.as_str()?, holds)
                });
                if !near && unseen.is_some() {
                    return unseen;
                }
                near.then(|| "differs only in letter case; `ignore_case: true` ignores it".into())
            }
            [value] => wrong_type_hint(value),
            _ => None,
        }
    }

    fn satisfying_values(&self, _: &Resolved<'_>, scope: &Scope<'_>) -> Vec<Value> {
        self.operands.values(scope).collect()
    }
}

/// Returns a help text for a field that is not text.
pub fn instead(field: &FieldType) -> &'static str {
    match field {
        FieldType::List(_) => {
            "`any_of: { starts_with: vip }` tests the elements of a list, `has: VALUE` finds one that is equal"
        }
        FieldType::Id | FieldType::Integer => "numbers compare with `is`, `lt`, `gt`, `between`",
        FieldType::Boolean => "compare with true or false",
        FieldType::Object => "name a field inside of it",
        FieldType::Text
        | FieldType::Time
        | FieldType::Date
        | FieldType::Priority
        | FieldType::Status
        | FieldType::TicketType
        | FieldType::Decimal
        | FieldType::Any => "compare with `is`",
    }
}

fn wrong_type_hint(value: &Value) -> Option<String> {
    match value {
        Value::Array(_) => {
            Some("the value is a list; `any_of: { OPERATOR: TEXT }` tests its elements".into())
        }
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            Some(format!("the value is not text but {}", format_value(value)))
        }
        Value::Null | Value::String(_) => None,
    }
}
