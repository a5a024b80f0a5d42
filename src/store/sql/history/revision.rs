//! The texts of a revision and of a configuration.

use jiff::Timestamp;

use super::runs::number;
use super::{HistoryDatabase, SqlHistory};
use crate::store::history::{HistoryError, RevisionInForce, RevisionTexts};
use crate::store::sql::params;
use crate::store::sqlite::codec::{micros, time};
use crate::store::sqlite::transaction::config_source;
use crate::store::{RevisionId, RowError};
use flowtrigger_core::config::Config;

impl<D: HistoryDatabase> SqlHistory<D> {
    pub(super) fn find_revision(
        &self,
        id: RevisionId,
    ) -> Result<Option<RevisionTexts>, HistoryError> {
        let sql = "SELECT files, since, config FROM revisions WHERE id = ?1";
        let id = i64::try_from(id.0).unwrap_or(i64::MAX);
        let found = self.database.first(sql, params![id], |row| {
            Ok((row.get::<String>(0)?, time(row.get(1)?), row.get(2)?))
        })?;
        let Some((files, since, config)) = found else {
            return Ok(None);
        };
        Ok(Some(RevisionTexts {
            since,
            config: config_source(&self.database, config)??,
            files: self.texts(&files)?,
        }))
    }

    /// The last activation before a time.
    pub(super) fn find_activation(
        &self,
        revision: RevisionId,
        at: Timestamp,
    ) -> Result<Option<Timestamp>, HistoryError> {
        let sql = "SELECT max(at) FROM activations WHERE revision = ?1 AND at <= ?2";
        let id = i64::try_from(revision.0).unwrap_or(i64::MAX);
        let found = self.database.first(sql, params![id, micros(at)], |row| {
            row.get::<Option<i64>>(0)
        })?;
        Ok(found.flatten().map(time))
    }

    pub(super) fn newest_revision(&self) -> Result<Option<RevisionInForce>, HistoryError> {
        let sql = "SELECT a.revision, a.at FROM activations a JOIN revisions r ON r.id = a.revision
            ORDER BY a.id DESC LIMIT 1";
        self.database.first(sql, &[], |row| {
            Ok(RevisionInForce {
                id: RevisionId(number(row.get(0)?)),
                at: time(row.get(1)?),
            })
        })
    }

    /// The configuration in force: one that was in force before can be in force again.
    pub(super) fn newest_config(&self) -> Result<Option<Config>, HistoryError> {
        let sql = "SELECT r.config FROM activations a JOIN revisions r ON r.id = a.revision
            ORDER BY a.id DESC LIMIT 1";
        let Some(row) = self.database.first(sql, &[], |row| row.get(0))? else {
            return Ok(None);
        };
        Ok(Some(config_source(&self.database, row)??.compile()))
    }

    /// Names and texts of a list of [name, text id].
    fn texts(&self, list: &str) -> Result<Vec<(String, String)>, HistoryError> {
        let list: Vec<(String, i64)> =
            serde_json::from_str(list).map_err(|_| RowError("list of rule files"))?;
        let mut files = Vec::with_capacity(list.len());
        for (name, id) in list {
            let sql = "SELECT text FROM texts WHERE id = ?1";
            let text = self.database.first(sql, params![id], |row| row.get(0))?;
            files.push((name, text.ok_or(RowError("text of a rule file"))?));
        }
        Ok(files)
    }
}
