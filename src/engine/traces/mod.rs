//! Exports a trace of each run after it has ended: reads the runs that the store has noted, makes their spans from their
//! logs, sends them to the collector, and has the store forget them. After a crash, some are sent again with the same ids.

mod attempt_span;
pub mod otlp;
mod spans;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::action::collector::{Collected, Collector};
use crate::engine::handle::Engine;
use crate::engine::metrics::traces::{DroppedTraces, TraceMetrics};
use crate::engine::state::EngineState;
use crate::engine::{ReloadablePerformer, Rulebook};
use crate::store::history::{TracedRun, TracedRuns};
use crate::store::{History, MAX_UNTRACED, Store, StoreLocation, UntracedRun};
use flowtrigger_core::config::TraceExport;
use flowtrigger_core::run::RunId;
use flowtrigger_core::run::span_ids::SpanIds;
use otlp::{ExportRequest, SpanAttribute, TraceSpan};
use spans::spans_of;

/// Runs of one request.
const MAX_RUNS: usize = 256;
/// Attempts of the runs of one request, unless a run alone has more.
const MAX_ATTEMPTS: usize = 2_000;
/// How long a run has ended before it is exported: its last exchanges are written meanwhile.
const SETTLE: SignedDuration = SignedDuration::from_secs(2);
/// How often it looks for ended runs.
const POLL: Duration = Duration::from_secs(1);
/// The pause after a failure, which doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

struct TraceExporter<S> {
    shared: Arc<EngineState<S, ReloadablePerformer>>,
    metrics: TraceMetrics,
    location: StoreLocation,
    /// Open between two questions.
    history: Option<Box<dyn History>>,
    target: Option<ExportTarget>,
    /// The pause after the next failure; `None` if the last export succeeded.
    pause: Option<Duration>,
}

/// Where a rulebook has traces sent.
struct ExportTarget {
    rulebook: Arc<Rulebook>,
    /// `None` if nothing is sent.
    collector: Option<Collector>,
    resource: Vec<SpanAttribute>,
}

/// What one look for ended runs did.
enum ExportProgress {
    /// There may be more.
    More,
    All,
}

/// Why traces have to be sent again.
struct ExportFailure {
    reason: String,
    pause: Option<Duration>,
}

impl ExportFailure {
    fn new(reason: impl ToString) -> Self {
        Self {
            reason: reason.to_string(),
            pause: None,
        }
    }
}

impl<S: Store> Engine<S, ReloadablePerformer> {
    /// Starts the task that exports traces, if the configuration says where to. It ends when it is aborted; what is not
    /// exported then, the next start exports, or another daemon.
    pub fn start_traces(&self, location: StoreLocation) -> JoinHandle<()> {
        let exporter = TraceExporter {
            shared: Arc::clone(&self.shared),
            metrics: self.shared.metrics.register_traces(),
            location,
            history: None,
            target: None,
            pause: None,
        };
        tokio::spawn(exporter.run())
    }
}

impl<S: Store> TraceExporter<S> {
    async fn run(mut self) {
        loop {
            let exported = self.export().await;
            let pause = match exported {
                Ok(exported) => {
                    self.recovered();
                    match exported {
                        ExportProgress::More => continue,
                        ExportProgress::All => POLL,
                    }
                }
                Err(failure) => self.failed(&failure).await,
            };
            self.shared.clock().sleep(pause).await;
        }
    }

    /// Exports the traces of the oldest runs that wait.
    async fn export(&mut self) -> Result<ExportProgress, ExportFailure> {
        self.follow_rulebook()?;
        let now = self.shared.now();
        let Some(target) = self.target.as_ref() else {
            return Ok(ExportProgress::All);
        };
        let (Some(collector), Some(export)) = (&target.collector, target.export()) else {
            self.metrics.set_lag(Duration::ZERO);
            return Ok(ExportProgress::All);
        };
        let until = now.checked_sub(SETTLE).unwrap_or(now);
        let ended = self.shared.store.untraced_runs(until, MAX_RUNS).await;
        let ended = ended.map_err(ExportFailure::new)?;
        self.metrics.set_lag(lag(&ended, now));
        if ended.is_empty() {
            return Ok(ExportProgress::All);
        }
        let mut runs: Vec<RunId> = ended.iter().map(|ended| ended.run).collect();
        runs.sort_unstable();
        runs.dedup();
        let read = read_runs(self.history.take(), self.location.clone(), runs).await;
        let (history, traced) = read.map_err(ExportFailure::new)?;
        self.history = Some(history);
        let TracedRuns { runs, left } = traced;
        let mut sampled = runs;
        sampled.retain(|run| is_sampled(run, export));
        let spans: Vec<TraceSpan> = sampled.iter().flat_map(spans_of).collect();
        let mut outcome = Collected::Accepted;
        if !spans.is_empty() {
            let body = ExportRequest::new(&target.resource, &spans).to_json();
            let sent = collector.send(body).await;
            outcome = sent.map_err(|error| ExportFailure {
                reason: error.reason,
                pause: error.retry_after,
            })?;
        }
        self.count(&outcome, sampled.len());
        let is_complete = ended.len() < MAX_RUNS && left.is_empty();
        let done = ended.into_iter().filter(|ended| !left.contains(&ended.run));
        let forgotten = self.shared.store.forget_untraced(done.collect()).await;
        forgotten.map_err(ExportFailure::new)?;
        Ok(match is_complete {
            true => ExportProgress::All,
            false => ExportProgress::More,
        })
    }

