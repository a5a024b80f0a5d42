//! The fields that a trigger's own actions write, with their new values.
//! Placeholders read them from the response of the step that writes them, since a trigger sends its
//! notifications after its changes.

use serde_json::Value;

/// The name of the step that writes.
pub const STEP: &str = "change_ticket";

/// The names of the steps that add and remove tags, which run before it.
pub const ADD_TAGS: &str = "add_tags";
pub const REMOVE_TAGS: &str = "remove_tags";

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
    /// In the order of their requests: each change of tags, then all others.
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
        match (self.writes.iter().any(written), self.tag_step()) {
            (false, _) => path.to_owned(),
            (true, Some(step)) => format!("steps.{step}.body.tags"),
            (true, None) => format!("steps.{STEP}.body.{}", in_response(path)),
        }
    }

    /// The last step, if it adds or removes tags.
    fn tag_step(&self) -> Option<&'static str> {
        let mut steps = self.writes.iter().map(|write| match &write.value {
            NewValue::TagsAdded(_) => Some(ADD_TAGS),
            NewValue::TagsRemoved(_) => Some(REMOVE_TAGS),
            NewValue::Is(_) | NewValue::Unknown => None,
        });
        steps.next_back().flatten()
    }

    /// The body of a response with the complete ticket, if the actions write.
    pub fn response(&self) -> Option<String> {
        let is_last = !self.is_empty() && self.tag_step().is_none();
        is_last.then(|| format!("steps.{STEP}.body"))
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
