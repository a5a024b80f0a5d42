//! The commands that were given.

use super::runs::{number, row as run_row};
use super::{HistoryDatabase, SqlHistory};
use crate::store::history::{EventRowId, HistoryError};
use crate::store::sql::{SqlRow, params};
use crate::store::sqlite::codec::time;
use crate::store::{CommandKind, CommandTarget, GivenCommand, RowError};
use flowtrigger_core::run::RunId;
use flowtrigger_core::run::commander::{CommandOrigin, Commander};

/// Commands of one run that are read.
const MAX_OF_RUN: i64 = 1_000;
const COLUMNS: &str = "at, command, run, event, name, origin, runs, rejected, note, target";

impl<D: HistoryDatabase> SqlHistory<D> {
    pub(super) fn list_commands(&self, limit: usize) -> Result<Vec<GivenCommand>, HistoryError> {
        let sql = format!("SELECT {COLUMNS} FROM commands ORDER BY id DESC LIMIT ?1");
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.database.rows(&sql, params![limit], read)?;
        rows.into_iter().collect()
    }

    pub(super) fn list_commands_of(&self, run: RunId) -> Result<Vec<GivenCommand>, HistoryError> {
        let sql = format!("SELECT {COLUMNS} FROM commands WHERE run = ?1 ORDER BY id LIMIT ?2");
        let rows = self
            .database
            .rows(&sql, params![run_row(run), MAX_OF_RUN], read)?;
        rows.into_iter().collect()
    }
}

fn read(row: &SqlRow<'_>) -> rusqlite::Result<Result<GivenCommand, HistoryError>> {
    let (kind, origin): (String, String) = (row.get(1)?, row.get(5)?);
    let kind = CommandKind::ALL
        .into_iter()
        .find(|known| known.as_str() == kind);
    let origin = CommandOrigin::ALL
        .into_iter()
        .find(|known| known.as_str() == origin);
    let (run, event): (Option<i64>, Option<i64>) = (row.get(2)?, row.get(3)?);
    let target = run
        .map(|run| CommandTarget::Run(RunId(number(run))))
        .or(event.map(|event| CommandTarget::Event(EventRowId(event))));
    let suspension: Option<String> = row.get(9)?;
    let suspension = suspension.and_then(|target| target.parse().ok());
    let target = target.or(suspension.map(CommandTarget::Suspension));
    let runs: String = row.get(6)?;
    let runs: Option<Vec<RunId>> = serde_json::from_str(&runs).ok();
    let (Some(kind), Some(origin), Some(target), Some(runs)) = (kind, origin, target, runs) else {
        return Ok(Err(RowError("command").into()));
    };
    let rejected: Option<String> = row.get(7)?;
    Ok(Ok(GivenCommand {
        at: time(row.get(0)?),
        kind,
        target,
        by: Commander {
            name: row.get(4)?,
            origin,
            note: row.get(8)?,
        },
        result: rejected.map_or(Ok(runs), Err),
    }))
}
