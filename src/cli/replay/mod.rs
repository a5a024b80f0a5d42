//! `replay`: plans stored events again with the current rules, those that matched nothing included. It shows what it
//! would do and asks, keeps an order and a rate, and continues after an interruption.

pub mod current_rules;
mod destination;
mod execute;
mod interrupt;
pub mod schema;
mod selection;

use std::io::Write;

use jiff::Timestamp;

use crate::cli::daemon_state::flush_archive;
use crate::cli::exit::Exit;
use crate::cli::options::{Format, GlobalOptions};
use crate::cli::progress::ProgressLine;
use crate::cli::runs::admin_client::AdminClient;
use crate::cli::runs::confirm::{self, Consent, ConsentQuestion};
use crate::report::dry_run::known_rules;
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::diagnostics::{grouped, number};
use crate::report::render::message;
use crate::report::replay::assess::Assessor;
use crate::report::replay::current_rules::RulesOrigin;
use crate::report::replay::execution::{ReplayEnd, ReplayExecution};
use crate::report::replay::lock::ReplayLock;
use crate::report::replay::rate::ReplayRate;
use crate::report::replay::report::{ReplayReport, describe_runs, result_json};
use crate::report::replay::scope::ReplayScope;
use crate::report::replay::state_file::ReplayFile;
use crate::report::replay::summary::ReplaySummary;
use crate::store::ReplayId;
use current_rules::load_rules;
use destination::ReplayDestination;
use execute::PrintedReplay;
use flowtrigger_core::matching::find::MatchScratch;
use interrupt::InterruptFlag;
use interrupt::NothingStarted;
use selection::{EventSelection, SELECTION};

const AFTER_HELP: &str = "\
Examples:
  flowtrigger replay --since -1h --unmatched --dry-run      what would run now
  flowtrigger replay --since 2026-01-07T09:00 --until 2026-01-07T10:00 --rule page-urgent
  flowtrigger replay --since -1d --earlier dead,cancelled --rate 60/m --yes
  flowtrigger replay --resume r63f1a2b4c5d6e                continue an interrupted replay

Events are replayed in the order of their receipt, without gates, under new idempotency keys. The
same command continues an interrupted replay; a replay starts no second run of an event and rule.
Times are UTC. Exit codes: 0 success, 1 nothing to replay or an event was rejected, 2 nobody to ask,
5 interrupted.";

/// Replay stored events with the current rules, also those that matched nothing
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Continue an interrupted replay.
    #[arg(long, value_name = "ID", conflicts_with_all = SELECTION)]
    resume: Option<ReplayId>,
    #[command(flatten)]
    options: ReplayOptions,
    #[command(flatten)]
    selection: EventSelection,
}

/// How a replay is shown and executed.
#[derive(Debug, Clone, clap::Args)]
pub struct ReplayOptions {
    /// Runs to start in a time, at most: 10/s, 600/m or 3600/h.
    /// [default: 10/s, or that of the replay that continues]
    #[arg(long, value_name = "RATE")]
    pub rate: Option<ReplayRate>,
    /// Do not ask.
    #[arg(long)]
    pub yes: bool,
    /// Begin a new replay, even if the same command was interrupted before or another replay is in progress.
    #[arg(long)]
    pub new: bool,
    /// Only show the summary.
    #[arg(long)]
    pub dry_run: bool,
    /// Output format; json prints the summary, each run and the result as one line each.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
}

pub fn run(args: Args, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    if let Some(id) = args.resume {
        let file = ReplayFile::load(&global.data, id)?;
        return replay(file, &args.options, global, out);
    }
    let command = format!("replay {:?}", args.selection);
    let selection = args.selection;
    let scope = || Ok(ReplayScope::Archive(selection.scope(Timestamp::now())?));
    begin(command, scope, &args.options, global, out)
}

/// Begins a replay, or continues the one that the same command began.
pub fn begin(
    command: String,
    scope: impl FnOnce() -> Result<ReplayScope, CommandError>,
    options: &ReplayOptions,
    global: &GlobalOptions,
    out: &mut Output,
) -> Result<Exit, CommandError> {
    let unfinished = match options.new {
        true => None,
        false => ReplayFile::find(&global.data, &command)?,
    };
    let file = match unfinished {
        Some(file) => file,
        None => {
            let (scope, now) = (scope()?, Timestamp::now());
            ReplayFile::new(ReplayId::starting_at(now), now, command, scope)
        }
    };
    replay(file, options, global, out)
}

