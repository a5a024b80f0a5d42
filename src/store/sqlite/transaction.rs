//! Access to the rows for one write job: rules, configurations, events and texts by row, with the caches in
//! front of them. Commits nothing itself.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::codec;
use super::codec::event::decode_event;
use super::codec::load_error::RowLoadError;
use super::damage::is_damage;
use super::database::Location;
use super::writer_state::WriterState;
use crate::store::sql::{self, SqlDatabase};
use crate::store::{RowError, StoreError};
use flowtrigger_core::compile::rule_version::compile_version;
use flowtrigger_core::config;
use flowtrigger_core::config::Config;
use flowtrigger_core::event::Event;
use flowtrigger_core::event::json::size::JsonSize;
use flowtrigger_core::fingerprint::{Fingerprint, fingerprint};
use flowtrigger_core::rule::Rule;
use flowtrigger_core::rule::version::RuleVersion;

/// Compiled rules of runs, if the database is a file.
const MAX_RULES: usize = 1_024;
const MAX_CONFIGS: usize = 16;
/// Row numbers of rules and queues.
const MAX_ROWS: usize = 100_000;

/// The rows, for the time of one job.
pub struct WriteTransaction<'c> {
    pub connection: &'c Connection,
    pub state: &'c mut WriterState,
}

impl<'c> WriteTransaction<'c> {
    pub fn new(connection: &'c Connection, state: &'c mut WriterState) -> Self {
        Self { connection, state }
    }

    pub fn now(&self) -> Timestamp {
        self.state.clock.now()
    }

    /// The row of a rule's queue, inserted if it is new.
    pub fn queue(&mut self, rule: &str) -> Result<i64, StoreError> {
        if let Some(queue) = self.state.queues.get(rule) {
            return Ok(*queue);
        }
        self.connection
            .prepare_cached("INSERT INTO queues (rule) VALUES (?1) ON CONFLICT DO NOTHING")?
            .execute([rule])?;
        let queue = self
            .connection
            .prepare_cached("SELECT id FROM queues WHERE rule = ?1")?
            .query_row([rule], |row| row.get(0))?;
        make_room(&mut self.state.queues, MAX_ROWS);
        self.state.queues.insert(rule.to_owned(), queue);
        Ok(queue)
    }

