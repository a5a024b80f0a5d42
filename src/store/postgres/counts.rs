//! How many runs are in each state: one row for each daemon that changed them, whose sum counts. The sums are read
//! again several times a second; in between, this daemon adds its own changes.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::cell::{Cells, RUNS};
use super::error::PostgresError;
use super::session::{Param, Pipeline, PostgresSession};
use super::workspace::TableChanges;
use crate::store::sqlite::queue::transition::{holds_lane, known_state};
use crate::store::sqlite::writer_state::WriterState;

/// The state under which open waiters are counted, in no queue.
const WAITERS: &str = "waiters";

/// How old the sums may be.
const MAX_AGE: Duration = Duration::from_millis(250);

/// Runs of a queue in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CountKey {
    pub queue: i64,
    pub state: &'static str,
}

/// Runs of all daemons by queue and state.
#[derive(Debug, Default)]
pub struct RunTally {
    counts: HashMap<CountKey, i64>,
    read_at: Option<Instant>,
}

impl RunTally {
    /// Reads the sums again if they are old.
    pub async fn refresh(&mut self, session: &PostgresSession) -> Result<(), PostgresError> {
        if self.read_at.is_some_and(|at| at.elapsed() < MAX_AGE) {
            return Ok(());
        }
        let sql = "SELECT queue, state, sum(count)::bigint FROM run_counts GROUP BY queue, state";
        let rows = session.query(sql, Vec::new()).await?;
        self.counts.clear();
        for row in rows {
            let state: String = row.try_get(1)?;
            let key = CountKey {
                queue: row.try_get(0)?,
                state: match state == WAITERS {
                    true => WAITERS,
                    false => known_state(&state),
                },
            };
            self.counts.insert(key, row.try_get(2)?);
        }
        self.read_at = Some(Instant::now());
        Ok(())
    }

    pub fn add(&mut self, changes: &HashMap<CountKey, i64>) {
        for (key, by) in changes {
            *self.counts.entry(*key).or_default() += by;
        }
    }

    /// Sets the counts that limits are checked against.
    pub fn fill(&self, state: &mut WriterState) {
        state.counts.clear();
        state.unfinished.clear();
        state.held.clear();
        state.waiters = 0;
        for (CountKey { queue, state: word }, count) in &self.counts {
            if *word == WAITERS {
                state.waiters += count;
                continue;
            }
            *state.counts.entry(word).or_default() += count;
            if holds_lane(word) {
                *state.unfinished.entry(*queue).or_default() += count;
            }
            if *word == "held" {
                *state.held.entry(*queue).or_default() += count;
            }
        }
    }
}

/// How the changes of a batch to its runs change the counts.
pub fn count_changes(runs: &TableChanges) -> HashMap<CountKey, i64> {
    let (queue, state) = (RUNS.index("queue"), RUNS.index("state"));
    let key = |cells: &Cells| {
        Some(CountKey {
            queue: cells[queue].int()?,
            state: known_state(cells[state].text()?),
        })
    };
    let mut counts: HashMap<CountKey, i64> = HashMap::new();
    let mut add = |cells: &Cells, by: i64| {
        if let Some(key) = key(cells) {
            *counts.entry(key).or_default() += by;
        }
    };
    for row in &runs.inserted {
        add(row, 1);
    }
    for update in &runs.updated {
        add(&update.before, -1);
        add(&update.after, 1);
    }
    for row in &runs.deleted {
        add(row, -1);
    }
    counts.retain(|_, by| *by != 0);
    counts
}

/// How the changes of a batch to its waiters change the number of open ones.
pub fn count_waiters(waiters: &TableChanges, counts: &mut HashMap<CountKey, i64>) {
    let closed = super::cell::WAITERS.index("closed");
    let open = |cells: &Cells| i64::from(cells[closed].int().is_none());
    let inserted: i64 = waiters.inserted.iter().map(open).sum();
    let deleted: i64 = waiters.deleted.iter().map(open).sum();
    let updated = waiters.updated.iter();
    let updated: i64 = updated
        .map(|update| open(&update.after) - open(&update.before))
        .sum();
    let by = inserted + updated - deleted;
    if by != 0 {
        let key = CountKey {
            queue: 0,
            state: WAITERS,
        };
        *counts.entry(key).or_default() += by;
    }
}

/// Writes the changes into this daemon's rows.
pub fn write_counts(pipeline: &mut Pipeline, daemon: i64, changes: &HashMap<CountKey, i64>) {
    if changes.is_empty() {
        return;
    }
    let mut sorted: Vec<(&CountKey, &i64)> = changes.iter().collect();
    sorted.sort_by_key(|(key, _)| (key.queue, key.state));
    pipeline.query(
        "INSERT INTO run_counts (daemon, queue, state, count)
         SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::bigint[])
         ON CONFLICT (daemon, queue, state) DO UPDATE SET count = run_counts.count + excluded.count",
        vec![
            Param::int(daemon),
            Param::ints(sorted.iter().map(|(key, _)| key.queue)),
            Param::texts(sorted.iter().map(|(key, _)| key.state)),
            Param::ints(sorted.iter().map(|(_, by)| **by)),
        ],
    );
}
