//! Converts the actions of a trigger: webhooks and targets become `http` steps.
//! Actions that change the ticket or send messages are listed as omissions.

use serde_json::{Map, Value, json};

use crate::convert::conversion::Omission;
use crate::convert::names::slug;
use crate::convert::placeholder::{EventContents, Payload};
use crate::convert::triggers::meaning::COMMENT;
use crate::convert::triggers::update_events::EventCoverage;

/// The steps of a trigger, and what they omit.
#[derive(Debug, Default)]
pub struct TriggerSteps {
    pub list: Vec<Value>,
    pub omitted: Vec<Omission>,
    pub notes: Vec<String>,
    pub configure: Vec<String>,
    /// Whether the requests differ from those of the trigger.
    pub gaps: bool,
}

const SENDS_MAIL: &str =
    "flowtrigger does not send mail or messages; call a service that does with an `http` step";
const CHANGES_TICKET: &str = "it changes the ticket; use a step: `http: { method: PUT, connection: zendesk, path: \"/api/v2/tickets/{{ ticket.id }}.json\", json: { ticket: { … } } }`";

impl TriggerSteps {
    pub fn new(actions: &[(&Value, String)], listening: &EventCoverage) -> Self {
        let mut steps = Self::default();
        for (action, at) in actions {
            steps.add(action, at, listening);
        }
        steps
    }

    fn add(&mut self, action: &Value, at: &str, listening: &EventCoverage) {
        let field = action
            .get("field")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let kind = match field {
            "notification_webhook" => "webhook",
            "notification_target" => "target",
            _ => {
                return self.omitted.push(Omission::new(
                    describe(field, action),
                    why_not(field),
                    at,
                ));
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
                return self.omitted.push(Omission::new(
                    describe(field, action),
                    "it has no webhook or target to notify",
                    at,
                ));
            }
        };
        let reading = EventContents {
            comment: listening.is_only(COMMENT),
            custom_field: listening.custom_field(),
        };
        let payload = match Payload::read(payload, &reading) {
            Ok(payload) => payload,
            Err(why) => {
                self.gaps = true;
                let what = format!("the payload of the {kind} `{id}`");
                self.omitted.push(Omission::new(what, why, at));
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
        self.gaps |= !payload.omitted.is_empty();
        for (placeholder, why) in payload.omitted {
            let what = format!("the placeholder `{placeholder}`");
            self.omitted.push(Omission::new(what, why, at));
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

fn describe(field: &str, action: &Value) -> String {
    let value = match action.get("value") {
        Some(Value::String(text)) => text.clone(),
        // Mail bodies are long; the recipient is enough.
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
        _ => CHANGES_TICKET,
    }
}
