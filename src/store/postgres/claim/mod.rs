//! Claims runs for this daemon: the first ready ones of each rule in turn, beside other daemons that claim at the same time.

mod candidates;
mod details;

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use jiff::Timestamp;
use tokio_postgres::Row;

use crate::store::postgres::cell::RUNS;
use crate::store::postgres::counts::{RunTally, write_counts};
use crate::store::postgres::error::PostgresError;
use crate::store::postgres::executor::Executor;
use crate::store::postgres::job::OwnClaim;
use crate::store::postgres::lease::{Requeue, requeue};
use crate::store::postgres::load::load_rules;
use crate::store::postgres::run_job::execute_in;
use crate::store::postgres::scope::BatchScope;
use crate::store::postgres::session::{Param, Pipeline};
use crate::store::postgres::shared::{Counter, NOW, TimeSource};
use crate::store::postgres::subjects::{is_current, read_subjects};
use crate::store::postgres::write_back::write_back;
use crate::store::sqlite::codec::time;
use crate::store::sqlite::transaction::WriteTransaction;
use crate::store::sqlite::writer_state::ReservedNumbers;
use crate::store::{ClaimId, ClaimRequest, ClaimedRun, StoreError};
use flowtrigger_core::run::{RunId, RunState};

use candidates::{LEASE, candidates, one_suspect, outlook};
use details::load_details;

/// Due runs that one claim queues, so that many that are due together delay others only a little.
const MAX_WOKEN: i64 = 1_000;
/// How often a claim is repeated while it finds runs and has room for more.
const MAX_ROUNDS: usize = 4;

/// Whether a queue gave as many runs as one of its size may give: it may have more, while others gave fewer.
fn has_more(rows: &[Row], limit: usize) -> Result<bool, PostgresError> {
    let queue = RUNS.index("queue");
    let mut counts: HashMap<i64, usize> = HashMap::new();
    for row in rows {
        *counts.entry(row.try_get(queue)?).or_default() += 1;
    }
    let most = limit.div_ceil(counts.len().max(1));
    Ok(rows.len() < limit && counts.values().any(|count| *count >= most))
}

/// The position before which no run was ready, as these runs were found; `None` if not every queue was looked at.
fn nothing_before(rows: &[Row], limit: usize, last: i64) -> Result<Option<i64>, PostgresError> {
    let (queue, position) = (RUNS.index("queue"), RUNS.index("position"));
    let (mut queues, mut before) = (BTreeSet::new(), last);
    for row in rows {
        queues.insert(row.try_get::<_, i64>(queue)?);
        before = before.min(row.try_get(position)?);
    }
    Ok((queues.len() < limit).then_some(before))
}

/// What one round of a claim found.
struct Round {
    claimed: Vec<ClaimedRun>,
    /// Runs that cannot be loaded, with the reason.
    unreadable: Vec<(i64, RunState)>,
    /// Whether a rule may have more ready runs than were looked at.
    has_more: bool,
    /// Runs are due: nothing was claimed before they are queued.
    has_due: bool,
}

impl Executor {
    pub async fn claim(&mut self, request: ClaimRequest) -> Result<Vec<ClaimedRun>, StoreError> {
        self.shared.note_given(request.now);
        let since = *self.receiving_since.get_or_insert(request.now);
        if self.lost_claims {
            self.release_unknown().await.map_err(StoreError::from)?;
        }
        let mut claimed: Vec<ClaimedRun> = Vec::new();
        for number in 0..MAX_ROUNDS {
            let left = ClaimRequest {
                limit: request.limit - claimed.len(),
                ..request
            };
            let round = match self.claim_round(left, number == 0).await {
                Ok(round) => round,
                Err(error) => {
                    self.connector.roll_back(&error).await;
                    self.workspace.clear().map_err(StoreError::from)?;
                    return match claimed.is_empty() {
                        true => Err(error.into()),
                        false => Ok(claimed),
                    };
                }
            };
            self.workspace.clear().map_err(StoreError::from)?;
            if round.has_due {
                self.wake_due(request, since).await?;
                continue;
            }
            let none = round.claimed.is_empty() && round.unreadable.is_empty();
            claimed.extend(round.claimed);
            for (run, state) in round.unreadable {
                self.hold(run, state).await?;
            }
            if none || claimed.len() >= request.limit || !round.has_more {
                break;
            }
        }
        Ok(claimed)
    }

