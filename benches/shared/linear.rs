//! Runs per second of 1, 2, 4 and 8 daemons with 16 places each, whose actions take 100 ms, against the most that is
//! possible, and the share of a core that Postgres needs for it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::life::Load;
use super::server::{Daemons, Server, Spent};

const PLACES: usize = 16;
const ACTION: Duration = Duration::from_millis(100);
const WARM_UP: Duration = Duration::from_secs(3);
const DURATION: Duration = Duration::from_secs(6);

pub fn measure() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let server = Server::start();
        println!("\n## Daemons of {PLACES} places, actions of {ACTION:?}\n");
        println!(
            "| daemons | runs/s | possible | share | of one daemon, times their number | Postgres, cores | daemons and load, cores |"
        );
        println!("|--:|--:|--:|--:|--:|--:|--:|");
        let mut one = None;
        for count in [1, 2, 4, 8] {
            let url = server.postgres.database();
            server.add_past_days(&url).await;
            let daemons = Daemons::start(&url, count).await;
            // Enough are queued that no place waits for an event.
            let load = Load::new("linear", count * PLACES * 8, ACTION);
            let mut tasks = load.start(
                &daemons.stores,
                super::life::Places {
                    senders: PLACES,
                    workers: PLACES,
                },
            );
            tokio::time::sleep(WARM_UP).await;
            let (before, done) = (
                Spent::until_now(Some(&server)),
                load.done.load(Ordering::Relaxed),
            );
            tokio::time::sleep(DURATION).await;
            let after = Spent::until_now(Some(&server));
            let done = load.done.load(Ordering::Relaxed) - done;
            tasks.shutdown().await;
            let (took, postgres, own) = after.since(before);
            let rate = done as f64 / took.as_secs_f64();
            let one = *one.get_or_insert(rate);
            let possible = (count * PLACES) as f64 / ACTION.as_secs_f64();
            println!(
                "| {count} | {rate:.0} | {possible:.0} | {:.2} | {:.2} | {:.2} | {:.2} |",
                rate / possible,
                rate / (one * count as f64),
                postgres.as_secs_f64() / took.as_secs_f64(),
                own.as_secs_f64() / took.as_secs_f64(),
            );
            daemons.stop().await;
        }
    });
}
