//! What a run waits for, and which waits an event decided.

use super::runs::{number, row};
use super::{HistoryDatabase, SqlHistory};
use crate::store::awaited::{AwaitedSubject, AwaitedTypes, AwaitedValue};
use crate::store::history::{DecisionKind, EventRowId, HistoryError, RunWaiter, WaitingStep};
use crate::store::sql::{SqlRow, params};
use crate::store::sqlite::codec::time;
use flowtrigger_core::event::Event;
use flowtrigger_core::run::RunId;

/// Waits that one event decided, of those that are listed.
const MAX_DECIDED: i64 = 100;
/// Waits for one value, of those that are listed.
const MAX_WAITING: i64 = 100;

impl<D: HistoryDatabase> SqlHistory<D> {
    /// The events that a run waits for or has waited for, in the order of steps and events.
    pub(super) fn waiters_of_run(&self, run: RunId) -> Result<Vec<RunWaiter>, HistoryError> {
        let sql = "SELECT w.step, w.number, a.source, a.type, a.path, w.deadline, w.closed, i.kind, w.came,
                w.last_failed, w.late, w.late_at
            FROM waiters w JOIN awaited a ON a.id = w.subject
            LEFT JOIN inbox i ON i.run = w.run AND i.step = w.step
            WHERE w.run = ?1 ORDER BY w.step, w.number, a.type LIMIT 1000";
        let rows = self.database.rows(sql, params![row(run)], waiter)?;
        let mut waiters: Vec<RunWaiter> = Vec::new();
        for found in rows {
            match waiters.last_mut() {
                Some(last) if (&last.step, last.number) == (&found.step, found.number) => {
                    add_type(last, found);
                }
                _ => waiters.push(found),
            }
        }
        Ok(waiters)
    }

    /// The steps that wait for events with the type and the value of an event, each once.
    pub(super) fn steps_waiting_for(
        &self,
        event: &Event,
    ) -> Result<Vec<WaitingStep>, HistoryError> {
        let sql = "SELECT id, type, path FROM awaited WHERE source = ?1";
        let subjects = self
            .database
            .rows(sql, params![event.source.as_str()], |row| {
                let subject = AwaitedSubject {
                    source: event.source.clone(),
                    event_type: row.get(1)?,
                    path: row.get(2)?,
                };
                Ok((row.get(0)?, subject))
            })?;
        let mut found: Vec<WaitingStep> = Vec::new();
        for AwaitedValue { subject, value } in AwaitedTypes::new(subjects).values_of(event) {
            let sql = "SELECT run, step, number, since, deadline FROM waiters
                WHERE subject = ?1 AND value = ?2 ORDER BY run, step, number LIMIT ?3";
            let params = params![subject, value, MAX_WAITING];
            found.extend(self.database.rows(sql, params, |row| {
                Ok(WaitingStep {
                    run: RunId(number(row.get(0)?)),
                    step: row.get(1)?,
                    number: row.get(2)?,
                    since: time(row.get(3)?),
                    deadline: row.get::<Option<i64>>(4)?.map(time),
                })
            })?);
        }
        found.sort_by(|a, b| (a.run, &a.step, a.number).cmp(&(b.run, &b.step, b.number)));
        found.dedup_by(|a, b| (a.run, &a.step, a.number) == (b.run, &b.step, b.number));
        Ok(found)
    }

    /// The runs whose steps an event decided, with the paths of these steps.
    pub(super) fn decided_by_event(
        &self,
        EventRowId(event): EventRowId,
    ) -> Result<Vec<(RunId, String)>, HistoryError> {
        let sql = "SELECT run, step FROM inbox WHERE event = ?1 ORDER BY run, step LIMIT ?2";
        self.database.rows(sql, params![event, MAX_DECIDED], |row| {
            Ok((RunId(number(row.get(0)?)), row.get(1)?))
        })
    }
}

/// Adds another type of the same awaited event, with what came for it.
fn add_type(waiter: &mut RunWaiter, other: RunWaiter) {
    waiter.event_types.extend(other.event_types);
    waiter.came += other.came;
    waiter.late += other.late;
    waiter.late_at = waiter.late_at.max(other.late_at);
    if waiter.failed.is_empty() {
        waiter.failed = other.failed;
    }
}

fn waiter(row: &SqlRow<'_>) -> rusqlite::Result<RunWaiter> {
    let kind: Option<String> = row.get(7)?;
    let failed: Option<String> = row.get(9)?;
    // Text of another version only explains less.
    let failed = failed.and_then(|text| serde_json::from_str(&text).ok());
    Ok(RunWaiter {
        step: row.get(0)?,
        number: row.get(1)?,
        source: row.get(2)?,
        event_types: vec![row.get(3)?],
        path: row.get(4)?,
        deadline: row.get::<Option<i64>>(5)?.map(time),
        closed: row.get::<Option<i64>>(6)?.map(time),
        decided: kind.as_deref().and_then(DecisionKind::from_name),
        came: row.get::<i64>(8)?.unsigned_abs(),
        failed: failed.unwrap_or_default(),
        late: row.get::<i64>(10)?.unsigned_abs(),
        late_at: row.get::<Option<i64>>(11)?.map(time),
    })
}
