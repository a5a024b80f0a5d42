//! What a gate would be told now: runs of its rule that count for it.
//! It decides nothing, and what it says may be another thing a moment later.

use jiff::Timestamp;

use super::{Journal, ReadError};
use crate::core::gate::{Ask, Facts};
use crate::store::sqlite::facts;

impl Journal {
    /// The facts that the store would decide on, by the rule's name.
    pub fn facts(&self, rule: &str, ask: &Ask, now: Timestamp) -> Result<Facts, ReadError> {
        let sql = "SELECT id FROM queues WHERE rule = ?1";
        let Some(queue) = self.first(sql, [rule], |row| row.get(0))? else {
            return Ok(Facts::default());
        };
        Ok(facts(&self.connection, queue, ask, now)?)
    }
}