/// Shows what a replay would do from where it is, asks, and executes it.
fn replay(
    mut file: ReplayFile,
    options: &ReplayOptions,
    global: &GlobalOptions,
    out: &mut Output,
) -> Result<Exit, CommandError> {
    let interrupt = InterruptFlag::listen(NothingStarted {
        continued: file.continued.then(|| file.id()),
        color: global.color,
    })?;
    let history = global.history()?;
    let is_beside_another = options.new && !file.continued;
    let _lock = match options.dry_run || is_beside_another {
        true => None,
        false => Some(ReplayLock::take(&global.data, file.id())?),
    };
    let archive = flush_archive(&global.socket());
    let daemon = AdminClient::connect(&global.socket())?;
    let rules = load_rules(daemon.as_ref(), &*history, global)?;
    if let ReplayScope::Archive(scope) = &file.scope {
        known_rules(&scope.rules, &rules.book)?;
    }
    let rate = match (options.rate, &file.rate) {
        (Some(rate), _) => rate,
        (None, Some(stored)) => stored.parse().map_err(CommandError::runtime)?,
        (None, None) => ReplayRate::default(),
    };
    file.rate = Some(rate.to_string());
    let scope = file.scope.clone();
    let mut assessor = Assessor {
        history: &*history,
        book: &rules.book,
        scope: &scope,
        replay: file.id(),
        scratch: MatchScratch::default(),
    };
    let mut line = ProgressLine::new();
    let summary = ReplaySummary::survey(&mut assessor, &file.progress, &mut |summary| {
        line.show(|| format!("reading events: {}", grouped(summary.events)));
        Ok(())
    })?;
    drop(line);
    if !file.continued {
        file.total = summary.events;
    }
    let report = ReplayReport {
        file: &file,
        summary: &summary,
        rules: &rules,
        rate,
        history: &*history,
    };
    match options.format {
        Format::Text => report.text(out)?,
        Format::Json => writeln!(out, "{}", report.json()?)?,
    }
    out.flush()?;
    if rules.files_differ {
        let mut stderr = Output::stderr(global.color);
        let text = "the rule files differ from the rules that the daemon has loaded, which the replay uses";
        message::note(
            &mut stderr,
            text,
            Some("reload the daemon with SIGHUP first, to replay with the files"),
        )?;
        stderr.finish()?;
    }
    if let Some(note) = archive.note() {
        let mut stderr = Output::stderr(global.color);
        message::note(&mut stderr, &note, None)?;
        stderr.finish()?;
    }
    if summary.runs == 0 {
        if !options.dry_run {
            file.delete(&global.data)?;
        }
        if let (ReplayScope::Archive(scope), 0) = (&file.scope, file.total) {
            let text = scope.describe_empty(&rules.book.config);
            out.flush()?;
            message::error_to_stderr(global.color, &text, None)?;
        }
        return nothing(&file, options, out);
    }
    if options.dry_run {
        if options.format == Format::Text {
            writeln!(
                out,
                "{} to replay; nothing was done",
                describe_runs(&summary)
            )?;
        }
        return Ok(Exit::Fine);
    }
    let question = ConsentQuestion {
        verb: "replay",
        participle: "replayed",
        summary: &describe_runs(&summary),
        consequence: "Their requests and commands are executed again.",
    };
    if !options.yes && confirm::ask(&question, global)? == Consent::No {
        match options.format {
            Format::Text => writeln!(out, "nothing was done")?,
            Format::Json => writeln!(out, "{}", result_json(&file, "declined"))?,
        }
        return Ok(Exit::Negative);
    }
    let destination = ReplayDestination::open(&rules, daemon.as_ref(), &*history, global)?;
    let execution = ReplayExecution {
        destination: &destination,
        rate: match rules.origin {
            RulesOrigin::Daemon { .. } | RulesOrigin::Store { .. } => Some(rate),
            RulesOrigin::Files => None,
        },
        data: &global.data,
    };
    let mut printed = PrintedReplay {
        format: options.format,
        color: global.color,
        interrupt: interrupt.executing(),
        line: ProgressLine::new(),
        out,
    };
    let end = execution.run(&mut file, &mut assessor, &mut printed)?;
    drop(printed);
    finish(&file, &end, options.format, out)
}

fn nothing(
    file: &ReplayFile,
    options: &ReplayOptions,
    out: &mut Output,
) -> Result<Exit, CommandError> {
    match options.format {
        Format::Text => match &file.scope {
            ReplayScope::Archive(_) => writeln!(out, "nothing to replay")?,
            ReplayScope::Runs(_) if file.total > 0 => writeln!(out, "nothing to replay")?,
            ReplayScope::Runs(_) => writeln!(out, "no such run to replay")?,
        },
        Format::Json if options.dry_run => {}
        Format::Json => writeln!(out, "{}", result_json(file, "nothing"))?,
    }
    Ok(Exit::Negative)
}

fn finish(
    file: &ReplayFile,
    end: &ReplayEnd,
    format: Format,
    out: &mut Output,
) -> Result<Exit, CommandError> {
    let progress = &file.progress;
    let id = file.id();
    if format == Format::Json {
        let outcome = match end {
            ReplayEnd::Complete => "complete",
            ReplayEnd::Stopped(_) => "stopped",
        };
        writeln!(out, "{}", result_json(file, outcome))?;
    }
    match end {
        ReplayEnd::Stopped(why) => {
            out.flush()?;
            let failure = CommandError::runtime(format!(
                "{why}: replay {id} stopped after {} of {}, {} started",
                grouped(progress.events),
                number(file.total, "event"),
                number(progress.runs, "run"),
            ));
            return Err(failure.help(format!(
                "`flowtrigger replay --resume {id}` continues it; no event is replayed twice"
            )));
        }
        ReplayEnd::Complete if format == Format::Text => {
            let mut rest = String::new();
            if progress.rejected > 0 {
                rest += &format!(", {} rejected", grouped(progress.rejected));
            }
            if progress.left_out > 0 {
                rest += &format!(
                    "; {} left out: another command had started or continued the run",
                    grouped(progress.left_out)
                );
            }
            writeln!(out, "{} replayed{rest}", number(progress.runs, "run"))?;
            writeln!(out, "`flowtrigger runs list --replay {id}` lists them")?;
        }
        ReplayEnd::Complete => {}
    }
    Ok(match progress.rejected {
        0 => Exit::Fine,
        _ => Exit::Negative,
    })
}
