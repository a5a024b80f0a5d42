//! The unfinished runs of each rule. Ended runs are not read.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::runs::number;
use super::{HistoryDatabase, SqlHistory};
use crate::store::history::{HistoryError, RuleQueue};
use crate::store::sql::dialect;

pub const UNFINISHED_BY_RULE: &str = "SELECT q.rule, r.state, count(*)
    FROM runs r CROSS JOIN queues q
    WHERE r.state IN ('queued', 'debouncing', 'running', 'retrying', 'waiting') AND q.id = r.queue
    GROUP BY r.queue, r.state";

impl<D: HistoryDatabase> SqlHistory<D> {
    /// The rules with the most unfinished runs first.
    pub(super) fn count_unfinished_by_rule(&self) -> Result<Vec<RuleQueue>, HistoryError> {
        let sql = D::DIALECT.choose(UNFINISHED_BY_RULE, dialect::UNFINISHED_BY_RULE);
        let counts = self.database.rows(sql, &[], |row| {
            let (rule, state): (String, String) = (row.get(0)?, row.get(1)?);
            Ok((rule, state, number(row.get(2)?)))
        })?;
        let mut rules: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for (rule, state, count) in counts {
            rules.entry(rule).or_default().insert(state, count);
        }
        let rules = rules
            .into_iter()
            .map(|(rule, runs)| RuleQueue { rule, runs });
        let mut rules: Vec<RuleQueue> = rules.collect();
        rules.sort_by_key(|rule| Reverse(rule.total()));
        Ok(rules)
    }
}
