//! `dry-run`: shows which rules match, why, and exactly what would be sent, without sending anything.
//! Uses the same evaluation of the same bytes as the daemon.

mod mock;
mod tick;

use std::io::Write;
use std::path::PathBuf;

use jiff::Timestamp;

use crate::cli::exit::Exit;
use crate::cli::options::{Format, GlobalOptions};
use crate::engine::Rulebook;
use crate::report::dry_run::change;
use crate::report::dry_run::gate_history::{GateHistorySource, opened};
use crate::report::dry_run::{EventAnswer, ShownRules, known_rules};
use crate::report::error::CommandError;
use crate::report::input::{self, Input};
use crate::report::output::Output;
use crate::report::render::diagnostics::number;
use crate::report::render::document::versioned;
use crate::report::render::message;
use crate::report::time_argument::TimeArgument;
use flowtrigger_core::flow::simulate::Mocks;
use flowtrigger_core::matching::evaluation::Evaluation;
use flowtrigger_core::matching::find::MatchScratch;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger dry-run examples/events/zis/priority-changed.json
  flowtrigger dry-run --explain --set ticket.tags='[\"vip\"]' event.json
  flowtrigger dry-run --at 2026-12-24T20:14+01:00 event.json
  flowtrigger dry-run --tick morning-digest
  flowtrigger events ticket.StatusChanged --sample | flowtrigger dry-run --explain -

Exit codes: 0 a rule matches, 1 no rule matches, 4 an input is not an event.";

/// Show which rules match an event, why, and what would be sent, without sending it
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Files with one event, an array or one event per line; `-` reads standard input.
    #[arg(required_unless_present = "tick", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The tick of a rule with `every`, instead of a file: its next one, or the first one from a time on.
    #[arg(long, value_name = "RULE[@TIME]", conflicts_with_all = ["files", "source"])]
    tick: Option<String>,
    /// Explain every rule that listens to the event type, not only matching ones.
    #[arg(long)]
    explain: bool,
    /// Evaluate as if the event happened at this time, for `during`, gates and waits.
    #[arg(long, value_name = "TIME", value_parser = TimeArgument::parse, allow_hyphen_values = true, conflicts_with = "tick")]
    at: Option<TimeArgument>,
    /// Change the event before the evaluation: a path and a JSON value or text.
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Simulate the reply to a step, for the steps after it: its name and a file with the reply,
    /// `{"status": 200, "body": …}`, a list of them, one for each attempt, or `{"fails": "why"}`.
    #[arg(long, value_name = "STEP=FILE")]
    mock: Vec<String>,
    /// Evaluate only these rules.
    #[arg(long, value_name = "NAME")]
    rule: Vec<String>,
    /// Read the input as this configured source. Default: the source that the content belongs to.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Output format; json prints one line per event.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

pub fn run(args: Args, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let book = global.rulebook(None)?;
    known_rules(&args.rule, &book)?;
    let mut changes = args
        .set
        .iter()
        .map(|set| change::parse(set))
        .collect::<Result<Vec<_>, _>>()?;
    let at = args.at.map(|at| at.from(Timestamp::now()));
    changes.extend(at.map(change::to_time));
    let mocks = mock::read(&args.mock, &args.rule, &book)?;
    let inputs: Box<dyn Iterator<Item = Input<'_>>> = match &args.tick {
        Some(tick) => Box::new(std::iter::once(tick::read(tick, &book)?)),
        None => {
            let source = args.source.as_deref();
            Box::new(input::read(&args.files, source, &book.config)?)
        }
    };
    let folder = opened(global.history_if_any());
    let history = GateHistorySource::new(folder.as_deref());
    let history = at.map_or(history, |at| history.at(at));
    let mut summary = DryRunSummary::default();
    let mut scratch = MatchScratch::default();
    for Input { place, event } in inputs {
        match event {
            Ok(event) => {
                let event = change::changed(event, &changes, &book)?;
                let evaluation = book.rules.evaluate(event.as_input(), &mut scratch);
                let evaluation = evaluation.expect("the input was read as an event before");
                summary.events += 1;
                let matched = answer_event(&evaluation, &args, (&book, &mocks), &history, out)?;
                summary.matched += usize::from(matched);
            }
            Err(bad) => {
                summary.bad += 1;
                out.flush()?;
                let text = format!("{place}: {}", bad.message);
                message::error(
                    &mut Output::stderr(global.color),
                    &text,
                    bad.help.as_deref(),
                )?;
            }
        }
        if out.is_closed() {
            break;
        }
    }
    if args.format == Format::Text && summary.events + summary.bad > 1 {
        writeln!(out, "\n{}", summary.describe())?;
    }
    Ok(summary.exit())
}

#[derive(Default)]
struct DryRunSummary {
    events: usize,
    matched: usize,
    bad: usize,
}

impl DryRunSummary {
    fn describe(&self) -> String {
        let bad = match self.bad {
            0 => String::new(),
            bad => format!("; {}", number(bad, "bad input")),
        };
        format!(
            "{}, {} matched{bad}",
            number(self.events, "event"),
            self.matched
        )
    }

    fn exit(&self) -> Exit {
        match (self.bad, self.matched) {
            (1.., _) => Exit::BadEvent,
            (0, 0) => Exit::Negative,
            (0, _) => Exit::Fine,
        }
    }
}

/// Prints the answer for one event; returns whether a rule matched.
fn answer_event(
    evaluation: &Evaluation<'_>,
    args: &Args,
    (book, mocks): (&Rulebook, &Mocks),
    history: &GateHistorySource<'_>,
    out: &mut Output,
) -> Result<bool, CommandError> {
    let answer = EventAnswer::new(evaluation, &args.rule, (book, mocks), history)?;
    let detail = match args.explain {
        true => ShownRules::All,
        false => ShownRules::Matched,
    };
    match args.format {
        Format::Json => writeln!(out, "{}", versioned(answer.json(detail)))?,
        Format::Text => answer.text(detail, out)?,
    }
    Ok(answer.matched())
}

#[cfg(test)]
mod tests;
