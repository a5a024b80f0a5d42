//! Ends suspensions: probes receivers that are down, and releases the runs that waited, in order and at a limited rate.
//! Of several daemons, the one whose change of the stored row succeeds acts.

use std::time::Duration;

use jiff::SignedDuration;
use tracing::{info, warn};

use super::performer::Perform;
use super::suspended_runs::{breaker, change, refresh};
use crate::engine::state::EngineState;
use crate::store::suspension::{ParkedQuery, ParkedRuns, Release, StoredSuspension};
use crate::store::{Store, StoreError};
use flowtrigger_core::run::RunId;
use flowtrigger_core::suspension::{DueAction, Probe, Suspension, SuspensionTarget};

/// How often suspensions are looked at.
const TICK: Duration = Duration::from_secs(1);
/// How often runs are looked for that were left behind while nothing is suspended.
const IDLE_TICK: Duration = Duration::from_secs(10);
/// How long a released probe may take to be claimed before it is released again: the daemon that chose it may have ended.
const PROBE_START: SignedDuration = SignedDuration::from_secs(5);

/// Runs until it is dropped.
pub(in crate::engine) async fn keep_suspensions<S: Store, P: Perform>(shared: &EngineState<S, P>) {
    loop {
        if (shared.store.is_shared() || shared.suspensions.is_empty())
            && let Err(error) = refresh(shared).await
        {
            warn!(%error, "suspensions could not be read; trying again");
        }
        for stored in shared.suspensions.all() {
            if let Err(error) = act(shared, &stored).await {
                let target = stored.target.key();
                warn!(target, %error, "suspension could not be looked after; trying again");
            }
        }
        if let Err(error) = release_left_behind(shared).await {
            warn!(%error, "waiting runs could not be looked for; trying again");
        }
        // Without other daemons, nothing is suspended that this one does not know.
        let pause = match shared.store.is_shared() || !shared.suspensions.is_empty() {
            true => TICK,
            false => IDLE_TICK,
        };
        tokio::select! {
            () = shared.clock().sleep(pause) => {}
            () = shared.suspensions.changed.notified() => {}
        }
    }
}

/// Releases runs that wait for something that is not suspended: they were about to wait when it ended.
async fn release_left_behind<S: Store, P: Perform>(
    shared: &EngineState<S, P>,
) -> Result<(), StoreError> {
    for ParkedRuns { target, .. } in shared.store.parked().await? {
        let now = shared.now();
        let recover = |current: &Suspension| current.is_over().then(|| current.recovered(now));
        if shared.suspensions.get(&target).is_none() {
            change(shared, &target, recover).await?;
        }
    }
    Ok(())
}

async fn act<S: Store, P: Perform>(
    shared: &EngineState<S, P>,
    stored: &StoredSuspension,
) -> Result<(), StoreError> {
    let StoredSuspension {
        target, suspension, ..
    } = stored;
    let now = shared.now();
    let Some(breaker) = breaker(shared, target) else {
        return end_outage(shared, target).await;
    };
    match suspension.due(now, &breaker) {
        DueAction::Nothing => Ok(()),
        DueAction::Probe { after } => probe(shared, target, after).await,
        DueAction::Watch(probe) => watch(shared, target, probe).await,
        DueAction::Release(0) => Ok(()),
        DueAction::Release(runs) => release(shared, target, runs).await,
    }
}

/// The breaker was switched off: the receiver counts as working.
async fn end_outage<S: Store, P: Perform>(
    shared: &EngineState<S, P>,
    target: &SuspensionTarget,
) -> Result<(), StoreError> {
    let now = shared.now();
    let end = |current: &Suspension| {
        let is_down = current.pause.is_none() && current.outage.is_some();
        is_down.then(|| {
            Suspension {
                outage: None,
                ..current.clone()
            }
            .resumed(now)
        })
    };
    if change(shared, target, end).await?.is_some() {
        return Ok(());
    }
    release(shared, target, u32::MAX).await
}

