//! The rows inside one transaction: what every order reads and writes, and the figures that are kept
//! beside the file so that no order has to count rows. It commits nothing itself.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::archive::Shelf;
use super::codec::{self, Unreadable};
use super::database;
use super::kept_event;
use super::recent::Recent;
use super::unread::Unread;
use crate::core::config::{self, Config};
use crate::core::event::Event;
use crate::core::fingerprint::Fingerprint;
use crate::core::rule::jobspec::Rule;
use crate::core::rule::version::Version;
use crate::core::rule::version_compile::compile_version;
use crate::core::run::STATES;
use crate::store::{Settings, StoreError};

/// Compiled rules of runs that are under way.
const RULES: usize = 1_024;
const CONFIGS: usize = 16;
/// Editions that came into force last.
const EDITIONS: usize = 16;

/// What the thread keeps in its head. All of it can be made again from the file.
#[derive(Debug)]
pub struct Memory {
    pub settings: Settings,
    pub shelf: Arc<Shelf>,
    /// Where the next run stands in its queue.
    pub turn: i64,
    /// The queue that was served last.
    pub served: i64,
    pub counts: HashMap<&'static str, i64>,
    /// Per queue: runs queued, running or retrying, and those of them at work.
    pub open: HashMap<i64, i64>,
    pub at_work: HashMap<i64, i64>,
    /// Per queue: runs that wait for a person.
    pub held: HashMap<i64, i64>,
    pub suspects: i64,
    /// Bytes of unmatched events.
    pub archived: i64,
    /// Whether something was committed that is not on disk yet.
    pub unsynced: bool,
    /// Editions that events may still come to be judged by: the newest last.
    pub editions: VecDeque<i64>,
    /// Unmatched events that the commit under way files, or loses where it fails.
    pub filed: u64,
    pub retention: super::retention::Clock,
    queues: HashMap<String, i64>,
    versions: HashMap<Fingerprint, i64>,
    rules: HashMap<i64, Arc<Rule>>,
    configs: HashMap<i64, Arc<Config>>,
    recent: Recent,
}

impl Memory {
    pub fn new(
        connection: &Connection,
        settings: Settings,
        shelf: Arc<Shelf>,
    ) -> rusqlite::Result<Self> {
        let mut memory = Self {
            settings,
            shelf,
            turn: 0,
            served: 0,
            counts: HashMap::new(),
            open: HashMap::new(),
            at_work: HashMap::new(),
            held: HashMap::new(),
            suspects: 0,
            archived: 0,
            unsynced: false,
            editions: VecDeque::new(),
            filed: 0,
            retention: super::retention::Clock::default(),
            queues: HashMap::new(),
            versions: HashMap::new(),
            rules: HashMap::new(),
            configs: HashMap::new(),
            recent: Recent::default(),
        };
        memory.reload(connection)?;
        Ok(memory)
    }

    /// Makes the figures again from the file, after something was undone.
    pub fn reload(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
        self.turn = number("SELECT coalesce(max(turn), 0) FROM runs")?;
        self.suspects = number("SELECT count(*) FROM runs WHERE suspect = 1")?;
        self.archived = number("SELECT coalesce(sum(size), 0) FROM events WHERE matched = 0")?;
        self.counts.clear();
        for word in STATES {
            let sql = format!("SELECT count(*) FROM runs WHERE state = '{word}'");
            self.counts.insert(word, number(&sql)?);
        }
        self.open = by_queue(connection, "('queued', 'running', 'retrying')")?;
        self.at_work = by_queue(connection, "('running')")?;
        self.held = by_queue(connection, "('held')")?;
        self.forget_rules();
        self.queues.clear();
        self.configs.clear();
        self.recent = Recent::default();
        Ok(())
    }

    /// Events are judged by it from now on; those under way may still come with an earlier one.
    pub fn in_force(&mut self, edition: i64) {
        self.editions.retain(|known| *known != edition);
        self.editions.push_back(edition);
        if self.editions.len() > EDITIONS {
            self.editions.pop_front();
        }
    }

    pub fn forget_event(&mut self, row: i64) {
        self.recent.forget(row);
    }

