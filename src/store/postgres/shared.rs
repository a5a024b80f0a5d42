//! What the parts of a Postgres store share: its place among the daemons, its health, the clock, and the wake-ups.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwap;
use jiff::Timestamp;

use super::housekeeping::DatabaseUse;
use super::notify::Notifier;
use crate::store::awaited::AwaitedTypes;
use crate::store::lease::BEAT;
use crate::store::sqlite::Commits;
use crate::store::sqlite::archive_buffer::ArchiveBuffer;
use crate::store::sqlite::delivery_buffer::DeliveryBuffer;
use crate::store::sqlite::exchanges::ExchangeBuffer;
use crate::store::sqlite::health::StoreHealth;
use crate::store::{Membership, StorageUse};

/// The clock of the database, in microseconds.
pub const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

/// Whose clock decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeSource {
    Database,
    /// The times that callers give: for tests that do not wait.
    Caller,
}

/// Which part of a daemon counts runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    Commits = 0,
    Claims = 1,
    Housekeeping = 2,
}

/// The place of this daemon among those of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Member {
    pub daemon: i64,
    pub slot: i64,
    pub daemons: usize,
    pub rank: usize,
}

impl Member {
    /// The rows of one part in `run_counts`.
    pub fn counter(&self, part: Counter) -> i64 {
        self.daemon * 4 + part as i64
    }

    pub fn membership(&self) -> Membership {
        Membership {
            daemon: self.daemon.unsigned_abs(),
            daemons: self.daemons.max(1),
            rank: self.rank,
        }
    }
}

#[derive(Debug)]
pub struct Shared {
    pub time: TimeSource,
    pub health: StoreHealth,
    pub commits: Commits,
    pub notifier: Notifier,
    pub archive: Arc<ArchiveBuffer>,
    pub deliveries: Arc<DeliveryBuffer>,
    pub exchanges: Arc<ExchangeBuffer>,
    /// What runs of all daemons wait for.
    pub awaited: Arc<ArcSwap<AwaitedTypes>>,
    place: Mutex<Member>,
    /// The revision that this daemon evaluates events with; 0 before the first.
    revision: AtomicI64,
    used: Mutex<DatabaseUse>,
    /// What the clock of the database said, and when. It runs on from there, whatever happens to this machine's clock.
    clock: Mutex<Option<(Timestamp, Instant)>>,
    /// The latest time that a caller gave, in microseconds.
    given: AtomicI64,
}

impl Shared {
    pub fn new(time: TimeSource) -> Self {
        Self {
            time,
            health: StoreHealth::default(),
            commits: Commits::default(),
            notifier: Notifier::default(),
            archive: Arc::default(),
            deliveries: Arc::default(),
            exchanges: Arc::default(),
            awaited: Arc::default(),
            place: Mutex::default(),
            revision: AtomicI64::new(0),
            used: Mutex::default(),
            clock: Mutex::default(),
            given: AtomicI64::new(i64::MIN),
        }
    }

    /// Why an event would be rejected now, given the free places of the queue of commits.
    pub fn check(&self, free: usize) -> Result<(), String> {
        match self.health.reason() {
            None => self.commits.progress.check(free),
            Some(why) => Err(format!(
                "Postgres cannot be written to: {why}; it is tried again every {} s",
                BEAT.as_secs()
            )),
        }
    }

    pub fn member(&self) -> Member {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set_member(&self, place: Member) {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }

    /// The revision that this daemon evaluates events with.
    pub fn revision(&self) -> Option<i64> {
        Some(self.revision.load(Ordering::Relaxed)).filter(|row| *row != 0)
    }

    pub fn set_revision(&self, row: i64) {
        self.revision.store(row, Ordering::Relaxed);
    }

    pub fn used(&self) -> DatabaseUse {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn storage(&self) -> StorageUse {
        StorageUse {
            bytes: self.used().bytes,
            free: None,
            lost_events: self.archive.lost.get(),
            lost_exchanges: self.exchanges.lost.get(),
        }
    }

    pub fn set_used(&self, used: DatabaseUse) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = used;
    }

    /// The time that decides: of the database, or the latest one of the callers.
    pub fn time(&self, database: Timestamp) -> Timestamp {
        let given = self.given.load(Ordering::Relaxed);
        match self.time {
            TimeSource::Caller if given > i64::MIN => {
                Timestamp::from_microsecond(given).unwrap_or(database)
            }
            TimeSource::Caller | TimeSource::Database => database,
        }
    }

    pub fn note_given(&self, time: Timestamp) {
        self.given
            .fetch_max(time.as_microsecond(), Ordering::Relaxed);
    }

    /// The clock of the database, in microseconds, was read between a moment and now.
    pub fn note_clock(&self, database: i64, began: Instant) {
        let Ok(database) = Timestamp::from_microsecond(database) else {
            return;
        };
        let at = began + began.elapsed() / 2;
        *self.clock.lock().unwrap_or_else(PoisonError::into_inner) = Some((database, at));
    }

    /// The time of the database now; that of this machine if callers give the time, or before the first answer.
    pub fn now(&self, machine: Timestamp) -> Timestamp {
        let clock = *self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        match (self.time, clock) {
            (TimeSource::Database, Some((database, at))) => {
                database.checked_add(at.elapsed()).unwrap_or(machine)
            }
            (TimeSource::Database, None) | (TimeSource::Caller, _) => machine,
        }
    }
}
