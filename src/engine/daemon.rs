//! The daemon: rules loaded, the door open, signals heard, until it is told to stop.
//! It refuses to start with a broken rule or a missing secret, and to stop over one on a reload.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

use super::shutdown::{Heard, Signals};
use super::{
    DataFolder, Engine, EngineError, Hands, Options, Places, Progress, Reading, Rulebook,
    entrances, policy, secrets,
};
use crate::action::command::orphans;
use crate::action::command::sandbox::launcher;
use crate::action::secret::Secrets;
use crate::action::{self, Performer};
use crate::core::config::Config;
use crate::core::diagnostic::{Diagnostic, Severity};
use crate::source::{admin, http};
use crate::store::sqlite::Recovered;
use crate::store::{Settings, SqliteStore, Store};

/// Where the daemon listens unless something else is said.
pub const USUAL_ADDRESS: &str = "127.0.0.1:8080";

/// How long answers under way may take once everything else has ended.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// What a daemon is started with.
#[derive(Debug, Clone)]
pub struct Daemon {
    pub places: Places,
    /// Host and port; where none is given, those of the configuration or the usual ones. Port 0 takes
    /// any that is free and logs which.
    pub listen: Option<String>,
    /// The folder in which everything is kept.
    pub data: PathBuf,
    /// The folder that `outbox:` requests are written to.
    pub outbox: PathBuf,
    pub limits: http::Limits,
}

/// Runs until a signal ends it.
pub async fn daemon(
    daemon: Daemon,
    mut tell: impl FnMut(Progress) + Send + 'static,
) -> Result<(), EngineError> {
    let mut signals = Signals::new()?;
    let reading = read(daemon.places.clone(), move |places| {
        places.read_telling(&mut tell)
    });
    let reading = reading.await;
    log_warnings(&reading);
    let memory = reading.memory_per_rule();
    let mut rulebook = reading.accepted().map_err(EngineError::Rules)?;
    let secrets = ready(&mut rulebook)?;
    let mut folder = DataFolder::open(&daemon.data)?;
    folder.lock(Timestamp::now())?;
    let hands = daemon.hands(&rulebook.config, secrets, &folder)?;
    let listener = daemon.listen(&rulebook.config).await?;
    let socket = admin::listen(&folder.socket())?;
    kill_left_behind(folder.processes()).await;
    let settings = Settings::of(&rulebook.config);
    let (store, recovered) = SqliteStore::open(&folder.database(), settings)?;
    log_recovered(&recovered);
    let address = listener.local_addr().map_err(EngineError::Serve)?;
    let open_at = Some(address).filter(|at| http::is_open(*at));
    let options = Options {
        open_at,
        ..Options::of(&rulebook.config)
    };
    log_start(&rulebook, memory, address);
    entrances::tell(&rulebook);
    entrances::warn_of_clear(&rulebook.config, open_at);
    let engine = Engine::open(store.clone(), hands, rulebook, options).await?;
    engine.metrics().extend(store.clone());
    let limits = daemon.limits.clone().with(&engine.rulebook().config.listen);
    let doors = Doors::open(&engine, listener, socket, limits);
    let served = daemon.serve(&engine, doors, &mut signals).await;
    drop(std::fs::remove_file(folder.socket()));
    file_last(&store).await;
    served
}

/// The last events that led to no run are filed, unless the disk does not answer.
async fn file_last(store: &SqliteStore) {
    match tokio::time::timeout(LAST_ANSWERS, store.flush()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => error!(%error, "the last events without runs could not be filed"),
        Err(_) => error!("the last events without runs could not be filed in time"),
    }
}

/// What a daemon that was killed left running is killed before anything starts: it would run beside
/// what is started in its place.
async fn kill_left_behind(processes: PathBuf) {
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
                key, "killed a command that an earlier daemon left running"
            ),
            false => error!(
                process,
                key, "a command that an earlier daemon left running cannot be killed"
            ),
        }
    }
}

