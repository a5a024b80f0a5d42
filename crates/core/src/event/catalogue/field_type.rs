//! The types of fields in the catalogue, with their names and the values of closed sets.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const PRIORITIES: &[&str] = &["low", "normal", "high", "urgent"];
const STATUSES: &[&str] = &[
    "new", "open", "pending", "hold", "solved", "closed", "deleted",
];
const TICKET_TYPES: &[&str] = &["question", "incident", "problem", "task"];

/// The type of one field. Written `id`, `text`, `list<id>` in the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldType {
    /// A whole number that identifies something.
    Id,
    Integer,
    Decimal,
    Text,
    Boolean,
    Time,
    Date,
    /// low < normal < high < urgent.
    Priority,
    /// new < open < pending < hold < solved < closed; `deleted` has no rank.
    Status,
    TicketType,
    List(Box<FieldType>),
    Object,
    Any,
}

impl FieldType {
    /// All types except lists.
    pub const SCALARS: [FieldType; 12] = [
        FieldType::Id,
        FieldType::Integer,
        FieldType::Decimal,
        FieldType::Text,
        FieldType::Boolean,
        FieldType::Time,
        FieldType::Date,
        FieldType::Priority,
        FieldType::Status,
        FieldType::TicketType,
        FieldType::Object,
        FieldType::Any,
    ];

    /// The type in a message: "a list of text".
    pub fn describe(&self) -> String {
        match self {
            FieldType::Id => "an id".into(),
            FieldType::Integer => "a whole number".into(),
            FieldType::Decimal => "a number".into(),
            FieldType::Text => "text".into(),
            FieldType::Boolean => "true or false".into(),
            FieldType::Time => "a time".into(),
            FieldType::Date => "a date".into(),
            FieldType::Priority => "a priority".into(),
            FieldType::Status => "a status".into(),
            FieldType::TicketType => "a ticket type".into(),
            FieldType::List(element) => format!("a list of {}", element.plural()),
            FieldType::Object => "an object".into(),
            FieldType::Any => "any value".into(),
        }
    }

