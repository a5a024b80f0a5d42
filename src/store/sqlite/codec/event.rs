//! The stored form of an event: decoded, or as it was received if it was only scanned.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::deep;
use crate::store::RowError;
use flowtrigger_core::event::Event;
use flowtrigger_core::event::catalogue::Catalogue;
use flowtrigger_core::event::format::{DECODERS, decode};
use flowtrigger_core::event::summary::EventSummary;
use flowtrigger_core::event::trace_context::{TRACEPARENT_LENGTH, TraceParent};

/// A stored event. In version 1, `raw` is left out if it equals the body, and may be the text as received. In version 2 it is all that is stored
/// of an event that was only scanned, and the decoder produces the rest again.
#[derive(Deserialize)]
struct StoredEvent {
    source: String,
    /// Left out if it is the source, and by earlier versions.
    endpoint: Option<String>,
    r#type: String,
    id: String,
    key: Option<String>,
    time: Option<Timestamp>,
    time_zone: Option<String>,
    shape: String,
    #[serde(default)]
    envelope: Value,
    body: Option<Value>,
    raw: Option<Value>,
    #[serde(default)]
    warnings: Vec<String>,
    /// The `traceparent` of its delivery. Left out if it had none, and by earlier versions.
    trace: Option<String>,
}

/// The same, borrowed, because events are written far more often than read back.
#[derive(Serialize)]
struct StoredEventRef<'e> {
    v: u32,
    /// Near the start, where [`trace_of`] finds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<String>,
    source: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<&'e str>,
    r#type: &'e str,
    id: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<&'e str>,
    shape: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    envelope: Option<&'e Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'e Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<&'e Value>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'e [String],
}

/// The memory for the fields of an event beside its values. A text gets its memory at once, because growing step by step
/// takes twice as much.
const HEADER: usize = 512;
/// What a value has beside its own text and key: quotes, a colon and a comma, or a number.
const BESIDE_TEXT: usize = 6;

impl StoredEventRef<'_> {
    /// The JSON, with a text as received as the last field.
    fn text(&self, received: Option<&str>) -> String {
        let values = [self.envelope, self.body, self.raw].into_iter().flatten();
        let length: usize = values.map(text_length).sum();
        let received_length = received.map_or(0, str::len);
        let mut text = Vec::with_capacity(HEADER + length + length / 8 + received_length);
        serde_json::to_writer(&mut text, self).expect("map keys are texts and numbers are finite");
        let mut text = String::from_utf8(text).expect("JSON is UTF-8");
        if let Some(received) = received {
            text.pop();
            text.push_str(",\"raw\":");
            text.push_str(received);
            text.push('}');
        }
        text
    }
}

/// The length of the JSON of a value, without the escapes in it. An estimate.
fn text_length(value: &Value) -> usize {
    let content = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(list) => list.iter().map(text_length).sum(),
        Value::Object(object) => {
            let entries = object.iter();
            entries
                .map(|(key, value)| key.len() + text_length(value))
                .sum()
        }
    };
    content + BESIDE_TEXT
}

pub fn encode_event(event: &Event) -> String {
    let kept = StoredEventRef {
        v: 1,
        trace: event.trace.map(|trace| trace.to_string()),
        source: &event.source,
        endpoint: (event.endpoint != event.source).then_some(&event.endpoint),
        r#type: &event.event_type,
        id: &event.id,
        key: event.key.as_deref(),
        time: event.time,
        time_zone: event.time_zone(),
        shape: event.format,
        envelope: Some(&event.envelope),
        body: Some(&event.body),
        raw: match event.raw.text() {
            Some(_) => None,
            None => (event.raw != event.body).then_some(event.raw.value()),
        },
        warnings: &event.warnings,
    };
    kept.text(event.raw.text())
}

/// An event that was only scanned, with its text as received.
pub fn encode_scanned_event(brief: &EventSummary, raw: &str) -> String {
    let kept = StoredEventRef {
        v: 2,
        trace: None,
        source: &brief.source,
        endpoint: (brief.endpoint != brief.source).then_some(&brief.endpoint),
        r#type: &brief.event_type,
        id: &brief.id,
        key: brief.key.as_deref(),
        time: brief.time,
        time_zone: brief.time_zone.as_deref(),
        shape: brief.format,
        envelope: None,
        body: None,
        raw: None,
        warnings: &brief.warnings,
    };
    kept.text(Some(raw))
}

