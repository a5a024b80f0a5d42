//! Answers the admin socket: commands on runs, status and metrics.

use std::collections::BTreeMap;
use std::time::Duration;

use tracing::{info, warn};

use crate::engine::Perform;
use crate::engine::commands::{ReplayError, ReplayPart};
use crate::engine::handle::Engine;
use crate::engine::metrics::oldest_queued;
use crate::source::admin::{
    AdminApi, AdminError, FailedReload, PushedRules, ReplayRequest, ReplayedEvent, RunStatuses,
    SeenRunsOfEvent, Status,
};
use crate::source::{AcceptedRun, Ingest};
use crate::store::history::EventRowId;
use crate::store::{
    CommandKind, CommandTarget, GivenCommand, InvalidReplayId, RevisionId, RunStatus, SeenRuns,
    Store, StoreError, UnfinishedRuns,
};
use flowtrigger_core::run::RunId;
use flowtrigger_core::run::commander::Commander;

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
        Ok(Status {
            version: env!("CARGO_PKG_VERSION"),
            pid: std::process::id(),
            since: shared.since,
            ready: ready.is_ok(),
            reason: ready.err(),
            address: shared.options.address.map(|address| address.to_string()),
            store: match shared.store.is_shared() {
                true => "postgres",
                false => "folder",
            },
            rules: active.rulebook.rules.rules.len(),
            pushed: active.rulebook.pushed().map(|pushed| PushedRules {
                digest: pushed.digest.clone(),
                at: pushed.at,
            }),
            revision: revision.map_err(|error| admin_error(&error))?.0,
            loaded: active.since,
            failed_reload: failed_reload.map(|failed| FailedReload::clone(&failed)),
            store_error,
            runs,
            places: shared.options.concurrency,
            oldest_queued_seconds: oldest.map(|age| age.as_secs()),
            disk_bytes: storage.bytes,
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
        let (kind, by) = (command.kind.as_str(), &command.by);
        match command.target {
            CommandTarget::Run(run) => info!(command = kind, run = run.0, %by, "command given"),
            CommandTarget::Event(event) => {
                info!(command = kind, event_row = event.0, %by, "command given");
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
        | StoreError::Busy
        | StoreError::Settings(_)
        | StoreError::Unreachable(_)
        | StoreError::Broken(_)
        | StoreError::Damaged(_) => AdminError::Unavailable(why),
    }
}
