//! The result of a backtest as text and as JSON.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::report::backtest::comparison::RuleComparison;
use crate::report::backtest::difference::{
    BacktestSample, DifferenceCause, DifferingSide, RunDifference,
};
use crate::report::backtest::execute::{BacktestResult, StopReason};
use crate::report::backtest::expectation::UnmetExpectation;
use crate::report::output::Output;
use crate::report::render::color::{Paint, Tone};
use crate::report::render::diagnostics::{grouped, number};
use crate::report::render::escape::plain;
use crate::report::render::suggested_command;
use crate::report::time_argument::seconds;

/// New rules without runs that are named.
const MOST_NEW_RULES: usize = 20;
/// Revisions that a note names.
const MOST_REVISIONS: usize = 5;

/// The result of a backtest with everything that is shown of it.
pub struct BacktestReport<'r> {
    pub result: &'r BacktestResult,
    /// The samples of the rules of the result, in the same order.
    pub samples: &'r [RuleSamples],
    /// What the rules are compared with: `what ran`, `the rules of old/`.
    pub base: &'r str,
    /// The rules of the backtest that are enabled.
    pub rule_count: usize,
    /// New rules for which no run was found.
    pub new_without_runs: &'r [String],
    /// The expectations that do not hold; `None` if there are none to hold.
    pub unmet: Option<&'r [UnmetExpectation]>,
}

/// The samples of one rule.
#[derive(Debug, Default)]
pub struct RuleSamples {
    pub new: Vec<BacktestSample>,
    pub gone: Vec<BacktestSample>,
}

