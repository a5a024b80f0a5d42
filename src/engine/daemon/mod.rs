//! The daemon: loads the rules, listens, and handles signals until it stops. An invalid rule or a missing secret
//! prevents a start; on a reload, the previous rules stay in use.

mod admin;
pub mod data_folder;
mod failed_reload;
mod listeners;
mod log;
mod minutes;
pub mod page;
mod rules_source;
pub mod shutdown;

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::action;
use crate::action::Performer;
use crate::action::command::orphans;
use crate::action::command::sandbox::launcher;
use crate::action::secret::SecretStore;
use crate::engine::rulebook::{endpoints, policy, secrets};
use crate::engine::{
    DataFolder, Engine, EngineError, EngineOptions, LoadedRulebook, Progress, ReloadablePerformer,
    Rulebook, RulebookPaths,
};
use crate::source::{self, http};
use crate::store::{AnyStore, Store, StoreSettings, short_digest};
use data_folder::FolderAccess;
use flowtrigger_core::config::{Config, DaemonRules, PageAddress, PageSettings};
use flowtrigger_core::diagnostic::Span;
use listeners::{Listeners, Sockets};
use page::{PageParts, PageRoutes};
use rules_source::RulesSource;
use shutdown::{DaemonSignal, Signals};

/// The default listening address.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:8080";

/// How long pending responses may take after everything else has finished.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// The options of a daemon.
#[derive(Debug, Clone)]
pub struct DaemonOptions {
    pub paths: RulebookPaths,
    /// Where the rules are from. Default: `store` of the configuration.
    pub rules: Option<DaemonRules>,
    /// Host and port. Default: those of the configuration, or [`DEFAULT_ADDRESS`]. Port 0 takes any free port
    /// and logs it.
    pub listen: Option<String>,
    /// Where the web page is served. Default: `page` of the configuration.
    pub page: Option<PageAddress>,
    /// The data folder.
    pub data: PathBuf,
    /// The folder that `outbox:` requests are written to.
    pub outbox: PathBuf,
    pub limits: http::HttpLimits,
}

/// Runs until a signal ends it. `open_page` makes the web page.
pub async fn daemon(
    daemon: DaemonOptions,
    open_page: fn(PageParts<AnyStore, ReloadablePerformer>) -> Result<PageRoutes, EngineError>,
    on_progress: impl FnMut(Progress) + Send + 'static,
) -> Result<(), EngineError> {
    let mut signals = Signals::new()?;
    let mut rules = RulesSource::open(&daemon).await?;
    let reading = rules.load(on_progress).await;
    log::warnings(&reading);
    let memory = reading.memory_per_rule();
    let mut rulebook = reading.accepted().map_err(EngineError::Rules)?;
    let secrets = load_all_secrets(&mut rulebook)?;
    let mut folder = DataFolder::open(&daemon.data)?;
    folder.lock(Timestamp::now())?;
    warn_of_access(&folder);
    let performer = daemon.performer(&rulebook, secrets, &folder)?;
    let listener = daemon.listen(&rulebook.config).await?;
    let page_listener = page::listen(daemon.page.as_ref(), &rulebook.config).await?;
    let socket = source::admin::listen(&folder.socket())?;
    kill_orphans(folder.processes()).await;
    let settings = StoreSettings::from_config(&rulebook.config);
    let location = rules.store(&rulebook.config, &folder.database())?;
    let (store, recovered) = AnyStore::open(&location, settings).await?;
    log::recovered(&recovered);
    let address = listener.local_addr().map_err(EngineError::Serve)?;
    store.introduce(&address.to_string(), rulebook.pushed().is_some());
    let public_address = Some(address).filter(|at| http::is_public(*at));
    let options = EngineOptions {
        address: Some(address),
        public_address,
        ..EngineOptions::from_config(&rulebook.config)
    };
    log::start(&rulebook, memory, address);
    endpoints::log_endpoints(&rulebook);
    endpoints::warn_plaintext(&rulebook.config, public_address);
    let engine = Engine::open(store.clone(), performer, rulebook, options).await?;
    engine.metrics().extend(store.clone());
    engine.load_minutes().await;
    let minutes = engine.start_minutes();
    let limits = daemon.limits.clone().with(&engine.rulebook().config.listen);
    let close = watch::Sender::new(false);
    let page_address = page_listener
        .as_ref()
        .and_then(|page| page.local_addr().ok());
    let page = open_page(PageParts {
        engine: engine.clone(),
        history: Box::new(move || location.open_history()),
        address: page_address,
        closing: close.subscribe(),
        data: folder.path().to_owned(),
    })?;
    page::log_address(page_address);
    let sockets = Sockets {
        events: listener,
        commands: socket,
        page: page_listener,
    };
    let listeners = Listeners::open(&engine, sockets, page, limits, close);
    let served = daemon.serve(&engine, listeners, rules, &mut signals).await;
    minutes.abort();
    drop(tokio::time::timeout(DRAIN_TIMEOUT, engine.end_last_minute()).await);
    drop(std::fs::remove_file(folder.socket()));
    flush_archive(&store).await;
    served
}

