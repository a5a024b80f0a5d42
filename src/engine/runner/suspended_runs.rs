//! Which runs may not continue, and what attempts say of their receivers: opens and closes breakers. Every change is made
//! in the store first.

use tracing::{error, info, warn};

use crate::engine::state::EngineState;
use crate::engine::suspensions::{Blocked, receiver, signal};
use crate::store::suspension::SuspensionChange;
use crate::store::{ClaimedRun, OutageNotice, Store, StoreError};
use flowtrigger_core::config::breaker::Breaker;
use flowtrigger_core::config::rate_limit::RateLimit;
use flowtrigger_core::flow::call::Call;
use flowtrigger_core::run::{Attempt, LogEntry, RunId};
use flowtrigger_core::suspension::{FailureStreak, ReceiverSignal, Suspension, SuspensionTarget};

/// How often a change is tried again that another daemon was faster with.
const MAX_CHANGES: usize = 10;
/// How many runs a second continue after a pause of a rule or of everything.
const RESUMED_RUNS: u32 = 100;

/// The breaker of a target. A rule or everything has none; the rate says how its runs continue after a pause.
pub(in crate::engine) fn breaker<S, P>(
    shared: &EngineState<S, P>,
    target: &SuspensionTarget,
) -> Option<Breaker> {
    let active = shared.active.load();
    let config = &active.rulebook.config;
    match target {
        SuspensionTarget::Connection(name) => config.breaker(Some(name)),
        SuspensionTarget::Host(_) => config.breaker(None),
        SuspensionTarget::Rule(_) | SuspensionTarget::Everything => Some(Breaker {
            resume: RateLimit {
                limit: RESUMED_RUNS,
                within: std::time::Duration::from_secs(1),
            },
            ..Breaker::default()
        }),
    }
}

/// Reads what is suspended from the store.
pub(in crate::engine) async fn refresh<S: Store, P>(
    shared: &EngineState<S, P>,
) -> Result<(), StoreError> {
    let stored = shared.store.suspensions().await?;
    shared.suspensions.replace(stored);
    Ok(())
}

/// Why a run may not continue with a call, or with anything; `None` if it may.
pub(in crate::engine) async fn blocked<S: Store, P>(
    shared: &EngineState<S, P>,
    run: &ClaimedRun,
    call: Option<&Call>,
) -> Option<Blocked> {
    if shared.suspensions.is_empty() {
        return None;
    }
    let found = blocked_by_view(shared, run, call)?;
    // Another daemon may have chosen this run as the probe, or ended the suspension.
    if shared.store.is_shared() && refresh(shared).await.is_ok() {
        return blocked_by_view(shared, run, call);
    }
    Some(found)
}

fn blocked_by_view<S, P>(
    shared: &EngineState<S, P>,
    run: &ClaimedRun,
    call: Option<&Call>,
) -> Option<Blocked> {
    let suspensions = &shared.suspensions;
    let rule = || SuspensionTarget::Rule(run.rule.name.clone());
    suspensions
        .blocks(SuspensionTarget::Everything, run)
        .or_else(|| suspensions.blocks(rule(), run))
        .or_else(|| suspensions.blocks(call.and_then(receiver)?, run))
}

/// Why a run need not report an outage: its receiver works again before the run has begun. Nobody is woken for that.
pub(in crate::engine) async fn outdated_notice<S: Store, P>(
    shared: &EngineState<S, P>,
    run: &ClaimedRun,
) -> Option<String> {
    let receiver = run.error["receiver"].as_str()?;
    let target: SuspensionTarget = receiver.parse().ok()?;
    let has_begun = run
        .log
        .iter()
        .any(|entry| !matches!(entry, LogEntry::Claimed { .. }));
    if has_begun || !shared.store.is_durable() {
        return None;
    }
    // Another daemon may have noticed the outage a moment ago.
    if shared.store.is_shared() && refresh(shared).await.is_err() {
        return None;
    }
    let stored = shared.suspensions.get(&target);
    let is_down = stored.is_some_and(|stored| stored.suspension.outage.is_some());
    (!is_down).then(|| format!("{target} works again"))
}

/// Why a run may not continue at a receiver that just failed.
pub(in crate::engine) fn blocked_at<S, P>(
    shared: &EngineState<S, P>,
    target: &SuspensionTarget,
    run: &ClaimedRun,
) -> Option<Blocked> {
    shared.suspensions.blocks(target.clone(), run)
}

/// Takes the turn of the next probe for a run that does not wait for its receiver. Returns whether it may send.
pub(in crate::engine) async fn takes_probe<S: Store, P>(
    shared: &EngineState<S, P>,
    target: &SuspensionTarget,
    run: RunId,
) -> bool {
    let now = shared.now();
    let take = |current: &Suspension| current.is_probe_due(now).then(|| current.probing(run, now));
    match change(shared, target, take).await {
        Ok(taken) => taken.is_some(),
        Err(error) => {
            error!(receiver = %target.key(), %error, "failed to store the state of the receiver");
            false
        }
    }
}

