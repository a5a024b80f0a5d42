//! One run in full, as text and as JSON: the event, the rule as it was when the run was planned, why it matched, every
//! attempt and what is next. The explanation is not stored: the stored rule is evaluated again for the stored event.

use std::io::{self, Write};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::report::daemon_state::DaemonState;
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::attempts::{RunLogLine, log_lines};
use crate::report::render::color::{Paint, Tone};
use crate::report::render::diagnostics::number;
use crate::report::render::escape::plain;
use crate::report::render::explanation::recorded_otherwise;
use crate::report::render::gate_line::{GateLine, gate_lines};
use crate::report::render::run_log_json::log_json;
use crate::report::render::{
    comparison, diagnostics, explanation, mode_cap, next_step, notice, run, waiters, window,
};
use crate::report::run::questions::{OpenQuestion, open_questions};
use crate::report::run::successor::Successor;
use crate::report::run::{awaited_target, counterpart, in_progress, shadow_plan};
use crate::report::suspended::sentences;
use crate::report::time_argument::seconds;
use crate::store::History;
use crate::store::history::{RuleAtPlanning, RunDetail, RunRow, SuspendedTarget};
use crate::store::{CommandKind, GivenCommand};
use flowtrigger_core::flow::decide::{Decision, RunInput, decide};
use flowtrigger_core::language::condition::evaluate::Truth;
use flowtrigger_core::language::condition::trace::Trace;
use flowtrigger_core::matching::evaluation::explain::explain_stored;
use flowtrigger_core::matching::explain::Explanation;
use flowtrigger_core::path::redact::is_redacted;
use flowtrigger_core::run::answer_link::AnswerLinks;
use flowtrigger_core::run::exchange::RecordedExchange;
use flowtrigger_core::run::{RunId, RunState};

/// Everything that is known of a run.
pub struct StoredRun {
    pub detail: RunDetail,
    /// What its attempts sent and received.
    pub exchanges: Vec<RecordedExchange>,
    /// The newer run of the same event and rule, if this one ended without its result.
    pub successor: Option<Successor>,
    /// What it waits for, if that is paused or down.
    pub suspended: Option<SuspendedTarget>,
    /// The run of the rule that its rule is compared with, for the same event.
    pub counterpart: Option<RunRow>,
}

impl StoredRun {
    /// `None` if no such run is stored.
    pub fn read(id: RunId, history: &dyn History) -> Result<Option<Self>, CommandError> {
        let Some(detail) = history.run(id)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            exchanges: history.exchanges(id)?,
            successor: Successor::of(history, &detail.row)?,
            suspended: awaited_target::read(&detail.row, history)?,
            counterpart: counterpart::read(&detail.row, history)?,
            detail,
        }))
    }

    /// The entries of its log with their exchanges.
    pub fn lines(&self) -> Vec<RunLogLine<'_>> {
        log_lines(&self.detail.log, &self.exchanges)
    }

    pub fn json(&self, daemon: &DaemonState) -> Result<Value, CommandError> {
        let mut value = detail_json(&self.detail, &self.lines(), daemon)?;
        value["next"] = json!(self.next(daemon));
        value["replayed_as"] = Successor::json(self.successor.as_ref());
        counterpart::add_run(&mut value, self.counterpart.as_ref());
        Ok(value)
    }

    pub fn text(&self, daemon: &DaemonState, out: &mut Output) -> Result<(), CommandError> {
        let lines = self.lines();
        let next = self.next(daemon);
        text(
            &self.detail,
            &lines,
            (daemon, &next),
            &self.comparison(),
            out,
        )
    }

    /// How its rule and the one that it is compared with differ for the event.
    pub fn comparison(&self) -> Option<String> {
        comparison::describe_comparison(&self.detail.row, self.counterpart.as_ref())
    }

    /// What happens next, in one sentence.
    pub fn next(&self, daemon: &DaemonState) -> String {
        let next = next(&self.detail, self.successor.as_ref(), daemon);
        match &self.suspended {
            Some(found) if self.detail.row.state == RunState::Queued => {
                sentences(found, None).join("; ")
            }
            Some(found) => format!("{next}; {}", sentences(found, None).join("; ")),
            None => next,
        }
    }
}

