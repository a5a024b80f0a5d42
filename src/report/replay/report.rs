//! Prints a replay as text and as JSON: the summary with the first requests, each run, and the result. `schema --of
//! replay` describes the JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use serde_json::{Value, json};

use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::diagnostics::{grouped, number};
use crate::report::render::escape::plain;
use crate::report::render::plan::{self, MockCommand};
use crate::report::render::suggested_command;
use crate::report::render::table::Table;
use crate::report::replay::assess::LeftOutReason;
use crate::report::replay::current_rules::{CurrentRules, RulesOrigin, first_plan};
use crate::report::replay::rate::ReplayRate;
use crate::report::replay::scope::{ENDED_WITHOUT_RESULT, NONE, ReplayScope};
use crate::report::replay::state_file::{ReplayFile, ReplayProgress};
use crate::report::replay::summary::{FirstRun, LeftOutCount, NameCounts, ReplaySummary};
use crate::report::time_argument::seconds;
use crate::store::History;
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::event::Event;
use flowtrigger_core::gate::format_duration;
use flowtrigger_core::matching::find::MatchScratch;
use flowtrigger_core::path::redact;

/// The version of the JSON shape.
const VERSION: u32 = 1;

/// What the report is about.
pub struct ReplayReport<'a> {
    pub file: &'a ReplayFile,
    pub summary: &'a ReplaySummary,
    pub rules: &'a CurrentRules,
    pub rate: ReplayRate,
    pub history: &'a dyn History,
}

