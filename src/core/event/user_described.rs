//! A source that the configuration describes: the places of type, id, key and time in a body of any make.
//! It refuses a body that lacks the type that its description promises; the body itself stays as it is.

use serde_json::{Map, Value};

use super::Event;
use super::catalogue::Catalogue;
use super::decode::NotAnEvent;
use super::decoder::{moment, name_of, not_a_time};
use super::fingerprint::fingerprint;
use super::naming::{Named, by_any_name};
use super::place::{find, kind};

/// Where a source of the user's own has its parts. Paths are dotted and start at the body; `$.` may
/// stand before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The name of the source's entry in the configuration.
    pub name: String,
    /// `event_source` in rules.
    pub source: String,
    pub event_type: TypeFrom,
    /// Without it, the id is the SHA-256 of the body's canonical form: two equal bodies are one
    /// event, and the second counts as delivered again.
    pub id: Option<String>,
    pub key: Option<String>,
    /// Text, or seconds since 1970.
    pub time: Option<String>,
}

/// What says the type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeFrom {
    Constant(String),
    Path(String),
}

impl Description {
    pub(super) fn event(&self, raw: Value, catalogue: &Catalogue) -> Result<Event, NotAnEvent> {
        if !raw.is_object() {
            let message = format!("this JSON is {}, expected an object", kind(&raw));
            return Err(NotAnEvent::of_the_whole(message));
        }
        let named = self.named(&raw, catalogue)?;
        let mut warnings: Vec<String> = named.warning.into_iter().collect();
        let id = self.id(&raw)?;
        let key = self.key(&raw)?;
        let time = self.time(&raw, &mut warnings)?;
        let about = Event::about(&self.source, &named.tag, &id, key.as_deref(), time);
        Ok(Event {
            source: self.source.clone(),
            event_type: named.tag,
            id,
            key,
            time,
            envelope: Value::Object(Map::new()),
            body: raw.clone(),
            raw,
            about,
            shape: "json",
            warnings,
        })
    }

    fn named<'a>(&self, raw: &Value, catalogue: &'a Catalogue) -> Result<Named<'a>, NotAnEvent> {
        let word = match &self.event_type {
            TypeFrom::Constant(word) => word.as_str(),
            TypeFrom::Path(path) => match place(raw, path) {
                Some(Value::String(word)) if !word.trim().is_empty() => word,
                other => return Err(self.lacks("event_type", path, other, "text")),
            },
        };
        let mut named = by_any_name(word, &self.source, catalogue);
        // Nobody listed the types of this source, so none of them is out of place.
        if !catalogue.sources().contains(&self.source.as_str()) {
            named.warning = None;
        }
        Ok(named)
    }

    fn id(&self, raw: &Value) -> Result<String, NotAnEvent> {
        let Some(path) = &self.id else {
            return Ok(format!("sha256-{}", fingerprint(raw)));
        };
        let value = place(raw, path).unwrap_or(&Value::Null);
        name_of(value, plain(path))
            .map_err(|_| self.lacks("id", path, place(raw, path), "text or a number"))
    }

    fn key(&self, raw: &Value) -> Result<Option<String>, NotAnEvent> {
        let there = self
            .key
            .as_ref()
            .and_then(|path| Some((path, place(raw, path)?)));
        match there {
            None | Some((_, Value::Null)) => Ok(None),
            Some((path, value)) => name_of(value, plain(path))
                .map(Some)
                .map_err(|_| self.lacks("key", path, Some(value), "text or a number")),
        }
    }

    fn time(
        &self,
        raw: &Value,
        warnings: &mut Vec<String>,
    ) -> Result<Option<jiff::Timestamp>, NotAnEvent> {
        let there = self
            .time
            .as_ref()
            .and_then(|path| Some((path, place(raw, path)?)));
        let Some((path, value)) = there else {
            return Ok(None);
        };
        let (time, text) = match value {
            Value::Null => return Ok(None),
            Value::String(text) => (moment(text), text.clone()),
            Value::Number(number) => (seconds(number), number.to_string()),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                return Err(self.lacks("time", path, Some(value), "a time"));
            }
        };
        if time.is_none() {
            warnings.push(not_a_time(plain(path), &text));
        }
        Ok(time)
    }

    fn lacks(&self, what: &str, path: &str, found: Option<&Value>, wanted: &str) -> NotAnEvent {
        let mut error = NotAnEvent::wrong(plain(path), found, wanted);
        error.help = Some(format!(
            "the source `{}` says that its `{what}` stands there",
            self.name
        ));
        error
    }
}

