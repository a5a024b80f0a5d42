//! `run`: reads events, executes their runs as the daemon does, and reports the results.
//! A bad input is reported and does not affect the others.

mod waiting_notice;

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::exit::Exit;
use crate::cli::options::{Format, GlobalOptions};
use crate::engine::{
    Engine, EngineError, EngineOptions, EventReport, Matcher, ReceivedEvent, ReloadablePerformer,
    RunReport, StepReport, UnfinishedWork, act, interrupted, performer,
};
use crate::report::error::CommandError;
use crate::report::input::{self, InputEvent, ReadEventError};
use crate::report::output::{Color, Output};
use crate::report::render::color::{Paint, Tone};
use crate::report::render::diagnostics::number;
use crate::report::render::document::versioned;
use crate::report::render::escape::plain;
use crate::report::render::explanation;
use crate::report::render::message;
use crate::store::{SqliteStore, StoreSettings};
use flowtrigger_core::run::RunState;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger run event.json
  flowtrigger run --format json events.ndjson
  flowtrigger events ticket.PriorityChanged --sample | flowtrigger run -

Exit codes: 0 all runs succeeded, 1 no rule matched or a run is dead, 4 an input is not an event.";

/// The number of events between two updates of the progress line.
const PROGRESS_EVERY: usize = 100;
/// The number of events that are read ahead. It limits memory.
const READ_AHEAD: usize = 16;

/// Read events, execute their runs, wait until they finish, and report.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Files with one event, an array or one event per line; `-` reads standard input.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Read the input as this configured source. Default: the source that the content belongs to.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Wait for receivers in an outage as long as the daemon does. Default: 5 attempts.
    #[arg(long)]
    wait: bool,
    /// Output format.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

pub fn run(args: Args, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let book = global.rulebook(None)?;
    input::read(&args.files, args.source.as_deref(), &book.config)?;
    let performer = performer(&book, &global.outbox())?;
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| CommandError::runtime(format!("failed to start: {error}")))?;
    let store = SqliteStore::in_memory(StoreSettings::in_memory()).map_err(EngineError::from)?;
    let mut summary = RunSummary::default();
    let (sender, events) = mpsc::channel(READ_AHEAD);
    let reading = runtime.block_on(async {
        let options = EngineOptions {
            waits_for_receivers: args.wait,
            ..EngineOptions::default()
        };
        let engine = Engine::start(store, performer, book, options);
        let reader = InputReader {
            files: args.files,
            source: args.source,
            matcher: engine.matcher(),
            color: global.color,
        };
        let reading = std::thread::spawn(move || reader.read(&sender));
        carry_out(
            &engine,
            events,
            (args.format, global.color),
            &mut summary,
            out,
        )
        .await?;
        Ok::<_, CommandError>(reading)
    })?;
    // Reached only at the end of the input; after a signal nothing waits for the reader.
    summary.bad = match reading.join() {
        Ok(bad) => bad?,
        Err(panic) => std::panic::resume_unwind(panic),
    };
    if args.format == Format::Text {
        writeln!(out, "\n{}", summary.describe())?;
    }
    Ok(summary.exit())
}

/// Reads the input on its own thread, because standard input may block.
struct InputReader {
    files: Vec<PathBuf>,
    source: Option<String>,
    matcher: Matcher,
    color: Color,
}

impl InputReader {
    /// Matches each event and hands it over; reports and counts inputs that are no event.
    fn read(self, events: &mpsc::Sender<ReceivedEvent>) -> Result<usize, CommandError> {
        let config = &self.matcher.rulebook().config;
        let mut bad = 0;
        for input in input::read(&self.files, self.source.as_deref(), config)? {
            match input.event {
                Ok(event) => {
                    if events.blocking_send(self.incoming(event)).is_err() {
                        // The receiver is closed.
                        break;
                    }
                }
                Err(ReadEventError { message, help }) => {
                    bad += 1;
                    let text = format!("{}: {message}", input.place);
                    message::error_to_stderr(self.color, &text, help.as_deref())?;
                }
            }
        }
        Ok(bad)
    }

    fn incoming(&self, event: InputEvent<'_>) -> ReceivedEvent {
        match event {
            InputEvent::Bytes { bytes, format } => {
                let matched = self.matcher.match_bytes(&bytes, format);
                matched.expect("the input was read as one event before")
            }
            InputEvent::Event(event) => self.matcher.match_event(*event),
        }
    }
}