impl BacktestReport<'_> {
    pub fn text(&self, out: &mut Output) -> io::Result<()> {
        let scope = &self.result.scope;
        writeln!(
            out,
            "backtest from {} to {}, compared with {}",
            seconds(scope.since),
            seconds(scope.until),
            plain(self.base)
        )?;
        for (rule, samples) in self.result.rules.iter().zip(self.samples) {
            self.rule_text(rule, samples, out)?;
        }
        for name in self.new_without_runs.iter().take(MOST_NEW_RULES) {
            let name = plain(name);
            let name = Paint::new(out).tone(Tone::Bold, &name).to_string();
            writeln!(
                out,
                "{name}  0 runs: a new rule, which no event of this time starts"
            )?;
        }
        let quiet = self
            .quiet_rules()
            .saturating_sub(self.new_without_runs.len().min(MOST_NEW_RULES));
        if quiet > 0 {
            writeln!(out, "{} without runs, as before", number(quiet, "rule"))?;
        }
        self.coverage_text(out)?;
        for unmet in self.unmet.unwrap_or_default() {
            let label = Paint::new(out).tone(Tone::Red, "not as expected:");
            writeln!(out, "{label} {}", plain(&unmet.text()))?;
        }
        if self.unmet.is_some_and(<[_]>::is_empty) {
            writeln!(out, "all expectations hold")?;
        }
        Ok(())
    }

    fn rule_text(
        &self,
        rule: &RuleComparison,
        samples: &RuleSamples,
        out: &mut Output,
    ) -> io::Result<()> {
        let paint = Paint::new(out);
        let name = plain(&rule.name);
        let runs = number(as_size(rule.after), "run");
        write!(out, "{}  {runs}", paint.tone(Tone::Bold, &name))?;
        match rule.has_changed() {
            false => write!(out, ", as before")?,
            true => {
                let (new, gone) = (signed('+', rule.new), signed('-', rule.gone));
                write!(
                    out,
                    ", before {}:  {} new  {} gone  {} same",
                    grouped(as_size(rule.before)),
                    paint.tone(Tone::Green, &new),
                    paint.tone(Tone::Red, &gone),
                    grouped(as_size(rule.same))
                )?;
            }
        }
        let (kept, before) = (rule.all_kept_back(), rule.all_kept_back_before());
        if kept + before > 0 {
            let gates: Vec<&str> = rule.kept_back.keys().copied().collect();
            let gates = match gates.is_empty() {
                true => "gates".to_owned(),
                false => gates.join(", "),
            };
            write!(out, "  ({gates} kept back {}", grouped(as_size(kept)))?;
            if kept != before {
                write!(out, ", before {}", grouped(as_size(before)))?;
            }
            write!(out, ")")?;
        }
        writeln!(out)?;
        for (sign, samples) in [('+', &samples.new), ('-', &samples.gone)] {
            for sample in samples {
                self.sample_text(&rule.name, sign, sample, out)?;
            }
        }
        let not_evaluated = rule.redacted + rule.runs_deleted;
        if not_evaluated > 0 {
            writeln!(
                out,
                "  {} not evaluated",
                number(as_size(not_evaluated), "event")
            )?;
        }
        Ok(())
    }

    fn sample_text(
        &self,
        rule: &str,
        sign: char,
        sample: &BacktestSample,
        out: &mut Output,
    ) -> io::Result<()> {
        let at = seconds(sample.event.received);
        let key = sample.names.as_ref().and_then(|names| names.key.as_ref());
        let key = key.map(|key| format!("  #{}", plain(key)));
        let differences: Vec<String> = sample.differences.iter().map(|one| one.text()).collect();
        writeln!(
            out,
            "  {sign} {at}{}  {}",
            key.unwrap_or_default(),
            differences.join("; ")
        )?;
        if let Some(command) = why_command(rule, sample) {
            writeln!(out, "    {}", Paint::new(out).tone(Tone::Dim, &command))?;
        }
        Ok(())
    }

    /// Enabled rules that the result does not list.
    fn quiet_rules(&self) -> usize {
        match self.result.scope.rules.is_empty() {
            true => self.rule_count.saturating_sub(self.result.rules.len()),
            false => 0,
        }
    }

    fn coverage_text(&self, out: &mut Output) -> io::Result<()> {
        let coverage = &self.result.coverage;
        write!(
            out,
            "evaluated {}",
            number(as_size(coverage.evaluated()), "event")
        )?;
        let mut rest = Vec::new();
        for (count, what) in [
            (coverage.lost, "lost under load"),
            (coverage.redacted, "redacted"),
            (coverage.deleted, "whose runs were deleted"),
            (coverage.unreadable, "unreadable"),
        ] {
            if count > 0 {
                rest.push(format!("{} {what}", grouped(as_size(count))));
            }
        }
        match rest.is_empty() {
            true => writeln!(out)?,
            false => writeln!(out, "; {}: not evaluated", rest.join(", "))?,
        }
        for note in self.notes() {
            writeln!(out, "note: {note}")?;
        }
        Ok(())
    }

    /// What a reader has to know of the numbers.
    pub fn notes(&self) -> Vec<String> {
        let coverage = &self.result.coverage;
        let mut notes = Vec::new();
        match self.result.stopped {
            Some(StopReason::Cancelled) => notes.push("cancelled before the last event".into()),
            Some(StopReason::Limit) => {
                notes.push(
                    "stopped at the limit of events or time: the counts are of the first part"
                        .into(),
                );
            }
            None => {}
        }
        if let Some(since) = coverage.kept_since {
            notes.push(format!(
                "events before {} may be deleted: `archive.keep_for` and `retention` say how long they are kept",
                seconds(since)
            ));
        }
        if let Some(since) = coverage.lost_known_since {
            notes.push(format!(
                "events that were lost under load are counted from {} on",
                seconds(since)
            ));
        }
        if coverage.archive_is_off {
            notes.push("events that matched no rule are not archived (`archive.events: off`): new matches of them are unknown".into());
        }
        notes.extend(self.revisions_note());
        notes
    }

    /// The revisions that evaluated the events, if there were several.
    fn revisions_note(&self) -> Option<String> {
        let in_force = &self.result.in_force;
        if in_force.len() < 2 {
            return None;
        }
        let shown = in_force.iter().take(MOST_REVISIONS).map(|revision| {
            let events = number(as_size(revision.events), "event");
            let first = seconds(revision.first);
            format!("{} from {first} on ({events})", revision.id.0)
        });
        let mut shown = shown.collect::<Vec<_>>().join(", ");
        if in_force.len() > MOST_REVISIONS {
            shown += ", …";
        }
        Some(format!(
            "the rules or the configuration changed in this time: the events were evaluated by the revisions {shown}"
        ))
    }

    pub fn json(&self) -> Value {
        let BacktestResult {
            scope,
            rules,
            coverage,
            in_force,
            gates_since,
            stopped,
        } = self.result;
        let rules = rules.iter().zip(self.samples);
        let rules = rules.map(|(rule, samples)| rule_json(rule, samples));
        let in_force = in_force.iter().map(|revision| {
            json!({
                "revision": revision.id.0,
                "events": revision.events,
                "first": revision.first,
                "last": revision.last,
            })
        });
        json!({
            "since": scope.since,
            "until": scope.until,
            "against": self.base,
            "changed": self.result.has_changed(),
            "rules": rules.collect::<Vec<Value>>(),
            "without_runs": self.quiet_rules(),
            "new_without_runs": self.new_without_runs,
            "coverage": {
                "events": coverage.events,
                "evaluated": coverage.evaluated(),
                "lost": coverage.lost,
                "lost_known_since": coverage.lost_known_since,
                "redacted": coverage.redacted,
                "runs_deleted": coverage.deleted,
                "unreadable": coverage.unreadable,
                "kept_since": coverage.kept_since,
                "archive_is_off": coverage.archive_is_off,
            },
            "in_force": in_force.collect::<Vec<Value>>(),
            "gates_since": gates_since,
            "stopped": stopped.map(StopReason::as_str),
            "notes": self.notes(),
            "unmet": self.unmet.map(|unmet| {
                unmet.iter().map(UnmetExpectation::json).collect::<Vec<Value>>()
            }),
        })
    }
}

