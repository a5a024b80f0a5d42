//! The calls of one run in flight: starting them within the limits, waiting for the first to finish. A call starts
//! only after the log before it is stored, and never twice.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use jiff::{SignedDuration, Timestamp};
use tracing::debug;

use super::exchanges::AttemptRecorder;
use super::integration_settings::access;
use super::save::confirm_claim;
use super::{LimitedRequest, Worker, WorkerExit, signalled};
use crate::engine::limits::concurrency::{HostAdmission, HostPermit, HostQueue};
use crate::engine::limits::rate_limit::SharedRate;
use crate::engine::runner::performer::Perform;
use crate::engine::runner::suspended_runs::{blocked, observe, takes_probe};
use crate::engine::suspensions::Blocked;
use crate::store::{ClaimedRun, Store, StoreError};
use flowtrigger_core::flow::call::Call;
use flowtrigger_core::flow::decide::StepCall;
use flowtrigger_core::run::{Attempt, CallFailure, EventIdentity, LogEntry, idempotency_key};
use flowtrigger_core::suspension::BlockCause;

/// The calls in flight.
#[derive(Default)]
pub struct InFlight<'a> {
    calls: FuturesUnordered<Pin<Box<dyn Future<Output = CallResultOrLoss> + Send + 'a>>>,
    /// By step location and attempt.
    under_way: HashMap<(String, u32), CallUnderWay>,
}

/// What is known of a call while it is in flight.
struct CallUnderWay {
    /// Whether it is a command that must not run twice.
    held: bool,
    recorder: AttemptRecorder,
}

/// Whether a command is in flight that must not run twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldCommand {
    InFlight,
    None,
}

/// A call that has finished, or was not started because the claim of its run has ended.
type CallResultOrLoss = Result<FinishedCall, StoreError>;

/// A call that has finished.
struct FinishedCall {
    call: Call,
    waits_for_receiver: bool,
    attempt: Attempt,
}

/// A call that may start.
struct ReadyCall {
    task: StepCall,
    host_permit: HostAccess,
    /// When it could have started, by the clock that is never set.
    due: Duration,
    /// Why it fails without being sent: its receiver is down, and its step does not wait for that.
    unsent: Option<String>,
}

/// The permit of a call at its host.
enum HostAccess {
    Permit(Option<HostPermit>),
    /// It waits in the queue of the host.
    Queued(HostQueue),
}

impl InFlight<'_> {
    pub fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    pub fn held_command(&self) -> HeldCommand {
        match self.under_way.values().any(|call| call.held) {
            true => HeldCommand::InFlight,
            false => HeldCommand::None,
        }
    }

    /// The recorders of the calls, by step location and attempt.
    pub fn recorders(&self) -> impl Iterator<Item = (&(String, u32), &AttemptRecorder)> {
        let calls = self.under_way.iter();
        calls.map(|(key, call)| (key, &call.recorder))
    }

    fn has(&self, task: &StepCall) -> bool {
        let key = (task.step.clone(), task.number);
        self.under_way.contains_key(&key)
    }
}

