//! Gates asked of what the file holds: what counts at them, what it is charged and what is given back.
//! It refuses to decide; it counts, and the gate decides.

use jiff::Timestamp;
use rusqlite::params;

use super::codec::{self, micros};
use super::ledger::Ledger;
use super::windows::Window;
use crate::core::gate::{Ask, Debounce, Facts, Gathering, Kind, Opening, Turn};
use crate::core::run::{RunId, State};
use crate::store::StoreError;

impl Ledger<'_> {
    /// The first gate that is closed. A window that the event comes into counts as its own run: what
    /// that run was charged stands in no event's way.
    pub fn closed(
        &self,
        queue: i64,
        asks: &[Ask],
        (debounce, window): (Option<Debounce<'_>>, Option<&Window>),
        now: Timestamp,
    ) -> Result<Option<State>, StoreError> {
        let but = window.map(|window| window.gathering.run);
        for ask in asks {
            let closed = match (ask.kind, debounce, window) {
                (Kind::Debounce { .. }, Some(debounce), Some(window)) => {
                    joins(&debounce, &window.gathering)
                }
                (Kind::Debounce { .. }, _, _) => None,
                (Kind::Dedupe | Kind::Throttle { .. }, _, _) => {
                    match ask.decide(&facts(self.connection, queue, ask, but, now)?) {
                        Opening::Open => None,
                        Opening::Closed { why } => Some(why),
                    }
                }
            };
            if let Some(why) = closed {
                let gate = ask.kind.word().to_owned();
                return Ok(Some(State::Suppressed { gate, why }));
            }
        }
        Ok(None)
    }

    pub fn charge(
        &self,
        queue: i64,
        asks: &[Ask],
        run: RunId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for ask in asks.iter().filter(|ask| Debounce::of(ask).is_none()) {
            let until = micros(now).saturating_add(codec::duration_micros(ask.window));
            self.connection
                .prepare_cached("INSERT INTO gate_admissions VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
                .execute(params![
                    queue,
                    ask.kind.word(),
                    ask.value,
                    micros(now),
                    run.0 as i64,
                    until
                ])?;
        }
        Ok(())
    }

    /// What never did its work counts no more for a `dedupe`.
    pub fn give_back(&self, run: i64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("DELETE FROM gate_admissions WHERE run = ?1 AND gate = ?2")?
            .execute(params![run, Kind::Dedupe.word()])?;
        Ok(())
    }

    /// A run whose place was taken counts nowhere, as if it had never been.
    pub fn give_all_back(&self, run: i64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("DELETE FROM gate_admissions WHERE run = ?1")?
            .execute([run])?;
        Ok(())
    }
}

/// Why the run of an event does not begin that comes into a window.
fn joins(debounce: &Debounce<'_>, open: &Gathering) -> Option<String> {
    match debounce.turn(Some(open)) {
        Turn::Joins(_) => Some(debounce.joined(open)),
        Turn::Opens | Turn::Replaces(_) => None,
    }
}

/// What is known of the runs that count at a gate, one of them left out.
pub fn facts(
    connection: &rusqlite::Connection,
    queue: i64,
    ask: &Ask,
    but: Option<RunId>,
    now: Timestamp,
) -> rusqlite::Result<Facts> {
    let (gate, since) = (ask.kind.word(), ask.since(now));
    counted(connection, queue, (gate, &ask.value), but, since)
}

/// The runs of a rule that count at a gate for a value since a time.
pub fn counted(
    connection: &rusqlite::Connection,
    queue: i64,
    (gate, value): (&str, &str),
    but: Option<RunId>,
    since: Timestamp,
) -> rusqlite::Result<Facts> {
    let but = but.map_or(0, |run| run.0 as i64);
    connection
        .prepare_cached(
            "SELECT count(*), min(at), run FROM gate_admissions
             WHERE queue = ?1 AND gate = ?2 AND value = ?3 AND at > ?4 AND run <> ?5",
        )?
        .query_row(params![queue, gate, value, micros(since), but], |row| {
            let (runs, at, run): (u32, Option<i64>, Option<i64>) =
                (row.get(0)?, row.get(1)?, row.get(2)?);
            let oldest = at
                .zip(run)
                .map(|(at, run)| (RunId(run as u64), codec::time(at)));
            Ok(Facts { runs, oldest })
        })
}