    /// Queues the runs again that belong to this daemon by claims that it does not know.
    async fn release_unknown(&mut self) -> Result<(), PostgresError> {
        let place = self.shared.member();
        let known = self.own.claims();
        let session = self.connector.session().await?;
        let mut release = Pipeline::default();
        release.plain("BEGIN");
        requeue(
            &mut release,
            place.counter(Counter::Claims),
            Requeue::Unknown {
                daemon: place.daemon,
                known,
            },
        );
        release.plain("COMMIT");
        session.run(&release).await?;
        self.lost_claims = false;
        Ok(())
    }

    /// Queues the runs whose time has come.
    async fn wake_due(
        &mut self,
        request: ClaimRequest,
        since: Timestamp,
    ) -> Result<(), StoreError> {
        let session = self.connector.session().await.map_err(StoreError::from)?;
        let given = match self.shared.time {
            TimeSource::Database => None,
            TimeSource::Caller => Some(request.now.as_microsecond()),
        };
        let sql = format!(
            "SELECT id, coalesce($1, ({NOW})) FROM live_runs
             WHERE due <= coalesce($1, ({NOW})) ORDER BY due LIMIT {MAX_WOKEN}"
        );
        let due = session
            .query(&sql, vec![Param::Int(given)])
            .await
            .map_err(StoreError::from)?;
        let Some(first) = due.first() else {
            return Ok(());
        };
        let number = |row: &Row, index: usize| row.try_get::<_, i64>(index).unwrap_or_default();
        let now = time(number(first, 1));
        let runs: Vec<i64> = due.iter().map(|row| number(row, 0)).collect();
        let ids = runs.clone();
        self.on_runs(runs, move |transaction| {
            let mut due = ids.clone();
            transaction.sort_by_position(&mut due)?;
            transaction.wake_runs(&due, now, since)
        })
        .await
    }

    async fn hold(&mut self, run: i64, state: RunState) -> Result<(), StoreError> {
        tracing::error!(run, why = state.why(), "run held");
        self.on_runs(vec![run], move |transaction| {
            let now = transaction.now();
            transaction.transition(RunId(run.unsigned_abs()), &state, now)
        })
        .await
    }

    /// Changes runs on the thread that commits.
    async fn on_runs<T: Send + 'static>(
        &self,
        runs: Vec<i64>,
        work: impl FnMut(&mut WriteTransaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        execute_in(&self.committer, BatchScope::whole_runs(runs), work).await
    }