/// What acts for a rulebook: its secrets are read here, all of them, before anything starts.
pub fn hands(rulebook: &Rulebook, outbox: &Path) -> Result<Hands, EngineError> {
    let secrets = secrets::load(rulebook).map_err(EngineError::Secrets)?;
    hands_with(&rulebook.config, secrets, action::Options::new(outbox))
}

fn hands_with(
    config: &Config,
    secrets: Secrets,
    options: action::Options,
) -> Result<Hands, EngineError> {
    let options = action::Options {
        outgoing: config.outgoing.clone(),
        programs: policy::programs(config),
        ..options
    };
    launcher::no_core_files();
    Ok(Hands::new(Performer::new(secrets, options)?))
}

/// Reads the secrets of rules and sources, or tells of all that cannot be had.
fn ready(rulebook: &mut Rulebook) -> Result<Secrets, EngineError> {
    match (secrets::load(rulebook), rulebook.unlock()) {
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

/// The two doors of a daemon: one for events, one for orders.
struct Doors {
    events: JoinHandle<std::io::Result<()>>,
    orders: JoinHandle<std::io::Result<()>>,
    close: watch::Sender<bool>,
}

impl Doors {
    fn open<S: Store>(
        engine: &Engine<S, Hands>,
        listener: TcpListener,
        socket: UnixListener,
        limits: http::Limits,
    ) -> Self {
        let close = watch::Sender::new(false);
        let closed = || {
            let mut close = close.subscribe();
            async move { drop(close.wait_for(|closed| *closed).await) }
        };
        let engine = Arc::new(engine.clone());
        let events = http::serve(listener, Arc::clone(&engine), limits, closed());
        let orders = admin::serve(socket, engine, closed());
        Self {
            events: tokio::spawn(events),
            orders: tokio::spawn(orders),
            close,
        }
    }

    /// Only where serving fails.
    async fn ended(&mut self) -> Result<(), EngineError> {
        let ended = tokio::select! {
            ended = &mut self.events => ended,
            ended = &mut self.orders => ended,
        };
        ended.unwrap_or(Ok(())).map_err(EngineError::Serve)
    }

    /// Answers under way may end.
    async fn close(mut self) {
        self.close.send_replace(true);
        let both = async { tokio::join!(&mut self.events, &mut self.orders) };
        if tokio::time::timeout(LAST_ANSWERS, both).await.is_err() {
            self.events.abort();
            self.orders.abort();
        }
    }
}

/// Waits for work in flight; a second signal ends the waiting. The door stays open so that senders
/// hear when to come back.
async fn stop<S: Store>(
    engine: &Engine<S, Hands>,
    signals: &mut Signals,
) -> Result<(), EngineError> {
    let drain = async {
        engine.close().await;
        info!(
            "stopping: events are refused, work in flight may end; a second signal stops at once"
        );
        engine.drain().await
    };
    tokio::select! {
        _ = drain => Ok(()),
        () = signals.stop_again() => {
            // Where the store does not answer, nobody waits for it.
            if let Ok(left) = tokio::time::timeout(LAST_ANSWERS, engine.left()).await {
                left.log::<S>();
            }
            Err(EngineError::Interrupted)
        }
    }
}

impl Daemon {
    async fn listen(&self, config: &Config) -> Result<TcpListener, EngineError> {
        let told = self.listen.as_ref().or(config.listen.address.as_ref());
        let address = told.map_or(USUAL_ADDRESS, String::as_str);
        Ok(http::listen(address, &entrances::unverified(config)).await?)
    }

    fn hands(
        &self,
        config: &Config,
        secrets: Secrets,
        folder: &DataFolder,
    ) -> Result<Hands, EngineError> {
        let options = action::Options {
            processes: Some(folder.processes()),
            ..action::Options::new(&self.outbox)
        };
        hands_with(config, secrets, options)
    }

    async fn serve<S: Store>(
        &self,
        engine: &Engine<S, Hands>,
        mut doors: Doors,
        signals: &mut Signals,
    ) -> Result<(), EngineError> {
        loop {
            let heard = tokio::select! {
                heard = signals.next() => heard,
                ended = doors.ended() => return ended,
            };
            match heard {
                Heard::Reload => self.reload(engine).await,
                Heard::Stop => break,
            }
        }
        stop(engine, signals).await?;
        doors.close().await;
        Ok(())
    }

    async fn reload<S: Store>(&self, engine: &Engine<S, Hands>) {
        let reloaded = reload(self.places.clone(), engine).await;
        engine.metrics().reloaded(match reloaded {
            Ok(_) => "ok",
            Err(_) => "failed",
        });
        match reloaded {
            Ok(rules) => return info!(rules, "reloaded"),
            Err(EngineError::Rules(reading)) => log_errors(&reading),
            Err(EngineError::Listen(error)) => error!("{error}"),
            Err(EngineError::Secrets(missing)) => {
                missing.iter().for_each(|secret| error!("{secret}"));
            }
            Err(error) => error!(%error, "the rules could not be read again"),
        }
        error!("not reloaded: the rules before stay in use");
    }
}

/// Reads the places again; new rules and their secrets come into use together or not at all.
pub async fn reload<S: Store>(
    places: Places,
    engine: &Engine<S, Hands>,
) -> Result<usize, EngineError> {
    let mut reading = read(places, |places| places.read()).await;
    if reading.diagnostics.has_errors() {
        return Err(EngineError::Rules(Box::new(reading)));
    }
    log_warnings(&reading);
    entrances::stay_closed(&reading.rulebook.config, engine.shared.options.open_at)?;
    let secrets = ready(&mut reading.rulebook)?;
    warn_of_fixed(&engine.rulebook().config, &reading.rulebook.config);
    let performer = engine
        .performer()
        .renewed(&secrets, &reading.rulebook.config)?;
    let renew = |hands: &Hands| hands.replace(performer);
    let rulebook = engine.adopt(reading, renew).await?;
    entrances::tell(&rulebook);
    Ok(rulebook.rules.rules.len())
}

/// How much is at work together, and where events come in, is settled when the program starts.
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
}

/// Files are read off the threads that answer requests.
async fn read(places: Places, read: impl FnOnce(&Places) -> Reading + Send + 'static) -> Reading {
    let read = tokio::task::spawn_blocking(move || read(&places));
    read.await
        .unwrap_or_else(|fault| match fault.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Reading::default(),
        })
}

