//! Where a daemon reads its rules: its folder, or the database to which people push them.

use std::path::Path;
use std::sync::Arc;

use tokio::task::block_in_place;

use super::DaemonOptions;
use super::consistent_read::{self, ConsistentRead};
use crate::engine::rulebook::fingerprint::LoadedFiles;
use crate::engine::{
    EngineError, LoadedRulebook, Progress, Rulebook, RulebookPaths, store_location,
};
use crate::store::postgres::pushed::{PushedError, PushedWatcher};
use crate::store::{PostgresSettings, StoreLocation};
use flowtrigger_core::config::{Config, DaemonRules};
use flowtrigger_core::diagnostic::{Diagnostics, Files};

/// The source of a daemon's rules.
pub(super) enum RulesSource {
    Folder(RulebookPaths),
    /// The paths are those of the daemon's own configuration, which also says where the database is.
    Pushed(RulebookPaths, PushedWatcher, PostgresSettings),
}

impl RulesSource {
    /// Selects the source by the options and the configuration.
    pub async fn open(daemon: &DaemonOptions) -> Result<Self, EngineError> {
        let (paths, chosen) = (daemon.paths.clone(), daemon.rules);
        let database = daemon.data.join("flowtrigger.db");
        let opening = tokio::task::spawn_blocking(move || open(paths, chosen, &database));
        let opened = opening.await;
        opened.unwrap_or_else(|fault| Err(PushedError::Failed(fault.to_string()).into()))
    }

    /// Loads the rules as they are now, with their secrets. The main thread reads the files while the other threads answer
    /// requests. Always the same thread, because an allocator keeps freed memory mostly for the thread that allocated it.
    pub fn load(
        &mut self,
        mut on_progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<ConsistentRead, EngineError> {
        let read = match self {
            RulesSource::Folder(paths) => {
                let (paths, files) = (paths.clone(), LoadedFiles::of(paths));
                let load = move || paths.load_with_progress(&mut on_progress);
                block_in_place(move || consistent_read::read(&files, load))
            }
            RulesSource::Pushed(paths, watcher, _) => {
                let pushed = watcher.newest();
                // The daemon's own file, and the files of secrets that the pushed configuration names.
                let (paths, files) = (paths.clone(), LoadedFiles::of_config(paths));
                let load = move || paths.read_pushed(&pushed);
                block_in_place(move || consistent_read::read(&files, load))
            }
        };
        read.map_err(|_| EngineError::FilesChanging)
    }

    /// Where the store is. The configuration is the loaded one, which may be a pushed one: that does not know the secret with
    /// the password of the database.
    pub fn store(&self, config: &Config, database: &Path) -> Result<StoreLocation, EngineError> {
        match self {
            RulesSource::Folder(_) => store_location(config, database)
                .map_err(|missing| EngineError::Secrets(vec![missing])),
            RulesSource::Pushed(_, _, settings) => Ok(StoreLocation::Postgres(settings.clone())),
        }
    }

    /// Waits until other rules were pushed.
    pub async fn changed(&mut self) {
        match self {
            RulesSource::Folder(_) => std::future::pending().await,
            RulesSource::Pushed(_, watcher, _) => watcher.changed().await,
        }
    }
}

fn open(
    paths: RulebookPaths,
    chosen: Option<DaemonRules>,
    database: &Path,
) -> Result<RulesSource, EngineError> {
    let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
    let config = paths.read_config(&mut files, &mut diagnostics);
    match chosen.unwrap_or(config.store_options.rules) {
        DaemonRules::Folder => return Ok(RulesSource::Folder(paths)),
        DaemonRules::Pushed if diagnostics.has_errors() => {
            return Err(EngineError::Rules(Box::new(LoadedRulebook {
                rulebook: Rulebook {
                    files: Arc::new(files),
                    ..Rulebook::default()
                },
                diagnostics,
                memory: None,
            })));
        }
        DaemonRules::Pushed => {}
    }
    let location = store_location(&config, database);
    match location.map_err(|missing| EngineError::Secrets(vec![missing]))? {
        StoreLocation::File(_) => Err(EngineError::PushedWithoutDatabase),
        StoreLocation::Postgres(settings) => {
            let watcher = PushedWatcher::start(settings.clone())?;
            Ok(RulesSource::Pushed(paths, watcher, settings))
        }
    }
}