    /// Claims what is ready, unless it is the first round and runs are due.
    async fn claim_round(
        &mut self,
        request: ClaimRequest,
        is_first: bool,
    ) -> Result<Round, PostgresError> {
        let place = self.shared.member();
        let busy = self.own.by_queue();
        let session = self.connector.session().await?;
        let mut find = Pipeline::default();
        // It waits for the disk: a claim that a crash of the server forgets would be given to another daemon, while this one
        // executes the run.
        find.plain(session.begin().await?);
        let lease = find.query(LEASE, vec![Param::int(place.daemon)]);
        let outlook = find.query(&outlook(), Vec::new());
        let per_rule = i64::try_from(request.per_rule).unwrap_or(i64::MAX);
        let began = Instant::now();
        let snapshot = self.shared.used().oldest_snapshot;
        let first = self.low_water.first(snapshot, began);
        let limit = i64::try_from(request.limit).unwrap_or(i64::MAX);
        let found = find.query(
            &candidates(),
            vec![
                Param::int(self.last_served),
                Param::int(limit),
                Param::ints(busy.keys().copied()),
                Param::ints(busy.values().copied()),
                Param::int(per_rule),
                Param::int(first),
            ],
        );
        let answers = session.run(&find).await?;
        let nothing = Round {
            claimed: Vec::new(),
            unreadable: Vec::new(),
            has_more: false,
            has_due: false,
        };
        if answers[lease].is_empty() {
            session.plain("ROLLBACK").await?;
            return Ok(nothing);
        }
        let outlook = &answers[outlook][0];
        if !is_current(outlook, 4, &self.shared)? {
            read_subjects(session, &self.shared).await?;
        }
        let has_suspects = outlook.try_get::<_, i64>(1)? > 0;
        let now = match self.shared.time {
            TimeSource::Caller => request.now,
            TimeSource::Database => time(outlook.try_get(0)?),
        };
        let due: Option<i64> = outlook.try_get(2)?;
        // A rule at its limit may have ready runs that were not looked at.
        let is_whole = busy.values().all(|count| *count < per_rule);
        let before = match is_whole {
            true => nothing_before(&answers[found], request.limit, outlook.try_get(3)?)?,
            false => None,
        };
        self.low_water.found(first, before, began, Instant::now());
        if is_first && due.is_some_and(|due| time(due) <= now) {
            session.plain("ROLLBACK").await?;
            return Ok(Round {
                has_due: true,
                ..nothing
            });
        }
        // One daemon finishes what it has, and then executes the suspects one at a time.
        let mut rows = Vec::new();
        if has_suspects && place.rank == 0 {
            if self.own.len() == 0 {
                rows = session.query(&one_suspect(), Vec::new()).await?;
            }
        } else {
            let more = answers.into_iter().nth(found);
            rows = more.unwrap_or_default();
        }
        if rows.is_empty() {
            session.plain("ROLLBACK").await?;
            return Ok(nothing);
        }
        for row in &rows {
            self.workspace.load_run(row)?;
        }
        load_details(session, &mut self.workspace).await?;
        let runs: Vec<i64> = self.workspace.runs.keys().copied().collect();
        load_rules(session, &mut self.workspace, &runs).await?;
        let reserved = ReservedNumbers::default();
        self.workspace
            .begin(now, None, reserved, &RunTally::default());
        self.workspace.set_claims();
        let state = self.workspace.state();
        state.last_served = self.last_served;
        state.running = busy;
        // The candidates are what may be claimed: a suspect is alone among them.
        state.suspects = 0;
        let last = (place.daemon.unsigned_abs() << 32) | u64::from(self.last_claim);
        state.claims.continue_after(ClaimId(last));
        let mut claimed = Vec::new();
        self.workspace.execute(|transaction| {
            claimed = transaction.claim_ready(request)?;
            Ok(())
        })?;
        let unreadable = self.workspace.held_runs()?;
        if !unreadable.is_empty() {
            session.plain("ROLLBACK").await?;
            return Ok(Round {
                claimed: Vec::new(),
                unreadable,
                has_more: true,
                has_due: false,
            });
        }
        self.last_claim = self.last_claim.wrapping_add(claimed.len() as u32);
        self.last_served = self.workspace.state().last_served;
        let mut write = write_back(&mut self.workspace, place.daemon)?;
        write_counts(
            &mut write.pipeline,
            place.counter(Counter::Claims),
            &write.counts,
        );
        write.pipeline.plain("COMMIT");
        let committed = session.run(&write.pipeline).await;
        self.lost_claims |= committed.is_err();
        committed?;
        self.remember(&claimed)?;
        Ok(Round {
            claimed,
            unreadable: Vec::new(),
            has_more: has_more(&rows, request.limit)?,
            has_due: false,
        })
    }

    fn remember(&self, claimed: &[ClaimedRun]) -> Result<(), PostgresError> {
        for run in claimed {
            let id = i64::try_from(run.id.0).unwrap_or(i64::MAX);
            let own = OwnClaim {
                claim: run.claim,
                queue: self
                    .workspace
                    .run_cell(id, "queue")?
                    .int()
                    .unwrap_or_default(),
                lane: self
                    .workspace
                    .run_cell(id, "lane")?
                    .text()
                    .map(str::to_owned),
                day: self.workspace.runs.get(&id).map_or(0, |place| place.day),
                logged: self.workspace.last_entry(id)?,
                waits: self.workspace.has_waiters(id)?,
                unanswered: None,
            };
            self.own.insert(run.id.0, own);
        }
        Ok(())
    }
}
