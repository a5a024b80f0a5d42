//! Keeps the lease of this daemon on a shared store: beats, takes over the runs of daemons whose lease has ended, and stops
//! workers whose claim has ended.

use std::time::Duration;

use tracing::{error, info, warn};

use super::performer::Perform;
use crate::engine::limits::active_runs::ActiveRun;
use crate::engine::state::EngineState;
use crate::store::lease::BEAT;
use crate::store::{Advance, Membership, RecoveryReport, Store, StoreError};

/// How long a beat may take before it counts as failed and the next one starts.
const BEAT_TIMEOUT: Duration = Duration::from_secs(4);

/// Beats, takes over and checks claims until it is dropped. Only for a shared store.
pub(in crate::engine) async fn keep_lease<S: Store, P: Perform>(shared: &EngineState<S, P>) {
    tokio::join!(beat(shared), take_over(shared));
}

async fn beat<S: Store, P: Perform>(shared: &EngineState<S, P>) {
    let clock = shared.clock();
    let mut permitted = true;
    loop {
        let began = clock.elapsed();
        let beat = tokio::select! {
            biased;
            beat = shared.store.beat() => beat,
            () = clock.sleep(BEAT_TIMEOUT) => {
                Err(StoreError::Unreachable(format!("no answer within {} s", BEAT_TIMEOUT.as_secs())))
            }
        };
        match beat {
            Ok(membership) => join(shared, membership, began),
            Err(error) => shared.lease.fail(error.to_string()),
        }
        let now = clock.elapsed();
        if shared.lease.permits(now) != permitted {
            permitted = !permitted;
            match shared.lease.check(now) {
                Ok(()) => info!("lease renewed: runs start again"),
                Err(why) => error!(%why, "lease not renewed: no run starts until it is"),
            }
        }
        clock.sleep(BEAT).await;
    }
}

fn join<S: Store, P: Perform>(shared: &EngineState<S, P>, membership: Membership, began: Duration) {
    let before = shared.lease.renew(membership, began);
    if before == membership {
        return;
    }
    let Membership {
        daemon,
        daemons,
        rank,
    } = membership;
    info!(daemon, daemons, rank, "daemons on this store");
    let per_host = membership.share(shared.options.per_host);
    shared.concurrency.set_per_host(per_host);
}

/// A beat is not delayed by this: it is a loop of its own.
async fn take_over<S: Store, P: Perform>(shared: &EngineState<S, P>) {
    let clock = shared.clock();
    loop {
        clock.sleep(BEAT).await;
        if !shared.lease.permits(clock.elapsed()) {
            continue;
        }
        match shared.store.take_over().await {
            Ok(report) if report == RecoveryReport::default() => {}
            Ok(report) => {
                log_take_over(&report);
                shared.wake.notify_one();
            }
            Err(error) => {
                warn!(%error, "runs of other daemons could not be taken over; trying again")
            }
        }
        check_claims(shared).await;
    }
}

fn log_take_over(report: &RecoveryReport) {
    let runs = report.suspects.len();
    if runs > 0 {
        warn!(
            runs,
            "runs of a daemon whose lease has ended were taken over"
        );
    }
    for run in &report.quarantined {
        error!(
            run = run.0,
            "daemons ended three times while this run was executing; it is held"
        );
    }
}

/// Stops the workers whose claim has ended: the run was cancelled through another daemon, or taken over. Without this a
/// worker would notice with its next log entry, which may be minutes away.
async fn check_claims<S: Store, P: Perform>(shared: &EngineState<S, P>) {
    let active = shared.active_runs.lock().await.claims();
    if active.is_empty() {
        return;
    }
    let checks = active.iter().map(|&ActiveRun { run, claim }| Advance {
        run,
        claim: Some(claim),
        entries: Vec::new(),
        state: None,
    });
    let results = shared.store.advance_all(checks.collect()).await;
    let active_runs = shared.active_runs.lock().await;
    for (active, result) in active.into_iter().zip(results) {
        if let Err(StoreError::ClaimLost(_)) = result {
            active_runs.lose(active);
        }
    }
}