impl<'a, S: Store, P: Perform> Worker<'a, S, P> {
    /// Starts the calls that are not in flight and may start. Returns when to decide again at the latest.
    pub(super) async fn start(
        &mut self,
        tasks: Vec<StepCall>,
        mut wake: Option<Timestamp>,
    ) -> Result<Option<Timestamp>, WorkerExit> {
        let mut ready = Vec::new();
        let mut waits_for = None;
        for task in tasks {
            if self.in_flight.has(&task) {
                continue;
            }
            let blocked = blocked(self.shared, &self.run, Some(&task.call)).await;
            let unsent = match blocked {
                Some(Blocked {
                    target,
                    cause: BlockCause::Outage,
                    why,
                }) if !task.waits_for_receiver => {
                    match takes_probe(self.shared, &target, self.run.id).await {
                        true => None,
                        false => Some(why),
                    }
                }
                Some(blocked) => {
                    waits_for = Some(blocked);
                    continue;
                }
                None => None,
            };
            let alone = self.in_flight.is_empty() && ready.is_empty();
            if let Some(limited) = self.rate_limit_wait(&task.call) {
                if alone {
                    return Err(WorkerExit::RateLimited(limited));
                }
                let turn = SignedDuration::try_from(limited.wait).unwrap_or(SignedDuration::MAX);
                let turn = self.shared.now().checked_add(turn).ok();
                wake = wake.into_iter().chain(turn).min();
                continue;
            }
            let due = self.shared.clock().elapsed();
            let host_permit = match self.shared.concurrency.enter(&task.call) {
                HostAdmission::Open(permit) => HostAccess::Permit(permit),
                HostAdmission::Full if alone => return Err(WorkerExit::NoPermit),
                HostAdmission::Full => break,
                HostAdmission::Taken(queue) if alone => {
                    HostAccess::Permit(Some(self.queue(queue).await?))
                }
                HostAdmission::Taken(queue) => HostAccess::Queued(queue),
            };
            ready.push(ReadyCall {
                task,
                host_permit,
                due,
                unsent,
            });
        }
        // The other calls of the run finish first.
        if let Some(blocked) = waits_for
            && ready.is_empty()
            && self.in_flight.is_empty()
        {
            return Err(WorkerExit::Blocked(blocked));
        }
        self.launch(ready).await?;
        Ok(wake)
    }

    /// Waits for a permit of the host. The run's own permit is released meanwhile.
    async fn queue(&mut self, queue: HostQueue) -> Result<HostPermit, WorkerExit> {
        self.save(None).await?;
        drop(self.permit.take());
        self.shared.wake.notify_one();
        let shared = self.shared;
        let turn = async {
            let host_permit = queue.acquire().await;
            (host_permit, shared.concurrency.reacquire().await)
        };
        tokio::select! {
            biased;
            signal = signalled(&mut self.signals) => Err(WorkerExit::Signalled(signal)),
            (host_permit, permit) = turn => {
                permit.into_iter().for_each(|permit| self.hold(permit));
                host_permit.ok_or(WorkerExit::NoPermit)
            }
        }
    }

    /// Stores the log before the calls that follow from it start.
    async fn launch(&mut self, ready: Vec<ReadyCall>) -> Result<(), WorkerExit> {
        let now = self.shared.now();
        for ReadyCall { task, .. } in ready.iter().filter(|ready| ready.task.announce) {
            self.record(LogEntry::Started {
                step: task.step.clone(),
                number: task.number,
                at: now,
            });
        }
        if ready.is_empty() {
            return Ok(());
        }
        self.save(None).await?;
        for ready in ready {
            let task = &ready.task;
            let key = (task.step.clone(), task.number);
            let held = task.announce || self.is_started(task);
            let recorder = self.attempt_recorder();
            let call = self.call(ready, &recorder);
            let under_way = CallUnderWay { held, recorder };
            self.in_flight.under_way.insert(key, under_way);
            self.in_flight.calls.push(Box::pin(call));
        }
        Ok(())
    }

    fn is_started(&self, task: &StepCall) -> bool {
        let mut lines = self.run.log.iter();
        lines.any(|line| matches!(line, LogEntry::Started { step, number, .. } if *step == task.step && *number == task.number))
    }

