//! Executes commands on runs without a daemon: in a data folder that no daemon uses, or in a database beside its daemons.
//! A folder is locked meanwhile. Nothing is deleted, however old it is.

use std::path::Path;

use jiff::Timestamp;
use tokio::runtime::Runtime;

use crate::cli::options::GlobalOptions;
use crate::cli::replay::current_rules::load_rules;
use crate::cli::runs::admin_client::system_user;
use crate::engine::{DataFolder, EngineError, FolderError, Rulebook};
use crate::report::error::CommandError;
use crate::report::replay::current_rules::{CurrentRules, RulesOrigin};
use crate::report::replay::scope::ReplayRules;
use crate::report::run::command::{RunCommand, RunCommandResult, RunStatusRow};
use crate::store::history::RunRow;
use crate::store::{
    self, AnyStore, ArrivalKind, CommandKind, CommandTarget, GivenCommand, History, IncomingEvent,
    ReplayMark, Revision, RevisionId, Store, StoreError, StoreLocation, StoreSettings,
};
use flowtrigger_core::path::redact::is_redacted;
use flowtrigger_core::run::RunId;

/// A store that is used without a daemon.
pub struct OfflineStore {
    store: AnyStore,
    runtime: Runtime,
    /// Locked to the end, so that no daemon starts meanwhile. `None` for a database, which decides between many.
    _folder: Option<DataFolder>,
}

impl OfflineStore {
    pub fn open(global: &GlobalOptions) -> Result<Self, CommandError> {
        let location = global.store_location()?;
        let folder = match location {
            StoreLocation::File(_) => Some(lock(&global.data)?),
            StoreLocation::Postgres(_) => None,
        };
        let failed = |error: String| CommandError::runtime(error);
        let runtime = Runtime::new().map_err(|error| failed(error.to_string()))?;
        let opened = runtime.block_on(AnyStore::open_for_command(
            &location,
            store_settings(global),
        ));
        let store = opened.map_err(|error| failed(error.to_string()))?;
        Ok(Self {
            store,
            runtime,
            _folder: folder,
        })
    }

    /// Waits for an answer of the store.
    pub fn ask<T>(&self, ask: impl AsyncFnOnce(&AnyStore) -> T) -> T {
        self.runtime.block_on(ask(&self.store))
    }

    /// Stores the current rules.
    pub fn set_revision(&self, book: &Rulebook) -> Result<RevisionId, CommandError> {
        let revision = current_revision(book);
        let stored = self.ask(async |store| store.set_revision(revision).await);
        stored.map_err(|error| CommandError::runtime(error.to_string()))
    }
}

/// Locks a data folder that no daemon uses.
pub fn lock(data: &Path) -> Result<DataFolder, CommandError> {
    let mut folder = DataFolder::open(data).map_err(EngineError::from)?;
    folder
        .lock(Timestamp::now())
        .map_err(|error| locked(error, &folder.socket()))?;
    Ok(folder)
}

/// Executes the command on the database, run by run, in the given sequence.
pub fn execute(
    command: RunCommand,
    runs: &[RunRow],
    global: &GlobalOptions,
) -> Result<Vec<RunCommandResult>, CommandError> {
    let open = OfflineStore::open(global)?;
    let replay = match command {
        RunCommand::Replay(which) => {
            let history = global.history()?;
            Some(OfflineReplay {
                which,
                rules: load_rules(None, &*history, global)?,
                history,
            })
        }
        RunCommand::Retry | RunCommand::Cancel => None,
    };
    let mut results = Vec::with_capacity(runs.len());
    for run in runs {
        let done = match (&replay, command) {
            (Some(replay), _) => replay.replay(run, &open)?,
            (None, RunCommand::Cancel) => {
                let cancelled = open.ask(async |store| store.cancel(run.id).await);
                cancelled.map(|placed| vec![placed])
            }
            (None, RunCommand::Retry | RunCommand::Replay(_)) => {
                let now = Timestamp::now();
                let retried = open.ask(async |store| store.retry(run.id, now).await);
                retried.map(|placed| vec![placed])
            }
        };
        let done = split_error(done)?;
        let given = GivenCommand {
            at: Timestamp::now(),
            kind: match command {
                RunCommand::Retry => CommandKind::Retry,
                RunCommand::Replay(_) => CommandKind::Replay,
                RunCommand::Cancel => CommandKind::Cancel,
            },
            target: CommandTarget::Run(run.id),
            by: system_user(),
            result: match &done {
                Ok(runs) => Ok(runs.iter().map(|run| RunId(run.id)).collect()),
                Err(why) => Err(why.clone()),
            },
        };
        let logged = open.ask(async |store| store.record_command(given).await);
        logged.map_err(|error| CommandError::runtime(error.to_string()))?;
        results.push(RunCommandResult::new(run, done));
    }
    Ok(results)
}

