//! Fields of events let go, once no run can need them: with the change that makes it so, or not at all.
//! It refuses to touch an event with a run that is not over, or that a person may still retry.

use rusqlite::params;

use super::kept_event::{self, event_text};
use super::ledger::Ledger;
use super::unread::Unread;
use crate::core::rule::path::redact::{is_redacted, redacted};
use crate::core::run::{RunId, State};
use crate::store::{StoreError, lets_go};

impl Ledger<'_> {
    /// A run came to stand so.
    pub fn after_run(&mut self, run: RunId, state: &State) -> Result<(), StoreError> {
        if self.memory.settings.redact.is_empty() || !lets_go(state) {
            return Ok(());
        }
        let sql = "SELECT event FROM runs WHERE id = ?1";
        let event = self.connection.prepare_cached(sql)?;
        let event: i64 = { event }.query_row([run.0 as i64], |row| row.get(0))?;
        self.let_go(event)?;
        for gathered in self.gathered_by(run.0 as i64)? {
            self.let_go(gathered)?;
        }
        Ok(())
    }

    /// Rewrites the row of an event, where none of its runs needs it.
    pub fn let_go(&mut self, event: i64) -> Result<(), StoreError> {
        if self.memory.settings.redact.is_empty() || self.is_needed(event)? {
            return Ok(());
        }
        let sql = "SELECT body FROM events WHERE id = ?1";
        let body = self.connection.prepare_cached(sql)?;
        let body: String = { body }.query_row([event], |row| row.get(0))?;
        // What cannot be read is nobody's to rewrite; whoever reads it says so.
        let Ok(whole) = kept_event::event(&body) else {
            return Ok(());
        };
        if is_redacted(&whole) {
            return Ok(());
        }
        if let Some(kept) = redacted(&whole, &self.memory.settings.redact) {
            let text = event_text(&kept);
            self.connection
                .prepare_cached("UPDATE events SET body = ?2, size = ?3 WHERE id = ?1")?
                .execute(params![event, text, text.len() as i64])?;
            self.memory.forget_event(event);
        }
        Ok(())
    }

    fn is_needed(&self, event: i64) -> Result<bool, StoreError> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM runs WHERE event = ?1 AND state NOT IN
                     ('done', 'skipped', 'suppressed', 'shadow', 'cancelled'))
                 OR EXISTS (SELECT 1 FROM gathered JOIN windows ON windows.id = gathered.gathering
                     JOIN runs ON runs.id = windows.run
                     WHERE gathered.event = ?1 AND state NOT IN
                         ('done', 'skipped', 'suppressed', 'shadow', 'cancelled'))",
            )?
            .query_row([event], |row| row.get(0))?)
    }

    /// A run whose event is not kept whole cannot go on.
    pub fn check_whole(&mut self, run: RunId) -> Result<(), StoreError> {
        let row: i64 = self.connection.query_row(
            "SELECT event FROM runs WHERE id = ?1",
            [run.0 as i64],
            |row| row.get(0),
        )?;
        let gathered = self.gathered_by(run.0 as i64)?;
        for row in std::iter::once(row).chain(gathered) {
            match self.event(row) {
                Ok(event) if is_redacted(&event) => return Err(StoreError::Redacted(run.0)),
                Ok(_) | Err(Unread::ForGood(_)) => {}
                Err(Unread::Now(error)) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// What is let go is overwritten in the file, and not only forgotten.
    pub fn overwrite_what_is_let_go(&self) -> Result<(), StoreError> {
        let on = !self.memory.settings.redact.is_empty();
        self.connection.pragma_update(None, "secure_delete", on)?;
        Ok(())
    }
}