fn text(
    detail: &RunDetail,
    lines: &[RunLogLine<'_>],
    (daemon, next): (&DaemonState, &str),
    comparison: &Option<String>,
    out: &mut Output,
) -> Result<(), CommandError> {
    heading(detail, out)?;
    if let Some(comparison) = comparison {
        writeln!(out, "  {comparison}")?;
    }
    explanation::event(out, &detail.arrived.event)?;
    writeln!(out, "  {}", run::describe_received(&detail.arrived))?;
    evaluation(detail, out)?;
    gates(detail, out)?;
    window::gathered(out, detail)?;
    run::chain(out, detail)?;
    shadow_plan::text(out, detail)?;
    run::log(out, lines)?;
    in_progress::text(out, detail, daemon)?;
    if let Some(trace) = guard(detail) {
        label(out, "guard")?;
        writeln!(out, "did not hold")?;
        explanation::lines(out, &trace, &detail.rule.files)?;
    }
    label(out, "next")?;
    writeln!(out, "{next}")?;
    Ok(())
}

/// What happens next. Of a run that was replayed, the newer run is what matters. A run can be in shadow mode because of
/// its rule, or because of the whole daemon.
fn next(detail: &RunDetail, successor: Option<&Successor>, daemon: &DaemonState) -> String {
    if let Some(successor) = successor {
        return format!(
            "nothing: {}; `flowtrigger runs show {}` shows that run",
            successor.describe(),
            successor.run.0
        );
    }
    let is_shadow = matches!(detail.row.state, RunState::Shadow);
    let config = is_shadow.then(|| detail.rule.version.config());
    let cap = config.and_then(|config| mode_cap::describe(config));
    match cap {
        Some(cap) => format!(
            "nothing: {} keeps every rule in shadow mode; remove it and restart the daemon, then `flowtrigger runs replay {}` acts if the rule itself is live",
            plain(&cap),
            detail.row.id.0
        ),
        None => next_step::next(&detail.row, detail.behind, daemon),
    }
}

fn label(out: &mut Output, text: &str) -> io::Result<()> {
    let paint = Paint::new(out);
    write!(out, "  {}  ", paint.tone(Tone::Bold, text))
}

fn heading(detail: &RunDetail, out: &mut Output) -> io::Result<()> {
    let (paint, row) = (Paint::new(out), &detail.row);
    writeln!(
        out,
        "{} {}  {}  {}",
        paint.tone(Tone::Bold, "run"),
        row.id.0,
        paint.tone(run::tone(&row.state), row.state.as_str()),
        paint.tone(Tone::Bold, &row.rule),
    )?;
    let why = run::why(row);
    if !why.is_empty() {
        writeln!(out, "  {why}")?;
    }
    write!(out, "  planned {}", seconds(row.planned))?;
    if row.changed != row.planned {
        write!(
            out,
            ", {} since {}",
            row.state.as_str(),
            seconds(row.changed)
        )?;
    }
    match &detail.lane {
        Some(lane) => writeln!(
            out,
            "; one at a time with runs of this rule for {}",
            plain(lane)
        )?,
        None => writeln!(out, "; does not wait for other runs")?,
    }
    for note in notes(detail) {
        writeln!(out, "  {note}")?;
    }
    Ok(())
}

/// Notes about related runs, replays and crashes.
pub fn notes(detail: &RunDetail) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(notice::describe_report(&detail.row));
    lines.extend(detail.told_by.as_ref().map(notice::describe_death_notice));
    if detail.generation > 0 {
        let part = detail
            .row
            .replay
            .map(|replay| format!(", a part of replay {replay}"));
        let part = part.unwrap_or_default();
        lines.push(format!("a replay, generation {}{part}", detail.generation));
    }
    lines.extend(waiters::sentences(detail));
    let questions = open_questions(detail).into_iter();
    lines.extend(questions.map(|question| question.sentence(detail.row.id)));
    lines.extend(detail.commands.iter().map(command));
    if detail.suspect {
        lines.push("was running when the daemon ended without shutdown".into());
    }
    if detail.crashes > 0 {
        let times = number(detail.crashes as usize, "time");
        lines.push(format!(
            "its daemon ended without shutdown while it was running, counted {times}; it is held after 3"
        ));
    }
    lines
}

/// `retry by ines, on the page, 2026-11-27 11:02:30`, with the reason if it was rejected.
fn command(command: &GivenCommand) -> String {
    let by = command.by.to_string();
    let note = match command.by.note.as_str() {
        "" => String::new(),
        note => format!(", note: {}", plain(note)),
    };
    let given = format!(
        "{} by {}, {}{note}",
        command.kind.as_str(),
        plain(&by),
        seconds(command.at)
    );
    match &command.result {
        Ok(runs) => match command.kind {
            CommandKind::Replay if !runs.is_empty() => {
                let runs: Vec<String> = runs.iter().map(|run| run.0.to_string()).collect();
                format!("{given}: run {}", runs.join(", "))
            }
            CommandKind::Retry
            | CommandKind::Replay
            | CommandKind::Cancel
            | CommandKind::Answer
            | CommandKind::Pause
            | CommandKind::Resume => given,
        },
        Err(why) => format!("{given}, rejected: {}", plain(why)),
    }
}

