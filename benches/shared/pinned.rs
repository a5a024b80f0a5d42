//! A transaction elsewhere that keeps all old rows (`BEGIN` and nothing more), while events arrive at a fixed rate: the
//! share that is done, the latency, and the dead rows.
//! `PINNED_SECONDS=3600` measures for longer, `PINNED_RATE` sets the events per second.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::life::Load;
use super::server::{Daemons, Server, Spent};
use super::yardstick::{connect, percentile};

const DAEMONS: usize = 2;
const WORKERS: usize = 128;
/// Lines of the table.
const PARTS: u32 = 6;

fn number(name: &str, default: f64) -> f64 {
    let text = std::env::var(name).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(default)
}

pub fn measure() {
    let rate = number("PINNED_RATE", 200.0);
    let duration = Duration::from_secs_f64(number("PINNED_SECONDS", 48.0));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let server = Server::start();
        let url = server.postgres.database();
        server.add_past_days(&url).await;
        let daemons = Daemons::start(&url, DAEMONS).await;
        let load = Load::new("pinned", 0, Duration::ZERO);
        let mut tasks = load.start_at(&daemons.stores, rate, WORKERS);
        println!("\n## {rate:.0} events/s beside a transaction that keeps old rows\n");
        println!(
            "| seconds | old rows kept | done, of sent | p50 | p95 | p99 | dead rows of `live_runs` | of `keys` | Postgres, cores |"
        );
        println!("|--:|---|--:|--:|--:|--:|--:|--:|--:|");
        // The first part has no such transaction.
        let began = Instant::now();
        let part = duration / (PARTS + 1);
        let mut holder = None;
        for number in 0..=PARTS {
            let (before, done) = (Spent::until_now(Some(&server)), load.done.load(Ordering::Relaxed));
            tokio::time::sleep(part).await;
            let after = Spent::until_now(Some(&server));
            let done = load.done.load(Ordering::Relaxed) - done;
            let (took, postgres, _) = after.since(before);
            let mut latencies = std::mem::take(&mut *load.latencies.lock().expect("no panic"));
            let mut at = |part: f64| percentile(&mut latencies, part).as_secs_f64() * 1e3;
            let dead = |table: &str| {
                let sql = format!("SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = '{table}'");
                server.number(&url, &sql)
            };
            println!(
                "| {:.0} | {} | {:.3} | {:.0} ms | {:.0} ms | {:.0} ms | {:.0} | {:.0} | {:.2} |",
                began.elapsed().as_secs_f64(),
                if holder.is_some() { "yes" } else { "no" },
                done as f64 / (rate * took.as_secs_f64()),
                at(0.5),
                at(0.95),
                at(0.99),
                dead("live_runs"),
                dead("keys"),
                postgres.as_secs_f64() / took.as_secs_f64(),
            );
            if number == 0 {
                let client = connect(&url).await;
                let hold = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT txid_current_snapshot()";
                client.batch_execute(hold).await.expect("a transaction");
                holder = Some(client);
            }
        }
        tasks.shutdown().await;
        daemons.stop().await;
    });
}
