//! `schema`: prints the JSON Schema of rule files, test files and the configuration, for editors, and of the JSON that
//! commands print. Those of files are generated from the vocabulary tables that the loader uses.

mod answers;
mod config;
mod event_fields;
mod rule;

use std::io::Write;

use clap::ValueEnum;
use serde_json::Value;

use super::exit::Exit;
use crate::cli::options::GlobalOptions;
use crate::cli::replay;
use crate::lsp::LanguageSchemas;
use crate::report::deliveries;
use crate::report::error::CommandError;
use crate::report::output::Output;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger schema > schema/rule.schema.json
  flowtrigger schema --of test > schema/test.schema.json
  flowtrigger schema --of config > schema/config.schema.json
  flowtrigger schema --of delivery > schema/delivery.schema.json
  flowtrigger schema --of replay > schema/replay.schema.json
  flowtrigger schema --of why > schema/why.schema.json

An editor with a YAML language server completes a rule whose first line is
  # yaml-language-server: $schema=../schema/rule.schema.json";

/// Print the JSON Schema of a rule file, a test file, the configuration or a JSON output.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// What to describe.
    #[arg(long, value_name = "WHAT", default_value = "rule")]
    of: SchemaKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SchemaKind {
    /// A rule file.
    Rule,
    /// A test file.
    Test,
    /// flowtrigger.yaml.
    Config,
    /// A line of `deliveries --format json`.
    #[value(alias = "deliveries")]
    Delivery,
    /// A line of `replay --format json`.
    Replay,
    /// A line of `why --format json`.
    Why,
    /// A line of `runs --format json`.
    Runs,
    /// A line of `run --format json`.
    Run,
    /// A line of `send --format json`.
    Send,
    /// The output of `events --format json`.
    Events,
    /// A line of `schedule --format json`.
    Schedule,
    /// A line of `dry-run --format json`.
    DryRun,
    /// The output of `check --format json`.
    Check,
    /// The output of `diff --format json`.
    Diff,
    /// The output of `status --format json`.
    Status,
    /// The output of `pause --format json` and `resume --format json`.
    #[value(alias = "resume")]
    Pause,
    /// The output of `reload --format json`.
    Reload,
    /// A line of `push --format json`.
    Push,
    /// The output of `backup --format json`.
    Backup,
    /// The output of `restore --format json`.
    Restore,
    /// The output of `move --format json`.
    Move,
    /// The output of `test --format json`.
    TestResults,
    /// The output of `backtest --format json`.
    Backtest,
    /// The file of `backtest --expect`.
    ExpectedRuns,
}

/// The schemas of the files of a workspace, for an editor.
pub fn of_files() -> LanguageSchemas {
    LanguageSchemas {
        rule: rule::schema(),
        test: rule::test_file(),
        config: config::schema(),
    }
}

impl SchemaKind {
    fn schema(self) -> Value {
        match self {
            SchemaKind::Rule => rule::schema(),
            SchemaKind::Test => rule::test_file(),
            SchemaKind::Config => config::schema(),
            SchemaKind::Delivery => deliveries::json::schema(),
            SchemaKind::Replay => replay::schema::schema(),
            SchemaKind::Why => answers::why(),
            SchemaKind::Runs => answers::runs(),
            SchemaKind::Run => answers::run(),
            SchemaKind::Send => answers::send(),
            SchemaKind::Events => answers::events(),
            SchemaKind::Schedule => answers::schedule(),
            SchemaKind::DryRun => answers::dry_run(),
            SchemaKind::Check => answers::check(),
            SchemaKind::Diff => answers::diff(),
            SchemaKind::Status => answers::status(),
            SchemaKind::Pause => answers::pause(),
            SchemaKind::Reload => answers::reload(),
            SchemaKind::Push => answers::push(),
            SchemaKind::Backup => answers::backup(),
            SchemaKind::Restore => answers::restore(),
            SchemaKind::Move => answers::move_store(),
            SchemaKind::TestResults => answers::test_results(),
            SchemaKind::Backtest => answers::backtest(),
            SchemaKind::ExpectedRuns => rule::expected_runs_file(),
        }
    }
}

pub fn run(args: Args, _global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    writeln!(out, "{:#}", args.of.schema())?;
    Ok(Exit::Fine)
}

#[cfg(test)]
mod tests;
