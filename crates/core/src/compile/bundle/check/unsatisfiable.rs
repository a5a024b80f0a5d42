//! Warns about comparisons with event fields that never hold: another type or an impossible value.
//! They are only warnings, because the bundle works on ZIS too.

use std::sync::Arc;

use serde_json::Value;

use crate::bundle::SpannedText;
use crate::bundle::choice::{ChoiceTest, Comparison, ComparisonOperand, Relation};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Report, Severity, Span};
use crate::document::{Node, Yaml};
use crate::event::catalogue::field_type::FieldType;
use crate::language::event_fields::FieldCheck;
use crate::language::operator::equality::check_literal;
use crate::language::operator::operand;
use crate::language::operator::{CaseSensitivity, OperandContext};
use crate::language::resolver::NameResolver;
use crate::path::{Path, PathKind};

/// Checks the tests of a choice whose `$.input` is the event.
pub fn check(test: &ChoiceTest, names: &mut NameResolver<'_>) {
    match test {
        ChoiceTest::And(parts) | ChoiceTest::Or(parts) => {
            parts.iter().for_each(|part| check(part, names))
        }
        ChoiceTest::Not(part) => check(part, names),
        ChoiceTest::One {
            variable,
            comparison,
            at,
        } => check_one(variable, comparison, *at, names),
    }
}

fn check_one(
    variable: &SpannedText,
    comparison: &Comparison,
    at: Span,
    names: &mut NameResolver<'_>,
) {
    let Some((path, dotted)) = in_event(&variable.text, names) else {
        return;
    };
    let FieldCheck::Known(types) = names.fields.check(&dotted) else {
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
    report_as_warnings(at, &path, types, value, names);
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

/// Parses a path into the body of the event. Returns it with the path below the body, as in the catalogue.
fn in_event(text: &str, names: &NameResolver<'_>) -> Option<(Path, String)> {
    let path = Path::in_document(text.trim()).ok()?;
    let PathKind::Plain { keys, .. } = &path.route else {
        return None;
    };
    let route: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
    let ["input", key, rest @ ..] = route.as_slice() else {
        return None;
    };
    let dotted = rest.join(".");
    let known = names.fields.body_keys().contains(key) && !rest.is_empty();
    known.then_some((path, dotted))
}
