//! Looks up what a batch concerns and its jobs do not know: lanes, windows, queues and summaries of notices. It is read before
//! the keys are locked, and checked again after that.

use std::collections::{BTreeSet, HashSet};

use super::error::PostgresError;
use super::load::value_params;
use super::scope::{BatchScope, QueueValue, RunAccess, RunExtent, RunScope};
use super::session::{Param, Pipeline, PostgresSession};
use super::workspace::Workspace;
use crate::store::awaited::AwaitedValue;
use crate::store::notice::NoticeCause;

/// Looks up the lanes and windows of runs that are not known yet, the lanes of runs that wait in windows, and the summaries
/// of notices.
pub async fn discover(
    session: &PostgresSession,
    scope: &mut BatchScope,
) -> Result<(), PostgresError> {
    discover_waiters(session, scope).await?;
    if !scope.unknown.is_empty() {
        let ids = || vec![Param::ints(scope.unknown.iter().copied())];
        let mut find = Pipeline::default();
        find.query(
            "SELECT queue, lane FROM runs WHERE id = ANY($1) AND lane IS NOT NULL",
            ids(),
        );
        find.query(
            "SELECT queue, value FROM windows WHERE run = ANY($1) AND open = 1",
            ids(),
        );
        let answers = session.run(&find).await?;
        for row in &answers[0] {
            scope.lanes.push(queue_value(row)?);
        }
        for row in &answers[1] {
            scope.windows.push(queue_value(row)?);
        }
    }
    if !scope.windows.is_empty() {
        let rows = session
            .query(
                "SELECT r.queue, r.lane FROM unnest($1::bigint[], $2::text[]) AS wanted(queue, value)
                 JOIN windows AS w ON w.queue = wanted.queue AND w.value = wanted.value AND w.open = 1
                 JOIN live_runs AS r ON r.id = w.run WHERE r.lane IS NOT NULL",
                vec![
                    Param::ints(scope.windows.iter().map(|window| window.queue)),
                    Param::texts(scope.windows.iter().map(|window| &window.value)),
                ],
            )
            .await?;
        for row in &rows {
            scope.lanes.push(queue_value(row)?);
        }
    }
    discover_notices(session, scope).await
}

/// Looks up the runs that an arriving event may continue.
async fn discover_waiters(
    session: &PostgresSession,
    scope: &mut BatchScope,
) -> Result<(), PostgresError> {
    let arriving: BTreeSet<&AwaitedValue> = scope.arriving.iter().collect();
    if arriving.is_empty() {
        return Ok(());
    }
    let sql = "SELECT w.run, min(coalesce(w.closed, 0)) FROM unnest($1::bigint[], $2::text[]) AS wanted(subject, value)
        JOIN waiters AS w ON w.subject = wanted.subject AND w.value = wanted.value GROUP BY w.run";
    let rows = session.query(sql, value_params(&arriving)).await?;
    for row in rows {
        let run = row.try_get(0)?;
        // A run that may be retried only collects what comes for it.
        if row.try_get::<_, i64>(1)? > 0 {
            scope.closed.push(run);
            continue;
        }
        scope.unknown.push(run);
        scope.runs.push(RunScope {
            run,
            access: RunAccess::Change,
            detail: RunExtent::Position,
            day: None,
        });
    }
    Ok(())
}

/// # Errors
/// [`PostgresError::Outdated`] if a run that an arriving event may continue is not locked.
pub fn check_waiters(workspace: &Workspace, scope: &BatchScope) -> Result<(), PostgresError> {
    if scope.arriving.is_empty() {
        return Ok(());
    }
    let changed = |run: &&RunScope| run.access == RunAccess::Change;
    let locked: HashSet<i64> = scope
        .runs
        .iter()
        .filter(changed)
        .map(|run| run.run)
        .collect();
    match workspace
        .open_waiters()?
        .iter()
        .all(|run| locked.contains(run))
    {
        true => Ok(()),
        false => Err(PostgresError::Outdated),
    }
}

async fn discover_notices(
    session: &PostgresSession,
    scope: &mut BatchScope,
) -> Result<(), PostgresError> {
    if !scope.dying.is_empty() {
        let ids = Param::ints(scope.dying.iter().map(|(run, _)| *run));
        let sql = "SELECT id, queue FROM runs WHERE id = ANY($1)";
        for row in session.query(sql, vec![ids]).await? {
            let (run, queue): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            let of_run = scope.dying.iter().filter(|(dying, _)| *dying == run);
            let causes = of_run.map(|(_, why)| NoticeCause::of_death(queue, why));
            scope.notices.extend(causes);
        }
    }
    if scope.notices.is_empty() {
        return Ok(());
    }
    let sql = "SELECT DISTINCT n.summary FROM unnest($1::bigint[], $2::text[]) AS wanted(queue, cause)
        JOIN notices AS n ON n.queue = wanted.queue AND n.cause = wanted.cause WHERE n.summary IS NOT NULL";
    let causes = vec![
        Param::ints(scope.notices.iter().map(|cause| cause.queue)),
        Param::texts(scope.notices.iter().map(|cause| &cause.hash)),
    ];
    for row in session.query(sql, causes).await? {
        scope.runs.push(RunScope {
            run: row.try_get(0)?,
            access: RunAccess::Change,
            detail: RunExtent::Position,
            day: None,
        });
    }
    Ok(())
}

/// # Errors
/// [`PostgresError::Outdated`] if the summary of a notice is not locked.
pub fn check_summaries(workspace: &Workspace, scope: &BatchScope) -> Result<(), PostgresError> {
    if scope.notices.is_empty() {
        return Ok(());
    }
    let is_locked =
        |run: &RunScope, summary: i64| run.run == summary && run.access == RunAccess::Change;
    for summary in workspace.summaries()? {
        if !scope.runs.iter().any(|run| is_locked(run, summary)) {
            return Err(PostgresError::Outdated);
        }
    }
    Ok(())
}

fn queue_value(row: &tokio_postgres::Row) -> Result<QueueValue, PostgresError> {
    Ok(QueueValue {
        queue: row.try_get(0)?,
        value: row.try_get(1)?,
    })
}

/// # Errors
/// [`PostgresError::Outdated`] if a loaded run may change a lane that is not locked.
pub fn check_windows(workspace: &Workspace, scope: &BatchScope) -> Result<(), PostgresError> {
    if scope.windows.is_empty() && scope.unknown.is_empty() {
        return Ok(());
    }
    let locked: HashSet<(i64, &str)> = scope
        .lanes
        .iter()
        .map(|lane| (lane.queue, lane.value.as_str()))
        .collect();
    for lane in workspace.lanes_of_windows_and(&scope.unknown)? {
        if !locked.contains(&(lane.queue, lane.value.as_str())) {
            return Err(PostgresError::Outdated);
        }
    }
    Ok(())
}
