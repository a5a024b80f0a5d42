//! What the writer keeps in memory beside the database: counts that no job has to read from the rows, and
//! caches. All of it can be read again from the database.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rusqlite::Connection;

use super::archive_buffer::ArchiveBuffer;
use super::clock::StoreClock;
use super::current_claims::CurrentClaims;
use super::database::Location;
use super::deliveries::DeliveryRows;
use super::delivery_buffer::DeliveryBuffer;
use super::event_cache::EventCache;
use super::exchanges::ExchangeBuffer;
use super::health::StoreHealth;
use super::queue::transition::holds_lane;
use super::retention::TickCounter;
use super::waiters::subjects::{RegisteredSubjects, read_subjects};
use crate::store::awaited::AwaitedTypes;
use crate::store::{StoreError, StoreSettings};
use flowtrigger_core::config::Config;
use flowtrigger_core::fingerprint::Fingerprint;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::run::STATES;

/// Revisions that came into force last.
const MAX_REVISIONS: usize = 16;

#[derive(Debug)]
pub struct WriterState {
    pub location: Location,
    pub clock: StoreClock,
    pub settings: StoreSettings,
    pub archive_buffer: Arc<ArchiveBuffer>,
    pub deliveries: Arc<DeliveryBuffer>,
    pub exchanges: Arc<ExchangeBuffer>,
    pub delivery_rows: DeliveryRows,
    pub health: Arc<StoreHealth>,
    /// The position of the newest run.
    pub last_position: i64,
    /// Since when this store has received events: since its first claim.
    pub receiving_since: Option<Timestamp>,
    /// The queue that a run was claimed from last.
    pub last_served: i64,
    /// Runs by state.
    pub counts: HashMap<&'static str, i64>,
    /// Per queue: runs that are queued, running or retrying.
    pub unfinished: HashMap<i64, i64>,
    /// Per queue: runs that are running.
    pub running: HashMap<i64, i64>,
    /// Per queue: runs that are held.
    pub held: HashMap<i64, i64>,
    pub suspects: i64,
    /// Events that runs wait for and that are not decided.
    pub waiters: i64,
    /// What runs wait for, as everyone sees it.
    pub awaited: Arc<ArcSwap<AwaitedTypes>>,
    /// What the rules in use wait for, once a revision is set.
    pub registered: Option<RegisteredSubjects>,
    /// Of the runs that are running.
    pub claims: CurrentClaims,
    /// Bytes of unmatched events.
    pub archived: i64,
    /// Whether something was committed that is not synced to disk yet.
    pub unsynced: bool,
    /// Revisions that events may still arrive with: the newest last.
    pub revisions: VecDeque<i64>,
    /// What the current transaction writes of the buffers, or loses if it fails.
    pub buffered: BufferedRows,
    pub retention: TickCounter,
    pub queues: HashMap<String, i64>,
    pub versions: HashMap<Fingerprint, i64>,
    /// When `versions` was emptied last, if others may delete rows of it.
    pub versions_since: Option<Timestamp>,
    pub rules: HashMap<i64, Arc<Rule>>,
    pub configs: HashMap<i64, Arc<Config>>,
    pub events: EventCache,
    /// Ids and positions that another database has drawn for new rows; `None` where SQLite draws them.
    pub reserved: Option<ReservedNumbers>,
    /// When events are committed, by the clock that gates count with; `None` for the time of their receipt.
    pub committed_at: Option<Timestamp>,
}

/// Rows that were taken from the buffers.
#[derive(Debug, Clone, Copy, Default)]
pub struct BufferedRows {
    /// Unmatched events.
    pub events: u64,
    pub exchanges: u64,
    pub deliveries: u64,
}

/// Numbers for new rows, in ascending order.
#[derive(Debug, Clone, Default)]
pub struct ReservedNumbers {
    pub events: VecDeque<i64>,
    pub runs: VecDeque<i64>,
    pub positions: VecDeque<i64>,
}

impl WriterState {
    pub fn new(
        connection: &Connection,
        location: Location,
        settings: StoreSettings,
        archive_buffer: Arc<ArchiveBuffer>,
    ) -> rusqlite::Result<Self> {
        let mut state = Self {
            location,
            clock: StoreClock::default(),
            settings,
            archive_buffer,
            deliveries: Arc::default(),
            exchanges: Arc::default(),
            delivery_rows: DeliveryRows::default(),
            health: Arc::default(),
            last_position: 0,
            receiving_since: None,
            last_served: 0,
            counts: HashMap::new(),
            unfinished: HashMap::new(),
            running: HashMap::new(),
            held: HashMap::new(),
            suspects: 0,
            waiters: 0,
            awaited: Arc::default(),
            registered: None,
            claims: CurrentClaims::default(),
            archived: 0,
            unsynced: false,
            revisions: VecDeque::new(),
            buffered: BufferedRows::default(),
            retention: TickCounter::default(),
            queues: HashMap::new(),
            versions: HashMap::new(),
            versions_since: None,
            rules: HashMap::new(),
            configs: HashMap::new(),
            events: EventCache::default(),
            reserved: None,
            committed_at: None,
        };
        state.reload(connection)?;
        Ok(state)
    }

