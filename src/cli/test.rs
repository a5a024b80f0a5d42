//! `test`: runs the rules' own tests and tells which fail, and how.
//! It refuses to pass when there was no test to run.

use std::path::PathBuf;

use clap::ValueEnum;

use super::exit::{Exit, Failure};
use super::global::Global;
use super::output::Output;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger test
  flowtrigger test rules/page-urgent.yaml
  flowtrigger test --format junit > report.xml

Tests stand under `tests:` in a rule, or in NAME.test.yaml beside NAME.yaml.";

/// Run the rules' own tests.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Folder of rule files, or one rule file; `--rules` unless given.
    #[arg(value_name = "PATH")]
    path: Option<PathBuf>,
    /// Run only tests whose rule or name contains this text.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// How the report is printed.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: ReportFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReportFormat {
    Text,
    Json,
    Junit,
}

pub fn run(_args: Args, _global: &Global, _out: &mut Output) -> Result<Exit, Failure> {
    Err(Failure::usage("`test` is not built yet"))
}
