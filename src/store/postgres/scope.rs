//! What a job concerns: the keys that its transaction locks, and the rows that it needs.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::store::awaited::{AwaitedSubject, AwaitedTypes, AwaitedValue, indexed_value};
use crate::store::history::EventRowId;
use crate::store::notice::NoticeCause;
use crate::store::{ArrivalKind, IncomingEvent};
use flowtrigger_core::event::format::request::body_hash;
use flowtrigger_core::gate::{GateCheck, GateKind};
use flowtrigger_core::loop_guard::LoopCheck;

/// An id that an event has from its sender, at an entry under `sources`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventKey {
    pub endpoint: String,
    pub id: String,
    /// Set if the id is a hash of the body: equal bodies are then one event for some time.
    pub hash: Option<String>,
}

/// A value within the queue of a rule: of a lane, or of a debounce window.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueueValue {
    pub queue: i64,
    pub value: String,
}

/// A gate that is asked in the queue of a rule.
#[derive(Debug, Clone)]
pub struct GateScope {
    pub queue: i64,
    pub check: GateCheck,
}

/// A count or a sequence in the queue of a rule, with the receipt of the event.
#[derive(Debug, Clone)]
pub struct SeriesScope {
    pub queue: i64,
    pub check: GateCheck,
    pub received: Timestamp,
}

/// The loop guard that is asked in the queue of a rule.
#[derive(Debug, Clone)]
pub struct LoopScope {
    pub queue: i64,
    pub check: LoopCheck,
}

/// How much of a run a job needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RunExtent {
    /// Its row and the last entry of its log.
    Position,
    /// Everything: log, event, rule, windows, admissions.
    Whole,
}

/// What a job does to a run. One that is only read is not locked: a claim would skip it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunAccess {
    Read,
    Change,
}

#[derive(Debug, Clone, Copy)]
pub struct RunScope {
    pub run: i64,
    pub access: RunAccess,
    pub detail: RunExtent,
    /// The day on which it was planned, if that is known.
    pub day: Option<i64>,
}

/// What some jobs concern.
#[derive(Debug, Clone, Default)]
pub struct BatchScope {
    pub events: Vec<EventKey>,
    /// Stored events that are replayed.
    pub stored: Vec<i64>,
    /// Whether one of the events is replayed: its run reads what an earlier one gathered.
    pub has_replay: bool,
    pub gates: Vec<GateScope>,
    pub series: Vec<SeriesScope>,
    pub loops: Vec<LoopScope>,
    pub windows: Vec<QueueValue>,
    pub lanes: Vec<QueueValue>,
    pub runs: Vec<RunScope>,
    /// What is reported, if it is.
    pub notices: Vec<NoticeCause>,
    /// Runs that die, with the reason: their queues are not known yet.
    pub dying: Vec<(i64, String)>,
    /// Runs whose lanes and windows are not known yet.
    pub unknown: Vec<i64>,
    /// Values of events that are compared with what runs wait for.
    pub arriving: Vec<AwaitedValue>,
    /// Values that planned runs wait for.
    pub awaiting: Vec<AwaitedValue>,
    /// Runs that events are compared with although they wait for none: their rows are not needed.
    pub closed: Vec<i64>,
    /// The version of what runs wait for with which the others were found.
    pub awaited_version: (i64, i64),
    /// Runs whose waiters and inboxes change.
    pub waiting: Vec<i64>,
    /// Rows that may be added.
    pub new_events: usize,
    pub new_runs: usize,
    pub new_positions: usize,
    /// Days whose partitions are written to.
    pub days: BTreeSet<i64>,
}

impl BatchScope {
    /// Everything about some runs, which are not changed.
    pub fn read_runs(runs: impl IntoIterator<Item = i64>) -> Self {
        let runs = runs.into_iter().map(|run| RunScope {
            run,
            access: RunAccess::Read,
            detail: RunExtent::Whole,
            day: None,
        });
        Self {
            runs: runs.collect(),
            ..Self::default()
        }
    }

