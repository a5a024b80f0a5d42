//! The window of a debounce that took a run in: since when, with which events, and who acts on them.
//! It reads what is kept: runs that did not begin may have been deleted, the events that are read are not.

use jiff::Timestamp;

use super::runs::{number, row};
use super::{Journal, ReadError};
use crate::core::run::RunId;
use crate::store::sqlite::codec::time;

/// Events that a debounce gathered, or still gathers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The run that acts on them.
    pub run: RunId,
    pub opened: Timestamp,
    pub is_open: bool,
    /// How many there are; of them, those that are still known, the oldest first.
    pub events: u64,
    pub gathered: Vec<Gathered>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gathered {
    pub event: String,
    pub came: Timestamp,
}

const READ: &str = "SELECT e.event_id, e.received FROM gathered g JOIN events e ON e.id = g.event
    WHERE g.gathering = ?1 ORDER BY g.number LIMIT 1000";
const TAKEN_IN: &str = "SELECT e.event_id, e.received FROM runs r JOIN events e ON e.id = r.event
    WHERE r.gathering = ?1 ORDER BY r.id LIMIT 1000";

impl Journal {
    /// None of a run that no window took in, or whose window is forgotten.
    pub(super) fn window_of(&self, run: RunId) -> Result<Option<Window>, ReadError> {
        let sql = "SELECT w.id, w.run, opened, open, events FROM runs r
            JOIN windows w ON w.id = r.gathering WHERE r.id = ?1";
        let found = self.first(sql, [row(run)], |row| {
            let window = Window {
                run: RunId(number(row.get(1)?)),
                opened: time(row.get(2)?),
                is_open: row.get(3)?,
                events: number(row.get(4)?),
                gathered: Vec::new(),
            };
            Ok((row.get::<_, i64>(0)?, window))
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

    fn gathered(&self, sql: &str, window: i64) -> Result<Vec<Gathered>, ReadError> {
        self.rows(sql, [window], |row| {
            Ok(Gathered {
                event: row.get(0)?,
                came: time(row.get(1)?),
            })
        })
    }
}
