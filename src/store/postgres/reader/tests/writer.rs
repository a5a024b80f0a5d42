//! Creates the tables that the tests read, and executes their SQL.

use tokio::runtime::Builder;
use tokio_postgres::Client;

use crate::store::postgres::PostgresSettings;
use crate::store::postgres::connection::{connect, connect_client};
use crate::store::postgres::schema::{ensure_days, migrate};

/// A database whose tables exist, with partitions for the days 0 and 1.
pub struct Tables(pub String);

impl Tables {
    pub fn create(url: String) -> Self {
        let settings = PostgresSettings::for_url(&url).connection().unwrap();
        blocking(async move {
            let session = connect(&settings).await.unwrap();
            migrate(&session, &settings).await.unwrap();
            ensure_days(&session, &[0, 1]).await.unwrap();
        });
        Self(url)
    }

    pub fn execute(&self, sql: &str) {
        let settings = PostgresSettings::for_url(&self.0).connection().unwrap();
        blocking(async move {
            let client: Client = connect_client(&settings).await.unwrap();
            client.batch_execute(sql).await.unwrap();
        });
    }
}

fn blocking(work: impl Future<Output = ()>) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(work);
}
