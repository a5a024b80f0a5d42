//! The table of commands: writes one after its effect, and deletes the oldest.

use rusqlite::params;
use serde_json::json;

use super::codec::micros;
use super::transaction::WriteTransaction;
use crate::store::{CommandTarget, GivenCommand, StoreError};

/// Commands that are kept: the newest.
const MAX_COMMANDS: i64 = 20_000;
/// Bytes of a reason that are kept.
const MAX_REASON: usize = 500;

impl WriteTransaction<'_> {
    pub fn write_command(&self, command: &GivenCommand) -> Result<(), StoreError> {
        let (run, event, target) = match &command.target {
            CommandTarget::Run(run) => (Some(run.0 as i64), None, None),
            CommandTarget::Event(event) => (None, Some(event.0), None),
            CommandTarget::Suspension(target) => (None, None, Some(target.key())),
        };
        let runs = command.result.as_ref().map_or(&[][..], Vec::as_slice);
        let rejected = command.result.as_ref().err();
        let rejected: Option<String> =
            rejected.map(|reason| reason.chars().take(MAX_REASON).collect());
        self.connection
            .prepare_cached(
                "INSERT INTO commands (at, command, run, event, name, origin, runs, rejected, note, target)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                micros(command.at),
                command.kind.as_str(),
                run,
                event,
                command.by.name,
                command.by.origin.as_str(),
                json!(runs).to_string(),
                rejected,
                command.by.note,
                target,
            ])?;
        Ok(())
    }

    /// Deletes the commands before a time, which are as old as the deleted runs, and those beyond the limit.
    pub fn delete_commands_before(&self, until: i64) -> Result<(), StoreError> {
        let sql = "DELETE FROM commands WHERE at < ?1
            OR id <= (SELECT max(id) FROM commands) - ?2";
        self.connection
            .prepare_cached(sql)?
            .execute([until, MAX_COMMANDS])?;
        Ok(())
    }
}
