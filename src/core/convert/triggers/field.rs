//! What the fields of trigger conditions are among our events: where they stand in the ticket, and which
//! event tells of their change.
//! It refuses to guess: a field that no event carries is named with the reason and what to do instead.

use serde_json::{Value, json};

/// A field of the ticket that every ticket event carries.
#[derive(Debug, PartialEq)]
pub struct Attribute {
    pub field: &'static str,
    pub path: &'static str,
    /// The event of its change.
    pub tag: &'static str,
    pub holds: Holds,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    Word,
    /// Words in an order of their own.
    Rank,
    Id,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    Attribute(&'static Attribute),
    Tags,
    Custom(u64),
    UpdateType,
    CommentIsPublic,
    TicketIsPublic,
    /// Words in the subject or the description of the ticket, or in a comment.
    Text(Text),
    Channel,
    Role,
    /// Nothing that an event carries.
    Elsewhere(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text {
    Subject,
    Description,
    Comment,
}

const ATTRIBUTES: &[Attribute] = &[
    attribute(
        "status",
        "ticket.status",
        "ticket.StatusChanged",
        Holds::Rank,
    ),
    attribute(
        "priority",
        "ticket.priority",
        "ticket.PriorityChanged",
        Holds::Rank,
    ),
    attribute(
        "type",
        "ticket.type",
        "ticket.TicketTypeChanged",
        Holds::Word,
    ),
    attribute(
        "group_id",
        "ticket.group_id",
        "ticket.GroupAssignmentChanged",
        Holds::Id,
    ),
    attribute(
        "assignee_id",
        "ticket.assignee_id",
        "ticket.AgentAssignmentChanged",
        Holds::Id,
    ),
    attribute(
        "requester_id",
        "ticket.requester_id",
        "ticket.RequesterChanged",
        Holds::Id,
    ),
    attribute(
        "organization_id",
        "ticket.organization_id",
        "ticket.OrganizationChanged",
        Holds::Id,
    ),
    attribute(
        "brand_id",
        "ticket.brand_id",
        "ticket.BrandChanged",
        Holds::Id,
    ),
    attribute(
        "ticket_form_id",
        "ticket.form_id",
        "ticket.TicketFormChanged",
        Holds::Id,
    ),
    attribute(
        "custom_status_id",
        "ticket.custom_status",
        "ticket.CustomStatusChanged",
        Holds::Id,
    ),
];

const fn attribute(
    field: &'static str,
    path: &'static str,
    tag: &'static str,
    holds: Holds,
) -> Attribute {
    Attribute {
        field,
        path,
        tag,
        holds,
    }
}

const BY_STEP: &str = "events do not carry it; fetch it with a step (`http: { connection: zendesk, path: /api/v2/… }`) and stop with a guard (`- when: { steps.NAME.body.…: … }`)";
const SCHEDULE: &str = "business hours are reserved for a later version";
const COUNTED: &str = "events do not carry what is counted; fetch the ticket's metrics with a step and stop with a guard";

/// What a field's name stands for.
pub fn find(name: &str) -> Field {
    if let Some(attribute) = ATTRIBUTES.iter().find(|known| known.field == name) {
        return Field::Attribute(attribute);
    }
    let custom = ["custom_fields_", "ticket_fields_"]
        .iter()
        .find_map(|start| name.strip_prefix(start)?.parse().ok());
    if let Some(id) = custom {
        return Field::Custom(id);
    }
    match name {
        "current_tags" => Field::Tags,
        "update_type" => Field::UpdateType,
        "comment_is_public" => Field::CommentIsPublic,
        "ticket_is_public" => Field::TicketIsPublic,
        "subject_includes_word" => Field::Text(Text::Subject),
        "description_includes_word" => Field::Text(Text::Description),
        "comment_includes_word" => Field::Text(Text::Comment),
        "via_id" => Field::Channel,
        "role" | "current_user" | "current_user_role" => Field::Role,
        "in_business_hours" | "within_schedule" | "schedule_id" | "holiday" => {
            Field::Elsewhere(SCHEDULE)
        }
        "reopens" | "replies" | "agent_stations" | "group_stations" | "number_of_incidents" => {
            Field::Elsewhere(COUNTED)
        }
        "current_via_id" => Field::Elsewhere(
            "events tell how the ticket came (`ticket.via.channel`), not how it was changed",
        ),
        _ => Field::Elsewhere(BY_STEP),
    }
}

/// The channel as events tell it. The numbers of others stand for channels whose word is not certain.
pub fn channel(value: &Value) -> Option<&'static str> {
    let number = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    match number? {
        0 => Some("web"),
        4 => Some("email"),
        5 => Some("api"),
        8 => Some("rule"),
        29 => Some("chat"),
        57 => Some("sms"),
        _ => None,
    }
}

impl Attribute {
    /// The operand as our events write it; None where it means something that they do not carry.
    pub fn operand(&self, value: &Value) -> Option<Value> {
        let text = match value {
            Value::Null => return Some(Value::Null),
            Value::Number(number) => return Some(json!(number)),
            Value::String(text) => text.trim(),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
        };
        match (text, self.holds) {
            ("", _) => Some(Value::Null),
            (text, Holds::Word | Holds::Rank) => Some(json!(text.to_ascii_lowercase())),
            ("current_user", Holds::Id) => Some(json!({"path": "actor_id"})),
            ("requester_id" | "assignee_id", Holds::Id) => {
                Some(json!({"path": format!("ticket.{text}")}))
            }
            (id, Holds::Id) => id.parse::<u64>().ok().map(Value::from),
        }
    }
}

/// The values that a custom field may come with: a number or a checkbox as such, or as text.
pub fn custom_operand(value: &Value) -> Option<Value> {
    let text = match value {
        Value::Null => return Some(Value::Null),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(_) | Value::Object(_) => return None,
    };
    if text.is_empty() {
        return Some(json!([null, ""]));
    }
    let typed = serde_json::from_str::<Value>(&text).ok();
    let typed = typed.filter(|typed| typed.is_number() || typed.is_boolean());
    Some(match typed {
        Some(typed) => json!([typed, text]),
        None => json!(text),
    })
}
