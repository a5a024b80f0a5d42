//! Between what the store speaks of and what its columns hold. Both ways of each are here, side by side.
//! It refuses to guess: what it cannot read back is an error that names the row's part.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Row;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::core::event::catalogue::Catalogue;
use crate::core::event::decode::{DECODERS, decode};
use crate::core::event::{Brief, Event};
use crate::core::gate::{Ask, Kind};
use crate::core::run::{Attempt, Line, Outcome, State};

/// A part of a row that cannot be read back.
#[derive(Debug, thiserror::Error)]
#[error("failed to read back the {0}; the database was written by another version, or is damaged")]
pub struct Unreadable(pub &'static str);

/// Microseconds since 1970.
pub fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

pub fn time(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH)
}

pub fn duration_micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn duration(micros: i64) -> Duration {
    Duration::from_micros(micros.try_into().unwrap_or_default())
}

/// An event in its kept form. In version 1, `raw` is left out where it is the body. In version 2 it is all
/// that is kept of one that was only scanned: the decoder makes the rest of it again.
#[derive(Deserialize)]
struct KeptEvent {
    source: String,
    r#type: String,
    id: String,
    key: Option<String>,
    time: Option<Timestamp>,
    shape: String,
    #[serde(default)]
    envelope: Value,
    body: Option<Value>,
    raw: Option<Value>,
    #[serde(default)]
    warnings: Vec<String>,
}

/// The same, borrowed: an event is written far more often than read back.
#[derive(Serialize)]
struct KeepEvent<'e> {
    v: u32,
    source: &'e str,
    r#type: &'e str,
    id: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<Timestamp>,
    shape: &'e str,
    envelope: &'e Value,
    body: &'e Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<&'e Value>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'e [String],
}

pub fn event_text(event: &Event) -> String {
    let kept = KeepEvent {
        v: 1,
        source: &event.source,
        r#type: &event.event_type,
        id: &event.id,
        key: event.key.as_deref(),
        time: event.time,
        shape: event.shape,
        envelope: &event.envelope,
        body: &event.body,
        raw: (event.raw != event.body).then_some(&event.raw),
        warnings: &event.warnings,
    };
    // Maps have text keys and numbers are finite: this cannot fail.
    serde_json::to_string(&kept).unwrap_or_default()
}

/// What is kept of a scanned event beside the text that came.
#[derive(Serialize)]
struct KeepScanned<'e> {
    v: u32,
    source: &'e str,
    r#type: &'e str,
    id: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<Timestamp>,
    shape: &'e str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'e [String],
}

/// An event that was only scanned, with the text that came as it is.
pub fn scanned_text(brief: &Brief, raw: &str) -> String {
    let kept = KeepScanned {
        v: 2,
        source: &brief.source,
        r#type: &brief.event_type,
        id: &brief.id,
        key: brief.key.as_deref(),
        time: brief.time,
        shape: brief.shape,
        warnings: &brief.warnings,
    };
    let mut text = serde_json::to_string(&kept).unwrap_or_default();
    text.pop();
    text.reserve(raw.len() + 8);
    text.push_str(",\"raw\":");
    text.push_str(raw);
    text.push('}');
    text
}

pub fn event(text: &str) -> Result<Event, Unreadable> {
    let mut kept: KeptEvent = deep(text).ok_or(Unreadable("event"))?;
    let shape = DECODERS.iter().map(|decoder| decoder.shape);
    let body = match (kept.body.take(), &kept.raw) {
        (Some(body), _) => body,
        (None, Some(raw)) if kept.shape == "json" => raw.clone(),
        (None, Some(raw)) => {
            let read = decode(raw.clone(), Catalogue::built_in());
            let read = read.map_err(|_| Unreadable("event"))?;
            kept.envelope = read.envelope;
            read.body
        }
        (None, None) => return Err(Unreadable("event")),
    };
    let about = Event::about(
        &kept.source,
        &kept.r#type,
        &kept.id,
        kept.key.as_deref(),
        kept.time,
    );
    Ok(Event {
        about,
        shape: shape
            .into_iter()
            .find(|name| *name == kept.shape)
            .unwrap_or("json"),
        raw: kept.raw.unwrap_or_else(|| body.clone()),
        source: kept.source,
        event_type: kept.r#type,
        id: kept.id,
        key: kept.key,
        time: kept.time,
        envelope: match kept.envelope {
            Value::Null => Value::Object(Map::new()),
            envelope => envelope,
        },
        body,
        warnings: kept.warnings,
    })
}