async fn probe<S: Store, P: Perform>(
    shared: &EngineState<S, P>,
    target: &SuspensionTarget,
    after: Option<RunId>,
) -> Result<(), StoreError> {
    let query = ParkedQuery {
        target: target.clone(),
        after,
        limit: 1,
    };
    let now = shared.now();
    let Some(run) = shared.store.parked_runs(query).await?.pop() else {
        let forget =
            |current: &Suspension| current.is_forgotten(now).then(|| current.recovered(now));
        if change(shared, target, forget).await?.is_some() {
            info!(receiver = %target.key(), "no run needs the receiver; it no longer counts as down");
        }
        return Ok(());
    };
    let start = |current: &Suspension| {
        let is_due = current.pause.is_none()
            && current
                .outage
                .as_ref()
                .is_some_and(|outage| outage.probe.is_none());
        is_due.then(|| current.probing(run, now))
    };
    if change(shared, target, start).await?.is_some() {
        info!(receiver = %target.key(), run = run.0, "probing the receiver");
        start_probe(shared, target, run).await?;
    }
    Ok(())
}

async fn start_probe<S: Store, P: Perform>(
    shared: &EngineState<S, P>,
    target: &SuspensionTarget,
    run: RunId,
) -> Result<(), StoreError> {
    let release = Release {
        target: target.clone(),
        runs: vec![run],
        now: shared.now(),
    };
    shared.store.release(release).await?;
    shared.wake.notify_one();
    Ok(())
}

/// Uses another run if that of the probe has left the receiver without a result.
async fn watch<S: Store, P: Perform>(
    shared: &EngineState<S, P>,
    target: &SuspensionTarget,
    probe: Probe,
) -> Result<(), StoreError> {
    let now = shared.now();
    let run = RunId(probe.run);
    let state = shared.store.run(run).await?.map(|record| record.state);
    let key = target.key();
    let waits_again = state.as_ref().and_then(|state| state.parked_on()) == Some(key.as_str());
    if waits_again && !probe.is_overdue(now) {
        if now.duration_since(probe.since) < PROBE_START {
            return Ok(());
        }
        return start_probe(shared, target, run).await;
    }
    let is_on_its_way =
        state.is_some_and(|state| state.holds_lane() && state.parked_on().is_none());
    if is_on_its_way && !probe.is_overdue(now) {
        return Ok(());
    }
    let give_up = |current: &Suspension| {
        let same = current.outage.as_ref()?.probe == Some(probe);
        same.then(|| current.without_probe())
    };
    change(shared, target, give_up).await.map(|_| ())
}

/// Whether runs are still queued that were queued before the suspension ended: behind others in their lanes, or because
/// limits let no more start. They may need the target.
async fn is_behind<S: Store, P: Perform>(
    shared: &EngineState<S, P>,
    target: &SuspensionTarget,
) -> Result<bool, StoreError> {
    let stored = shared.suspensions.get(target);
    let Some(recovery) = stored.and_then(|stored| stored.suspension.recovery) else {
        return Ok(false);
    };
    shared.store.has_queued_before(recovery.since).await
}

async fn release<S: Store, P: Perform>(
    shared: &EngineState<S, P>,
    target: &SuspensionTarget,
    limit: u32,
) -> Result<(), StoreError> {
    let query = ParkedQuery {
        target: target.clone(),
        after: None,
        limit: limit.min(10_000),
    };
    let runs = shared.store.parked_runs(query).await?;
    if runs.is_empty() && is_behind(shared, target).await? {
        return Ok(());
    }
    let now = shared.now();
    let next = |current: &Suspension| {
        let recovers = !current.is_blocking() && current.recovery.is_some();
        recovers.then(|| match runs.is_empty() {
            true => current.drained(),
            false => current.released(now),
        })
    };
    if change(shared, target, next).await?.is_none() || runs.is_empty() {
        return Ok(());
    }
    let release = Release {
        target: target.clone(),
        runs,
        now,
    };
    let released = shared.store.release(release).await?;
    info!(target = %target.key(), runs = released, "waiting runs continue");
    shared.wake.notify_one();
    Ok(())
}
