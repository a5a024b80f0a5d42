//! Reads the events of a request whose body is read as a whole: an array, a list in the body, or one event.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::identity::{ElementCounter, RequestIdentity};
use super::read_as;
use super::submit::MatchedEvent;
use crate::engine::Rulebook;
use crate::source::InvalidBody;
use crate::store::{DeliveryId, DeliveryPart};
use flowtrigger_core::config::source::EventSource;
use flowtrigger_core::event::format::{DecodeError, FormatHint};
use flowtrigger_core::event::json::parse::{JsonError, parse};
use flowtrigger_core::event::json::value_ref::ValueRef;
use flowtrigger_core::event::request_values;
use flowtrigger_core::event::trace_context::TraceParent;

/// The most elements of an array. A body of the maximum size has fewer real events.
const MAX_EVENTS: usize = 1_000;

/// The events of one request.
#[derive(Debug)]
pub(super) struct RequestEvents {
    pub events: Vec<MatchedEvent>,
    pub array: bool,
}

impl RequestEvents {
    pub fn read(
        source: &EventSource,
        identity: &RequestIdentity,
        (body, request): (&[u8], Option<&Map<String, Value>>),
        rulebook: &Rulebook,
    ) -> Result<Self, Box<InvalidBody>> {
        let accepted = parse(body).map_err(unsound)?;
        let (values, array) = match (accepted.value, &source.items) {
            (Value::Array(values), None) => (values, true),
            (whole, Some(items)) => (elements(whole, items)?, true),
            (one, None) => (vec![one], false),
        };
        match (values.len(), &source.items) {
            // Some senders post empty lists.
            (0, Some(_)) => {}
            (count, _) => check_count(count)?,
        }
        let mut events = Vec::with_capacity(values.len());
        let mut counter = ElementCounter::default();
        for (index, value) in values.into_iter().enumerate() {
            if request_values::is_in(&value) {
                return Err(forged(array.then_some(index)));
            }
            let identity = match array {
                true => identity.element(index, &value, &mut counter),
                false => identity.clone(),
            };
            let value = match request {
                Some(values) => {
                    let values = of_element(values, array.then_some(index));
                    request_values::added_to(value, &values)
                }
                None => value,
            };
            let request = identity.request(source);
            let hint = FormatHint::Request(&request);
            let read = read_as(value, Some(source), hint, &rulebook.config);
            let mut event = read.map_err(|error| no_event(error, array.then_some(index)))?;
            event.warnings.extend(accepted.repairs.iter().cloned());
            events.push(MatchedEvent::new(event, rulebook));
        }
        Ok(Self { events, array })
    }

    /// The events, each with its place in the request and the trace of the request.
    pub fn delivered_by(
        self,
        delivery: DeliveryId,
        trace: Option<TraceParent>,
    ) -> Vec<MatchedEvent> {
        let array = self.array;
        let events = self.events.into_iter().enumerate();
        let events = events.map(|(index, mut event)| {
            if trace.is_some() {
                Arc::make_mut(&mut event.event).trace = trace;
            }
            event.delivered_by(DeliveryPart {
                delivery,
                index: array.then_some(index),
            })
        });
        events.collect()
    }
}

/// The list of events in a body that has several.
fn elements(whole: Value, items: &str) -> Result<Vec<Value>, Box<InvalidBody>> {
    let path = items.strip_prefix("$.").unwrap_or(items);
    let mut names = path.split('.');
    let found = names.try_fold(whole, |value, name| match value {
        Value::Object(mut fields) => fields.remove(name),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            None
        }
    });
    let error = match found {
        Some(Value::Array(values)) => return Ok(values),
        Some(other) => format!(
            "`{path}` is {}, expected a list",
            ValueRef::Built(&other).describe()
        ),
        None => format!("`{path}` is absent, expected a list"),
    };
    Err(Box::new(InvalidBody {
        finding: Some(error.clone()),
        error,
        help: Some("the source reads its events from this list: `items`".to_owned()),
        path: Some(path.to_owned()),
        ..InvalidBody::default()
    }))
}

/// What the request says of one of its events: each has an id of its own.
fn of_element(values: &Map<String, Value>, index: Option<usize>) -> Map<String, Value> {
    let mut values = values.clone();
    if let (Some(index), Some(Value::String(id))) = (index, values.get_mut(request_values::ID)) {
        *id = format!("{id}-{index}");
    }
    values
}

