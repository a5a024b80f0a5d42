//! `dry-run`: shows which rules match, why, and exactly what would be sent, without sending anything.
//! Uses the same evaluation of the same bytes as the daemon.

mod change;
mod gate_history;
mod mock;
mod unmatched;

use std::io::{self, Write};
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::action::jq;
use crate::cli::dry_run::gate_history::GateHistorySource;
use crate::cli::dry_run::unmatched::UnmatchedSummary;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::input::{self, Input};
use crate::cli::options::{Format, GlobalOptions};
use crate::cli::output::Output;
use crate::cli::render::diagnostics::number;
use crate::cli::render::document::versioned;
use crate::cli::render::escape::plain;
use crate::cli::render::{explanation, gates, message, mode_cap, plan};
use crate::engine::Rulebook;
use flowtrigger_core::config::Config;
use flowtrigger_core::config::integrations::SimulatedSettings;
use flowtrigger_core::document::suggest::nearest;
use flowtrigger_core::event::Event;
use flowtrigger_core::flow::plan::PlanStep;
use flowtrigger_core::flow::simulate::{Mocks, answer};
use flowtrigger_core::language::condition::evaluate::Truth;
use flowtrigger_core::matching::evaluation::Evaluation;
use flowtrigger_core::matching::explain::Explanation;
use flowtrigger_core::matching::find::MatchScratch;
use flowtrigger_core::matching::gate_status;
use flowtrigger_core::matching::gate_status::GateStatus;
use flowtrigger_core::matching::loop_guard_status;
use flowtrigger_core::matching::loop_guard_status::LoopGuardStatus;
use flowtrigger_core::rule::Rule;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger dry-run examples/events/zis/priority-changed.json
  flowtrigger dry-run --explain --set ticket.tags='[\"vip\"]' event.json
  flowtrigger events ticket.StatusChanged --sample | flowtrigger dry-run --explain -

Exit codes: 0 a rule matches, 1 no rule matches, 4 an input is not an event.";

/// Show which rules match an event, why, and what would be sent, without sending it
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Files with one event, an array or one event per line; `-` reads standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Explain every rule that listens to the event type, not only matching ones.
    #[arg(long)]
    explain: bool,
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

/// One rule's part of the answer.
struct RuleAnswer<'r> {
    rule: &'r Rule,
    /// The verdict: a disabled rule never matches, whatever its condition says.
    matched: bool,
    explanation: Explanation,
    /// `None` if the rule does not match or writes nothing.
    loops: Option<LoopGuardStatus>,
    /// Empty if the rule does not match.
    gates: Vec<GateStatus<'r>>,
    plan: Vec<PlanStep<'r>>,
}

pub fn run(args: Args, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let book = global.rulebook(None)?;
    known_rules(&args.rule, &book)?;
    let changes = args
        .set
        .iter()
        .map(|set| change::parse(set))
        .collect::<Result<Vec<_>, _>>()?;
    let mocks = mock::read(&args.mock, &args.rule, &book)?;
    let inputs = input::read(&args.files, args.source.as_deref(), &book.config)?;
    let (history, mut summary) = (GateHistorySource::new(global), DryRunSummary::default());
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
    history: &GateHistorySource,
    out: &mut Output,
) -> Result<bool, CommandError> {
    let event = evaluation.event();
    let is_selected = |rule: &Rule| args.rule.is_empty() || args.rule.contains(&rule.name);
    let subscribed = evaluation.subscribed().into_iter().map(|rule| &**rule);
    let listening = evaluation.subscribed().len();
    let answers = subscribed
        .filter(|rule| is_selected(rule))
        .map(|rule| answer_for_rule(rule, evaluation, history, (mocks, &book.config)))
        .collect::<Result<Vec<RuleAnswer<'_>>, CommandError>>()?;
    let matched = answers.iter().any(|answer| answer.matched);
    match args.format {
        Format::Json => {
            let mut answer = answer_json(event, &answers, args, book);
            answer["read"] = evaluation.read().as_str().into();
            writeln!(out, "{}", versioned(answer))?;
        }
        Format::Text => answer_text(event, (&answers, listening), args, book, out)?,
    }
    Ok(matched)
}