fn log_recovered(recovered: &Recovered) {
    let runs = recovered.suspects.len();
    if runs > 0 {
        warn!(
            runs,
            "runs were under way when the program ended without a word; they go on one at a time"
        );
    }
    for run in &recovered.quarantined {
        error!(
            run = run.0,
            "the program ended three times while this run alone was under way; it is held until a person decides"
        );
    }
}

fn log_start(rulebook: &Rulebook, bytes_per_rule: Option<u64>, address: SocketAddr) {
    let rules = rulebook.rules.rules.len();
    info!(rules, bytes_per_rule, %address, "listening");
    policy::tell(&rulebook.config);
}

fn log_warnings(reading: &Reading) {
    let mut warnings = reading.diagnostics.sorted();
    warnings.retain(|found| found.severity == Severity::Warning);
    for warning in warnings.iter().take(MOST_LOGGED) {
        let at = reading.rulebook.files.place(warning.at);
        warn!(%at, help = warning.help, "{}", warning.message);
    }
    if let Some(more) = more_than_logged(&warnings) {
        warn!("{more} more warnings; `flowtrigger check --format json` tells all");
    }
}

/// A log that thousands of rules flood tells nothing.
const MOST_LOGGED: usize = 100;

fn more_than_logged(found: &[Diagnostic]) -> Option<usize> {
    let more = found.len().saturating_sub(MOST_LOGGED);
    (more > 0).then_some(more)
}

fn log_errors(reading: &Reading) {
    let mut mistakes = reading.diagnostics.sorted();
    mistakes.retain(|found| found.severity == Severity::Error);
    for mistake in mistakes.iter().take(MOST_LOGGED) {
        let at = reading.rulebook.files.place(mistake.at);
        error!(%at, help = mistake.help, "{}", mistake.message);
    }
    if let Some(more) = more_than_logged(&mistakes) {
        error!("{more} more mistakes; `flowtrigger check --format json` tells all");
    }
}
