//! Reads the body of a request to a collector as strictly as the protocol allows: no unknown key, every value of its kind,
//! ids in lower-case hexadecimal digits, times and whole numbers as texts.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A span with the attributes of its resource.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadSpan {
    pub trace: String,
    pub id: String,
    /// Empty for a span without a parent.
    pub parent: String,
    pub flags: u64,
    pub name: String,
    pub kind: u64,
    pub start: u64,
    pub end: u64,
    pub attributes: BTreeMap<String, Value>,
    /// The linked spans of the same trace.
    pub links: Vec<String>,
    /// The message; `None` without a failure.
    pub failure: Option<String>,
    pub resource: BTreeMap<String, Value>,
}

impl ReadSpan {
    pub fn text(&self, attribute: &str) -> &str {
        let value = self.attributes.get(attribute);
        value.and_then(Value::as_str).unwrap_or_default()
    }

    pub fn number(&self, attribute: &str) -> Option<i64> {
        self.attributes.get(attribute).and_then(Value::as_i64)
    }
}

type Read<T> = Result<T, String>;

/// The spans of a body.
pub fn read(body: &str) -> Read<Vec<ReadSpan>> {
    let body: Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
    let body = Object::new("request", &body, &["resourceSpans"])?;
    let mut spans = Vec::new();
    for resource_spans in body.list("resourceSpans")? {
        let keys = ["resource", "scopeSpans", "schemaUrl"];
        let resource_spans = Object::new("resourceSpans", resource_spans, &keys)?;
        let resource = resource_spans.required("resource")?;
        let resource = Object::new("resource", resource, &["attributes"])?;
        let resource = attributes(&resource)?;
        for name in ["service.name", "service.version"] {
            if !resource.get(name).is_some_and(Value::is_string) {
                return Err(format!("no {name}"));
            }
        }
        for scope_spans in resource_spans.list("scopeSpans")? {
            let keys = ["scope", "spans", "schemaUrl"];
            let scope_spans = Object::new("scopeSpans", scope_spans, &keys)?;
            let scope = scope_spans.required("scope")?;
            let scope = Object::new("scope", scope, &["name", "version", "attributes"])?;
            scope.text("name")?;
            scope.text("version")?;
            for span in scope_spans.list("spans")? {
                spans.push(read_span(span, &resource)?);
            }
        }
    }
    Ok(spans)
}

const SPAN: [&str; 13] = [
    "traceId",
    "spanId",
    "traceState",
    "parentSpanId",
    "flags",
    "name",
    "kind",
    "startTimeUnixNano",
    "endTimeUnixNano",
    "attributes",
    "events",
    "links",
    "status",
];

fn read_span(span: &Value, resource: &BTreeMap<String, Value>) -> Read<ReadSpan> {
    let span = Object::new("span", span, &SPAN)?;
    let (start, end) = (
        span.nanoseconds("startTimeUnixNano")?,
        span.nanoseconds("endTimeUnixNano")?,
    );
    if end < start {
        return Err(format!("it ends before it starts: {span:?}"));
    }
    let kind = span.number("kind")?;
    if !(1..=5).contains(&kind) {
        return Err(format!("no kind of a span: {kind}"));
    }
    let trace = span.id("traceId", 32)?;
    let mut links = Vec::new();
    for link in span.optional_list("links")? {
        let link = Object::new(
            "link",
            link,
            &["traceId", "spanId", "traceState", "attributes", "flags"],
        )?;
        if link.id("traceId", 32)? != trace {
            return Err("a link to another trace".to_owned());
        }
        links.push(link.id("spanId", 16)?);
    }
    let name = span.text("name")?;
    if name.is_empty() {
        return Err("a span without a name".to_owned());
    }
    Ok(ReadSpan {
        id: span.id("spanId", 16)?,
        parent: match span.get("parentSpanId") {
            Some(_) => span.id("parentSpanId", 16)?,
            None => String::new(),
        },
        flags: span.number("flags")?,
        name,
        kind,
        start,
        end,
        attributes: attributes(&span)?,
        links,
        failure: match span.get("status") {
            Some(status) => Some(read_failure(status)?),
            None => None,
        },
        resource: resource.clone(),
        trace,
    })
}

fn read_failure(status: &Value) -> Read<String> {
    let status = Object::new("status", status, &["code", "message"])?;
    if status.number("code")? != 2 {
        return Err(format!("not the code of an error: {status:?}"));
    }
    match status.get("message") {
        Some(_) => status.text("message"),
        None => Ok(String::new()),
    }
}

