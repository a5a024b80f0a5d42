//! Compares an event that arrives with the waiters of its values: the first that matches decides the step, and the others are
//! counted.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};
use serde_json::{Value, json};

use super::inbox::StepDecision;
use super::plan::happened;
use crate::store::awaited::AwaitedValue;
use crate::store::sqlite::codec::load_error::RowLoadError;
use crate::store::sqlite::codec::{micros, time};
use crate::store::sqlite::transaction::WriteTransaction;
use crate::store::{IncomingEvent, RunStatus, StoreError};
use flowtrigger_core::event::Event;
use flowtrigger_core::flow::wait_for::{ArrivalTimes, ArrivalVerdict};
use flowtrigger_core::language::condition::trace::Trace;
use flowtrigger_core::language::operator::Verdict;
use flowtrigger_core::run::{LogEntry, RunId};

/// Predicates of the last event that did not match that are kept.
const MAX_FAILED: usize = 10;

/// An event that is compared.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'e> {
    pub event: &'e Event,
    pub row: i64,
    /// When it happened.
    pub happened: Timestamp,
    /// When it was received.
    pub at: Timestamp,
}

/// A row of `waiters`, of those that have the subject and the value of an event.
#[derive(Debug, Clone)]
pub struct Waiter {
    pub run: RunId,
    pub step: String,
    pub number: u32,
    pub subject: i64,
    rule: i64,
    since: Timestamp,
    deadline: Option<Timestamp>,
    /// The step is decided, or the run has ended.
    is_closed: bool,
}

impl WriteTransaction<'_> {
    /// Compares an event with what runs wait for, and remembers it. Returns the runs whose steps it decides, without those
    /// that only collect what comes for a retry.
    pub fn arrive(
        &mut self,
        incoming: &IncomingEvent,
        row: i64,
        values: &[AwaitedValue],
    ) -> Result<Vec<RunStatus>, StoreError> {
        let event = &incoming.event;
        let arrival = Arrival {
            event,
            row,
            happened: happened(event, incoming.received),
            at: incoming.received,
        };
        self.remember_event(values, &arrival)?;
        let mut continued = Vec::new();
        for waiter in self.waiters_for(values)? {
            if self.compare(&waiter, &arrival)? && !waiter.is_closed {
                continued.push(self.status(waiter.run)?);
            }
        }
        Ok(continued)
    }

    /// The waiters of some subjects and values, in the order of runs, steps and events. Each awaited event is there once,
    /// although it may have several subjects.
    pub fn waiters_for(&self, values: &[AwaitedValue]) -> Result<Vec<Waiter>, StoreError> {
        let mut waiters: Vec<Waiter> = Vec::new();
        let mut statement = self.connection.prepare_cached(
            "SELECT run, step, number, subject, rule, since, deadline, closed IS NOT NULL FROM waiters
             WHERE subject = ?1 AND value = ?2",
        )?;
        for AwaitedValue { subject, value } in values {
            let found = statement.query_map(params![subject, value], |row| {
                Ok(Waiter {
                    run: RunId(row.get::<_, i64>(0)?.unsigned_abs()),
                    step: row.get(1)?,
                    number: row.get(2)?,
                    subject: row.get(3)?,
                    rule: row.get(4)?,
                    since: time(row.get(5)?),
                    deadline: row.get::<_, Option<i64>>(6)?.map(time),
                    is_closed: row.get(7)?,
                })
            })?;
            for waiter in found {
                waiters.push(waiter?);
            }
        }
        waiters.sort_by(|one, other| one.key().cmp(&other.key()));
        waiters.dedup_by(|one, other| one.key() == other.key());
        Ok(waiters)
    }

    /// Compares an event with one waiter. True if it decides the step.
    pub fn compare(&mut self, waiter: &Waiter, arrival: &Arrival<'_>) -> Result<bool, StoreError> {
        let decided = self.decided_by(waiter.run, &waiter.step)?;
        let is_expired = decided.as_deref() == Some("expired");
        if decided.is_some() && !is_expired {
            return Ok(false);
        }
        let rule = match self.rule(waiter.rule) {
            Ok(rule) => rule,
            Err(RowLoadError::Unavailable(error)) => return Err(error.into()),
            // The run is held when it is claimed, with this reason.
            Err(RowLoadError::Corrupt(_)) => return Ok(false),
        };
        let Some(awaited) = rule.flow.awaited_event(&waiter.step, waiter.number) else {
            return Ok(false);
        };
        let times = ArrivalTimes {
            happened: arrival.happened,
            since: waiter.since,
            deadline: waiter.deadline.filter(|_| !is_expired),
        };
        match awaited.compare(arrival.event, times) {
            ArrivalVerdict::Match if is_expired => self.count_late(waiter, arrival)?,
            ArrivalVerdict::Match => {
                let entry = LogEntry::Arrived {
                    step: waiter.step.clone(),
                    at: arrival.at,
                    number: waiter.number,
                    event: arrival.event.with_header(),
                };
                let decision = StepDecision {
                    run: waiter.run,
                    entry: &entry,
                    event: Some(arrival.row),
                };
                return self.decide_step(&decision, arrival.at);
            }
            ArrivalVerdict::TooEarly => {}
            ArrivalVerdict::TooLate => {
                let whenever = ArrivalTimes {
                    deadline: None,
                    ..times
                };
                if awaited.compare(arrival.event, whenever) == ArrivalVerdict::Match {
                    self.count_late(waiter, arrival)?;
                }
            }
            ArrivalVerdict::NoMatch(_) if is_expired => {}
            ArrivalVerdict::NoMatch(trace) => self.count_failed(waiter, &trace)?,
        }
        Ok(false)
    }

    fn count_late(&self, waiter: &Waiter, arrival: &Arrival<'_>) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "UPDATE waiters SET late = late + 1, late_at = ?5
                 WHERE run = ?1 AND step = ?2 AND number = ?3 AND subject = ?4",
            )?
            .execute(params![
                waiter.run.0 as i64,
                waiter.step,
                waiter.number,
                waiter.subject,
                micros(arrival.at)
            ])?;
        Ok(())
    }

    fn count_failed(&self, waiter: &Waiter, trace: &Trace) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "UPDATE waiters SET came = came + 1, last_failed = ?5
                 WHERE run = ?1 AND step = ?2 AND number = ?3 AND subject = ?4",
            )?
            .execute(params![
                waiter.run.0 as i64,
                waiter.step,
                waiter.number,
                waiter.subject,
                failed_predicates(trace).to_string()
            ])?;
        Ok(())
    }

    /// What decided a step: the kind of its log entry; `None` if it is undecided.
    pub fn decided_by(&self, run: RunId, step: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT kind FROM inbox WHERE run = ?1 AND step = ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        let kind = statement.query_row(params![run.0 as i64, step], |row| row.get(0));
        Ok(kind.optional()?)
    }
}

impl Waiter {
    fn key(&self) -> (RunId, &str, u32) {
        (self.run, &self.step, self.number)
    }
}

/// The predicates that failed, without the values of the event: these may be fields that are to be removed.
fn failed_predicates(trace: &Trace) -> Value {
    let failed = trace.lines.iter();
    let failed = failed.filter(|line| line.verdict != Verdict::Match);
    let failed = failed
        .take(MAX_FAILED)
        .map(|line| json!({"path": line.path, "operator": line.operator, "want": line.want}));
    failed.collect()
}
