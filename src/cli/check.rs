//! `check`: every mistake in the rules and the configuration at once, each at its place.
//! It refuses nothing that runs: what it passes, the other commands load.

use std::io::Write;
use std::path::PathBuf;

use super::exit::{Exit, Failure};
use super::global::{Format, Global};
use super::loading::{Loaded, load};
use super::output::Output;
use super::render::diagnostics::{self, counted, number};

const AFTER_HELP: &str = "\
Examples:
  flowtrigger check
  flowtrigger check rules/page-urgent.yaml
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

pub fn run(args: Args, global: &Global, out: &mut Output) -> Result<Exit, Failure> {
    let rules = args.path.as_ref().unwrap_or(&global.rules);
    let loaded = load(rules, &global.config);
    match args.format {
        Format::Text => text(&loaded, out)?,
        Format::Json => {
            let found = diagnostics::json(&loaded.rules.files, &loaded.diagnostics);
            writeln!(out, "{found:#}")?;
        }
    }
    Ok(match loaded.diagnostics.has_errors() {
        true => Exit::Invalid,
        false => Exit::Fine,
    })
}

fn text(loaded: &Loaded, out: &mut Output) -> Result<(), Failure> {
    let found = &loaded.diagnostics;
    diagnostics::text(out, &loaded.rules.files, found)?;
    writeln!(out, "{}", summary(loaded))?;
    Ok(())
}

fn summary(loaded: &Loaded) -> String {
    let files = number(loaded.rules.files.len(), "file");
    if loaded.diagnostics.has_errors() {
        return format!("{} in {files}", counted(&loaded.diagnostics));
    }
    let rules = number(loaded.rules.rules.len(), "rule");
    match loaded.diagnostics.warnings() {
        0 => format!("{rules} in {files}, no errors"),
        _ => format!("{rules} in {files}, no errors, {}", counted(&loaded.diagnostics)),
    }
}
