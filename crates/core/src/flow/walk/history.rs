//! A run's log, indexed by the paths of its steps.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde_json::Value;

use crate::run::{Attempt, LogEntry};

/// The log by step path.
pub struct LogIndex<'a> {
    histories: HashMap<&'a str, StepHistory<'a>>,
    /// The failed attempts by step path, since the run was last retried by an operator.
    failed: HashMap<&'a str, Vec<&'a Attempt>>,
    /// The end of the wait that the last claim ended.
    pub over: Option<Timestamp>,
    /// The start of the run according to its log. A retry by an operator restarts it.
    pub since: Option<Timestamp>,
}

/// The history of one step.
#[derive(Clone, Copy)]
pub struct StepHistory<'a> {
    pub last: LastEntry<'a>,
    /// Whether the run was claimed after the last entry of the step.
    pub claimed: bool,
    /// Whether an operator retried the run after the last entry of the step.
    pub revived: bool,
    /// The error, if the failure was caught.
    pub caught: Option<&'a Value>,
}

#[derive(Clone, Copy)]
pub enum LastEntry<'a> {
    Nothing,
    Started {
        number: u32,
    },
    Waiting {
        until: Timestamp,
    },
    Attempt(&'a Attempt),
    /// What decided a `wait_for`: an event that came.
    Arrived {
        number: u32,
        event: &'a Value,
    },
    /// What decided a `wait_for`: an answer.
    Answered {
        at: Timestamp,
        answer: &'a str,
        by: &'a Value,
    },
    /// What decided a `wait_for`: nothing came.
    Expired,
}

impl<'a> LogIndex<'a> {
    pub fn new(lines: &'a [LogEntry]) -> Self {
        let mut log = Self {
            histories: HashMap::new(),
            failed: HashMap::new(),
            over: None,
            since: None,
        };
        lines.iter().for_each(|line| log.add(line));
        log
    }

    pub fn history(&self, step_path: &str) -> StepHistory<'a> {
        self.histories.get(step_path).copied().unwrap_or(EMPTY)
    }

    /// The failed attempts of a step since the run was last retried by an operator, in their order.
    pub fn failed(&self, step_path: &str) -> &[&'a Attempt] {
        self.failed.get(step_path).map_or(&[], Vec::as_slice)
    }

    /// The results of the steps directly under a path prefix, by name.
    pub fn results(&self, prefix: &str) -> BTreeMap<&'a str, Value> {
        let own = self.histories.iter().filter_map(|(step_path, history)| {
            let name = step_path.strip_prefix(prefix)?;
            if name.contains(['.', '[']) {
                return None;
            }
            let result = history.result().cloned();
            Some((name, result.or_else(|| history.last.awaited_result())?))
        });
        own.collect()
    }

    fn add(&mut self, line: &'a LogEntry) {
        match line {
            LogEntry::Started { step, number, at } => {
                self.set_last(step, *at, LastEntry::Started { number: *number });
            }
            LogEntry::Waiting { step, at, until } => {
                self.set_last(step, *at, LastEntry::Waiting { until: *until });
            }
            LogEntry::Arrived {
                step,
                number,
                event,
                ..
            } => {
                let number = *number;
                self.set_decided(step, LastEntry::Arrived { number, event });
            }
            LogEntry::Answered {
                step,
                at,
                answer,
                by,
            } => {
                let at = *at;
                self.set_decided(step, LastEntry::Answered { at, answer, by });
            }
            LogEntry::Expired { step, .. } => self.set_decided(step, LastEntry::Expired),
            LogEntry::Attempt(attempt) => {
                self.set_last(&attempt.step, attempt.started, LastEntry::Attempt(attempt));
                if attempt.outcome.is_err() {
                    self.failed.entry(&attempt.step).or_default().push(attempt);
                }
            }
            LogEntry::Caught { step, error, .. } => self.entry(step).caught = Some(error),
            LogEntry::Claimed { over } => {
                self.over = self.over.max(*over);
                self.histories
                    .values_mut()
                    .for_each(|history| history.claimed = true);
            }
            LogEntry::Revived { at } => {
                self.since = Some(*at);
                self.failed.clear();
                for history in self.histories.values_mut() {
                    history.revived = true;
                }
            }
        }
    }

    fn set_last(&mut self, step: &'a str, at: Timestamp, last: LastEntry<'a>) {
        self.since = self.since.or(Some(at));
        self.set_decided(step, last);
    }

    /// What came for a step, which can be before the run starts.
    fn set_decided(&mut self, step: &'a str, last: LastEntry<'a>) {
        let history = self.entry(step);
        (history.last, history.claimed, history.revived) = (last, false, false);
    }

    fn entry(&mut self, step: &'a str) -> &mut StepHistory<'a> {
        self.histories.entry(step).or_insert(EMPTY)
    }
}

const EMPTY: StepHistory<'static> = StepHistory {
    last: LastEntry::Nothing,
    claimed: false,
    revived: false,
    caught: None,
};

impl<'a> StepHistory<'a> {
    pub fn result(&self) -> Option<&'a Value> {
        let LastEntry::Attempt(attempt) = self.last else {
            return None;
        };
        attempt.outcome.as_ref().ok().map(|reply| &reply.value)
    }
}
