//! `runs show --attempt` and `--curl`: prints one attempt of a run with its whole exchange, or the command that
//! repeats it by hand.

use std::io::Write;

use crate::cli::exit::Exit;
use crate::cli::options::{Format, GlobalOptions};
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::attempts::RunLogLine;
use crate::report::render::color::{Paint, Tone};
use crate::report::render::document::versioned;
use crate::report::render::exchange::NO_EXCHANGE;
use crate::report::render::run_log_json::line_json;
use crate::report::render::{exchange, message, repeat, run as run_render};
use crate::store::history::RunDetail;
use flowtrigger_core::run::RunId;
use flowtrigger_core::run::RunState;

/// What to show of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptView {
    Whole(Format),
    /// The command that repeats it.
    Repeat,
}

/// Which attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptChoice {
    Number(usize),
    /// The last one that has an exchange.
    Last,
}

pub fn show(
    detail: &RunDetail,
    lines: &[RunLogLine<'_>],
    (choice, view): (AttemptChoice, AttemptView),
    global: &GlobalOptions,
    out: &mut Output,
) -> Result<Exit, CommandError> {
    let run = detail.row.id;
    let found = match choice {
        AttemptChoice::Number(number) => {
            let mut lines = lines.iter();
            lines.find(|line| line.number() == Some(number))
        }
        AttemptChoice::Last => {
            let mut lines = lines.iter().rev();
            lines.find(|line| line.exchange().is_some())
        }
    };
    let Some(line) = found else {
        return not_found(detail, lines, choice, global, out);
    };
    match view {
        AttemptView::Whole(Format::Json) => {
            if let Some(mut json) = line_json(line) {
                json["run"] = run.0.into();
                writeln!(out, "{}", versioned(json))?;
            }
            Ok(Exit::Fine)
        }
        AttemptView::Whole(Format::Text) => whole(run, line, out),
        AttemptView::Repeat => repeated(run, line, global, out),
    }
}

fn whole(RunId(id): RunId, line: &RunLogLine<'_>, out: &mut Output) -> Result<Exit, CommandError> {
    let paint = Paint::new(out);
    let heading = format!("run {id}, attempt {}", line.number().unwrap_or_default());
    writeln!(out, "{}", paint.tone(Tone::Bold, &heading))?;
    run_render::line_table(line).write(out)?;
    match line.exchange() {
        Some(recorded) => exchange::text(out, recorded)?,
        None => writeln!(out, "  no exchange: {NO_EXCHANGE}")?,
    }
    Ok(Exit::Fine)
}

fn repeated(
    RunId(id): RunId,
    line: &RunLogLine<'_>,
    global: &GlobalOptions,
    out: &mut Output,
) -> Result<Exit, CommandError> {
    let number = line.number().unwrap_or_default();
    let stored = line.exchange().map(|recorded| recorded.exchange.as_ref());
    let command = match stored {
        Some(Some(exchange)) => repeat::command(exchange),
        Some(None) => Err(
            "only its method and address are kept; set `archive: { exchanges: full }` to keep more",
        ),
        None => Err(NO_EXCHANGE),
    };
    match command {
        Ok(command) => {
            writeln!(out, "{command}")?;
            Ok(Exit::Fine)
        }
        Err(why) => {
            let text = format!("attempt {number} of run {id} cannot be repeated: {why}");
            let help =
                format!("`flowtrigger runs show {id} --attempt {number}` shows what is stored");
            rejected(&text, &help, global, out)
        }
    }
}

fn not_found(
    detail: &RunDetail,
    lines: &[RunLogLine<'_>],
    choice: AttemptChoice,
    global: &GlobalOptions,
    out: &mut Output,
) -> Result<Exit, CommandError> {
    let RunId(id) = detail.row.id;
    let last = lines.iter().filter_map(RunLogLine::number).max();
    let has_attempts = lines
        .iter()
        .any(|line| matches!(line, RunLogLine::Attempt { .. }));
    let (text, help) = match (choice, last) {
        (AttemptChoice::Number(number), Some(last)) => (
            format!("run {id} has no attempt {number}; its attempts are 1 to {last}"),
            format!("`flowtrigger runs show {id}` lists its attempts with their numbers"),
        ),
        (_, None) if !has_attempts => (
            format!("run {id} has no attempts"),
            without_attempts(&detail.row.state).to_owned(),
        ),
        (AttemptChoice::Number(_) | AttemptChoice::Last, _) => (
            format!("no attempt of run {id} has an exchange"),
            NO_EXCHANGE.to_owned(),
        ),
    };
    rejected(&text, &help, global, out)
}

/// Why a run in this state has no attempts.
fn without_attempts(state: &RunState) -> &'static str {
    match state {
        RunState::Queued | RunState::Limited { .. } | RunState::Parked { .. } => {
            "it has not started; its state says what it waits for"
        }
        RunState::Debouncing { .. } => "it has not started: it collects events",
        RunState::Running => "its first attempt is in progress, and is stored when it ends",
        RunState::Retrying { .. } | RunState::Waiting { .. } | RunState::Awaiting { .. } => {
            "no step of it has sent anything until now"
        }
        RunState::Done => "it is done, and none of its steps sends anything",
        RunState::Skipped { .. } => "a guard ended it before a step sent anything",
        RunState::Shadow => "a shadow run sends nothing; its plan says what it would send",
        RunState::Dead { .. } => "it died before a step sent anything; the reason is in its state",
        RunState::Held { .. } => "it was held before a step sent anything",
        RunState::Suppressed { .. } => "a gate stopped it before it started",
        RunState::Cancelled => "it was cancelled before a step sent anything",
    }
}

fn rejected(
    text: &str,
    help: &str,
    global: &GlobalOptions,
    out: &mut Output,
) -> Result<Exit, CommandError> {
    out.flush()?;
    let mut stderr = Output::stderr(global.color);
    message::error(&mut stderr, text, Some(help))?;
    stderr.finish()?;
    Ok(Exit::Negative)
}
