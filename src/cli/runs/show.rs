//! `runs show`: one run in full, with the rule as it was when the run was planned.
//! The explanation is not stored: the stored rule is evaluated again for the stored event, and the run itself
//! shows that the rule matched.

use std::io::{self, Write};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Show;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::options::{Format, GlobalOptions};
use crate::cli::output::Output;
use crate::cli::render::color::{Paint, Tone};
use crate::cli::render::diagnostics::number;
use crate::cli::render::escape::plain;
use crate::cli::render::explanation::recorded_otherwise;
use crate::cli::render::{diagnostics, explanation, message, run, window};
use crate::cli::time_argument::seconds;
use crate::store::history::{RuleAtPlanning, RunDetail};
use flowtrigger_core::flow::decide::{Decision, RunInput, next};
use flowtrigger_core::language::condition::evaluate::Truth;
use flowtrigger_core::language::condition::trace::Trace;
use flowtrigger_core::matching::evaluation::explain::explain_stored;
use flowtrigger_core::matching::explain::Explanation;
use flowtrigger_core::path::redact::is_redacted;
use flowtrigger_core::run::{RunId, RunState};

pub fn run(args: Show, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let journal = global.history()?;
    let mut exit = Exit::Fine;
    for (number, id) in args.ids.into_iter().enumerate() {
        let Some(story) = journal.run(RunId(id))? else {
            out.flush()?;
            let mut stderr = Output::stderr(global.color);
            let help = "`flowtrigger runs list` lists the stored runs; old runs are deleted";
            message::error(&mut stderr, &format!("there is no run {id}"), Some(help))?;
            stderr.finish()?;
            exit = Exit::Negative;
            continue;
        };
        match args.format {
            Format::Json => writeln!(out, "{}", story_json(&story)?)?,
            Format::Text => {
                if number > 0 {
                    writeln!(out)?;
                }
                text(&story, out)?;
            }
        }
    }
    Ok(exit)
}

fn text(story: &RunDetail, out: &mut Output) -> Result<(), CommandError> {
    heading(story, out)?;
    explanation::event(out, &story.arrived.event)?;
    writeln!(out, "  {}", run::describe_received(&story.arrived))?;
    judged(story, out)?;
    gates(story, out)?;
    window::gathered(out, story)?;
    run::chain(out, story)?;
    run::log(out, &story.log)?;
    if let Some(trace) = guard(story) {
        label(out, "guard")?;
        writeln!(out, "did not hold")?;
        explanation::lines(out, &trace, &story.rule.files)?;
    }
    label(out, "next")?;
    writeln!(out, "{}", run::next(&story.row, story.behind))?;
    Ok(())
}

fn label(out: &mut Output, word: &str) -> io::Result<()> {
    let paint = Paint::of(out);
    write!(out, "  {}  ", paint.tone(Tone::Bold, word))
}

fn heading(story: &RunDetail, out: &mut Output) -> io::Result<()> {
    let (paint, row) = (Paint::of(out), &story.row);
    writeln!(
        out,
        "{} {}  {}  {}",
        paint.tone(Tone::Bold, "run"),
        row.id.0,
        paint.tone(run::tone(&row.state), row.state.word()),
        paint.tone(Tone::Bold, &row.rule),
    )?;
    let why = run::why(row);
    if !why.is_empty() {
        writeln!(out, "  {why}")?;
    }
    write!(out, "  planned {}", seconds(row.planned))?;
    if row.changed != row.planned {
        write!(out, ", {} since {}", row.state.word(), seconds(row.changed))?;
    }
    match &story.lane {
        Some(lane) => writeln!(
            out,
            "; one at a time with runs of this rule for {}",
            plain(lane)
        )?,
        None => writeln!(out, "; does not wait for other runs")?,
    }
    for beside in beside(story) {
        writeln!(out, "  {beside}")?;
    }
    Ok(())
}

