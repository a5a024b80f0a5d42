//! Writes metrics that are read when they are scraped.

use std::fmt::Error;

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::registry::Unit;

/// Writes one metric without labels.
pub fn single(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    metric: &impl EncodeMetric,
) -> Result<(), Error> {
    metric.encode(encoder.encode_descriptor(name, help, unit, metric.metric_type())?)
}

/// Writes the metrics of one name, each with its labels; nothing if there is none.
pub fn family<'m, M: EncodeMetric, const LABELS: usize>(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    metrics: impl IntoIterator<Item = ([(&'m str, &'m str); LABELS], M)>,
) -> Result<(), Error> {
    let mut metrics = metrics.into_iter().peekable();
    let Some((_, first)) = metrics.peek() else {
        return Ok(());
    };
    let mut family = encoder.encode_descriptor(name, help, unit, first.metric_type())?;
    metrics.try_for_each(|(labels, metric)| metric.encode(family.encode_family(&labels)?))
}
