//! Answers the admin socket: commands on runs, pauses, status and metrics.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use tracing::{info, warn};

use crate::engine::Perform;
use crate::engine::answer_command::{AnswerCommand, AnswerError};
use crate::engine::commands::{ReplayError, ReplayPart};
use crate::engine::handle::Engine;
use crate::engine::metrics::oldest_queued;
use crate::engine::runner::suspended_runs::refresh;
use crate::engine::suspensions::known::{host_target, known_target};
use crate::engine::suspensions::pause::PauseCommand;
use crate::engine::suspensions::suspended;
use crate::source::admin::{
    AdminApi, AdminError, AnswerRequest, FailedReload, HeldPermits, PauseAnswer, PushedRules,
    ReloadResult, ReplayRequest, ReplayedEvent, RunStatuses, SeenRunsOfEvent, Status,
};
use crate::source::{AcceptedRun, Ingest};
use crate::store::history::{EventRowId, SuspendedTarget};
use crate::store::{
    CommandKind, CommandTarget, GivenCommand, InvalidReplayId, RevisionId, RunStatus, SeenRuns,
    Store, StoreError, UnfinishedRuns,
};
use flowtrigger_core::run::RunId;
use flowtrigger_core::run::commander::Commander;
use flowtrigger_core::suspension::SuspensionTarget;

impl<S: Store, P: Perform> AdminApi for Engine<S, P> {
    async fn retry(&self, run: u64, by: Commander) -> RunStatuses {
        let placed = Engine::retry(self, RunId(run)).await;
        let placed = placed.map(|placed| vec![placed]);
        self.log_command(CommandKind::Retry, RunId(run), by, &placed)
            .await;
        answer(placed)
    }

    async fn cancel(&self, run: u64, by: Commander) -> RunStatuses {
        let placed = Engine::cancel(self, RunId(run)).await;
        let placed = placed.map(|placed| vec![placed]);
        self.log_command(CommandKind::Cancel, RunId(run), by, &placed)
            .await;
        answer(placed)
    }

    async fn answer(&self, run: u64, request: AnswerRequest, by: Commander) -> RunStatuses {
        let command = AnswerCommand {
            run: RunId(run),
            step: request.step,
            answer: request.answer,
            by,
            at: self.shared.now(),
        };
        let answered = self.answer_run(&command).await;
        let result = match &answered {
            Ok(placed) => Ok(vec![placed.id]),
            Err(AnswerError::Refused(why)) => Err(why.clone()),
            Err(AnswerError::Store(error)) => return Err(admin_error(error)),
        };
        self.record_command(GivenCommand {
            at: command.at,
            kind: CommandKind::Answer,
            target: CommandTarget::Run(command.run),
            by: command.by,
            result,
        })
        .await;
        match answered {
            Ok(placed) => Ok(accepted(vec![placed])),
            Err(error) => Err(AdminError::Conflict(error.to_string())),
        }
    }

    async fn replay(&self, run: u64, rule: Option<String>, by: Commander) -> RunStatuses {
        let placed = Engine::replay(self, RunId(run), rule.as_deref()).await;
        self.log_command(CommandKind::Replay, RunId(run), by, &placed)
            .await;
        answer(placed)
    }

    async fn replay_event(
        &self,
        request: ReplayRequest,
        by: Commander,
    ) -> Result<ReplayedEvent, AdminError> {
        let replay = request.replay.parse().map_err(|error: InvalidReplayId| {
            AdminError::NotFound(format!("unknown replay `{}`: {error}", request.replay))
        })?;
        let replayed = Engine::replay_event(
            self,
            ReplayPart {
                event: EventRowId(request.event),
                replay,
                revision: RevisionId(request.revision),
                rules: request.rules,
                seen: request.seen.map(seen),
            },
        );
        match replayed.await {
            Ok(committed) => {
                if !committed.runs.is_empty() {
                    self.record_command(GivenCommand {
                        at: self.shared.now(),
                        kind: CommandKind::Replay,
                        target: CommandTarget::Event(EventRowId(request.event)),
                        by,
                        result: Ok(committed.runs.iter().map(|run| run.id).collect()),
                    })
                    .await;
                }
                Ok(ReplayedEvent {
                    runs: accepted(committed.runs),
                    repeated: accepted(committed.repeated),
                    left_out: accepted(committed.left_out),
                })
            }
            Err(ReplayError::Store(error)) => Err(admin_error(&error)),
            Err(error @ ReplayError::Redacted) => Err(AdminError::Unprocessable(error.to_string())),
            Err(error @ ReplayError::OtherRules) => Err(AdminError::Conflict(error.to_string())),
            Err(error @ ReplayError::Stopping) => Err(AdminError::Unavailable(error.to_string())),
        }
    }

