//! Metrics of what is suspended: receivers that are down, the runs that wait for them, and what people paused.

use std::collections::BTreeMap;
use std::fmt::Error;
use std::sync::Arc;

use arc_swap::ArcSwap;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::gauge::ConstGauge;

use super::encode::family;
use super::named::OTHER;
use crate::store::suspension::{ParkedRuns, StoredSuspension};
use flowtrigger_core::suspension::SuspensionTarget;

/// The state at the last scrape.
#[derive(Debug, Clone, Default)]
pub struct SuspendedMetrics(Arc<ArcSwap<SuspendedGauges>>);

#[derive(Debug, Default)]
pub struct SuspendedGauges {
    /// By receiver: 1 if its breaker is open.
    open: BTreeMap<Arc<str>, i64>,
    /// By kind and name; `None` while a shared database is away.
    parked: Option<BTreeMap<(&'static str, Arc<str>), i64>>,
    /// By kind and name.
    paused: BTreeMap<(&'static str, String), i64>,
}

impl SuspendedGauges {
    /// `receivers` are the names of receivers with series of their own, and [`OTHER`].
    pub fn new(
        receivers: &[Arc<str>],
        suspended: &[StoredSuspension],
        parked: Option<&[ParkedRuns]>,
    ) -> Self {
        let zeros = || receivers.iter().map(|name| (Arc::clone(name), 0)).collect();
        let name = |target: &SuspensionTarget| -> Arc<str> {
            let name = target.name();
            let known = receivers.iter().find(|known| &***known == name);
            known.map_or_else(|| OTHER.into(), Arc::clone)
        };
        let mut open: BTreeMap<Arc<str>, i64> = zeros();
        let is_open = |stored: &&StoredSuspension| {
            stored.target.is_receiver() && stored.suspension.outage.is_some()
        };
        for stored in suspended.iter().filter(is_open) {
            open.insert(name(&stored.target), 1);
        }
        let everything = SuspensionTarget::Everything;
        let parked = parked.map(|parked| {
            let mut runs = parked_zeros(receivers);
            runs.insert((everything.kind(), "".into()), 0);
            for waiting in parked {
                let target = &waiting.target;
                let name = match target.is_receiver() {
                    true => name(target),
                    false => target.name().into(),
                };
                let count = i64::try_from(waiting.count).unwrap_or(i64::MAX);
                *runs.entry((target.kind(), name)).or_default() += count;
            }
            runs
        });
        let mut paused = BTreeMap::from([((everything.kind(), String::new()), 0)]);
        for stored in suspended
            .iter()
            .filter(|stored| stored.suspension.pause.is_some())
        {
            let target = &stored.target;
            paused.insert((target.kind(), target.name().to_owned()), 1);
        }
        Self {
            open,
            parked,
            paused,
        }
    }
}

impl SuspendedMetrics {
    pub fn set(&self, gauges: SuspendedGauges) {
        self.0.store(Arc::new(gauges));
    }
}

const CONNECTION: &str = "connection";
const HOST: &str = "host";

/// A series for each receiver. Hosts have a port, and names of connections have no colon.
fn parked_zeros(receivers: &[Arc<str>]) -> BTreeMap<(&'static str, Arc<str>), i64> {
    let zeros = receivers.iter().flat_map(|name| {
        let kinds: &[&'static str] = match &**name {
            OTHER => &[CONNECTION, HOST],
            host if host.contains(':') => &[HOST],
            _ => &[CONNECTION],
        };
        let keys = kinds.iter().map(|kind| ((*kind, Arc::clone(name)), 0));
        keys.collect::<Vec<_>>()
    });
    zeros.collect()
}

/// The label `receiver` is empty for what is no receiver: a rule, or everything.
fn by_target<'a>(
    values: &'a BTreeMap<(&'static str, Arc<str>), i64>,
) -> impl Iterator<Item = ([(&'a str, &'a str); 3], ConstGauge<i64>)> {
    values.iter().map(|((kind, name), value)| {
        let receiver = match *kind {
            CONNECTION | HOST => &**name,
            _ => "",
        };
        let labels = [("kind", *kind), ("name", &**name), ("receiver", receiver)];
        (labels, ConstGauge::new(*value))
    })
}

