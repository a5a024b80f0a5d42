//! The loop guard over the stored runs: which run of ours may have caused an event, and how often a rule ran
//! for a ticket. The commit and the commands that ask beforehand read the same rows.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;

use super::count;
use crate::store::StoreError;
use crate::store::sqlite::codec::{self, micros};
use crate::store::sqlite::transaction::WriteTransaction;
use flowtrigger_core::loop_guard::{
    Causation, CauseQuery, CausingRun, GATE, LoopCheck, LoopGuard, LoopHistory, MAX_CHAIN_LINKS,
};
use flowtrigger_core::run::{RunId, RunState};

/// The queue of runs that count in no rate.
const NO_QUEUE: i64 = 0;

/// What the guard decides on; `queue` is that of the rule, if it ever had a run.
pub fn loop_history(
    connection: &Connection,
    queue: Option<i64>,
    check: &LoopCheck,
    now: Timestamp,
) -> rusqlite::Result<LoopHistory> {
    let cause = match check.cause(now) {
        Some(search) => cause(connection, search)?,
        None => None,
    };
    let rate = match queue.zip(check.rate(now)) {
        Some((queue, (about, since))) => count(connection, queue, (GATE, about), None, since)?,
        None => Default::default(),
    };
    Ok(LoopHistory { cause, rate })
}

/// The latest run that wrote about something.
pub const CAUSE: &str = "
    SELECT c.run, r.depth FROM gate_admissions c INDEXED BY gate_admissions_of_loop_guard
        CROSS JOIN runs r ON r.id = c.run
    WHERE c.gate = 'loop_guard' AND c.value = ?1 AND c.at > ?2
        AND (?3 IS NULL OR EXISTS (SELECT 1 FROM json_each(r.actors) WHERE value = ?3))
        -- A run that has not begun has written nothing.
        AND (r.state NOT IN ('queued', 'debouncing', 'held', 'skipped', 'cancelled')
            OR EXISTS (SELECT 1 FROM log_entries WHERE run = r.id))
    ORDER BY c.at DESC, c.run DESC LIMIT 1";

fn cause(
    connection: &Connection,
    search: CauseQuery<'_>,
) -> rusqlite::Result<Option<(RunId, u32)>> {
    connection
        .prepare_cached(CAUSE)?
        .query_row(
            params![search.about, micros(search.since), search.actor],
            |row| Ok((RunId(row.get::<_, i64>(0)? as u64), row.get(1)?)),
        )
        .optional()
}

/// A run and its causes, the newest first, at most `limit`.
pub fn chain(
    connection: &Connection,
    run: RunId,
    limit: usize,
) -> rusqlite::Result<Vec<CausingRun>> {
    let mut chain = Vec::new();
    let mut next = Some(run.0 as i64);
    while let Some(run) = next.filter(|_| chain.len() < limit) {
        let found: Option<(String, Option<i64>)> = connection
            .prepare_cached(
                "SELECT queues.rule, runs.cause FROM runs JOIN queues ON queues.id = runs.queue
                 WHERE runs.id = ?1",
            )?
            .query_row([run], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((rule, cause)) = found else {
            break;
        };
        let run_id = RunId(run as u64);
        chain.push(CausingRun { run: run_id, rule });
        // A cause is always older, whatever a damaged row says.
        next = cause.filter(|cause| *cause < run);
    }
    Ok(chain)
}

impl WriteTransaction<'_> {
    /// The causation of a run, and its state if the guard suppresses it.
    pub fn check_loop(
        &self,
        queue: i64,
        check: &LoopCheck,
        now: Timestamp,
    ) -> Result<(Causation, Option<RunState>), StoreError> {
        let history = loop_history(self.connection, Some(queue), check, now)?;
        let lineage = check.lineage(&history);
        let Some(tripped) = check.decide(&history) else {
            return Ok((lineage, None));
        };
        let chain = match lineage.cause {
            Some(cause) => chain(self.connection, cause, MAX_CHAIN_LINKS)?,
            None => Vec::new(),
        };
        let state = RunState::Suppressed {
            gate: GATE.to_owned(),
            why: check.why(tripped, &history, &chain),
        };
        Ok((lineage, Some(state)))
    }

    /// Records that a run writes about something, so that later events can be traced to it.
    pub fn trace(
        &self,
        queue: Option<i64>,
        check: &LoopCheck,
        run: RunId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(about) = check.trace() else {
            return Ok(());
        };
        let within = codec::duration_micros(check.guard.limits.within);
        self.connection
            .prepare_cached("INSERT INTO gate_admissions VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![
                queue.unwrap_or(NO_QUEUE),
                GATE,
                about,
                micros(now),
                run.0 as i64,
                micros(now).saturating_add(within)
            ])?;
        Ok(())
    }
}

/// The actors that a run writes as; `None` if they are not known.
pub fn encode_actors(guard: &LoopGuard) -> Option<String> {
    let named = !guard.acts_as.is_empty();
    named.then(|| json!(guard.acts_as).to_string())
}
