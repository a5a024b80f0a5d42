//! The newer run of the same event and rule: a run that was replayed says so, and is not brought back once more.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::report::error::CommandError;
use crate::report::replay::scope::ENDED_WITHOUT_RESULT;
use crate::store::History;
use crate::store::history::{Page, RunFilter, RunRow};
use flowtrigger_core::run::RunId;

/// Runs that are looked at to find the newest one: a rule has few runs of one event.
const RUNS_OF_RULE: usize = 100;

/// The newer runs, by the run that was replayed.
#[derive(Debug, Default)]
pub struct Successors(HashMap<RunId, Successor>);

/// The newest run of the same event and rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Successor {
    pub run: RunId,
    pub state: &'static str,
}

impl Successors {
    pub fn of(history: &dyn History, runs: &[RunRow]) -> Result<Self, CommandError> {
        let mut all = HashMap::new();
        for run in runs {
            if let Some(successor) = Successor::of(history, run)? {
                all.insert(run.id, successor);
            }
        }
        Ok(Self(all))
    }

    pub fn get(&self, run: RunId) -> Option<&Successor> {
        self.0.get(&run)
    }
}

impl Successor {
    /// The successor of a run that ended without its result.
    pub fn of(history: &dyn History, run: &RunRow) -> Result<Option<Self>, CommandError> {
        if run.tells_of.is_some() || !ENDED_WITHOUT_RESULT.contains(&run.state.as_str()) {
            return Ok(None);
        }
        let filter = RunFilter {
            rule: Some(run.rule.clone()),
            row: Some(run.event_row),
            ..RunFilter::default()
        };
        let found = history.runs(&filter, Page::first(RUNS_OF_RULE))?;
        let newest = found.into_iter().find(|found| found.tells_of.is_none());
        let newer = newest.filter(|newest| newest.id > run.id);
        Ok(newer.map(|newer| Self {
            run: newer.id,
            state: newer.state.as_str(),
        }))
    }

    /// `replayed as run 306, done`
    pub fn describe(&self) -> String {
        format!("replayed as run {}, {}", self.run.0, self.state)
    }

    /// Whether it did the work of the earlier run, or still does it.
    pub fn replaces(&self) -> bool {
        !ENDED_WITHOUT_RESULT.contains(&self.state)
    }

    pub fn json(successor: Option<&Self>) -> Value {
        match successor {
            Some(Self { run, state }) => json!({"run": run.0, "state": state}),
            None => Value::Null,
        }
    }
}