/// A daemon that uses the folder, but whose socket is gone, must not be stopped for a command.
fn locked(error: FolderError, socket: &Path) -> CommandError {
    match &error {
        FolderError::Locked { holder, .. } if !socket.exists() => CommandError::runtime(format!(
            "failed to reach the daemon: {holder} uses the data folder, and its socket `{}` does not exist",
            socket.display()
        ))
        .help("restart the daemon, which creates the socket again, and repeat the command"),
        FolderError::Locked { .. }
        | FolderError::Unusable { .. }
        | FolderError::Foreign { .. }
        | FolderError::File { .. } => {
            EngineError::from(error).into()
        }
    }
}

/// The settings with the configured redaction, if the configuration can be read.
fn store_settings(global: &GlobalOptions) -> StoreSettings {
    let config = global.rulebook(None).map(|book| book.config);
    let config = config.unwrap_or_default();
    StoreSettings {
        traces: config.traces.is_some(),
        redact: config.redact,
        ..StoreSettings::keeping_everything()
    }
}

/// Separates rejections, which concern one run, from failures of the store, which end the command.
fn split_error(
    done: Result<Vec<store::RunStatus>, StoreError>,
) -> Result<Result<Vec<RunStatusRow>, String>, CommandError> {
    match done {
        Ok(placed) => Ok(Ok(placed.into_iter().map(RunStatusRow::new).collect())),
        Err(
            error @ (StoreError::UnknownRun(_)
            | StoreError::ClaimLost(_)
            | StoreError::UnknownEvent
            | StoreError::OnlyTells(_)
            | StoreError::Redacted(_)
            | StoreError::WrongState { .. }),
        ) => Ok(Err(error.to_string())),
        Err(
            error @ (StoreError::Full { .. }
            | StoreError::TooManyWaiters { .. }
            | StoreError::Busy
            | StoreError::Settings(_)
            | StoreError::Unreachable(_)
            | StoreError::Broken(_)
            | StoreError::Damaged(_)),
        ) => Err(CommandError::runtime(error.to_string())),
    }
}

/// Plans events again with the current rules.
struct OfflineReplay {
    which: ReplayRules,
    rules: CurrentRules,
    history: Box<dyn History>,
}

impl OfflineReplay {
    fn replay(
        &self,
        run: &RunRow,
        open: &OfflineStore,
    ) -> Result<Result<Vec<store::RunStatus>, StoreError>, CommandError> {
        let Some(story) = self.history.run(run.id)? else {
            return Ok(Err(StoreError::UnknownRun(run.id.0)));
        };
        if run.tells_of.is_some() {
            return Ok(Err(StoreError::OnlyTells(run.id.0)));
        }
        let event = story.arrived.event;
        if is_redacted(&event) {
            return Ok(Err(StoreError::Redacted(run.id.0)));
        }
        let mut planned = self.rules.book.plan(&event);
        planned.retain(|planned| {
            self.which == ReplayRules::EveryRule || planned.rule.name == run.rule
        });
        if planned.is_empty() {
            return Ok(Ok(Vec::new()));
        }
        let current = match self.rules.origin {
            RulesOrigin::Daemon { revision, .. } | RulesOrigin::Store { revision, .. } => {
                Ok(revision)
            }
            RulesOrigin::Files => Err(current_revision(&self.rules.book)),
        };
        Ok(open.ask(async |store| {
            let arrival = IncomingEvent {
                event,
                received: Timestamp::now(),
                revision: match current {
                    Ok(loaded) => loaded,
                    Err(files) => store.set_revision(files).await?,
                },
                planned,
                occasion: ArrivalKind::Replay(ReplayMark::default()),
                delivery: None,
            };
            let committed = store.commit(arrival).await?;
            Ok(committed.runs)
        }))
    }
}

/// The current rules, with settings that delete nothing.
fn current_revision(book: &Rulebook) -> Revision {
    let revision = book.revision();
    let settings = StoreSettings {
        redact: revision.settings.redact,
        traces: revision.settings.traces,
        ..StoreSettings::keeping_everything()
    };
    Revision {
        settings,
        ..revision
    }
}
