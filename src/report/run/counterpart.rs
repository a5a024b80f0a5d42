//! Finds the run of the rule that the rule of a run is compared with, for the same event.

use serde_json::{Value, json};

use crate::report::error::CommandError;
use crate::report::render::comparison;
use crate::store::History;
use crate::store::history::{Page, RunFilter, RunRow};

/// Runs of a rule for one event that are looked at.
const RUNS_OF_EVENT: usize = 100;

/// The first run of the other rule; `None` if it did not match, or if its run was deleted.
pub fn read(row: &RunRow, history: &dyn History) -> Result<Option<RunRow>, CommandError> {
    let Some((rule, true)) = comparison::counterpart(row) else {
        return Ok(None);
    };
    let filter = RunFilter {
        rule: Some(rule),
        row: Some(row.event_row),
        ..RunFilter::default()
    };
    let runs = history.runs(&filter, Page::first(RUNS_OF_EVENT))?;
    Ok(runs.into_iter().rfind(|run| run.tells_of.is_none()))
}

/// Adds the run to the JSON of the other one.
pub fn add_run(run: &mut Value, counterpart: Option<&RunRow>) {
    if let Some(other) = counterpart {
        run["counterpart"]["run"] = json!(other.id.0);
        run["counterpart"]["state"] = json!(other.state.as_str());
    }
}