/// Returns the text as received of an event in version 2. None for version 1, which stores only the value.
pub fn raw_text(text: &str) -> Option<&str> {
    let fields = text.strip_prefix(r#"{"v":2,"#)?;
    // Inside a JSON string the quotes would be escaped, so this is the key.
    let (_, raw) = fields.split_once(r#","raw":"#)?;
    raw.strip_suffix('}')
}

/// What comes before the trace in the text of an event.
const BEFORE_TRACE: &str = r#"{"v":1,"trace":""#;
/// Characters at the start of the text of an event that have its trace.
pub const TRACE_PREFIX: usize = BEFORE_TRACE.len() + TRACEPARENT_LENGTH;

/// The trace of an event, given the first [`TRACE_PREFIX`] characters of its text.
pub fn trace_of(prefix: &str) -> Option<TraceParent> {
    TraceParent::parse(prefix.strip_prefix(BEFORE_TRACE)?)
}

pub fn decode_event(text: &str) -> Result<Event, RowError> {
    let mut kept: StoredEvent = deep(text).ok_or(RowError("event"))?;
    let mut formats = DECODERS.iter().map(|decoder| decoder.format);
    let body = match (kept.body.take(), &kept.raw) {
        (Some(body), _) => body,
        (None, Some(raw)) if kept.shape == "json" => raw.clone(),
        (None, Some(raw)) => {
            let read = decode(raw.clone(), Catalogue::built_in());
            let read = read.map_err(|_| RowError("event"))?;
            kept.envelope = read.envelope;
            read.body
        }
        (None, None) => return Err(RowError("event")),
    };
    let format = formats.find(|name| *name == kept.shape).unwrap_or("json");
    let summary = EventSummary {
        endpoint: kept.endpoint.unwrap_or_else(|| kept.source.clone()),
        source: kept.source,
        event_type: kept.r#type,
        id: kept.id,
        key: kept.key,
        time: kept.time,
        time_zone: kept.time_zone,
        format,
        warnings: kept.warnings,
    };
    Ok(Event {
        about: summary.about(),
        raw: kept.raw.unwrap_or_else(|| body.clone()).into(),
        source: summary.source,
        endpoint: summary.endpoint,
        event_type: summary.event_type,
        id: summary.id,
        key: summary.key,
        time: summary.time,
        envelope: match kept.envelope {
            Value::Null => Value::Object(Map::new()),
            envelope => envelope,
        },
        body,
        format,
        warnings: summary.warnings,
        trace: kept.trace.as_deref().and_then(TraceParent::parse),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use flowtrigger_core::event::catalogue::sample;
    use flowtrigger_core::event::format::{FormatHint, head, read};
    use flowtrigger_core::event::json::parse::parse;
    use flowtrigger_core::event::json::tape::Tape;
    use flowtrigger_core::event::json::value_ref::ValueRef;

    #[test]
    fn every_sample_event_is_read_back_whole() {
        for tag in ["ticket.PriorityChanged", "ticket.CommentAdded"] {
            let sample = sample::sample("support", tag).expect("a sample");
            let value = parse(sample.text.as_bytes()).expect("JSON").value;
            let endpoint = FormatHint::Endpoint("north");
            let mut event = read(value, endpoint, Catalogue::built_in()).expect("an event");
            assert_eq!(event.about["endpoint"], "north");
            for description in [String::new(), "é\"\u{1}".repeat(64 * 1024)] {
                event.body["ticket"]["description"] = description.into();
                let text = encode_event(&event);
                assert_eq!(decode_event(&text).expect("readable"), event);
            }
        }
    }

    #[test]
    fn an_event_that_was_scanned_is_stored_with_its_text_as_received() {
        let sample = sample::sample("support", "ticket.PriorityChanged").expect("a sample");
        let text = sample.text.replace("\":", "\" : ");
        let (mut tape, catalogue) = (Tape::default(), Catalogue::built_in());
        let scanned = tape.scan(text.as_bytes()).expect("plain JSON");
        let document = ValueRef::Taped(scanned.root());
        let head = head(document, FormatHint::Detect, catalogue).expect("an event");
        let event = head.event(catalogue);
        let stored = encode_event(&event);
        assert!(stored.contains(text.trim()), "{stored}");
        assert_eq!(decode_event(&stored).expect("readable"), event);
    }

    #[test]
    fn the_trace_of_an_event_is_at_the_start_of_its_text() {
        let sample = sample::sample("support", "ticket.CommentAdded").expect("a sample");
        let value = parse(sample.text.as_bytes()).expect("JSON").value;
        let event = decode(value, Catalogue::built_in()).expect("an event");
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let traced = Event {
            trace: TraceParent::parse(trace),
            ..event.clone()
        };
        let text = encode_event(&traced);
        assert_eq!(trace_of(&text[..TRACE_PREFIX]), traced.trace);
        assert_eq!(decode_event(&text).expect("readable"), traced);
        assert_eq!(trace_of(&encode_event(&event)[..TRACE_PREFIX]), None);
    }

    #[test]
    fn the_text_of_a_scanned_event_comes_back_as_received() {
        let raw = r#"{ "input": {"a": "},\"raw\":{", "b": 1.0} }"#;
        let value =
            parse(br#"{"input":{"ticket_event":{"type":"Ticket Created","ticket":{"id":1}}}}"#);
        let event = decode(value.expect("JSON").value, Catalogue::built_in()).expect("an event");
        let brief = EventSummary {
            id: r#"","raw":{}"#.into(),
            ..EventSummary::from_event(&event)
        };
        assert_eq!(raw_text(&encode_scanned_event(&brief, raw)), Some(raw));
        assert_eq!(raw_text(&encode_event(&event)), None);
    }

    #[test]
    fn the_deepest_accepted_event_is_read_back() {
        let deep = format!("{}1{}", "[".repeat(120), "]".repeat(120));
        let text = format!(
            r#"{{"input":{{"ticket_event":{{"type":"Ticket Created","x":{deep},"ticket":{{"id":1}}}}}}}}"#
        );
        let value = parse(text.as_bytes()).expect("JSON").value;
        let event = decode(value, Catalogue::built_in()).expect("an event");
        assert_eq!(
            decode_event(&encode_event(&event)).expect("readable"),
            event
        );
    }
}
