//! `run`: reads events, executes their runs as the daemon does, and reports each when its runs have finished.
//! A bad input is reported and does not affect the others.

mod waiting_notice;

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::exit::{CommandError, Exit};
use super::input::{self, InputEvent, ReadEventError};
use super::output::{Color, Output};
use super::render::diagnostics::number;
use super::render::explanation;
use super::render::message;
use crate::cli::options::{Format, GlobalOptions};
use crate::cli::render::color::{Paint, Tone};
use crate::cli::render::escape::plain;
use crate::engine::{
    Engine, EngineError, EngineOptions, EventReport, Matcher, ReceivedEvent, ReloadablePerformer,
    RunReport, StepReport, UnfinishedWork, act, interrupted, performer,
};
use crate::store::{Settings, SqliteStore};
use flowtrigger_core::run::RunState;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger run event.json
  flowtrigger run --format json events.ndjson
  flowtrigger events ticket.PriorityChanged --sample | flowtrigger run -

Exit code: 0 when all went well, 1 when nothing matched or a run is dead, 4 when an input is no event.";

/// How many events make a progress line worth its while.
const LONG: usize = 100;
/// Events that are read before there is work for them. A reader that waits costs nothing, and memory
/// stays bounded.
const AHEAD: usize = 16;

/// Read events, act for real, wait for the end and report.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Files with one event, an array or one event a line; `-` reads standard input.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Read the input as this configured source instead of telling it by its content.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// How the report is printed.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

pub fn run(args: Args, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let book = global.rulebook(None)?;
    input::read(&args.files, args.source.as_deref(), &book.config)?;
    let performer = performer(&book, &global.outbox())?;
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| CommandError::runtime(format!("failed to start: {error}")))?;
    let store = SqliteStore::in_memory(Settings::in_memory()).map_err(EngineError::from)?;
    let mut tally = RunSummary::default();
    let (sender, events) = mpsc::channel(AHEAD);
    let reading = runtime.block_on(async {
        let engine = Engine::start(store, performer, book, EngineOptions::default());
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
            &mut tally,
            out,
        )
        .await?;
        Ok::<_, CommandError>(reading)
    })?;
    // Only here has the input ended; where a signal cut it off, nobody waits for more of it.
    tally.bad = match reading.join() {
        Ok(bad) => bad?,
        Err(panic) => std::panic::resume_unwind(panic),
    };
    if args.format == Format::Text {
        writeln!(out, "\n{}", tally.words())?;
    }
    Ok(tally.exit())
}

/// Reads the input on a thread of its own: standard input may keep it waiting.
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
                        // Nobody listens any more.
                        break;
                    }
                }
                Err(ReadEventError { message, help }) => {
                    bad += 1;
                    let mut stderr = Output::stderr(self.color);
                    let text = format!("{}: {message}", input.place);
                    message::error(&mut stderr, &text, help.as_deref())?;
                    stderr.finish()?;
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

/// Acts on all events and prints each report as it comes.
async fn carry_out(
    engine: &Engine<SqliteStore, ReloadablePerformer>,
    events: mpsc::Receiver<ReceivedEvent>,
    (format, color): (Format, Color),
    tally: &mut RunSummary,
    out: &mut Output,
) -> Result<(), CommandError> {
    let mut failed: io::Result<()> = Ok(());
    let acting = act(engine, events, |report| {
        tally.count(&report);
        let printed = match format {
            Format::Json => writeln!(out, "{}", report_json(&report)),
            Format::Text => text(&report, out),
        };
        // Who follows an input that never ends sees each report as it comes.
        failed = printed
            .and_then(|()| out.flush())
            .and_then(|()| progress(tally.events, out));
        match failed {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    });
    let acted = tokio::select! {
        acted = acting => acted,
        told = waiting_notice::tell(engine, color) => match told? {},
        heard = interrupted() => {
            heard?;
            out.flush()?;
            return Err(cut_off(&engine.left().await, tally.events));
        }
    };
    engine.drain().await;
    acted?;
    Ok(failed?)
}

/// What a signal left undone. Its commands end with the runtime, which drops them.
fn cut_off(left: &UnfinishedWork, done: usize) -> CommandError {
    let runs = match left.runs.as_slice() {
        [] => String::new(),
        runs => {
            let mut rules: Vec<&str> = runs.iter().map(|run| &*run.rule).collect();
            rules.sort_unstable();
            rules.dedup();
            format!(
                "; {} cut off: {}",
                number(runs.len(), "run"),
                rules.join(", ")
            )
        }
    };
    CommandError::runtime(format!(
        "stopped by a signal with {} done{runs}",
        number(done, "event")
    ))
    .help("run the events that were not reported again; what a step did before stays done")
}

/// A line that a person watching a long input sees grow.
fn progress(done: usize, out: &mut Output) -> io::Result<()> {
    if out.terminal && done.is_multiple_of(LONG) {
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

    fn words(&self) -> String {
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
    let paint = Paint::of(out);
    let tone = match run.state {
        RunState::Done => Tone::Green,
        RunState::Dead { .. } => Tone::Red,
        RunState::Queued
        | RunState::Debouncing { .. }
        | RunState::Running
        | RunState::Retrying { .. }
        | RunState::Waiting { .. }
        | RunState::Skipped { .. }
        | RunState::Shadow
        | RunState::Suppressed { .. }
        | RunState::Held { .. }
        | RunState::Cancelled => Tone::Yellow,
    };
    let word = format!("{:8}", run.state.word());
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
            step_words(step, run.message.as_deref())
        )?;
    }
    Ok(())
}

/// A step that failed says why, unless the run's own message said so already.
fn step_words(step: &StepReport, said: Option<&str>) -> String {
    let attempts = match step.attempts {
        1 => String::new(),
        attempts => format!(" after {attempts} attempts"),
    };
    let detail = match (&step.error, &step.note) {
        (Some(error), _) if said.is_some_and(|said| said.ends_with(error)) => String::new(),
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
        "state": run.state.word(),
        "message": run.message,
        "steps": steps.collect::<Vec<_>>(),
    })
}
