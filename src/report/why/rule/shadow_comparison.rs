//! Compares a rule with its shadow version by the runs of the last days: how often both start a run for an event, and the
//! events for which only one of them does.

use std::io::{self, Write};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::color::{Paint, Tone};
use crate::report::render::diagnostics::number;
use crate::report::render::escape::plain;
use crate::report::render::suggested_command;
use crate::report::time_argument::seconds;
use crate::store::History;
use crate::store::history::{Page, RunComparison, RunFilter, RunRow};
use flowtrigger_core::rule::Rule;

/// Runs that are counted for each outcome.
const MAX_COUNTED: usize = 10_000;
/// Events that are named for each difference.
const MAX_EXAMPLES: usize = 3;

pub struct ShadowComparison {
    /// The rule that acts.
    pub rule: String,
    pub shadow: String,
    pub since: Timestamp,
    /// Events for which both start a run.
    pub same: u64,
    pub only_rule: RunsOfOne,
    pub only_shadow: RunsOfOne,
}

/// Events for which only one of the two rules starts a run.
pub struct RunsOfOne {
    pub count: u64,
    /// The newest runs.
    pub examples: Vec<RunRow>,
}

impl ShadowComparison {
    /// Reads how a rule of a pair compares with the other one.
    pub fn read(
        rule: &Rule,
        other: &str,
        since: Timestamp,
        history: &dyn History,
    ) -> Result<Self, CommandError> {
        let (rule, shadow) = match rule.is_shadow_version() {
            true => (other, rule.name.as_str()),
            false => (rule.name.as_str(), other),
        };
        let same = of_pair(rule, RunComparison::Same, since);
        Ok(Self {
            same: history.run_totals(&same, MAX_COUNTED)?.all(),
            only_rule: RunsOfOne::read(rule, since, history)?,
            only_shadow: RunsOfOne::read(shadow, since, history)?,
            rule: rule.to_owned(),
            shadow: shadow.to_owned(),
            since,
        })
    }

    /// The counts in one sentence.
    pub fn sentence(&self) -> String {
        format!(
            "last 7 days: both start a run for {}; only `{}` for {}; only `{}` for {}",
            events(self.same),
            plain(&self.rule),
            events(self.only_rule.count),
            plain(&self.shadow),
            events(self.only_shadow.count)
        )
    }

    pub fn text(&self, out: &mut Output) -> io::Result<()> {
        let heading = Paint::new(out).tone(Tone::Bold, "shadow").to_string();
        writeln!(out, "  {heading}  {}", self.sentence())?;
        for (name, found, other) in [
            (&self.rule, &self.only_rule, &self.shadow),
            (&self.shadow, &self.only_shadow, &self.rule),
        ] {
            for run in &found.examples {
                let event = &run.event;
                let rule = format!("--rule {}", suggested_command::argument(other));
                writeln!(
                    out,
                    "    {}  only `{}`, run {}; `{}`",
                    seconds(run.planned),
                    plain(name),
                    run.id.0,
                    suggested_command::why(event, &rule)
                )?;
            }
            if found.count > found.examples.len() as u64 {
                let rule = suggested_command::argument(name);
                writeln!(
                    out,
                    "    all of them: `flowtrigger runs list --rule {rule} --shadow-differs`"
                )?;
            }
        }
        Ok(())
    }

    pub fn json(&self) -> Value {
        let examples = |found: &RunsOfOne| {
            let examples = found.examples.iter();
            let examples = examples.map(|run| json!({"run": run.id.0, "event": run.event, "planned": run.planned.to_string()}));
            examples.collect::<Vec<_>>()
        };
        json!({
            "rule": self.rule,
            "shadow": self.shadow,
            "since": self.since.to_string(),
            "same": self.same,
            "only_rule": {"count": self.only_rule.count, "examples": examples(&self.only_rule)},
            "only_shadow": {"count": self.only_shadow.count, "examples": examples(&self.only_shadow)},
        })
    }
}

impl RunsOfOne {
    fn read(rule: &str, since: Timestamp, history: &dyn History) -> Result<Self, CommandError> {
        let filter = of_pair(rule, RunComparison::Different, since);
        Ok(Self {
            count: history.run_totals(&filter, MAX_COUNTED)?.all(),
            examples: history.runs(&filter, Page::first(MAX_EXAMPLES))?,
        })
    }
}

fn of_pair(rule: &str, comparison: RunComparison, since: Timestamp) -> RunFilter {
    RunFilter {
        rule: Some(rule.to_owned()),
        since: Some(since),
        comparison: Some(comparison),
        ..RunFilter::default()
    }
}

/// `3 events`; the count ends at a limit.
fn events(count: u64) -> String {
    let limit = MAX_COUNTED as u64;
    let counted = number(usize::try_from(count).unwrap_or(usize::MAX), "event");
    match count >= limit {
        true => format!("at least {counted}"),
        false => counted,
    }
}
