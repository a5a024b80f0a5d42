//! Executes commands on the runs of a data folder that no daemon uses.
//! The folder is locked meanwhile. Nothing is deleted, however old it is.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use crate::cli::options::GlobalOptions;
use crate::cli::runs::admin_client::system_user;
use crate::engine::{DataFolder, EngineError, FolderError, Rulebook};
use crate::report::error::CommandError;
use crate::report::replay::scope::ReplayRules;
use crate::report::run::command::{RunCommand, RunCommandResult, RunStatusRow};
use crate::store::history::RunRow;
use crate::store::{
    self, ArrivalKind, CommandKind, CommandTarget, GivenCommand, History, IncomingEvent,
    ReplayMark, Revision, RevisionId, SqliteStore, StoreError, StoreSettings,
};
use flowtrigger_core::path::redact::is_redacted;
use flowtrigger_core::run::RunId;

/// The store of a data folder that no daemon uses.
pub struct OfflineStore {
    pub store: SqliteStore,
    /// Locked to the end, so that no daemon starts meanwhile.
    _folder: DataFolder,
}

impl OfflineStore {
    pub fn open(global: &GlobalOptions) -> Result<Self, CommandError> {
        let mut folder = DataFolder::open(&global.data).map_err(EngineError::from)?;
        folder
            .lock(Timestamp::now())
            .map_err(|error| locked(error, &folder.socket()))?;
        let opened = SqliteStore::open(&folder.database(), store_settings(global));
        let (store, _) = opened.map_err(|error| CommandError::runtime(error.to_string()))?;
        Ok(Self {
            store,
            _folder: folder,
        })
    }

    /// Stores the current rules.
    pub fn set_revision(&self, book: &Rulebook) -> Result<RevisionId, CommandError> {
        let revision = self.store.set_revision_blocking(current_revision(book));
        revision.map_err(|error| CommandError::runtime(error.to_string()))
    }
}

/// Executes the command on the database, run by run, in the given sequence.
pub fn execute(
    command: RunCommand,
    runs: &[RunRow],
    global: &GlobalOptions,
) -> Result<Vec<RunCommandResult>, CommandError> {
    let open = OfflineStore::open(global)?;
    let replay = match command {
        RunCommand::Replay(which) => Some(OfflineReplay {
            which,
            book: global.rulebook(None)?,
            history: global.history()?,
        }),
        RunCommand::Retry | RunCommand::Cancel => None,
    };
    let store = &open.store;
    let mut results = Vec::with_capacity(runs.len());
    for run in runs {
        let done = match (&replay, command) {
            (Some(replay), _) => replay.replay(run, store)?,
            (None, RunCommand::Cancel) => store.cancel_blocking(run.id).map(|placed| vec![placed]),
            (None, RunCommand::Retry | RunCommand::Replay(_)) => {
                let retried = store.retry_blocking(run.id, Timestamp::now());
                retried.map(|placed| vec![placed])
            }
        };
        let done = split_error(done)?;
        let logged = store.record_command_blocking(GivenCommand {
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
        });
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
        FolderError::Locked { .. } | FolderError::Unusable { .. } | FolderError::File { .. } => {
            EngineError::from(error).into()
        }
    }
}

/// The settings with the configured redaction, if the configuration can be read.
fn store_settings(global: &GlobalOptions) -> StoreSettings {
    let book = global.rulebook(None);
    StoreSettings {
        redact: book.map_or_else(|_| Vec::new(), |book| book.config.redact.clone()),
        ..settings_without_retention()
    }
}

/// Settings that delete nothing: retention is up to the daemon.
fn settings_without_retention() -> StoreSettings {
    const AGES: Duration = Duration::from_secs(100 * 365 * 86_400);
    const ALL: u64 = 1 << 60;
    let mut settings = StoreSettings::default();
    settings.retention.keep_for = AGES;
    settings.retention.at_most = ALL;
    settings.archive.keep_for = AGES;
    settings.archive.at_most = ALL;
    settings
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
    book: Rulebook,
    history: Box<dyn History>,
}

impl OfflineReplay {
    fn replay(
        &self,
        run: &RunRow,
        store: &SqliteStore,
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
        let mut planned = self.book.plan(&event);
        planned.retain(|planned| {
            self.which == ReplayRules::EveryRule || planned.rule.name == run.rule
        });
        if planned.is_empty() {
            return Ok(Ok(Vec::new()));
        }
        Ok(store
            .set_revision_blocking(current_revision(&self.book))
            .and_then(|revision| {
                let arrival = IncomingEvent {
                    event,
                    received: Timestamp::now(),
                    revision,
                    planned,
                    occasion: ArrivalKind::Replay(ReplayMark::default()),
                    delivery: None,
                };
                store
                    .commit_blocking(arrival)
                    .map(|committed| committed.runs)
            }))
    }
}

/// The current rules, with settings that delete nothing.
fn current_revision(book: &Rulebook) -> Revision {
    let revision = book.revision();
    let settings = StoreSettings {
        redact: revision.settings.redact,
        ..settings_without_retention()
    };
    Revision {
        settings,
        ..revision
    }
}