/// The folder contains what customers wrote.
fn warn_of_access(folder: &DataFolder) {
    match folder.access() {
        FolderAccess::Private => {}
        FolderAccess::Shared(mode) => warn!(
            folder = %folder.path().display(),
            mode = %format_args!("{mode:o}"),
            "other users of this machine can enter the data folder; run `chmod 700` on it"
        ),
    }
}

/// Writes what the store has buffered to disk, within a time limit.
async fn flush_archive(store: &impl Store) {
    match tokio::time::timeout(DRAIN_TIMEOUT, store.flush()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => error!(%error, "failed to store the last unmatched events and exchanges"),
        Err(_) => error!("failed to store the last unmatched events and exchanges in time"),
    }
}

/// Kills the commands that a killed daemon left running, before their runs are started again.
async fn kill_orphans(processes: PathBuf) {
    let killing = tokio::task::spawn_blocking(move || orphans::kill(&processes));
    let killed = killing.await.unwrap_or_else(|error| {
        error!(%error, "commands that an earlier daemon left running could not be looked for");
        Vec::new()
    });
    for killed in killed {
        let (process, key) = (killed.process, killed.key.as_str());
        match killed.gone {
            true => warn!(
                process,
                key, "killed a command left running by an earlier daemon"
            ),
            false => error!(
                process,
                key, "failed to kill a command left running by an earlier daemon"
            ),
        }
    }
}

/// The performer for a rulebook. Reads all secrets of the rules.
pub fn performer(rulebook: &Rulebook, outbox: &Path) -> Result<ReloadablePerformer, EngineError> {
    let secrets = secrets::load(rulebook).map_err(EngineError::Secrets)?;
    performer_with(
        &rulebook.config,
        secrets,
        action::PerformerOptions::new(outbox),
    )
}

fn performer_with(
    config: &Config,
    secrets: SecretStore,
    options: action::PerformerOptions,
) -> Result<ReloadablePerformer, EngineError> {
    let options = action::PerformerOptions {
        outgoing: config.outgoing.clone(),
        programs: policy::programs(config),
        ..options
    };
    launcher::no_core_files();
    Ok(ReloadablePerformer::new(Performer::new(secrets, options)?))
}

/// Reads the secrets of rules and sources, or returns all that are missing.
fn load_all_secrets(rulebook: &mut Rulebook) -> Result<SecretStore, EngineError> {
    match (secrets::load(rulebook), rulebook.load_secrets()) {
        (Ok(secrets), Ok(())) => Ok(secrets),
        (of_rules, of_sources) => {
            let mut missing = of_rules.err().unwrap_or_default();
            missing.extend(of_sources.err().unwrap_or_default());
            missing.sort_by(|a, b| a.name.cmp(&b.name));
            missing.dedup();
            Err(EngineError::Secrets(missing))
        }
    }
}

/// Waits for work in flight; a second signal ends the wait. The listener stays open, so that senders get a
/// 503 with Retry-After.
async fn stop<S: Store>(
    engine: &Engine<S, ReloadablePerformer>,
    signals: &mut Signals,
) -> Result<(), EngineError> {
    let drain = async {
        engine.close().await;
        info!(
            "stopping: new events are rejected, work in flight may finish; a second signal stops immediately"
        );
        engine.drain().await
    };
    tokio::select! {
        _ = drain => Ok(()),
        () = signals.stop_again() => {
            // If the store does not answer, the program does not wait for it.
            if let Ok(left) = tokio::time::timeout(DRAIN_TIMEOUT, engine.left()).await {
                left.log(engine.store());
            }
            Err(EngineError::Interrupted)
        }
    }
}

impl DaemonOptions {
    async fn listen(&self, config: &Config) -> Result<TcpListener, EngineError> {
        let chosen = self.listen.as_ref().or(config.listen.address.as_ref());
        let address = chosen.map_or(DEFAULT_ADDRESS, String::as_str);
        Ok(http::listen(address, &endpoints::unverified_sources(config)).await?)
    }

