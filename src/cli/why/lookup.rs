//! Lists the stored events that `why` found, and says which one is explained.

use std::io::Write;

use crate::cli::why::Args;
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::table::Table;
use crate::report::time_argument::seconds;
use crate::report::why::evaluated::EvaluatedEvent;
use crate::report::why::find::{Choice, Distance, MAX_EVENTS};
use crate::store::History;
use crate::store::history::EventRow;

/// The maximum number of events that are listed.
const MAX_LISTED: usize = 20;

/// Whether one of the rules that were asked about listened, or has a run.
pub fn listened(event: &EvaluatedEvent) -> bool {
    !event.rules.is_empty() || !event.others.is_empty()
}

/// The types of the events that were looked through, each once; the explained one first.
pub fn types_of(found: &[EventRow], chosen: &EventRow, args: &Args) -> Vec<String> {
    let mut types = vec![chosen.event_type.clone()];
    let others = found.iter().filter(|_| !args.rule.is_empty());
    for event in others {
        if !types.contains(&event.event_type) {
            types.push(event.event_type.clone());
        }
    }
    types
}

/// Prints one line per event; the explained one is the first.
pub fn list(
    found: &[EventRow],
    args: &Args,
    choice: &Choice<'_>,
    history: &dyn History,
    out: &mut Output,
) -> Result<(), CommandError> {
    let mut table = Table::default();
    table.row(["RECEIVED", "EVENT", "RUNS", "ID"]);
    for head in found.iter().take(MAX_LISTED) {
        let runs: Vec<String> = history
            .runs_of(head.row)?
            .iter()
            .map(|run| format!("{} {}", run.rule, run.state.as_str()))
            .collect();
        let runs = match runs.is_empty() {
            true => "none".to_owned(),
            false => runs.join(", "),
        };
        table.row([
            seconds(head.received),
            head.event_type.clone(),
            runs,
            head.id.clone(),
        ]);
    }
    table.write(out)?;
    let all = match found.len() {
        MAX_EVENTS => format!("{MAX_EVENTS} and more"),
        count => count.to_string(),
    };
    let shown = match found.len() {
        0..=MAX_LISTED => String::new(),
        _ => format!(", {MAX_LISTED} shown; `--at TIME` selects older ones"),
    };
    let which = match (args.all, args.at, choice.listened) {
        (true, _, _) => "all of them",
        (false, None, false) => "the newest, with `--all` all of them",
        (false, None, true) => "the newest that the rule listened to, with `--all` all of them",
        (false, Some(_), false) => "the nearest to that time, with `--all` all of them",
        (false, Some(_), true) => {
            "the nearest to that time that the rule listened to, with `--all` all of them"
        }
    };
    writeln!(out, "\n{all} events{shown}. Explained: {which}")?;
    Ok(())
}

/// Which of several events was chosen, for an answer that is only the event.
pub fn describe_choice(
    found: &[EventRow],
    choice: &Choice<'_>,
    nearest: Option<&Distance>,
) -> Vec<String> {
    if let Some(nearest) = nearest {
        return vec![nearest.describe()];
    }
    let which = match (found.len(), choice.listened) {
        (0 | 1, _) => return Vec::new(),
        (count, false) => format!("the newest of {count} events"),
        (count, true) => format!("of {count} events the newest that the rule listened to"),
    };
    vec![format!("{which}; `--at TIME` selects another one")]
}
