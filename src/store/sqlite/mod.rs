//! The store on disk: one SQLite file, one thread that writes to it, many commits in one fsync.
//! It refuses to answer before what it answers for is on disk.

#[path = "archive_buffer.rs"]
mod archive;
pub mod codec;
mod commit;
mod database;
#[path = "revisions.rs"]
mod editions;
mod gates;
mod history;
#[path = "codec/event.rs"]
pub mod kept_event;
#[path = "transaction.rs"]
mod ledger;
#[path = "gates/causation.rs"]
mod lineage;
#[path = "queue/run_log.rs"]
mod log;
#[path = "job_outcome.rs"]
mod outcome;
#[path = "event_cache.rs"]
mod recent;
#[path = "queue/records.rs"]
mod records;
#[path = "queue/recovery.rs"]
mod recovery;
mod redaction;
mod retention;
#[path = "integration_settings.rs"]
mod scopes;
#[path = "queue/clock_shift.rs"]
mod shift;
#[path = "queue/transition.rs"]
mod standing;
#[cfg(test)]
mod tests;
#[path = "queue/claim.rs"]
mod turns;
#[path = "codec/load_error.rs"]
mod unread;
#[path = "gates/window.rs"]
mod windows;
mod writer;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use serde_json::Value;

use crate::core::run::{Line, RunId, State};
use crate::store::scopes::Scope;
use crate::store::{
    Arrival, Claim, Claimed, Committed, Edition, EditionId, Placed, Record, Settings, Store,
    StoreError, Unmatched,
};
use archive::Shelf;
use commit::Coming;
use database::Location;
use ledger::Memory;
use writer::{Safety, Writer};

pub use database::{OpenError, VERSION, version};
pub use gates::facts;
pub use history::SqliteHistory;
pub use ledger::config_source;
pub use lineage::{chain, loop_facts};
pub use recovery::Recovered;
pub use windows::window;
pub use writer::Commits;

/// Everything that came and what was done for it, in one file.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    writer: Arc<Writer>,
    shelf: Arc<Shelf>,
    durability: Durability,
}

/// What becomes of the rows when the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Durability {
    Durable,
    Volatile,
}

impl SqliteStore {
    /// Opens the file, creating it where it is not there, and puts what was under way back into its
    /// queue. Whoever opens it holds the data folder's lock.
    pub fn open(path: &Path, settings: Settings) -> Result<(Self, Recovered), OpenError> {
        let shelf = Arc::new(Shelf::default());
        shelf.redact(&settings.redact);
        let location = Location::File(path.to_owned());
        let prepared = prepare(database::open(path)?, location, settings, &shelf);
        let (connection, memory, recovered) =
            prepared.map_err(|error| database::refused(path, error))?;
        let writer = Arc::new(Writer::start(connection, memory));
        let durability = Durability::Durable;
        Ok((
            Self {
                writer,
                shelf,
                durability,
            },
            recovered,
        ))
    }

    /// An empty store in memory: the same rows and statements, nothing on disk. It keeps its limits
    /// whatever is configured later, and no unmatched events.
    pub fn in_memory(settings: Settings) -> Result<Self, OpenError> {
        let shelf = Arc::new(Shelf::default());
        let connection = database::open_in_memory()?;
        let prepared = prepare(connection, Location::Memory, settings, &shelf);
        let (connection, memory, _) = prepared.map_err(database::unusable_memory)?;
        Ok(Self {
            writer: Arc::new(Writer::start(connection, memory)),
            shelf,
            durability: Durability::Volatile,
        })
    }

    /// How often it committed, and how long that took.
    pub fn commits(&self) -> &Commits {
        &self.writer.commits
    }

    /// Unmatched events that were filed, and those that were lost because there was no room.
    pub fn archived(&self) -> (u64, u64) {
        (self.shelf.written.get(), self.shelf.lost.get())
    }

    /// Bytes of the events that are filed and led to no run.
    pub fn archive_size(&self) -> u64 {
        self.shelf.size.get()
    }

    /// Files the unmatched events that wait to be filed, before an orderly end.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let file = |ledger: &mut ledger::Ledger<'_>| ledger.file_shelf();
        self.writer.order(Safety::Disk, file).await
    }

    /// A person's orders on a folder that no daemon has.
    pub fn revive_blocking(&self, run: RunId, now: Timestamp) -> Result<Placed, StoreError> {
        let revive = move |ledger: &mut ledger::Ledger<'_>| ledger.revive(run, now);
        self.writer.order_blocking(Safety::Disk, revive)
    }

    pub fn cancel_blocking(&self, run: RunId) -> Result<Placed, StoreError> {
        let cancel = move |ledger: &mut ledger::Ledger<'_>| {
            let now = ledger.now();
            ledger.cancel(run, now)
        };
        self.writer.order_blocking(Safety::Disk, cancel)
    }

    pub fn commit_blocking(&self, arrival: Arrival) -> Result<Committed, StoreError> {
        let coming = [Coming::of(arrival)];
        let commit = move |ledger: &mut ledger::Ledger<'_>| ledger.commit_all(&coming);
        let mut committed = self.writer.order_blocking(Safety::Disk, commit)?;
        Ok(committed.pop().unwrap_or_default())
    }

    pub fn adopt_blocking(&self, edition: Edition) -> Result<EditionId, StoreError> {
        let adopt = move |ledger: &mut ledger::Ledger<'_>| ledger.adopt(&edition);
        self.writer.order_blocking(Safety::Disk, adopt)
    }
}

