//! The activity of rules. Each count is one range of an index, so that nothing is sorted.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::json;

use super::runs::number;
use super::{HistoryDatabase, SqlHistory};
use crate::store::history::{HistoryError, RuleActivity};
use crate::store::sql::{dialect, params};
use crate::store::sqlite::codec::{micros, time};
use flowtrigger_core::run::STATES;

/// Counts of rules, states and days. A state without runs since the first day is left out at once.
pub const RULE_DAYS: &str = "SELECT q.rule, s.value, CAST(d.value AS BIGINT),
        (SELECT count(*) FROM runs r WHERE r.queue = q.id AND r.state = s.value
            AND r.planned >= CAST(d.value AS BIGINT)
            AND r.planned < CAST(d.value AS BIGINT) + 86400000000)
    FROM queues q CROSS JOIN json_each(?1) s CROSS JOIN json_each(?2) d
    WHERE (?3 IS NULL OR q.rule = ?3)
        AND EXISTS (SELECT 1 FROM runs r WHERE r.queue = q.id AND r.state = s.value AND r.planned >= ?4)";
pub const LAST_PLANNED: &str = "SELECT q.rule, max((SELECT max(planned) FROM runs r
        WHERE r.queue = q.id AND r.state = s.value))
    FROM queues q CROSS JOIN json_each(?1) s
    WHERE (?2 IS NULL OR q.rule = ?2) GROUP BY q.id";

impl<D: HistoryDatabase> SqlHistory<D> {
    /// The activity of all rules that ever had a run, or of one of them, in alphabetical order.
    pub(super) fn find_activity(
        &self,
        rule: Option<&str>,
        now: Timestamp,
    ) -> Result<Vec<RuleActivity>, HistoryError> {
        let states = json!(STATES).to_string();
        let mut found: HashMap<String, RuleActivity> = HashMap::new();
        let last = self
            .database
            .rows(LAST_PLANNED, params![states.as_str(), rule], |row| {
                Ok((row.get::<String>(0)?, row.get::<Option<i64>>(1)?))
            })?;
        for (rule, last) in last {
            let activity = RuleActivity {
                last_planned: last.map(time),
                ..RuleActivity::none(&rule, now)
            };
            found.insert(rule, activity);
        }
        let starts: Vec<i64> = RuleActivity::starts(now).map(micros).collect();
        let since = starts.first().copied().unwrap_or_default();
        let counts = self.database.rows(
            D::DIALECT.choose(RULE_DAYS, dialect::RULE_DAYS),
            params![states.as_str(), json!(starts).to_string(), rule, since],
            |row| {
                let day: i64 = row.get(2)?;
                let (rule, state): (String, String) = (row.get(0)?, row.get(1)?);
                Ok((rule, state, day, number(row.get(3)?)))
            },
        )?;
        for (rule, state, day, count) in counts {
            let day = starts.iter().position(|start| *start == day);
            let activity = found.get_mut(&rule).zip(day);
            let day = activity.and_then(|(activity, day)| activity.days.get_mut(day));
            if let Some(day) = day.filter(|_| count > 0) {
                day.runs.insert(state, count);
            }
        }
        let mut activities: Vec<RuleActivity> = found.into_values().collect();
        activities.sort_by(|a, b| a.rule.cmp(&b.rule));
        Ok(activities)
    }

    /// When the last run of a queue was planned.
    pub(super) fn last_planned(&self, queue: i64) -> Result<Option<i64>, HistoryError> {
        let sql = "SELECT max((SELECT max(planned) FROM runs WHERE queue = ?1 AND state = s.value))
            FROM json_each(?2) s";
        let states = json!(STATES).to_string();
        let last = self
            .database
            .first(sql, params![queue, states], |row| row.get(0))?;
        Ok(last.flatten())
    }
}