impl ReplayReport<'_> {
    pub fn text(&self, out: &mut Output) -> Result<(), CommandError> {
        let summary = self.summary;
        let progress = &self.file.progress;
        if self.file.continued {
            writeln!(
                out,
                "continues replay {} of {}: {} of {} were read, {} started",
                self.file.id(),
                seconds(self.file.started),
                grouped(progress.events),
                number(self.file.total, "event"),
                number(progress.runs, "run")
            )?;
        }
        let period = match summary.received {
            Some((first, last)) => {
                format!(", received {} to {}", seconds(first), seconds(last))
            }
            None => String::new(),
        };
        writeln!(out, "{}{period}", number(summary.events, "event"))?;
        counts(out, &summary.by_type)?;
        let entries = &summary.unknown_entries;
        if !entries.is_empty() {
            writeln!(
                out,
                "received at entries that are no longer configured, and included"
            )?;
            counts(out, entries)?;
        }
        writeln!(
            out,
            "{} would start, with {}",
            number(summary.runs, "run"),
            self.rules.origin.describe()
        )?;
        self.rules_table().write(out)?;
        self.left_out(out)?;
        if summary.runs > 0 {
            self.conditions(out)?;
            self.first_runs(out)?;
        }
        Ok(())
    }

    fn rules_table(&self) -> Table {
        let mut table = Table::default();
        if !self.summary.by_rule.is_empty() {
            table.row(["RUNS", "RULE", "MODE", "EARLIER RUNS"]);
        }
        for (name, of_rule) in &self.summary.by_rule {
            table.row([
                grouped(of_rule.runs),
                name.clone(),
                describe_mode(of_rule.rule.mode).to_owned(),
                describe_states(&of_rule.earlier),
            ]);
        }
        table
    }

    fn left_out(&self, out: &mut Output) -> io::Result<()> {
        if self.summary.left_out.is_empty() {
            return Ok(());
        }
        writeln!(out, "left out")?;
        for (reason, count) in &self.summary.left_out {
            let what = match count.rules.is_empty() {
                true => number(count.count, "event"),
                false => number(count.count, "run"),
            };
            let names = describe_left_out(count);
            let why = match (reason, &self.file.scope) {
                (LeftOutReason::NoMatch, ReplayScope::Archive(scope))
                    if !scope.rules.is_empty() =>
                {
                    "none of the rules named with `--rule` matches now"
                }
                (reason, _) => reason.describe(),
            };
            writeln!(out, "  {what}: {why}; {names}")?;
        }
        Ok(())
    }

    /// Gates, rate and who executes the runs.
    fn conditions(&self, out: &mut Output) -> io::Result<()> {
        let gated: Vec<&str> = self.summary.gated().into_iter().collect();
        match gated.is_empty() {
            true => writeln!(out, "gates are not applied; these rules have none")?,
            false => writeln!(
                out,
                "gates are not applied: every event above starts a run; {} {} gates",
                gated.join(", "),
                if gated.len() == 1 { "has" } else { "have" }
            )?,
        }
        match self.rules.origin {
            RulesOrigin::Daemon { .. } | RulesOrigin::Store { .. } => writeln!(
                out,
                "at {}, this takes about {}",
                self.rate,
                format_duration(self.rate.time_for(self.summary.runs))
            ),
            RulesOrigin::Files => writeln!(
                out,
                "no daemon runs: the runs are planned at once, without a rate, and the next start executes them"
            ),
        }
    }

    fn first_runs(&self, out: &mut Output) -> Result<(), CommandError> {
        let first = &self.summary.first;
        writeln!(
            out,
            "\nthe first {} of {}",
            first.len(),
            number(self.summary.runs, "run")
        )?;
        let book = &self.rules.book;
        let mut scratch = MatchScratch::default();
        let mut redactable = BTreeSet::new();
        for FirstRun { event, rule } in first {
            let head = format!(
                "{} for {}/{} {}",
                rule.name,
                event.source,
                event.event_type,
                event.key.as_deref().unwrap_or(&event.id)
            );
            writeln!(out, "{}", plain(&head))?;
            let Some(record) = self.history.event(event.position.row)? else {
                continue;
            };
            let evaluation = book.rules.evaluate_event(&record.event, &mut scratch);
            let steps = first_plan(rule, &evaluation, &book.config);
            let command = format!(
                "{} | flowtrigger dry-run --rule {}",
                suggested_command::why(&record.head.id, "--event"),
                suggested_command::argument(&rule.name)
            );
            plan::text_with(
                out,
                &steps,
                rule,
                MockCommand::DryRun(&command),
                (&book.config.outgoing, &book.rules.files),
            )?;
            redactable.extend(self.redactable(&record.event));
        }
        if !redactable.is_empty() {
            let paths: Vec<&str> = redactable.iter().map(String::as_str).collect();
            writeln!(
                out,
                "`redact` removes these fields from the events when their runs have ended: {}",
                plain(&paths.join(", "))
            )?;
        }
        Ok(())
    }

    /// The fields of an event that the configuration removes later.
    fn redactable(&self, event: &Event) -> Vec<String> {
        let later = redact::redacted(event, &self.rules.book.config.redact);
        later.map_or_else(Vec::new, |later| redact::redacted_paths(&later))
    }

    pub fn json(&self) -> Result<Value, CommandError> {
        let summary = self.summary;
        let rules: Vec<Value> = summary
            .by_rule
            .iter()
            .map(|(name, of_rule)| {
                json!({
                    "rule": name,
                    "mode": of_rule.rule.mode.as_str(),
                    "runs": of_rule.runs,
                    "has_gates": !of_rule.rule.gates.is_empty(),
                    "earlier": of_rule.earlier,
                })
            })
            .collect();
        let left_out: Vec<Value> = summary
            .left_out
            .iter()
            .map(|(reason, count)| {
                json!({
                    "reason": reason.as_str(),
                    "count": count.count,
                    "rules": count.rules.names,
                    "first_events": count.events,
                })
            })
            .collect();
        let scope = match &self.file.scope {
            ReplayScope::Archive(scope) => json!({
                "since": scope.since.map(|since| since.to_string()),
                "until": scope.until.to_string(),
                "rules": scope.rules,
                "ticket": scope.ticket,
                "source": scope.source,
                "endpoint": scope.endpoint,
                "unmatched": scope.unmatched,
            }),
            ReplayScope::Runs(selected) => json!({ "runs": selected.runs.len() }),
        };
        let (first, last) = summary.received.unzip();
        Ok(json!({
            "version": VERSION,
            "kind": "summary",
            "replay": self.file.id().to_string(),
            "continued": self.file.continued,
            "selection": scope,
            "events": summary.events,
            "first_received": first.map(|at| at.to_string()),
            "last_received": last.map(|at| at.to_string()),
            "event_types": summary.by_type.names,
            "other_event_types": summary.by_type.others,
            "unknown_entries": summary.unknown_entries.names,
            "runs": summary.runs,
            "rules": rules,
            "earlier": summary.earlier,
            "left_out": left_out,
            "gates": "not_applied",
            "executed_by": self.rules.origin.as_str(),
            "rate": self.rate.to_string(),
            "first": self.first_json()?,
        }))
    }

    fn first_json(&self) -> Result<Vec<Value>, CommandError> {
        let book = &self.rules.book;
        let mut scratch = MatchScratch::default();
        let mut first = Vec::new();
        for FirstRun { event, rule } in &self.summary.first {
            let Some(record) = self.history.event(event.position.row)? else {
                continue;
            };
            let evaluation = book.rules.evaluate_event(&record.event, &mut scratch);
            let steps = first_plan(rule, &evaluation, &book.config);
            first.push(json!({
                "event": event.id,
                "event_type": event.event_type,
                "key": event.key,
                "rule": rule.name,
                "plan": plan::json(&steps, &book.config.outgoing, &book.rules.files),
                "redacted_later": self.redactable(&record.event),
            }));
        }
        Ok(first)
    }
}

