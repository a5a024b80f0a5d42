//! What a gate would be told now: runs of its rule that count for it.
//! It decides nothing, and what it says may be another thing a moment later.

use jiff::Timestamp;
use rusqlite::params;

use super::runs::number;
use super::{Journal, ReadError};
use crate::core::gate::{Ask, Facts};
use crate::core::run::RunId;
use crate::store::sqlite::codec::{micros, time};

/// More runs than this in one window are as good as this many: no gate lets more through.
const COUNTED: i64 = 1_000_000;

impl Journal {
    /// The facts that the store would decide on, by the rule's name.
    pub fn facts(&self, rule: &str, ask: &Ask, now: Timestamp) -> Result<Facts, ReadError> {
        let sql =
            "WITH counted AS (SELECT c.run, c.at FROM queues q JOIN charges c ON c.queue = q.id
                WHERE q.rule = ?1 AND c.gate = ?2 AND c.value = ?3 AND c.at > ?4
                ORDER BY c.at, c.run LIMIT ?5)
            SELECT run, at, (SELECT count(*) FROM counted) FROM counted LIMIT 1";
        let since = micros(ask.since(now));
        let params = params![rule, ask.kind.word(), ask.value, since, COUNTED];
        let oldest = self.first(sql, params, |row| {
            Ok(Facts {
                runs: row.get(2)?,
                oldest: Some((RunId(number(row.get(0)?)), time(row.get(1)?))),
            })
        })?;
        Ok(oldest.unwrap_or_default())
    }
}
