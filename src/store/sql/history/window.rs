//! The debounce window of a run with its events. Runs that did not begin may have been deleted; the events
//! that a flow reads are kept as long as the run that reads them.

use super::runs::{number, row};
use super::{HistoryDatabase, SqlHistory};
use crate::store::history::{HistoryError, WindowDetail, WindowEvent};
use crate::store::sql::params;
use crate::store::sqlite::codec::time;
use flowtrigger_core::run::RunId;

const READ: &str = "SELECT e.event_id, e.received FROM gathered g JOIN events e ON e.id = g.event
    WHERE g.gathering = ?1 ORDER BY g.number LIMIT 1000";
const TAKEN_IN: &str = "SELECT e.event_id, e.received FROM runs r JOIN events e ON e.id = r.event
    WHERE r.gathering = ?1 ORDER BY r.id LIMIT 1000";

impl<D: HistoryDatabase> SqlHistory<D> {
    /// `None` for a run without a window, or whose window has been deleted.
    pub(super) fn window_of(&self, run: RunId) -> Result<Option<WindowDetail>, HistoryError> {
        let sql = "SELECT w.id, w.run, opened, open, events FROM runs r
            JOIN windows w ON w.id = r.gathering WHERE r.id = ?1";
        let found = self.database.first(sql, params![row(run)], |row| {
            let window = WindowDetail {
                run: RunId(number(row.get(1)?)),
                opened: time(row.get(2)?),
                is_open: row.get(3)?,
                events: number(row.get(4)?),
                gathered: Vec::new(),
            };
            Ok((row.get::<i64>(0)?, window))
        })?;
        let Some((id, mut window)) = found else {
            return Ok(None);
        };
        window.gathered = self.gathered(READ, id)?;
        if window.gathered.is_empty() {
            window.gathered = self.gathered(TAKEN_IN, id)?;
        }
        Ok(Some(window))
    }

    fn gathered(&self, sql: &str, window: i64) -> Result<Vec<WindowEvent>, HistoryError> {
        self.database.rows(sql, params![window], |row| {
            Ok(WindowEvent {
                event: row.get(0)?,
                came: time(row.get(1)?),
            })
        })
    }
}
