//! The daemon: loads the rules, listens, and handles signals until it stops. An invalid rule or a missing secret
//! prevents a start; on a reload, the previous rules stay in use.

pub mod activation;
mod admin;
mod certificates;
mod consistent_read;
pub mod data_folder;
mod failed_reload;
mod listeners;
mod log;
mod minutes;
pub mod page;
pub mod reload;
mod rules_source;
mod service_manager;
pub mod shutdown;
pub mod watcher;

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
use crate::action::secret::{MissingSecret, SecretStore};
use crate::engine::rulebook::{connection_tls, endpoints, policy, secrets};
use crate::engine::{
    DataFolder, Engine, EngineError, EngineOptions, Progress, ReloadablePerformer, Rulebook,
    RulebookPaths, TlsListener,
};
use crate::source::{self, http};
use crate::store::{AnyStore, Store, StoreSettings};
use activation::ActivatedSockets;
use certificates::ListenerCertificates;
use data_folder::FolderAccess;
use flowtrigger_core::config::listen::DEFAULT_ADDRESS;
use flowtrigger_core::config::{Config, DaemonRules, PageAddress};
use listeners::{Listeners, Sockets};
use page::{PageParts, PageRoutes};
use reload::{ReloadCause, reload_from};
use rules_source::RulesSource;
use service_manager::Watchdog;
use shutdown::{DaemonSignal, Signals};
use watcher::{FileWatcher, WatchMode};

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
    /// Listeners that are open already: they replace the addresses above and below.
    pub sockets: ActivatedSockets,
    /// Where the web page is served. Default: `page` of the configuration.
    pub page: Option<PageAddress>,
    /// The data folder.
    pub data: PathBuf,
    /// The folder that `outbox:` requests are written to.
    pub outbox: PathBuf,
    pub limits: http::HttpLimits,
    /// Whether changed files are loaded automatically.
    pub watch: WatchMode,
}

/// Runs until a signal ends it. `open_page` makes the web page.
pub async fn daemon(
    daemon: DaemonOptions,
    open_page: fn(PageParts<AnyStore, ReloadablePerformer>) -> Result<PageRoutes, EngineError>,
    on_progress: impl FnMut(Progress) + Send + 'static,
) -> Result<(), EngineError> {
    let mut signals = Signals::new()?;
    let mut rules = RulesSource::open(&daemon).await?;
    let read = rules.load(on_progress)?;
    let watcher = FileWatcher::new(daemon.watch, read.files, read.fingerprint);
    log::warnings(&read.loaded);
    let memory = read.loaded.memory_per_rule();
    let rulebook = read.loaded.accepted().map_err(EngineError::Rules)?;
    let secrets = with_page(read.secrets, &rulebook.config).map_err(EngineError::Secrets)?;
    let mut folder = DataFolder::open(&daemon.data)?;
    folder.lock(Timestamp::now())?;
    warn_of_access(&folder);
    let performer = daemon.performer(&rulebook, secrets, &folder)?;
    let certificates = ListenerCertificates::open(&rulebook.config, Timestamp::now())?;
    let listener = daemon.listen(&rulebook.config).await?;
    let metrics = listeners::listen_metrics(&rulebook.config).await?;
    let page_listener = page::listen(&daemon, &rulebook.config).await?;
    let socket = source::admin::listen(&folder.socket())?;
    kill_orphans(folder.processes()).await;
    let settings = StoreSettings::from_config(&rulebook.config);
    let location = rules.store(&rulebook.config, &folder.database())?;
    let (store, recovered) = AnyStore::open(&location, settings).await?;
    log::recovered(&recovered);
    log::damaged(&location);
    let address = listener.local_addr().map_err(EngineError::Serve)?;
    store.introduce(&address.to_string(), rulebook.pushed().is_some());
    let public_address = Some(address).filter(|at| http::is_public(*at));
    let options = EngineOptions {
        address: Some(address),
        public_address,
        ..EngineOptions::from_config(&rulebook.config)
    };
    log::start(&rulebook, memory, address);
    log::metrics_address(metrics.as_ref());
    endpoints::log_endpoints(&rulebook);
    endpoints::warn_plaintext(&rulebook.config, public_address);
    let engine = Engine::open(store.clone(), performer, rulebook, options).await?;
    match engine.suspended().await {
        Ok(suspended) => log::suspended(&suspended),
        Err(error) => warn!(%error, "suspensions could not be read; trying again"),
    }
    let (data, started) = (folder.path().to_owned(), engine.shared.since);
    engine.metrics().extend(store.clone(), data, started);
    engine.metrics().reloads().note_start(engine.shared.now());
    if daemon.watch != WatchMode::Off {
        engine.shared.reloads.note_watching();
    }
    engine.load_minutes().await;
    let minutes = engine.start_minutes();
    let ticks = engine.start_ticks();
    let traces = engine.start_traces(location.clone());
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
    page::log_address(page_address, &engine.rulebook().config.page);
    let sockets = Sockets {
        events: certificates.bind(TlsListener::Events, listener),
        commands: socket,
        page: page_listener.map(|page| certificates.bind(TlsListener::Page, page)),
        metrics,
    };
    let keeper = engine.keep_certificates(certificates);
    let listeners = Listeners::open(&engine, sockets, page, limits, close);
    let reloading = Reloading { rules, watcher };
    let _watchdog = Watchdog::start(&store);
    service_manager::ready(engine.rulebook().rules.rules.len(), address);
    let served = serve(&engine, listeners, reloading, &mut signals).await;
    minutes.abort();
    ticks.abort();
    traces.abort();
    keeper.abort();
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
    performer_with(rulebook, secrets, action::PerformerOptions::new(outbox))
}

