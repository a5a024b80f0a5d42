//! Compares two values for equality. Any two values can be compared.
//! Types are not converted: `1` equals `1.0`, but not `"1"`.

use serde_json::Value;

use crate::document::Node;
use crate::document::suggest;
use crate::event::catalogue::field_type::FieldType;
use crate::language::operator::operand::Operand;
use crate::language::operator::time::instant;
use crate::language::operator::unseen;
use crate::language::operator::{CaseSensitivity, OperandContext, Verdict, format_value};
use crate::number::compare_numbers;

/// Returns whether two values are equal.
pub fn equal(a: &Value, b: &Value, case: CaseSensitivity) -> bool {
    match (a, b) {
        (Value::String(a), Value::String(b)) => same_text(a, b, case),
        (Value::Number(a), Value::Number(b)) => compare_numbers(a, b).is_eq(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b, case))
        }
        (Value::Object(a), Value::Object(b)) => {
            let same = |(key, a): (&String, &Value)| b.get(key).is_some_and(|b| equal(a, b, case));
            a.len() == b.len() && a.iter().all(same)
        }
        (a, b) => a == b,
    }
}

/// Compares a value with an operand. Null and values of one kind always compare; a scalar compared with a list
/// or an object is a wrong type, so that no negation holds by mistake.
pub fn compare(value: &Value, operand: &Value, case: CaseSensitivity) -> Verdict {
    let comparable =
        value.is_null() || operand.is_null() || is_container(value) == is_container(operand);
    match comparable {
        true => Verdict::from_bool(equal(value, operand, case)),
        false => Verdict::WrongType,
    }
}

fn is_container(value: &Value) -> bool {
    value.is_array() || value.is_object()
}

/// Returns whether two texts are equal.
pub fn same_text(a: &str, b: &str, case: CaseSensitivity) -> bool {
    match case {
        CaseSensitivity::Exact => a == b,
        CaseSensitivity::Ignored => a == b || fold(a) == fold(b),
    }
}

/// Converts a text to lower case.
pub fn fold(text: &str) -> String {
    text.to_lowercase()
}

/// Like [`fold`], but writes the result into `folded` and reuses its memory.
pub fn fold_into(text: &str, folded: &mut String) {
    folded.clear();
    if text.is_ascii() {
        folded.push_str(text);
        folded.make_ascii_lowercase();
    } else if text.contains('Σ') {
        // The lower case of this letter depends on its position.
        folded.push_str(&fold(text));
    } else {
        folded.extend(text.chars().flat_map(char::to_lowercase));
    }
}

/// Explains why two similar values are not equal.
pub fn near_miss(got: &Value, expected: &Value) -> Option<String> {
    if let (Value::String(got), Value::String(expected)) = (got, expected)
        && let Some(difference) = unseen::difference(got, expected)
    {
        return Some(difference);
    }
    match (got, expected) {
        (Value::String(got), Value::String(expected)) if fold(got) == fold(expected) => {
            Some("differs only in letter case; `ignore_case: true` ignores it".into())
        }
        (Value::String(got), Value::String(expected)) if got.trim() == expected.trim() => {
            Some("differs only in white space at the ends".into())
        }
        (Value::String(text), scalar @ (Value::Number(_) | Value::Bool(_)))
        | (scalar @ (Value::Number(_) | Value::Bool(_)), Value::String(text))
            if serde_json::from_str(text)
                .is_ok_and(|read| equal(&read, scalar, CaseSensitivity::Exact)) =>
        {
            Some(format!(
                "only the type differs: \"{text}\" is text, {scalar} is not"
            ))
        }
        (Value::Array(_), expected) if !is_container(expected) && !expected.is_null() => {
            Some(format!(
                "the value is a list; `has: {}` looks inside of it",
                format_value(expected)
            ))
        }
        (Value::Object(_), expected) if !is_container(expected) && !expected.is_null() => {
            Some("the value is an object; name a field inside of it".into())
        }
        (got, Value::Array(_) | Value::Object(_)) if !is_container(got) && !got.is_null() => {
            Some("a single value is compared with a list or an object".into())
        }
        (Value::Null, Value::String(text)) if text == "null" => {
            Some("null is written without quotes".into())
        }
        _ => None,
    }
}

/// Checks that an operand can equal a value of the field; false after reporting an error.
pub fn check_literal(node: &Node, operand: &Operand, context: &mut OperandContext<'_, '_>) -> bool {
    let types = context.known().unwrap_or_default().to_vec();
    let Some(first) = types.first() else {
        return true;
    };
    let Some(value) = operand.constant(context) else {
        return operand.fits(node, context, |other| {
            types.iter().any(|field| field.is_like(other))
        });
    };
    let case = context.case;
    if types.iter().any(|field| can_equal(field, &value, case)) {
        return true;
    }
    report(node, &value, first, context)
}

fn can_equal(field: &FieldType, value: &Value, case: CaseSensitivity) -> bool {
    if value.is_null() || *field == FieldType::Any {
        return true;
    }
    if let (Some(values), Value::String(text)) = (field.values(), value) {
        return values.iter().any(|known| same_text(known, text, case));
    }
    match field {
        FieldType::Id | FieldType::Integer => value.is_number(),
        FieldType::Decimal => value.is_number() || value.is_string(),
        FieldType::Text => value.is_string(),
        FieldType::Time | FieldType::Date => value.as_str().is_some_and(|t| instant(t).is_some()),
        FieldType::Boolean => value.is_boolean(),
        FieldType::Priority | FieldType::Status | FieldType::TicketType => false,
        FieldType::List(_) => value.is_array(),
        FieldType::Object => value.is_object(),
        FieldType::Any => true,
    }
}

/// Reports a value that the field never has; false after an error.
fn report(
    node: &Node,
    value: &Value,
    field: &FieldType,
    context: &mut OperandContext<'_, '_>,
) -> bool {
    let path = &context.path.text;
    let kind = field.describe();
    let message = format!("`{path}` is {kind}, never {}", format_value(value));
    let help = match (field, value) {
        (FieldType::List(_), _) => {
            format!(
                "to look inside of the list write `has: {}`",
                format_value(value)
            )
        }
        (FieldType::Id | FieldType::Integer, Value::String(text))
            if text.parse::<i64>().is_ok() =>
        {
            format!("write it without quotes: {text}")
        }
        (FieldType::Text, Value::Number(_) | Value::Bool(_)) => {
            format!("write it in quotes: \"{value}\"")
        }
        (FieldType::Boolean, Value::String(_)) => "write true or false without quotes".into(),
        (_, Value::String(text)) => value_help(field, text),
        _ => format!("compare with {kind}"),
    };
    context.never_holds(node, message, &help)
}

/// Suggests the most similar value of the field, or lists all values.
fn value_help(field: &FieldType, text: &str) -> String {
    let Some(values) = field.values() else {
        return format!("compare with {}", field.describe());
    };
    let lower = text.to_lowercase();
    match suggest::nearest(&lower, values.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it is one of {}", values.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn fold_and_fold_into_agree(text in "([A-Za-z0-9ΣÀÉßİKſ ]|\\PC){0,8}") {
            let mut folded = String::from("before");
            fold_into(&text, &mut folded);
            prop_assert_eq!(folded, fold(&text));
        }
    }
}
