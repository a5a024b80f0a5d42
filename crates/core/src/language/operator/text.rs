//! What the substring operators share: text compared with text, in or without its case.
//! Null is no text and does not match; any other type is a mistake and says so.

use serde_json::Value;

use crate::document::Node;
use crate::event::catalogue::field_type::FieldType;
use crate::language::operator::equality::fold;
use crate::language::operator::index_condition::{
    IndexCondition, IndexKey, TextFragment, TextPosition,
};
use crate::language::operator::operand::{Operand, Operands, text_only};
use crate::language::operator::{CaseSensitivity, OperandContext, OperatorImpl, Verdict, words};
use crate::path::Resolved;
use crate::path::scope::Scope;

/// A substring operator: texts to look for, where they must stand, and whether their case counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TextComparison {
    operands: Operands,
    case: CaseSensitivity,
    stand: TextPosition,
}

impl TextComparison {
    /// One text, or a list of which any may be found.
    pub fn parse(
        node: &Node,
        operator: &str,
        stand: TextPosition,
        parsing: &mut OperandContext<'_, '_>,
    ) -> Option<Self> {
        if !parsing.applies(node, operator, FieldType::is_text, instead) {
            return None;
        }
        let operands = Operands::parse(node, parsing, text_only)?;
        let case = parsing.case;
        Some(Self {
            operands,
            case,
            stand,
        })
    }
}

impl TextComparison {
    fn narrowing_by(&self, operand: &Operand) -> IndexCondition {
        let text = match operand {
            Operand::Literal(Value::String(text)) if !text.is_empty() => text,
            Operand::Literal(Value::String(_)) | Operand::Path(_) => {
                return IndexCondition::standing();
            }
            Operand::Literal(_) => return IndexCondition::never(),
        };
        let bytes = match self.case {
            CaseSensitivity::Exact => text.as_bytes().into(),
            CaseSensitivity::Ignored => fold(text).into_bytes().into(),
        };
        let piece = TextFragment {
            bytes,
            case: self.case,
        };
        IndexCondition::exactly(IndexKey::Text(self.stand, piece))
    }
}

impl OperatorImpl for TextComparison {
    fn test(&self, value: &Value, scope: &Scope<'_>) -> Verdict {
        let holds = |text: &str, part: &str| self.stand.holds(text, part);
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
                (Value::String(operand), None) => Verdict::of(holds(text, operand)),
                (Value::String(operand), Some(text)) => Verdict::of(holds(text, &fold(operand))),
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

    fn narrowings(&self) -> Vec<IndexCondition> {
        let parts = self.operands.0.iter();
        vec![IndexCondition::any(
            parts.map(|part| self.narrowing_by(part)),
        )]
    }

    fn want(&self, scope: &Scope<'_>) -> String {
        let case = match self.case {
            CaseSensitivity::Exact => "",
            CaseSensitivity::Ignored => " in any case",
        };
        format!("{}{case}", self.operands.words(" | ", scope))
    }

    fn hint(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Option<String> {
        match found.values() {
            [Value::String(text)] => {
                let folded = fold(text);
                let mut texts = self.operands.values(scope);
                let holds = |part: &str| self.stand.holds(&folded, &fold(part));
                let near = texts.any(|part| part.as_str().is_some_and(holds));
                near.then(|| "differs only in letter case; `ignore_case: true` ignores it".into())
            }
            [value] => wrong_type_hint(value),
            _ => None,
        }
    }

    fn satisfying(&self, _: &Resolved<'_>, scope: &Scope<'_>) -> Vec<Value> {
        self.operands.values(scope).collect()
    }
}

pub fn instead(field: &FieldType) -> &'static str {
    match field {
        FieldType::List(_) => "a list is searched with `has: VALUE`",
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
        Value::Array(_) => Some("the value is a list; `has: VALUE` looks inside of it".into()),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            Some(format!("the value is not text but {}", words(value)))
        }
        Value::Null | Value::String(_) => None,
    }
}
