//! What is suspended, and how many runs wait for it.

use super::{HistoryDatabase, SqlHistory};
use crate::store::RowError;
use crate::store::history::{HistoryError, SuspendedTarget};
use crate::store::sql::params;
use crate::store::sqlite::codec;
use crate::store::sqlite::suspensions::{PARKED, SUSPENSIONS};
use crate::store::suspension::{ParkedRuns, StoredSuspension};

impl<D: HistoryDatabase> SqlHistory<D> {
    pub(super) fn list_suspended(&self) -> Result<Vec<SuspendedTarget>, HistoryError> {
        let stored = self.database.rows(SUSPENSIONS, params![], |row| {
            let (target, content): (String, String) = (row.get(0)?, row.get(2)?);
            Ok((target, row.get::<i64>(1)?, content))
        })?;
        let stored = stored
            .iter()
            .map(|(target, version, content)| StoredSuspension::read(target, *version, content));
        let parked = self.database.rows(PARKED, params![], |row| {
            Ok((
                row.get::<String>(0)?,
                row.get::<i64>(1)?,
                row.get::<i64>(2)?,
            ))
        })?;
        let parked = parked.into_iter().map(|(target, count, since)| {
            Ok::<_, RowError>(ParkedRuns {
                target: target
                    .parse()
                    .map_err(|_| RowError("target of a parked run"))?,
                count: count.unsigned_abs(),
                since: codec::time(since),
            })
        });
        let parked = parked.collect::<Result<_, _>>()?;
        let mut suspended = SuspendedTarget::join(stored.collect::<Result<_, _>>()?, parked);
        if SuspendedTarget::is_everything_paused(&suspended) {
            let counts = self.count_runs()?;
            let queued = counts.into_iter().find(|(state, _)| state == "queued");
            SuspendedTarget::add_queued(&mut suspended, queued.map_or(0, |(_, count)| count));
        }
        Ok(suspended)
    }
}