    /// The row of a rule's version, inserted if it is new.
    pub fn version(&mut self, rule: &Arc<Rule>) -> Result<i64, StoreError> {
        let version = &rule.version;
        if let Some(row) = self.state.versions.get(&version.fingerprint) {
            return Ok(*row);
        }
        let config = self.config(version.config())?;
        self.connection
            .prepare_cached(
                "INSERT INTO rules (digest, name, file, line, document, config, rule_name, included)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                version.fingerprint,
                rule.name,
                &**version.file(),
                version.line,
                version.document(),
                config,
                version.picked(),
                codec::encode_included(version.parts()),
            ])?;
        let row = self
            .connection
            .prepare_cached("SELECT id FROM rules WHERE digest = ?1")?
            .query_row([version.fingerprint], |row| row.get(0))?;
        make_room(&mut self.state.versions, MAX_ROWS);
        self.state.versions.insert(version.fingerprint, row);
        make_room(&mut self.state.rules, max_rules(&self.state.location));
        self.state.rules.insert(row, Arc::clone(rule));
        Ok(row)
    }

    /// The rule of a row, compiled again if it is not cached.
    pub fn rule(&mut self, row: i64) -> Result<Arc<Rule>, RowLoadError> {
        if let Some(rule) = self.state.rules.get(&row) {
            return Ok(Arc::clone(rule));
        }
        let (kept, config) = self
            .connection
            .first(codec::STORED_RULE, sql::params![row], codec::stored_rule)
            .and_then(|found| found.ok_or(rusqlite::Error::QueryReturnedNoRows))
            .map_err(RowLoadError::in_part("rule of a run"))?;
        let config = self.compiled_config(config)?;
        let version = RuleVersion::kept(kept, Arc::clone(&config.source));
        let rule = compile_version(&version, &config).map_err(|_| RowError("rule of a run"))?;
        make_room(&mut self.state.rules, max_rules(&self.state.location));
        self.state.rules.insert(row, Arc::clone(&rule));
        Ok(rule)
    }

    fn compiled_config(&mut self, row: i64) -> Result<Arc<Config>, RowError> {
        if let Some(config) = self.state.configs.get(&row) {
            return Ok(Arc::clone(config));
        }
        let source = config_source(self.connection, row);
        let source = source.map_err(|_| RowError("configuration of a run"))??;
        let config = Arc::new(source.compile());
        make_room(&mut self.state.configs, MAX_CONFIGS);
        self.state.configs.insert(row, Arc::clone(&config));
        Ok(config)
    }

    /// The event of a row.
    pub fn event(&mut self, row: i64) -> Result<Arc<Event>, RowLoadError> {
        if let Some(event) = self.state.events.get(row) {
            return Ok(event);
        }
        let body: String = self
            .connection
            .prepare_cached("SELECT body FROM events WHERE id = ?1")
            .and_then(|mut statement| statement.query_row([row], |row| row.get(0)))
            .map_err(RowLoadError::in_part("event"))?;
        let event = Arc::new(decode_event(&body)?);
        let memory = JsonSize::of(body.as_bytes()).memory();
        self.state.events.put(row, &event, memory);
        Ok(event)
    }

    /// The row of a text, inserted if it is new.
    pub fn text(&mut self, digest: Fingerprint, text: &str) -> Result<i64, StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO texts (digest, text) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            )?
            .execute(params![digest, text])?;
        Ok(self
            .connection
            .prepare_cached("SELECT id FROM texts WHERE digest = ?1")?
            .query_row([digest], |row| row.get(0))?)
    }

    /// The row of a configuration, inserted if it is new.
    pub fn config(&mut self, source: &config::ConfigSource) -> Result<i64, StoreError> {
        let known: Option<i64> = self
            .connection
            .prepare_cached("SELECT id FROM configs WHERE digest = ?1")?
            .query_row([source.fingerprint], |row| row.get(0))
            .optional()?;
        if let Some(known) = known {
            return Ok(known);
        }
        let text = self.text(fingerprint(&[source.text.as_bytes()]), &source.text)?;
        let environment =
            serde_json::to_string(&source.environment).expect("a map of texts is JSON");
        let calendars = serde_json::to_string(&source.calendars).expect("a map of texts is JSON");
        self.connection.execute(
            "INSERT INTO configs (digest, file, text, environment, calendars) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                source.fingerprint,
                &*source.file,
                text,
                environment,
                calendars
            ],
        )?;
        Ok(self.connection.last_insert_rowid())
    }

    /// Periodic work: writes the archive buffer, deletes old rows and syncs what was only buffered.
    pub fn tick(&mut self) -> Result<(), StoreError> {
        self.write_archive_buffer()?;
        self.write_exchanges()?;
        self.write_deliveries()?;
        self.run_maintenance()?;
        match self.state.health.is_failed() {
            true => self.write_clock(),
            false => self.sync_earlier(),
        }
    }

    /// Syncs the commits before this one that were only buffered, if this one is synced.
    pub fn sync_earlier(&mut self) -> Result<(), StoreError> {
        match self.state.unsynced {
            true => self.write_clock(),
            false => Ok(()),
        }
    }

    /// The commit of any change also syncs the commits before it, and shows that the disk takes changes.
    fn write_clock(&mut self) -> Result<(), StoreError> {
        if self.state.location != Location::Memory {
            self.connection
                .prepare_cached(
                    "INSERT INTO facts VALUES ('clock', ?1) ON CONFLICT DO UPDATE SET value = ?1",
                )?
                .execute([codec::micros(self.now())])?;
        }
        Ok(())
    }
}

/// A configuration as it was written.
pub fn config_source<D: SqlDatabase>(
    database: &D,
    row: i64,
) -> Result<Result<config::ConfigSource, RowError>, D::Error> {
    let unreadable = RowError("configuration of a run");
    let sql = "SELECT file, texts.text, environment, calendars
        FROM configs JOIN texts ON texts.id = configs.text WHERE configs.id = ?1";
    let found = database.first(sql, sql::params![row], |row| {
        Ok((
            row.get::<String>(0)?,
            row.get::<String>(1)?,
            row.get::<String>(2)?,
            row.get::<String>(3)?,
        ))
    })?;
    let source = found.and_then(|(file, text, environment, calendars)| {
        Some(config::ConfigSource::with_calendars(
            file.into(),
            text.into(),
            serde_json::from_str(&environment).ok()?,
            serde_json::from_str(&calendars).ok()?,
        ))
    });
    Ok(source.ok_or(unreadable))
}

/// In memory every rule is one of the loaded rule set: caching it costs nothing, and compiling it again does.
fn max_rules(location: &Location) -> usize {
    match location {
        Location::File(_) => MAX_RULES,
        Location::Memory => MAX_ROWS,
    }
}

/// Empties a cache that is full.
fn make_room<K, V>(cache: &mut HashMap<K, V>, capacity: usize) {
    if cache.len() >= capacity {
        cache.clear();
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match is_damage(&error) {
            true => StoreError::Damaged(error.to_string()),
            false => StoreError::Broken(error.to_string()),
        }
    }
}
