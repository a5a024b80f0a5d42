//! A request as JSON, the same for every command, and its JSON Schema.

use serde_json::{Value, json};

use crate::report::render::document::JSON_VERSION;
use crate::store::history::DeliveryRow;
use crate::store::{DeliveredEvents, DeliveryKind, DeliveryOutcome};

/// A request as JSON. [`schema`] describes it.
pub fn row_json(row: &DeliveryRow) -> Value {
    let delivery = &row.delivery;
    let (events, detail) = match &delivery.outcome {
        DeliveryOutcome::Accepted(events) => (Some(events), None),
        DeliveryOutcome::Rejected { detail, .. } => (None, Some(detail)),
    };
    let count = |count: fn(&DeliveredEvents) -> u64| events.map(count);
    json!({
        "id": delivery.id.0,
        "received": delivery.received.to_string(),
        "source": delivery.source.as_deref(),
        "endpoint": delivery.endpoint.as_deref(),
        "method": delivery.method,
        "path": delivery.path,
        "peer": delivery.peer.map(|peer| peer.to_string()),
        "size": delivery.size,
        "status": delivery.status,
        "accepted": delivery.kind() == DeliveryKind::Accepted,
        "reason": delivery.reason(),
        "detail": detail,
        "events": count(|events| events.count),
        "matched": count(|events| events.matched),
        "redelivered": count(|events| events.redelivered),
        "differed": count(|events| events.differed),
        "first_event": events.map(|events| events.first.as_str()),
        "omitted": row.omitted,
        "omitted_until": row.omitted_until.map(|until| until.to_string()),
    })
}

/// The JSON Schema of one line of the JSON output.
pub fn schema() -> Value {
    let mut schema = request_schema();
    let version = json!({"const": JSON_VERSION, "description": "The version of this format."});
    if let Some(properties) = schema["properties"].as_object_mut() {
        properties.shift_insert(0, "version".into(), version);
    }
    if let Some(required) = schema["required"].as_array_mut() {
        required.insert(0, "version".into());
    }
    let mut line = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A request of a sender, one line of `flowtrigger deliveries --format json`",
    });
    if let (Some(line), Value::Object(rest)) = (line.as_object_mut(), schema) {
        line.extend(rest);
    }
    line
}

/// The JSON Schema of a request in the output of any command.
pub fn request_schema() -> Value {
    let text = |description: &str| json!({"type": "string", "description": description});
    let maybe =
        |kind: &str, description: &str| json!({"type": [kind, "null"], "description": description});
    let number =
        |description: &str| json!({"type": "integer", "minimum": 0, "description": description});
    let time = |kind: Value, description: &str| json!({"type": kind, "format": "date-time", "description": description});
    let properties = json!({
        "id": number("Counts up; `--before` takes it."),
        "received": time("string".into(), "When its events were received, or when it was rejected, in UTC."),
        "source": maybe("string", "The `event_source` of the endpoint."),
        "endpoint": maybe("string", "The entry of `sources` at the path, if there is one."),
        "method": text("The HTTP method. Empty if the request could not be read."),
        "path": text("The path without the query, shortened. Empty if the request could not be read."),
        "peer": maybe("string", "The address of the sender, if it is known."),
        "size": maybe("integer", "Bytes of the body; of a rejected request those that the sender announced."),
        "status": number("The status code of the answer."),
        "accepted": {"type": "boolean", "description": "Whether its events were accepted."},
        "reason": maybe("string", "Why it was rejected, as in the metric `flowtrigger_requests_refused_total`."),
        "detail": maybe("string", "What was wrong, in one sentence."),
        "events": maybe("integer", "How many events it delivered."),
        "matched": maybe("integer", "How many of them a rule matched."),
        "redelivered": maybe("integer", "How many of them were known before."),
        "differed": maybe("integer", "How many of the known ones had another body than at first: nothing ran for them."),
        "first_event": maybe("string", "The id of its first event; `why` takes it."),
        "omitted": number("Requests with the same endpoint, status and reason that followed and were only counted. `events`, `matched` and `redelivered` do not include theirs."),
        "omitted_until": time(json!(["string", "null"]), "When the last of them was received, in UTC."),
    });
    let required: Vec<&String> = properties
        .as_object()
        .into_iter()
        .flat_map(|map| map.keys())
        .collect();
    json!({
        "type": "object",
        "required": required,
        "additionalProperties": false,
        "properties": properties,
    })
}

#[cfg(test)]
mod tests {
    use boon::{Compiler, Draft, Schemas};

    use super::*;
    use crate::report::render::document::versioned;
    use crate::store::conformance::history::deliveries::{accepted, rejected};

    #[test]
    fn the_schema_accepts_every_line_and_nothing_else() {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.set_default_draft(Draft::V2020_12);
        compiler.enable_format_assertions();
        compiler.add_resource("line.json", schema()).unwrap();
        let index = compiler.compile("line.json", &mut schemas).unwrap();
        for (delivery, omitted_until) in [
            (accepted("desk", "e"), None),
            (
                rejected("desk", 400, "unsound"),
                Some(jiff::Timestamp::UNIX_EPOCH),
            ),
        ] {
            let mut line = versioned(row_json(&DeliveryRow {
                delivery,
                omitted: 1,
                omitted_until,
            }));
            schemas
                .validate(&line, index)
                .unwrap_or_else(|error| panic!("{line} {error:#}"));
            line["body"] = "secret".into();
            assert!(schemas.validate(&line, index).is_err());
        }
    }
}
