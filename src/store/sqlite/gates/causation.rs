//! Which run of ours an event may follow from, and how often a rule ran for what it is about.
//! It decides nothing; both the commit and those who ask beforehand read the same rows.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;

use super::codec::{self, micros};
use super::gates::counted;
use super::ledger::Ledger;
use crate::core::loop_guard::{GATE, Guard, LINKS, Lineage, Link, LoopAsk, LoopFacts, Search};
use crate::core::run::{RunId, State};
use crate::store::StoreError;

/// The queue of runs that count in no rate.
const NO_QUEUE: i64 = 0;

/// What the guard is told; `queue` is that of the rule, where it ever had a run.
pub fn loop_facts(
    connection: &Connection,
    queue: Option<i64>,
    ask: &LoopAsk,
    now: Timestamp,
) -> rusqlite::Result<LoopFacts> {
    let cause = match ask.cause(now) {
        Some(search) => cause(connection, search)?,
        None => None,
    };
    let rate = match queue.zip(ask.rate(now)) {
        Some((queue, (about, since))) => counted(connection, queue, (GATE, about), None, since)?,
        None => Default::default(),
    };
    Ok(LoopFacts { cause, rate })
}

/// The latest run that wrote about something.
pub const CAUSE: &str = "
    SELECT c.run, r.depth FROM gate_admissions c INDEXED BY gate_admissions_of_loop_guard
        CROSS JOIN runs r ON r.id = c.run
    WHERE c.gate = 'loop_guard' AND c.value = ?1 AND c.at > ?2
        AND (?3 IS NULL OR EXISTS (SELECT 1 FROM json_each(r.actors) WHERE value = ?3))
        -- What has not begun has written nothing.
        AND (r.state NOT IN ('queued', 'debouncing', 'held', 'skipped', 'cancelled')
            OR EXISTS (SELECT 1 FROM log_entries WHERE run = r.id))
    ORDER BY c.at DESC, c.run DESC LIMIT 1";

fn cause(connection: &Connection, search: Search<'_>) -> rusqlite::Result<Option<(RunId, u32)>> {
    connection
        .prepare_cached(CAUSE)?
        .query_row(
            params![search.about, micros(search.since), search.actor],
            |row| Ok((RunId(row.get::<_, i64>(0)? as u64), row.get(1)?)),
        )
        .optional()
}

/// A run and what came before it, the newest first.
pub fn chain(connection: &Connection, run: RunId, most: usize) -> rusqlite::Result<Vec<Link>> {
    let mut chain = Vec::new();
    let mut next = Some(run.0 as i64);
    while let Some(run) = next.filter(|_| chain.len() < most) {
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
        chain.push(Link { run: run_id, rule });
        // A cause is always older, whatever a damaged row says.
        next = cause.filter(|cause| *cause < run);
    }
    Ok(chain)
}

impl Ledger<'_> {
    /// Where the run would stand, and the state that it ends in where it may not begin.
    pub fn loop_guard(
        &self,
        queue: i64,
        ask: &LoopAsk,
        now: Timestamp,
    ) -> Result<(Lineage, Option<State>), StoreError> {
        let facts = loop_facts(self.connection, Some(queue), ask, now)?;
        let lineage = ask.lineage(&facts);
        let Some(tripped) = ask.decide(&facts) else {
            return Ok((lineage, None));
        };
        let chain = match lineage.cause {
            Some(cause) => chain(self.connection, cause, LINKS)?,
            None => Vec::new(),
        };
        let state = State::Suppressed {
            gate: GATE.to_owned(),
            why: ask.why(tripped, &facts, &chain),
        };
        Ok((lineage, Some(state)))
    }

    /// Remembers that a run wrote about something, so that what comes of it can be laid to it.
    pub fn trace(
        &self,
        queue: Option<i64>,
        ask: &LoopAsk,
        run: RunId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(about) = ask.trace() else {
            return Ok(());
        };
        let within = codec::duration_micros(ask.guard.limits.within);
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

/// Whom a run writes as; None where nobody knows.
pub fn actors_text(guard: &Guard) -> Option<String> {
    let named = !guard.acts_as.is_empty();
    named.then(|| json!(guard.acts_as).to_string())
}
