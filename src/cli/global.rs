//! The options that every command takes.
//! It refuses nothing: a path that leads nowhere is told by whoever reads it.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::output::Color;

const HEADING: &str = "Options of every command";

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = HEADING)]
pub struct Global {
    /// Folder of rule files, or one rule file.
    #[arg(long, global = true, value_name = "PATH", default_value = "rules", env = "FLOWTRIGGER_RULES")]
    pub rules: PathBuf,
    /// Configuration file; the default one may be absent.
    #[arg(long, global = true, value_name = "FILE", default_value = CONFIG, env = "FLOWTRIGGER_CONFIG")]
    pub config: PathBuf,
    /// Folder for what is kept: the outbox and, later, events and runs.
    #[arg(long, global = true, value_name = "DIR", default_value = "data")]
    pub data: PathBuf,
    /// When to use colour.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// What to log on standard error: off, error, warn, info, debug or trace.
    #[arg(long, global = true, value_name = "LEVEL", value_parser = super::logging::level)]
    pub log: Option<String>,
    /// How log lines are written.
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

/// Where the configuration is looked for; only there may it be absent.
pub const CONFIG: &str = "flowtrigger.yaml";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// How a command prints its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}
