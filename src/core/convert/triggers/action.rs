//! What a trigger does, as steps: webhooks and targets that it notifies.
//! It refuses to carry over what changes the ticket or writes to people, and lists it.

use serde_json::{Map, Value, json};

use crate::core::convert::conversion::Left;
use crate::core::convert::names::slug;
use crate::core::convert::placeholder::{Payload, Reading};
use crate::core::convert::triggers::meaning::COMMENT;
use crate::core::convert::triggers::update_events::Listening;

/// The steps of a trigger, and what is missing among them.
#[derive(Debug, Default)]
pub struct Steps {
    pub list: Vec<Value>,
    pub left: Vec<Left>,
    pub notes: Vec<String>,
    pub configure: Vec<String>,
    /// Whether what is sent differs from what the trigger sent.
    pub gaps: bool,
}

const SENDS_MAIL: &str =
    "flowtrigger sends no mail or message itself; notify a service that does with an `http` step";
const CHANGES_TICKET: &str = "it changes the ticket; a step can: `http: { method: PUT, connection: zendesk, path: \"/api/v2/tickets/{{ ticket.id }}.json\", json: { ticket: { … } } }`";

impl Steps {
    pub fn of(actions: &[(&Value, String)], listening: &Listening) -> Self {
        let mut steps = Self::default();
        for (action, at) in actions {
            steps.add(action, at, listening);
        }
        steps
    }

    fn add(&mut self, action: &Value, at: &str, listening: &Listening) {
        let field = action
            .get("field")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let kind = match field {
            "notification_webhook" => "webhook",
            "notification_target" => "target",
            _ => {
                return self
                    .left
                    .push(Left::new(words(field, action), why_not(field), at));
            }
        };
        let value = action.get("value").unwrap_or(&Value::Null);
        let (id, payload) = match value {
            Value::Array(parts) => (parts.first(), parts.get(1)),
            single => (Some(single), None),
        };
        let id = match id {
            Some(Value::String(id)) if !id.trim().is_empty() => id.trim().to_owned(),
            Some(Value::Number(id)) => id.to_string(),
            _ => {
                return self.left.push(Left::new(
                    words(field, action),
                    "it names nobody to notify",
                    at,
                ));
            }
        };
        let reading = Reading {
            comment: listening.is_only(COMMENT),
            custom_field: listening.custom_field(),
        };
        let payload = match Payload::read(payload, &reading) {
            Ok(payload) => payload,
            Err(why) => {
                self.gaps = true;
                let what = format!("the payload of the {kind} `{id}`");
                self.left.push(Left::new(what, why, at));
                Payload::missing()
            }
        };
        self.notify(kind, &id, payload, at);
    }

    fn notify(&mut self, kind: &str, id: &str, payload: Payload, at: &str) {
        let variable = format!("{kind}_{}", slug(id, '_'));
        let mut http = Map::new();
        http.insert("url".into(), json!(format!("{{{{ vars.{variable} }}}}")));
        let (key, body) = payload.body;
        if let Some(key) = key {
            http.insert(key.into(), body);
        }
        let number = self.list.len() + 1;
        let name = match number {
            1 => "notify".to_owned(),
            number => format!("notify_{number}"),
        };
        let mut step = Map::new();
        step.insert("name".into(), json!(name));
        step.insert("http".into(), Value::Object(http));
        self.list.push(Value::Object(step));
        self.gaps |= !payload.left.is_empty();
        for (placeholder, why) in payload.left {
            let what = format!("the placeholder `{placeholder}`");
            self.left.push(Left::new(what, why, at));
        }
        for note in payload.notes {
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
        let configure = format!("vars.{variable}: the address of the {kind} `{id}`");
        if !self.configure.contains(&configure) {
            self.configure.push(configure);
        }
    }
}

fn words(field: &str, action: &Value) -> String {
    let value = match action.get("value") {
        Some(Value::String(text)) => text.clone(),
        // Mails are long; whom they go to is enough.
        Some(Value::Array(parts)) => parts.first().map(short).unwrap_or_default(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    let value: String = value.chars().take(60).collect();
    format!("`{field} {value}`").replace(" `", "`")
}

fn short(part: &Value) -> String {
    part.as_str()
        .map_or_else(|| part.to_string(), str::to_owned)
}

fn why_not(field: &str) -> &'static str {
    match field {
        "" => "it names no `field`",
        "notification_zis" | "notification_slack" => {
            "it goes through an integration of the help desk; notify the service itself with an `http` step"
        }
        _ if field.starts_with("notification_")
            || field.starts_with("tweet")
            || field == "deflection" =>
        {
            SENDS_MAIL
        }
        _ => CHANGES_TICKET,
    }
}
