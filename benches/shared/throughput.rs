//! Matched events per second with a gate, a lane and one run each, from the commit to the end of the run, by 1, 2 and 4
//! daemons, and what each event costs the server and the daemons.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use flowtrigger::store::{SqliteStore, Store};

use super::life::{Load, Places};
use super::server::{Daemons, Server, Spent, settings};
use super::yardstick;

const WARM_UP: Duration = Duration::from_secs(2);
const DURATION: Duration = Duration::from_secs(6);
const WORKERS: usize = 256;

/// What one event costs.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    pub per_second: f64,
    pub postgres_micros: f64,
    pub daemon_micros: f64,
    /// On the server, and kilobytes of its log.
    pub transactions: f64,
    pub wal: f64,
}

pub fn measure() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let server = Server::start();
        println!("\n## Whole life of an event with a gate, a lane and a run\n");
        let bare = yardstick::measure(&server.postgres.database()).await;
        println!(
            "Yardsticks: {:.0} commits/s of one row, {:.0} rows/s in commits of 256.\n",
            bare.single, bare.batched
        );
        println!(
            "| store | daemons | events/s | of single commits | of batched rows | Postgres µs/event | daemons µs/event | transactions/event | WAL kB/event |"
        );
        println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|");
        let line = |store: &str, daemons: usize, cost: Cost| {
            println!(
                "| {store} | {daemons} | {:.0} | {:.2} | {:.3} | {:.0} | {:.0} | {:.3} | {:.1} |",
                cost.per_second,
                cost.per_second / bare.single,
                cost.per_second / bare.batched,
                cost.postgres_micros,
                cost.daemon_micros,
                cost.transactions,
                cost.wal,
            );
        };
        line("SQLite", 1, sqlite().await);
        for count in [1, 2, 4] {
            line("Postgres", count, postgres(&server, count, FULL).await);
        }
    });
}

/// How many events are sent at the same time, and how many may be unfinished.
#[derive(Debug, Clone, Copy)]
pub struct Pressure {
    pub senders: usize,
    pub open: usize,
}

pub const FULL: Pressure = Pressure {
    senders: 256,
    open: 2_000,
};

async fn sqlite() -> Cost {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let opened = SqliteStore::open(&folder.path().join("s.db"), settings());
    let (store, _) = opened.expect("a store");
    let cost = whole_life(&[store], None, FULL).await.0;
    // The last tasks let go of the store before its folder is deleted.
    tokio::time::sleep(Duration::from_millis(500)).await;
    cost
}

/// Daemons on a database of their own.
pub async fn postgres(server: &Server, count: usize, pressure: Pressure) -> Cost {
    let url = server.postgres.database();
    server.add_past_days(&url).await;
    let daemons = Daemons::start(&url, count).await;
    let counters = || {
        let transactions =
            "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()";
        let wal = "SELECT wal_bytes FROM pg_stat_wal";
        (server.number(&url, transactions), server.number(&url, wal))
    };
    let before = counters();
    let (cost, events) = whole_life(&daemons.stores, Some(server), pressure).await;
    // A connection sends its statistics when it is idle.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let after = counters();
    daemons.stop().await;
    Cost {
        transactions: (after.0 - before.0) / events,
        wal: (after.1 - before.1) / events / 1_024.0,
        ..cost
    }
}

/// The cost of an event, and the events in all.
async fn whole_life<S: Store + Clone>(
    stores: &[S],
    server: Option<&Server>,
    pressure: Pressure,
) -> (Cost, f64) {
    let load = Load::new("life", pressure.open, Duration::ZERO);
    let places = Places {
        senders: pressure.senders.div_ceil(stores.len()),
        workers: WORKERS / stores.len(),
    };
    let mut tasks = load.start(stores, places);
    tokio::time::sleep(WARM_UP).await;
    let done = |load: &Arc<Load>| load.done.load(Ordering::Relaxed) as f64;
    let (before, count) = (Spent::until_now(server), done(&load));
    tokio::time::sleep(DURATION).await;
    let (after, count) = (Spent::until_now(server), done(&load) - count);
    tasks.shutdown().await;
    let (took, postgres, daemons) = after.since(before);
    let each = |spent: Duration| spent.as_secs_f64() * 1e6 / count;
    let cost = Cost {
        per_second: count / took.as_secs_f64(),
        postgres_micros: each(postgres),
        daemon_micros: each(daemons),
        transactions: 0.0,
        wal: 0.0,
    };
    (cost, done(&load))
}