    /// Rows of rules may have gone.
    pub fn forget_rules(&mut self) {
        self.rules.clear();
        self.versions.clear();
    }

    pub fn unfinished(&self) -> i64 {
        self.in_states(&["queued", "running", "retrying"])
    }

    /// Runs that hold no lane until their time comes.
    pub fn parked(&self) -> i64 {
        self.in_states(&["waiting", "debouncing"])
    }

    fn in_states(&self, words: &[&str]) -> i64 {
        words.iter().filter_map(|word| self.counts.get(word)).sum()
    }

    /// A run of the queue changed its state.
    pub fn moved(&mut self, queue: i64, from: Option<&'static str>, to: &'static str) {
        let is_open = super::standing::is_in_line;
        if let Some(from) = from {
            *self.counts.entry(from).or_default() -= 1;
            add(&mut self.open, queue, -i64::from(is_open(from)));
            add(&mut self.at_work, queue, -i64::from(from == "running"));
            add(&mut self.held, queue, -i64::from(from == "held"));
        }
        *self.counts.entry(to).or_default() += 1;
        add(&mut self.open, queue, i64::from(is_open(to)));
        add(&mut self.at_work, queue, i64::from(to == "running"));
        add(&mut self.held, queue, i64::from(to == "held"));
    }
}

/// Queues at nothing are left out.
fn add(counts: &mut HashMap<i64, i64>, queue: i64, by: i64) {
    let count = counts.entry(queue).or_default();
    *count += by;
    if *count == 0 {
        counts.remove(&queue);
    }
}

fn by_queue(connection: &Connection, states: &str) -> rusqlite::Result<HashMap<i64, i64>> {
    let sql = format!("SELECT queue, count(*) FROM runs WHERE state IN {states} GROUP BY queue");
    let mut statement = connection.prepare(&sql)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

/// The rows, for the time of one order.
pub struct Ledger<'c> {
    pub connection: &'c Connection,
    pub memory: &'c mut Memory,
}

impl<'c> Ledger<'c> {
    pub fn new(connection: &'c Connection, memory: &'c mut Memory) -> Self {
        Self { connection, memory }
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    pub fn queue(&mut self, rule: &str) -> Result<i64, StoreError> {
        if let Some(queue) = self.memory.queues.get(rule) {
            return Ok(*queue);
        }
        self.connection
            .prepare_cached("INSERT INTO queues (rule) VALUES (?1) ON CONFLICT DO NOTHING")?
            .execute([rule])?;
        let queue = self
            .connection
            .prepare_cached("SELECT id FROM queues WHERE rule = ?1")?
            .query_row([rule], |row| row.get(0))?;
        bounded(&mut self.memory.queues, 100_000);
        self.memory.queues.insert(rule.to_owned(), queue);
        Ok(queue)
    }

    /// The row of a rule's version, written where it is new.
    pub fn version(&mut self, rule: &Arc<Rule>) -> Result<i64, StoreError> {
        let version = &rule.version;
        if let Some(row) = self.memory.versions.get(&version.fingerprint) {
            return Ok(*row);
        }
        let config = self.config(version.config())?;
        self.connection
            .prepare_cached(
                "INSERT INTO rules (digest, name, file, line, document, config, picked, parts)
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
                codec::parts_text(version.parts()),
            ])?;
        let row = self
            .connection
            .prepare_cached("SELECT id FROM rules WHERE digest = ?1")?
            .query_row([version.fingerprint], |row| row.get(0))?;
        bounded(&mut self.memory.versions, 100_000);
        self.memory.versions.insert(version.fingerprint, row);
        bounded(&mut self.memory.rules, RULES);
        self.memory.rules.insert(row, Arc::clone(rule));
        Ok(row)
    }

    /// The rule of a row, compiled again where it is not at hand.
    pub fn rule(&mut self, row: i64) -> Result<Arc<Rule>, Unread> {
        if let Some(rule) = self.memory.rules.get(&row) {
            return Ok(Arc::clone(rule));
        }
        let (kept, config) = self
            .connection
            .query_row(codec::KEPT_RULE, [row], codec::kept_rule)
            .map_err(Unread::of("rule of a run"))?;
        let config = self.compiled_config(config)?;
        let version = Version::kept(kept, Arc::clone(&config.source));
        let rule = compile_version(&version, &config).map_err(|_| Unreadable("rule of a run"))?;
        bounded(&mut self.memory.rules, RULES);
        self.memory.rules.insert(row, Arc::clone(&rule));
        Ok(rule)
    }

