//! Removes configured fields from stored events once no run can need them, in the same transaction as the
//! change of state that makes it so. An event with a run that is unfinished, held or dead stays whole.

use rusqlite::params;

use super::codec::event::{decode_event, encode_event};
use super::codec::load_error::RowLoadError;
use super::transaction::WriteTransaction;
use crate::store::StoreError;
use flowtrigger_core::event::{EMPTY_EVENT, Event};
use flowtrigger_core::path::redact::{is_redacted, redacted};
use flowtrigger_core::run::{RunId, RunState};

impl WriteTransaction<'_> {
    /// Redacts the events of a run that has come to this state.
    pub fn redact_after(&mut self, run: RunId, state: &RunState) -> Result<(), StoreError> {
        if self.state.settings.redact.is_empty() || !state.is_redactable() {
            return Ok(());
        }
        let sql = "SELECT event FROM runs WHERE id = ?1";
        let event = self.connection.prepare_cached(sql)?;
        let event: i64 = { event }.query_row([run.0 as i64], |row| row.get(0))?;
        self.redact_event(event)?;
        for event in self.window_events(run.0 as i64)? {
            self.redact_event(event)?;
        }
        self.redact_arrived(run)
    }

    /// Rewrites the events that a run waited for, where its log and its inbox have them.
    fn redact_arrived(&self, run: RunId) -> Result<(), StoreError> {
        for table in ["log_entries", "inbox"] {
            let sql = format!("SELECT detail FROM {table} WHERE run = ?1 AND kind = 'arrived'");
            let details: Vec<String> = {
                let mut statement = self.connection.prepare_cached(&sql)?;
                let details = statement.query_map([run.0 as i64], |row| row.get(0))?;
                details.collect::<Result<_, _>>()?
            };
            for detail in details {
                let Some(redacted) = self.redacted_detail(&detail) else {
                    continue;
                };
                let sql = format!(
                    "UPDATE {table} SET detail = ?3 WHERE run = ?1 AND kind = 'arrived' AND detail = ?2"
                );
                self.connection.prepare_cached(&sql)?.execute(params![
                    run.0 as i64,
                    detail,
                    redacted
                ])?;
            }
        }
        Ok(())
    }

    /// `None` if it has no field to remove.
    fn redacted_detail(&self, detail: &str) -> Option<String> {
        let event = Event {
            body: serde_json::from_str(detail).ok()?,
            ..EMPTY_EVENT.clone()
        };
        let redacted = redacted(&event, &self.state.settings.redact)?;
        Some(redacted.body.to_string())
    }

    /// Rewrites the row of an event if none of its runs needs it.
    pub fn redact_event(&mut self, event: i64) -> Result<(), StoreError> {
        if self.state.settings.redact.is_empty() || self.is_needed(event)? {
            return Ok(());
        }
        let sql = "SELECT body FROM events WHERE id = ?1";
        let body = self.connection.prepare_cached(sql)?;
        let body: String = { body }.query_row([event], |row| row.get(0))?;
        // An event that cannot be read is left as it is; reading it returns the error.
        let Ok(whole) = decode_event(&body) else {
            return Ok(());
        };
        if is_redacted(&whole) {
            return Ok(());
        }
        if let Some(redacted) = redacted(&whole, &self.state.settings.redact) {
            let text = encode_event(&redacted);
            self.connection
                .prepare_cached("UPDATE events SET body = ?2, size = ?3 WHERE id = ?1")?
                .execute(params![event, text, text.len() as i64])?;
            self.state.events.forget(event);
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

    /// # Errors
    /// [`StoreError::Redacted`] if fields of its events have been removed: the run cannot continue.
    pub fn check_not_redacted(&mut self, run: RunId) -> Result<(), StoreError> {
        let own: i64 = self.connection.query_row(
            "SELECT event FROM runs WHERE id = ?1",
            [run.0 as i64],
            |row| row.get(0),
        )?;
        let collected = self.collected_events(run.0 as i64)?;
        for row in std::iter::once(own).chain(collected) {
            match self.event(row) {
                Ok(event) if is_redacted(&event) => return Err(StoreError::Redacted(run.0)),
                Ok(_) | Err(RowLoadError::Corrupt(_)) => {}
                Err(RowLoadError::Unavailable(error)) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// With fields to redact, SQLite overwrites deleted content in the file with zeros.
    pub fn overwrite_redacted(&self) -> Result<(), StoreError> {
        let on = !self.state.settings.redact.is_empty();
        self.connection.pragma_update(None, "secure_delete", on)?;
        Ok(())
    }
}
