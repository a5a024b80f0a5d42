//! The operator `has`: the list contains the operand, or one operand of several.
//! Reports fields that are not lists; `contains` tests text.

use serde_json::{Value, json};

use crate::diagnostic::{Code, Report};
use crate::document::Node;
use crate::event::catalogue::field_type::FieldType;
use crate::language::operator::equality::{compare, near_miss};
use crate::language::operator::index_condition::{EqualityKey, IndexCondition, IndexKey};
use crate::language::operator::operand::{Operand, Operands};
use crate::language::operator::{
    CaseSensitivity, Example, OperandContext, Operator, OperatorImpl, OperatorSpec, Verdict,
    examples, format_value,
};
use crate::path::Resolved;
use crate::path::scope::Scope;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Has {
    pub operands: Operands,
    pub case: CaseSensitivity,
}

pub const SPEC: OperatorSpec = OperatorSpec {
    name: "has",
    summary: "The list contains this value, or one of several.",
    compares_text: true,
    parse,
    schema: || json!({"description": "A value, or a list of which one must be in the field's list."}),
    examples: EXAMPLES,
};

const EXAMPLES: &[Example] = examples! {
    "ticket.tags", "{ has: vip }", r#"["vip", "emea"]"# => Match;
    "ticket.tags", "{ has: [vip, gold] }", r#"["gold"]"# => Match;
    "ticket.tags", "{ not: { has: [internal, test] } }", r#"["gold"]"# => Match;
    "ticket.tags", "{ has: VIP }", r#"["vip"]"# => NoMatch;
    "ticket.tags", "{ has: VIP, ignore_case: true }", r#"["vip"]"# => Match;
    "ticket.tags", "{ has: vip }", "null" => NoMatch;
    "field", "{ has: 1 }", r#"["1"]"# => NoMatch;
    "field", "{ has: vip }", r#""vip emea""# => WrongType;
    "field", "{ not: { has: vip } }", r#"[{"name": "vip"}]"# => WrongType;
    "field", "{ not: { has: vip } }", absent => Missing;
};

fn parse(node: &Node, context: &mut OperandContext<'_, '_>) -> Option<Operator> {
    let operands = parse_elements(node, SPEC.name, context)?;
    let case = context.case;
    Some(Operator::Has(Has { operands, case }))
}

/// Parses the operands of `has` and `has_all`: values that an element of the list can equal.
pub fn parse_elements(
    node: &Node,
    operator: &str,
    context: &mut OperandContext<'_, '_>,
) -> Option<Operands> {
    if !context.applies(
        node,
        operator,
        is_list,
        |_| "text is searched with `contains: TEXT`, one value is compared with `is`",
    ) {
        return None;
    }
    Operands::parse(node, context, check_element)
}

fn is_list(field: &FieldType) -> bool {
    matches!(field, FieldType::List(_) | FieldType::Any)
}

fn is_single(field: &FieldType) -> bool {
    !matches!(field, FieldType::List(_))
}

fn check_element(node: &Node, operand: &Operand, context: &mut OperandContext<'_, '_>) -> bool {
    let element = match context.known() {
        Some([FieldType::List(element)]) => element.as_ref().clone(),
        _ => FieldType::Any,
    };
    let Some(value) = operand.constant(context) else {
        return operand.fits(node, context, |other| {
            is_single(other) && element.is_like(other)
        });
    };
    if value.is_array() {
        let message = format!("an element of `{}` is never a list", context.path.text);
        let help = "write the values out as one list, `has: [a, b]`";
        context
            .names
            .error(Code::NeverHolds, node.at, message, help);
        return false;
    }
    let (fits, advice) = match element {
        FieldType::Id | FieldType::Integer => (value.is_number(), "write a number without quotes"),
        FieldType::Text => (value.is_string(), "write the value in quotes"),
        FieldType::Decimal
        | FieldType::Boolean
        | FieldType::Time
        | FieldType::Date
        | FieldType::Priority
        | FieldType::Status
        | FieldType::TicketType
        | FieldType::List(_)
        | FieldType::Object
        | FieldType::Any => (true, ""),
    };
    if !fits {
        let (path, kind) = (&context.path.text, element.describe());
        let message = format!(
            "an element of `{path}` is {kind}, never {}",
            format_value(&value)
        );
        context
            .names
            .error(Code::NeverHolds, node.at, message, advice);
    }
    fits
}

/// Evaluates `test` with the elements of a list. Null never matches; other types are wrong types.
pub fn elements(value: &Value, test: impl FnOnce(&[Value]) -> Verdict) -> Verdict {
    match value {
        Value::Array(items) => test(items),
        Value::Null => Verdict::NoMatch,
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            Verdict::WrongType
        }
    }
}

/// Explains why no element matches, if one of them almost does or the value is not a list.
pub fn element_hint(found: &Resolved<'_>, expected: &[Value]) -> Option<String> {
    let [value] = found.values() else {
        return None;
    };
    match value {
        Value::Array(items) => items.iter().enumerate().find_map(|(index, item)| {
            let near = expected
                .iter()
                .find_map(|expected| near_miss(item, expected))?;
            Some(format!("[{index}] {near}"))
        }),
        Value::String(_) => Some("the value is text; `contains: TEXT` looks inside of it".into()),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => Some(format!(
            "the value is not a list but {}",
            format_value(value)
        )),
        Value::Null => None,
    }
}

impl OperatorImpl for Has {
    fn test(&self, value: &Value, scope: &Scope<'_>) -> Verdict {
        elements(value, |items| {
            self.operands.any(scope, |expected| {
                Verdict::any(items.iter().map(|item| compare(item, expected, self.case)))
            })
        })
    }

    fn operands(&self) -> Vec<&Operand> {
        self.operands.0.iter().collect()
    }

    fn operands_mut(&mut self) -> Vec<&mut Operand> {
        self.operands.0.iter_mut().collect()
    }

    fn index_conditions(&self) -> Vec<IndexCondition> {
        let condition = self.operands.index_condition(self.case, IndexKey::Element);
        match condition.clues.as_slice() {
            [IndexKey::Exists] => {
                vec![IndexCondition::within(IndexKey::Equal(EqualityKey::List))]
            }
            _ => vec![condition],
        }
    }

    fn case(&self) -> CaseSensitivity {
        self.case
    }

    fn expected(&self, scope: &Scope<'_>) -> String {
        self.operands.describe(" | ", scope)
    }

    fn hint(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Option<String> {
        let expected: Vec<Value> = self.operands.values(scope).collect();
        element_hint(found, &expected)
    }

    fn satisfying_values(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Vec<Value> {
        let with = |expected| {
            let mut items = list_or_empty(found);
            items.push(expected);
            Value::Array(items)
        };
        self.operands.values(scope).map(with).collect()
    }

    fn violating_value(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Option<Value> {
        let unwanted: Vec<Value> = self.operands.values(scope).collect();
        let mut items = list_or_empty(found);
        let allows =
            |item: &Value, unwanted| compare(item, unwanted, self.case) == Verdict::NoMatch;
        items.retain(|item| unwanted.iter().all(|unwanted| allows(item, unwanted)));
        Some(Value::Array(items))
    }
}

/// Returns the elements of a list; empty for any other value.
pub fn list_or_empty(found: &Resolved<'_>) -> Vec<Value> {
    match found.values() {
        [Value::Array(items)] => items.clone(),
        _ => Vec::new(),
    }
}
