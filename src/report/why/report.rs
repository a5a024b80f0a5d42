//! Prints the report of one event: when it was received, the rules, every predicate, and the runs.

use std::io::{self, Write};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::report::daemon_state::ArchiveState;
use crate::report::deliveries::json::row_json as delivery_row_json;
use crate::report::deliveries::row::describe_delivery;
use crate::report::output::Output;
use crate::report::render::color::{Paint, Tone};
use crate::report::render::diagnostics::number;
use crate::report::render::escape::plain;
use crate::report::render::explanation;
use crate::report::render::gate_line::{GateLine, gate_lines};
use crate::report::render::notice::describe_report;
use crate::report::render::run::{chain, describe_received, describe_run, row_json, tone};
use crate::report::run::successor::{Successor, Successors};
use crate::report::time_argument::seconds;
use crate::report::why::awaited_by::{self, AwaitedBy};
use crate::report::why::evaluated::{EvaluatedEvent, EvaluatedRule};
use crate::report::why::find::Distance;
use crate::report::why::rejected::RejectedRequests;
use crate::report::why::repeats::UnmatchedRepeats;
use crate::report::why::verdict::{EventFacts, RevisionFacts, RuleFacts, RuleOutcome};
use crate::store::history::{DeliveryMatch, EventDeliveryRow, PastRevision, RunDetail};
use flowtrigger_core::document::suggest::nearest;
use flowtrigger_core::path::redact;
use flowtrigger_core::run::RunId;

pub fn text(
    evaluated: &EvaluatedEvent,
    only: &[String],
    types: &[String],
    out: &mut Output,
) -> io::Result<()> {
    let event = &evaluated.arrived.event;
    explanation::event(out, event)?;
    writeln!(out, "  {}", describe_received(&evaluated.arrived))?;
    if let Some(repeats) = &evaluated.repeats {
        writeln!(out, "  {}", repeats.describe())?;
    }
    if let Some(delivered) = &evaluated.delivery {
        writeln!(out, "  {}", describe_delivery(delivered))?;
    }
    for (run, step) in &evaluated.continued {
        writeln!(out, "  {}", describe_continued(*run, step))?;
    }
    for awaited in &evaluated.awaited_by {
        writeln!(out, "  {}", awaited.sentence())?;
    }
    writeln!(out, "  {}", describe_rules(evaluated))?;
    for rule in &evaluated.rules {
        explanation::rule(out, &rule.rule, &rule.explanation, &rule.files)?;
        if let Some(contradiction) = rule.contradiction() {
            explanation::contradiction(out, &contradiction)?;
        }
        if rule.outcome() == RuleOutcome::Disabled && rule.runs.is_empty() {
            writeln!(
                out,
                "  matches, but is disabled: no run was made; with `mode: shadow` a run would be recorded and nothing executed"
            )?;
        }
        runs(out, rule, &evaluated.successors)?;
    }
    if !evaluated.others.is_empty() {
        writeln!(
            out,
            "\nruns of rules that did not listen at that time: replays with later rules"
        )?;
        evaluated
            .others
            .iter()
            .try_for_each(|run| run_line(out, run, &evaluated.successors))?;
    }
    match sentence(evaluated, only, types) {
        Some(sentence) => writeln!(out, "\n{sentence}"),
        None => Ok(()),
    }
}

/// That a run waited for the event, and the command that shows it.
pub fn describe_continued(run: RunId, step: &str) -> String {
    format!(
        "continued run {0}, which waited for it in `{1}`; `flowtrigger runs show {0}`",
        run.0,
        plain(step)
    )
}

/// The rules that the event was evaluated with, and how many listened.
pub fn describe_rules(evaluated: &EvaluatedEvent) -> String {
    let Some(past) = &evaluated.past else {
        return "the rules of that time were deleted; below are the rules that its runs were planned with"
            .into();
    };
    let listened = format!(
        "{} listened to {}",
        number(evaluated.listening, "rule"),
        plain(&evaluated.arrived.event.event_type)
    );
    let errors = match past.diagnostics.errors() {
        0 => String::new(),
        errors => format!(
            "; {} in them for this version of the program, those rules are omitted",
            number(errors, "error")
        ),
    };
    format!(
        "evaluated by {}; {listened}{errors}",
        describe_revision(past, evaluated.in_force)
    )
}

