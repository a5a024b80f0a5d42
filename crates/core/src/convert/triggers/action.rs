//! Converts the actions of a trigger to steps: guards, one request that changes the ticket, the records that
//! payloads read, and a request for each webhook or target. Messages to people are listed as omissions.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::convert::conversion::Omission;
use crate::convert::names::slug;
use crate::convert::placeholder::record::{CONNECTION, DeskRecord};
use crate::convert::placeholder::written::WrittenFields;
use crate::convert::placeholder::{EventActor, EventComment, EventContents, Payload};
use crate::convert::triggers::fetched::guard_steps;
use crate::convert::triggers::meaning::{COMMENT, CREATED};
use crate::convert::triggers::own_change;
use crate::convert::triggers::terraform;
use crate::convert::triggers::ticket_change::TicketChange;
use crate::convert::triggers::update_events::EventCoverage;
use crate::document::suggest;

/// The steps of a trigger, and what they omit.
#[derive(Debug, Default)]
pub struct TriggerSteps {
    pub list: Vec<Value>,
    pub omitted: Vec<Omission>,
    pub notes: Vec<String>,
    pub configure: Vec<String>,
    notify: Vec<Value>,
    change: TicketChange,
    records: BTreeSet<DeskRecord>,
}

const SENDS_MAIL: &str =
    "flowtrigger does not send mail or messages; call a service that does with an `http` step";
const CHANGES_TICKET: &str = "it changes the ticket; use a step: `http: { method: PUT, connection: zendesk, path: \"/api/v2/tickets/{{ ticket.id }}.json\", json: { ticket: { … } } }`";
const SIDE_CONVERSATION: &str = "it starts a side conversation; use a step: `http: { method: POST, connection: zendesk, path: \"/api/v2/tickets/{{ ticket.id }}/side_conversations.json\", json: { message: { … } } }`";
const STARTS_AGAIN: &str = "the step that changes the ticket is in the flow, but its change is an update that may start the rule again, which would act twice; exclude the change in `when` by the new value or by `actor_id`";

impl TriggerSteps {
    pub fn new(actions: &[(&Value, String)], coverage: &EventCoverage) -> Self {
        let mut steps = Self::default();
        for (action, _) in actions {
            steps.change.read_audience(action);
        }
        // Notifications are sent after the changes, so the changes are read first.
        for (action, at) in actions.iter().filter(|(action, _)| !notifies(action)) {
            steps.change(action, at, coverage);
        }
        steps.change.finish();
        let written = steps.change.written.clone();
        for (action, at) in actions.iter().filter(|(action, _)| notifies(action)) {
            steps.notification(action, at, coverage, &written);
        }
        steps.assemble(coverage, &written);
        let repeats = !steps.notify.is_empty() || written.comment;
        if repeats && own_change::starts_again(coverage, &written) {
            let at = actions
                .first()
                .map(|(_, at)| at.as_str())
                .unwrap_or_default();
            let at = at.rsplit_once('[').map_or(at, |(list, _)| list);
            let what = "that a trigger does not run for its own change";
            steps.omitted.push(Omission::new(what, STARTS_AGAIN, at));
        }
        steps
    }

    fn change(&mut self, action: &Value, at: &str, coverage: &EventCoverage) {
        let field = field_of(action);
        if !TicketChange::is_of(field) {
            let omitted = Omission::new(describe(field, action), why_not(field), at);
            return self.omitted.push(omitted);
        }
        // A comment of the trigger is written before its changes have an effect.
        let unchanged = WrittenFields::default();
        let reading = contents(coverage, &unchanged);
        match self.change.add(field, action, &reading) {
            Ok(omitted) => {
                for part in omitted {
                    self.omitted.push(Omission::new(part.what, part.why, at));
                }
            }
            Err(why) => {
                let omitted = Omission::new(describe(field, action), why, at);
                self.omitted.push(omitted);
            }
        }
    }

