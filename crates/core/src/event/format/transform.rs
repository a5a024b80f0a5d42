//! Transforms of single values from a format to the normalised event.
//! A value of an unexpected type is kept unchanged, so that rules can see it.

use serde_json::{Map, Value};

use crate::event::catalogue::event_type::{EventType, FieldLookup};
use crate::event::catalogue::field_type::FieldType;
use crate::event::json::tape::JsonKind;
use crate::event::json::value_ref::ValueRef;

/// The transform of one field mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transform {
    AsIs,
    /// An object without its keys: the relevant keys have their own mappings.
    Emptied,
    /// A text of digits becomes a whole number, an empty text null.
    Id,
    /// A text becomes lower case, an empty text null.
    Lower,
    /// Null becomes an empty list, so that `has` has the same verdict in every format.
    Tags,
    /// As the catalogue's type of the field in the event type requires.
    Typed,
    /// The part of a text with this number, split at slashes, as an id.
    Part(usize),
}

impl Transform {
    /// The normalised value. `field` is its event type and path, if the type is known.
    pub fn apply(self, value: Value, field: Option<(&EventType, &str)>) -> Value {
        self.apply_type(value, self.field_type(field))
    }

    /// The catalogue's type of the field, if the transform depends on it.
    pub fn field_type<'t>(self, field: Option<(&'t EventType, &str)>) -> Option<&'t FieldType> {
        let (known, path) = field.filter(|_| self == Transform::Typed)?;
        match known.field(path) {
            FieldLookup::Known(field_type) => Some(field_type),
            FieldLookup::Open | FieldLookup::Unlisted { .. } | FieldLookup::Unknown { .. } => None,
        }
    }

    /// The normalised value, with the type of the field already looked up.
    pub fn apply_type(self, value: Value, field_type: Option<&FieldType>) -> Value {
        match self {
            Transform::AsIs => value,
            Transform::Emptied => match value {
                Value::Object(_) => Value::Object(Map::new()),
                other => other,
            },
            Transform::Id => id(value),
            Transform::Lower => lower(value),
            Transform::Tags => list(value, |tag| tag),
            Transform::Typed => match field_type {
                Some(field_type) => typed(value, field_type),
                None => value,
            },
            Transform::Part(n) => match value.as_str().and_then(|text| text.split('/').nth(n)) {
                Some(part) => id(Value::from(part)),
                None => Value::Null,
            },
        }
    }

    /// Whether the transform certainly does not change a value, so that it need not be built.
    pub fn leaves_unchanged(self, datum: ValueRef<'_>, field_type: Option<&FieldType>) -> bool {
        match self {
            Transform::AsIs => true,
            Transform::Emptied => datum.kind() != JsonKind::Object,
            Transform::Id => is_no_id(datum),
            Transform::Lower => is_lower(datum),
            Transform::Tags => !datum.is_null(),
            Transform::Typed => field_type.is_none_or(|field_type| is_typed(datum, field_type)),
            Transform::Part(_) => false,
        }
    }
}

/// Whether a text is neither empty nor only digits.
fn is_no_id(datum: ValueRef<'_>) -> bool {
    datum
        .text()
        .is_none_or(|text| !text.bytes().all(|b| b.is_ascii_digit()))
}

fn is_lower(datum: ValueRef<'_>) -> bool {
    let is_lower = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase();
    datum
        .text()
        .is_none_or(|text| !text.is_empty() && text.bytes().all(is_lower))
}

fn is_typed(datum: ValueRef<'_>, field_type: &FieldType) -> bool {
    match field_type {
        FieldType::Id => is_no_id(datum),
        FieldType::Priority | FieldType::Status | FieldType::TicketType => is_lower(datum),
        FieldType::List(_) => false,
        FieldType::Integer
        | FieldType::Decimal
        | FieldType::Text
        | FieldType::Boolean
        | FieldType::Time
        | FieldType::Date
        | FieldType::Object
        | FieldType::Any => true,
    }
}

fn typed(value: Value, field_type: &FieldType) -> Value {
    match field_type {
        FieldType::Id => id(value),
        FieldType::Priority | FieldType::Status | FieldType::TicketType => lower(value),
        FieldType::List(element) => list(value, |value| typed(value, element)),
        FieldType::Integer
        | FieldType::Decimal
        | FieldType::Text
        | FieldType::Boolean
        | FieldType::Time
        | FieldType::Date
        | FieldType::Object
        | FieldType::Any => value,
    }
}