fn performer_with(
    rulebook: &Rulebook,
    secrets: SecretStore,
    options: action::PerformerOptions,
) -> Result<ReloadablePerformer, EngineError> {
    let config = &rulebook.config;
    let options = action::PerformerOptions {
        connections: connection_tls::used(rulebook),
        outgoing: config.outgoing.clone(),
        programs: policy::programs(config),
        ..options
    };
    launcher::no_core_files();
    Ok(ReloadablePerformer::new(Performer::new(secrets, options)?))
}

/// Reads the secrets of rules and sources, or returns all that are missing.
fn load_all_secrets(rulebook: &mut Rulebook) -> Result<SecretStore, Vec<MissingSecret>> {
    match (secrets::load_for_daemon(rulebook), rulebook.load_secrets()) {
        (Ok(secrets), Ok(())) => Ok(secrets),
        (of_rules, of_sources) => {
            let mut missing = of_rules.err().unwrap_or_default();
            missing.extend(of_sources.err().unwrap_or_default());
            missing.sort_by(|a, b| a.name.cmp(&b.name));
            missing.dedup();
            Err(missing)
        }
    }
}

/// Adds the missing secrets of the page, so that a start reports all at once.
fn with_page(
    read: Result<SecretStore, Vec<MissingSecret>>,
    config: &Config,
) -> Result<SecretStore, Vec<MissingSecret>> {
    let of_page = page::missing_secrets(config);
    match (read, of_page.is_empty()) {
        (read, true) => read,
        (read, false) => {
            let mut missing = read.err().unwrap_or_default();
            missing.extend(of_page);
            missing.sort_by(|a, b| a.name.cmp(&b.name));
            missing.dedup();
            Err(missing)
        }
    }
}

/// Waits for work in flight; a second signal ends the wait. The listener stays open, so that senders get a
/// 503 with Retry-After.
async fn stop<S: Store>(
    engine: &Engine<S, ReloadablePerformer>,
    signals: &mut Signals,
) -> Result<(), EngineError> {
    service_manager::stopping();
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
        let unverified = endpoints::unverified_sources(config);
        if let Some(socket) = &self.sockets.events {
            return Ok(http::adopt(socket, &unverified)?);
        }
        let chosen = self.listen.as_ref().or(config.listen.address.as_ref());
        let address = chosen.map_or(DEFAULT_ADDRESS, String::as_str);
        Ok(http::listen(address, &unverified).await?)
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
        performer_with(rulebook, secrets, options)
    }
}

/// Where rules are loaded from, and what shows that they changed.
struct Reloading {
    rules: RulesSource,
    watcher: FileWatcher,
}

async fn serve<S: Store>(
    engine: &Engine<S, ReloadablePerformer>,
    mut listeners: Listeners,
    mut reloading: Reloading,
    signals: &mut Signals,
) -> Result<(), EngineError> {
    let mut requests = engine.shared.reloads.take_requests().await;
    loop {
        let (cause, answer) = tokio::select! {
            heard = signals.next() => match heard {
                DaemonSignal::Reload => (ReloadCause::Signal, None),
                DaemonSignal::Stop => break,
            },
            Some(request) = requests.recv() => {
                info!(by = request.by.to_string(), "reload requested");
                (ReloadCause::Command, Some(request.answer))
            }
            () = reloading.rules.changed() => (ReloadCause::Pushed, None),
            () = reloading.watcher.changed() => (ReloadCause::Files, None),
            ended = listeners.ended() => return ended,
        };
        let Reloading { rules, watcher } = &mut reloading;
        let result = reload_from(rules, watcher, engine, cause).await;
        if let Some(answer) = answer {
            // The command may have been interrupted.
            drop(answer.send(result));
        }
    }
    // A request that still waits for a reload gets the answer that there is none.
    drop(requests);
    stop(engine, signals).await?;
    listeners.close().await;
    Ok(())
}

/// Reads files on a blocking thread, so that requests are still answered.
async fn read_blocking<T: Send + 'static>(read: impl FnOnce() -> T + Send + 'static) -> T {
    let read = tokio::task::spawn_blocking(read).await;
    read.unwrap_or_else(|fault| match fault.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(cancelled) => unreachable!("the runtime ended before its main task: {cancelled}"),
    })
}