fn answer_for_rule<'r>(
    rule: &'r Rule,
    evaluation: &'r Evaluation<'_>,
    history: &GateHistorySource,
    known: (&Mocks, &Config),
) -> Result<RuleAnswer<'r>, CommandError> {
    let event = evaluation.event();
    let explanation = evaluation.explain(rule)?;
    let (loops, gates, plan) = match explanation.truth {
        Truth::True => (
            loop_guard_status::loop_guard_status(rule, event, |ask| {
                history.consult_loops(rule, ask)
            }),
            gate_status::gate_status(rule, event, |asks| history.consult(rule, asks)),
            plan_flow(rule, evaluation, known),
        ),
        Truth::False | Truth::Unknown => (None, Vec::new(), Vec::new()),
    };
    Ok(RuleAnswer {
        rule,
        matched: evaluation.matches(rule),
        explanation,
        loops,
        gates,
        plan,
    })
}

/// Plans the flow of a rule for an event, with known replies.
pub fn plan_flow<'r>(
    rule: &'r Rule,
    evaluation: &'r Evaluation<'_>,
    (mocks, config): (&Mocks, &Config),
) -> Vec<PlanStep<'r>> {
    let now = evaluation.event().time.unwrap_or_else(Timestamp::now);
    let mut settings = SimulatedSettings::new(config);
    evaluation.plan(rule, now, &mut |task| {
        let given = answer(mocks, task, now).or_else(|| jq::outcome(&task.call));
        given.or_else(|| settings.outcome(&task.call))
    })
}

impl RuleAnswer<'_> {
    /// Whether the condition holds, also of a disabled rule.
    fn holds(&self) -> bool {
        self.explanation.truth == Truth::True
    }
}

fn answer_json(event: &Event, answers: &[RuleAnswer<'_>], args: &Args, book: &Rulebook) -> Value {
    let files = &book.rules.files;
    let matched: Vec<&str> = answers
        .iter()
        .filter(|j| j.matched)
        .map(|j| j.rule.name.as_str())
        .collect();
    let rules: Vec<Value> = answers
        .iter()
        .filter(|j| args.explain || j.matched)
        .map(|j| {
            let mut rule = explanation::rule_json(j.rule, &j.explanation, files);
            rule["gates"] = gates::json(j.loops.as_ref(), &j.gates);
            rule["plan"] = plan::json(&j.plan, &book.config.outgoing, files);
            rule["on_dead"] = plan::on_dead_json(j.rule, files);
            rule
        })
        .collect();
    json!({
        "event": explanation::event_json(event),
        "matched": matched,
        "rules": rules,
        "warnings": event.warnings,
        "mode_limit": mode_cap::sentence(&book.config),
    })
}

fn answer_text(
    event: &Event,
    (answers, listening): (&[RuleAnswer<'_>], usize),
    args: &Args,
    book: &Rulebook,
    out: &mut Output,
) -> io::Result<()> {
    let files = &book.rules.files;
    explanation::event(out, event)?;
    for j in answers.iter().filter(|j| args.explain || j.matched) {
        explanation::rule(out, j.rule, &j.explanation, files)?;
        gates::text(out, j.loops.as_ref(), &j.gates)?;
        plan::text(out, &j.plan, j.rule, (&book.config.outgoing, files))?;
    }
    if !answers.iter().any(|j| j.matched) {
        let holds = answers.iter().filter(|answers| answers.holds());
        let summary = UnmatchedSummary {
            source: &event.source,
            event_type: &event.event_type,
            named: args.rule.len(),
            judged: answers.len(),
            listening,
            rules: book.rules.rules.len(),
            disabled: holds.map(|answers| answers.rule.name.as_str()).collect(),
            explained: args.explain,
        };
        writeln!(out, "\n{summary}")?;
    }
    if let Some(limit) = mode_cap::sentence(&book.config) {
        writeln!(out, "\n{}", plain(&limit))?;
    }
    Ok(())
}

/// Checks that every name is the name of a rule.
pub fn known_rules(names: &[String], book: &Rulebook) -> Result<(), CommandError> {
    let rules = &book.rules.rules;
    let Some(unknown) = names
        .iter()
        .find(|name| !rules.iter().any(|rule| rule.name == **name))
    else {
        return Ok(());
    };
    let failure = CommandError::usage(format!("no rule is called `{unknown}`"));
    Err(
        match nearest(unknown, rules.iter().map(|rule| rule.name.as_str())) {
            Some(near) => failure.help(format!("did you mean `{near}`?")),
            None => failure,
        },
    )
}

#[cfg(test)]
mod tests;
