//! Converts between a log entry of a run and the columns of its row.

use super::{duration, duration_micros, in_column, json, micros, time};
use crate::store::RowError;
use crate::store::sql::SqlRow;
use flowtrigger_core::run::call_result::{CallEffect, CallFailure, CallResult, Reply};
use flowtrigger_core::run::{Attempt, LogEntry};

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
        LogEntry::Arrived {
            step,
            at,
            number,
            event,
        } => Some(LogRow {
            kind: "arrived",
            step: Some(step.clone()),
            number: Some(*number),
            at: micros(*at),
            detail: Some(event.to_string()),
            ..row
        }),
        LogEntry::Answered {
            step,
            at,
            answer,
            by,
        } => Some(LogRow {
            kind: "answered",
            step: Some(step.clone()),
            at: micros(*at),
            detail: Some(json!({"answer": answer, "by": by}).to_string()),
            ..row
        }),
        LogEntry::Expired { step, at } => Some(LogRow {
            kind: "expired",
            step: Some(step.clone()),
            at: micros(*at),
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

/// `effect` in the detail of a failed attempt that changed nothing. Entries of older versions have no `effect`.
const WITHOUT_EFFECT: &str = "none";

/// `true` in the detail of a failed attempt while its receiver counted as down; otherwise the key is missing.
const DURING_OUTAGE: &str = "during_outage";

fn outcome_row(outcome: &CallResult) -> (&'static str, String) {
    match outcome {
        Ok(Reply { value: result }) => ("succeeded", result.to_string()),
        Err(CallFailure {
            message,
            retryable,
            retry_after,
            status,
            effect,
            during_outage,
        }) => {
            let after = retry_after.map(duration_micros);
            let mut detail = json!({"message": message, "retryable": retryable, "retry_after": after, "status": status});
            if *effect == CallEffect::None {
                detail["effect"] = WITHOUT_EFFECT.into();
            }
            if *during_outage {
                detail[DURING_OUTAGE] = true.into();
            }
            ("failed", detail.to_string())
        }
    }
}

/// From the columns kind, step, attempt, at, took, outcome, detail, in this order.
pub fn log_entry(row: &SqlRow<'_>) -> rusqlite::Result<LogEntry> {
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
        "arrived" => {
            let event: String = row.get(6)?;
            LogEntry::Arrived {
                step: row.get(1)?,
                at,
                number: row.get(2)?,
                event: json(&event, "log of a run").map_err(in_detail)?,
            }
        }
        "answered" => {
            let detail: String = row.get(6)?;
            let mut detail = json(&detail, "log of a run").map_err(in_detail)?;
            LogEntry::Answered {
                step: row.get(1)?,
                at,
                answer: detail["answer"].as_str().unwrap_or_default().to_owned(),
                by: detail["by"].take(),
            }
        }
        "expired" => LogEntry::Expired {
            step: row.get(1)?,
            at,
        },
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
            effect: match detail["effect"] == WITHOUT_EFFECT {
                true => CallEffect::None,
                false => CallEffect::Possible,
            },
            during_outage: detail[DURING_OUTAGE] == true,
        })
    };
    match outcome {
        "succeeded" => Ok(Ok(Reply { value: detail })),
        "failed" => failure().map(Err).ok_or(RowError(PART)),
        _ => Err(RowError(PART)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;

    /// The attempt that a data folder holds with this outcome and detail.
    fn attempt_of(outcome: &str, detail: &str) -> rusqlite::Result<LogEntry> {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let sql = "SELECT 'attempt', 'page', 2, 7, 3000, ?1, ?2";
        connection.query_row(sql, [outcome, detail], |row| log_entry(&row.into()))
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
        assert_eq!(
            outcome_row(&Err(failure.clone())),
            ("failed", detail.to_owned())
        );
        let probe = CallFailure {
            during_outage: true,
            ..failure.clone()
        };
        let (outcome, detail) = outcome_row(&Err(probe.clone()));
        assert_eq!(read(outcome, &detail), Err(probe));
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
            assert!(
                connection
                    .query_row(sql, [], |row| log_entry(&row.into()))
                    .is_err(),
                "{sql}"
            );
        }
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
            let read = connection
                .query_row(sql, columns, |row| log_entry(&row.into()))
                .unwrap();
            assert_eq!(read, written);
        }
        assert!(log_row(&LogEntry::Claimed { over: Some(at) }).is_none());
    }
}
