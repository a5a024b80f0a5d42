//! Maps the fields of trigger conditions to paths in events and to the event types of their changes.
//! For a field that no event contains, the reason says what to do instead.

use serde_json::{Value, json};

use crate::convert::clause::Clause;
use crate::convert::placeholder::record::DeskRecord;
use crate::convert::triggers::fetched::FetchedTest;
use crate::convert::triggers::meaning::Meaning;
use crate::document::suggest;

/// A field of the ticket that every ticket event contains.
#[derive(Debug, PartialEq)]
pub struct Attribute {
    pub field: &'static str,
    pub path: &'static str,
    /// The event type of its changes.
    pub event_type: &'static str,
    pub holds: AttributeKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttributeKind {
    Word,
    /// Words with an order, such as priorities.
    Rank,
    Id,
}

#[derive(Debug, Clone, PartialEq)]
pub enum TriggerField {
    Attribute(&'static Attribute),
    Tags,
    Custom(u64),
    UpdateType,
    CommentIsPublic,
    TicketIsPublic,
    /// The address that the ticket was sent to.
    Recipient,
    /// A count in the metrics of the ticket, by its name there.
    Count(&'static str),
    /// Words in the subject or the description of the ticket, or in a comment.
    Text(TextField),
    Channel,
    /// The channel of the update.
    UpdateChannel,
    Role,
    /// No event contains it.
    NotInEvents(&'static str),
    /// A misspelt name of this field.
    Misspelt(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextField {
    Subject,
    Description,
    Comment,
}

const ATTRIBUTES: &[Attribute] = &[
    attribute(
        "status",
        "ticket.status",
        "ticket.StatusChanged",
        AttributeKind::Rank,
    ),
    attribute(
        "priority",
        "ticket.priority",
        "ticket.PriorityChanged",
        AttributeKind::Rank,
    ),
    attribute(
        "type",
        "ticket.type",
        "ticket.TicketTypeChanged",
        AttributeKind::Word,
    ),
    attribute(
        "group_id",
        "ticket.group_id",
        "ticket.GroupAssignmentChanged",
        AttributeKind::Id,
    ),
    attribute(
        "assignee_id",
        "ticket.assignee_id",
        "ticket.AgentAssignmentChanged",
        AttributeKind::Id,
    ),
    attribute(
        "requester_id",
        "ticket.requester_id",
        "ticket.RequesterChanged",
        AttributeKind::Id,
    ),
    attribute(
        "organization_id",
        "ticket.organization_id",
        "ticket.OrganizationChanged",
        AttributeKind::Id,
    ),
    attribute(
        "brand_id",
        "ticket.brand_id",
        "ticket.BrandChanged",
        AttributeKind::Id,
    ),
    attribute(
        "ticket_form_id",
        "ticket.form_id",
        "ticket.TicketFormChanged",
        AttributeKind::Id,
    ),
    attribute(
        "custom_status_id",
        "ticket.custom_status",
        "ticket.CustomStatusChanged",
        AttributeKind::Id,
    ),
];

const fn attribute(
    field: &'static str,
    path: &'static str,
    event_type: &'static str,
    holds: AttributeKind,
) -> Attribute {
    Attribute {
        field,
        path,
        event_type,
        holds,
    }
}

const BY_STEP: &str = "events do not contain it; fetch it with a step (`http: { connection: zendesk, path: /api/v2/… }`) and stop with a guard (`- when: { steps.NAME.body.…: … }`)";
const SCHEDULE: &str = "business hours are not supported yet";

/// The field with the name.
pub fn find(name: &str) -> TriggerField {
    if let Some(attribute) = ATTRIBUTES.iter().find(|known| known.field == name) {
        return TriggerField::Attribute(attribute);
    }
    let custom = ["custom_fields_", "ticket_fields_"]
        .iter()
        .find_map(|start| name.strip_prefix(start)?.parse().ok());
    if let Some(id) = custom {
        return TriggerField::Custom(id);
    }
    match name {
        "current_tags" => TriggerField::Tags,
        "update_type" => TriggerField::UpdateType,
        "comment_is_public" => TriggerField::CommentIsPublic,
        "ticket_is_public" => TriggerField::TicketIsPublic,
        "subject_includes_word" => TriggerField::Text(TextField::Subject),
        "description_includes_word" => TriggerField::Text(TextField::Description),
        "comment_includes_word" => TriggerField::Text(TextField::Comment),
        "via_id" => TriggerField::Channel,
        "role" | "current_user" | "current_user_role" => TriggerField::Role,
        "in_business_hours" | "within_schedule" | "schedule_id" | "holiday" => {
            TriggerField::NotInEvents(SCHEDULE)
        }
        "recipient" => TriggerField::Recipient,
        "reopens" => TriggerField::Count("reopens"),
        "replies" => TriggerField::Count("replies"),
        "agent_stations" => TriggerField::Count("assignee_stations"),
        "group_stations" => TriggerField::Count("group_stations"),
        "current_via_id" => TriggerField::UpdateChannel,
        _ => match misspelt(name) {
            Some(meant) => TriggerField::Misspelt(meant),
            None => TriggerField::NotInEvents(BY_STEP),
        },
    }
}

/// The other fields of conditions than those of [`ATTRIBUTES`].
const OTHERS: [&str; 14] = [
    "current_tags",
    "update_type",
    "comment_is_public",
    "ticket_is_public",
    "subject_includes_word",
    "description_includes_word",
    "comment_includes_word",
    "via_id",
    "current_via_id",
    "recipient",
    "reopens",
    "replies",
    "agent_stations",
    "group_stations",
];

/// Fields whose names are similar to others, and which are no misspelling.
const SIMILAR: [&str; 3] = ["role", "user", "locale_id"];

fn misspelt(name: &str) -> Option<&'static str> {
    let attributes = ATTRIBUTES.iter().map(|attribute| attribute.field);
    let near = suggest::nearest(name, attributes.chain(OTHERS))?;
    (suggest::is_misspelt(name, near) && !SIMILAR.contains(&name)).then_some(near)
}

/// The channel's name in events. Numbers whose name is not certain are left out.
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

/// The tags of a value: words, or a list of them.
pub fn tags(value: &Value) -> Vec<String> {
    let texts: Vec<&str> = match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        single => single.as_str().into_iter().collect(),
    };
    let words = texts.into_iter().flat_map(str::split_whitespace);
    // The help desk stores tags in lower case.
    words.map(str::to_lowercase).collect()
}

impl Attribute {
    /// The condition on the field's value.
    pub fn state(&self, test: Value) -> Meaning {
        match self.field {
            // Only event webhooks contain it.
            "custom_status_id" => {
                let record = DeskRecord::Ticket;
                Meaning::Fetched(FetchedTest::at(record, "ticket.custom_status_id", test))
            }
            _ => Meaning::State(Clause::test(self.path, test)),
        }
    }

    /// The operands of a list; `None` if the value is not a list of operands.
    pub fn operands(&self, value: &Value) -> Option<Value> {
        let items = value.as_array().filter(|items| !items.is_empty())?;
        let operands = items.iter().map(|item| self.operand(item));
        let operands = operands.collect::<Option<Vec<_>>>()?;
        // A list of operands has no paths.
        operands
            .iter()
            .all(|operand| !operand.is_object())
            .then(|| json!(operands))
    }

    /// The operand as events write it; `None` if events do not contain what it refers to.
    pub fn operand(&self, value: &Value) -> Option<Value> {
        let text = match value {
            Value::Null => return Some(Value::Null),
            Value::Number(number) => return Some(json!(number)),
            Value::String(text) => text.trim(),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
        };
        match (text, self.holds) {
            ("", _) => Some(Value::Null),
            (text, AttributeKind::Word | AttributeKind::Rank) => {
                Some(json!(text.to_ascii_lowercase()))
            }
            ("current_user", AttributeKind::Id) => Some(json!({"path": "actor_id"})),
            ("requester_id" | "assignee_id", AttributeKind::Id) => {
                Some(json!({"path": format!("ticket.{text}")}))
            }
            (id, AttributeKind::Id) => id.parse::<u64>().ok().map(Value::from),
        }
    }
}

/// The values of a custom field in events: a number or a checkbox may also be text, and a checkbox that was
/// never set is null.
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
        Some(Value::Bool(false)) => json!([false, text, null]),
        Some(typed) => json!([typed, text]),
        None => json!(text),
    })
}
