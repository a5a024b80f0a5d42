//! The daemon: rules loaded, the door open, signals heard, until it is told to stop.
//! It refuses to start with a broken rule or a missing secret, and to stop over one on a reload.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tracing::{error, info, warn};

use super::shutdown::{Heard, Signals};
use super::{Engine, EngineError, Hands, Options, Places, Reading, Rulebook, secrets};
use crate::action::{self, Performer};
use crate::core::diagnostic::Severity;
use crate::source::http;
use crate::store::{MemoryStore, Store};

/// How long answers under way may take once everything else has ended.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// What a daemon is started with.
#[derive(Debug, Clone)]
pub struct Daemon {
    pub places: Places,
    /// Host and port; loopback only. Port 0 takes any that is free and logs which.
    pub listen: String,
    /// The folder that `outbox:` requests are written to.
    pub outbox: PathBuf,
    pub options: Options,
    pub limits: http::Limits,
}

/// Runs until a signal ends it.
pub async fn daemon(daemon: Daemon) -> Result<(), EngineError> {
    let mut signals = Signals::new()?;
    let rulebook = daemon.read().await?;
    let hands = hands(&rulebook, &daemon.outbox)?;
    let listener = http::listen(&daemon.listen).await?;
    log_start(&rulebook, &listener);
    let engine = Engine::start(
        MemoryStore::default(),
        hands,
        rulebook,
        daemon.options.clone(),
    );
    let (close, closed) = oneshot::channel::<()>();
    let closed = async { drop(closed.await) };
    let ingest = Arc::new(engine.clone());
    let server = http::serve(listener, ingest, daemon.limits.clone(), closed);
    let mut server = tokio::spawn(server);
    loop {
        let heard = tokio::select! {
            heard = signals.next() => heard,
            ended = &mut server => return ended.unwrap_or(Ok(())).map_err(EngineError::Serve),
        };
        match heard {
            Heard::Reload => daemon.reload(&engine).await,
            Heard::Stop => break,
        }
    }
    stop(&engine, &mut signals).await?;
    drop(close);
    if tokio::time::timeout(LAST_ANSWERS, &mut server)
        .await
        .is_err()
    {
        server.abort();
    }
    Ok(())
}

/// What acts for a rulebook: its secrets are read here, all of them, before anything starts.
pub fn hands(rulebook: &Rulebook, outbox: &std::path::Path) -> Result<Hands, EngineError> {
    let secrets = secrets::load(rulebook).map_err(EngineError::Secrets)?;
    let performer = Performer::new(secrets, action::Options::new(outbox))?;
    Ok(Hands::new(performer))
}

/// Waits for work in flight; a second signal ends the waiting. The door stays open so that senders
/// hear when to come back.
async fn stop<S: Store>(
    engine: &Engine<S, Hands>,
    signals: &mut Signals,
) -> Result<(), EngineError> {
    info!("stopping: events are refused, work in flight may end; a second signal stops at once");
    tokio::select! {
        _ = engine.drain() => Ok(()),
        () = signals.stop_again() => {
            engine.left().await.log::<S>();
            Err(EngineError::Interrupted)
        }
    }
}

impl Daemon {
    async fn read(&self) -> Result<Rulebook, EngineError> {
        let reading = read(self.places.clone()).await;
        log_warnings(&reading);
        reading.accepted().map_err(EngineError::Rules)
    }

    async fn reload<S: Store>(&self, engine: &Engine<S, Hands>) {
        match reload(self.places.clone(), engine).await {
            Ok(rules) => return info!(rules, "reloaded"),
            Err(EngineError::Rules(reading)) => log_errors(&reading),
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
    let reading = read(places).await;
    if reading.diagnostics.has_errors() {
        return Err(EngineError::Rules(Box::new(reading)));
    }
    log_warnings(&reading);
    let secrets = secrets::load(&reading.rulebook).map_err(EngineError::Secrets)?;
    engine.performer().renew(secrets);
    let rulebook = engine.adopt(reading).map_err(EngineError::Rules)?;
    Ok(rulebook.rules.rules.len())
}

/// Files are read off the threads that answer requests.
async fn read(places: Places) -> Reading {
    let read = tokio::task::spawn_blocking(move || places.read());
    read.await
        .unwrap_or_else(|fault| match fault.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Reading::default(),
        })
}

fn log_start(rulebook: &Rulebook, listener: &TcpListener) {
    let rules = rulebook.rules.rules.len();
    let address = listener.local_addr().map(|address| address.to_string());
    let address = address.unwrap_or_default();
    info!(rules, %address, "listening");
    if !MemoryStore::DURABLE {
        warn!("runs are kept in memory only: what is queued when the program ends is lost");
    }
}

fn log_warnings(reading: &Reading) {
    for warning in reading.diagnostics.sorted() {
        if warning.severity == Severity::Warning {
            let at = reading.rulebook.files.place(warning.at);
            warn!(%at, help = warning.help, "{}", warning.message);
        }
    }
}

fn log_errors(reading: &Reading) {
    for mistake in reading.diagnostics.sorted() {
        if mistake.severity == Severity::Error {
            let at = reading.rulebook.files.place(mistake.at);
            error!(%at, help = mistake.help, "{}", mistake.message);
        }
    }
}