fn command_json(command: &GivenCommand) -> Value {
    let runs = command.result.as_ref().map_or(&[][..], Vec::as_slice);
    json!({
        "command": command.kind.as_str(),
        "at": command.at.to_string(),
        "by": command.by.name,
        "from": command.by.origin.as_str(),
        "verified": command.by.origin.is_verified(),
        "note": command.by.note,
        "runs": runs,
        "rejected": command.result.as_ref().err(),
    })
}

fn evaluation(detail: &RunDetail, out: &mut Output) -> Result<(), CommandError> {
    let RuleAtPlanning {
        rule,
        files,
        version,
    } = &detail.rule;
    match rule {
        Ok(rule) => {
            let explanation = explain_stored(rule, files, &detail.arrived.event)?;
            explanation::rule(out, rule, &explanation, files)?;
            if let Some(contradiction) = contradiction(detail, &explanation) {
                explanation::contradiction(out, &contradiction)?;
            }
        }
        Err(errors) => {
            writeln!(
                out,
                "\nthe stored rule, {}:{}, is invalid for this version of the program:",
                version.file(),
                version.line + 1
            )?;
            diagnostics::text(out, files, errors)?;
        }
    }
    Ok(())
}

/// The warning if the rule does not match any more: another version of the program planned the run.
pub fn contradiction(detail: &RunDetail, explanation: &Explanation) -> Option<String> {
    let planned_by_rule = detail.row.tells_of.is_none();
    let differs = explanation.truth != Truth::True && !is_redacted(&detail.arrived.event);
    (planned_by_rule && differs).then(|| recorded_otherwise(true, explanation.truth))
}

fn gates(detail: &RunDetail, out: &mut Output) -> io::Result<()> {
    let lines = gate_lines(detail);
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "  {}", Paint::new(out).tone(Tone::Bold, "gates"))?;
    lines
        .iter()
        .try_for_each(|line| writeln!(out, "    {line}"))
}

/// The guard that ended a skipped run, with the values that it read.
pub fn guard(detail: &RunDetail) -> Option<Trace> {
    if !matches!(detail.row.state, RunState::Skipped { .. }) {
        return None;
    }
    let rule = detail.rule.rule.as_ref().ok()?;
    let input = RunInput {
        event: &detail.arrived.event,
        vars: &rule.vars,
        error: &detail.error,
        locals: &rule.locals_of(&detail.arrived.event),
        seed: "",
        links: AnswerLinks::Hidden,
    };
    let decision = decide(detail.flow()?, &input, &detail.log, Timestamp::MIN);
    let Decision::Skipped { trace, .. } = decision else {
        return None;
    };
    Some(trace)
}

fn detail_json(
    detail: &RunDetail,
    lines: &[RunLogLine<'_>],
    daemon: &DaemonState,
) -> Result<Value, CommandError> {
    let mut value = run::row_json(&detail.row);
    let head = &detail.arrived.head;
    let files = &detail.rule.files;
    let event = &detail.arrived.event;
    let judged = match &detail.rule.rule {
        Ok(rule) => {
            let explanation = explain_stored(rule, files, event)?;
            let mut judged = explanation::rule_json(rule, &explanation, files);
            let recorded = detail.row.tells_of.is_none().then_some("match");
            judged["recorded"] = json!(recorded);
            judged
        }
        Err(errors) => json!({"errors": errors.to_json(files)}),
    };
    let run = |run: Option<RunId>| run.map(|RunId(id)| id);
    value["event"] = explanation::event_json(event);
    value["received"] = json!(head.received.to_string());
    value["redelivered"] = json!(head.redelivered);
    value["judged"] = judged;
    value["gates"] = gate_lines(detail).iter().map(GateLine::json).collect();
    value["gathered"] = window::gathered_json(detail);
    value["chain"] = detail.chain.iter().map(run::row_json).collect();
    value["log"] = log_json(lines);
    value["plan"] = shadow_plan::json(detail);
    value["in_progress"] = in_progress::json(detail);
    value["lane"] = json!(detail.lane);
    value["generation"] = json!(detail.generation);
    value["blocked_by"] = json!(run(detail.behind));
    value["reported_by"] = json!(run(detail.told_by.map(|notice| notice.run)));
    value["reported_with"] = json!(detail.told_by.map(|notice| notice.others));
    value["waits"] = waiters::json(detail);
    value["questions"] = open_questions(detail)
        .iter()
        .map(OpenQuestion::json)
        .collect();
    value["commands"] = detail.commands.iter().map(command_json).collect();
    value["crashes"] = json!(detail.crashes);
    value["guard"] = json!(guard(detail).map(|trace| explanation::trace_json(&trace, files)));
    let obstacle = next_step::obstacle(daemon).filter(|_| !detail.row.state.is_final());
    value["obstacle"] = json!(obstacle);
    Ok(value)
}
