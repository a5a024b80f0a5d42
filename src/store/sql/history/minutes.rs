//! The numbers of the last minutes.

use jiff::Timestamp;

use super::{HistoryDatabase, SqlHistory};
use crate::store::Minute;
use crate::store::history::HistoryError;
use crate::store::sql::params;
use crate::store::sqlite::codec::minute::decode_minute;
use crate::store::sqlite::minutes::SINCE;

/// A week of some dozen daemons.
const MAX_ROWS: i64 = 500_000;

impl<D: HistoryDatabase> SqlHistory<D> {
    pub(super) fn list_minutes(&self, since: Timestamp) -> Result<Vec<Minute>, HistoryError> {
        let since = params![Minute::number_of(since), MAX_ROWS];
        let rows = self
            .database
            .rows(SINCE, since, |row| row.get::<String>(0))?;
        let minutes = rows.iter().map(|content| decode_minute(content));
        let minutes: Vec<Minute> = minutes.collect::<Result<_, _>>()?;
        Ok(Minute::merge(minutes))
    }
}
