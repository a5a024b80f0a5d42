//! The fields that a trigger's own actions write, with their new values.
//! Placeholders read them from the response of the step that writes them, since a trigger sends its
//! notifications after its changes.

use serde_json::Value;

/// The name of the step that writes.
pub const STEP: &str = "change_ticket";

/// What a write does to the value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum NewValue {
    Is(Value),
    /// A value that is not known before the step runs.
    Unknown,
    TagsAdded(Vec<String>),
    TagsRemoved(Vec<String>),
}

/// A field of the ticket that an action writes.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldWrite {
    /// Its path in events.
    pub path: String,
    /// The event type of the change.
    pub event_type: &'static str,
    /// The id, if it is a custom field.
    pub custom: Option<u64>,
    pub value: NewValue,
}

/// All fields that the actions of one trigger write.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WrittenFields {
    pub writes: Vec<FieldWrite>,
    /// The actions add a comment.
    pub comment: bool,
}

impl WrittenFields {
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// The path of the field's value after the actions.
    pub fn current_path(&self, path: &str) -> String {
        // The options of some custom fields are tags, too.
        let written = |write: &FieldWrite| {
            write.path == path || (path == "ticket.tags" && write.custom.is_some())
        };
        match self.writes.iter().any(written) {
            true => format!("steps.{STEP}.body.{}", in_response(path)),
            false => path.to_owned(),
        }
    }

    /// The body of a response with the complete ticket, if the actions write.
    pub fn response(&self) -> Option<String> {
        (!self.is_empty()).then(|| format!("steps.{STEP}.body"))
    }
}

/// The name of the field in responses of the help desk.
fn in_response(path: &str) -> &str {
    match path {
        "ticket.form_id" => "ticket.ticket_form_id",
        "ticket.custom_status" => "ticket.custom_status_id",
        path => path,
    }
}
