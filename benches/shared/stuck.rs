//! Claims from an empty store against claims beside 100,000 runs that wait behind the owners of their lanes, which do not
//! end.

use std::time::{Duration, Instant};

use flowtrigger::store::{ClaimRequest, PostgresStore, Store};
use flowtrigger_core::run::RunState;
use jiff::Timestamp;

use super::life::Load;
use super::server::{Daemons, Server};
use super::yardstick::median;

const STUCK: usize = 100_000;
/// Lanes whose owners do not end: each has as many runs behind it as the others.
const OWNERS: usize = 1_000;
const BATCH: usize = 1_000;
const CLAIMS: usize = 60;
/// Runs of one claim.
const SIZE: usize = 16;

pub fn measure() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let server = Server::start();
        let url = server.postgres.database();
        server.add_past_days(&url).await;
        let daemons = Daemons::start(&url, 1).await;
        let store = &daemons.stores[0];
        println!("\n## Claims of {SIZE} runs, beside runs that wait in lanes that do not move\n");
        println!("| runs that wait | claim, median | claim and end, median | times that of an empty store |");
        println!("|--:|--:|--:|--:|");
        let load = Load::new("stuck", 0, Duration::ZERO);
        let first = claims(store, &load, STUCK + 1).await;
        let print = |waiting: usize, (claim, whole): (f64, f64)| {
            let ratio = claim / first.0;
            println!("| {waiting} | {:.1} ms | {:.1} ms | {ratio:.2} |", claim * 1e3, whole * 1e3);
        };
        print(0, first);
        let mut begin = 0;
        for waiting in [10_000, STUCK] {
            fill(store, &load, begin..waiting + OWNERS).await;
            begin = waiting + OWNERS;
            claim_owners(store).await;
            print(waiting, claims(store, &load, STUCK * 2 + waiting).await);
        }
        daemons.stop().await;
    });
}

/// The lanes in turn: the first event of each is of its owner.
async fn fill(store: &PostgresStore, load: &Load, numbers: std::ops::Range<usize>) {
    let numbers: Vec<usize> = numbers.collect();
    for batch in numbers.chunks(BATCH) {
        let arrivals = batch.iter().map(|number| {
            let lane = format!("stuck {}", number % OWNERS);
            load.arrival_in(*number, Some(lane))
        });
        let committed = store.commit_all(arrivals.collect()).await;
        committed.expect("a commit");
    }
}

async fn claim_owners(store: &PostgresStore) {
    while !claim(store, 256).await.is_empty() {}
}

async fn claim(store: &PostgresStore, limit: usize) -> Vec<flowtrigger::store::ClaimedRun> {
    let request = ClaimRequest {
        limit,
        per_rule: 1_000_000,
        now: Timestamp::now(),
    };
    store.claim(request).await.expect("a claim")
}

/// The median time of a claim, and of a claim and the end of its runs, in seconds.
async fn claims(store: &PostgresStore, load: &Load, from: usize) -> (f64, f64) {
    let (mut claiming, mut whole) = (Vec::new(), Vec::new());
    for round in 0..CLAIMS {
        let first = from + round * SIZE;
        let arrivals = (first..first + SIZE)
            .map(|number| load.arrival_in(number, Some(format!("free {number}"))));
        let committed = store.commit_all(arrivals.collect()).await;
        committed.expect("a commit");
        let began = Instant::now();
        let claimed = claim(store, SIZE).await;
        claiming.push(began.elapsed().as_secs_f64());
        assert_eq!(claimed.len(), SIZE);
        let advances = claimed.iter().map(|run| flowtrigger::store::Advance {
            run: run.id,
            claim: Some(run.claim),
            entries: Vec::new(),
            state: Some(RunState::Done),
        });
        for result in store.advance_all(advances.collect()).await {
            result.expect("an end");
        }
        whole.push(began.elapsed().as_secs_f64());
    }
    (median(claiming), median(whole))
}
