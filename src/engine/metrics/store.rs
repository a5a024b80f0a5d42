//! Metrics of the store: commits, archived and lost events. They are read from counters, so that a scrape
//! never waits for a commit.

use std::fmt::Error;
use std::sync::atomic::Ordering;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use super::encode::single;
use crate::store::postgres::DatabaseUse;
use crate::store::{AnyStore, Store};

#[derive(Debug)]
pub(super) struct StoreCollector(pub(super) AnyStore);

impl Collector for StoreCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), Error> {
        let commits = self.0.commits();
        let (filed, lost) = self.0.archived();
        let (kept, unkept) = self.0.delivered();
        let (recorded, unrecorded) = self.0.recorded();
        let seconds = commits.micros.load(Ordering::Relaxed) as f64 / 1e6;
        let counted = [
            (
                "flowtrigger_store_commits",
                "Transactions that the store committed",
                commits.count.load(Ordering::Relaxed),
            ),
            (
                "flowtrigger_store_orders",
                "Write jobs of those transactions",
                commits.orders.load(Ordering::Relaxed),
            ),
            (
                "flowtrigger_archive_events_filed",
                "Unmatched events that were archived",
                filed,
            ),
            (
                "flowtrigger_archive_events_lost",
                "Unmatched events that could not be archived",
                lost,
            ),
            (
                "flowtrigger_exchanges_filed",
                "Exchanges of attempts that were stored",
                recorded,
            ),
            (
                "flowtrigger_exchanges_lost",
                "Exchanges of attempts that could not be stored",
                unrecorded,
            ),
            (
                "flowtrigger_deliveries_filed",
                "Requests whose row in the list of deliveries was stored",
                kept,
            ),
            (
                "flowtrigger_deliveries_lost",
                "Requests whose row in the list of deliveries could not be stored",
                unkept,
            ),
        ];
        for (name, help, count) in counted {
            single(&mut encoder, name, help, None, &ConstCounter::new(count))?;
        }
        single(
            &mut encoder,
            "flowtrigger_store_commit_time",
            "Total duration of those transactions",
            Some(&Unit::Seconds),
            &ConstCounter::new(seconds),
        )?;
        if let Some(used) = self.0.database_use() {
            write_database(&mut encoder, &used)?;
        }
        single(
            &mut encoder,
            "flowtrigger_database_size",
            "Size of the database",
            Some(&Unit::Bytes),
            &gauge(self.0.storage().bytes),
        )?;
        single(
            &mut encoder,
            "flowtrigger_archive_size",
            "Size of the archived unmatched events",
            Some(&Unit::Bytes),
            &gauge(self.0.archive_size()),
        )
    }
}

fn gauge(value: u64) -> ConstGauge<i64> {
    ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX))
}

/// What only a shared database has, as its last maintenance saw it.
fn write_database(encoder: &mut DescriptorEncoder, used: &DatabaseUse) -> Result<(), Error> {
    for (name, help, unit, value) in [
        (
            "flowtrigger_database_oldest_snapshot_age",
            "Time for which a transaction or replication slot has kept old rows from being removed",
            Some(Unit::Seconds),
            used.oldest_snapshot.as_secs(),
        ),
        (
            "flowtrigger_database_dead_rows",
            "Rows of unfinished runs that were changed and not yet removed",
            None,
            used.dead_rows,
        ),
    ] {
        single(encoder, name, help, unit.as_ref(), &gauge(value))?;
    }
    Ok(())
}