    async fn pause(
        &self,
        target: SuspensionTarget,
        by: Commander,
    ) -> Result<PauseAnswer, AdminError> {
        let known = known_target(&self.rulebook(), target);
        let target = known.map_err(|error| AdminError::NotFound(error.to_string()))?;
        let command = self.pause_command(target, by);
        let outcome = command.pause(&self.shared.store).await;
        let outcome = outcome.map_err(|error| admin_error(&error))?;
        self.suspensions_changed().await;
        self.record_command(command.given(CommandKind::Pause, None))
            .await;
        Ok(PauseAnswer {
            target: command.target.key(),
            outcome: Some(outcome),
        })
    }

    async fn resume(
        &self,
        target: SuspensionTarget,
        by: Commander,
    ) -> Result<PauseAnswer, AdminError> {
        // What is no longer configured can still be paused.
        let target = match target {
            SuspensionTarget::Host(text) => {
                host_target(&text).map_err(|error| AdminError::NotFound(error.to_string()))?
            }
            other => other,
        };
        let command = self.pause_command(target, by);
        let resumed = command.resume(&self.shared.store).await;
        match resumed.map_err(|error| admin_error(&error))? {
            Ok(()) => {}
            Err(not_paused) => return Err(AdminError::Conflict(not_paused.to_string())),
        }
        self.suspensions_changed().await;
        self.record_command(command.given(CommandKind::Resume, None))
            .await;
        Ok(PauseAnswer {
            target: command.target.key(),
            outcome: None,
        })
    }

    async fn reload(&self, by: Commander) -> Result<ReloadResult, AdminError> {
        let result = self.shared.reloads.request(by).await;
        let stopping = || AdminError::Unavailable("the daemon is stopping".to_owned());
        result.ok_or_else(stopping)
    }

    async fn status(&self) -> Result<Status, AdminError> {
        let shared = &self.shared;
        let (oldest, runs, store_error) = match self.queue_status().await {
            Ok((oldest, runs)) => (oldest, runs, None),
            // The daemon works without it, and the reason is part of its state.
            Err(StoreError::Unreachable(why)) => (None, BTreeMap::new(), Some(why)),
            Err(error) => return Err(admin_error(&error)),
        };
        let ready = Ingest::ready(self);
        let active = shared.active.load_full();
        let revision = active.revision(&shared.store).await;
        let failed_reload = shared.failed_reload.load_full();
        let storage = shared.store.storage();
        let suspended = self.suspended().await.unwrap_or_default();
        Ok(Status {
            version: env!("CARGO_PKG_VERSION"),
            pid: std::process::id(),
            since: shared.since,
            uptime_seconds: seconds_since(shared.since, shared.now()),
            ready: ready.is_ok(),
            reason: ready.err(),
            address: shared.options.address.map(|address| address.to_string()),
            store: match shared.store.is_shared() {
                true => "postgres",
                false => "folder",
            },
            rules: active.rulebook.rules.rules.len(),
            mode: active.rulebook.config.mode.as_str(),
            pushed: active.rulebook.pushed().map(|pushed| PushedRules {
                digest: pushed.digest.clone(),
                at: pushed.at,
            }),
            revision: revision.map_err(|error| admin_error(&error))?.0,
            loaded: active.since,
            watches: shared.reloads.watches(),
            failed_reload: failed_reload.map(|failed| FailedReload::clone(&failed)),
            certificates: self.certificates(),
            store_error,
            runs,
            places: shared.options.concurrency,
            permits: self.held_permits(),
            oldest_queued_seconds: oldest.map(|age| age.as_secs()),
            suspended: suspended.iter().map(SuspendedTarget::json).collect(),
            disk_bytes: storage.bytes,
            disk_free_bytes: storage.free,
            lost_events: storage.lost_events,
            lost_exchanges: storage.lost_exchanges,
        })
    }

    async fn flush(&self) -> Result<(), AdminError> {
        let flushed = self.shared.store.flush().await;
        flushed.map_err(|error| admin_error(&error))
    }

    async fn metrics(&self) -> Result<String, String> {
        Ingest::metrics(self).await
    }
}

fn seconds_since(start: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(now.duration_since(start).as_secs()).unwrap_or_default()
}

fn seen(seen: SeenRunsOfEvent) -> SeenRuns {
    SeenRuns {
        newest: seen.newest.map(RunId),
        unfinished: match seen.beside_unfinished {
            true => UnfinishedRuns::PlanBeside,
            false => UnfinishedRuns::Continue,
        },
    }
}

