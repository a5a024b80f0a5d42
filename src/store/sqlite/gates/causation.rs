//! The loop guard over the stored runs: which run of ours may have caused an event, and how often a rule ran
//! for a ticket. The commit and the commands that ask beforehand read the same rows.

use jiff::Timestamp;
use rusqlite::params;
use serde_json::{Value, json};

use super::count;
use crate::store::StoreError;
use crate::store::sql::{self, SqlDatabase};
use crate::store::sqlite::codec::{self, micros};
use crate::store::sqlite::transaction::WriteTransaction;
use flowtrigger_core::loop_guard::{
    Causation, CauseQuery, CausingRun, GATE, LoopCheck, LoopConsequence, LoopGuard, LoopHistory,
    MAX_CHAIN_LINKS, WritingFlow, held,
};
use flowtrigger_core::run::{RunId, RunState};

/// The queue of runs that count in no rate.
const NO_QUEUE: i64 = 0;

/// The rows under which a run names the update of its event, and a rule its notice about held runs.
const UPDATE: &str = "loop_update";
const NOTICE: &str = "loop_notice";

/// What becomes of a run at the loop guard.
#[derive(Debug, Clone, PartialEq)]
pub enum LoopDecision {
    Admit,
    /// Admitted at a high rate.
    AdmitHighRate,
    Hold(RunState),
    Suppress(RunState),
}

/// The causation of a run, and what becomes of it.
#[derive(Debug, Clone, PartialEq)]
pub struct LoopOutcome {
    pub lineage: Causation,
    pub decision: LoopDecision,
}

/// What the guard decides on; `queue` is that of the rule, if it ever had a run.
pub fn loop_history<D: SqlDatabase>(
    database: &D,
    queue: Option<i64>,
    check: &LoopCheck,
    now: Timestamp,
) -> Result<LoopHistory, D::Error> {
    let cause = match check.cause(now) {
        Some(search) => cause(database, search)?,
        None => None,
    };
    let rate = match queue.zip(check.rate(now)) {
        Some((queue, rate)) => match rate.update {
            Some(update) if is_noted(database, queue, (UPDATE, update), rate.since)? => {
                Default::default()
            }
            Some(_) | None => count(database, queue, (GATE, rate.counted), None, rate.since)?,
        },
        None => Default::default(),
    };
    Ok(LoopHistory { cause, rate })
}

/// Whether a queue has a row with this gate and value since a time.
fn is_noted<D: SqlDatabase>(
    database: &D,
    queue: i64,
    (gate, value): (&str, &str),
    since: Timestamp,
) -> Result<bool, D::Error> {
    let sql = "SELECT 1 FROM gate_admissions
        WHERE queue = ?1 AND gate = ?2 AND value = ?3 AND at > ?4 LIMIT 1";
    let values = sql::params![queue, gate, value, micros(since)];
    let found = database.first(sql, values, |_| Ok(()))?;
    Ok(found.is_some())
}

/// The latest run that wrote to the system of an event about something, and whose event is of another update. A step
/// of it wrote if an attempt succeeded, or failed without excluding an effect, or may be under way.
pub const CAUSE: &str = "
    SELECT c.run, r.depth FROM gate_admissions c INDEXED BY gate_admissions_of_loop_guard
        CROSS JOIN runs r
    WHERE c.gate = 'loop_guard' AND c.value = ?1 AND c.at > ?2 AND r.id = c.run
        AND CASE WHEN r.writes IS NOT NULL THEN EXISTS (
            SELECT 1 FROM json_each(r.writes) w
            WHERE (?3 IS NULL OR json_extract(w.value, '$.actor') = ?3) AND EXISTS (
                -- The run itself, or its notice, which belongs to the same event.
                SELECT 1 FROM runs o
                WHERE CASE json_extract(w.value, '$.flow')
                    WHEN 'rule' THEN o.id = r.id
                    ELSE CAST(json_extract(o.error, '$.run') AS BIGINT) = r.id END
                    AND o.event = r.event
                    AND (o.state = 'running' OR o.suspect = 1 OR EXISTS (
                        SELECT 1 FROM log_entries l
                        WHERE l.run = o.id AND l.kind = 'attempt'
                            AND glob(json_extract(w.value, '$.steps'), l.step)
                            AND (l.outcome = 'succeeded'
                                OR json_extract(l.detail, '$.effect') IS DISTINCT FROM 'none')))))
        -- Of a run that an older version planned it is not known which steps write.
        ELSE (?3 IS NULL OR EXISTS (SELECT 1 FROM json_each(r.actors) a WHERE a.value = ?3))
            AND (r.state NOT IN ('queued', 'debouncing', 'held', 'skipped', 'cancelled')
                OR EXISTS (SELECT 1 FROM log_entries WHERE run = r.id))
        END
        AND (?4 IS NULL OR NOT EXISTS (SELECT 1 FROM gate_admissions m
            WHERE m.run = c.run AND m.gate = 'loop_update' AND m.value = ?4))
    ORDER BY c.at DESC, c.run DESC LIMIT 1";

