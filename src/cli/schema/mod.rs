//! `schema`: prints the JSON Schema of rule files and of the configuration, for editors, and of requests of senders.
//! It is generated from the vocabulary tables that the loader uses.

mod config;
mod rule;

use std::io::Write;

use clap::ValueEnum;
use serde_json::Value;

use super::exit::{CommandError, Exit};
use super::output::Output;
use crate::cli::deliveries;
use crate::cli::options::GlobalOptions;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger schema > schema/rule.schema.json
  flowtrigger schema --of config > schema/config.schema.json
  flowtrigger schema --of delivery > schema/delivery.schema.json

An editor with a YAML language server completes a rule whose first line is
  # yaml-language-server: $schema=../schema/rule.schema.json";

/// Print the JSON Schema of a rule file, of the configuration or of a list of requests.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The file to describe.
    #[arg(long, value_name = "FILE", default_value = "rule")]
    of: SchemaKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SchemaKind {
    /// A rule file.
    Rule,
    /// flowtrigger.yaml.
    Config,
    /// A line of `deliveries --format json`.
    Delivery,
}

impl SchemaKind {
    fn schema(self) -> Value {
        match self {
            SchemaKind::Rule => rule::schema(),
            SchemaKind::Config => config::schema(),
            SchemaKind::Delivery => deliveries::schema(),
        }
    }
}

pub fn run(args: Args, _global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    writeln!(out, "{:#}", args.of.schema())?;
    Ok(Exit::Fine)
}

#[cfg(test)]
mod tests;