fn id(value: Value) -> Value {
    match value.as_str() {
        Some("") => Value::Null,
        Some("0") => Value::from(0),
        // A leading zero or sign is part of a name, not of a number.
        Some(text) if text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0') => {
            text.parse::<u64>().map_or(value, Value::from)
        }
        Some(_) | None => value,
    }
}

fn lower(value: Value) -> Value {
    match value.as_str() {
        Some("") => Value::Null,
        Some(text) => Value::from(text.to_lowercase()),
        None => value,
    }
}

fn list(value: Value, element: impl Fn(Value) -> Value) -> Value {
    match value {
        Value::Null => Value::Array(Vec::new()),
        Value::Array(elements) => elements.into_iter().map(element).collect(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => value,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::catalogue::Catalogue;

    #[test]
    fn ids_become_whole_numbers() {
        for (received, expected) in [
            (json!("360000146293"), json!(360000146293_u64)),
            (json!(7), json!(7)),
            (json!(""), json!(null)),
            (json!(null), json!(null)),
            (json!("0"), json!(0)),
            (json!("007"), json!("007")),
            (json!("zd:answerBot"), json!("zd:answerBot")),
            (json!("99999999999999999999"), json!("99999999999999999999")),
            (json!({"id": 1}), json!({"id": 1})),
        ] {
            assert_eq!(Transform::Id.apply(received, None), expected);
        }
    }

    #[test]
    fn values_of_closed_sets_become_lower_case() {
        assert_eq!(
            Transform::Lower.apply(json!("URGENT"), None),
            json!("urgent")
        );
        assert_eq!(Transform::Lower.apply(json!("open"), None), json!("open"));
        assert_eq!(Transform::Lower.apply(json!(null), None), json!(null));
        assert_eq!(Transform::Lower.apply(json!(3), None), json!(3));
    }

    #[test]
    fn the_catalogue_decides_the_type_of_previous() {
        let typed = |name: &str, path: &str, value| {
            let known = Catalogue::built_in().by_name("support", name).expect(name);
            Transform::Typed.apply(value, Some((known, path)))
        };
        assert_eq!(
            typed("ticket.PriorityChanged", "previous", json!("LOW")),
            json!("low")
        );
        assert_eq!(
            typed("ticket.BrandChanged", "current", json!("12")),
            json!(12)
        );
        assert_eq!(
            typed("ticket.SubjectChanged", "current", json!("12")),
            json!("12")
        );
        assert_eq!(
            typed("ticket.CustomFieldChanged", "current", json!("10")),
            json!("10")
        );
        assert_eq!(
            typed("ticket.CcsChanged", "users_added", json!(["1", 2])),
            json!([1, 2])
        );
        assert_eq!(
            typed("ticket.TagsChanged", "tags_added", json!(null)),
            json!([])
        );
    }

    #[test]
    fn unchanged_values_are_in_normal_form() {
        let types = [
            FieldType::Id,
            FieldType::Status,
            FieldType::Text,
            FieldType::Any,
            FieldType::List(Box::new(FieldType::Id)),
        ];
        let leaves = [
            Transform::AsIs,
            Transform::Emptied,
            Transform::Id,
            Transform::Lower,
            Transform::Tags,
            Transform::Typed,
            Transform::Part(1),
        ];
        let values = json!([
            null, true, 0, -1.5, "", "0", "12", "012", "a", "A", "é", "É", "a/7", [], ["1", "A"], {}, {"a": "1"}
        ]);
        let mut kept = 0;
        for value in values.as_array().unwrap() {
            for leaf in leaves {
                for field_type in types.iter().map(Some).chain([None]) {
                    if leaf.leaves_unchanged(ValueRef::Built(value), field_type) {
                        assert_eq!(
                            leaf.apply_type(value.clone(), field_type),
                            *value,
                            "{leaf:?}"
                        );
                        kept += 1;
                    }
                }
            }
        }
        assert!(kept > 300, "{kept}");
    }

    #[test]
    fn a_part_of_a_text_is_an_id() {
        let name = json!("aws.partner/zendesk.com/9242270/default");
        assert_eq!(Transform::Part(2).apply(name, None), json!(9242270));
        assert_eq!(Transform::Part(2).apply(json!("short"), None), json!(null));
    }
}