    /// All values of a closed set. Null is always possible too, and not included.
    pub fn values(&self) -> Option<&'static [&'static str]> {
        match self {
            FieldType::Priority => Some(PRIORITIES),
            FieldType::Status => Some(STATUSES),
            FieldType::TicketType => Some(TICKET_TYPES),
            FieldType::Id
            | FieldType::Integer
            | FieldType::Decimal
            | FieldType::Text
            | FieldType::Boolean
            | FieldType::Time
            | FieldType::Date
            | FieldType::List(_)
            | FieldType::Object
            | FieldType::Any => None,
        }
    }

    /// Whether a value of this type can equal a value of the other.
    pub fn is_like(&self, other: &FieldType) -> bool {
        match (self, other) {
            (FieldType::Any, _) | (_, FieldType::Any) => true,
            (FieldType::List(a), FieldType::List(b)) => a.is_like(b),
            (a, b) if a.values().is_some() && b.values().is_some() => a == b,
            (a, b) => (a.is_number() && b.is_number()) || (a.is_text() && b.is_text()) || a == b,
        }
    }

    /// Whether its values may be numbers.
    pub fn is_number(&self) -> bool {
        matches!(
            self,
            FieldType::Id | FieldType::Integer | FieldType::Decimal | FieldType::Any
        )
    }

    /// Whether its values may be text. Decimals may arrive as text.
    pub fn is_text(&self) -> bool {
        match self {
            FieldType::Text
            | FieldType::Time
            | FieldType::Date
            | FieldType::Priority
            | FieldType::Status
            | FieldType::TicketType
            | FieldType::Decimal
            | FieldType::Any => true,
            FieldType::Id
            | FieldType::Integer
            | FieldType::Boolean
            | FieldType::List(_)
            | FieldType::Object => false,
        }
    }

    /// The values from low to high, if the type has an order.
    pub fn ranks(&self) -> Option<&'static [&'static str]> {
        match self {
            FieldType::Priority => Some(PRIORITIES),
            FieldType::Status => Some(&STATUSES[..6]),
            FieldType::Id
            | FieldType::Integer
            | FieldType::Decimal
            | FieldType::Text
            | FieldType::Boolean
            | FieldType::Time
            | FieldType::Date
            | FieldType::TicketType
            | FieldType::List(_)
            | FieldType::Object
            | FieldType::Any => None,
        }
    }

    /// The rank of a value in the type's order. `None` without a rank.
    pub fn rank(&self, value: &str) -> Option<usize> {
        self.ranks()?.iter().position(|known| *known == value)
    }

    /// The name in the catalogue: `list<id>`.
    pub fn name(&self) -> String {
        match self {
            FieldType::Id => "id".into(),
            FieldType::Integer => "integer".into(),
            FieldType::Decimal => "decimal".into(),
            FieldType::Text => "text".into(),
            FieldType::Boolean => "boolean".into(),
            FieldType::Time => "time".into(),
            FieldType::Date => "date".into(),
            FieldType::Priority => "priority".into(),
            FieldType::Status => "status".into(),
            FieldType::TicketType => "ticket_type".into(),
            FieldType::List(element) => format!("list<{}>", element.name()),
            FieldType::Object => "object".into(),
            FieldType::Any => "any".into(),
        }
    }

    /// Parses a name as returned by [`FieldType::name`].
    pub fn parse(name: &str) -> Option<FieldType> {
        let list = name.strip_prefix("list<").and_then(|n| n.strip_suffix('>'));
        match list {
            Some(element) => FieldType::scalar(element).map(|t| FieldType::List(Box::new(t))),
            None => FieldType::scalar(name),
        }
    }

    // No lists of lists: they do not occur, and parsing must not recurse.
    fn scalar(name: &str) -> Option<FieldType> {
        match name {
            "id" => Some(FieldType::Id),
            "integer" => Some(FieldType::Integer),
            "decimal" => Some(FieldType::Decimal),
            "text" => Some(FieldType::Text),
            "boolean" => Some(FieldType::Boolean),
            "time" => Some(FieldType::Time),
            "date" => Some(FieldType::Date),
            "priority" => Some(FieldType::Priority),
            "status" => Some(FieldType::Status),
            "ticket_type" => Some(FieldType::TicketType),
            "object" => Some(FieldType::Object),
            "any" => Some(FieldType::Any),
            _ => None,
        }
    }

    fn plural(&self) -> String {
        match self {
            FieldType::Id => "ids".into(),
            FieldType::Integer => "whole numbers".into(),
            FieldType::Decimal => "numbers".into(),
            FieldType::Text => "text".into(),
            FieldType::Boolean => "true or false".into(),
            FieldType::Time => "times".into(),
            FieldType::Date => "dates".into(),
            FieldType::Priority => "priorities".into(),
            FieldType::Status => "statuses".into(),
            FieldType::TicketType => "ticket types".into(),
            FieldType::List(element) => format!("lists of {}", element.plural()),
            FieldType::Object => "objects".into(),
            FieldType::Any => "values".into(),
        }
    }
}

impl<'de> Deserialize<'de> for FieldType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        FieldType::parse(&name).ok_or_else(|| {
            de::Error::custom(format!(
                "unknown field type `{name}`, expected one of id, integer, decimal, text, boolean, \
                 time, date, priority, status, ticket_type, object, any, or list<…> of one of them"
            ))
        })
    }
}

impl Serialize for FieldType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_be_parsed() {
        for name in ["id", "ticket_type", "any", "list<id>", "list<text>"] {
            let parsed = FieldType::parse(name).expect(name);
            assert_eq!(parsed.name(), name);
        }
        for scalar in FieldType::SCALARS {
            assert_eq!(FieldType::parse(&scalar.name()), Some(scalar));
        }
    }

    #[test]
    fn unknown_names_and_lists_of_lists_are_errors() {
        for name in ["number", "list<>", "list<list<id>>", "list<id", ""] {
            assert_eq!(FieldType::parse(name), None, "{name}");
        }
    }

    #[test]
    fn priority_and_status_have_their_own_order() {
        let rank = |t: &FieldType, v| t.rank(v);
        assert!(rank(&FieldType::Priority, "low") < rank(&FieldType::Priority, "urgent"));
        assert!(rank(&FieldType::Status, "hold") < rank(&FieldType::Status, "solved"));
        assert_eq!(rank(&FieldType::Status, "deleted"), None);
        assert_eq!(rank(&FieldType::TicketType, "task"), None);
    }

    #[test]
    fn lists_are_described() {
        assert_eq!(
            FieldType::parse("list<text>").unwrap().describe(),
            "a list of text"
        );
        assert_eq!(
            FieldType::parse("list<id>").unwrap().describe(),
            "a list of ids"
        );
    }
}