/// What was under way goes back into its queue, and what is looked up often is read. Where that fails,
/// the file is closed again.
fn prepare(
    mut connection: Connection,
    location: Location,
    settings: Settings,
    shelf: &Arc<Shelf>,
) -> rusqlite::Result<(Connection, Memory, Recovered)> {
    let recovered = recovery::recover(&mut connection, Timestamp::now())?;
    let memory = Memory::new(&connection, location, settings, Arc::clone(shelf))?;
    Ok((connection, memory, recovered))
}

impl Store for SqliteStore {
    fn is_durable(&self) -> bool {
        self.durability == Durability::Durable
    }

    async fn commit_all(&self, arrivals: Vec<Arrival>) -> Result<Vec<Committed>, StoreError> {
        let coming: Vec<Coming> = arrivals.into_iter().map(Coming::of).collect();
        let commit = move |ledger: &mut ledger::Ledger<'_>| ledger.commit_all(&coming);
        self.writer.order_in_time(Safety::Disk, commit).await
    }

    /// Losing a claim with the machine's power costs nothing: nothing is under way then.
    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>, StoreError> {
        let work = move |ledger: &mut ledger::Ledger<'_>| ledger.claim(claim);
        self.writer.order(Safety::System, work).await
    }

    async fn advance(
        &self,
        run: RunId,
        lines: Vec<Line>,
        state: Option<State>,
    ) -> Result<(), StoreError> {
        let advance = move |ledger: &mut ledger::Ledger<'_>| {
            let now = ledger.now();
            ledger.advance(run, &lines, state.as_ref(), now)
        };
        self.writer.order(Safety::Disk, advance).await
    }

    async fn revive(&self, run: RunId, now: Timestamp) -> Result<Placed, StoreError> {
        let revive = move |ledger: &mut ledger::Ledger<'_>| ledger.revive(run, now);
        self.writer.order(Safety::Disk, revive).await
    }

    async fn cancel(&self, run: RunId) -> Result<Placed, StoreError> {
        let cancel = move |ledger: &mut ledger::Ledger<'_>| {
            let now = ledger.now();
            ledger.cancel(run, now)
        };
        self.writer.order(Safety::Disk, cancel).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let ask = |ledger: &mut ledger::Ledger<'_>| ledger.next_due();
        self.writer.order(Safety::System, ask).await
    }

    async fn run(&self, run: RunId) -> Result<Option<Record>, StoreError> {
        let ask = move |ledger: &mut ledger::Ledger<'_>| ledger.record(run);
        self.writer.order(Safety::System, ask).await
    }

    async fn runs_of(&self, source: &str, event: &str) -> Result<Vec<Record>, StoreError> {
        let (source, event) = (source.to_owned(), event.to_owned());
        let ask = move |ledger: &mut ledger::Ledger<'_>| ledger.runs_of(&source, &event);
        self.writer.order(Safety::System, ask).await
    }

    async fn unfinished(&self, limit: usize) -> Result<Vec<Placed>, StoreError> {
        let ask = move |ledger: &mut ledger::Ledger<'_>| ledger.unfinished(limit);
        self.writer.order(Safety::System, ask).await
    }

    async fn oldest_queued(&self) -> Result<Option<Timestamp>, StoreError> {
        let ask = |ledger: &mut ledger::Ledger<'_>| ledger.oldest_queued();
        self.writer.order(Safety::System, ask).await
    }

    async fn counts(&self) -> Result<BTreeMap<&'static str, u64>, StoreError> {
        let ask = |ledger: &mut ledger::Ledger<'_>| Ok(ledger.counts());
        self.writer.order(Safety::System, ask).await
    }

    async fn shift(&self, by: SignedDuration) -> Result<(), StoreError> {
        let shift = move |ledger: &mut ledger::Ledger<'_>| ledger.shift(by);
        self.writer.order(Safety::Disk, shift).await
    }

    async fn adopt(&self, edition: Edition) -> Result<EditionId, StoreError> {
        let adopt = move |ledger: &mut ledger::Ledger<'_>| ledger.adopt(&edition);
        self.writer.order(Safety::Disk, adopt).await
    }

    async fn config(&self, integration: &str, scope: &str) -> Result<Option<Value>, StoreError> {
        let scope = Scope::new(integration, scope);
        let ask = move |ledger: &mut ledger::Ledger<'_>| ledger.scope(&scope);
        self.writer.order(Safety::System, ask).await
    }

    async fn patch_config(
        &self,
        integration: &str,
        scope: &str,
        patch: Value,
    ) -> Result<Value, StoreError> {
        let scope = Scope::new(integration, scope);
        let change = move |ledger: &mut ledger::Ledger<'_>| ledger.patch_scope(&scope, patch);
        self.writer.order(Safety::Disk, change).await
    }

    fn archive(&self, event: Unmatched, edition: EditionId, received: Timestamp) {
        if self.is_durable() {
            self.shelf.put(&event, edition, received);
        }
    }
}