/// Executes the runs of all events and prints each report when it is ready.
async fn carry_out(
    engine: &Engine<SqliteStore, ReloadablePerformer>,
    events: mpsc::Receiver<ReceivedEvent>,
    (format, color): (Format, Color),
    summary: &mut RunSummary,
    out: &mut Output,
) -> Result<(), CommandError> {
    let mut failed: io::Result<()> = Ok(());
    let acting = act(engine, events, |report| {
        summary.count(&report);
        let printed = match format {
            Format::Json => writeln!(out, "{}", versioned(report_json(&report))),
            Format::Text => text(&report, out),
        };
        // Flushed after each report, because the input may be endless.
        failed = printed
            .and_then(|()| out.flush())
            .and_then(|()| progress(summary.events, out));
        match failed {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    });
    let acted = tokio::select! {
        acted = acting => acted,
        never = waiting_notice::run(engine, color) => match never? {},
        signal = interrupted() => {
            signal?;
            out.flush()?;
            return Err(interrupted_error(&engine.left().await, summary.events));
        }
    };
    engine.drain().await;
    acted?;
    Ok(failed?)
}

/// The error that lists what a signal interrupted. Running commands end with the runtime.
fn interrupted_error(left: &UnfinishedWork, done: usize) -> CommandError {
    let runs = match left.runs.as_slice() {
        [] => String::new(),
        runs => {
            let mut rules: Vec<&str> = runs.iter().map(|run| &*run.rule).collect();
            rules.sort_unstable();
            rules.dedup();
            format!(
                "; {} interrupted: {}",
                number(runs.len(), "run"),
                rules.join(", ")
            )
        }
    };
    CommandError::runtime(format!(
        "stopped by a signal with {} done{runs}",
        number(done, "event")
    ))
    .help("run the events without a report again; effects of completed steps remain")
}

/// Updates the progress line on a terminal.
fn progress(done: usize, out: &mut Output) -> io::Result<()> {
    if out.terminal && done.is_multiple_of(PROGRESS_EVERY) {
        write!(io::stderr(), "\r{done} events ")?;
    }
    Ok(())
}

#[derive(Debug, Default)]
struct RunSummary {
    events: usize,
    matched: usize,
    runs: usize,
    dead: usize,
    bad: usize,
}

impl RunSummary {
    fn count(&mut self, report: &EventReport) {
        self.events += 1;
        self.matched += usize::from(!report.matched.is_empty());
        self.runs += report.runs.len();
        let dead = report
            .runs
            .iter()
            .filter(|run| matches!(run.state, RunState::Dead { .. }));
        self.dead += dead.count();
    }

    fn describe(&self) -> String {
        let RunSummary {
            events,
            matched,
            runs,
            dead,
            bad,
        } = self;
        let bad = match bad {
            0 => String::new(),
            bad => format!("; {}", number(*bad, "bad input")),
        };
        let (events, runs) = (number(*events, "event"), number(*runs, "run"));
        format!("{events}, {matched} matched; {runs}, {dead} dead{bad}")
    }

    fn exit(&self) -> Exit {
        if self.bad > 0 {
            return Exit::BadEvent;
        }
        match self.dead == 0 && self.matched > 0 {
            true => Exit::Fine,
            false => Exit::Negative,
        }
    }
}

fn text(report: &EventReport, out: &mut Output) -> io::Result<()> {
    explanation::brief(out, &report.event)?;
    if report.redelivered {
        writeln!(out, "  received before: nothing runs twice")?;
    } else if report.matched.is_empty() {
        writeln!(
            out,
            "  no rule matched; `flowtrigger dry-run --explain` says why"
        )?;
    }
    report.runs.iter().try_for_each(|run| run_text(run, out))
}

fn run_text(run: &RunReport, out: &mut Output) -> io::Result<()> {
    let paint = Paint::new(out);
    let tone = match run.state {
        RunState::Done => Tone::Green,
        RunState::Dead { .. } => Tone::Red,
        RunState::Queued
        | RunState::Debouncing { .. }
        | RunState::Running
        | RunState::Retrying { .. }
        | RunState::Limited { .. }
        | RunState::Parked { .. }
        | RunState::Waiting { .. }
        | RunState::Awaiting { .. }
        | RunState::Skipped { .. }
        | RunState::Shadow
        | RunState::Suppressed { .. }
        | RunState::Held { .. }
        | RunState::Cancelled => Tone::Yellow,
    };
    let word = format!("{:8}", run.state.as_str());
    write!(
        out,
        "  {}  {}",
        paint.tone(tone, &word),
        paint.tone(Tone::Bold, &run.rule)
    )?;
    match &run.message {
        Some(message) => writeln!(out, "  {}", plain(message))?,
        None => writeln!(out)?,
    }
    for step in &run.steps {
        writeln!(
            out,
            "            {}",
            describe_step(step, run.message.as_deref())
        )?;
    }
    Ok(())
}

/// Describes a step. The error is left out if the message of the run ends with it.
fn describe_step(step: &StepReport, run_message: Option<&str>) -> String {
    let attempts = match step.attempts {
        1 => String::new(),
        attempts => format!(" after {attempts} attempts"),
    };
    let detail = match (&step.error, &step.note) {
        (Some(error), _) if run_message.is_some_and(|message| message.ends_with(error)) => {
            String::new()
        }
        (Some(error), _) => format!(": {}", plain(error)),
        (None, Some(note)) => format!("  {}", plain(note)),
        (None, None) => String::new(),
    };
    format!("{} {}{attempts}{detail}", step.name, step.outcome)
}

fn report_json(report: &EventReport) -> Value {
    let runs: Vec<Value> = report.runs.iter().map(run_json).collect();
    let mut line = json!({
        "event": explanation::brief_json(&report.event),
        "matched": report.matched,
        "runs": runs,
        "warnings": report.event.warnings,
    });
    if report.redelivered {
        line["redelivered"] = true.into();
    }
    line
}

fn run_json(run: &RunReport) -> Value {
    let steps = run.steps.iter().map(|step| {
        json!({
            "name": step.name,
            "attempts": step.attempts,
            "outcome": step.outcome,
            "error": step.error,
        })
    });
    json!({
        "rule": run.rule,
        "state": run.state.as_str(),
        "message": run.message,
        "steps": steps.collect::<Vec<_>>(),
    })
}
