//! The numbers of the last minutes.

use jiff::Timestamp;

use super::{HistoryDatabase, SqlHistory};
use crate::store::Minute;
use crate::store::history::HistoryError;
use crate::store::sql::params;
use crate::store::sqlite::codec::minute::decode_minute;
use crate::store::sqlite::minutes::SINCE;

/// A week, and more than that if the clock was set back.
const MAX_ROWS: i64 = 20_000;

impl<D: HistoryDatabase> SqlHistory<D> {
    pub(super) fn list_minutes(&self, since: Timestamp) -> Result<Vec<Minute>, HistoryError> {
        let since = params![Minute::number_of(since), MAX_ROWS];
        let rows = self
            .database
            .rows(SINCE, since, |row| row.get::<String>(0))?;
        let minutes = rows.iter().map(|content| Ok(decode_minute(content)?));
        minutes.collect()
    }
}