/// What other runs and earlier lives have to do with it.
fn beside(story: &RunDetail) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(RunId(dead)) = story.row.tells_of {
        lines.push(format!("reports that run {dead} is dead"));
    }
    if let Some(RunId(told)) = story.told_by {
        lines.push(format!("run {told} reports that it is dead"));
    }
    if story.generation > 0 {
        lines.push(format!("a replay, generation {}", story.generation));
    }
    if story.suspect {
        lines.push("was running when the daemon ended without shutdown".into());
    }
    if story.crashes > 0 {
        let times = number(story.crashes as usize, "time");
        lines.push(format!(
            "the daemon crashed {times} while only this run was running"
        ));
    }
    lines
}

fn judged(story: &RunDetail, out: &mut Output) -> Result<(), CommandError> {
    let RuleAtPlanning {
        rule,
        files,
        version,
    } = &story.rule;
    match rule {
        Ok(rule) => {
            let explanation = explain_stored(rule, files, &story.arrived.event)?;
            explanation::rule(out, rule, &explanation, files)?;
            if let Some(contradiction) = contradiction(story, &explanation) {
                explanation::contradiction(out, &contradiction)?;
            }
        }
        Err(found) => {
            writeln!(
                out,
                "\nthe stored rule, {}:{}, is invalid for this version of the program:",
                version.file(),
                version.line + 1
            )?;
            diagnostics::text(out, files, found)?;
        }
    }
    Ok(())
}

/// What to say where the rule does not match any more: another version of the program planned the run.
fn contradiction(story: &RunDetail, explanation: &Explanation) -> Option<String> {
    let planned_by_rule = story.row.tells_of.is_none();
    let differs = explanation.truth != Truth::True && !is_redacted(&story.arrived.event);
    (planned_by_rule && differs).then(|| recorded_otherwise(true, explanation.truth))
}

fn gates(story: &RunDetail, out: &mut Output) -> io::Result<()> {
    let lines = run::gate_lines(story);
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "  {}", Paint::of(out).tone(Tone::Bold, "gates"))?;
    lines
        .iter()
        .try_for_each(|line| writeln!(out, "    {line}"))
}

/// The guard that ended a skipped run, with what it saw.
fn guard(story: &RunDetail) -> Option<Trace> {
    if !matches!(story.row.state, RunState::Skipped { .. }) {
        return None;
    }
    let rule = story.rule.rule.as_ref().ok()?;
    let subject = RunInput {
        event: &story.arrived.event,
        vars: &rule.vars,
        error: &story.error,
        locals: &rule.locals_of(&story.arrived.event),
        seed: "",
    };
    match next(story.flow()?, &subject, &story.log, Timestamp::MIN) {
        Decision::Skipped { trace, .. } => Some(trace),
        Decision::Perform { .. }
        | Decision::Record(_)
        | Decision::Retry { .. }
        | Decision::Wait { .. }
        | Decision::Done { .. }
        | Decision::Dead { .. }
        | Decision::Hold { .. } => None,
    }
}

fn story_json(story: &RunDetail) -> Result<Value, CommandError> {
    let mut value = run::row_json(&story.row);
    let head = &story.arrived.head;
    let files = &story.rule.files;
    let event = &story.arrived.event;
    let judged = match &story.rule.rule {
        Ok(rule) => {
            let explanation = explain_stored(rule, files, event)?;
            let mut judged = explanation::rule_json(rule, &explanation, files);
            let recorded = story.row.tells_of.is_none().then_some("match");
            judged["recorded"] = json!(recorded);
            judged
        }
        Err(found) => json!({"errors": diagnostics::json(files, found)}),
    };
    let run = |run: Option<RunId>| run.map(|RunId(id)| id);
    value["event"] = explanation::event_json(event);
    value["received"] = json!(head.received.to_string());
    value["redelivered"] = json!(head.redelivered);
    value["judged"] = judged;
    value["gates"] = run::gate_lines(story).into_iter().collect();
    value["gathered"] = window::gathered_json(story);
    value["chain"] = story.chain.iter().map(run::row_json).collect();
    value["log"] = run::log_json(story);
    value["lane"] = json!(story.lane);
    value["generation"] = json!(story.generation);
    value["blocked_by"] = json!(run(story.behind));
    value["reported_by"] = json!(run(story.told_by));
    value["crashes"] = json!(story.crashes);
    value["guard"] = json!(guard(story).map(|trace| explanation::trace_json(&trace, files)));
    value["next"] = json!(run::next(&story.row, story.behind));
    Ok(value)
}