    fn performer(
        &self,
        rulebook: &Rulebook,
        secrets: SecretStore,
        folder: &DataFolder,
    ) -> Result<ReloadablePerformer, EngineError> {
        let pushed = rulebook.pushed();
        let options = action::PerformerOptions {
            processes: Some(folder.processes()),
            // This machine may have no folder of rules.
            work_folder: pushed.map(|_| self.paths.config.folder()),
            ..action::PerformerOptions::new(&self.outbox)
        };
        performer_with(&rulebook.config, secrets, options)
    }

    async fn serve<S: Store>(
        &self,
        engine: &Engine<S, ReloadablePerformer>,
        mut listeners: Listeners,
        mut rules: RulesSource,
        signals: &mut Signals,
    ) -> Result<(), EngineError> {
        loop {
            let heard = tokio::select! {
                heard = signals.next() => heard,
                () = rules.changed() => DaemonSignal::Reload,
                ended = listeners.ended() => return ended,
            };
            match heard {
                DaemonSignal::Reload => reload_from(&mut rules, engine).await,
                DaemonSignal::Stop => break,
            }
        }
        stop(engine, signals).await?;
        listeners.close().await;
        Ok(())
    }
}

/// Loads the rules again, and notes and logs what came of it.
async fn reload_from<S: Store>(rules: &mut RulesSource, engine: &Engine<S, ReloadablePerformer>) {
    let reading = rules.load(|_| {}).await;
    let reloaded = adopt(reading, engine).await;
    engine.metrics().count_reload(match reloaded {
        Ok(_) => "ok",
        Err(_) => "failed",
    });
    engine.note_reload(reloaded.as_ref().err());
    match reloaded {
        Ok(rules) => {
            let rulebook = engine.rulebook();
            let pushed = rulebook.pushed().map(|pushed| short_digest(&pushed.digest));
            return info!(rules, pushed, "reloaded");
        }
        Err(EngineError::Rules(reading)) => log::errors(&reading),
        Err(EngineError::Listen(error)) => error!("{error}"),
        Err(EngineError::Secrets(missing)) => {
            missing.iter().for_each(|secret| error!("{secret}"));
        }
        Err(error) => error!(%error, "failed to load the rules again"),
    }
    error!("not reloaded: the previous rules stay in use");
}

/// Loads the rulebook again. New rules and their secrets take effect together or not at all.
pub async fn reload<S: Store>(
    paths: RulebookPaths,
    engine: &Engine<S, ReloadablePerformer>,
) -> Result<usize, EngineError> {
    adopt(read(paths, |paths| paths.read()).await, engine).await
}

async fn adopt<S: Store>(
    mut reading: LoadedRulebook,
    engine: &Engine<S, ReloadablePerformer>,
) -> Result<usize, EngineError> {
    if reading.diagnostics.has_errors() {
        return Err(EngineError::Rules(Box::new(reading)));
    }
    log::warnings(&reading);
    endpoints::check_public_listener(
        &reading.rulebook.config,
        engine.shared.options.public_address,
    )?;
    let secrets = load_all_secrets(&mut reading.rulebook)?;
    warn_of_fixed(&engine.rulebook().config, &reading.rulebook.config);
    let performer = engine
        .performer()
        .renewed(&secrets, &reading.rulebook.config)?;
    let renew = |current: &ReloadablePerformer| current.replace(performer);
    let rulebook = engine.adopt(reading, renew).await?;
    endpoints::log_endpoints(&rulebook);
    Ok(rulebook.rules.rules.len())
}

/// Concurrency limits, the listening address and the page are fixed at the start.
fn warn_of_fixed(before: &Config, after: &Config) {
    let at_work = |config: &Config| {
        let limits = config.limits;
        (limits.runs, limits.per_rule, limits.per_host)
    };
    if at_work(before) != at_work(after) {
        warn!("`limits.runs`, `per_rule` and `per_host` take effect at the next start");
    }
    if before.listen != after.listen {
        warn!("`listen` takes effect at the next start");
    }
    let page = |config: &Config| PageSettings {
        at: Span::default(),
        ..config.page.clone()
    };
    if page(before) != page(after) {
        warn!("`page` takes effect at the next start");
    }
}

/// Reads files on a blocking thread, so that requests are still answered.
async fn read(
    paths: RulebookPaths,
    read: impl FnOnce(&RulebookPaths) -> LoadedRulebook + Send + 'static,
) -> LoadedRulebook {
    let read = tokio::task::spawn_blocking(move || read(&paths));
    read.await
        .unwrap_or_else(|fault| match fault.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => LoadedRulebook::default(),
        })
}
