//! Between what the store speaks of and what its columns hold. Both ways of each are here, side by side.
//! It refuses to guess: what it cannot read back is an error that names the row's part.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Row;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::core::gate::{self, Ask, Kind};
use crate::core::loop_guard::Lineage;
use crate::core::rule::version::{Kept, Part};
use crate::core::run::{Attempt, CallFailure, CallResult, Line, Reply, RunId, State};

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

/// JSON that this program wrote: an accepted body inside a record of its own is a few levels deeper
/// than what is accepted.
pub fn deep<T: for<'de> Deserialize<'de>>(text: &str) -> Option<T> {
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
        Line::Claimed { .. } => None,
        Line::Caught { step, at, error } => Some(LineRow {
            kind: "caught",
            step: Some(step.clone()),
            at: micros(*at),
            detail: Some(error.to_string()),
            ..row
        }),
        Line::Waiting { step, at, until } => Some(LineRow {
            kind: "waiting",
            step: Some(step.clone()),
            at: micros(*at),
            detail: Some(micros(*until).to_string()),
            ..row
        }),
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

fn outcome_row(outcome: &CallResult) -> (&'static str, String) {
    match outcome {
        Ok(Reply { value: result }) => ("succeeded", result.to_string()),
        Err(CallFailure {
            message,
            retryable,
            retry_after,
            status,
        }) => {
            let after = retry_after.map(duration_micros);
            let detail = json!({"message": message, "retryable": retryable, "retry_after": after, "status": status});
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
        "waiting" => {
            let until: String = row.get(6)?;
            Some(Line::Waiting {
                step: row.get(1)?,
                at,
                until: time(until.parse().unwrap_or_default()),
            })
        }
        "caught" => {
            let error: String = row.get(6)?;
            Some(Line::Caught {
                step: row.get(1)?,
                at,
                error: json(&error),
            })
        }
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

fn read_outcome(outcome: &str, detail: &str) -> CallResult {
    let detail = json(detail);
    if outcome == "succeeded" {
        return Ok(Reply { value: detail });
    }
    Err(CallFailure {
        message: detail["message"].as_str().unwrap_or_default().to_owned(),
        retryable: detail["retryable"].as_bool().unwrap_or_default(),
        retry_after: detail["retry_after"].as_i64().map(duration),
        status: detail["status"]
            .as_u64()
            .and_then(|status| u16::try_from(status).ok()),
    })
}

/// From the columns state, why, gate, due.
pub fn state(
    word: &str,
    why: Option<String>,
    gate: Option<String>,
    due: Option<i64>,
) -> Result<State, Unreadable> {
    let why = why.unwrap_or_default();
    let until = due.map_or(Timestamp::UNIX_EPOCH, time);
    Ok(match word {
        "queued" => State::Queued,
        "debouncing" => State::Debouncing { until },
        "running" => State::Running,
        "retrying" => State::Retrying { until },
        "waiting" => State::Waiting { until },
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

/// What [`kept_rule`] reads.
pub const KEPT_RULE: &str =
    "SELECT file, line, document, config, picked, parts FROM rules WHERE id = ?1";

/// A version of a rule, with the row of its configuration.
pub fn kept_rule(row: &Row<'_>) -> rusqlite::Result<(Kept, i64)> {
    let parts: Option<String> = row.get(5)?;
    let kept = Kept {
        file: row.get(0)?,
        line: row.get(1)?,
        document: row.get(2)?,
        picked: row.get(4)?,
        parts: parts.and_then(|parts| deep(&parts)).unwrap_or_default(),
    };
    Ok((kept, row.get(3)?))
}

/// None where the rule stands alone, as most do.
pub fn parts_text(parts: &[Part]) -> Option<String> {
    let parts = (!parts.is_empty()).then_some(parts)?;
    Some(json!(parts).to_string())
}

/// From the columns depth, cause.
pub fn lineage(depth: u32, cause: Option<i64>) -> Lineage {
    Lineage {
        depth,
        cause: cause.map(|run| RunId(u64::try_from(run).unwrap_or_default())),
    }
}

/// None where no gate was asked.
pub fn asks_text(asks: &[Ask]) -> Option<String> {
    let asks: Vec<Value> = asks
        .iter()
        .map(|ask| {
            let mut told = json!({
                "gate": ask.kind.word(),
                "window": duration_micros(ask.window),
                "value": ask.value,
            });
            match ask.kind {
                Kind::Dedupe => {}
                Kind::Throttle { limit } => told["limit"] = limit.into(),
                Kind::Debounce { at_most, keep } => {
                    told["keep"] = keep.word().into();
                    told["at_most"] = json!(at_most.map(duration_micros));
                }
            }
            told
        })
        .collect();
    (!asks.is_empty()).then(|| Value::Array(asks).to_string())
}

pub fn asks(text: Option<&str>) -> Vec<Ask> {
    let asks = json(text.unwrap_or("[]"));
    let asks = asks.as_array().into_iter().flatten().map(|ask| Ask {
        kind: kind(ask),
        window: duration(ask["window"].as_i64().unwrap_or_default()),
        value: ask["value"].as_str().unwrap_or_default().to_owned(),
    });
    asks.collect()
}

fn kind(ask: &Value) -> Kind {
    let keep = ask["keep"].as_str().and_then(gate::Kept::parse);
    match (ask["limit"].as_u64(), keep) {
        (Some(limit), _) => Kind::Throttle {
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
        },
        (None, Some(keep)) => Kind::Debounce {
            at_most: ask["at_most"].as_i64().map(duration),
            keep,
        },
        (None, None) => Kind::Dedupe,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_comes_back() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let at = Timestamp::from_microsecond(1_800_000_000_000_001).unwrap();
        let lines = [
            Line::Waiting {
                step: "each[2].pause#2".into(),
                at,
                until: at + jiff::SignedDuration::from_hours(90 * 24),
            },
            Line::Revived { at },
            Line::Started {
                step: "page".into(),
                number: 2,
                at,
            },
        ];
        for written in lines {
            let row = line_row(&written).unwrap();
            let columns = rusqlite::params![
                row.kind,
                row.step,
                row.number,
                row.at,
                row.took,
                row.outcome,
                row.detail
            ];
            let sql = "SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7";
            let read = connection.query_row(sql, columns, line).unwrap();
            assert_eq!(read, Some(written));
        }
        assert!(line_row(&Line::Claimed { over: Some(at) }).is_none());
    }

    #[test]
    fn asks_come_back() {
        let of = |kind| Ask {
            kind,
            window: Duration::from_secs(60),
            value: "ticket.id 7".into(),
        };
        let debounce = |at_most, keep| of(Kind::Debounce { at_most, keep });
        let all = vec![
            of(Kind::Dedupe),
            debounce(None, gate::Kept::All),
            debounce(Some(Duration::from_secs(90)), gate::Kept::First),
            of(Kind::Throttle { limit: 3 }),
        ];
        assert_eq!(asks(asks_text(&all).as_deref()), all);
        assert_eq!(asks_text(&[]), None);
    }
}
