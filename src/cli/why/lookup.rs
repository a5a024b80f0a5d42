//! Finds the stored events that `why` is asked about, and selects the one that is explained: the newest or the nearest to a
//! time, of those that a rule listened to.

use std::collections::BTreeSet;
use std::io::Write;

use jiff::{SignedDuration, Timestamp};

use crate::cli::why::Args;
use crate::report::entry_argument::MissedEntry;
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::table::Table;
use crate::report::time_argument::seconds;
use crate::report::why::evaluated::{EvaluatedEvent, RevisionCache, has_listener};
use crate::store::History;
use crate::store::history::{EventQuery, EventRow, EventSelector};
use flowtrigger_core::gate::format_duration;

/// The maximum number of events of a ticket that are read.
const MAX_EVENTS: usize = 500;
/// The maximum number of events that are listed.
const MAX_LISTED: usize = 20;

/// The event that is explained.
pub struct Choice<'a> {
    pub event: &'a EventRow,
    /// Whether one of the rules that were asked about listened to it.
    pub listened: bool,
}

/// The first event that one of the rules listened to, or the first one of all.
pub fn choose<'a>(
    found: &'a [EventRow],
    rules: &[String],
    revisions: &mut RevisionCache,
    history: &dyn History,
) -> Result<Choice<'a>, CommandError> {
    if !rules.is_empty() {
        for head in found {
            if has_listener(head, rules, revisions, history)? {
                return Ok(Choice {
                    event: head,
                    listened: true,
                });
            }
        }
    }
    Ok(Choice {
        event: &found[0],
        listened: false,
    })
}

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

/// How far the nearest event is from the time that was asked for.
pub struct Distance {
    at: Timestamp,
    received: Timestamp,
}

/// Farther than this, the event is probably not the one that was meant.
const MAX_DISTANCE: SignedDuration = SignedDuration::from_hours(1);

impl Distance {
    pub fn new(at: Timestamp, received: Timestamp) -> Self {
        Self { at, received }
    }

    fn between(&self) -> SignedDuration {
        self.received.duration_since(self.at)
    }

    /// Negative for an event before the time.
    pub fn seconds(&self) -> i64 {
        self.between().as_secs()
    }

    pub fn is_near(&self) -> bool {
        self.between().abs() <= MAX_DISTANCE
    }

    pub fn describe(&self) -> String {
        let at = seconds(self.at);
        let between = self.between();
        let side = if between.is_negative() {
            "before"
        } else {
            "after"
        };
        let length = format_duration(between.unsigned_abs());
        match (self.is_near(), between.as_secs()) {
            (true, 0) => format!("the nearest stored event was received at {at}"),
            (true, _) => format!("the nearest stored event was received {length} {side} {at}"),
            (false, _) => format!(
                "no stored event was received within an hour of {at}; the nearest is {length} {side} it"
            ),
        }
    }
}

/// Finds events by id, or by ticket if no event has this id.
pub fn find(
    subject: &str,
    endpoint: Option<&str>,
    at: Option<Timestamp>,
    history: &dyn History,
) -> Result<Vec<EventRow>, CommandError> {
    let subject = subject.trim().trim_start_matches('#');
    for subject in [
        EventSelector::Id(subject.into()),
        EventSelector::Key(subject.into()),
    ] {
        let query = EventQuery {
            subject,
            endpoint: endpoint.map(str::to_owned),
            at,
            limit: MAX_EVENTS,
        };
        let found = history.events(&query)?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// The entry of `--endpoint` that received no such event, with those that did.
pub fn missed_entry(
    subject: &str,
    entry: &str,
    history: &dyn History,
) -> Result<MissedEntry, CommandError> {
    let elsewhere = find(subject, None, None, history)?;
    let mut stored_at = BTreeSet::new();
    for head in &elsewhere {
        if let Some(record) = history.event(head.row)? {
            stored_at.insert(record.event.endpoint.clone());
        }
    }
    MissedEntry::new(entry, stored_at.into_iter().collect(), history)
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