    fn notification(
        &mut self,
        action: &Value,
        at: &str,
        coverage: &EventCoverage,
        written: &WrittenFields,
    ) {
        let field = field_of(action);
        let kind = match field {
            "notification_webhook" => "webhook",
            _ => "target",
        };
        let value = action.get("value").unwrap_or(&Value::Null);
        let Notification {
            id,
            payload,
            subject,
        } = Notification::read(action, value);
        let id = match id {
            Some(Value::String(id)) if !id.trim().is_empty() => id.trim().to_owned(),
            Some(Value::Number(id)) => id.to_string(),
            _ => {
                let why = "it has no webhook or target to notify";
                let omitted = Omission::new(describe(field, action), why, at);
                return self.omitted.push(omitted);
            }
        };
        if let Some(subject) = subject {
            let what = format!("the subject `{subject}` of the {kind} `{id}`");
            let why = "a request has no subject; add it to the body of the step";
            self.omitted.push(Omission::new(what, why, at));
        }
        let read = match payload {
            Some(payload) if terraform::refers(action, payload) => Err(terraform::REFERS.into()),
            payload => Payload::read(payload, &contents(coverage, written)),
        };
        let payload = match read {
            Ok(payload) => payload,
            Err(why) => {
                let text = payload.map(original).unwrap_or_default();
                let what = format!("the payload `{text}` of the {kind} `{id}`");
                let why = format!("{why}; rewrite the body of the step as a template");
                self.omitted.push(Omission::new(what, why, at));
                Payload::missing()
            }
        };
        self.notify(kind, &id, payload, at);
    }

    fn notify(&mut self, kind: &str, id: &str, payload: Payload, at: &str) {
        let variable = format!("{kind}_{}", slug(id, '_'));
        let mut http = Map::new();
        let (key, body) = payload.body;
        if key.is_none() {
            http.insert("method".into(), json!("POST"));
        }
        http.insert("url".into(), json!(format!("{{{{ vars.{variable} }}}}")));
        if let Some(key) = key {
            http.insert(key.into(), body);
        }
        let name = match self.notify.len() + 1 {
            1 => "notify".to_owned(),
            number => format!("notify_{number}"),
        };
        self.notify.push(json!({"name": name, "http": http}));
        for part in payload.omitted {
            self.omitted.push(Omission::new(part.what, part.why, at));
        }
        self.note(payload.notes);
        self.records.extend(payload.records);
        let hint = match kind {
            "target" => {
                "a target may send the text as a parameter: then write `query` or `form` instead of `body`"
            }
            _ => "if its method is not POST, also write `method` in the step",
        };
        self.configure(format!(
            "vars.{variable}: the address of the {kind} `{id}` ({hint})"
        ));
        for line in payload.configure {
            self.configure(line);
        }
    }

    fn configure(&mut self, line: String) {
        if !self.configure.contains(&line) {
            self.configure.push(line);
        }
    }

    fn note(&mut self, notes: Vec<String>) {
        for note in notes {
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
    }

    /// Puts the steps in their order: guards, the change, records, notifications.
    fn assemble(&mut self, coverage: &EventCoverage, written: &WrittenFields) {
        let notes = std::mem::take(&mut self.change.notes);
        self.note(notes);
        for line in std::mem::take(&mut self.change.configure) {
            self.configure(line);
        }
        let change = self.change.steps();
        if change.is_empty() && self.notify.is_empty() {
            return;
        }
        let unchanged = WrittenFields::default();
        let mut list = guard_steps(&coverage.guards, |record| record.step(&unchanged));
        let guarded: BTreeSet<DeskRecord> = coverage
            .guards
            .iter()
            .flat_map(|guard| guard.tests.iter().map(|test| test.record))
            .collect();
        let before = self.change.records.iter();
        list.extend(
            before
                .filter(|record| !guarded.contains(record))
                .map(|record| record.step(&unchanged)),
        );
        list.extend(change.clone());
        let fetched: BTreeSet<DeskRecord> = guarded.union(&self.change.records).copied().collect();
        let after = self.records.difference(&fetched);
        list.extend(after.map(|record| record.step(written)));
        list.extend(self.notify.iter().cloned());
        if !change.is_empty() || !fetched.is_empty() || !self.records.is_empty() {
            self.configure.push(format!(
                "connections.{CONNECTION}: the address of the help desk (`base_url: https://SUBDOMAIN.zendesk.com`), its credentials, and the `actor_id` of their user"
            ));
        }
        self.list = list;
    }
}

/// The parts of an action that notifies a webhook or target.
struct Notification<'a> {
    id: Option<&'a Value>,
    payload: Option<&'a Value>,
    subject: Option<&'a str>,
}