/// The last start or reload before the event, and the first one with the same texts.
fn describe_revision(past: &PastRevision, in_force: Option<Timestamp>) -> String {
    let first = seconds(past.since);
    match in_force.map(seconds).filter(|last| *last != first) {
        None => format!("the rules in force since {first}"),
        Some(last) => format!(
            "the rules loaded last at {last}, with the same text as those in force since {first}"
        ),
    }
}

fn runs(out: &mut Output, rule: &EvaluatedRule, successors: &Successors) -> io::Result<()> {
    if !rule.matches() && !rule.runs.is_empty() {
        writeln!(
            out,
            "  did not match when the event was received; later rules did, in a replay:"
        )?;
    }
    for run in &rule.runs {
        for gate in gate_lines(run) {
            let paint = Paint::new(out);
            writeln!(out, "  {}  {gate}", paint.tone(Tone::Bold, "gate"))?;
        }
        run_line(out, run, successors)?;
        chain(out, run)?;
    }
    if rule.matches() && rule.runs.is_empty() {
        writeln!(out, "  no run of it is stored")?;
    }
    Ok(())
}

/// Prints a run in one line, with the run that has replaced it and the command that shows all of it.
fn run_line(out: &mut Output, run: &RunDetail, successors: &Successors) -> io::Result<()> {
    let (paint, row) = (Paint::new(out), &run.row);
    write!(
        out,
        "  {}  {} {}",
        paint.tone(Tone::Bold, "run"),
        row.id.0,
        paint.tone(tone(&row.state), row.state.as_str())
    )?;
    if row.attempts > 0 {
        let attempts = usize::try_from(row.attempts).unwrap_or(usize::MAX);
        let attempts = number(attempts, "attempt");
        write!(out, " after {attempts}")?;
    }
    if let Some(report) = describe_report(row) {
        write!(out, ", {report}")?;
    }
    write!(out, ", {}", seconds(row.changed))?;
    let replayed = successors.get(row.id).map(Successor::describe);
    let description = Some(describe_run(row)).filter(|text| !text.is_empty());
    let notes: Vec<String> = replayed.into_iter().chain(description).collect();
    if !notes.is_empty() {
        write!(out, ": {}", notes.join("; "))?;
    }
    writeln!(out, "; `flowtrigger runs show {}`", row.id.0)
}

/// Why nothing happened; `None` if something did.
pub fn sentence(evaluated: &EvaluatedEvent, asked: &[String], types: &[String]) -> Option<String> {
    let sentence = facts(evaluated, asked, types).sentence()?;
    Some(match awaited_by::summary(&evaluated.awaited_by) {
        Some(waits) => format!("{sentence}; {waits}"),
        None => sentence,
    })
}

/// What is known about an event, for the last sentence. `types` are those of the events that were looked through.
fn facts(evaluated: &EvaluatedEvent, asked: &[String], types: &[String]) -> EventFacts {
    let event = &evaluated.arrived.event;
    let names = evaluated.past.iter().flat_map(|past| &past.rules.rules);
    let similar = asked.first().and_then(|asked| {
        let near = nearest(asked, names.map(|rule| rule.name.as_str()));
        near.filter(|near| near != asked).map(str::to_owned)
    });
    let rules = evaluated.rules.iter().map(|rule| RuleFacts {
        name: rule.rule.name.clone(),
        outcome: rule.outcome(),
    });
    EventFacts {
        source: event.source.clone(),
        event_types: types.to_vec(),
        asked: asked.to_vec(),
        similar,
        revision: match &evaluated.past {
            None => RevisionFacts::Deleted,
            Some(past) => match past.diagnostics.errors() {
                0 => RevisionFacts::Complete,
                errors => RevisionFacts::WithErrors(errors),
            },
        },
        rules: rules.collect(),
        has_other_runs: !evaluated.others.is_empty()
            || evaluated.has_replays()
            || !evaluated.continued.is_empty(),
    }
}

