//! The numbers of the last minutes.

use jiff::Timestamp;

use super::SqliteHistory;
use crate::store::Minute;
use crate::store::history::HistoryError;
use crate::store::sqlite::codec::minute::decode_minute;
use crate::store::sqlite::minutes::SINCE;

/// A week, and more than that if the clock was set back.
const MAX_ROWS: i64 = 20_000;

impl SqliteHistory {
    pub(super) fn list_minutes(&self, since: Timestamp) -> Result<Vec<Minute>, HistoryError> {
        let since = [Minute::number_of(since), MAX_ROWS];
        let rows = self.rows(SINCE, since, |row| row.get::<_, String>(0))?;
        let minutes = rows.iter().map(|content| Ok(decode_minute(content)?));
        minutes.collect()
    }
}
