//! Rules and configuration as they were at one time, kept once however many events they judge.
//! It refuses to keep a text twice.

use rusqlite::{OptionalExtension, params};
use serde_json::Value;

use super::codec::micros;
use super::ledger::Ledger;
use crate::core::fingerprint::fingerprint;
use crate::store::{Edition, EditionId, StoreError};

impl Ledger<'_> {
    pub fn adopt(&mut self, edition: &Edition) -> Result<EditionId, StoreError> {
        self.memory.settings = edition.settings.clone();
        self.memory.shelf.redact(&edition.settings.redact);
        self.overwrite_what_is_let_go()?;
        let config = self.config(&edition.config)?;
        let mut files = Vec::with_capacity(edition.files.len());
        for (name, text) in &edition.files {
            let digest = fingerprint(&[text.as_bytes()]);
            let id = self.text(digest, text)?;
            files.push(serde_json::json!([&**name, id]));
        }
        let files = Value::Array(files).to_string();
        let digest = fingerprint(&[&edition.config.fingerprint, files.as_bytes()]);
        let known: Option<i64> = self
            .connection
            .query_row(
                "SELECT id FROM editions WHERE digest = ?1",
                [digest],
                |row| row.get(0),
            )
            .optional()?;
        let id = match known {
            Some(id) => id,
            None => {
                self.connection.execute(
                    "INSERT INTO editions (digest, config, files, since) VALUES (?1, ?2, ?3, ?4)",
                    params![digest, config, files, micros(self.now())],
                )?;
                self.connection.last_insert_rowid()
            }
        };
        self.memory.in_force(id);
        Ok(EditionId(id as u64))
    }
}