/// What was asked about an event, and what else is known.
pub struct Question<'a> {
    /// The rules that were asked about; empty for all.
    pub rules: &'a [String],
    /// The types of the events that were looked through; the explained one is the first.
    pub types: &'a [String],
    /// The events that were found.
    pub found: usize,
    /// How far the event is from the time that was asked for.
    pub nearest: Option<&'a Distance>,
    pub rejected: Option<&'a RejectedRequests>,
    pub archive: &'a ArchiveState,
    /// Whether a rule has the name that was asked for.
    pub is_rule: bool,
}

pub fn json(evaluated: &EvaluatedEvent, question: &Question<'_>) -> Value {
    let head = &evaluated.arrived.head;
    let event = &evaluated.arrived.event;
    let matched = evaluated.rules.iter().filter(|rule| rule.matches());
    let matched: Vec<&str> = matched.map(|rule| rule.rule.name.as_str()).collect();
    let successors = &evaluated.successors;
    json!({
        "event": explanation::event_json(event),
        "received": head.received.to_string(),
        "delivery": evaluated.delivery.as_ref().map(delivery_json),
        "redelivered": head.redelivered,
        "redelivered_with_another_body": head.differed,
        "unmatched_repeats": evaluated.repeats.as_ref().map(UnmatchedRepeats::json),
        "last_came": head.last_came.map(|last| last.to_string()),
        "revision": {
            "id": head.revision.0,
            "since": evaluated.past.as_ref().map(|past| past.since.to_string()),
            "loaded": evaluated.in_force.map(|loaded| loaded.to_string()),
        },
        "matched": matched,
        "rules": evaluated.rules.iter().map(|rule| rule_json(rule, successors)).collect::<Vec<_>>(),
        "other_runs": evaluated.others.iter().map(|run| run_json(run, successors)).collect::<Vec<_>>(),
        "continued": evaluated.continued.iter().map(continued_json).collect::<Vec<_>>(),
        "awaited_by": evaluated.awaited_by.iter().map(AwaitedBy::json).collect::<Vec<_>>(),
        "found": question.found,
        "summary": sentence(evaluated, question.rules, question.types),
        "warnings": event.warnings,
        "redacted": redact::redacted_paths(event),
        "seconds_from_asked_time": question.nearest.map(Distance::seconds),
        "rejected": question.rejected.map(RejectedRequests::json),
        "archive_behind": question.archive.behind(),
        "also_rule": question.is_rule,
    })
}

fn continued_json((run, step): &(RunId, String)) -> Value {
    json!({"run": run.0, "step": step})
}

/// The request as `deliveries` prints it, and the position of the event in its array.
fn delivery_json(delivered: &EventDeliveryRow) -> Value {
    let (row, counted) = match &delivered.request {
        DeliveryMatch::Listed(row) => (row, false),
        DeliveryMatch::Counted(row) => (row, true),
    };
    json!({
        "request": delivery_row_json(row),
        "only_counted": counted,
        "index": delivered.index,
    })
}

fn rule_json(rule: &EvaluatedRule, successors: &Successors) -> Value {
    let mut value = explanation::rule_json(&rule.rule, &rule.explanation, &rule.files);
    value["recorded"] = json!(rule.recorded());
    let gates = rule.runs.iter().flat_map(gate_lines);
    value["gates"] = gates.map(|gate| GateLine::json(&gate)).collect();
    let runs = rule.runs.iter().map(|run| run_json(run, successors));
    value["runs"] = runs.collect();
    value
}

fn run_json(run: &RunDetail, successors: &Successors) -> Value {
    let mut value = row_json(&run.row);
    value["replayed_as"] = Successor::json(successors.get(run.row.id));
    value["chain"] = run.chain.iter().map(row_json).collect();
    value
}