impl<'a> Notification<'a> {
    /// A value is an id, an id with a payload, or an id with a subject and a payload. Older exports and
    /// Terraform have subject and payload beside the value.
    fn read(action: &'a Value, value: &'a Value) -> Self {
        let text = |key: &str| action.get(key).filter(|value| !value.is_null());
        let beside = text("body").or(text("message")).or(text("payload"));
        let subject_beside = text("subject").and_then(Value::as_str);
        match value {
            Value::Array(parts) => {
                let subject = match parts.as_slice() {
                    [_, Value::String(subject), _] => Some(subject.as_str()),
                    _ => subject_beside,
                };
                Self {
                    id: parts.first(),
                    payload: parts.get(1..).and_then(<[Value]>::last).or(beside),
                    subject,
                }
            }
            payload if text("target").is_some() => Self {
                id: text("target"),
                payload: Some(payload),
                subject: subject_beside,
            },
            single => Self {
                id: Some(single),
                payload: beside,
                subject: subject_beside,
            },
        }
    }
}

fn contents<'c>(coverage: &EventCoverage, written: &'c WrittenFields) -> EventContents<'c> {
    let comment = match (
        coverage.is_only(COMMENT),
        coverage.requires("comment.is_public", &Value::Bool(true)),
    ) {
        (true, true) => EventComment::Public,
        (true, false) => EventComment::Any,
        (false, _) => EventComment::None,
    };
    let actor = match coverage {
        coverage if coverage.is_only(COMMENT) => EventActor::Author,
        coverage if coverage.is_only(CREATED) => EventActor::Submitter,
        _ => EventActor::Unknown,
    };
    EventContents {
        comment,
        actor,
        custom_field: coverage.custom_field(),
        written,
    }
}

fn field_of(action: &Value) -> &str {
    let field = action.get("field").and_then(Value::as_str);
    field.unwrap_or_default()
}

fn notifies(action: &Value) -> bool {
    matches!(
        field_of(action),
        "notification_webhook" | "notification_target"
    )
}

fn original(payload: &Value) -> String {
    payload
        .as_str()
        .map_or_else(|| payload.to_string(), str::to_owned)
}

fn describe(field: &str, action: &Value) -> String {
    let value = match action.get("value") {
        Some(Value::String(text)) => text.clone(),
        // Mail bodies are long; the recipient is enough.
        Some(Value::Array(parts)) => parts.first().map(original).unwrap_or_default(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    let value: String = value.chars().take(60).collect();
    format!("`{field} {value}`").replace(" `", "`")
}

fn why_not(field: &str) -> String {
    let why = match field {
        "" => "it has no `field`",
        "notification_zis" | "notification_slack" => {
            "it uses an integration of the help desk; call the service with an `http` step"
        }
        _ if field.starts_with("notification_")
            || field.starts_with("tweet")
            || field == "deflection" =>
        {
            SENDS_MAIL
        }
        _ if field.starts_with("side_conversation") => SIDE_CONVERSATION,
        _ => match misspelt(field) {
            Some(meant) => {
                return format!("triggers have no such action; did you mean `{meant}`?");
            }
            None => CHANGES_TICKET,
        },
    };
    why.to_owned()
}

/// Fields of actions, by which a misspelt one is recognised.
const FIELDS: [&str; 18] = [
    "status",
    "priority",
    "type",
    "group_id",
    "assignee_id",
    "brand_id",
    "ticket_form_id",
    "custom_status_id",
    "current_tags",
    "set_tags",
    "remove_tags",
    "subject",
    "comment_value",
    "comment_value_html",
    "comment_mode_is_public",
    "notification_webhook",
    "notification_target",
    "notification_user",
];

fn misspelt(field: &str) -> Option<&'static str> {
    let near = suggest::nearest(field, FIELDS.into_iter())?;
    (field != near && suggest::is_misspelt(field, near)).then_some(near)
}
