//! A Postgres server for the measurement, with daemons on it, and what they cost.

use std::fs;
use std::time::{Duration, Instant};

use flowtrigger::store::postgres::{ConnectionRole, TimeSource};
use flowtrigger::store::{PostgresSettings, PostgresStore, Store, StoreSettings};
use flowtrigger_testing::postgres::{Fsync, Postgres, ServerOptions, own_server};
use jiff::Timestamp;

use super::processes::{cpu_with_children, own_cpu};

/// Days before today that have partitions.
const PAST_DAYS: i64 = 25;
const PARTITIONED: [&str; 5] = [
    "matched_events",
    "unmatched_events",
    "ended_runs",
    "log_entries",
    "exchanges",
];

/// A server that waits for the disk, as in production.
pub struct Server {
    pub postgres: Postgres,
    process: u32,
}

impl Server {
    /// `SHARED_FSYNC=off` measures without the disk.
    ///
    /// # Panics
    /// Panics if Postgres is not installed.
    pub fn start() -> Self {
        let is_off = std::env::var("SHARED_FSYNC").is_ok_and(|value| value == "off");
        let options = ServerOptions {
            fsync: if is_off { Fsync::Off } else { Fsync::On },
            ..ServerOptions::default()
        };
        let postgres = own_server(options).expect("Postgres is installed");
        Self {
            process: process_of(&postgres),
            postgres,
        }
    }

    /// Restarts it with other settings.
    pub fn set(&mut self, settings: &[&str]) {
        for setting in settings {
            let sql = format!("ALTER SYSTEM SET {setting}");
            self.postgres.psql("postgres", &sql);
        }
        self.postgres.stop_immediately();
        self.postgres.start();
        self.process = process_of(&self.postgres);
    }

    /// Creates the tables and the partitions of past days, as a database has them that has been in use for a month.
    pub async fn add_past_days(&self, url: &str) {
        Daemons::start(url, 1).await.stop().await;
        let today = Timestamp::now().as_second() / 86_400;
        let mut sql = String::new();
        for day in today - PAST_DAYS..today {
            for table in PARTITIONED {
                sql.push_str(&format!(
                    "CREATE TABLE {table}_{day} PARTITION OF {table} FOR VALUES FROM ({day}) TO ({});",
                    day + 1
                ));
            }
            sql.push_str(&format!("INSERT INTO days (day) VALUES ({day});"));
        }
        let client = super::yardstick::connect(url).await;
        client.batch_execute(&sql).await.expect("partitions");
    }

    pub fn cpu(&self) -> Duration {
        cpu_with_children(self.process)
    }

    /// A number that a query on a database returns.
    pub fn number(&self, url: &str, sql: &str) -> f64 {
        let text = self.postgres.psql(url, sql);
        text.trim().parse().unwrap_or_default()
    }
}

fn process_of(postgres: &Postgres) -> u32 {
    let file = postgres.socket_folder().join("data/postmaster.pid");
    let text = fs::read_to_string(file).expect("the server runs");
    let first = text.lines().next().unwrap_or_default();
    first.trim().parse().expect("the number of a process")
}

pub fn settings() -> StoreSettings {
    let mut settings = StoreSettings::default();
    settings.limits.backlog = 1_000_000;
    settings.limits.per_rule_backlog = 1_000_000;
    settings
}

/// Daemons on a database, each with connections and threads of its own, which beat until they are dropped.
pub struct Daemons {
    pub stores: Vec<PostgresStore>,
    beats: tokio::task::JoinSet<()>,
}

impl Daemons {
    pub async fn start(url: &str, count: usize) -> Self {
        let (mut stores, mut beats) = (Vec::new(), tokio::task::JoinSet::new());
        for _ in 0..count {
            let store = daemon(url).await;
            let beating = store.clone();
            beats.spawn(async move {
                loop {
                    beating.beat().await.expect("a beat");
                    tokio::time::sleep(Duration::from_secs(2)).await;
                }
            });
            stores.push(store);
        }
        for store in &stores {
            store.beat().await.expect("a beat");
        }
        Self { stores, beats }
    }

    /// Ends the daemons, which leave the database.
    pub async fn stop(mut self) {
        self.beats.shutdown().await;
        let stores = self.stores;
        // Their threads are joined.
        let ended = tokio::task::spawn_blocking(move || drop(stores));
        ended.await.expect("the daemons end");
    }
}

pub async fn daemon(url: &str) -> PostgresStore {
    let settings_of_server = PostgresSettings::for_url(url.to_owned());
    let started = PostgresStore::start(
        &settings_of_server,
        settings(),
        ConnectionRole::Daemon,
        TimeSource::Database,
    );
    started.await.expect("a daemon").0
}

/// What was used up to a moment.
#[derive(Debug, Clone, Copy)]
pub struct Spent {
    pub at: Instant,
    /// By the server.
    pub postgres: Duration,
    /// By this process: daemons, senders and workers.
    pub daemons: Duration,
}

impl Spent {
    pub fn until_now(server: Option<&Server>) -> Self {
        Self {
            at: Instant::now(),
            postgres: server.map_or(Duration::ZERO, Server::cpu),
            daemons: own_cpu(),
        }
    }

    pub fn since(self, earlier: Self) -> (Duration, Duration, Duration) {
        (
            self.at - earlier.at,
            self.postgres - earlier.postgres,
            self.daemons - earlier.daemons,
        )
    }
}
