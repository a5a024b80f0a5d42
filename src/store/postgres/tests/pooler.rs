//! Daemons behind PgBouncer in transaction mode, which gives each transaction another connection to the server.

use flowtrigger_testing::postgres::{POOL_SIZE, Pooler, Postgres, server};
use tokio::task::block_in_place;

use super::daemons::{Pair, check_fence, check_gate};
use crate::store::{PostgresHistory, PostgresSettings};

/// Two daemons behind a pooler.
fn pooled() -> Option<(Pair, Pooler, Postgres)> {
    let server = server()?;
    let pooler = Pooler::start(&server)?;
    let url = pooler.url(&server, &server.database());
    let settings = PostgresSettings::for_url(format!("{url}?prepared_statements=off"));
    Some((Pair::open(server.clone(), settings), pooler, server))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn daemons_behind_a_pooler_commit_claim_advance_and_take_over() {
    let Some((pair, _pooler, _)) = pooled() else {
        return;
    };
    check_fence(&pair).await;
    check_gate(&pair).await;
    let history = block_in_place(|| PostgresHistory::connect(pair.settings()));
    block_in_place(|| drop(history.unwrap()));
    let connections: usize = pair
        .sql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'flowtrigger'")
        .parse()
        .unwrap();
    assert!(
        (1..=POOL_SIZE).contains(&connections),
        "{connections} connections"
    );
    block_in_place(|| drop(pair));
}
