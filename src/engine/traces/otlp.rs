//! Spans in the JSON encoding of the OpenTelemetry protocol: ids in hexadecimal digits, 64-bit numbers as texts.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use flowtrigger_core::event::trace_context::{SpanId, TraceId};

/// The body of a request to a collector.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportRequest<'e> {
    resource_spans: [ResourceSpans<'e>; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans<'e> {
    resource: Resource<'e>,
    scope_spans: [ScopeSpans<'e>; 1],
}

#[derive(Debug, Serialize)]
struct Resource<'e> {
    attributes: &'e [SpanAttribute],
}

#[derive(Debug, Serialize)]
struct ScopeSpans<'e> {
    scope: InstrumentationScope,
    spans: &'e [TraceSpan],
}

/// The program that made the spans.
#[derive(Debug, Serialize)]
struct InstrumentationScope {
    name: &'static str,
    version: &'static str,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TraceSpan {
    #[serde(serialize_with = "text")]
    pub trace_id: TraceId,
    #[serde(serialize_with = "text")]
    pub span_id: SpanId,
    #[serde(
        serialize_with = "optional_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub parent_span_id: Option<SpanId>,
    pub flags: u32,
    pub name: String,
    pub kind: SpanKind,
    #[serde(rename = "startTimeUnixNano", serialize_with = "nanoseconds")]
    pub start: Timestamp,
    #[serde(rename = "endTimeUnixNano", serialize_with = "nanoseconds")]
    pub end: Timestamp,
    pub attributes: Vec<SpanAttribute>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<SpanStatus>,
}

/// The flags of a span: it is sampled, and it is known whether its parent is in another program.
pub const FLAGS_LOCAL_PARENT: u32 = 0x101;
pub const FLAGS_REMOTE_PARENT: u32 = 0x301;

/// What a span is to its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    Internal = 1,
    Client = 3,
    Consumer = 5,
}

/// Another span that belongs to this one and is not its parent.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    #[serde(serialize_with = "text")]
    pub trace_id: TraceId,
    #[serde(serialize_with = "text")]
    pub span_id: SpanId,
}

/// A failure. A span without one has no status.
#[derive(Debug, Clone, Serialize)]
pub struct SpanStatus {
    code: u32,
    #[serde(skip_serializing_if = "String::is_empty")]
    message: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SpanAttribute {
    key: Cow<'static, str>,
    value: AttributeValue,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
enum AttributeValue {
    StringValue(String),
    /// A number, as a text.
    IntValue(String),
}

impl<'e> ExportRequest<'e> {
    pub fn new(resource: &'e [SpanAttribute], spans: &'e [TraceSpan]) -> Self {
        let scope = InstrumentationScope {
            name: env!("CARGO_PKG_NAME"),
            version: env!("CARGO_PKG_VERSION"),
        };
        Self {
            resource_spans: [ResourceSpans {
                resource: Resource {
                    attributes: resource,
                },
                scope_spans: [ScopeSpans { scope, spans }],
            }],
        }
    }

    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("structs of strings and numbers serialize to JSON")
    }
}

impl SpanStatus {
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            code: 2,
            message: message.into(),
        }
    }
}

impl SpanAttribute {
    pub fn text(key: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            value: AttributeValue::StringValue(value.into()),
        }
    }

    pub fn number(key: &'static str, value: u64) -> Self {
        Self {
            key: key.into(),
            value: AttributeValue::IntValue(value.to_string()),
        }
    }
}

impl Serialize for SpanKind {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u8(*self as u8)
    }
}

fn text<S: Serializer>(id: &impl ToString, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&id.to_string())
}

fn optional_text<S: Serializer>(id: &Option<SpanId>, to: S) -> Result<S::Ok, S::Error> {
    match id {
        Some(id) => text(id, to),
        None => to.serialize_none(),
    }
}

/// The time as a text, since 1970.
fn nanoseconds<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    let nanoseconds = time.as_nanosecond().max(0);
    to.serialize_str(&nanoseconds.to_string())
}
