//! Gates over the stored runs: what counts at them, which one suppresses a run, and the admissions that are
//! recorded and released. The decision itself is a pure function of the gate.

pub mod causation;
pub mod series;
pub mod window;

use jiff::Timestamp;
use rusqlite::params;

use self::window::OpenWindow;
use super::codec::{self, micros};
use super::transaction::WriteTransaction;
use crate::store::StoreError;
use crate::store::sql::{self, SqlDatabase, dialect};
use flowtrigger_core::gate::debounce::{DebounceAction, DebounceCheck, DebounceWindow};
use flowtrigger_core::gate::{GateCheck, GateDecision, GateHistory, GateKind};
use flowtrigger_core::run::{RunId, RunState};

impl WriteTransaction<'_> {
    /// The state of a run that a gate suppresses; `None` if all admit it. A window that the event joins
    /// counts as its own run: its admissions do not suppress the event.
    pub fn suppressing_gate(
        &self,
        queue: i64,
        checks: &[GateCheck],
        (debounce, window): (Option<DebounceCheck<'_>>, Option<&OpenWindow>),
        (received, now): (Timestamp, Timestamp),
    ) -> Result<Option<RunState>, StoreError> {
        let except = window.map(|window| window.gathering.run);
        for check in checks {
            let suppressed = match &check.kind {
                GateKind::During(_) => check.decide_during(received).and_then(suppressed),
                GateKind::Debounce { .. } => {
                    let open = debounce.zip(window);
                    open.and_then(|(debounce, window)| joins(&debounce, &window.gathering))
                }
                // Decided behind all others.
                GateKind::Series(_) => None,
                GateKind::Dedupe | GateKind::Throttle { .. } => {
                    let history = gate_history(self.connection, queue, check, except, now)?;
                    suppressed(check.decide(&history))
                }
            };
            if let Some(why) = suppressed {
                let gate = check.kind.as_str().to_owned();
                return Ok(Some(RunState::Suppressed { gate, why }));
            }
        }
        Ok(None)
    }

    /// Records that a run counts at its gates.
    pub fn admit(
        &self,
        queue: i64,
        checks: &[GateCheck],
        run: RunId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for check in checks.iter().filter(|check| check.kind.counts_runs()) {
            let until = micros(check.window.after(now));
            self.connection
                .prepare_cached("INSERT INTO gate_admissions VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
                .execute(params![
                    queue,
                    check.kind.as_str(),
                    check.value,
                    micros(now),
                    run.0 as i64,
                    until
                ])?;
        }
        Ok(())
    }

    /// A run that did not do its work no longer counts for `dedupe`.
    pub fn release_dedupe(&self, run: i64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("DELETE FROM gate_admissions WHERE run = ?1 AND gate = ?2")?
            .execute(params![run, GateKind::Dedupe.as_str()])?;
        Ok(())
    }

    /// A run that was replaced in its window counts nowhere.
    pub fn release_all(&self, run: i64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("DELETE FROM gate_admissions WHERE run = ?1")?
            .execute([run])?;
        Ok(())
    }
}

/// Why a decision suppresses a run; `None` if it admits it.
fn suppressed(decision: GateDecision) -> Option<String> {
    match decision {
        GateDecision::Admit => None,
        GateDecision::Suppress { why } => Some(why),
    }
}

/// Why a run does not begin whose event joins a window; `None` if it opens or replaces one.
fn joins(debounce: &DebounceCheck<'_>, open: &DebounceWindow) -> Option<String> {
    match debounce.turn(Some(open)) {
        DebounceAction::Join(_) => Some(debounce.joined(open)),
        DebounceAction::Open | DebounceAction::Replace(_) => None,
    }
}

/// The runs that count for a gate check, without `except`.
pub fn gate_history<D: SqlDatabase>(
    database: &D,
    queue: i64,
    check: &GateCheck,
    except: Option<RunId>,
    now: Timestamp,
) -> Result<GateHistory, D::Error> {
    let gate = (check.kind.as_str(), check.value.as_str());
    count(database, queue, gate, except, check.since(now))
}

const COUNTED: &str = "SELECT count(*), min(at), run FROM gate_admissions
    WHERE queue = ?1 AND gate = ?2 AND value = ?3 AND at > ?4 AND run <> ?5";

/// The runs of a rule that count at a gate for a value since a time.
pub fn count<D: SqlDatabase>(
    database: &D,
    queue: i64,
    (gate, value): (&str, &str),
    except: Option<RunId>,
    since: Timestamp,
) -> Result<GateHistory, D::Error> {
    let except = except.map_or(0, |run| run.0 as i64);
    let values = sql::params![queue, gate, value, micros(since), except];
    let counted = database.first(
        D::DIALECT.choose(COUNTED, dialect::COUNTED),
        values,
        |row| {
            let (runs, at, run): (u32, Option<i64>, Option<i64>) =
                (row.get(0)?, row.get(1)?, row.get(2)?);
            let oldest = at
                .zip(run)
                .map(|(at, run)| (RunId(run as u64), codec::time(at)));
            Ok(GateHistory { runs, oldest })
        },
    )?;
    Ok(counted.unwrap_or_default())
}
