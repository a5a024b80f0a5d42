//! Converts between the types of the store and the columns of a row; both directions of each conversion
//! are next to each other.

pub mod event;
pub mod load_error;

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Row;
use rusqlite::types::Type;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::store::RowError;
use flowtrigger_core::gate;
use flowtrigger_core::gate::{GateCheck, GateKind};
use flowtrigger_core::loop_guard::Causation;
use flowtrigger_core::rule::version::{IncludedDocument, StoredRuleVersion};
use flowtrigger_core::run::call_result::{CallFailure, CallResult, Reply};
use flowtrigger_core::run::{Attempt, LogEntry, RunId, RunState};

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
    Duration::from_micros(micros.max(0).unsigned_abs())
}

/// Reads JSON that this program wrote. An accepted body inside a stored record is nested a few levels deeper
/// than accepted input may be.
pub fn deep<T: for<'de> Deserialize<'de>>(text: &str) -> Option<T> {
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.disable_recursion_limit();
    T::deserialize(&mut reader).ok()
}

/// JSON in a column; `part` names what it is.
pub fn json(text: &str, part: &'static str) -> Result<Value, RowError> {
    deep(text).ok_or(RowError(part))
}

/// `error.…` of a run, null where the column is empty.
pub fn error(text: Option<&str>) -> Result<Value, RowError> {
    text.map_or(Ok(Value::Null), |text| json(text, "error of a run"))
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
pub fn log_row(entry: &LogEntry) -> Option<LogRow> {
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
        LogEntry::Claimed { .. } => None,
        LogEntry::Caught { step, at, error } => Some(LogRow {
            kind: "caught",
            step: Some(step.clone()),
            at: micros(*at),
            detail: Some(error.to_string()),
            ..row
        }),
        LogEntry::Waiting { step, at, until } => Some(LogRow {
            kind: "waiting",
            step: Some(step.clone()),
            at: micros(*at),
            detail: Some(micros(*until).to_string()),
            ..row
        }),
        LogEntry::Revived { at } => Some(LogRow {
            kind: "retried",
            at: micros(*at),
            ..row
        }),
        LogEntry::Started { step, number, at } => Some(LogRow {
            kind: "started",
            step: Some(step.clone()),
            number: Some(*number),
            at: micros(*at),
            ..row
        }),
        LogEntry::Attempt(attempt) => {
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

/// From the columns kind, step, attempt, at, took, outcome, detail, in this order.
pub fn log_entry(row: &Row<'_>) -> rusqlite::Result<LogEntry> {
    let kind: String = row.get(0)?;
    let at = time(row.get(3)?);
    Ok(match kind.as_str() {
        "retried" => LogEntry::Revived { at },
        "waiting" => {
            let until: String = row.get(6)?;
            let until = until.parse().map_err(|_| RowError("log of a run"));
            LogEntry::Waiting {
                step: row.get(1)?,
                at,
                until: time(until.map_err(in_detail)?),
            }
        }
        "caught" => {
            let error: String = row.get(6)?;
            LogEntry::Caught {
                step: row.get(1)?,
                at,
                error: json(&error, "log of a run").map_err(in_detail)?,
            }
        }
        "started" => LogEntry::Started {
            step: row.get(1)?,
            number: row.get(2)?,
            at,
        },
        "attempt" => {
            let (outcome, detail): (String, String) = (row.get(5)?, row.get(6)?);
            LogEntry::Attempt(Attempt {
                step: row.get(1)?,
                number: row.get(2)?,
                started: at,
                took: duration(row.get(4)?),
                outcome: read_outcome(&outcome, &detail).map_err(in_detail)?,
            })
        }
        // A later version wrote it: what happened in the run is not known here.
        _ => return Err(in_column(0, RowError("log of a run"))),
    })
}

/// An error of reading the column `detail` of a line.
fn in_detail(unreadable: RowError) -> rusqlite::Error {
    in_column(6, unreadable)
}

fn in_column(column: usize, unreadable: RowError) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(unreadable))
}

fn read_outcome(outcome: &str, detail: &str) -> Result<CallResult, RowError> {
    const PART: &str = "log of a run";
    let detail = json(detail, PART)?;
    let failure = || {
        let status = detail["status"].as_u64().map(u16::try_from);
        Some(CallFailure {
            message: detail["message"].as_str()?.to_owned(),
            retryable: detail["retryable"].as_bool()?,
            retry_after: detail["retry_after"].as_i64().map(duration),
            status: status.transpose().ok()?,
        })
    };
    match outcome {
        "succeeded" => Ok(Ok(Reply { value: detail })),
        "failed" => failure().map(Err).ok_or(RowError(PART)),
        _ => Err(RowError(PART)),
    }
}

/// From the columns state, why, gate, due.
pub fn state(
    word: &str,
    why: Option<String>,
    gate: Option<String>,
    due: Option<i64>,
) -> Result<RunState, RowError> {
    let why = why.unwrap_or_default();
    let until = due.map_or(Timestamp::UNIX_EPOCH, time);
    Ok(match word {
        "queued" => RunState::Queued,
        "debouncing" => RunState::Debouncing { until },
        "running" => RunState::Running,
        "retrying" => RunState::Retrying { until },
        "waiting" => RunState::Waiting { until },
        "done" => RunState::Done,
        "skipped" => RunState::Skipped { why },
        "shadow" => RunState::Shadow,
        "dead" => RunState::Dead { why },
        "held" => RunState::Held { why },
        "suppressed" => RunState::Suppressed {
            gate: gate.unwrap_or_default(),
            why,
        },
        "cancelled" => RunState::Cancelled,
        _ => return Err(RowError("state of a run")),
    })
}

/// The columns that [`stored_rule`] reads.
pub const STORED_RULE: &str =
    "SELECT file, line, document, config, rule_name, included FROM rules WHERE id = ?1";

/// The version of a rule and the row of its configuration.
pub fn stored_rule(row: &Row<'_>) -> rusqlite::Result<(StoredRuleVersion, i64)> {
    let parts: Option<String> = row.get(5)?;
    let parts = parts.map(|parts| deep(&parts).ok_or(RowError("flows of a rule")));
    let parts = parts.transpose();
    let kept = StoredRuleVersion {
        file: row.get(0)?,
        line: row.get(1)?,
        document: row.get(2)?,
        picked: row.get(4)?,
        parts: parts
            .map_err(|error| in_column(5, error))?
            .unwrap_or_default(),
    };
    Ok((kept, row.get(3)?))
}

/// `None` if the rule includes no other document, as most rules.
pub fn encode_included(parts: &[IncludedDocument]) -> Option<String> {
    let parts = (!parts.is_empty()).then_some(parts)?;
    Some(json!(parts).to_string())
}

/// From the columns depth, cause.
pub fn lineage(depth: u32, cause: Option<i64>) -> Causation {
    Causation {
        depth,
        cause: cause.map(|run| RunId(run.unsigned_abs())),
    }
}

/// `None` without gate checks.
pub fn encode_checks(checks: &[GateCheck]) -> Option<String> {
    let checks: Vec<Value> = checks
        .iter()
        .map(|ask| {
            let mut check = json!({
                "gate": ask.kind.as_str(),
                "window": duration_micros(ask.window),
                "value": ask.value,
            });
            match ask.kind {
                GateKind::Dedupe => {}
                GateKind::Throttle { limit } => check["limit"] = limit.into(),
                GateKind::Debounce { at_most, keep } => {
                    check["keep"] = keep.as_str().into();
                    check["at_most"] = json!(at_most.map(duration_micros));
                }
            }
            check
        })
        .collect();
    (!checks.is_empty()).then(|| Value::Array(checks).to_string())
}

pub fn decode_checks(text: Option<&str>) -> Result<Vec<GateCheck>, RowError> {
    let part = "gates of a run";
    let checks = json(text.unwrap_or("[]"), part)?;
    let check = |check: &Value| {
        Some(GateCheck {
            kind: kind(check),
            window: duration(check["window"].as_i64()?),
            value: check["value"].as_str()?.to_owned(),
        })
    };
    let checks = checks
        .as_array()
        .and_then(|checks| checks.iter().map(check).collect());
    checks.ok_or(RowError(part))
}

fn kind(ask: &Value) -> GateKind {
    let keep = ask["keep"].as_str().and_then(gate::DebounceKeep::parse);
    match (ask["limit"].as_u64(), keep) {
        (Some(limit), _) => GateKind::Throttle {
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
        },
        (None, Some(keep)) => GateKind::Debounce {
            at_most: ask["at_most"].as_i64().map(duration),
            keep,
        },
        (None, None) => GateKind::Dedupe,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The attempt that a data folder holds with this outcome and detail.
    fn attempt_of(outcome: &str, detail: &str) -> rusqlite::Result<LogEntry> {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let sql = "SELECT 'attempt', 'page', 2, 7, 3000, ?1, ?2";
        connection.query_row(sql, [outcome, detail], log_entry)
    }

    #[test]
    fn results_of_calls_are_read_as_data_folders_hold_them() {
        let read = |outcome, detail| match attempt_of(outcome, detail).unwrap() {
            LogEntry::Attempt(attempt) => attempt.outcome,
            other => panic!("{other:?}"),
        };
        let value = json!({"status": 200, "headers": {}, "body": [1]});
        assert_eq!(
            read("succeeded", r#"{"status":200,"headers":{},"body":[1]}"#),
            Ok(Reply { value })
        );
        let detail =
            r#"{"message":"reach it","retryable":true,"retry_after":9000000,"status":503}"#;
        let failure = CallFailure {
            retry_after: Some(Duration::from_secs(9)),
            status: Some(503),
            ..CallFailure::transient("reach it")
        };
        assert_eq!(read("failed", detail), Err(failure.clone()));
        assert_eq!(outcome_row(&Err(failure)), ("failed", detail.to_owned()));
        let before_statuses = r#"{"message":"reach it","retryable":false,"retry_after":null}"#;
        assert_eq!(
            read("failed", before_statuses),
            Err(CallFailure::permanent("reach it"))
        );
    }

    #[test]
    fn a_line_that_makes_no_sense_is_an_error() {
        for (outcome, detail) in [
            ("succeeded", "{"),
            ("failed", "{}"),
            ("failed", r#"{"message":"m","retryable":1}"#),
            ("unheard of", "{}"),
        ] {
            assert!(attempt_of(outcome, detail).is_err(), "{outcome} {detail}");
        }
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        for sql in [
            "SELECT 'waiting', 'pause', NULL, 7, NULL, NULL, 'soon'",
            "SELECT 'unheard of', 'pause', NULL, 7, NULL, NULL, NULL",
        ] {
            assert!(connection.query_row(sql, [], log_entry).is_err(), "{sql}");
        }
        assert!(decode_checks(Some("[{}]")).is_err() && decode_checks(Some("7")).is_err());
    }

    #[test]
    fn every_log_entry_is_read_back() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let at = Timestamp::from_microsecond(1_800_000_000_000_001).unwrap();
        let lines = [
            LogEntry::Waiting {
                step: "each[2].pause#2".into(),
                at,
                until: at + jiff::SignedDuration::from_hours(90 * 24),
            },
            LogEntry::Revived { at },
            LogEntry::Started {
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
            assert_eq!(read, written);
        }
        assert!(log_row(&LogEntry::Claimed { over: Some(at) }).is_none());
    }

    #[test]
    fn gate_checks_are_read_back() {
        let of = |kind| GateCheck {
            kind,
            window: Duration::from_secs(60),
            value: "ticket.id 7".into(),
        };
        let debounce = |at_most, keep| of(GateKind::Debounce { at_most, keep });
        let all = vec![
            of(GateKind::Dedupe),
            debounce(None, gate::DebounceKeep::All),
            debounce(Some(Duration::from_secs(90)), gate::DebounceKeep::First),
            of(GateKind::Throttle { limit: 3 }),
        ];
        assert_eq!(decode_checks(encode_checks(&all).as_deref()).unwrap(), all);
        assert_eq!(encode_checks(&[]), None);
    }
}