/// The last line of the JSON output.
pub fn result_json(file: &ReplayFile, outcome: &str) -> Value {
    let ReplayProgress {
        events,
        runs,
        repeated,
        left_out,
        rejected,
        ..
    } = file.progress;
    json!({
        "version": VERSION,
        "kind": "result",
        "replay": file.id().to_string(),
        "outcome": outcome,
        "events": events,
        "runs": runs,
        "repeated": repeated,
        "left_out": left_out,
        "rejected": rejected,
    })
}

/// The number of runs by the state of the earlier ones.
pub fn describe_runs(summary: &ReplaySummary) -> String {
    let states = describe_states(&summary.earlier);
    let states = match summary.earlier.contains_key(NONE) {
        true => states.replacen(NONE, "without an earlier run", 1),
        false => states,
    };
    format!("{}: {states}", number(summary.runs, "run"))
}

fn describe_states(states: &BTreeMap<&'static str, usize>) -> String {
    let first = [NONE];
    let known = first.into_iter().chain(ENDED_WITHOUT_RESULT);
    let mut known: Vec<&str> = known.filter(|state| states.contains_key(state)).collect();
    known.extend(
        states
            .keys()
            .copied()
            .filter(|state| *state != NONE && !ENDED_WITHOUT_RESULT.contains(state)),
    );
    let counts = known
        .into_iter()
        .map(|state| format!("{} {state}", grouped(states[state])));
    counts.collect::<Vec<_>>().join(", ")
}

fn describe_mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Live => "live",
        Mode::Shadow => "shadow: recorded, nothing is sent",
        Mode::Disabled => "disabled",
    }
}

fn describe_left_out(count: &LeftOutCount) -> String {
    let mut names: Vec<String> = count
        .rules
        .names
        .iter()
        .map(|(rule, count)| format!("{} {rule}", grouped(*count)))
        .collect();
    if let Some(first) = count.events.first() {
        let first_of = if count.count > 1 { "the first: " } else { "" };
        names.push(format!("{first_of}{first}"));
    }
    plain(&names.join("; ")).into_owned()
}

fn counts(out: &mut Output, counts: &NameCounts) -> io::Result<()> {
    for (name, count) in &counts.names {
        writeln!(out, "  {} {}", grouped(*count), plain(name))?;
    }
    match counts.others {
        0 => Ok(()),
        others => writeln!(out, "  {} others", grouped(others)),
    }
}
