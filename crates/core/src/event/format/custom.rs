//! Custom formats: the configuration describes the paths of type, id, key and time.
//! The body stays unchanged.

use jiff::tz::TimeZone;

use crate::event::catalogue::Catalogue;
use crate::event::format::DecodeError;
use crate::event::format::type_name::{ResolvedType, by_any_name};
use crate::event::header::{EventFormat, EventHeader, EventId, name_of};
use crate::event::json::lookup::find;
use crate::event::json::tape::JsonKind;
use crate::event::json::value_ref::ValueRef;

/// The custom format of a source. Paths are dotted and start at the body, optionally with `$.`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomFormat {
    /// The name of the source in the configuration.
    pub name: String,
    /// `event_source` in rules.
    pub source: String,
    pub event_type: TypeRule,
    /// `None` uses the content hash as id: the second of two equal bodies is a redelivery.
    pub id: Option<String>,
    pub key: Option<String>,
    /// The path of a time.
    pub time: Option<String>,
    /// The zone of times without one. `None` is UTC.
    pub time_zone: Option<TimeZone>,
}

/// Where the event type comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeRule {
    Constant(String),
    Path(String),
}

impl CustomFormat {
    pub(crate) fn head<'a>(
        &'a self,
        document: ValueRef<'a>,
        catalogue: &'a Catalogue,
    ) -> Result<EventHeader<'a>, DecodeError> {
        if document.kind() != JsonKind::Object {
            let message = format!("this JSON is {}, expected an object", document.describe());
            return Err(DecodeError::whole(message));
        }
        Ok(EventHeader {
            document,
            format: EventFormat::Described(self),
            source: &self.source,
            endpoint: &self.name,
            named: self.named(document, catalogue)?,
            id: self.id(document)?,
            key: self.key(document)?,
            time: self.time(document)?,
        })
    }

    fn named<'a>(
        &'a self,
        document: ValueRef<'a>,
        catalogue: &'a Catalogue,
    ) -> Result<ResolvedType<'a>, DecodeError> {
        let word = match &self.event_type {
            TypeRule::Constant(word) => word.into(),
            TypeRule::Path(path) => {
                let found = lookup(document, path);
                match found.and_then(ValueRef::text) {
                    Some(word) if !word.trim().is_empty() => word,
                    Some(_) | None => {
                        return Err(self.wrong_value("event_type", path, found, "text"));
                    }
                }
            }
        };
        let mut named = by_any_name(word, &self.source, catalogue);
        // The catalogue has no types of this source, so there is nothing to warn about.
        if !catalogue.has(&self.source) {
            named.unknown = None;
        }
        Ok(named)
    }

    fn id<'a>(&self, document: ValueRef<'a>) -> Result<EventId<'a>, DecodeError> {
        let Some(path) = &self.id else {
            return Ok(EventId::ContentHash);
        };
        let found = lookup(document, path);
        let id = found.and_then(|id| name_of(id, without_root(path)).ok());
        id.map(EventId::Given)
            .ok_or_else(|| self.wrong_value("id", path, found, "text or a number"))
    }

    fn key<'a>(&self, document: ValueRef<'a>) -> Result<Option<ValueRef<'a>>, DecodeError> {
        let Some((path, key)) = present(document, self.key.as_deref()) else {
            return Ok(None);
        };
        name_of(key, without_root(path))
            .map(Some)
            .map_err(|_| self.wrong_value("key", path, Some(key), "text or a number"))
    }

    fn time<'a>(
        &'a self,
        document: ValueRef<'a>,
    ) -> Result<Option<(&'a str, ValueRef<'a>)>, DecodeError> {
        let Some((path, time)) = present(document, self.time.as_deref()) else {
            return Ok(None);
        };
        match time.kind() {
            JsonKind::Text | JsonKind::Number => Ok(Some((without_root(path), time))),
            JsonKind::Null | JsonKind::Bool | JsonKind::List | JsonKind::Object => {
                Err(self.wrong_value("time", path, Some(time), "a time"))
            }
        }
    }

    fn wrong_value(
        &self,
        what: &str,
        path: &str,
        found: Option<ValueRef<'_>>,
        expected: &str,
    ) -> DecodeError {
        let mut error = DecodeError::wrong(without_root(path), found, expected);
        error.help = Some(format!(
            "the source `{}` reads its `{what}` from this path",
            self.name
        ));
        error
    }
}

/// The value at an optional path, unless it is null.
fn present<'p, 'a>(
    document: ValueRef<'a>,
    path: Option<&'p str>,
) -> Option<(&'p str, ValueRef<'a>)> {
    let found = lookup(document, path?)?;
    (!found.is_null()).then_some((path?, found))
}

fn without_root(path: &str) -> &str {
    path.strip_prefix("$.").unwrap_or(path)
}

fn lookup<'a>(document: ValueRef<'a>, path: &str) -> Option<ValueRef<'a>> {
    find(document, without_root(path))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::event::Event;
    use crate::event::format::decode_described;

    fn description() -> CustomFormat {
        CustomFormat {
            name: "crm".into(),
            source: "crm".into(),
            event_type: TypeRule::Path("$.what".into()),
            id: Some("meta.id".into()),
            key: Some("deal.number".into()),
            time: Some("meta.at".into()),
            time_zone: None,
        }
    }

    fn event(description: &CustomFormat, body: Value) -> Result<Event, DecodeError> {
        decode_described(body, description, Catalogue::built_in())
    }

    #[test]
    fn values_are_read_from_the_described_paths() {
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
    fn without_an_id_equal_bodies_have_the_same_id() {
        let described = CustomFormat {
            id: None,
            event_type: TypeRule::Constant("deal.won".into()),
            ..description()
        };
        let id = |body| event(&described, body).unwrap().id;
        assert_eq!(id(json!({"a": 1, "b": 2})), id(json!({"b": 2, "a": 1})));
        assert_ne!(id(json!({"a": 1})), id(json!({"a": 2})));
    }

    #[test]
    fn described_values_must_be_present() {
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
    fn a_known_source_accepts_any_name_of_a_type_and_warns_about_others() {
        let mut described = CustomFormat {
            source: "support".into(),
            event_type: TypeRule::Constant("Priority Changed".into()),
            id: None,
            ..description()
        };
        let known = event(&described, json!({})).unwrap();
        assert_eq!(known.event_type, "ticket.PriorityChanged");
        described.event_type = TypeRule::Constant("ticket.PriorityChange".into());
        let unknown = event(&described, json!({})).unwrap();
        assert_eq!(unknown.event_type, "ticket.PriorityChange");
        assert_eq!(unknown.warnings.len(), 1);
    }
}
