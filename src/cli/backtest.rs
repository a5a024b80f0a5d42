//! `backtest`: compares what rules would have done with stored events and what ran, or other rules. It only reads, beside
//! a daemon or on a copy of its data folder.

use std::collections::HashSet;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use clap::builder::RangedU64ValueParser;
use jiff::Timestamp;

use crate::cli::daemon_state::flush_archive;
use crate::cli::exit::Exit;
use crate::cli::options::{Format, GlobalOptions};
use crate::cli::progress::ProgressLine;
use crate::cli::replay::current_rules::load_rules;
use crate::cli::runs::admin_client::AdminClient;
use crate::engine::Rulebook;
use crate::report::backtest::difference::SampleReader;
use crate::report::backtest::execute::{BacktestBase, BacktestScope, execute};
use crate::report::backtest::expectation::unmet;
use crate::report::backtest::new_rules::new_without_runs;
use crate::report::backtest::report::BacktestReport;
use crate::report::dry_run::known_rules;
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::diagnostics::grouped;
use crate::report::render::document::versioned;
use crate::report::render::message;
use crate::report::time_argument::{TimeArgument, seconds};
use crate::store::History;
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::diagnostic::{Diagnostics, Files};
use flowtrigger_core::rule::expected_runs::RunExpectations;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger backtest --since 7d                     the rules of the files, compared with what ran
  flowtrigger backtest rules/vip.yaml --since 7d --rule vip-urgent
  flowtrigger backtest --since 2026-01-01 --until 2026-01-08 --against rules.old
  flowtrigger backtest --since 7d --against-loaded    compared with the rules of the daemon
  flowtrigger backtest --since 30d --expect expected-runs.yaml
  flowtrigger backtest --since 7d --tests >> rules/vip.test.yaml

Events are evaluated in their order, with gates and schedules in the time of the events. Nothing is
executed: a run counts whatever its steps would do. Times are UTC. Exit codes: 0 no rule has other
runs, or all expectations hold; 1 otherwise.";

/// Compare what rules would have done with stored events and what ran
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Folder of rule files, or one rule file. Default: `--rules`.
    #[arg(value_name = "RULES")]
    path: Option<PathBuf>,
    /// Events received at this time or later: 7d for the last seven days, or 2026-01-07T09:02 in UTC.
    #[arg(long, value_name = "TIME", value_parser = TimeArgument::parse, allow_hyphen_values = true, default_value = "7d")]
    since: TimeArgument,
    /// Events received before this time. Default: now.
    #[arg(long, value_name = "TIME", value_parser = TimeArgument::parse, allow_hyphen_values = true)]
    until: Option<TimeArgument>,
    /// Compare only this rule. Repeat it for several rules.
    #[arg(long, value_name = "NAME")]
    rule: Vec<String>,
    /// Compare with the rules of this folder or file, over the same events, instead of what ran.
    #[arg(long, value_name = "RULES")]
    against: Option<PathBuf>,
    /// Compare with the rules that the daemon has loaded, over the same events, instead of what ran.
    #[arg(long, conflicts_with = "against")]
    against_loaded: bool,
    /// Compare the numbers of runs with this file, which then decides the exit code.
    #[arg(long, value_name = "FILE")]
    expect: Option<PathBuf>,
    /// New and gone runs of each rule to show.
    #[arg(long, value_name = "N", default_value = "3", value_parser = RangedU64ValueParser::<usize>::new().range(0..=1000))]
    samples: usize,
    /// Print the shown runs as tests of the rules, and nothing else.
    #[arg(long, conflicts_with = "format")]
    tests: bool,
    /// Output format.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

