//! Warns about comparisons with event fields that never hold: another type or an impossible value.
//! They are only warnings, because the bundle works on ZIS too.

use std::sync::Arc;

use serde_json::Value;

use crate::bundle::SpannedText;
use crate::bundle::choice::{ChoiceTest, Comparison, ComparisonOperand, Relation};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Report, Severity, Span};
use crate::document::{Node, Yaml};
use crate::event::catalogue::field_type::FieldType;
use crate::language::condition::{Condition, contradiction};
use crate::language::event_fields::{EventFields, FieldCheck};
use crate::language::operator::equality::check_literal;
use crate::language::operator::operand;
use crate::language::operator::{CaseSensitivity, OperandContext};
use crate::language::resolver::NameResolver;
use crate::path::Path;

/// Finds the place in the event's document that a path reads; `None` if it may read something else.
pub type Locate<'l> = dyn Fn(&str) -> Option<Vec<String>> + 'l;

/// Checks the tests of a choice that read the event.
pub fn check(test: &ChoiceTest, locate: &Locate<'_>, names: &mut NameResolver<'_>) {
    match test {
        ChoiceTest::And(parts) | ChoiceTest::Or(parts) => {
            parts.iter().for_each(|part| check(part, locate, names))
        }
        ChoiceTest::Not(part) => check(part, locate, names),
        ChoiceTest::One {
            variable,
            comparison,
            at,
        } => {
            if let Some(field) = in_event(&variable.text, locate, names) {
                check_one(variable, &field, comparison, *at, names);
            }
        }
    }
}

fn check_one(
    variable: &SpannedText,
    field: &EventField,
    comparison: &Comparison,
    at: Span,
    names: &mut NameResolver<'_>,
) {
    let FieldCheck::Known(types) = names.fields.check(&field.dotted) else {
        return;
    };
    let value = match comparison {
        Comparison::Text(Relation::Equals, ComparisonOperand::Value(value))
        | Comparison::Number(Relation::Equals, ComparisonOperand::Value(value))
        | Comparison::Boolean(ComparisonOperand::Value(value)) => value,
        Comparison::Text(..)
        | Comparison::Number(..)
        | Comparison::Time(..)
        | Comparison::Boolean(_)
        | Comparison::IsPresent(_)
        | Comparison::IsNull(_) => return,
    };
    if let [first, ..] = types.as_slice()
        && let Some(help) = other_kind(first, value)
        && types.iter().all(|field| other_kind(field, value).is_some())
    {
        let message = format!("`{}` is {}, never {value}", variable.text, first.describe());
        names.warning(Code::NeverHolds, at, message, help);
        return;
    }
    report_as_warnings(at, &field.path, types, value, names);
}

/// Returns the help for a comparison with a value of another kind than the field.
fn other_kind(field: &FieldType, value: &Value) -> Option<&'static str> {
    match (field, value) {
        (FieldType::Id | FieldType::Integer, Value::String(_)) => {
            Some("compare by `NumericEquals`, with a number without quotes")
        }
        (FieldType::Boolean, Value::String(_) | Value::Number(_)) => {
            Some("compare by `BooleanEquals`")
        }
        (
            FieldType::Text | FieldType::Priority | FieldType::Status | FieldType::TicketType,
            Value::Number(_) | Value::Bool(_),
        ) => Some("compare by `StringEquals`"),
        (FieldType::List(_), _) => {
            Some("test it in an earlier jq transform: `.tags | index(\"vip\") != null`")
        }
        _ => None,
    }
}

/// Reports the errors that the comparison would have in a rule, as warnings.
fn report_as_warnings(
    at: Span,
    path: &Path,
    types: Vec<FieldType>,
    value: &Value,
    names: &mut NameResolver<'_>,
) {
    let Value::String(text) = value else {
        return;
    };
    let node = Node {
        value: Yaml::Text(text.clone()),
        at,
    };
    let mut found = Diagnostics::default();
    let mut own = NameResolver::new(
        names.catalogue,
        Arc::clone(&names.in_scope.vars),
        names.fields.clone(),
        &mut found,
    );
    let mut parsing = OperandContext {
        path,
        fields: FieldCheck::Known(types),
        case: CaseSensitivity::Exact,
        names: &mut own,
    };
    check_literal(
        &node,
        &operand::Operand::Literal(value.clone()),
        &mut parsing,
    );
    for diagnostic in found.iter() {
        names.diagnostics.push(Diagnostic {
            severity: Severity::Warning,
            ..diagnostic.clone()
        });
    }
}

/// Warns about comparisons of one value that can never hold together.
pub fn warn_of_contradiction(test: &Condition, names: &mut NameResolver<'_>) {
    if names.diagnostics.is_of_stored_rules() {
        return;
    }
    let mut found = Diagnostics::default();
    let vars = Arc::clone(&names.in_scope.vars);
    let mut own = NameResolver::new(names.catalogue, vars, EventFields::Open, &mut found);
    contradiction::check(test, &mut own);
    for diagnostic in found.iter().filter(|found| found.code == Code::NeverHolds) {
        names.warning(
            Code::NeverHolds,
            diagnostic.at,
            diagnostic.message.clone(),
            "no event takes this choice; correct one of the comparisons, or combine them by `Or`",
        );
    }
}

/// A path into the body of the event.
struct EventField {
    path: Path,
    /// The path below the body, as in the catalogue.
    dotted: String,
}

fn in_event(text: &str, locate: &Locate<'_>, names: &NameResolver<'_>) -> Option<EventField> {
    let path = Path::in_document(text.trim()).ok()?;
    let route = locate(text)?;
    let [input, key, rest @ ..] = route.as_slice() else {
        return None;
    };
    let known = input == "input" && names.fields.body_keys().contains(&key.as_str());
    let dotted = rest.join(".");
    (known && !rest.is_empty()).then_some(EventField { path, dotted })
}