    fn call(
        &self,
        ReadyCall {
            mut task,
            host_permit,
            due,
            unsent,
        }: ReadyCall,
        recorder: &AttemptRecorder,
    ) -> impl Future<Output = CallResultOrLoss> + Send + use<'a, S, P> {
        let shared = self.shared;
        let (active_run, term) = (self.active_run(), self.term);
        let (key, recorder) = (key(&self.run, &task.step), recorder.recorder());
        self.add_trace_parent(&mut task);
        async move {
            let _at_host = match host_permit {
                HostAccess::Permit(permit) => permit,
                HostAccess::Queued(queue) => queue.acquire().await,
            };
            confirm_claim(shared, active_run, term).await?;
            let clock = shared.clock();
            let began = clock.elapsed();
            recorder.waited(began.saturating_sub(due));
            let outcome = if let Some(why) = unsent {
                Err(not_sent(&why))
            } else if let Call::Config(call) = &task.call {
                let active = shared.active.load_full();
                access(&shared.store, &active.rulebook.config, call).await
            } else {
                shared.perform.perform(&task.call, &key, &recorder).await
            };
            let outcome = match shared.options.waits_for_receivers {
                true => outcome,
                false => task.outcome_without_waiting(outcome),
            };
            let took = clock.elapsed().saturating_sub(began);
            Ok(FinishedCall {
                attempt: Attempt {
                    step: task.step,
                    number: task.number,
                    // Computed back from now: due times follow the clock as it is now, even if it was
                    // set meanwhile.
                    started: before(shared.now(), took),
                    took,
                    outcome,
                },
                call: task.call,
                waits_for_receiver: task.waits_for_receiver,
            })
        }
    }

    /// Waits until a call finishes, or until `wake`.
    pub(super) async fn await_call(&mut self, wake: Option<Timestamp>) -> Result<(), WorkerExit> {
        let shared = self.shared;
        let sleep = async {
            match wake {
                Some(wake) => {
                    let wait = wake.duration_since(shared.now());
                    shared
                        .clock()
                        .sleep(wait.try_into().unwrap_or_default())
                        .await;
                }
                None => std::future::pending().await,
            }
        };
        let finished = tokio::select! {
            biased;
            signal = signalled(&mut self.signals) => return Err(WorkerExit::Signalled(signal)),
            Some(finished) = self.in_flight.calls.next() => finished,
            () = sleep => return Ok(()),
        };
        let finished = finished.map_err(|_| WorkerExit::ClaimLost)?;
        let FinishedCall {
            call,
            waits_for_receiver,
            mut attempt,
        } = finished;
        let failed_at = observe(self.shared, self.run.id, &call, &mut attempt).await;
        self.failed_at = failed_at.filter(|_| waits_for_receiver);
        let key = (attempt.step.clone(), attempt.number);
        let under_way = self.in_flight.under_way.remove(&key);
        self.shared.metrics.observe_attempt(&call, &attempt);
        self.log_attempt(&attempt);
        if let Some(CallUnderWay { recorder, .. }) = under_way {
            self.keep_exchange(&recorder, &attempt);
        }
        self.record(LogEntry::Attempt(attempt));
        match self.in_flight.is_empty() {
            true => Ok(()),
            // Other calls may take long, and a finished one must not be repeated after a crash.
            false => self.save(None).await,
        }
    }

    /// How long the rate limit of its connection delays a request.
    fn rate_limit_wait(&self, call: &Call) -> Option<LimitedRequest> {
        let Call::Http(call) = call else { return None };
        let name = call.connection.as_deref()?;
        let active = self.shared.active.load();
        let rate = active.rulebook.config.connections.get(name)?.rate_limit?;
        let rate = SharedRate {
            rate,
            daemons: self.shared.lease.membership().daemons,
        };
        let now = self.shared.clock().elapsed();
        let limiter = &self.shared.rate_limiter;
        let wait = limiter.wait(self.run.id, name, rate, now)?;
        let (run, wait_ms) = (self.run.id.0, wait.as_millis() as u64);
        debug!(
            run,
            connection = name,
            wait_ms,
            "request delayed by rate limit"
        );
        Some(LimitedRequest {
            connection: name.to_owned(),
            wait,
        })
    }
}

/// The failure of a request to a receiver that is down, for a step that does not wait for it.
fn not_sent(why: &str) -> CallFailure {
    let receiver = why.strip_prefix("waits for ").unwrap_or(why);
    CallFailure::permanent(format!("not sent: {receiver}")).without_effect()
}

/// The idempotency key of a step. An `on_dead` run has keys of its own.
pub(super) fn key(run: &ClaimedRun, step: &str) -> String {
    let step = match run.error.is_null() {
        true => step.to_owned(),
        false => format!("on_dead/{}/{step}", run.id.0),
    };
    let event = EventIdentity::of(&run.event);
    idempotency_key(event, &run.rule.name, &step, run.generation)
}

pub(super) fn before(now: Timestamp, time: Duration) -> Timestamp {
    let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
    now.checked_sub(time).unwrap_or(Timestamp::MIN)
}