fn attributes(object: &Object<'_>) -> Read<BTreeMap<String, Value>> {
    let mut read = BTreeMap::new();
    for attribute in object.optional_list("attributes")? {
        let attribute = Object::new("attribute", attribute, &["key", "value"])?;
        let key = attribute.text("key")?;
        let value = attribute.required("value")?;
        let kinds = ["stringValue", "boolValue", "intValue", "doubleValue"];
        let value = Object::new("value", value, &kinds)?;
        let value = match value.fields.iter().next() {
            Some((kind, Value::String(text))) if kind == "stringValue" => {
                Value::from(text.as_str())
            }
            Some((kind, Value::Bool(value))) if kind == "boolValue" => Value::from(*value),
            Some((kind, Value::String(digits))) if kind == "intValue" => {
                let number: i64 = digits.parse().map_err(|_| format!("no number: {digits}"))?;
                Value::from(number)
            }
            Some((kind, Value::Number(number))) if kind == "doubleValue" => number.clone().into(),
            other => return Err(format!("`{key}` has no valid value: {other:?}")),
        };
        if key.is_empty() || read.insert(key.clone(), value).is_some() {
            return Err(format!("`{key}` is empty or twice there"));
        }
    }
    Ok(read)
}

#[derive(Debug)]
struct Object<'v> {
    name: &'static str,
    fields: &'v Map<String, Value>,
}

impl<'v> Object<'v> {
    fn new(name: &'static str, value: &'v Value, keys: &[&str]) -> Read<Self> {
        let fields = value.as_object();
        let fields = fields.ok_or_else(|| format!("{name} is no object: {value}"))?;
        match fields.keys().find(|key| !keys.contains(&key.as_str())) {
            Some(unknown) => Err(format!("unknown key `{unknown}` in {name}")),
            None => Ok(Self { name, fields }),
        }
    }

    fn get(&self, key: &str) -> Option<&'v Value> {
        self.fields.get(key)
    }

    fn required(&self, key: &str) -> Read<&'v Value> {
        let missing = || format!("{} has no `{key}`", self.name);
        self.get(key).ok_or_else(missing)
    }

    fn list(&self, key: &str) -> Read<&'v [Value]> {
        let list = self.required(key)?.as_array();
        list.map(Vec::as_slice)
            .ok_or_else(|| format!("`{key}` is no list"))
    }

    fn optional_list(&self, key: &str) -> Read<&'v [Value]> {
        match self.get(key) {
            Some(_) => self.list(key),
            None => Ok(&[]),
        }
    }

    fn text(&self, key: &str) -> Read<String> {
        let text = self.required(key)?.as_str();
        text.map(str::to_owned)
            .ok_or_else(|| format!("`{key}` is no text"))
    }

    /// A number that is not a text.
    fn number(&self, key: &str) -> Read<u64> {
        let number = self.required(key)?.as_u64();
        number.ok_or_else(|| format!("`{key}` is no number"))
    }

    /// A time as a text.
    fn nanoseconds(&self, key: &str) -> Read<u64> {
        let text = self.text(key)?;
        let number = text.parse().ok().filter(|_| !text.starts_with(['+', '0']));
        number.ok_or_else(|| format!("`{key}` is no time: {text}"))
    }

    fn id(&self, key: &str, digits: usize) -> Read<String> {
        let id = self.text(key)?;
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let is_valid = id.len() == digits && id.bytes().all(is_digit);
        match is_valid && id.bytes().any(|byte| byte != b'0') {
            true => Ok(id),
            false => Err(format!("`{key}` is no id: {id}")),
        }
    }
}

#[test]
fn the_reader_accepts_only_what_the_protocol_allows() {
    let valid = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"f"}},{"key":"service.version","value":{"stringValue":"1"}}]},"scopeSpans":[{"scope":{"name":"f","version":"1"},"spans":[{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7","flags":257,"name":"run","kind":5,"startTimeUnixNano":"1800000000000000000","endTimeUnixNano":"1800000000000000001","attributes":[{"key":"n","value":{"intValue":"7"}}],"status":{"code":2,"message":"no"}}]}]}]}"#;
    assert_eq!(read(valid).unwrap().len(), 1);
    for (right, wrong) in [
        ("\"traceId\"", "\"trace_id\""),
        (
            "4bf92f3577b34da6a3ce929d0e0e4736",
            "4BF92F3577B34DA6A3CE929D0E0E4736",
        ),
        ("00f067aa0ba902b7", "00f067aa0ba902"),
        ("00f067aa0ba902b7", "0000000000000000"),
        ("\"1800000000000000000\"", "1800000000000000000"),
        ("1800000000000000001", "1799999999999999999"),
        ("\"kind\":5", "\"kind\":\"SPAN_KIND_CONSUMER\""),
        ("\"kind\":5", "\"kind\":6"),
        ("{\"intValue\":\"7\"}", "{\"intValue\":7}"),
        ("{\"intValue\":\"7\"}", "{\"stringValue\":7}"),
        ("{\"intValue\":\"7\"}", "7"),
        ("\"code\":2", "\"code\":\"STATUS_CODE_ERROR\""),
        ("\"name\":\"run\"", "\"name\":\"\""),
        ("\"flags\":257", "\"flags\":\"257\""),
        ("service.name", "service.game"),
        ("\"status\"", "\"state\""),
    ] {
        assert!(valid.contains(right), "{right}");
        assert!(read(&valid.replacen(right, wrong, 1)).is_err(), "{wrong}");
    }
}