    /// The notice of a receiver that fails, with everything about the run that noticed it.
    pub fn outage(run: i64, receiver: &str) -> Self {
        Self {
            notices: vec![NoticeCause::of_outage(receiver)],
            new_runs: 1,
            new_positions: 1,
            ..Self::read_runs([run])
        }
    }

    /// Everything about some runs, whose lanes and windows are looked up first.
    pub fn whole_runs(runs: impl IntoIterator<Item = i64>) -> Self {
        let mut scope = Self::default();
        for run in runs {
            scope.unknown.push(run);
            scope.runs.push(RunScope {
                run,
                access: RunAccess::Change,
                detail: RunExtent::Whole,
                day: None,
            });
            scope.new_runs += 1;
            scope.new_positions += 2;
        }
        scope
    }

    pub fn add(&mut self, other: &BatchScope) {
        self.events.extend(other.events.iter().cloned());
        self.stored.extend(&other.stored);
        self.has_replay |= other.has_replay;
        self.gates.extend(other.gates.iter().cloned());
        self.series.extend(other.series.iter().cloned());
        self.loops.extend(other.loops.iter().cloned());
        self.windows.extend(other.windows.iter().cloned());
        self.lanes.extend(other.lanes.iter().cloned());
        self.runs.extend(&other.runs);
        self.notices.extend(other.notices.iter().cloned());
        self.dying.extend(other.dying.iter().cloned());
        self.unknown.extend(&other.unknown);
        self.arriving.extend(other.arriving.iter().cloned());
        self.awaiting.extend(other.awaiting.iter().cloned());
        self.waiting.extend(&other.waiting);
        self.closed.extend(&other.closed);
        self.new_events += other.new_events;
        self.new_runs += other.new_runs;
        self.new_positions += other.new_positions;
        self.days.extend(&other.days);
    }

    /// Of an event with its planned runs; `queue_of` gives the queue of a rule.
    pub fn add_event(
        &mut self,
        incoming: &IncomingEvent,
        queue_of: impl Fn(&str) -> i64,
        awaited: &AwaitedTypes,
    ) {
        let event = &incoming.event;
        if incoming.occasion == ArrivalKind::Delivery {
            self.arriving.extend(awaited.values_of(event));
        }
        self.events.push(EventKey {
            endpoint: event.endpoint.clone(),
            id: event.id.clone(),
            hash: body_hash(&event.id).map(str::to_owned),
        });
        self.new_events += 1;
        if let ArrivalKind::Replay(mark) = incoming.occasion {
            self.has_replay = true;
            self.stored.extend(mark.event.map(|EventRowId(row)| row));
        }
        for planned in &incoming.planned {
            let queue = queue_of(&planned.rule.name);
            // A held run may queue the notice of its rule.
            let notices = usize::from(planned.loop_ask.is_some() && planned.rule.on_dead.is_some());
            self.new_runs += 1 + notices;
            self.new_positions += 1 + notices;
            if let Some(lane) = &planned.lane {
                self.add_lane(queue, lane);
            }
            for waiter in &planned.waiters {
                let subjects = AwaitedSubject::of_waiter(waiter);
                let rows = subjects.filter_map(|subject| awaited.row(&subject));
                self.awaiting.extend(rows.map(|subject| AwaitedValue {
                    subject,
                    value: indexed_value(&waiter.value),
                }));
            }
            for check in &planned.asks {
                match &check.kind {
                    // It depends on no row.
                    GateKind::During(_) => {}
                    GateKind::Debounce { .. } => self.windows.push(QueueValue {
                        queue,
                        value: check.value.clone(),
                    }),
                    GateKind::Series(_) => self.series.push(SeriesScope {
                        queue,
                        check: check.clone(),
                        received: incoming.received,
                    }),
                    GateKind::Dedupe | GateKind::Throttle { .. } => self.gates.push(GateScope {
                        queue,
                        check: check.clone(),
                    }),
                }
            }
            if let Some(check) = &planned.loop_ask {
                let check = check.clone();
                self.loops.push(LoopScope { queue, check });
            }
        }
    }