impl<S: Store, P: Perform> Engine<S, P> {
    /// The age of the oldest queued run, and the runs by state.
    async fn queue_status(
        &self,
    ) -> Result<(Option<Duration>, BTreeMap<&'static str, u64>), StoreError> {
        let shared = &self.shared;
        let oldest = oldest_queued(&shared.store, shared.now()).await?;
        Ok((oldest, shared.store.counts().await?))
    }

    /// What is paused or down, with the runs that wait.
    pub async fn suspended(&self) -> Result<Vec<SuspendedTarget>, StoreError> {
        suspended(&self.shared.store).await
    }

    fn pause_command(&self, target: SuspensionTarget, by: Commander) -> PauseCommand {
        let at = self.shared.now();
        PauseCommand { target, by, at }
    }

    /// Acts on what a command has changed in the store.
    async fn suspensions_changed(&self) {
        if let Err(error) = refresh(&self.shared).await {
            warn!(%error, "suspensions could not be read; trying again");
        }
        self.shared.suspensions.changed.notify_one();
        self.shared.wake.notify_one();
    }

    fn held_permits(&self) -> Vec<HeldPermits> {
        let now = self.shared.clock().elapsed();
        let held = self.shared.concurrency.holders().by_rule();
        let held = held.into_iter().map(|held| HeldPermits {
            oldest_seconds: now.saturating_sub(held.since).as_secs(),
            rule: held.rule,
            permits: held.permits,
        });
        held.collect()
    }

    /// Logs a command to a run. What the store could not answer had no effect.
    async fn log_command(
        &self,
        kind: CommandKind,
        run: RunId,
        by: Commander,
        placed: &Result<Vec<RunStatus>, StoreError>,
    ) {
        let result = match placed {
            Ok(runs) => Ok(runs.iter().map(|run| run.id).collect()),
            Err(
                error @ (StoreError::WrongState { .. }
                | StoreError::OnlyTells(_)
                | StoreError::Redacted(_)),
            ) => Err(error.to_string()),
            Err(
                StoreError::UnknownRun(_)
                | StoreError::UnknownEvent
                | StoreError::Full { .. }
                | StoreError::TooManyWaiters { .. }
                | StoreError::Busy
                | StoreError::ClaimLost(_)
                | StoreError::Settings(_)
                | StoreError::Unreachable(_)
                | StoreError::Broken(_)
                | StoreError::Damaged(_),
            ) => return,
        };
        self.record_command(GivenCommand {
            at: self.shared.now(),
            kind,
            target: CommandTarget::Run(run),
            by,
            result,
        })
        .await;
    }

    async fn record_command(&self, command: GivenCommand) {
        let (kind, by) = (command.kind.as_str(), command.by.to_string());
        match &command.target {
            CommandTarget::Run(run) => info!(command = kind, run = run.0, by, "command given"),
            CommandTarget::Event(event) => {
                info!(command = kind, event_row = event.0, by, "command given");
            }
            CommandTarget::Suspension(target) => {
                let note = &command.by.note;
                info!(
                    command = kind,
                    target = target.key(),
                    by,
                    note,
                    "command given"
                );
            }
        }
        if let Err(error) = self.shared.store.record_command(command).await {
            warn!(%error, "a command was executed, but could not be logged in the store");
        }
    }
}

fn answer(placed: Result<Vec<RunStatus>, StoreError>) -> RunStatuses {
    placed.map(accepted).map_err(|error| admin_error(&error))
}

fn accepted(runs: Vec<RunStatus>) -> Vec<AcceptedRun> {
    let runs = runs.into_iter().map(|run| AcceptedRun {
        id: run.id.0,
        rule: run.rule.to_string(),
        state: run.state.as_str(),
    });
    runs.collect()
}

fn admin_error(error: &StoreError) -> AdminError {
    let why = error.to_string();
    match error {
        StoreError::UnknownRun(_) | StoreError::UnknownEvent => AdminError::NotFound(why),
        StoreError::WrongState { .. }
        | StoreError::ClaimLost(_)
        | StoreError::OnlyTells(_)
        | StoreError::Redacted(_) => AdminError::Conflict(why),
        StoreError::Full { .. }
        | StoreError::TooManyWaiters { .. }
        | StoreError::Busy
        | StoreError::Settings(_)
        | StoreError::Unreachable(_)
        | StoreError::Broken(_)
        | StoreError::Damaged(_) => AdminError::Unavailable(why),
    }
}
