//! What the server can do without flowtrigger: commits of one row, and of 256 rows by UNNEST.

use std::time::{Duration, Instant};

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls};

const DURATION: Duration = Duration::from_secs(2);
const BATCH: usize = 256;
/// Bytes of a row, about those of an event.
const BODY: usize = 800;

#[derive(Debug, Clone, Copy)]
pub struct Yardstick {
    /// Transactions of one prepared INSERT, one after another.
    pub single: f64,
    /// Rows in transactions of 256.
    pub batched: f64,
}

/// Rows per second.
pub async fn measure(url: &str) -> Yardstick {
    let client = connect(url).await;
    let create = "CREATE TABLE IF NOT EXISTS yardstick (id BIGSERIAL PRIMARY KEY, body TEXT)";
    client.batch_execute(create).await.expect("a table");
    let body = "x".repeat(BODY);
    let one = "INSERT INTO yardstick (body) VALUES ($1)";
    let single = rate(&client, one, &body, 1).await;
    let bodies = vec![body; BATCH];
    let many = "INSERT INTO yardstick (body) SELECT * FROM unnest($1::text[])";
    let batched = rate(&client, many, &bodies, BATCH).await;
    Yardstick { single, batched }
}

async fn rate(client: &Client, sql: &str, value: &(dyn ToSql + Sync), rows: usize) -> f64 {
    let insert = client.prepare(sql).await.expect("a statement");
    let (began, mut count) = (Instant::now(), 0);
    while began.elapsed() < DURATION {
        client.execute(&insert, &[value]).await.expect("a commit");
        count += rows;
    }
    count as f64 / began.elapsed().as_secs_f64()
}

pub async fn connect(url: &str) -> Client {
    let connecting = tokio_postgres::connect(url, NoTls).await;
    let (client, connection) = connecting.expect("a connection");
    tokio::spawn(async move { drop(connection.await) });
    client
}

pub fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

pub fn percentile(all: &mut [Duration], part: f64) -> Duration {
    all.sort_unstable();
    match all.len() {
        0 => Duration::ZERO,
        count => all[((count - 1) as f64 * part) as usize],
    }
}