    /// Reads the counts again from the database and empties the caches, after something was rolled back.
    pub fn reload(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
        self.last_position = number("SELECT coalesce(max(position), 0) FROM runs")?;
        self.suspects = number("SELECT count(*) FROM runs WHERE suspect = 1")?;
        self.archived = number("SELECT coalesce(sum(size), 0) FROM events WHERE matched = 0")?;
        self.delivery_rows = DeliveryRows::count(connection)?;
        self.waiters =
            number("SELECT coalesce((SELECT value FROM facts WHERE name = 'waiters'), 0)")?;
        self.awaited.store(Arc::new(read_subjects(connection)?));
        self.counts.clear();
        for state in STATES {
            let sql = format!("SELECT count(*) FROM runs WHERE state = '{state}'");
            self.counts.insert(state, number(&sql)?);
        }
        self.unfinished = by_queue(connection, "('queued', 'running', 'retrying')")?;
        self.running = by_queue(connection, "('running')")?;
        self.held = by_queue(connection, "('held')")?;
        self.forget_rules();
        self.queues.clear();
        self.configs.clear();
        self.events = EventCache::default();
        Ok(())
    }

    /// Counts as lost what the transaction has taken from the buffers since then: it was rolled back to that point.
    pub fn lose_buffered_since(&mut self, before: BufferedRows) {
        let taken = std::mem::replace(&mut self.buffered, before);
        let (archive, exchanges) = (&self.archive_buffer, &self.exchanges);
        archive.lost.add(taken.events - before.events);
        exchanges.lost.add(taken.exchanges - before.exchanges);
        let lost = taken.deliveries - before.deliveries;
        self.deliveries.lost.add(lost);
    }

    /// Counts as written what the transaction has taken from the buffers: it was committed.
    pub fn count_buffered(&mut self) {
        let taken = std::mem::take(&mut self.buffered);
        self.archive_buffer.written.add(taken.events);
        self.exchanges.written.add(taken.exchanges);
        self.deliveries.written.add(taken.deliveries);
    }

    /// New events are evaluated by this revision; those that were received before may still arrive with an
    /// earlier one.
    pub fn activate_revision(&mut self, revision: i64) {
        self.revisions.retain(|known| *known != revision);
        self.revisions.push_back(revision);
        if self.revisions.len() > MAX_REVISIONS {
            self.revisions.pop_front();
        }
    }

    /// The id of the next event; `None` if the database draws it.
    pub fn next_event(&mut self) -> Result<Option<i64>, StoreError> {
        let reserved = self.reserved.as_mut().map(|reserved| &mut reserved.events);
        reserved.map(next_reserved).transpose()
    }

    /// The id of the next run; `None` if the database draws it.
    pub fn next_run(&mut self) -> Result<Option<i64>, StoreError> {
        let reserved = self.reserved.as_mut().map(|reserved| &mut reserved.runs);
        reserved.map(next_reserved).transpose()
    }

    /// The position behind all runs.
    pub fn next_position(&mut self) -> Result<i64, StoreError> {
        if let Some(reserved) = &mut self.reserved {
            return next_reserved(&mut reserved.positions);
        }
        self.last_position += 1;
        Ok(self.last_position)
    }

    /// Rows of rules may have been deleted.
    pub fn forget_rules(&mut self) {
        self.rules.clear();
        self.versions.clear();
    }

    /// Runs that are queued, running or retrying.
    pub fn count_unfinished(&self) -> i64 {
        self.in_states(&["queued", "running", "retrying"])
    }

    /// Runs that hold no lane until their time has come.
    pub fn count_parked(&self) -> i64 {
        self.in_states(&["waiting", "debouncing"])
    }

    fn in_states(&self, states: &[&str]) -> i64 {
        let counts = states.iter().filter_map(|state| self.counts.get(state));
        counts.sum()
    }

    /// A run of the queue changed its state; `from` is `None` for a new one.
    pub fn count_transition(&mut self, queue: i64, from: Option<&'static str>, to: &'static str) {
        if let Some(from) = from {
            *self.counts.entry(from).or_default() -= 1;
            add(&mut self.unfinished, queue, -i64::from(holds_lane(from)));
            add(&mut self.running, queue, -i64::from(from == "running"));
            add(&mut self.held, queue, -i64::from(from == "held"));
        }
        *self.counts.entry(to).or_default() += 1;
        add(&mut self.unfinished, queue, i64::from(holds_lane(to)));
        add(&mut self.running, queue, i64::from(to == "running"));
        add(&mut self.held, queue, i64::from(to == "held"));
    }
}

fn next_reserved(numbers: &mut VecDeque<i64>) -> Result<i64, StoreError> {
    let missing = || StoreError::Broken("too few numbers were reserved for new rows".into());
    numbers.pop_front().ok_or_else(missing)
}

/// Queues without runs are left out.
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

/// A number that other threads read while the writer works.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
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