pub fn run(args: Args, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let scope = args.scope(Timestamp::now())?;
    let book = global.rulebook(args.path.as_deref())?;
    let history = global.history()?;
    let archive = flush_archive(&global.socket());
    let other = args.other_rules(&*history, global)?;
    let base = match &other {
        Some(other) => BacktestBase::Rules(other),
        None => BacktestBase::WhatRan,
    };
    check_rules(&args.rule, &book, other.as_deref(), &*history)?;
    let expected = args.expect.as_deref().map(read_expectations).transpose()?;
    if let Some((expected, _)) = &expected {
        let named = expected.rules.iter().map(|rule| rule.name.clone());
        check_rules(
            &named.collect::<Vec<_>>(),
            &book,
            other.as_deref(),
            &*history,
        )?;
    }
    let mut line = ProgressLine::new();
    let result = execute(&*history, &book, base, scope, &mut |progress| {
        line.show(|| {
            let events = usize::try_from(progress.events).unwrap_or(usize::MAX);
            let at = seconds(progress.at);
            format!("reading events: {}, until {at}", grouped(events))
        });
        ControlFlow::Continue(())
    })?;
    drop(line);
    let mut reader = SampleReader::new(&*history, &book, base);
    let rules = result.rules.iter();
    let samples = rules.map(|rule| reader.samples(rule));
    let samples = samples.collect::<Result<Vec<_>, _>>()?;
    let unmet = expected
        .as_ref()
        .map(|(expected, files)| unmet(expected, files, &result));
    if args.tests {
        let samples = samples
            .iter()
            .flat_map(|rule| rule.new.iter().chain(&rule.gone));
        for test in samples.filter_map(|sample| sample.test.as_ref()) {
            out.write_unchanged(test.as_bytes())?;
        }
    } else {
        let enabled = book.rules.rules.iter();
        let enabled = enabled.filter(|rule| rule.mode != Mode::Disabled);
        let report = BacktestReport {
            result: &result,
            samples: &samples,
            base: &args.base_name(),
            rule_count: enabled.count(),
            new_without_runs: &new_without_runs(&result, &book, base, &*history)?,
            unmet: unmet.as_deref(),
        };
        match args.format {
            Format::Text => report.text(out)?,
            Format::Json => writeln!(out, "{}", versioned(report.json()))?,
        }
    }
    if let Some(note) = archive.note() {
        out.flush()?;
        let mut stderr = Output::stderr(global.color);
        message::note(&mut stderr, &note, None)?;
        stderr.finish()?;
    }
    let is_fine = match &unmet {
        Some(unmet) => unmet.is_empty(),
        None => !result.has_changed(),
    };
    Ok(match is_fine {
        true => Exit::Fine,
        false => Exit::Negative,
    })
}

impl Args {
    fn scope(&self, now: Timestamp) -> Result<BacktestScope, CommandError> {
        let since = self.since.from(now);
        let until = self.until.map_or(now, |until| until.from(now));
        if since >= until {
            let end = match self.until {
                Some(_) => "`--until`",
                None => "now",
            };
            return Err(CommandError::usage(format!(
                "`--since` ({}) is not before {end} ({}): no event can be selected",
                seconds(since),
                seconds(until)
            )));
        }
        Ok(BacktestScope {
            since,
            until,
            now,
            rules: self.rule.clone(),
            samples: self.samples,
            threads: thread::available_parallelism().map_or(1, usize::from),
        })
    }

    /// The rules that are compared with; `None` for what ran.
    fn other_rules(
        &self,
        history: &dyn History,
        global: &GlobalOptions,
    ) -> Result<Option<Arc<Rulebook>>, CommandError> {
        if let Some(path) = &self.against {
            return Ok(Some(Arc::new(global.rulebook(Some(path))?)));
        }
        if !self.against_loaded {
            return Ok(None);
        }
        let daemon = AdminClient::connect(&global.socket())?;
        Ok(Some(load_rules(daemon.as_ref(), history, global)?.book))
    }

    fn base_name(&self) -> String {
        match (&self.against, self.against_loaded) {
            (Some(path), _) => format!("the rules of {}", path.display()),
            (None, true) => "the rules that the daemon has loaded".into(),
            (None, false) => "what ran".into(),
        }
    }
}

/// Whether there are rules of these names. A rule that is gone may still have runs.
fn check_rules(
    names: &[String],
    book: &Rulebook,
    other: Option<&Rulebook>,
    history: &dyn History,
) -> Result<(), CommandError> {
    let in_other = |name: &String| other.is_some_and(|other| other.rules.rule(name).is_some());
    let known: HashSet<&str> = book
        .rules
        .rules
        .iter()
        .map(|rule| rule.name.as_str())
        .collect();
    let unknown = names.iter();
    let unknown = unknown.filter(|name| !known.contains(name.as_str()) && !in_other(name));
    let mut unknown: Vec<String> = unknown.cloned().collect();
    if !unknown.is_empty() {
        let with_runs = history.rules_with_runs()?;
        unknown.retain(|name| !with_runs.contains(name));
    }
    known_rules(&unknown, book)
}

fn read_expectations(path: &Path) -> Result<(RunExpectations, Files), CommandError> {
    let name = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| CommandError::usage(format!("cannot read `{name}`: {error}")))?;
    let mut files = Files::default();
    let mut diagnostics = Diagnostics::default();
    let file = files.add(name.to_string(), text.as_str());
    let expected = RunExpectations::read(file, &text, &mut diagnostics);
    match diagnostics.has_errors() {
        true => Err(CommandError::invalid(Arc::new(files), diagnostics)),
        false => Ok((expected, files)),
    }
}
