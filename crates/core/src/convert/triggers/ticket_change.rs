//! Converts the actions of a trigger that change the ticket to one request of the help desk's API.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::convert::placeholder::record::{CONNECTION, DeskRecord};
use crate::convert::placeholder::written::{FieldWrite, NewValue, STEP, WrittenFields};
use crate::convert::placeholder::{EventContents, PayloadOmission, TemplateWriter};
use crate::convert::triggers::field::{self, AttributeKind, TriggerField};
use crate::convert::triggers::meaning::{COMMENT, CUSTOM};
use crate::convert::triggers::tag_change::TagChange;
use crate::convert::triggers::terraform;

const SECOND_COMMENT: &str = "one request adds one comment; write a second step";
const AUDIENCE: &str =
    "it does not say whether the comment is public; write `comment: { body: …, public: … }`";
const SEPARATE: &str = "the help desk adds and removes tags by requests of their own, so one update of the trigger is several updates, the tags first";
const PLACEHOLDER: &str = "it has a placeholder, and it is not certain that a trigger fills it in here; write the value as a template in a step that changes the ticket";
const MEMBERS: &str = "events do not contain who is meant; write the id";

/// The request that changes the ticket, and what it omits.
#[derive(Debug, Default)]
pub struct TicketChange {
    /// The value of `ticket` in the request.
    fields: Map<String, Value>,
    tags: TagChange,
    pub written: WrittenFields,
    /// What its templates read.
    pub records: BTreeSet<DeskRecord>,
    pub notes: Vec<String>,
    pub configure: Vec<String>,
    /// Who reads the comments of the actions, where an action of its own says so.
    audience: Option<CommentAudience>,
}

/// How the text of an action is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TextFormat {
    Plain,
    Html,
}

/// Who reads a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CommentAudience {
    Everyone,
    Staff,
}

impl TicketChange {
    /// Whether an action with the field changes the ticket.
    pub fn is_of(field: &str) -> bool {
        let attribute = matches!(field::find(field), TriggerField::Attribute(_));
        let known = [
            "set_tags",
            "current_tags",
            "remove_tags",
            "subject",
            "custom_field",
            "comment_value",
            "comment_value_html",
            "comment_mode_is_public",
            "reply_public",
            "reply_internal",
            "follower",
            "cc",
        ];
        attribute || custom_id(field).is_some() || known.contains(&field)
    }

    /// Reads whether comments are public before the comments, which may come first.
    pub fn read_audience(&mut self, action: &Value) {
        if text(action.get("field")) == "comment_mode_is_public" {
            let value = action.get("value").map(number_text);
            self.audience = match value.as_deref() {
                Some("true") => Some(CommentAudience::Everyone),
                Some("false") => Some(CommentAudience::Staff),
                Some(_) | None => None,
            };
        }
    }

    /// Adds an action; the reason if the request cannot do the same.
    pub fn add(
        &mut self,
        field: &str,
        action: &Value,
        reading: &EventContents<'_>,
    ) -> Result<Vec<PayloadOmission>, String> {
        let value = action.get("value").unwrap_or(&Value::Null);
        if terraform::refers(action, action) {
            return Err(terraform::REFERS.into());
        }
        if !is_text(field) && has_placeholder(value) {
            return Err(PLACEHOLDER.into());
        }
        match field {
            "set_tags" => self.tags.set(field::tags(value)),
            "current_tags" => self.tags.add(tags_of(value)?),
            "remove_tags" => self.tags.remove(&tags_of(value)?),
            "custom_field" => {
                let id = action.get("custom_field_id").map(number_text);
                let id = id.and_then(|id| id.parse().ok());
                self.custom_field(id.ok_or("it has no id of a custom field")?, value);
            }
            "subject" => return self.subject(value, reading),
            "comment_value" => {
                return self.comment(value, TextFormat::Plain, self.audience, reading);
            }
            "comment_value_html" => {
                return self.comment(value, TextFormat::Html, self.audience, reading);
            }
            "reply_public" => {
                return self.comment(
                    value,
                    TextFormat::Plain,
                    Some(CommentAudience::Everyone),
                    reading,
                );
            }
            "reply_internal" => {
                return self.comment(
                    value,
                    TextFormat::Plain,
                    Some(CommentAudience::Staff),
                    reading,
                );
            }
            "comment_mode_is_public" => {}
            "follower" => self.member("followers", value)?,
            "cc" => self.member("email_ccs", value)?,
            _ => match custom_id(field) {
                Some(id) => self.custom_field(id, value),
                None => self.attribute(field, value)?,
            },
        }
        Ok(Vec::new())
    }

    fn attribute(&mut self, field: &str, value: &Value) -> Result<(), String> {
        let TriggerField::Attribute(attribute) = field::find(field) else {
            return Err("no field of the API has this name".into());
        };
        let operand = attribute.operand(value);
        let operand = operand.ok_or_else(|| MEMBERS.to_owned())?;
        let (sent, known) = match &operand {
            Value::Object(path) => {
                let path = text(path.get("path"));
                if path == "actor_id" {
                    return Err(MEMBERS.into());
                }
                (json!(format!("{{{{ {path} }}}}")), NewValue::Unknown)
            }
            Value::Null if attribute.holds == AttributeKind::Rank && field == "status" => {
                return Err("a ticket always has a status".into());
            }
            plain => (plain.clone(), NewValue::Is(plain.clone())),
        };
        self.fields.insert(field.to_owned(), sent);
        self.written.writes.push(FieldWrite {
            path: attribute.path.to_owned(),
            event_type: attribute.event_type,
            custom: None,
            value: known,
        });
        Ok(())
    }

