//! Converts between the types of the store and the columns of a row; both directions of each conversion
//! are next to each other.

pub mod event;
pub mod load_error;

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Row;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::core::gate::{self, Ask, Kind};
use crate::core::loop_guard::Lineage;
use crate::core::rule::version::{Kept, Part};
use crate::core::run::{Attempt, Line, Outcome, RunId, State};
use crate::store::RowError;

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

/// Reads JSON that this program wrote. An accepted body inside a stored record is nested a few levels deeper
/// than accepted input may be.
pub fn deep<T: for<'de> Deserialize<'de>>(text: &str) -> Option<T> {
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.disable_recursion_limit();
    T::deserialize(&mut reader).ok()
}

pub fn json(text: &str) -> Value {
    deep(text).unwrap_or_default()
}

/// The columns of a log entry after its run and number.
pub struct LogRow {
    pub kind: &'static str,
    pub step: Option<String>,
    pub number: Option<u32>,
    pub at: i64,
    pub took: Option<i64>,
    pub outcome: Option<&'static str>,
    pub detail: Option<String>,
}

/// `None` for an entry that is never stored.
pub fn log_row(entry: &Line) -> Option<LogRow> {
    let row = LogRow {
        kind: "",
        step: None,
        number: None,
        at: 0,
        took: None,
        outcome: None,
        detail: None,
    };
    match entry {
        Line::Claimed { .. } => None,
        Line::Caught { step, at, error } => Some(LogRow {
            kind: "caught",
            step: Some(step.clone()),
            at: micros(*at),
            detail: Some(error.to_string()),
            ..row
        }),
        Line::Waiting { step, at, until } => Some(LogRow {
            kind: "waiting",
            step: Some(step.clone()),
            at: micros(*at),
            detail: Some(micros(*until).to_string()),
            ..row
        }),
        Line::Revived { at } => Some(LogRow {
            kind: "retried",
            at: micros(*at),
            ..row
        }),
        Line::Started { step, number, at } => Some(LogRow {
            kind: "started",
            step: Some(step.clone()),
            number: Some(*number),
            at: micros(*at),
            ..row
        }),
        Line::Attempt(attempt) => {
            let (outcome, detail) = outcome_row(&attempt.outcome);
            Some(LogRow {
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
            status,
        } => {
            let after = retry_after.map(duration_micros);
            let detail = json!({"message": message, "retryable": retryable, "retry_after": after, "status": status});
            ("failed", detail.to_string())
        }
    }
}

/// From the columns kind, step, attempt, at, took, outcome, detail, in this order.
pub fn log_entry(row: &Row<'_>) -> rusqlite::Result<Option<Line>> {
    let kind: String = row.get(0)?;
    let at = time(row.get(3)?);
    Ok(match kind.as_str() {
        "retried" => Some(Line::Revived { at }),
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

fn read_outcome(outcome: &str, detail: &str) -> Outcome {
    let detail = json(detail);
    if outcome == "succeeded" {
        return Outcome::Succeeded { result: detail };
    }
    Outcome::Failed {
        message: detail["message"].as_str().unwrap_or_default().to_owned(),
        retryable: detail["retryable"].as_bool().unwrap_or_default(),
        retry_after: detail["retry_after"].as_i64().map(duration),
        status: detail["status"]
            .as_u64()
            .and_then(|status| u16::try_from(status).ok()),
    }
}

/// From the columns state, why, gate, due.
pub fn state(
    word: &str,
    why: Option<String>,
    gate: Option<String>,
    due: Option<i64>,
) -> Result<State, RowError> {
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
        _ => return Err(RowError("state of a run")),
    })
}

/// The columns that [`stored_rule`] reads.
pub const STORED_RULE: &str =
    "SELECT file, line, document, config, rule_name, included FROM rules WHERE id = ?1";

/// The version of a rule and the row of its configuration.
pub fn stored_rule(row: &Row<'_>) -> rusqlite::Result<(Kept, i64)> {
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

/// `None` if the rule includes no other document, as most rules.
pub fn encode_included(parts: &[Part]) -> Option<String> {
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

/// `None` without gate checks.
pub fn encode_checks(checks: &[Ask]) -> Option<String> {
    let checks: Vec<Value> = checks
        .iter()
        .map(|ask| {
            let mut check = json!({
                "gate": ask.kind.word(),
                "window": duration_micros(ask.window),
                "value": ask.value,
            });
            match ask.kind {
                Kind::Dedupe => {}
                Kind::Throttle { limit } => check["limit"] = limit.into(),
                Kind::Debounce { at_most, keep } => {
                    check["keep"] = keep.word().into();
                    check["at_most"] = json!(at_most.map(duration_micros));
                }
            }
            check
        })
        .collect();
    (!checks.is_empty()).then(|| Value::Array(checks).to_string())
}

pub fn decode_checks(text: Option<&str>) -> Vec<Ask> {
    let checks = json(text.unwrap_or("[]"));
    let checks = checks.as_array().into_iter().flatten().map(|ask| Ask {
        kind: kind(ask),
        window: duration(ask["window"].as_i64().unwrap_or_default()),
        value: ask["value"].as_str().unwrap_or_default().to_owned(),
    });
    checks.collect()
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
    fn every_log_entry_is_read_back() {
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
            let row = log_row(&written).unwrap();
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
            let read = connection.query_row(sql, columns, log_entry).unwrap();
            assert_eq!(read, Some(written));
        }
        assert!(log_row(&Line::Claimed { over: Some(at) }).is_none());
    }

    #[test]
    fn gate_checks_are_read_back() {
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
        assert_eq!(decode_checks(encode_checks(&all).as_deref()), all);
        assert_eq!(encode_checks(&[]), None);
    }
}