fn cause<D: SqlDatabase>(
    database: &D,
    search: CauseQuery<'_>,
) -> Result<Option<(RunId, u32)>, D::Error> {
    let values = sql::params![
        search.about,
        micros(search.since),
        search.actor,
        search.except
    ];
    database.first(CAUSE, values, |row| {
        Ok((RunId(row.get::<i64>(0)? as u64), row.get(1)?))
    })
}

/// A run and its causes, the newest first, at most `limit`.
pub fn chain<D: SqlDatabase>(
    database: &D,
    run: RunId,
    limit: usize,
) -> Result<Vec<CausingRun>, D::Error> {
    let mut chain = Vec::new();
    let mut next = Some(run.0 as i64);
    while let Some(run) = next.filter(|_| chain.len() < limit) {
        let sql = "SELECT queues.rule, runs.cause FROM runs JOIN queues ON queues.id = runs.queue
            WHERE runs.id = ?1";
        let found = database.first(sql, sql::params![run], |row| {
            Ok((row.get::<String>(0)?, row.get::<Option<i64>>(1)?))
        })?;
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
    /// The causation of a run, and what the guard decides on it.
    pub fn check_loop(
        &self,
        queue: i64,
        check: &LoopCheck,
        now: Timestamp,
    ) -> Result<LoopOutcome, StoreError> {
        let history = loop_history(self.connection, Some(queue), check, now)?;
        let lineage = check.lineage(&history);
        let Some(tripped) = check.decide(&history) else {
            let decision = LoopDecision::Admit;
            return Ok(LoopOutcome { lineage, decision });
        };
        let chain = match lineage.cause {
            Some(cause) => chain(self.connection, cause, MAX_CHAIN_LINKS)?,
            None => Vec::new(),
        };
        let why = check.why(tripped, &history, &chain);
        let decision = match check.consequence(tripped) {
            LoopConsequence::Suppress => LoopDecision::Suppress(RunState::Suppressed {
                gate: GATE.to_owned(),
                why,
            }),
            LoopConsequence::Hold => LoopDecision::Hold(held(&why)),
            LoopConsequence::Count => LoopDecision::AdmitHighRate,
        };
        Ok(LoopOutcome { lineage, decision })
    }

    /// Records that a run writes about something, so that later events can be traced to it. `queue` is that
    /// of a run that counts in the rate.
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
        let until = micros(now).saturating_add(within);
        let note = |queue: i64, gate: &str, value: &str| -> Result<(), StoreError> {
            self.connection
                .prepare_cached("INSERT INTO gate_admissions VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
                .execute(params![
                    queue,
                    gate,
                    value,
                    micros(now),
                    run.0 as i64,
                    until
                ])?;
            Ok(())
        };
        // An update counts with its first event.
        let counting = match (queue, check.update.as_deref(), check.rate(now)) {
            (Some(queue), Some(update), Some(rate)) => {
                let known = is_noted(self.connection, queue, (UPDATE, update), rate.since)?;
                (!known).then_some(queue)
            }
            (queue, _, _) => queue,
        };
        if let Some(update) = &check.update {
            note(queue.unwrap_or(NO_QUEUE), UPDATE, update)?;
        }
        match (counting, check.counted.as_deref()) {
            (Some(queue), Some(counted)) if counted != about => {
                note(queue, GATE, counted)?;
                note(NO_QUEUE, GATE, about)
            }
            (counting, _) => note(counting.unwrap_or(NO_QUEUE), GATE, about),
        }
    }

    /// Queues the notice about runs that the guard holds: one for each rule and key within the guard's
    /// window.
    pub fn notify_about_held(
        &mut self,
        queue: i64,
        check: &LoopCheck,
        run: RunId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(rate) = check.rate(now) else {
            return Ok(());
        };
        if is_noted(self.connection, queue, (NOTICE, rate.counted), rate.since)? {
            return Ok(());
        }
        let within = codec::duration_micros(check.guard.limits.within);
        self.connection
            .prepare_cached("INSERT INTO gate_admissions VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![
                queue,
                NOTICE,
                rate.counted,
                micros(now),
                run.0 as i64,
                micros(now).saturating_add(within)
            ])?;
        self.report_held(run, now)
    }
}

/// The actors that a run writes as; `None` if they are not known.
pub fn encode_actors(guard: &LoopGuard) -> Option<String> {
    let named = !guard.acts_as.is_empty();
    named.then(|| json!(guard.acts_as).to_string())
}

/// The steps of a run that write to the system of its event: a pattern for the paths in its log, the actor, and the
/// flow.
pub fn encode_writes(guard: &LoopGuard) -> String {
    let writes = guard.writes.iter().map(|write| {
        let flow = match write.flow {
            WritingFlow::Rule => "rule",
            WritingFlow::Notice => "on_dead",
        };
        json!({ "steps": step_pattern(&write.path), "actor": write.actor, "flow": flow })
    });
    Value::from_iter(writes).to_string()
}

/// The GLOB pattern for the paths of a step: `each[].page` is found as `each[2].page`.
fn step_pattern(path: &str) -> String {
    let literal = |text: &str| -> String {
        let quote = |letter: char| match letter {
            '*' | '?' | '[' => format!("[{letter}]"),
            letter => letter.to_string(),
        };
        text.chars().map(quote).collect()
    };
    let parts: Vec<String> = path.split("[]").map(literal).collect();
    parts.join("[[]*]")
}