    fn custom_field(&mut self, id: u64, value: &Value) {
        let value = match value.as_str() {
            Some("true") => json!(true),
            Some("false") => json!(false),
            Some("") => Value::Null,
            _ => value.clone(),
        };
        let entry = json!({"id": id, "value": value});
        match self.fields.get_mut("custom_fields") {
            Some(Value::Array(fields)) => fields.push(entry),
            _ => {
                self.fields.insert("custom_fields".into(), json!([entry]));
            }
        }
        self.written.writes.push(FieldWrite {
            path: format!("steps.fields.field_{id}"),
            event_type: CUSTOM,
            custom: Some(id),
            value: NewValue::Is(value),
        });
    }

    fn member(&mut self, key: &str, value: &Value) -> Result<(), String> {
        let id = number_text(value).parse::<u64>();
        let id = id.map_err(|_| MEMBERS.to_owned())?;
        let entry = json!({"user_id": id, "action": "put"});
        match self.fields.get_mut(key) {
            Some(Value::Array(members)) => members.push(entry),
            _ => {
                self.fields.insert(key.to_owned(), json!([entry]));
            }
        }
        let event_type = match key {
            "followers" => "ticket.FollowersChanged",
            _ => "ticket.CcsChanged",
        };
        self.written.writes.push(FieldWrite {
            path: key.to_owned(),
            event_type,
            custom: None,
            value: NewValue::Unknown,
        });
        Ok(())
    }

    fn subject(
        &mut self,
        value: &Value,
        reading: &EventContents<'_>,
    ) -> Result<Vec<PayloadOmission>, String> {
        let (template, omitted) = self.template(value, TextFormat::Plain, reading)?;
        self.fields.insert("subject".into(), json!(template));
        self.written.writes.push(FieldWrite {
            path: "ticket.subject".into(),
            event_type: "ticket.SubjectChanged",
            custom: None,
            value: NewValue::Unknown,
        });
        Ok(omitted)
    }

    fn comment(
        &mut self,
        value: &Value,
        format: TextFormat,
        audience: Option<CommentAudience>,
        reading: &EventContents<'_>,
    ) -> Result<Vec<PayloadOmission>, String> {
        if self.fields.contains_key("comment") {
            return Err(SECOND_COMMENT.into());
        }
        let public = match audience.ok_or(AUDIENCE)? {
            CommentAudience::Everyone => true,
            CommentAudience::Staff => false,
        };
        // A list is the channel and the text.
        let text = match value {
            Value::Array(parts) => parts.last().unwrap_or(&Value::Null),
            single => single,
        };
        let (template, omitted) = self.template(text, format, reading)?;
        let key = match format {
            TextFormat::Plain => "body",
            TextFormat::Html => "html_body",
        };
        let comment = json!({key: template, "public": public});
        self.fields.insert("comment".into(), comment);
        self.written.comment = true;
        self.written.writes.push(FieldWrite {
            path: "comment.is_public".into(),
            event_type: COMMENT,
            custom: None,
            value: NewValue::Is(json!(public)),
        });
        Ok(omitted)
    }

    fn template(
        &mut self,
        value: &Value,
        format: TextFormat,
        reading: &EventContents<'_>,
    ) -> Result<(String, Vec<PayloadOmission>), String> {
        let text = value.as_str().ok_or("its value is not text")?;
        let mut writer = TemplateWriter::new(reading);
        let template = match format {
            TextFormat::Plain => writer.template(text)?,
            TextFormat::Html => writer.markup(text)?,
        };
        let payload = writer.finish((None, Value::Null));
        self.records.extend(payload.records);
        self.notes.extend(payload.notes);
        self.configure.extend(payload.configure);
        Ok((template, payload.omitted))
    }

    /// Takes over the changes of tags, after the last action.
    pub fn finish(&mut self) {
        if let Some(tags) = self.tags.replaced() {
            self.fields.insert("tags".into(), json!(tags));
        }
        let others = std::mem::take(&mut self.written.writes);
        self.written.writes = self.tags.writes();
        self.written.writes.extend(others);
        let requests = self.tags.steps().len() + usize::from(!self.fields.is_empty());
        if requests > 1 {
            self.notes.push(SEPARATE.into());
        }
    }

    /// The steps; none if no action changes the ticket.
    pub fn steps(&self) -> Vec<Value> {
        let mut steps = self.tags.steps();
        if !self.fields.is_empty() {
            steps.push(json!({"name": STEP, "http": {
                "method": "PUT",
                "connection": CONNECTION,
                "path": "/api/v2/tickets/{{ ticket.id }}.json",
                "json": {"ticket": self.fields},
            }}));
        }
        steps
    }
}

fn custom_id(field: &str) -> Option<u64> {
    match field::find(field) {
        TriggerField::Custom(id) => Some(id),
        _ => None,
    }
}

/// Whether the value of an action is a text with placeholders.
fn is_text(field: &str) -> bool {
    let texts = [
        "subject",
        "comment_value",
        "comment_value_html",
        "reply_public",
        "reply_internal",
    ];
    texts.contains(&field)
}

fn has_placeholder(value: &Value) -> bool {
    let text = value.to_string();
    text.contains("{{") || text.contains("{%")
}

fn tags_of(value: &Value) -> Result<Vec<String>, String> {
    let tags = field::tags(value);
    match tags.is_empty() {
        true => Err("it names no tags".into()),
        false => Ok(tags),
    }
}

fn text(value: Option<&Value>) -> &str {
    value.and_then(Value::as_str).unwrap_or_default()
}

/// A number that is also written as text.
fn number_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    }
}
