//! The options of every command: paths of rules, configuration and data, colour and logging.
//! Paths are not checked here; the code that reads a file reports a missing one.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::error::{ContextKind, ContextValue};
use clap::{Args, ValueEnum};

use crate::cli::progress::ProgressLine;
use crate::engine::{ConfigFile, Rulebook, RulebookPaths, store_location};
use crate::report::error::CommandError;
use crate::report::output::{Color, Output};
use crate::report::render::diagnostics;
use crate::store::history::HistoryOpenError;
use crate::store::{History, StoreLocation};
use flowtrigger_core::compile::flow::on_dead::{lower_default_on_dead, lower_on_outage};
use flowtrigger_core::config::traces::ENDPOINT_VARIABLES;
use flowtrigger_core::config::{Config, STORE_VARIABLE, StoreAddress};
use flowtrigger_core::diagnostic::{Code, Diagnostics, Files};

/// The default configuration file; only this one may be absent.
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
    /// Configuration file. Default: flowtrigger.yaml, if it exists.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "FLOWTRIGGER_CONFIG",
        hide_env_values = true
    )]
    pub config: Option<PathBuf>,
    /// Data folder: events, runs and the outbox.
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
    /// What to log on standard error: off, error, warn, info, debug or trace. Default: FLOWTRIGGER_LOG.
    #[arg(long, global = true, value_name = "LEVEL", value_parser = super::logging::level_of)]
    pub log: Option<String>,
    /// Format of log lines. Default: FLOWTRIGGER_LOG_FORMAT, or text.
    #[arg(long, global = true, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

impl GlobalOptions {
    /// The paths of rules and configuration; `path` of a command overrides `--rules`.
    pub fn rulebook_paths(&self, path: Option<&Path>) -> RulebookPaths {
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

    /// The folder for requests to `outbox:NAME`.
    pub fn outbox(&self) -> PathBuf {
        self.data.join("outbox")
    }

    /// The store that the configuration names. Other mistakes in it do not matter.
    pub fn store_location(&self) -> Result<StoreLocation, CommandError> {
        Ok(self.find_store()?.0)
    }

    /// The same for commands that load no rules: warns if the variable that names the store is misspelt.
    pub fn checked_store_location(&self) -> Result<StoreLocation, CommandError> {
        let (location, diagnostics) = self.find_store()?;
        self.warn_of_store_variable(&diagnostics)?;
        Ok(location)
    }

    fn find_store(&self) -> Result<(StoreLocation, Diagnostics), CommandError> {
        let mut files = Files::default();
        let mut diagnostics = Diagnostics::default();
        let config = self
            .rulebook_paths(None)
            .read_config(&mut files, &mut diagnostics);
        let database = self.database();
        // What cannot be read at all may name another store.
        let is_unknown = !config.whole && !database.exists() && diagnostics.has_errors();
        if config.store_options.is_invalid || is_unknown && config.store == StoreAddress::DataFolder
        {
            return Err(CommandError::invalid(Arc::new(files), diagnostics));
        }
        let location = store_location(&config, &database)
            .map_err(|missing| CommandError::unset(missing.to_string()))?;
        Ok((location, diagnostics))
    }

    /// Prints the warning about a misspelt `FLOWTRIGGER_STORE`: without it, a command silently reads another store.
    fn warn_of_store_variable(&self, diagnostics: &Diagnostics) -> Result<(), CommandError> {
        let meant = format!("did you mean `{STORE_VARIABLE}`?");
        let mut stderr = Output::stderr(self.color);
        for found in diagnostics.sorted() {
            if found.code == Code::UnknownKey && found.help.as_ref() == Some(&meant) {
                writeln!(stderr, "warning: {}; {meant}", found.message)?;
            }
        }
        stderr.finish()?;
        Ok(())
    }

    /// Opens the read side of the store.
    pub fn history(&self) -> Result<Box<dyn History>, CommandError> {
        Ok(self.checked_store_location()?.open_history()?)
    }

    /// The same; `None` if no daemon has stored anything yet.
    pub fn history_if_any(&self) -> Result<Option<Box<dyn History>>, CommandError> {
        match self.store_location()?.open_history() {
            Ok(history) => Ok(Some(history)),
            Err(HistoryOpenError::Nothing(_) | HistoryOpenError::Empty(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The database file.
    pub fn database(&self) -> PathBuf {
        self.data.join("flowtrigger.db")
    }

    /// The administrative socket of a running daemon.
    pub fn socket(&self) -> PathBuf {
        self.data.join("flowtrigger.sock")
    }

    /// Loads the configuration without rules, or returns its diagnostics.
    pub fn config(&self) -> Result<Config, CommandError> {
        let mut files = Files::default();
        let mut diagnostics = Diagnostics::default();
        let config = self
            .rulebook_paths(None)
            .read_config(&mut files, &mut diagnostics);
        lower_default_on_dead(&config, &mut diagnostics);
        lower_on_outage(&config, &mut diagnostics);
        match diagnostics.has_errors() {
            true => Err(CommandError::invalid(Arc::new(files), diagnostics)),
            false => Ok(config),
        }
    }

    /// Loads rules and configuration, or returns all diagnostics. Prints warnings if there is no error.
    pub fn rulebook(&self, path: Option<&Path>) -> Result<Rulebook, CommandError> {
        let mut line = ProgressLine::new();
        let loaded = self
            .rulebook_paths(path)
            .load_with_progress(&mut |progress| line.update(progress));
        drop(line);
        if !loaded.diagnostics.has_errors() {
            let mut stderr = Output::stderr(self.color);
            diagnostics::text(&mut stderr, &loaded.rulebook.files, &loaded.diagnostics)?;
            stderr.finish()?;
        }
        loaded
            .accepted()
            .map_err(|loaded| CommandError::invalid(loaded.rulebook.files, loaded.diagnostics))
    }
}

/// The error about a variable for an option that is set to nothing.
pub fn empty_variable(error: &clap::Error) -> Option<CommandError> {
    let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let option = option.split(' ').next().unwrap_or_default();
    let variable = match option {
        "--rules" => "FLOWTRIGGER_RULES",
        "--config" => "FLOWTRIGGER_CONFIG",
        "--data" => "FLOWTRIGGER_DATA",
        _ => return None,
    };
    let is_empty = std::env::var_os(variable).is_some_and(|value| value.is_empty());
    let message = format!("the environment variable `{variable}` is empty");
    is_empty.then(|| CommandError::usage(message).help("set it to a path, or unset it"))
}

/// The environment variables that can override the configuration.
pub fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| {
            // A value that is not UTF-8 is rejected by the code that reads it.
            Some((
                name.into_string().ok()?,
                value.to_string_lossy().into_owned(),
            ))
        })
        .filter(|(name, _)| {
            name.starts_with("FLOWTRIGGER_") || ENDPOINT_VARIABLES.contains(&name.as_str())
        })
        .collect()
}

/// The output format of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}
