//! The daemons that share a database on Postgres.

use super::{HistoryDatabase, SqlHistory};
use crate::store::RevisionId;
use crate::store::history::{DaemonRow, HistoryError};
use crate::store::sql::dialect::Dialect;
use crate::store::sql::params;
use crate::store::sqlite::codec;

/// Those that ended long ago are not listed.
const MAX_DAEMONS: i64 = 100;

const DAEMONS: &str = "SELECT d.id, d.host, d.process, d.address, d.version, d.started, d.beat,
        CASE WHEN d.live = 1 AND d.lease_until > (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
            THEN 1 ELSE 0 END AS is_live,
        d.revision, encode(r.digest, 'hex'),
        (SELECT count(*) FROM live_runs WHERE live_runs.daemon = d.id), d.unloaded
    FROM daemons d LEFT JOIN revisions r ON r.id = d.revision
    ORDER BY is_live DESC, d.id DESC LIMIT ?1";

impl<D: HistoryDatabase> SqlHistory<D> {
    pub(super) fn list_daemons(&self) -> Result<Vec<DaemonRow>, HistoryError> {
        match D::DIALECT {
            // A file has one daemon, which is not in it.
            Dialect::Sqlite => return Ok(Vec::new()),
            Dialect::Postgres => {}
        }
        self.database.rows(DAEMONS, params![MAX_DAEMONS], |row| {
            let number = |column| Ok::<_, rusqlite::Error>(row.get::<i64>(column)?.unsigned_abs());
            Ok(DaemonRow {
                id: number(0)?,
                host: row.get(1)?,
                process: number(2)?,
                address: row.get(3)?,
                version: row.get(4)?,
                since: codec::time(row.get(5)?),
                beat: codec::time(row.get(6)?),
                is_live: row.get::<i64>(7)? == 1,
                revision: row
                    .get::<Option<i64>>(8)?
                    .map(|revision| RevisionId(revision.unsigned_abs())),
                digest: row.get(9)?,
                running: number(10)?,
                reload_failed: number(11)? == 1,
            })
        })
    }
}