    fn compiled_config(&mut self, row: i64) -> Result<Arc<Config>, Unreadable> {
        if let Some(config) = self.memory.configs.get(&row) {
            return Ok(Arc::clone(config));
        }
        let source = config_source(self.connection, row)?;
        let config = Arc::new(source.compile());
        bounded(&mut self.memory.configs, CONFIGS);
        self.memory.configs.insert(row, Arc::clone(&config));
        Ok(config)
    }

    /// An event by its row.
    pub fn event(&mut self, row: i64) -> Result<Arc<Event>, Unread> {
        if let Some(event) = self.memory.recent.get(row) {
            return Ok(event);
        }
        let body: String = self
            .connection
            .prepare_cached("SELECT body FROM events WHERE id = ?1")
            .and_then(|mut statement| statement.query_row([row], |row| row.get(0)))
            .map_err(Unread::of("event"))?;
        let event = Arc::new(kept_event::event(&body)?);
        self.remember(row, &event, body.len());
        Ok(event)
    }

    /// `size` is that of its text.
    pub fn remember(&mut self, row: i64, event: &Arc<Event>, size: usize) {
        self.memory.recent.put(row, event, size);
    }

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

    pub fn config(&mut self, source: &config::Source) -> Result<i64, StoreError> {
        let known: Option<i64> = self
            .connection
            .prepare_cached("SELECT id FROM configs WHERE digest = ?1")?
            .query_row([source.fingerprint], |row| row.get(0))
            .optional()?;
        if let Some(known) = known {
            return Ok(known);
        }
        let digest = crate::core::fingerprint::fingerprint(&[source.text.as_bytes()]);
        let text = self.text(digest, &source.text)?;
        let environment = serde_json::to_string(&source.environment).expect("texts are JSON");
        self.connection.execute(
            "INSERT INTO configs (digest, file, text, environment) VALUES (?1, ?2, ?3, ?4)",
            params![source.fingerprint, &*source.file, text, environment],
        )?;
        Ok(self.connection.last_insert_rowid())
    }

    /// What the clock brings: the archive's shelf emptied, old rows deleted, everything on disk.
    pub fn tick(&mut self) -> Result<(), StoreError> {
        self.file_shelf()?;
        self.tidy()?;
        if self.memory.unsynced {
            // Any change will do: its commit brings those before it to disk.
            self.connection.execute(
                "INSERT INTO facts VALUES ('clock', ?1) ON CONFLICT DO UPDATE SET value = ?1",
                [codec::micros(self.now())],
            )?;
        }
        Ok(())
    }
}

/// A configuration as it was written.
pub fn config_source(connection: &Connection, row: i64) -> Result<config::Source, Unreadable> {
    let found: Result<(String, String, String), _> = connection.query_row(
        "SELECT file, texts.text, environment FROM configs JOIN texts ON texts.id = configs.text WHERE configs.id = ?1",
        [row],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    );
    let (file, text, environment) = found.map_err(|_| Unreadable("configuration of a run"))?;
    let environment =
        serde_json::from_str(&environment).map_err(|_| Unreadable("configuration of a run"))?;
    Ok(config::Source::new(file.into(), text.into(), environment))
}

/// A cache that would grow beyond its bound is begun anew.
fn bounded<K, V>(cache: &mut HashMap<K, V>, most: usize) {
    if cache.len() >= most {
        cache.clear();
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match database::is_damage(&error) {
            true => StoreError::Damaged(error.to_string()),
            false => StoreError::Broken(error.to_string()),
        }
    }
}

/// Figures that others read while the thread works.
#[derive(Debug, Default)]
pub struct Figure(AtomicU64);

impl Figure {
    pub fn add(&self, by: u64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }

    pub fn set(&self, to: u64) {
        self.0.store(to, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