/// Notes what an attempt says of its receiver: opens and closes the breaker. Marks a failure during an outage, which does
/// not count as an attempt of the step.
pub(in crate::engine) async fn observe<S: Store, P>(
    shared: &EngineState<S, P>,
    run: RunId,
    call: &Call,
    attempt: &mut Attempt,
) -> Option<SuspensionTarget> {
    // A store in memory ends with its runs: nothing waits in it for hours.
    if !shared.store.is_durable() {
        return None;
    }
    let target = receiver(call)?;
    let signal = signal(attempt)?;
    let breaker = breaker(shared, &target)?;
    let known = shared.suspensions.get(&target);
    let outage = known.and_then(|stored| stored.suspension.outage);
    match (&signal, outage) {
        (ReceiverSignal::Succeeded { .. }, None) => {
            shared.suspensions.streaks().remove(&target);
            None
        }
        (ReceiverSignal::Failed { .. }, None) => {
            let opened = count_failure(shared, run, &target, &signal, &breaker).await;
            mark(attempt, opened);
            Some(target)
        }
        (_, Some(_)) => {
            let failed = matches!(signal, ReceiverSignal::Failed { .. });
            let now = shared.now();
            let after = |current: &Suspension| current.after(&signal, run, now, &breaker);
            match change(shared, &target, after).await {
                Ok(Some(changed)) if changed.outage.is_none() => {
                    shared.suspensions.streaks().remove(&target);
                    info!(receiver = %target.key(), "receiver works again; its runs continue");
                }
                Ok(_) => {}
                Err(error) => {
                    error!(receiver = %target.key(), %error, "failed to store the state of the receiver")
                }
            }
            mark(attempt, failed);
            failed.then_some(target)
        }
    }
}

fn mark(attempt: &mut Attempt, during_outage: bool) {
    if let Err(failure) = &mut attempt.outcome {
        failure.during_outage = during_outage;
    }
}

/// Counts a failure, and opens the breaker when there are enough. Returns whether it is open.
async fn count_failure<S: Store, P>(
    shared: &EngineState<S, P>,
    run: RunId,
    target: &SuspensionTarget,
    signal: &ReceiverSignal,
    breaker: &Breaker,
) -> bool {
    let ReceiverSignal::Failed {
        message,
        retry_after,
    } = signal
    else {
        return false;
    };
    let now = shared.now();
    let streak = shared.suspensions.count_failure(target, message, now);
    if streak.failures < breaker.failures {
        return false;
    }
    let opened = change(shared, target, |current| {
        current
            .outage
            .is_none()
            .then(|| current.opened(&streak, *retry_after, now, breaker))
    });
    match opened.await {
        Ok(Some(_)) => {
            shared.suspensions.streaks().remove(target);
            warn!(
                receiver = %target.key(),
                failures = streak.failures,
                since = %format_args!("{:.0}", streak.since),
                error = message,
                "receiver is down; its runs wait"
            );
            announce(shared, run, target, &streak).await;
            true
        }
        Ok(None) => true,
        Err(error) => {
            error!(receiver = %target.key(), %error, "failed to store that the receiver is down");
            false
        }
    }
}

/// Has the `on_outage` flow of the configuration report the outage.
async fn announce<S: Store, P>(
    shared: &EngineState<S, P>,
    run: RunId,
    target: &SuspensionTarget,
    streak: &FailureStreak,
) {
    let parked = shared.store.parked().await.unwrap_or_default();
    let waiting = parked.iter().find(|runs| runs.target == *target);
    let notice = OutageNotice {
        receiver: target.key(),
        since: streak.since,
        failures: streak.failures,
        message: streak.message.clone(),
        waiting: waiting.map_or(0, |runs| runs.count),
    };
    match shared.store.notify_outage(run, notice).await {
        Ok(()) => shared.wake.notify_one(),
        Err(error) => {
            error!(receiver = %target.key(), %error, "`on_outage` was not started");
        }
    }
}

/// Changes a suspension in the store, and tries again if another daemon was faster. `None` if there was nothing to change.
pub(in crate::engine) async fn change<S: Store, P>(
    shared: &EngineState<S, P>,
    target: &SuspensionTarget,
    next: impl Fn(&Suspension) -> Option<Suspension>,
) -> Result<Option<Suspension>, StoreError> {
    for _ in 0..MAX_CHANGES {
        let known = shared.suspensions.get(target);
        let current = known.as_ref().map(|stored| &stored.suspension);
        let nothing = Suspension::default();
        let Some(suspension) = next(current.unwrap_or(&nothing)) else {
            return Ok(None);
        };
        let change = SuspensionChange {
            target: target.clone(),
            expected: known.as_ref().map(|stored| stored.version),
            suspension: suspension.clone(),
        };
        let changed = shared.store.change_suspension(change).await?;
        refresh(shared).await?;
        if changed.is_some() {
            shared.suspensions.changed.notify_one();
            return Ok(Some(suspension));
        }
    }
    Err(StoreError::Busy)
}