/// JSON that this program wrote: an accepted body inside a record of its own is a few levels deeper
/// than what is accepted.
fn deep<T: for<'de> Deserialize<'de>>(text: &str) -> Option<T> {
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.disable_recursion_limit();
    T::deserialize(&mut reader).ok()
}

pub fn json(text: &str) -> Value {
    deep(text).unwrap_or_default()
}

/// The columns of a line after its run and number.
pub struct LineRow {
    pub kind: &'static str,
    pub step: Option<String>,
    pub number: Option<u32>,
    pub at: i64,
    pub took: Option<i64>,
    pub outcome: Option<&'static str>,
    pub detail: Option<String>,
}

/// None for a line that is never kept.
pub fn line_row(line: &Line) -> Option<LineRow> {
    let row = LineRow {
        kind: "",
        step: None,
        number: None,
        at: 0,
        took: None,
        outcome: None,
        detail: None,
    };
    match line {
        Line::Claimed => None,
        Line::Revived { at } => Some(LineRow {
            kind: "revived",
            at: micros(*at),
            ..row
        }),
        Line::Started { step, number, at } => Some(LineRow {
            kind: "started",
            step: Some(step.clone()),
            number: Some(*number),
            at: micros(*at),
            ..row
        }),
        Line::Attempt(attempt) => {
            let (outcome, detail) = outcome_row(&attempt.outcome);
            Some(LineRow {
                kind: "attempt",
                step: Some(attempt.step.clone()),
                number: Some(attempt.number),
                at: micros(attempt.started),
                took: Some(duration_micros(attempt.took)),
                outcome: Some(outcome),
                detail: Some(detail),
            })
        }
    }
}

fn outcome_row(outcome: &Outcome) -> (&'static str, String) {
    match outcome {
        Outcome::Succeeded { result } => ("succeeded", result.to_string()),
        Outcome::Failed {
            message,
            retryable,
            retry_after,
        } => {
            let after = retry_after.map(duration_micros);
            let detail = json!({"message": message, "retryable": retryable, "retry_after": after});
            ("failed", detail.to_string())
        }
    }
}

/// From the columns kind, step, try, at, took, outcome, detail, in this order.
pub fn line(row: &Row<'_>) -> rusqlite::Result<Option<Line>> {
    let kind: String = row.get(0)?;
    let at = time(row.get(3)?);
    Ok(match kind.as_str() {
        "revived" => Some(Line::Revived { at }),
        "started" => Some(Line::Started {
            step: row.get(1)?,
            number: row.get(2)?,
            at,
        }),
        "attempt" => {
            let (outcome, detail): (String, String) = (row.get(5)?, row.get(6)?);
            Some(Line::Attempt(Attempt {
                step: row.get(1)?,
                number: row.get(2)?,
                started: at,
                took: duration(row.get(4)?),
                outcome: read_outcome(&outcome, &detail),
            }))
        }
        _ => None,
    })
}

fn read_outcome(outcome: &str, detail: &str) -> Outcome {
    let detail = json(detail);
    if outcome == "succeeded" {
        return Outcome::Succeeded { result: detail };
    }
    Outcome::Failed {
        message: detail["message"].as_str().unwrap_or_default().to_owned(),
        retryable: detail["retryable"].as_bool().unwrap_or_default(),
        retry_after: detail["retry_after"].as_i64().map(duration),
    }
}

