//! What the store on disk counts by itself: its commits, and the archive with what was lost to it.
//! It asks the store's thread nothing: a look at the metrics waits for no commit.

use std::fmt::Error;
use std::sync::atomic::Ordering;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use crate::store::SqliteStore;

#[derive(Debug)]
pub(super) struct StoreCollector(pub(super) SqliteStore);

impl Collector for StoreCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), Error> {
        let commits = self.0.commits();
        let (filed, lost) = self.0.archived();
        let seconds = commits.micros.load(Ordering::Relaxed) as f64 / 1e6;
        let counted = [
            (
                "flowtrigger_store_commits",
                "Transactions that the store committed",
                commits.count.load(Ordering::Relaxed),
            ),
            (
                "flowtrigger_store_orders",
                "Orders to the store that those transactions carried out",
                commits.orders.load(Ordering::Relaxed),
            ),
            (
                "flowtrigger_archive_events_filed",
                "Events without runs that were filed",
                filed,
            ),
            (
                "flowtrigger_archive_events_lost",
                "Events without runs that could not be filed",
                lost,
            ),
        ];
        for (name, help, count) in counted {
            write(&mut encoder, name, help, None, &ConstCounter::new(count))?;
        }
        write(
            &mut encoder,
            "flowtrigger_store_commit_time",
            "Time that those transactions took together",
            Some(&Unit::Seconds),
            &ConstCounter::new(seconds),
        )?;
        let size = i64::try_from(self.0.archive_size()).unwrap_or(i64::MAX);
        write(
            &mut encoder,
            "flowtrigger_archive_size",
            "Size of the filed events that led to no run",
            Some(&Unit::Bytes),
            &ConstGauge::new(size),
        )
    }
}

fn write(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    metric: &impl EncodeMetric,
) -> Result<(), Error> {
    metric.encode(encoder.encode_descriptor(name, help, unit, metric.metric_type())?)
}
