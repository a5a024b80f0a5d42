//! Executes a replay: event by event, in order, at the rate. Its progress is saved, so that a later command continues
//! where it stopped.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::report::error::CommandError;
use crate::report::replay::assess::{Assessment, Assessor};
use crate::report::replay::rate::{Pacer, ReplayRate};
use crate::report::replay::state_file::ReplayFile;
use crate::report::replay::targets::{ReplayTarget, ReplayTargets};
use crate::report::run::command::{RunStatusRow, all_runs};
use crate::source::admin::{ReplayRequest, SeenRunsOfEvent};
use crate::store::history::{EventRowId, RunFilter};
use crate::store::{ReplayId, RevisionId, SeenRuns, UnfinishedRuns};

/// Between two saves of the progress. What is replayed again after a crash starts no second run.
const SAVE_INTERVAL: Duration = Duration::from_millis(200);
/// How long a busy daemon is asked again, and how often.
const BUSY_LIMIT: Duration = Duration::from_secs(300);
const BUSY_INTERVAL: Duration = Duration::from_secs(1);

/// The runs of one replayed event.
#[derive(Debug, Default)]
pub struct ReplayedRuns {
    pub started: Vec<RunStatusRow>,
    /// Runs that the same replay had started before.
    pub repeated: Vec<RunStatusRow>,
    /// Runs of other commands, in place of new ones.
    pub left_out: Vec<RunStatusRow>,
}

/// The part of one event in a replay.
#[derive(Debug, Clone)]
pub struct ReplayedEventPlan {
    pub event: EventRowId,
    pub rules: Vec<String>,
    /// The runs of the event that the assessment took into account.
    pub seen: SeenRuns,
}

impl ReplayedEventPlan {
    /// The request to a daemon that has loaded a revision.
    pub fn request(&self, replay: ReplayId, revision: RevisionId) -> ReplayRequest {
        ReplayRequest {
            event: self.event.0,
            replay: replay.to_string(),
            revision: revision.0,
            rules: self.rules.clone(),
            seen: Some(SeenRunsOfEvent {
                newest: self.seen.newest.map(|run| run.0),
                beside_unfinished: self.seen.unfinished == UnfinishedRuns::PlanBeside,
            }),
        }
    }
}

/// Why an event was not replayed.
#[derive(Debug)]
pub enum ReplayFailure {
    /// This event cannot be replayed; others can.
    Rejected(String),
    /// A later attempt can succeed.
    Busy(String),
    /// The replay cannot continue now.
    Stopped(String),
}

/// Plans the runs of one event.
pub trait ReplayEvent {
    fn replay(
        &self,
        replay: ReplayId,
        part: &ReplayedEventPlan,
    ) -> Result<ReplayedRuns, ReplayFailure>;
}

/// Follows a replay, and can stop it between two events.
pub trait ReplayObserver {
    /// Whether the replay is to stop now.
    fn is_stopped(&self) -> bool;

    /// Sleeps until a time, or until the replay is to stop.
    fn sleep_until(&self, until: Instant);

    fn on_runs(
        &mut self,
        file: &ReplayFile,
        target: &ReplayTarget,
        runs: &ReplayedRuns,
    ) -> Result<(), CommandError>;

    fn on_rejected(
        &mut self,
        file: &ReplayFile,
        target: &ReplayTarget,
        why: &str,
    ) -> Result<(), CommandError>;

    /// After each event.
    fn on_progress(&mut self, file: &ReplayFile);
}

/// How a replay is executed.
pub struct ReplayExecution<'a> {
    pub destination: &'a dyn ReplayEvent,
    pub rate: Option<ReplayRate>,
    pub data: &'a Path,
}

/// Why a replay ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplayEnd {
    Complete,
    /// It can be continued; the reason.
    Stopped(String),
}

impl ReplayExecution<'_> {
    pub fn run(
        &self,
        file: &mut ReplayFile,
        assessor: &mut Assessor<'_>,
        observer: &mut dyn ReplayObserver,
    ) -> Result<ReplayEnd, CommandError> {
        let scope = file.scope.clone();
        let mut targets = ReplayTargets::new(assessor.history, &scope, &file.progress);
        let mut pacer = self.rate.map(|rate| Pacer::new(rate, Instant::now()));
        let mut saved = Instant::now();
        file.save(self.data)?;
        let end = loop {
            if observer.is_stopped() {
                break ReplayEnd::Stopped("interrupted".into());
            }
            let Some(target) = targets.read_next()? else {
                break ReplayEnd::Complete;
            };
            // Assessed when it is sent: meanwhile another command may have replayed the event.
            if let Some(pacer) = &pacer {
                observer.sleep_until(pacer.next());
            }
            let assessment = assessor.assess(&target)?;
            if let Some(stopped) = self.replay(file, &target, assessment, &mut pacer, observer)? {
                break stopped;
            }
            file.progress.events += 1;
            if let Some(event) = target.event() {
                file.progress.set_position(event.position);
            }
            observer.on_progress(file);
            if saved.elapsed() >= SAVE_INTERVAL {
                file.save(self.data)?;
                saved = Instant::now();
            }
        };
        // Runs that were started just before a crash are not in the file.
        let of_replay = RunFilter {
            replay: Some(file.id()),
            ..RunFilter::default()
        };
        let started = all_runs(assessor.history, &of_replay)?.len();
        file.progress.runs = file.progress.runs.max(started);
        match end {
            ReplayEnd::Complete => file.delete(self.data)?,
            ReplayEnd::Stopped(_) => file.save(self.data)?,
        }
        Ok(end)
    }

    /// Replays one event. Returns the reason if the replay cannot continue.
    fn replay(
        &self,
        file: &mut ReplayFile,
        target: &ReplayTarget,
        assessment: Assessment,
        pacer: &mut Option<Pacer>,
        observer: &mut dyn ReplayObserver,
    ) -> Result<Option<ReplayEnd>, CommandError> {
        let Some(event) = target.event().filter(|_| !assessment.runs.is_empty()) else {
            return Ok(None);
        };
        let rules = assessment.runs.iter().map(|run| run.rule.name.clone());
        let part = ReplayedEventPlan {
            event: event.position.row,
            rules: rules.collect(),
            seen: assessment.seen(),
        };
        let began = Instant::now();
        loop {
            if observer.is_stopped() {
                return Ok(Some(ReplayEnd::Stopped("interrupted".into())));
            }
            match self.destination.replay(file.id(), &part) {
                Ok(runs) => {
                    if let Some(pacer) = pacer {
                        pacer.started(runs.started.len(), Instant::now());
                    }
                    file.progress.runs += runs.started.len();
                    file.progress.repeated += runs.repeated.len();
                    file.progress.left_out += runs.left_out.len();
                    observer.on_runs(file, target, &runs)?;
                    return Ok(None);
                }
                Err(ReplayFailure::Rejected(why)) => {
                    file.progress.rejected += 1;
                    observer.on_rejected(file, target, &why)?;
                    return Ok(None);
                }
                Err(ReplayFailure::Busy(why)) if began.elapsed() < BUSY_LIMIT => {
                    tracing::debug!(why, "the daemon is busy");
                    observer.sleep_until(Instant::now() + BUSY_INTERVAL);
                }
                Err(ReplayFailure::Busy(why) | ReplayFailure::Stopped(why)) => {
                    return Ok(Some(ReplayEnd::Stopped(why)));
                }
            }
        }
    }
}
