//! The statements that cost the server most for each event, by `pg_stat_statements`: `-- profile` prints them.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::life::{Load, Places};
use super::server::{Daemons, Server};

const WARM_UP: Duration = Duration::from_secs(3);
const DURATION: Duration = Duration::from_secs(6);
/// Statements that are printed.
const MOST: usize = 40;

pub fn print() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let mut server = Server::start();
        server.set(&["shared_preload_libraries = 'pg_stat_statements'"]);
        server.set(&["pg_stat_statements.track_planning = on"]);
        let url = server.postgres.database();
        server.add_past_days(&url).await;
        server
            .postgres
            .psql(&url, "CREATE EXTENSION pg_stat_statements");
        let daemons = Daemons::start(&url, 1).await;
        let load = Load::new("profile", 2_000, Duration::ZERO);
        let places = Places {
            senders: 256,
            workers: 256,
        };
        // With `SHARED_PIN=on`, beside a transaction that keeps old rows.
        let holder = super::yardstick::connect(&url).await;
        if std::env::var("SHARED_PIN").is_ok_and(|value| value == "on") {
            let hold = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT txid_current_snapshot()";
            holder.batch_execute(hold).await.expect("a transaction");
        }
        let tasks = load.start(&daemons.stores, places);
        tokio::time::sleep(WARM_UP).await;
        server.postgres.psql(&url, "SELECT pg_stat_statements_reset()");
        let before = load.done.load(Ordering::Relaxed);
        tokio::time::sleep(DURATION).await;
        let events = load.done.load(Ordering::Relaxed) - before;
        let rows = server.postgres.psql(
            &url,
            &format!(
                "SELECT round(((total_exec_time + total_plan_time) * 1000 / {events})::numeric, 2),
                     round((total_plan_time * 1000 / {events})::numeric, 2), calls, rows,
                     left(regexp_replace(query, '\\s+', ' ', 'g'), 60), right(regexp_replace(query, '\\s+', ' ', 'g'), 110)
                 FROM pg_stat_statements ORDER BY total_exec_time + total_plan_time DESC LIMIT {MOST}"
            ),
        );
        let all = server.postgres.psql(
            &url,
            "SELECT sum(calls), sum(total_exec_time), sum(total_plan_time), sum(calls) FILTER (WHERE query = 'COMMIT')
             FROM pg_stat_statements",
        );
        drop(tasks);
        println!("\n## Statements of {events} events in {DURATION:?}\n");
        println!("calls|ms|of them planning|commits: {all}\n");
        println!("µs/event|planning|calls|rows|statement");
        println!("{rows}");
        daemons.stop().await;
    });
}
