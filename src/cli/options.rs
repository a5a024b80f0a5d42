//! The options that every command takes, and where they say rules and configuration are.
//! It refuses nothing: a path that leads nowhere is told by whoever reads it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};

use crate::cli::exit::CommandError;
use crate::cli::output::{Color, Output};
use crate::cli::progress::ProgressLine;
use crate::cli::render::diagnostics;
use crate::engine::{ConfigFile, Rulebook, RulebookPaths};
use crate::store::history::HistoryOpenError;
use crate::store::{History, SqliteHistory};
use flowtrigger_core::compile::flow::on_dead::lower_default_on_dead;
use flowtrigger_core::config::Config;
use flowtrigger_core::diagnostic::{Diagnostics, Files};

/// Where the configuration is looked for; only there may it be absent.
const CONFIG: &str = "flowtrigger.yaml";

const HEADING: &str = "Options of every command";

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = HEADING)]
pub struct GlobalOptions {
    /// Folder of rule files, or one rule file.
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        default_value = "rules",
        env = "FLOWTRIGGER_RULES",
        hide_env_values = true
    )]
    pub rules: PathBuf,
    /// Configuration file; flowtrigger.yaml, if it is there, unless given.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "FLOWTRIGGER_CONFIG",
        hide_env_values = true
    )]
    pub config: Option<PathBuf>,
    /// Folder for what is kept: events, runs and the outbox.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        default_value = "data",
        env = "FLOWTRIGGER_DATA",
        hide_env_values = true
    )]
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

impl GlobalOptions {
    /// Where to read rules and configuration; a command's own path goes before `--rules`.
    pub fn places(&self, path: Option<&Path>) -> RulebookPaths {
        let config = match &self.config {
            Some(path) => ConfigFile::Named(path.clone()),
            None => ConfigFile::IfThere(CONFIG.into()),
        };
        RulebookPaths {
            config,
            environment: environment(),
            ..RulebookPaths::new(path.unwrap_or(&self.rules))
        }
    }

    /// Where requests to `outbox:NAME` are written.
    pub fn outbox(&self) -> PathBuf {
        self.data.join("outbox")
    }

    /// The read side of the store. Only here a backend is chosen.
    pub fn history(&self) -> Result<Box<dyn History>, HistoryOpenError> {
        Ok(Box::new(SqliteHistory::open(&self.database())?))
    }

    /// Where events and runs are kept.
    pub fn database(&self) -> PathBuf {
        self.data.join("flowtrigger.db")
    }

    /// Where a daemon that is alive takes orders.
    pub fn socket(&self) -> PathBuf {
        self.data.join("flowtrigger.sock")
    }

    /// The configuration alone, or its mistakes.
    pub fn config(&self) -> Result<Config, CommandError> {
        let mut files = Files::default();
        let mut diagnostics = Diagnostics::default();
        let config = self.places(None).read_config(&mut files, &mut diagnostics);
        lower_default_on_dead(&config, &mut diagnostics);
        match diagnostics.has_errors() {
            true => Err(CommandError::invalid(Arc::new(files), diagnostics)),
            false => Ok(config),
        }
    }

    /// Rules and configuration without a mistake, or all mistakes. Warnings alone are told.
    pub fn rulebook(&self, path: Option<&Path>) -> Result<Rulebook, CommandError> {
        let mut line = ProgressLine::new();
        let reading = self
            .places(path)
            .load_with_progress(&mut |progress| line.tell(progress));
        drop(line);
        if !reading.diagnostics.has_errors() {
            let mut stderr = Output::stderr(self.color);
            diagnostics::text(&mut stderr, &reading.rulebook.files, &reading.diagnostics)?;
            stderr.finish()?;
        }
        reading
            .accepted()
            .map_err(|reading| CommandError::invalid(reading.rulebook.files, reading.diagnostics))
    }
}

/// The variables that may overlay the configuration.
fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| {
            // What is no text stays to be refused where it is read.
            Some((
                name.into_string().ok()?,
                value.to_string_lossy().into_owned(),
            ))
        })
        .filter(|(name, _)| name.starts_with("FLOWTRIGGER_"))
        .collect()
}

/// How a command prints its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}
