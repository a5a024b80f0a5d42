//! `check`: every mistake in the rules and the configuration at once, each at its place.
//! It refuses nothing that runs: what it passes, the other commands load.

mod public_listener;
mod unset_secrets;

use std::io::Write;
use std::path::PathBuf;

use super::exit::{CommandError, Exit};
use super::output::Output;
use super::progress::ProgressLine;
use super::render::diagnostics::{self, counted, number};
use super::test::{MissingRulePolicy, gather};
use crate::cli::options::{Format, GlobalOptions};
use crate::engine::{LoadedRulebook, RulebookPaths};

const AFTER_HELP: &str = "\
Examples:
  flowtrigger check
  flowtrigger check rules/escalate-urgent.yaml
  flowtrigger check --format json | jq -r '.[] | \"\\(.file):\\(.line) \\(.message)\"'

Exit code 3 when there is an error; warnings alone are fine.";

/// Report every mistake in rules and configuration at once.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Folder of rule files, or one rule file; `--rules` unless given.
    #[arg(value_name = "PATH")]
    path: Option<PathBuf>,
    /// How the mistakes are printed.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

pub fn run(args: Args, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let reading = read(&global.places(args.path.as_deref()));
    match args.format {
        Format::Text => {
            diagnostics::text(out, &reading.rulebook.files, &reading.diagnostics)?;
            writeln!(out, "{}", summary(&reading))?;
        }
        Format::Json => {
            let found = diagnostics::json(&reading.rulebook.files, &reading.diagnostics);
            writeln!(out, "{found:#}")?;
        }
    }
    Ok(match reading.diagnostics.has_errors() {
        true => Exit::Invalid,
        false => Exit::Fine,
    })
}

/// Reads rules, configuration, the tests of the rules that are sound and, where all are, the secrets
/// that they need.
fn read(places: &RulebookPaths) -> LoadedRulebook {
    let mut line = ProgressLine::new();
    let mut reading = places.load_with_progress(&mut |progress| line.tell(progress));
    drop(line);
    let lost = match reading.diagnostics.has_errors() {
        true => MissingRulePolicy::Skipped,
        false => MissingRulePolicy::Told,
    };
    let suite = gather(&reading.rulebook, lost);
    reading.rulebook.files = suite.files.into();
    reading.diagnostics.extend(suite.diagnostics);
    public_listener::warn(&reading.rulebook.config, &mut reading.diagnostics);
    if lost == MissingRulePolicy::Told {
        unset_secrets::warn(&reading.rulebook, &mut reading.diagnostics);
    }
    reading
}

fn summary(reading: &LoadedRulebook) -> String {
    let (rulebook, diagnostics) = (&reading.rulebook, &reading.diagnostics);
    let files = number(rulebook.rule_files.len(), "file");
    if diagnostics.has_errors() {
        return match rulebook.rule_files.is_empty() {
            true => counted(diagnostics),
            false => format!("{} in {files}", counted(diagnostics)),
        };
    }
    let rules = number(rulebook.rules.rules.len(), "rule");
    let found = match diagnostics.warnings() {
        0 => "no errors".to_owned(),
        _ => format!("no errors, {}", counted(diagnostics)),
    };
    match reading.memory_per_rule() {
        None => format!("{rules} in {files}, {found}"),
        Some(bytes) => format!("{rules} in {files}, {found}; {} a rule", memory(bytes)),
    }
}

/// `1.9 kB of memory`.
fn memory(bytes: u64) -> String {
    let tenths = (bytes + 50) / 100;
    format!("{}.{} kB of memory", tenths / 10, tenths % 10)
}