/// The values with their labels.
fn by_receiver(
    values: &BTreeMap<Arc<str>, i64>,
) -> impl Iterator<Item = ([(&str, &str); 1], ConstGauge<i64>)> {
    let values = values.iter();
    values.map(|(receiver, value)| ([("receiver", &**receiver)], ConstGauge::new(*value)))
}

impl Collector for SuspendedMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), Error> {
        let gauges = self.0.load();
        family(
            &mut encoder,
            "flowtrigger_receiver_breaker_open",
            "1 if the receiver counts as down, else 0",
            None,
            by_receiver(&gauges.open),
        )?;
        family(
            &mut encoder,
            "flowtrigger_runs_parked",
            "Runs that wait for what is down or paused, by kind and name",
            None,
            gauges.parked.iter().flat_map(by_target),
        )?;
        let paused = gauges.paused.iter().map(|((kind, name), value)| {
            (
                [("kind", *kind), ("name", name.as_str())],
                ConstGauge::new(*value),
            )
        });
        family(
            &mut encoder,
            "flowtrigger_paused",
            "1 for a rule, a connection, a host or everything that a person paused",
            None,
            paused,
        )
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use flowtrigger_core::suspension::{Outage, Pause, Suspension};

    fn stored(target: &str, outage: bool, pause: bool) -> StoredSuspension {
        let since = Timestamp::UNIX_EPOCH;
        StoredSuspension {
            target: target.parse().unwrap(),
            version: 1,
            suspension: Suspension {
                pause: pause.then(|| Pause {
                    since,
                    by: "sam".into(),
                    note: String::new(),
                }),
                outage: outage.then(|| Outage {
                    since,
                    failures: 5,
                    message: "refused".into(),
                    next_probe: since,
                    probe: None,
                    last_probed: None,
                }),
                recovery: None,
            },
        }
    }

    fn parked(target: &str, count: u64) -> ParkedRuns {
        ParkedRuns {
            target: target.parse().unwrap(),
            count,
            since: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn receivers_have_their_names_and_hosts_of_events_are_others() {
        let receivers = ["a.example:443", "chat", OTHER].map(Arc::from);
        let suspended = [
            stored("connection chat", true, false),
            stored("host of-an-event.example:443", true, false),
            stored("host a.example:443", false, true),
            stored("rule page", false, true),
        ];
        let waiting = [
            parked("connection chat", 3),
            parked("host of-an-event.example:443", 1),
            parked("host of-another.example:443", 1),
            parked("rule page", 9),
            parked("everything", 4),
        ];
        let gauges = SuspendedGauges::new(&receivers, &suspended, Some(&waiting));
        let of = |values: &BTreeMap<Arc<str>, i64>| values.values().copied().collect::<Vec<i64>>();
        assert_eq!(of(&gauges.open), [0, 1, 1]);
        let parked = gauges.parked.unwrap();
        let series = by_target(&parked).zip(parked.values());
        let series = series.map(|((labels, _), runs)| {
            let [kind, name, receiver] = labels.map(|(_, value)| value);
            format!("{kind} {name} {receiver} {runs}")
        });
        assert_eq!(
            series.collect::<Vec<_>>(),
            [
                "connection chat chat 3",
                "connection other other 0",
                "everything   4",
                "host a.example:443 a.example:443 0",
                "host other other 2",
                "rule page  9"
            ]
        );
        let paused: Vec<String> = gauges
            .paused
            .iter()
            .map(|((kind, name), value)| format!("{kind} {name} {value}"))
            .collect();
        assert_eq!(
            paused,
            ["everything  0", "host a.example:443 1", "rule page 1"]
        );
        let unknown = SuspendedGauges::new(&receivers, &suspended, None);
        assert_eq!(unknown.parked, None);
    }
}
