//! The records of the help desk that a converted rule fetches with generated steps.
//! A placeholder or condition whose value events do not contain reads the record instead.

use serde_json::{Value, json};

use crate::convert::placeholder::written::WrittenFields;

/// The connection of all generated steps.
pub const CONNECTION: &str = "zendesk";

/// A record of the help desk. The order is that of the generated steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeskRecord {
    Ticket,
    /// The comments of the ticket, the latest first, with their authors.
    Comments,
    Metrics,
    Requester,
    Submitter,
    /// The author of the comment that the event is about.
    Author,
    Assignee,
    Group,
    Organization,
    Brand,
    Form,
}

/// How the step finds its record.
enum RecordAddress {
    /// A path that every event provides.
    Path(&'static str),
    /// A path with an id that may be null: the key of the record in the response, and the id in events.
    Nullable {
        path: &'static str,
        key: &'static str,
        id: &'static str,
    },
}

impl DeskRecord {
    /// The path of the response's body, for later steps.
    pub fn body(self) -> String {
        format!("steps.{}.body", self.step_name())
    }

    fn step_name(self) -> &'static str {
        match self {
            DeskRecord::Ticket => "desk_ticket",
            DeskRecord::Comments => "comments",
            DeskRecord::Metrics => "metrics",
            DeskRecord::Requester => "requester",
            DeskRecord::Submitter => "submitter",
            DeskRecord::Author => "author",
            DeskRecord::Assignee => "assignee",
            DeskRecord::Group => "group",
            DeskRecord::Organization => "organization",
            DeskRecord::Brand => "brand",
            DeskRecord::Form => "form",
        }
    }

    fn address(self) -> RecordAddress {
        let nullable = |path, key, id| RecordAddress::Nullable { path, key, id };
        match self {
            DeskRecord::Ticket => RecordAddress::Path("/api/v2/tickets/{{ ticket.id }}.json"),
            DeskRecord::Comments => {
                RecordAddress::Path("/api/v2/tickets/{{ ticket.id }}/comments.json")
            }
            DeskRecord::Metrics => {
                RecordAddress::Path("/api/v2/tickets/{{ ticket.id }}/metrics.json")
            }
            DeskRecord::Requester => {
                RecordAddress::Path("/api/v2/users/{{ ticket.requester_id }}.json")
            }
            DeskRecord::Submitter => {
                RecordAddress::Path("/api/v2/users/{{ ticket.submitter_id }}.json")
            }
            DeskRecord::Author => RecordAddress::Path("/api/v2/users/{{ comment.author.id }}.json"),
            DeskRecord::Assignee => nullable("/api/v2/users/", "user", "ticket.assignee_id"),
            DeskRecord::Group => nullable("/api/v2/groups/", "group", "ticket.group_id"),
            DeskRecord::Organization => nullable(
                "/api/v2/organizations/",
                "organization",
                "ticket.organization_id",
            ),
            DeskRecord::Brand => nullable("/api/v2/brands/", "brand", "ticket.brand_id"),
            DeskRecord::Form => nullable("/api/v2/ticket_forms/", "ticket_form", "ticket.form_id"),
        }
    }

    /// The step that fetches the record.
    pub fn step(self, written: &WrittenFields) -> Value {
        match self.address() {
            RecordAddress::Path(path) => {
                let mut http = json!({"connection": CONNECTION, "path": path});
                if self == DeskRecord::Comments {
                    http["query"] = json!({"sort_order": "desc", "include": "users"});
                }
                json!({"name": self.step_name(), "http": http})
            }
            RecordAddress::Nullable { path, key, id } => {
                let id = written.current_path(id);
                let path = format!("{path}{{{{ {id} }}}}.json");
                let name = self.step_name();
                let fetch = json!({
                    "name": format!("{name}_record"),
                    "http": {"connection": CONNECTION, "path": path},
                });
                json!({"name": name, "choose": [
                    {"when": {id: {"present": true}}, "flow": [fetch]},
                    {"flow": [{"set": {"body": {key: {}}}}]},
                ]})
            }
        }
    }
}