    pub fn add_lane(&mut self, queue: i64, lane: &str) {
        self.lanes.push(QueueValue {
            queue,
            value: lane.to_owned(),
        });
    }

    /// The keys to lock, in ascending order. Two scopes that may change the same rows have a key in common.
    pub fn keys(&self) -> BTreeSet<i64> {
        let mut keys = BTreeSet::new();
        for event in &self.events {
            let id = event.hash.as_ref().unwrap_or(&event.id);
            keys.insert(key(&["event", &event.endpoint, id]));
        }
        for row in &self.stored {
            keys.insert(key(&["stored", &row.to_string()]));
        }
        for GateScope { queue, check } in &self.gates {
            keys.insert(key(&["gate", &queue.to_string(), &check.value]));
        }
        for SeriesScope { queue, check, .. } in &self.series {
            keys.insert(key(&["counted", &queue.to_string(), &check.value]));
        }
        for LoopScope { queue, check } in &self.loops {
            if let Some(about) = &check.about {
                keys.insert(key(&["loop", about]));
            }
            if let Some(update) = &check.update {
                keys.insert(key(&["update", &queue.to_string(), update]));
            }
        }
        for window in &self.windows {
            keys.insert(key(&["window", &window.queue.to_string(), &window.value]));
        }
        for lane in &self.lanes {
            keys.insert(key(&["lane", &lane.queue.to_string(), &lane.value]));
        }
        for AwaitedValue { subject, value } in self.arriving.iter().chain(&self.awaiting) {
            keys.insert(key(&["awaited", &subject.to_string(), value]));
        }
        for NoticeCause { queue, hash } in &self.notices {
            keys.insert(key(&["notice", &queue.to_string(), hash]));
        }
        let changed = self.runs.iter();
        let changed = changed.filter(|run| run.access == RunAccess::Change);
        for run in changed.map(|run| &run.run).chain(&self.closed) {
            keys.insert(key(&["run", &run.to_string()]));
        }
        keys
    }

    /// When the gates' windows begin, as arrays of queue, gate, value and time.
    pub fn gate_rows(&self, now: Timestamp) -> GateRows {
        let mut rows = GateRows::default();
        for GateScope { queue, check } in &self.gates {
            rows.add(*queue, check.kind.as_str(), &check.value, check.since(now));
        }
        for LoopScope { queue, check } in &self.loops {
            let Some(rate) = check.rate(now) else {
                continue;
            };
            for gate in ["loop_guard", "loop_notice"] {
                rows.add(*queue, gate, rate.counted, rate.since);
            }
            if let Some(update) = rate.update {
                rows.add(*queue, "loop_update", update, rate.since);
            }
        }
        rows
    }
}

/// Admissions to load.
#[derive(Debug, Default)]
pub struct GateRows {
    pub queues: Vec<i64>,
    pub gates: Vec<String>,
    pub values: Vec<String>,
    pub since: Vec<i64>,
}

impl GateRows {
    fn add(&mut self, queue: i64, gate: &str, value: &str, since: Timestamp) {
        self.queues.push(queue);
        self.gates.push(gate.to_owned());
        self.values.push(value.to_owned());
        self.since.push(since.as_microsecond());
    }
}

/// The number of keys. With fewer, transactions would wait for others that have nothing to do with them; with more, their
/// rows would take space for nothing.
const KEYS: u64 = 1 << 22;

/// A number for a key. Keys with the same number wait for each other for no reason, and that is all.
pub fn key(parts: &[&str]) -> i64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    let first: [u8; 8] = digest[..8].try_into().expect("the digest is longer");
    (u64::from_be_bytes(first) % KEYS) as i64
}