/// From the columns state, why, gate, due.
pub fn state(
    word: &str,
    why: Option<String>,
    gate: Option<String>,
    due: Option<i64>,
) -> Result<State, Unreadable> {
    let why = why.unwrap_or_default();
    Ok(match word {
        "queued" => State::Queued,
        "running" => State::Running,
        "retrying" => State::Retrying {
            until: due.map(time).unwrap_or(Timestamp::UNIX_EPOCH),
        },
        "done" => State::Done,
        "skipped" => State::Skipped { why },
        "shadow" => State::Shadow,
        "dead" => State::Dead { why },
        "held" => State::Held { why },
        "suppressed" => State::Suppressed {
            gate: gate.unwrap_or_default(),
            why,
        },
        "cancelled" => State::Cancelled,
        _ => return Err(Unreadable("state of a run")),
    })
}

/// The gate of a state, where one is closed.
pub fn gate(state: &State) -> Option<&str> {
    match state {
        State::Suppressed { gate, .. } => Some(gate),
        State::Queued
        | State::Running
        | State::Retrying { .. }
        | State::Done
        | State::Skipped { .. }
        | State::Shadow
        | State::Dead { .. }
        | State::Held { .. }
        | State::Cancelled => None,
    }
}

/// None where no gate was asked.
pub fn asks_text(asks: &[Ask]) -> Option<String> {
    let asks: Vec<Value> = asks
        .iter()
        .map(|ask| {
            let limit = match ask.kind {
                Kind::Dedupe => None,
                Kind::Throttle { limit } => Some(limit),
            };
            json!({
                "gate": ask.kind.word(),
                "limit": limit,
                "window": duration_micros(ask.window),
                "value": ask.value,
            })
        })
        .collect();
    (!asks.is_empty()).then(|| Value::Array(asks).to_string())
}

pub fn asks(text: Option<&str>) -> Vec<Ask> {
    let asks = json(text.unwrap_or("[]"));
    let asks = asks.as_array().into_iter().flatten().map(|ask| Ask {
        kind: match ask["limit"].as_u64() {
            None => Kind::Dedupe,
            Some(limit) => Kind::Throttle {
                limit: u32::try_from(limit).unwrap_or(u32::MAX),
            },
        },
        window: duration(ask["window"].as_i64().unwrap_or_default()),
        value: ask["value"].as_str().unwrap_or_default().to_owned(),
    });
    asks.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::event::catalogue::Catalogue;
    use crate::core::event::decode::decode;
    use crate::core::event::json::accept;
    use crate::core::event::sample;

    #[test]
    fn every_sample_event_comes_back_whole() {
        for tag in ["ticket.PriorityChanged", "ticket.CommentAdded"] {
            let sample = sample::sample("support", tag).expect("a sample");
            let value = accept(sample.text.as_bytes()).expect("JSON").value;
            let event = decode(value, Catalogue::built_in()).expect("an event");
            assert_eq!(super::event(&event_text(&event)).expect("readable"), event);
        }
    }

    #[test]
    fn the_deepest_event_that_is_accepted_comes_back() {
        let deep = format!("{}1{}", "[".repeat(120), "]".repeat(120));
        let text = format!(
            r#"{{"input":{{"ticket_event":{{"type":"Ticket Created","x":{deep},"ticket":{{"id":1}}}}}}}}"#
        );
        let value = accept(text.as_bytes()).expect("JSON").value;
        let event = decode(value, Catalogue::built_in()).expect("an event");
        assert_eq!(super::event(&event_text(&event)).expect("readable"), event);
    }

    #[test]
    fn asks_come_back() {
        let of = |kind| Ask {
            kind,
            window: Duration::from_secs(60),
            value: "ticket.id 7".into(),
        };
        let all = vec![of(Kind::Dedupe), of(Kind::Throttle { limit: 3 })];
        assert_eq!(asks(asks_text(&all).as_deref()), all);
        assert_eq!(asks_text(&[]), None);
    }
}