impl BacktestResult {
    /// Whether a rule has other runs than before.
    pub fn has_changed(&self) -> bool {
        self.rules.iter().any(RuleComparison::has_changed)
    }
}

impl StopReason {
    pub fn as_str(self) -> &'static str {
        match self {
            StopReason::Cancelled => "cancelled",
            StopReason::Limit => "limit",
        }
    }
}

fn rule_json(rule: &RuleComparison, samples: &RuleSamples) -> Value {
    let all = |samples: &[BacktestSample]| -> Value {
        let samples = samples.iter();
        samples
            .map(|sample| sample_json(&rule.name, sample))
            .collect()
    };
    json!({
        "rule": rule.name,
        "before": rule.before,
        "after": rule.after,
        "new": rule.new,
        "gone": rule.gone,
        "same": rule.same,
        "kept_back": rule.kept_back,
        "kept_back_before": rule.kept_back_before,
        "redacted": rule.redacted,
        "runs_deleted": rule.runs_deleted,
        "samples": { "new": all(&samples.new), "gone": all(&samples.gone) },
    })
}

fn sample_json(rule: &str, sample: &BacktestSample) -> Value {
    let differences = sample.differences.iter();
    let names = sample.names.as_ref();
    json!({
        "received": sample.event.received,
        "event": names.map(|names| &names.id),
        "endpoint": names.map(|names| &names.endpoint),
        "type": names.map(|names| &names.event_type),
        "key": names.and_then(|names| names.key.as_ref()),
        "before": sample.event.before.as_str(),
        "after": sample.event.after.as_str(),
        "differences": differences.map(|one| one.json()).collect::<Vec<Value>>(),
        "why": why_command(rule, sample),
        "test": sample.test,
    })
}

/// The command that explains the event of a sample.
pub fn why_command(rule: &str, sample: &BacktestSample) -> Option<String> {
    let names = sample.names.as_ref()?;
    let was_there = |one: &RunDifference| {
        (one.side, &one.cause) != (DifferingSide::Before, &DifferenceCause::NoRule)
    };
    // The rules of then do not have a new rule.
    let mut options = match sample.differences.iter().all(was_there) {
        true => format!("--rule {}", suggested_command::argument(rule)),
        false => String::new(),
    };
    if names.endpoint != names.source {
        let endpoint = suggested_command::argument(&names.endpoint);
        options += &format!(" --endpoint {endpoint}");
    }
    Some(suggested_command::why(&names.id, &options))
}

fn signed(sign: char, count: u64) -> String {
    format!("{sign}{}", grouped(as_size(count)))
}

fn as_size(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
