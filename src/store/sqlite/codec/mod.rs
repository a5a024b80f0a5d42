//! Converts between the types of the store and the columns of a row; both directions of each conversion
//! are next to each other.

pub mod event;
pub mod exchange;
pub mod gate_checks;
pub mod load_error;
pub mod log_entry;
pub mod minute;

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::types::Type;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::store::RowError;
use crate::store::sql::SqlRow;
use flowtrigger_core::loop_guard::Causation;
use flowtrigger_core::rule::version::{IncludedDocument, StoredRuleVersion};
use flowtrigger_core::run::{RunId, RunState};

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

/// From the columns state, why, gate, due. The column `gate` of a parked run names what is suspended,
/// that of an awaiting run its step.
pub fn state(
    word: &str,
    why: Option<String>,
    gate: Option<String>,
    due: Option<i64>,
) -> Result<RunState, RowError> {
    if let ("retrying", Some(on)) = (word, &gate) {
        return Ok(RunState::Parked {
            on: on.clone(),
            why: why.unwrap_or_default(),
        });
    }
    if let ("waiting", Some(step)) = (word, &gate) {
        return Ok(RunState::Awaiting {
            step: step.clone(),
            until: due.map_or(Timestamp::UNIX_EPOCH, time),
        });
    }
    if let ("retrying", Some(why), Some(due)) = (word, &why, due) {
        return Ok(RunState::Limited {
            until: time(due),
            why: why.clone(),
        });
    }
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
pub fn stored_rule(row: &SqlRow<'_>) -> rusqlite::Result<(StoredRuleVersion, i64)> {
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

fn in_column(column: usize, unreadable: RowError) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(unreadable))
}
