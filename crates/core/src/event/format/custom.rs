//! Custom formats: the configuration describes where type, id, key and time are, as constants, paths in the body, or
//! values of the request. The body stays unchanged.

use jiff::tz::TimeZone;

use crate::event::catalogue::Catalogue;
use crate::event::format::DecodeError;
use crate::event::format::type_name::{ResolvedType, by_any_name};
use crate::event::header::{EventFormat, EventHeader, EventId, name_of};
use crate::event::json::lookup::find;
use crate::event::json::tape::JsonKind;
use crate::event::json::value_ref::ValueRef;
use crate::event::request_values;

/// The custom format of a source. Paths are dotted and start at the body, optionally with `$.`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomFormat {
    /// The name of the source in the configuration.
    pub name: String,
    /// `event_source` in rules.
    pub source: String,
    pub event_type: ValueLocations,
    /// Without any, the content hash is the id: the second of two equal bodies is a redelivery.
    pub id: ValueLocations,
    pub key: ValueLocations,
    /// The locations of a time.
    pub time: ValueLocations,
    /// The zone of times without one. `None` is UTC.
    pub time_zone: Option<TimeZone>,
}

/// Where a value can be; the first location that has one counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ValueLocations(pub Vec<ValueLocation>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueLocation {
    /// Everywhere the same.
    Constant(String),
    /// A path in the document, in which the headers and the query of the request are below `$request`.
    Path(String),
}

impl ValueLocations {
    pub fn constant(text: &str) -> Self {
        Self(vec![ValueLocation::Constant(text.to_owned())])
    }

    pub fn path(path: &str) -> Self {
        Self(vec![ValueLocation::Path(path.to_owned())])
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|location| match location {
            ValueLocation::Path(path) => Some(path.as_str()),
            ValueLocation::Constant(_) => None,
        })
    }

    /// The first path at which the document has a value, and the value.
    fn find<'p, 'a>(&'p self, document: ValueRef<'a>) -> Option<(&'p str, ValueRef<'a>)> {
        self.paths().find_map(|path| {
            let found = lookup(document, path)?;
            (!found.is_null()).then_some((path, found))
        })
    }
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
        let mut word = None;
        for location in &self.event_type.0 {
            match location {
                ValueLocation::Constant(constant) => word = Some(constant.into()),
                ValueLocation::Path(path) => {
                    let found = lookup(document, path).and_then(ValueRef::text);
                    word = found.filter(|text| !text.trim().is_empty());
                }
            }
            if word.is_some() {
                break;
            }
        }
        let Some(word) = word else {
            return Err(self.missing("event_type", &self.event_type, document, "text"));
        };
        let mut named = by_any_name(word, &self.source, catalogue);
        // The catalogue has no types of this source, so there is nothing to warn about.
        if !catalogue.has(&self.source) {
            named.unknown = None;
        }
        Ok(named)
    }

    fn id<'a>(&self, document: ValueRef<'a>) -> Result<EventId<'a>, DecodeError> {
        if self.id.is_empty() {
            return Ok(EventId::ContentHash);
        }
        let found = self.id.find(document);
        let id = found.and_then(|(path, id)| name_of(id, without_root(path)).ok());
        id.map(EventId::Given)
            .ok_or_else(|| self.missing("id", &self.id, document, "text or a number"))
    }

    fn key<'a>(&self, document: ValueRef<'a>) -> Result<Option<ValueRef<'a>>, DecodeError> {
        let Some((path, key)) = self.key.find(document) else {
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
        let Some((path, time)) = self.time.find(document) else {
            return Ok(None);
        };
        match time.kind() {
            JsonKind::Text | JsonKind::Number => Ok(Some((without_root(path), time))),
            JsonKind::Null | JsonKind::Bool | JsonKind::List | JsonKind::Object => {
                Err(self.wrong_value("time", path, Some(time), "a time"))
            }
        }
    }

    /// That no location has a value, or that the first one has a wrong one.
    fn missing(
        &self,
        what: &str,
        locations: &ValueLocations,
        document: ValueRef<'_>,
        expected: &str,
    ) -> DecodeError {
        let found = locations.find(document);
        let path = found
            .map(|(path, _)| path)
            .or_else(|| locations.paths().next());
        let found = found.map(|(_, found)| found);
        self.wrong_value(what, path.unwrap_or_default(), found, expected)
    }

    fn wrong_value(
        &self,
        what: &str,
        path: &str,
        found: Option<ValueRef<'_>>,
        expected: &str,
    ) -> DecodeError {
        let mut error = match request_values::describe(path) {
            Some(location) => {
                let found = found.map_or("absent", |found| found.describe());
                let message = format!("{location} is {found}, expected {expected}");
                DecodeError::at(path, message)
            }
            None => DecodeError::wrong(without_root(path), found, expected),
        };
        let from = match request_values::describe(path) {
            Some(_) => "there",
            None => "from this path",
        };
        error.help = Some(format!(
            "the source `{}` reads its `{what}` {from}",
            self.name
        ));
        error
    }
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
            event_type: ValueLocations::path("$.what"),
            id: ValueLocations::path("meta.id"),
            key: ValueLocations::path("deal.number"),
            time: ValueLocations::path("meta.at"),
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
            id: ValueLocations::default(),
            event_type: ValueLocations::constant("deal.won"),
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
            event_type: ValueLocations::constant("Priority Changed"),
            id: ValueLocations::default(),
            ..description()
        };
        let known = event(&described, json!({})).unwrap();
        assert_eq!(known.event_type, "ticket.PriorityChanged");
        described.event_type = ValueLocations::constant("ticket.PriorityChange");
        let unknown = event(&described, json!({})).unwrap();
        assert_eq!(unknown.event_type, "ticket.PriorityChange");
        assert_eq!(unknown.warnings.len(), 1);
    }
}