/// A body that pretends to say something about its request.
pub(super) fn forged(index: Option<usize>) -> Box<InvalidBody> {
    let key = request_values::REQUEST_KEY;
    Box::new(InvalidBody {
        error: format!("the key `{key}` is reserved: only the daemon adds it"),
        finding: Some(format!("the body has the reserved key `{key}`")),
        path: Some(key.to_owned()),
        index,
        ..InvalidBody::default()
    })
}

fn check_count(count: usize) -> Result<(), Box<InvalidBody>> {
    let (summary, error) = match count {
        0 => (
            "an empty array",
            "an empty array has no event; send at least one".into(),
        ),
        count if count > MAX_EVENTS => (
            "too many events in one array",
            format!("{count} events in one array; send at most {MAX_EVENTS}"),
        ),
        _ => return Ok(()),
    };
    Err(Box::new(InvalidBody {
        error,
        summary: Some(summary),
        line: Some(1),
        column: Some(1),
        ..InvalidBody::default()
    }))
}

fn unsound(error: JsonError) -> Box<InvalidBody> {
    Box::new(InvalidBody {
        summary: Some(error.fault.summary()),
        error: error.reason,
        line: Some(error.line),
        column: Some(error.column),
        ..InvalidBody::default()
    })
}

fn no_event(error: DecodeError, index: Option<usize>) -> Box<InvalidBody> {
    Box::new(InvalidBody {
        finding: Some(error.finding.unwrap_or_else(|| error.message.clone())),
        error: error.message,
        help: error.help,
        path: error.path,
        index,
        ..InvalidBody::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(source: &str, text: &str) -> Result<RequestEvents, Box<InvalidBody>> {
        let rulebook = Rulebook::default();
        let source = &rulebook.config.sources[source];
        let identity = RequestIdentity::new(source, None, jiff::Timestamp::UNIX_EPOCH);
        RequestEvents::read(source, &identity?, (text.as_bytes(), None), &rulebook)
    }

    fn ticket(id: &str) -> String {
        format!(
            r#"{{"input":{{"ticket_event":{{"type":"Ticket Created","ticket":{{"id":{id}}}}}}}}}"#
        )
    }

    #[test]
    fn one_event_or_an_array() {
        let one = request("support", &ticket("1")).expect("an event");
        assert!(!one.array && one.events.len() == 1);
        let many = request("support", &format!("[{}, {}]", ticket("1"), ticket("2")));
        let many = many.expect("two events");
        assert!(many.array && many.events[1].event.key.as_deref() == Some("2"));
    }

    #[test]
    fn what_is_not_json_has_a_place() {
        let rejected = request("support", "{\n \"a\": }").expect_err("no JSON");
        assert_eq!((rejected.line, rejected.column), (Some(2), Some(7)));
    }

    #[test]
    fn what_is_no_event_has_an_index_and_a_path() {
        let text = format!("[{}, {}]", ticket("1"), ticket("{}"));
        let rejected = request("support", &text).expect_err("no event");
        assert_eq!(rejected.index, Some(1));
        assert_eq!(
            rejected.path.as_deref(),
            Some("input.ticket_event.ticket.id")
        );
        assert!(request("support", "7").is_err_and(|rejected| rejected.index.is_none()));
    }

    #[test]
    fn the_url_decides_and_the_content_must_agree() {
        let rejected = request("upmind", &ticket("1")).expect_err("another source");
        assert_eq!(
            rejected.error,
            "this is an event of `support`, not of `upmind`"
        );
        assert_eq!(
            rejected.help.as_deref(),
            Some("send it to `/events/support`")
        );
    }

    #[test]
    fn arrays_have_bounds() {
        assert!(request("support", "[]").is_err());
        let most = vec![ticket("1"); MAX_EVENTS].join(",");
        assert!(request("support", &format!("[{most}]")).is_ok());
        let over = format!("[{most},{}]", ticket("1"));
        let rejected = request("support", &over).expect_err("too many");
        assert!(
            rejected.error.contains("at most 1000"),
            "{}",
            rejected.error
        );
    }
}
