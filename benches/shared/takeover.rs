//! The time from the last beat of a daemon to the claim of its run by another one.

use std::time::{Duration, Instant};

use flowtrigger::store::{ClaimRequest, Store};
use jiff::Timestamp;

use super::life::Load;
use super::server::{Daemons, Server, daemon};

const ROUNDS: usize = 2;
/// Between two looks for daemons that have ended, as in the engine.
const LOOK: Duration = Duration::from_secs(1);
const AT_MOST: f64 = 12.0;

pub fn measure() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let server = Server::start();
        println!("\n## Takeover: from the last beat of a daemon to the claim by another\n");
        println!("| round | seconds | at most |");
        println!("|--:|--:|--:|");
        for round in 1..=ROUNDS {
            let url = server.postgres.database();
            let load = Load::new("takeover", 0, Duration::ZERO);
            // It never beats again, and does not leave.
            let dying = daemon(&url).await;
            dying.commit(load.arrival()).await.expect("a commit");
            let request = || ClaimRequest {
                limit: 1,
                per_rule: 16,
                now: Timestamp::now(),
            };
            let claimed = dying.claim(request()).await.expect("a claim");
            assert_eq!(claimed.len(), 1);
            dying.beat().await.expect("a beat");
            let last_beat = Instant::now();
            let others = Daemons::start(&url, 1).await;
            let other = &others.stores[0];
            loop {
                other.take_over().await.expect("a look");
                if !other.claim(request()).await.expect("a claim").is_empty() {
                    break;
                }
                tokio::time::sleep(LOOK).await;
            }
            println!(
                "| {round} | {:.1} | {AT_MOST:.0} |",
                last_beat.elapsed().as_secs_f64()
            );
            others.stop().await;
            drop(tokio::task::spawn_blocking(move || drop(dying)).await);
        }
    });
}
