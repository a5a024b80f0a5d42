//! Pauses and resumes: over the socket of the daemon, or in the store if none runs on the data folder.

use jiff::Timestamp;

use crate::cli::options::GlobalOptions;
use crate::cli::replay::current_rules::load_rules;
use crate::cli::runs::admin_client::{AdminClient, system_user};
use crate::cli::runs::offline::OfflineStore;
use crate::engine::{PauseCommand, known_target};
use crate::report::error::CommandError;
use crate::source::admin::{PauseAnswer, PauseRequest};
use crate::store::{CommandKind, Store, StoreError, StoreLocation};
use flowtrigger_core::suspension::{PauseOutcome, SuspensionTarget};

/// What was done, and by whom.
pub struct ExecutedPause {
    pub target: SuspensionTarget,
    pub outcome: PauseOutcome,
    pub by: PauseExecutor,
}

/// Who executed a command, and so who observes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseExecutor {
    /// The daemon of the data folder.
    Daemon,
    /// This program, in a data folder that no daemon uses: the next start observes it.
    Folder,
    /// This program, in a database: its daemons observe it within a second.
    Database,
}

pub fn pause(
    target: &SuspensionTarget,
    note: &str,
    global: &GlobalOptions,
) -> Result<ExecutedPause, CommandError> {
    if let Some(admin) = AdminClient::connect(&global.socket())? {
        let answer = admin.suspend("pause", &request(target, note))?;
        let answer = answer.map_err(CommandError::nothing)?;
        return executed(&answer);
    }
    let target = &known(target, global)?;
    let (open, by) = open(global)?;
    let command = command(target, note);
    let outcome = open.ask(async |store| {
        let outcome = command.pause(store).await?;
        store
            .record_command(command.given(CommandKind::Pause, None))
            .await?;
        Ok(outcome)
    });
    Ok(ExecutedPause {
        target: command.target.clone(),
        outcome: outcome.map_err(failed)?,
        by,
    })
}

/// The inner error says that it was not paused.
pub fn resume(
    target: &SuspensionTarget,
    note: &str,
    global: &GlobalOptions,
) -> Result<Result<ExecutedPause, String>, CommandError> {
    if let Some(admin) = AdminClient::connect(&global.socket())? {
        return match admin.suspend("resume", &request(target, note))? {
            Ok(answer) => executed(&answer).map(Ok),
            Err(why) => Ok(Err(why)),
        };
    }
    let (open, by) = open(global)?;
    let command = command(target, note);
    let resumed = open.ask(async |store| {
        let resumed = command.resume(store).await?;
        if resumed.is_ok() {
            store
                .record_command(command.given(CommandKind::Resume, None))
                .await?;
        }
        Ok(resumed)
    });
    Ok(match resumed.map_err(failed)? {
        Ok(()) => Ok(ExecutedPause {
            target: command.target.clone(),
            outcome: PauseOutcome::Unchanged,
            by,
        }),
        Err(not_paused) => Err(not_paused.to_string()),
    })
}

fn failed(error: StoreError) -> CommandError {
    CommandError::runtime(error.to_string())
}

fn request(target: &SuspensionTarget, note: &str) -> PauseRequest {
    PauseRequest {
        target: target.key(),
        note: note.to_owned(),
    }
}

fn command(target: &SuspensionTarget, note: &str) -> PauseCommand {
    PauseCommand {
        target: target.clone(),
        by: system_user().with_note(note),
        at: Timestamp::now(),
    }
}

fn executed(answer: &PauseAnswer) -> Result<ExecutedPause, CommandError> {
    let invalid =
        |_| CommandError::runtime("the answer of the daemon is invalid; is it another version?");
    Ok(ExecutedPause {
        target: answer.target.parse().map_err(invalid)?,
        outcome: answer.outcome.unwrap_or(PauseOutcome::Unchanged),
        by: PauseExecutor::Daemon,
    })
}

fn open(global: &GlobalOptions) -> Result<(OfflineStore, PauseExecutor), CommandError> {
    let by = match global.store_location()? {
        StoreLocation::File(_) => PauseExecutor::Folder,
        StoreLocation::Postgres(_) => PauseExecutor::Database,
    };
    Ok((OfflineStore::open(global)?, by))
}

/// Checks the name by the rules that daemons use, or by those of the files. With rules that have errors every name is taken:
/// a person must be able to pause before they are corrected.
fn known(
    target: &SuspensionTarget,
    global: &GlobalOptions,
) -> Result<SuspensionTarget, CommandError> {
    let book = match global.history_if_any()? {
        Some(history) => load_rules(None, &*history, global).map(|rules| rules.book),
        None => global.rulebook(None).map(std::sync::Arc::new),
    };
    match book {
        Ok(book) => known_target(&book, target.clone())
            .map_err(|error| CommandError::nothing(error.to_string())),
        Err(_) => Ok(target.clone()),
    }
}
