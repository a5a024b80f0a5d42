//! Stores rules and configuration as they were written, each text once.

use rusqlite::{OptionalExtension, params};
use serde_json::Value;

use super::codec::micros;
use super::database::Location;
use super::transaction::WriteTransaction;
use crate::store::{Revision, RevisionId, StoreError};
use flowtrigger_core::fingerprint::fingerprint;

impl WriteTransaction<'_> {
    /// A store in memory keeps its own limits and stores no texts: runs have their rules, and there is no
    /// later process to ask which rules evaluated an event.
    pub fn set_revision(&mut self, revision: &Revision) -> Result<RevisionId, StoreError> {
        self.register_subjects(&revision.awaited)?;
        if self.state.location == Location::Memory {
            self.state
                .settings
                .redact
                .clone_from(&revision.settings.redact);
            return Ok(RevisionId::default());
        }
        self.state.settings = revision.settings.clone();
        self.state.archive_buffer.redact(&revision.settings.redact);
        self.overwrite_redacted()?;
        let config = self.config(&revision.config)?;
        let mut files = Vec::with_capacity(revision.files.len());
        for (name, text) in &revision.files {
            let digest = fingerprint(&[text.as_bytes()]);
            let id = self.text(digest, text)?;
            files.push(serde_json::json!([&**name, id]));
        }
        let files = Value::Array(files).to_string();
        let digest = fingerprint(&[&revision.config.fingerprint, files.as_bytes()]);
        let known: Option<i64> = self
            .connection
            .query_row(
                "SELECT id FROM revisions WHERE digest = ?1",
                [digest],
                |row| row.get(0),
            )
            .optional()?;
        let id = match known {
            Some(id) => id,
            None => {
                self.connection.execute(
                    "INSERT INTO revisions (digest, config, files, since) VALUES (?1, ?2, ?3, ?4)",
                    params![digest, config, files, micros(self.now())],
                )?;
                self.connection.last_insert_rowid()
            }
        };
        self.connection.execute(
            "INSERT INTO activations (revision, at) VALUES (?1, ?2)",
            params![id, micros(self.now())],
        )?;
        self.state.activate_revision(id);
        Ok(RevisionId(id as u64))
    }
}