fn plain(path: &str) -> &str {
    path.strip_prefix("$.").unwrap_or(path)
}

fn place<'a>(raw: &'a Value, path: &str) -> Option<&'a Value> {
    find(raw, plain(path))
}

fn seconds(number: &serde_json::Number) -> Option<jiff::Timestamp> {
    match number.as_i64() {
        Some(whole) => jiff::Timestamp::from_second(whole).ok(),
        None => {
            let duration = jiff::SignedDuration::try_from_secs_f64(number.as_f64()?).ok()?;
            jiff::Timestamp::from_duration(duration).ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::decode::decode_described;
    use super::*;

    fn description() -> Description {
        Description {
            name: "crm".into(),
            source: "crm".into(),
            event_type: TypeFrom::Path("$.what".into()),
            id: Some("meta.id".into()),
            key: Some("deal.number".into()),
            time: Some("meta.at".into()),
        }
    }

    fn event(description: &Description, body: Value) -> Result<Event, NotAnEvent> {
        decode_described(body, description, Catalogue::built_in())
    }

    #[test]
    fn the_description_says_where_everything_is() {
        let body = json!({"what": "deal.won", "meta": {"id": 9, "at": 1_782_000_000}, "deal": {"number": "D-1"}});
        let read = event(&description(), body.clone()).unwrap();
        assert_eq!(read.source, "crm");
        assert_eq!(read.event_type, "deal.won");
        assert_eq!(read.id, "9");
        assert_eq!(read.key.as_deref(), Some("D-1"));
        assert_eq!(read.time.unwrap().to_string(), "2026-06-21T00:00:00Z");
        assert_eq!(read.body, body);
        assert_eq!(read.warnings, Vec::<String>::new());
    }

    #[test]
    fn without_an_id_equal_bodies_are_one_event() {
        let described = Description {
            id: None,
            event_type: TypeFrom::Constant("deal.won".into()),
            ..description()
        };
        let id = |body| event(&described, body).unwrap().id;
        assert_eq!(id(json!({"a": 1, "b": 2})), id(json!({"b": 2, "a": 1})));
        assert_ne!(id(json!({"a": 1})), id(json!({"a": 2})));
    }

    #[test]
    fn what_the_description_promises_must_be_there() {
        for (body, message) in [
            (json!({}), "`what` is absent, expected text"),
            (json!({"what": 1}), "`what` is a number, expected text"),
            (
                json!({"what": "x"}),
                "`meta.id` is absent, expected text or a number",
            ),
            (
                json!({"what": "x", "meta": {"id": 1}, "deal": {"number": []}}),
                "`deal.number` is a list, expected text or a number",
            ),
            (
                json!({"what": "x", "meta": {"id": 1, "at": {}}}),
                "`meta.at` is an object, expected a time",
            ),
            (json!([]), "this JSON is a list, expected an object"),
        ] {
            assert_eq!(event(&description(), body).unwrap_err().message, message);
        }
    }

    #[test]
    fn a_known_source_takes_any_name_of_a_type_and_warns_of_others() {
        let mut described = Description {
            source: "support".into(),
            event_type: TypeFrom::Constant("Priority Changed".into()),
            id: None,
            ..description()
        };
        let known = event(&described, json!({})).unwrap();
        assert_eq!(known.event_type, "ticket.PriorityChanged");
        described.event_type = TypeFrom::Constant("ticket.PriorityChange".into());
        let unknown = event(&described, json!({})).unwrap();
        assert_eq!(unknown.event_type, "ticket.PriorityChange");
        assert_eq!(unknown.warnings.len(), 1);
    }
}