    /// Takes the collector from the rulebook in use, if that has changed.
    fn follow_rulebook(&mut self) -> Result<(), ExportFailure> {
        let rulebook = Arc::clone(&self.shared.active.load().rulebook);
        let known = self.target.as_ref().map(|target| &target.rulebook);
        if known.is_some_and(|known| Arc::ptr_eq(known, &rulebook)) {
            return Ok(());
        }
        self.target = None;
        let config = &rulebook.config;
        let (collector, resource) = match &config.traces {
            None => (None, Vec::new()),
            Some(export) => {
                let collector = self.shared.perform.collector(export, &config.vars);
                (
                    collector.map_err(ExportFailure::new)?,
                    resource_attributes(export),
                )
            }
        };
        self.target = Some(ExportTarget {
            rulebook,
            collector,
            resource,
        });
        Ok(())
    }

    fn count(&self, outcome: &Collected, runs: usize) {
        match outcome {
            Collected::Accepted => self.metrics.count_exported(runs),
            Collected::Partly { rejected, message } => {
                self.metrics.count_exported(runs);
                self.metrics.count_rejected_spans(*rejected);
                warn!(
                    spans = rejected,
                    reason = message,
                    "the collector of traces rejected spans"
                );
            }
            Collected::Rejected { reason } => {
                self.metrics
                    .drop_traces(DroppedTraces::Rejected, runs as u64);
                warn!(
                    runs,
                    reason,
                    "the collector of traces rejected them, and they are not sent again; check `traces` in flowtrigger.yaml"
                );
            }
        }
    }

    fn recovered(&mut self) {
        if self.pause.take().is_some() {
            info!("traces are exported again");
        }
    }

    /// Logs the first of several failures, and returns the pause before the next attempt.
    async fn failed(&mut self, failure: &ExportFailure) -> Duration {
        self.metrics.count_failure();
        let pause = self.pause.unwrap_or_else(|| {
            warn!(
                reason = failure.reason,
                "traces could not be exported; they wait, and are tried again until it succeeds"
            );
            FIRST_PAUSE
        });
        self.pause = Some((pause * 2).min(LONGEST_PAUSE));
        match self.shared.store.limit_untraced(MAX_UNTRACED).await {
            Ok(0) | Err(_) => {}
            Ok(runs) => {
                self.metrics.drop_traces(DroppedTraces::Backlog, runs);
                warn!(
                    runs,
                    "traces of the oldest runs were dropped, because too many wait to be exported"
                );
            }
        }
        failure.pause.map_or(pause, |asked| asked.max(pause))
    }
}

impl ExportTarget {
    fn export(&self) -> Option<&TraceExport> {
        self.rulebook.config.traces.as_ref()
    }
}

fn is_sampled(run: &TracedRun, export: &TraceExport) -> bool {
    let ids = SpanIds::new(run.identity(), run.trace, run.id, 0);
    export.samples(ids.trace(), run.trace)
}

fn lag(ended: &[UntracedRun], now: Timestamp) -> Duration {
    let oldest = ended.first().map(|oldest| now.duration_since(oldest.ended));
    let lag = oldest.and_then(|lag| Duration::try_from(lag).ok());
    lag.unwrap_or_default()
}

/// The attributes of this installation.
fn resource_attributes(export: &TraceExport) -> Vec<SpanAttribute> {
    let defaults = [
        ("service.name", env!("CARGO_PKG_NAME")),
        ("service.version", env!("CARGO_PKG_VERSION")),
    ];
    let defaults = defaults
        .into_iter()
        .filter(|(name, _)| !export.resource.contains_key(*name));
    let defaults = defaults.map(|(name, value)| SpanAttribute::text(name, value));
    let own = export.resource.iter();
    let own = own.map(|(name, value)| SpanAttribute::text(name.clone(), value.as_str()));
    defaults.chain(own).collect()
}

type OpenedHistory = Box<dyn History>;

/// Reads runs on a blocking thread.
async fn read_runs(
    history: Option<OpenedHistory>,
    location: StoreLocation,
    runs: Vec<RunId>,
) -> Result<(OpenedHistory, TracedRuns), String> {
    let read = move || {
        let history = match history {
            Some(history) => history,
            None => location.open_history().map_err(|error| error.to_string())?,
        };
        let traced = history.traced_runs(&runs, MAX_ATTEMPTS);
        let traced = traced.map_err(|error| error.to_string())?;
        Ok((history, traced))
    };
    let read = tokio::task::spawn_blocking(read).await;
    read.unwrap_or_else(|error| Err(error.to_string()))
}
