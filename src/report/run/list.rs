//! Runs of a list as JSON, and the words that lists of runs share.

use serde_json::{Value, json};

use crate::report::render::escape::plain;
use crate::report::render::run::row_json;
use crate::report::run::successor::{Successor, Successors};
use crate::store::history::RunRow;
use flowtrigger_core::run::RunId;

/// A run of a list. `obstacle` says why unfinished runs do not continue now.
pub fn listed_json(run: &RunRow, successors: &Successors, obstacle: Option<&str>) -> Value {
    let mut value = row_json(run);
    value["replayed_as"] = Successor::json(successors.get(run.id));
    value["obstacle"] = json!(obstacle.filter(|_| !run.state.is_final()));
    value
}

/// The rule of a run, and what it reports on, if anything.
pub fn describe_rule(run: &RunRow) -> String {
    match run.tells_of {
        Some(RunId(dead)) => match &run.reports.receiver {
            Some(receiver) => format!("{} (reports on {})", run.rule, plain(receiver)),
            None => format!("{} (reports on {dead})", run.rule),
        },
        None => run.rule.clone(),
    }
}
